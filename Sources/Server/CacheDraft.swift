internal import Glibc
internal import Operations

/// A large file that is written piece by piece beside the one that it replaces: whoever reads finds the old contents or
/// the new.
struct CacheDraft {
    /// Why a file could not be written.
    struct Failure: Error, CustomStringConvertible {
        let path: String
        let number: Int32
        var description: String { "\(path): \(SystemError.text(number))" }
    }

    private let descriptor: Int32
    private let temporary: String
    private let path: String

    /// Opens the file.
    ///
    /// - Throws: ``Failure``.
    init(_ path: String) throws(Failure) {
        self.path = path
        temporary = path + ".new"
        descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Failure(path: temporary, number: errno) }
    }

    /// Writes on.
    ///
    /// - Throws: ``Failure``.
    func append(_ octets: [UInt8]) throws(Failure) {
        var position = 0
        while position < octets.count {
            let count = unsafe octets.withUnsafeBytes { all in
                unsafe write(
                    descriptor, all.baseAddress.map { unsafe $0 + position }, octets.count - position)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(path: temporary, number: errno) }
            position += count
        }
    }

    /// Puts the file in its place; nothing may follow.
    ///
    /// - Throws: ``Failure``.
    func publish() throws(Failure) {
        let isSynced = fsync(descriptor) == 0
        guard isSynced else { throw Failure(path: temporary, number: errno) }
        guard unsafe rename(temporary, path) == 0 else { throw Failure(path: path, number: errno) }
        close(descriptor)
    }

    /// Removes what has been written; nothing may follow.
    func discard() {
        close(descriptor)
        unsafe unlink(temporary)
    }
}
