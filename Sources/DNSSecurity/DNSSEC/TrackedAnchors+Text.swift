package import DNSCore

extension TrackedAnchors {
    /// The state as text: one DNSKEY record a line, its state and time in comments, as Unbound writes and reads them.
    package func encoded() -> String {
        var text = "; autotrust trust anchor file\n;;id: \(zone) 1\n"
        for seed in seeds {
            let digest = Array(seed.digest)
            let data = RecordData(
                [UInt8(seed.keyTag >> 8), UInt8(seed.keyTag & 0xff), seed.algorithm, seed.digestType] + digest
            )
            text += "\(ResourceRecord(owner: zone, type: .ds, ttl: 3600, data: data))\n"
        }
        for entry in entries {
            let record = ResourceRecord(owner: zone, type: .dnskey, ttl: 3600, data: entry.key.data)
            text += "\(record) ;;state=\(entry.state.rawValue) ;;count=0 ;;lastchange=\(entry.since)\n"
        }
        return text
    }

    /// Reads what ``encoded()`` wrote, or a file of Unbound's.
    ///
    /// A key without a state is trusted.
    ///
    /// - Throws: ``ZoneTextError`` for a line that is no record; nil when no record of `zone` is there.
    package init?(
        decoding text: String, file: String, zone: Name, now: UInt64
    ) throws(ZoneTextError) {
        var point = TrustPoint(zone: zone)
        var found: [Entry] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let body = line.drop { $0 == " " || $0 == "\t" }
            if body.isEmpty || body.hasPrefix(";") { continue }
            let record: ResourceRecord
            do throws(ZoneTextError) {
                record = try ResourceRecord(parsing: line, name: file)
            } catch {
                throw ZoneTextError(file: file, line: index + 1, column: error.column, reason: error.reason)
            }
            guard record.owner == zone else { continue }
            if record.type == .ds, let seed = DS(record.data) { point.delegationSigners.append(seed) }
            guard record.type == .dnskey, let key = DNSKEY(record.data), found.count < TrackedAnchors.keyLimit
            else {
                continue
            }
            let number = TrackedAnchors.number("state=", in: line).map { Int(truncatingIfNeeded: $0) }
            // Unbound's 0 (start) and 5 (removed) are keys that do not count.
            guard let state = State(rawValue: number ?? State.valid.rawValue) else { continue }
            let since = TrackedAnchors.number("lastchange=", in: line) ?? now
            found.append(Entry(key: key, state: state, since: min(since, now)))
        }
        guard !found.isEmpty || !point.delegationSigners.isEmpty else { return nil }
        self.init(point, now: now, entries: found)
    }

    private static func number(_ label: String, in line: Substring) -> UInt64? {
        guard let comment = line.firstIndex(of: ";") else { return nil }
        for part in line[comment...].split(separator: ";") {
            let word = part.drop { $0 == " " }
            guard word.hasPrefix(label) else { continue }
            return UInt64(word.dropFirst(label.count).prefix { $0.isNumber })
        }
        return nil
    }
}
