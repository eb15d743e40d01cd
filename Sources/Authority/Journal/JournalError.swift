package import DNSCore

/// Why the journal cannot be used.
///
/// The client of an update sees SERVFAIL; queries go on.
package enum JournalError: Error, Sendable, Equatable {
    /// The state directory cannot be used; the database's extended result code.
    case unavailable(path: String, code: Int32)
    /// No room left on the disk, or a file size limit. Updates go on when there is room again.
    case full
    /// The disk reported an error while writing or syncing; the database's extended result code.
    case writeFailed(code: Int32)
    /// The zone file was edited and its contents cannot be merged with the journal; what they differ in.
    case fileChanged(Name, ZoneFileConflict)
    /// The zone file cannot be written; the system's error number.
    case exportFailed(path: String, reason: Int32)
    /// No such zone is open.
    case notOpen(Name)
}

extension JournalError: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .unavailable(let path, let code): "\(path) cannot be opened: \(JournalError.text(of: code))"
        case .full: "no room left on the disk"
        case .writeFailed(let code): "the journal cannot be written: \(JournalError.text(of: code))"
        case .fileChanged(let zone, let conflict):
            "the file of \(zone) was edited (serial \(conflict.found.rawValue)) and cannot be merged with the journal"
        case .exportFailed(let path, let reason): "\(path) cannot be written: error \(reason)"
        case .notOpen(let zone): "\(zone) is not loaded"
        }
    }

    /// The database's words for its result codes.
    private static func text(of code: Int32) -> String {
        let meaning =
            switch code & 0xff {
            case 5: "another process has it open"
            case 8, 23: "no permission to write"
            case 10: "input or output error"
            case 11, 26: "damaged"
            case 13: "no room left on the disk"
            case 14: "no such directory, or no permission"
            default: "error of the database"
            }
        return "\(meaning) (SQLite \(code))"
    }
}

/// A hand-edited zone file against the journal.
package struct ZoneFileConflict: Sendable, Equatable {
    /// The serial of the file as the journal knew it.
    package var known: Serial
    /// The serial of the file as it is.
    package var found: Serial
    /// The serial of the last update in the journal.
    package var journal: Serial
    /// Lines such as `- host.example.net. 60 A 192.0.2.1`, at most 100: what the journal's updates would still change
    /// in the file.
    package var difference: [String]
}

/// What was found wrong in the journal when it was opened.
package struct JournalDamage: Sendable, Equatable {
    /// Where it was.
    package enum Place: Sendable, Equatable {
        /// A frame of the write-ahead log, from 1; complete transactions after it were lost.
        case log(frame: Int, lostFrames: Int)
        /// The database file itself; it was moved to the path given.
        case database(movedTo: String)
        /// An entry of a zone: the differences from this serial on were lost.
        case entry(Name, after: Serial)
        /// So many single octets, which the checksums told how to put right; nothing was lost.
        case mended(octets: Int)
    }
    package var place: Place

    /// Whether acknowledged updates may have been lost.
    package var isLoss: Bool { if case .mended = place { false } else { true } }
}

extension JournalDamage: CustomStringConvertible {
    package var description: String {
        switch place {
        case .log(let frame, let lost):
            "journal damaged: log frame \(frame) fails its checksum, \(lost) later frames are lost"
        case .database(let path): "journal damaged: the database is not readable, moved to \(path)"
        case .entry(let zone, let serial):
            "journal damaged: an entry of \(zone) fails its checksum, updates after serial \(serial.rawValue) are lost"
        case .mended(let count):
            "journal damaged: \(count) wrong octets were found and put right; nothing is lost"
        }
    }
}
