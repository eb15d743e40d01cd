private import Glibc

/// Directories that the daemons need.
package enum Directories {
    /// Makes the directory that the file at `path` is in, and those above it, when missing.
    ///
    /// Mode 0755.
    ///
    /// A directory that cannot be made shows when the file is opened.
    package static func make(forFileAt path: String) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        make(String(path[..<slash]))
    }

    /// Makes the directory that the file at `path` is in, when missing, and gives it to `account`.
    ///
    /// A directory that is there already keeps its owner: it may be anybody's.
    package static func make(forFileAt path: String, owner account: Privileges.Account) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let directory = String(path[..<slash])
        guard unsafe access(directory, F_OK) != 0, make(directory) == 0 else { return }
        _ = unsafe chown(directory, account.user, account.group)
    }

    /// Makes the directory `path` and those above it, when missing.
    ///
    /// - Parameter mode: of the directory itself; those above it have 0755.
    /// - Returns: 0, or the system's error number.
    @discardableResult
    package static func make(_ path: String, mode: UInt32 = 0o755) -> Int32 {
        var position = path.startIndex
        while let slash = path[position...].firstIndex(of: "/") {
            if slash != path.startIndex { _ = unsafe mkdir(String(path[..<slash]), 0o755) }
            position = path.index(after: slash)
        }
        if unsafe mkdir(path, mode) == 0 { return 0 }
        guard errno == EEXIST else { return errno }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return errno }
        return status.st_mode & S_IFMT == S_IFDIR ? 0 : ENOTDIR
    }

    /// Makes `path` belong to an account, as far as the present rights allow.
    package static func give(_ path: String, user: UInt32, group: UInt32) {
        _ = unsafe chown(path, user, group)
    }
}
