/// Why the agent cannot start or go on.
///
/// The program logs it and exits 1, but for what its comments say otherwise.
package enum RouterError: Error, Equatable, CustomStringConvertible {
    /// No libnftables context: the library has no memory or no netlink.
    case noNftables
    /// The kernel refused our table; what libnftables says about it.
    case ruleset(String)
    /// Another program holds one of our NFLOG groups, or the kernel lacks them (`errno`).
    case packetLog(errno: Int32)
    /// The connection table cannot be reached (`errno`).
    case connectionTable(errno: Int32)
    /// There is no such interface.
    case noInterface(String)
    /// A socket for the ICMP form (`errno`).
    case icmp(errno: Int32)
    /// The state directory or a file in it (`errno`).
    case state(String, errno: Int32)

    /// The right to change the network cannot be kept while the account is changed.
    case rights

    package var description: String {
        switch self {
        case .rights: "cannot keep CAP_NET_ADMIN for the configured user"
        case .noNftables: "libnftables gives no context"
        case .ruleset(let text): "the kernel refused the table: \(text)"
        case .packetLog(let errno):
            "cannot listen to the NFLOG groups (errno \(errno)); does another program?"
        case .connectionTable(let errno): "cannot reach the connection table (errno \(errno))"
        case .noInterface(let name): "there is no interface \(name)"
        case .icmp(let errno): "cannot open the ICMP socket (errno \(errno))"
        case .state(let path, let errno): "\(path): errno \(errno)"
        }
    }
}
