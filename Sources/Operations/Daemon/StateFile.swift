private import Glibc

/// Small files of our own in the state directory, which are read as a whole and replaced as a whole.
package enum StateFile {
    /// The contents of the file at `path`; nil when it is not there or is no text of at most `limit` octets.
    package static func read(_ path: String, limit: Int = 256 << 20) -> String? {
        guard let octets = try? FileContents.read(path, limit: limit) else { return nil }
        return String(validating: octets, as: UTF8.self)
    }

    /// Writes the file beside itself, syncs it and moves it to its place: a crash leaves the old one or the new.
    ///
    /// - Returns: 0, or the system's error number; the old file stays then.
    package static func write(_ path: String, _ text: String, mode: UInt32 = 0o640) -> Int32 {
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { return errno }
        var failure: Int32 = 0
        var rest = Array(text.utf8)[...]
        while failure == 0, !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                failure = errno
            }
        }
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        close(descriptor)
        if failure == 0, unsafe rename(temporary, path) != 0 { failure = errno }
        if failure != 0 { unsafe unlink(temporary) }
        return failure
    }

    /// Removes the file at `path`, when there is one.
    package static func remove(_ path: String) {
        _ = unsafe unlink(path)
    }
}
