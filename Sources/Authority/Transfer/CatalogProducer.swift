package import DNSCore
internal import DNSSecurity

/// Makes a catalog zone that lists zones of ours (RFC 9432 4).
package enum CatalogProducer {
    /// The catalog's next version.
    ///
    /// A zone keeps the label that `previous` lists it with, since another one would make consumers begin anew; a
    /// zone that was not listed gets a label of its own, other than the one of an earlier listing. Without `previous`
    /// labels follow from the names alone, so that a server that lost its state makes nobody begin anew.
    ///
    /// - Parameters:
    ///   - members: the zones with their groups.
    ///   - unready: zones that cannot be transferred yet: they stay listed, and are not newly listed.
    ///   - previous: the version before.
    ///   - now: seconds since 1970: the serial, unless `previous` has that one or a newer.
    /// - Returns: nil when nothing has changed.
    /// - Throws: ``ZoneError``.
    package static func zone(
        _ apex: Name, members: [Name: [String]], unready: Set<Name> = [], previous: ZoneSnapshot?, now: UInt32
    ) throws(ZoneError) -> ZoneSnapshot? {
        let invalid = Name(trustedWire: [7] + Array("invalid".utf8) + [0])
        let listed = previous.flatMap { try? CatalogContents($0) } ?? CatalogContents()
        var records = [
            ResourceRecord(owner: apex, type: .ns, ttl: 0, data: RecordData(invalid.wire)),
            ResourceRecord(
                owner: prefixed(Array("version".utf8), apex), type: .txt, ttl: 0, data: RecordData([1, 0x32])),
        ]
        let zones = prefixed(Array("zones".utf8), apex)
        for (zone, groups) in members {
            let former = listed.members[zone]?.label
            if former == nil, unready.contains(zone) { continue }
            let node = prefixed(former ?? label(of: zone, previous == nil ? 0 : now), zones)
            records.append(ResourceRecord(owner: node, type: .ptr, ttl: 0, data: RecordData(zone.wire)))
            for group in groups.map({ Array($0.utf8.prefix(255)) }) {
                records.append(
                    ResourceRecord(
                        owner: prefixed(Array("group".utf8), node), type: .txt, ttl: 0,
                        data: RecordData([UInt8(group.count)] + group)))
            }
        }
        func complete(_ serial: Serial) throws(ZoneError) -> ZoneSnapshot {
            let soa = RecordData(
                invalid.wire + invalid.wire
                    + [UInt32](arrayLiteral: 0, 3600, 600, 2_147_483_646, 0).flatMap { value in
                        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
                    }
            ).withSOASerial(serial)
            return try ZoneSnapshot(
                apex: apex, records: [ResourceRecord(owner: apex, type: .soa, ttl: 0, data: soa)] + records)
        }
        let clock = Serial(rawValue: max(1, now))
        guard let previous else { return try complete(clock) }
        let serial = clock.isNewer(than: previous.serial) ? clock : previous.serial.advanced()
        let next = try complete(serial)
        return ZoneDifference.between(previous, next).recordCount > 2 ? next : nil
    }

    private static func label(of zone: Name, _ now: UInt32) -> [UInt8] {
        let clock = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: now >> $0) }
        let sum = SipHash.checksum((zone.lowercased.wire + clock)[...])
        let digits = String(sum, radix: 16)
        return Array((String(repeating: "0", count: 16 - digits.count) + digits).utf8)
    }

    private static func prefixed(_ label: [UInt8], _ suffix: Name) -> Name {
        let wire = [UInt8(label.count)] + label + suffix.wire
        return wire.count <= 255 ? Name(trustedWire: wire) : suffix
    }
}
