internal import DNSCore
internal import DNSSecurity

/// The octets of differences in the journal.
///
/// Each is an entry of its own: length of the content (4 octets), checksum over the content (8), content. The content
/// is the number of deleted and of added records (4 octets each), then the records: owner, type, TTL, length, data, all
/// uncompressed and in network order. Class is always IN.
enum DifferenceCoding {
    /// Appends the entry of `difference`.
    static func append(_ difference: ZoneDifference, to octets: inout [UInt8]) {
        let start = octets.count
        octets.append(contentsOf: repeatElement(0, count: 12))
        append(UInt32(difference.deleted.count), to: &octets)
        append(UInt32(difference.added.count), to: &octets)
        for record in difference.deleted { append(record, to: &octets) }
        for record in difference.added { append(record, to: &octets) }
        let length = UInt32(octets.count - start - 12)
        for index in 0..<4 {
            octets[start + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index))
        }
        let sum = SipHash.checksum(octets[(start + 12)...])
        for index in 0..<8 {
            octets[start + 4 + index] = UInt8(truncatingIfNeeded: sum >> UInt64(56 - 8 * index))
        }
    }

    /// Reads all entries in order.
    ///
    /// - Returns: the differences up to the first entry that is damaged, and where that one begins; nil for none.
    static func read(_ octets: [UInt8]) -> (differences: [ZoneDifference], damagedAt: Int?) {
        var differences: [ZoneDifference] = []
        var position = 0
        while position < octets.count {
            var reader = OctetReader(octets, position)
            guard let length = reader.uint32(), let sum = reader.uint64(),
                position + 12 + Int(length) <= octets.count
            else { return (differences, position) }
            let content = octets[(position + 12)..<(position + 12 + Int(length))]
            guard SipHash.checksum(content) == sum,
                let difference = difference(&reader, end: content.endIndex)
            else {
                return (differences, position)
            }
            differences.append(difference)
            position = content.endIndex
        }
        return (differences, nil)
    }

    /// Octets of the largest entry whose content is searched for a wrong octet: each octet costs 255 checksums.
    private static let mendingLimit = 1024

    /// The octets with the entry at `position` made sound by changing one of them; nil when none does.
    static func mend(_ octets: [UInt8], at position: Int) -> [UInt8]? {
        var octets = octets
        func isSound() -> Bool {
            var reader = OctetReader(octets, position)
            guard let length = reader.uint32(), let sum = reader.uint64(), length <= mendingLimit,
                position + 12 + Int(length) <= octets.count
            else { return false }
            return SipHash.checksum(octets[(position + 12)..<(position + 12 + Int(length))]) == sum
        }
        for place in position..<min(position + 12 + mendingLimit, octets.count) {
            let old = octets[place]
            for value in UInt8.min...UInt8.max where value != old {
                octets[place] = value
                if isSound() { return octets }
            }
            octets[place] = old
        }
        return nil
    }

    private static func difference(_ reader: inout OctetReader, end: Int) -> ZoneDifference? {
        guard let deletions = reader.uint32(), let additions = reader.uint32(),
            Int(deletions) + Int(additions) <= end - reader.position
        else { return nil }
        var deleted: [ResourceRecord] = []
        var added: [ResourceRecord] = []
        for _ in 0..<deletions {
            guard let record = reader.record() else { return nil }
            deleted.append(record)
        }
        for _ in 0..<additions {
            guard let record = reader.record() else { return nil }
            added.append(record)
        }
        guard reader.position == end, deleted.first?.type == .soa, added.first?.type == .soa else {
            return nil
        }
        return ZoneDifference(deleted: deleted, added: added)
    }

    private static func append(_ record: ResourceRecord, to octets: inout [UInt8]) {
        octets.append(contentsOf: record.owner.wire)
        octets.append(UInt8(record.type.rawValue >> 8))
        octets.append(UInt8(record.type.rawValue & 0xff))
        append(record.ttl, to: &octets)
        let count = record.data.octets.count
        octets.append(UInt8(count >> 8 & 0xff))
        octets.append(UInt8(count & 0xff))
        octets.append(contentsOf: record.data.octets)
    }

    private static func append(_ value: UInt32, to octets: inout [UInt8]) {
        for shift: UInt32 in [24, 16, 8, 0] { octets.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}

/// Reads integers and records one after another; nil past the end.
private struct OctetReader {
    private let octets: [UInt8]
    private(set) var position: Int

    init(_ octets: [UInt8], _ position: Int) {
        self.octets = octets
        self.position = position
    }

    mutating func uint(_ count: Int) -> UInt64? {
        guard position + count <= octets.count else { return nil }
        var value: UInt64 = 0
        for index in position..<(position + count) { value = value << 8 | UInt64(octets[index]) }
        position += count
        return value
    }

    mutating func uint16() -> UInt16? { uint(2).map { UInt16($0) } }
    mutating func uint32() -> UInt32? { uint(4).map { UInt32($0) } }
    mutating func uint64() -> UInt64? { uint(8) }

    mutating func record() -> ResourceRecord? {
        let start = position
        while true {
            guard position < octets.count, octets[position] < 64, position - start < 255 else { return nil }
            let length = Int(octets[position])
            position += 1 + length
            if length == 0 { break }
        }
        guard position <= octets.count else { return nil }
        let owner = Name(trustedWire: Array(octets[start..<position]))
        guard let type = uint16(), let ttl = uint32(), let length = uint16(),
            position + Int(length) <= octets.count
        else { return nil }
        let data = RecordData(Array(octets[position..<(position + Int(length))]))
        position += Int(length)
        return ResourceRecord(owner: owner, type: RRType(rawValue: type), ttl: ttl, data: data)
    }
}
