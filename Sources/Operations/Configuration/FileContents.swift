private import Glibc

/// Reads whole small files without trusting their size or kind.
package enum FileContents {
    /// Why a file could not be read.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// The system said no; the payload is its error number.
        case system(Int32)
        /// A directory, device, socket or pipe.
        case notAFile
        /// More octets than the caller takes; the payload is the limit.
        case tooLarge(Int)

        /// Whether the file is there and may not be read.
        package var isForbidden: Bool { self == .system(EACCES) }

        package var description: String {
            switch self {
            case .system(let number): "cannot be read: \(SystemError.text(number))"
            case .notAFile: "is not a regular file"
            case .tooLarge(let limit): "is larger than \(limit) octets"
            }
        }
    }

    /// The octets of the regular file at `path`, at most `limit` of them.
    ///
    /// - Throws: ``Failure``.
    package static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        let descriptor = try openRegular(path)
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            guard count > 0 else { return octets }
            guard octets.count + count <= limit else { throw .tooLarge(limit) }
            octets.append(contentsOf: chunk[..<count])
        }
    }

    /// Whether there is a regular file at `path` that we may read.
    ///
    /// - Throws: ``Failure`` when there is none.
    package static func probe(_ path: String) throws(Failure) { close(try openRegular(path)) }

    private static func openRegular(_ path: String) throws(Failure) -> Int32 {
        // Not blocking, so that a named pipe does not hold us before we know that it is one.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .system(errno) }
        var status = stat()
        let fault: Failure? =
            unsafe fstat(descriptor, &status) != 0
            ? .system(errno) : status.st_mode & S_IFMT != S_IFREG ? .notAFile : nil
        guard let fault else { return descriptor }
        close(descriptor)
        throw fault
    }
}

/// The system's error numbers in words.
package enum SystemError {
    /// What `strerror` says of `number`: "No such file or directory".
    package static func text(_ number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        let result = unsafe strerror_r(number, &buffer, buffer.count)
        _ = result
        let text = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return text.isEmpty ? "error \(number)" : String(decoding: text, as: UTF8.self)
    }
}
