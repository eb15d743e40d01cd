internal import Foundation

/// A look at SQLite's write-ahead log before SQLite opens it.
///
/// SQLite takes a log as ended at the first frame that fails its checksum, without a word. After a crash that is right:
/// the last transaction was torn and never acknowledged. But when complete transactions follow the bad frame, octets
/// have changed on the disk and acknowledged updates are lost; that must be told (file format 4, "WAL file format").
enum LogInspection {
    /// The first bad frame of the log at `path` and the number of frames after it that belonged to transactions; nil
    /// when the log is sound, torn at its end, or absent.
    static func damage(ofLogAt path: String) -> JournalDamage.Place? {
        guard let found = look(at: path), found.lost > 0 else { return nil }
        return .log(frame: found.frame, lostFrames: found.lost)
    }

    /// Whether a frame of the log fails its checksum, the last one included.
    static func isSuspect(logAt path: String) -> Bool { look(at: path) != nil }

    private static func look(at path: String) -> (frame: Int, lost: Int)? {
        guard let log = try? Data(contentsOf: URL(fileURLWithPath: path)), log.count >= 32 else { return nil }
        return unsafe log.withUnsafeBytes { unsafe inspect($0) }
    }

    /// The first bad frame, from 1, 0 for the header, and how many after it are lost by it.
    private static func inspect(_ log: UnsafeRawBufferPointer) -> (frame: Int, lost: Int)? {
        func word(_ offset: Int) -> UInt32 {
            UInt32(bigEndian: unsafe log.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        let magic = word(0)
        guard magic & ~1 == 0x377f_0682 else { return (0, max(1, log.count / 4120)) }
        let isBigEndian = magic & 1 == 1
        let pageSize = word(8) == 1 ? 65536 : Int(word(8))
        guard pageSize >= 512 else { return (0, max(1, log.count / 4120)) }
        var sum: (UInt32, UInt32) = (0, 0)
        func add(_ range: Range<Int>) {
            var offset = range.lowerBound
            while offset < range.upperBound {
                let first = word(offset)
                let second = word(offset + 4)
                sum.0 = sum.0 &+ (isBigEndian ? first : first.byteSwapped) &+ sum.1
                sum.1 = sum.1 &+ (isBigEndian ? second : second.byteSwapped) &+ sum.0
                offset += 8
            }
        }
        add(0..<24)
        guard sum == (word(24), word(28)) else {
            return (0, max(1, (log.count - 32) / 4120))
        }
        let salt = (word(16), word(20))
        var position = 32
        var frame = 0
        var bad: Int?
        var lost = 0
        while position + 24 + pageSize <= log.count {
            frame += 1
            // Frames with other salts are left over from before the last reset.
            guard word(position + 8) == salt.0, word(position + 12) == salt.1 else {
                guard bad == nil, unsafe hasLaterFrame(log, after: position, size: pageSize + 24, salt) else {
                    break
                }
                bad = frame
                position += 24 + pageSize
                continue
            }
            if bad == nil {
                add(position..<(position + 8))
                add((position + 24)..<(position + 24 + pageSize))
                if sum != (word(position + 16), word(position + 20)) { bad = frame }
            } else if word(position + 4) != 0 {
                lost = frame - (bad ?? frame)
            }
            position += 24 + pageSize
        }
        return bad.map { ($0, lost) }
    }

    /// Whether a frame of this generation follows the one at `position`.
    private static func hasLaterFrame(
        _ log: UnsafeRawBufferPointer, after position: Int, size: Int, _ salt: (UInt32, UInt32)
    ) -> Bool {
        var next = position + size
        while next + size <= log.count {
            let first = UInt32(bigEndian: unsafe log.loadUnaligned(fromByteOffset: next + 8, as: UInt32.self))
            let second = UInt32(
                bigEndian: unsafe log.loadUnaligned(fromByteOffset: next + 12, as: UInt32.self))
            if first == salt.0, second == salt.1 { return true }
            next += size
        }
        return false
    }
}
