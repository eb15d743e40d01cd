private import Glibc
internal import Operations

/// Files that survive a restart and a power failure.
enum StateFile {
    /// Puts `octets` in the place of the file at `path`: a reader finds the old contents or the new, whole.
    ///
    /// - Throws: ``RouterError/state(_:errno:)``.
    static func replace(_ path: String, with octets: [UInt8]) throws(RouterError) {
        Directories.make(forFileAt: path)
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .state(temporary, errno: errno) }
        var written = 0
        while written < octets.count {
            let count = unsafe octets.withUnsafeBytes {
                unsafe write(descriptor, $0.baseAddress?.advanced(by: written), octets.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let number = errno
                Glibc.close(descriptor)
                throw .state(temporary, errno: number)
            }
            written += count
        }
        let isSynced = fsync(descriptor) == 0
        let number = errno
        Glibc.close(descriptor)
        guard isSynced, unsafe rename(temporary, path) == 0 else {
            throw .state(path, errno: isSynced ? errno : number)
        }
    }
}
