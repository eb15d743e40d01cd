internal import Foundation

/// A private copy of a journal that cannot be opened where it is, as on a disk that has turned read-only: what it holds
/// is served all the same, while updates wait for the real one.
///
/// Lies in the directory for temporary files and is gone with the process. Belongs to the thread of its committer.
final class JournalCopy {
    /// Octets of the largest journal that is copied.
    static let sizeLimit = 256 << 20

    let store: JournalStore
    private let directory: String

    /// Copies the journal at `path`; nil when there is none, it cannot be read, it is too large, or its fault is one that
    /// a copy does not help against, such as another process that has it open.
    init?(of path: String, fault: JournalError?) {
        // SQLITE_READONLY, SQLITE_IOERR and SQLITE_CANTOPEN.
        guard case .unavailable(_, let code)? = fault, [8, 10, 14].contains(code & 0xff) else { return nil }
        let files = FileManager.default
        let sizes = ["", "-wal"].map { suffix in
            (try? files.attributesOfItem(atPath: path + suffix))?[.size] as? Int
        }
        guard sizes[0] != nil, sizes.reduce(0, { $0 + ($1 ?? 0) }) <= JournalCopy.sizeLimit else {
            return nil
        }
        directory = NSTemporaryDirectory() + "/torii-journal-\(UUID().uuidString)"
        let copy = directory + "/journal.sqlite"
        do {
            try files.createDirectory(
                atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            for (suffix, size) in zip(["", "-wal"], sizes) where size != nil {
                // The contents alone: the original may forbid to write.
                try Data(contentsOf: URL(fileURLWithPath: path + suffix))
                    .write(to: URL(fileURLWithPath: copy + suffix))
            }
            (store, _) = try JournalStore.open(copy)
        } catch {
            try? files.removeItem(atPath: directory)
            return nil
        }
    }

    deinit {
        store.close()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
