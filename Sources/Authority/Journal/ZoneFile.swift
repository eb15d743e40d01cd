internal import DNSCore
internal import DNSSecurity
internal import Foundation

/// Reading a zone file's identity, and writing the file anew.
enum ZoneFile {
    /// Size and time of the file at `path`; nil when there is none.
    static func status(_ path: String) -> (size: Int64, modified: Int64)? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return (
            Int64(status.st_size),
            Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        )
    }

    /// Octets up to which a file's contents are compared when its time has changed; a larger one counts as edited.
    static let digestLimit: Int64 = 8 << 20

    /// The identity of the file at `path`; nil when it cannot be read.
    static func identity(_ path: String) -> FileIdentity? {
        guard let before = status(path) else { return nil }
        guard before.size <= digestLimit else {
            return FileIdentity(size: before.size, modified: before.modified, digest: [])
        }
        guard
            let contents = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        else { return nil }
        let digest = unsafe contents.withUnsafeBytes { unsafe SHA256.digest($0) }
        return FileIdentity(size: before.size, modified: before.modified, digest: digest)
    }

    /// The file that `path` leads to, so that a link is followed and not replaced.
    static func target(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// Writes the zone beside `path` and syncs it.
    ///
    /// - Returns: the temporary file's path and the digest of its contents.
    /// - Throws: ``JournalError/exportFailed(path:reason:)``.
    static func write(_ snapshot: ZoneSnapshot, beside link: String) throws(JournalError) -> (String, [UInt8])
    {
        let path = target(link)
        let temporary = path + ".new"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .exportFailed(path: temporary, reason: errno) }
        defer { close(descriptor) }
        // The new file may be read and written by whom the old one could.
        var old = stat()
        if unsafe stat(path, &old) == 0 {
            fchmod(descriptor, old.st_mode & 0o7777)
            _ = fchown(descriptor, old.st_uid, old.st_gid)
        }
        var text = ZoneTextWriter(
            origin: snapshot.apex, comments: ["Written by toriid, serial \(snapshot.serial.rawValue)."])
        var failure: Int32 = 0
        func flush() {
            guard failure == 0 else { return }
            var rest = text.take()[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes {
                    unsafe Foundation.write(descriptor, $0.baseAddress, $0.count)
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    failure = errno
                    return
                }
                rest = rest.dropFirst(count)
            }
        }
        snapshot.forEachRecord { record in
            guard failure == 0 else { return }
            text.write(record)
            if text.count > 1 << 18 { flush() }
        }
        flush()
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        guard failure == 0 else {
            unsafe unlink(temporary)
            throw .exportFailed(path: temporary, reason: failure)
        }
        return (temporary, identity(temporary)?.digest ?? [])
    }

    /// Moves the temporary file to its place and syncs the directory.
    ///
    /// - Throws: ``JournalError/exportFailed(path:reason:)``.
    static func publish(_ temporary: String, as link: String) throws(JournalError) {
        let path = target(link)
        guard unsafe rename(temporary, path) == 0 else { throw .exportFailed(path: path, reason: errno) }
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor >= 0 {
            fsync(descriptor)
            close(descriptor)
        }
    }
}
