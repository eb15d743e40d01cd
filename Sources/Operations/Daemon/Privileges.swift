private import Glibc

/// Who the process is, and how it becomes somebody with fewer rights.
package enum Privileges {
    /// Why privileges were not dropped.
    ///
    /// The program must end then.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// There is no such account.
        case unknownUser(String)
        /// The system refused; the call and its error number.
        case refused(call: String, errno: Int32)
        /// The process could take its old rights back.
        case notDropped

        package var description: String {
            switch self {
            case .unknownUser(let name): "there is no account \(name)"
            case .refused(let call, let number): "\(call): \(SystemError.text(number))"
            case .notDropped: "the old rights could be taken back"
            }
        }
    }

    /// An account of the system.
    package struct Account: Equatable, Sendable {
        package let name: String
        package let user: UInt32
        package let group: UInt32
    }

    /// Whether the process may do everything.
    package static var isRoot: Bool { geteuid() == 0 }

    /// The account called `name`.
    ///
    /// - Throws: ``Failure/unknownUser(_:)``.
    package static func account(named name: String) throws(Failure) -> Account {
        var entry = unsafe passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16384)
        let status = unsafe getpwnam_r(name, &entry, &buffer, buffer.count, &result)
        guard status == 0, unsafe result != nil else { throw .unknownUser(name) }
        return unsafe Account(name: name, user: entry.pw_uid, group: entry.pw_gid)
    }

    /// Becomes the account called `name` for good; nil: stays who it is.
    ///
    /// See ``drop(to:)-swift.type.method``.
    ///
    /// - Throws: ``Failure``; the process may then be in between and must end.
    package static func drop(to name: String?) throws(Failure) {
        guard let name else { return }
        try drop(to: try account(named: name))
    }

    /// Becomes `account` for good: its groups, its group, its user.
    ///
    /// To be called once sockets are bound; applies to all threads. A process that is that account already
    /// stays as it is.
    ///
    /// - Throws: ``Failure``; the process may then be in between and must end.
    package static func drop(to account: Account) throws(Failure) {
        if getuid() == account.user, geteuid() == account.user { return }
        guard unsafe initgroups(account.name, account.group) == 0 else {
            throw .refused(call: "initgroups", errno: errno)
        }
        guard setgid(account.group) == 0 else { throw .refused(call: "setgid", errno: errno) }
        guard setuid(account.user) == 0 else { throw .refused(call: "setuid", errno: errno) }
        guard account.user == 0 || setuid(0) != 0 else { throw .notDropped }
        guard getuid() == account.user, geteuid() == account.user, getgid() == account.group else {
            throw .notDropped
        }
    }
}

/// Limits of the system on this process.
package enum ResourceLimits {
    /// Raises the number of open files to `wanted`, or as near as allowed.
    ///
    /// - Returns: how many may be open now.
    @discardableResult
    package static func raiseOpenFiles(to wanted: Int) -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else {
            return 0
        }
        let before = limit.rlim_cur
        if limit.rlim_cur < rlim_t(wanted) {
            if limit.rlim_max < rlim_t(wanted), Privileges.isRoot { limit.rlim_max = rlim_t(wanted) }
            limit.rlim_cur = min(rlim_t(wanted), limit.rlim_max)
            if unsafe setrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) != 0 {
                return Int(before)
            }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
