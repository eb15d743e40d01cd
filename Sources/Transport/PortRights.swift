internal import CShims

/// The right to bind ports below 1024, kept when a server changes from root to an account of its own.
///
/// With it a reload can open listeners on such ports long after the start. For the calling thread and those that it
/// starts from then on.
package enum PortRights {
    /// Before the account is changed: has the thread keep what it may.
    package static func keep() { _ = torii_rights_keep() }

    /// After the account has been changed: gives back everything but CAP_NET_BIND_SERVICE.
    ///
    /// - Returns: false when rights are left that should be gone; the program must end then.
    package static func reduce() -> Bool {
        // Who never had the right goes on without it.
        [0, -Int(TORII_EPERM)].contains(Int(torii_rights_reduce_to_ports()))
    }
}
