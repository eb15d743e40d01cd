internal import Foundation

/// Puts one wrong octet of SQLite's write-ahead log right, where its checksums say which one it is.
///
/// A disk that flips an octet of a frame would cost all transactions from there on, acknowledged ones among them. The
/// checksum is linear: the difference between the sum that is written and the one that comes out tells, for each octet,
/// what it would have to be; of the 64 bits of the sum none is left to chance. A frame that a crash has torn has more
/// than one wrong octet and stays as it is (file format 4.2, "WAL file format").
enum LogMending {
    /// Wrong octets that are put right in one log; one with more is another kind of damage.
    static let limit = 16

    private typealias Sum = (UInt32, UInt32)

    /// Mends the log at `path` in its place; how many octets were wrong.
    static func mend(logAt path: String) -> Int {
        guard let contents = try? Data(contentsOf: URL(fileURLWithPath: path)), contents.count >= 32 else {
            return 0
        }
        var log = Log(octets: [UInt8](contents))
        let mended = log.mend()
        guard !mended.isEmpty else { return 0 }
        let descriptor = unsafe open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        for place in mended {
            var octet = log.octets[place]
            guard unsafe pwrite(descriptor, &octet, 1, off_t(place)) == 1 else { return 0 }
        }
        return fsync(descriptor) == 0 ? mended.count : 0
    }

    private struct Log {
        var octets: [UInt8]
        private var isBigEndian = false
        private var pageSize = 0

        init(octets: [UInt8]) { self.octets = octets }

        private func word(_ place: Int) -> UInt32 {
            octets[place..<(place + 4)].reduce(0) { $0 << 8 | UInt32($1) }
        }

        private func sum(_ ranges: [Range<Int>], from start: Sum) -> Sum {
            var sum = start
            for range in ranges {
                var place = range.lowerBound
                while place < range.upperBound {
                    let first = word(place)
                    let second = word(place + 4)
                    sum.0 = sum.0 &+ (isBigEndian ? first : first.byteSwapped) &+ sum.1
                    sum.1 = sum.1 &+ (isBigEndian ? second : second.byteSwapped) &+ sum.0
                    place += 8
                }
            }
            return sum
        }

        /// What a frame's checksum is over: the beginning of its header, and its page.
        private func covered(_ frame: Int) -> [Range<Int>] {
            [frame..<(frame + 8), (frame + 24)..<(frame + 24 + pageSize)]
        }

        private func written(_ place: Int) -> Sum { (word(place), word(place + 4)) }

        private func hasSalts(_ frame: Int) -> Bool {
            octets[(frame + 8)..<(frame + 16)].elementsEqual(octets[16..<24])
        }

        private func isWhole(_ frame: Int) -> Bool { frame + 24 + pageSize <= octets.count }

        /// Whether the frame at `frame` follows on a frame with this sum; a log may also end there.
        private func follows(_ frame: Int, on sum: Sum) -> Bool {
            guard isWhole(frame), hasSalts(frame) else { return true }
            return self.sum(covered(frame), from: sum) == written(frame + 16)
        }

        /// Mends what can be, up to the end or to what cannot; the places that were changed.
        mutating func mend() -> [Int] {
            var mended: [Int] = []
            guard let place = openHeader() else { return [] }
            if place >= 0 { mended.append(place) }
            var sum = written(24)
            var frame = 32
            while isWhole(frame), mended.count < limit {
                if !hasSalts(frame) {
                    guard let place = mendSalts(frame, sum) else { break }
                    mended.append(place)
                }
                let found = self.sum(covered(frame), from: sum)
                let wanted = written(frame + 16)
                if found != wanted {
                    guard let place = mendFrame(frame, from: sum, found: found, wanted: wanted) else { break }
                    mended.append(place)
                }
                sum = written(frame + 16)
                frame += 24 + pageSize
            }
            return mended
        }

        /// Reads the header's fields; the place of the octet that was put right, -1 for none, nil when it is no header.
        private mutating func openHeader() -> Int? {
            if readHeader() { return -1 }
            for place in 0..<32 {
                let old = octets[place]
                for value in UInt8.min...UInt8.max where value != old {
                    octets[place] = value
                    // A first frame must be there to bear it out.
                    if readHeader(), isWhole(32), hasSalts(32), follows(32, on: written(24)) { return place }
                }
                octets[place] = old
            }
            return nil
        }

        private mutating func readHeader() -> Bool {
            let magic = word(0)
            guard magic & ~1 == 0x377f_0682 else { return false }
            isBigEndian = magic & 1 == 1
            let size = word(8)
            guard size.nonzeroBitCount == 1, size == 1 || (512...32768).contains(size) else { return false }
            pageSize = size == 1 ? 65536 : Int(size)
            return sum([0..<24], from: (0, 0)) == written(24)
        }

        /// One wrong octet of the salts of a frame that is sound otherwise.
        private mutating func mendSalts(_ frame: Int, _ sum: Sum) -> Int? {
            let wrong = (0..<8).filter { octets[frame + 8 + $0] != octets[16 + $0] }
            guard wrong.count == 1, self.sum(covered(frame), from: sum) == written(frame + 16) else {
                return nil
            }
            octets[frame + 8 + wrong[0]] = octets[16 + wrong[0]]
            return frame + 8 + wrong[0]
        }

        /// One wrong octet of what the checksum covers, or of the checksum; the next frame bears it out.
        private mutating func mendFrame(_ frame: Int, from start: Sum, found: Sum, wanted: Sum) -> Int? {
            let next = frame + 24 + pageSize
            for (place, value) in candidates(frame, found: found, wanted: wanted) {
                let old = octets[place]
                octets[place] = value
                if sum(covered(frame), from: start) == written(frame + 16),
                    follows(next, on: written(frame + 16))
                {
                    return place
                }
                octets[place] = old
            }
            return nil
        }

        /// Octets with the value that would make the sum right.
        private func candidates(_ frame: Int, found: Sum, wanted: Sum) -> [(place: Int, value: UInt8)] {
            let lack: Sum = (wanted.0 &- found.0, wanted.1 &- found.1)
            var result: [(Int, UInt8)] = []
            // How much a change of one in the first and second word of a step changes the sum, from the last step back.
            var first: Sum = (1, 1)
            var second: Sum = (0, 1)
            for range in covered(frame).reversed() {
                var place = range.upperBound - 8
                while place >= range.lowerBound {
                    for (word, effect) in [(place, first), (place + 4, second)] {
                        for octet in 0..<4 {
                            let shift = UInt32(isBigEndian ? 24 - 8 * octet : 8 * octet)
                            let old = octets[word + octet]
                            for value in UInt8.min...UInt8.max where value != old {
                                let change = (UInt32(value) &- UInt32(old)) << shift
                                if change &* effect.0 == lack.0, change &* effect.1 == lack.1 {
                                    result.append((word + octet, value))
                                }
                            }
                        }
                    }
                    first = (first.0 &+ first.1, first.0 &+ 2 &* first.1)
                    second = (second.0 &+ second.1, second.0 &+ 2 &* second.1)
                    place -= 8
                }
            }
            var sums: [UInt8] = []
            for value in [found.0, found.1] {
                for shift: UInt32 in [24, 16, 8, 0] { sums.append(UInt8(truncatingIfNeeded: value >> shift)) }
            }
            let wrong = (0..<8).filter { octets[frame + 16 + $0] != sums[$0] }
            if wrong.count == 1 { result.append((frame + 16 + wrong[0], sums[wrong[0]])) }
            return result
        }
    }
}
