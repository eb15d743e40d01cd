internal import DNSCore
package import DNSSecurity

/// The digest that a zone carries over all its records: ZONEMD (RFC 8976), scheme SIMPLE.
package enum ZoneDigest {
    /// Why a zone's digest does not vouch for it.
    package enum Fault: Error, Sendable, Equatable {
        /// No ZONEMD at the apex.
        case absent
        /// None that can be used: another serial than the SOA's, an unknown scheme or hash, or two of the same kind.
        case unusable
        /// The zone's records do not have the digest.
        case mismatch(StreamDigest.Algorithm)
    }

    /// Checks the zone's digests (RFC 8976 4); one that fits is enough.
    ///
    /// - Returns: nil when one fits.
    package static func verify(_ zone: ZoneSnapshot) -> Fault? {
        guard let set = zone.rrset(at: zone.apex, type: .zonemd) else { return .absent }
        var kinds: [[UInt8]: Int] = [:]
        for data in set.data where data.octets.count > 6 { kinds[Array(data.octets[4..<6]), default: 0] += 1 }
        var failed: StreamDigest.Algorithm?
        for data in set.data {
            let octets = data.octets
            guard octets.count > 6, octets[..<4].reduce(0, { $0 << 8 | UInt32($1) }) == zone.serial.rawValue,
                octets[4] == 1, kinds[Array(octets[4..<6])] == 1,
                let algorithm = StreamDigest.Algorithm(rawValue: octets[5])
            else { continue }
            if digest(of: zone, algorithm) == Array(octets[6...]) { return nil }
            failed = algorithm
        }
        return failed.map { .mismatch($0) } ?? .unusable
    }

    /// The digest of scheme SIMPLE (RFC 8976 3.3): every record in canonical form and order, without the apex ZONEMD
    /// set and the signatures over it.
    package static func digest(of zone: ZoneSnapshot, _ algorithm: StreamDigest.Algorithm) -> [UInt8] {
        var digest = StreamDigest(algorithm)
        var records: [(type: UInt16, ttl: UInt32, data: [UInt8])] = []
        zone.forEachNodeInOrder { node in
            let isApex = node.flags.contains(.apex)
            let owner = unsafe Array(UnsafeBufferPointer(start: node.owner, count: node.ownerLength))
            records.removeAll(keepingCapacity: true)
            node.forEachSet { set in
                let isDigest = isApex && set.type == .zonemd
                if !isDigest, let value = set.value(of: node) {
                    for data in value.data {
                        records.append((set.typeNumber, set.ttl, data.canonical(as: set.type).octets))
                    }
                }
                guard !isDigest else { return }
                unsafe set.forEachSignature { ttl, data in
                    let canonical = unsafe RecordData(Array(data)).canonical(as: .rrsig)
                    records.append((RRType.rrsig.rawValue, ttl, canonical.octets))
                }
            }
            records.sort {
                $0.type == $1.type ? $0.data.lexicographicallyPrecedes($1.data) : $0.type < $1.type
            }
            for record in records {
                digest.update(owner)
                digest.update(
                    [UInt8(record.type >> 8), UInt8(record.type & 0xff), 0, 1]
                        + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: record.ttl >> $0) }
                        + [UInt8(record.data.count >> 8 & 0xff), UInt8(record.data.count & 0xff)])
                digest.update(record.data)
            }
        }
        return digest.finish()
    }
}

extension ZoneDigest.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .absent: "no digest (ZONEMD)"
        case .unusable:
            "no digest (ZONEMD) that can be used: another serial, an unknown kind, or twice the same"
        case .mismatch(let algorithm):
            "the records do not have the digest of the ZONEMD record (\(algorithm))"
        }
    }
}
