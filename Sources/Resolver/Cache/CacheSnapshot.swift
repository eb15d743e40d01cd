internal import DNSCore

/// Keeping the cache over a restart: all entries as octets, with wall-clock times.
extension ResolverCache {
    private static let magic = Array("TORII-CACHE-1\n".utf8)

    /// Octets that a snapshot begins with.
    ///
    /// They may be put in front of each later piece, which can then be loaded alone.
    package static var snapshotHeaderLength: Int { magic.count + 8 }

    /// Writes every entry that may still be of use, in pieces of some 64 KiB that end with an entry.
    package func writeSnapshot(at now: Moment, _ write: ([UInt8]) throws -> Void) rethrows {
        var piece = ResolverCache.magic
        append(UInt64(bitPattern: now.wall), to: &piece)
        try forEachEntry { name, type, kind, entry in
            // Failures do not survive.
            guard kind != .failure, kind != .zoneKeys, entry.meta.security != .bogus else { return }
            var record: [UInt8] = []
            append(UInt64(entry.meta.expiresAt) &- UInt64(entry.meta.storedAt), to: &record)
            append(UInt64(now.seconds &- entry.meta.storedAt), to: &record)
            record.append(kind.rawValue)
            record.append(entry.meta.security.rawValue)
            record.append(entry.meta.credibility.rawValue)
            record.append(entry.meta.audience.rawValue)
            for value in [
                type.rawValue, entry.meta.responseCode.rawValue, entry.meta.answers, entry.meta.authorities,
                entry.meta.additionals, entry.meta.view, entry.meta.extendedError?.rawValue ?? 0xffff,
                UInt16(entry.ttlOffsets.count),
            ] + entry.ttlOffsets {
                record.append(UInt8(value >> 8))
                record.append(UInt8(value & 0xff))
            }
            record.append(UInt8(name.wire.count))
            record.append(contentsOf: name.wire)
            append(UInt64(record.count + entry.payload.count), to: &piece)
            append(UInt64(entry.payload.count), to: &piece)
            piece.append(contentsOf: record)
            piece.append(contentsOf: entry.payload)
            if piece.count > 65536 {
                try write(piece)
                piece.removeAll(keepingCapacity: true)
            }
        }
        if !piece.isEmpty { try write(piece) }
    }

    /// Takes in what ``writeSnapshot(at:_:)`` wrote; what has expired meanwhile is left out.
    ///
    /// - Returns: how many entries were stored.
    /// - Throws: ``ResolverError/damagedSnapshot(at:)``.
    @discardableResult
    package func loadSnapshot(_ octets: [UInt8], at now: Moment) throws(ResolverError) -> Int {
        let start = ResolverCache.magic.count + 8
        guard octets.count >= start, Array(octets[..<ResolverCache.magic.count]) == ResolverCache.magic else {
            throw .damagedSnapshot(at: 0)
        }
        let away = now.wall &- Int64(bitPattern: read64(octets, ResolverCache.magic.count))
        var position = start
        var count = 0
        var key = NameKey()
        while position < octets.count {
            guard position + 16 <= octets.count else { throw .damagedSnapshot(at: position) }
            let size = read64(octets, position)
            let payloadSize = read64(octets, position + 8)
            let body = position + 16
            guard size <= UInt64(octets.count - body), payloadSize <= size, size - payloadSize >= 37 else {
                throw .damagedSnapshot(at: position)
            }
            let end = body + Int(size)
            let recordEnd = end - Int(payloadSize)
            let life = read64(octets, body)
            let age = Int64(min(read64(octets, body + 8), 1 << 40)) + min(max(0, away), 1 << 40)
            func value(_ index: Int) -> UInt16 {
                let at = body + 20 + 2 * index
                return UInt16(octets[at]) << 8 | UInt16(octets[at + 1])
            }
            let offsetCount = Int(value(7))
            let nameStart = body + 36 + 2 * offsetCount
            guard let kind = CacheKind(rawValue: octets[body + 16]),
                let security = Security(rawValue: octets[body + 17]),
                let credibility = Credibility(rawValue: octets[body + 18]), nameStart < recordEnd,
                let name = try? Name(wire: Array(octets[(nameStart + 1)..<recordEnd]))
            else { throw .damagedSnapshot(at: position) }
            position = end
            guard away >= 0, age <= Int64(now.seconds), life <= UInt64(UInt32.max),
                Int64(life) + Int64(configuration.servesStale ? configuration.staleMaxAge.wholeSeconds : 0)
                    > age
            else { continue }
            var meta = CacheMeta(storedAt: now.seconds - UInt32(age), ttl: UInt32(life))
            meta.security = security
            meta.credibility = credibility
            meta.audience = AnswerAudience(rawValue: octets[body + 19])
            meta.responseCode = ResponseCode(rawValue: value(1))
            meta.answers = value(2)
            meta.authorities = value(3)
            meta.additionals = value(4)
            meta.view = value(5)
            meta.extendedError = value(6) == 0xffff ? nil : ExtendedError(rawValue: value(6))
            key.load(name)
            let stored = store(
                kind, for: key, type: RRType(rawValue: value(0)), meta: meta,
                payload: Array(octets[recordEnd..<end]), ttlOffsets: (0..<offsetCount).map { value(8 + $0) },
                at: now.seconds)
            if stored { count += 1 }
        }
        return count
    }

    private func append(_ value: UInt64, to octets: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) {
            octets.append(UInt8(value >> UInt64(shift) & 0xff))
        }
    }

    private func read64(_ octets: [UInt8], _ position: Int) -> UInt64 {
        octets[position..<(position + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
