internal import DNSCore
internal import DNSSecurity

/// Validated NSEC records of signed zones, in their order: what lies between an owner and its next name does
/// not exist, and need not be asked for (RFC 8198).
///
/// One worker's own, bounded.
struct AbsenceTable {
    private struct Span {
        /// The owner in canonical order as octets that compare octet by octet.
        let key: [UInt8]
        let set: RecordSet
        let expiresAt: UInt32
        let storedAt: UInt32
    }

    private struct Zone {
        var soa: RecordSet
        var soaExpiresAt: UInt32
        var soaStoredAt: UInt32
        var spans: [Span] = []
    }

    private var zones: [Name: Zone] = [:]
    private var count = 0
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    var isEmpty: Bool { zones.isEmpty }

    mutating func removeAll() {
        zones.removeAll()
        count = 0
    }

    /// Keeps the NSEC sets of a negative answer that was found secure.
    mutating func learn(_ proof: [RecordSet], at seconds: UInt32, metrics: inout ResolverMetrics) {
        guard let soa = proof.first(where: { $0.type == .soa && !$0.signatures.isEmpty }),
            proof.contains(where: { $0.type == .nsec })
        else { return }
        if count >= limit {
            metrics.limitRememberedZones += 1
            removeAll()
        }
        let name = soa.owner.lowercased
        var zone = zones[name] ?? Zone(soa: soa, soaExpiresAt: 0, soaStoredAt: 0)
        zone.soa = soa
        zone.soaExpiresAt = seconds &+ min(soa.ttl, 86400)
        zone.soaStoredAt = seconds
        for set in proof where set.type == .nsec && set.signer == name && !isExpansion(set) {
            let span = Span(
                key: AbsenceTable.key(set.owner), set: set,
                expiresAt: seconds &+ min(set.ttl, soa.negativeTTL, 10800),
                storedAt: seconds)
            let place = AbsenceTable.place(of: span.key, in: zone.spans)
            if place > 0, zone.spans[place - 1].key == span.key {
                zone.spans[place - 1] = span
            } else {
                zone.spans.insert(span, at: place)
                count += 1
            }
        }
        zones[name] = zone
    }

    private func isExpansion(_ set: RecordSet) -> Bool {
        guard let labels = set.signatureLabels else { return true }
        return labels < set.owner.labelCount - (set.owner.isWildcard ? 1 : 0)
    }

    /// An answer that known spans prove: absence of the name, or of the type.
    func outcome(
        _ name: Name, _ type: RRType, budget: inout ValidationBudget, at seconds: UInt32
    ) -> Outcome? {
        var candidate: Name? = type == .ds ? name.parent : name
        while let current = candidate {
            if let zone = zones[current] { return outcome(name, type, current, zone, &budget, seconds) }
            candidate = current.parent
        }
        return nil
    }

    private func outcome(
        _ name: Name, _ type: RRType, _ apex: Name, _ zone: Zone, _ budget: inout ValidationBudget,
        _ seconds: UInt32
    ) -> Outcome? {
        guard zone.soaExpiresAt > seconds, let own = span(for: name, in: zone, seconds) else { return nil }
        var spans = [own]
        let matches = own.key == AbsenceTable.key(name)
        if !matches {
            // The wildcard that could have stood for the name.
            guard let next = try? Name(wire: AbsenceTable.nextName(own.set)) else { return nil }
            let labels = max(
                AbsenceTable.commonLabels(name, own.set.owner), AbsenceTable.commonLabels(name, next))
            guard let wildcard = name.suffix(labels: labels).wildcardChild,
                let other = span(for: wildcard, in: zone, seconds)
            else { return nil }
            if other.key != own.key { spans.append(other) }
        }
        let sets = spans.map { span in
            SecureRRset(
                restoring: span.set.rrset, signer: apex, labels: span.set.signatureLabels ?? 0,
                ttlLimit: span.set.ttl)
        }
        let proof = DenialProof(zone: apex, sets: sets, budget: &budget)
        var result = Outcome(end: .noData, finalName: name)
        if matches {
            guard proof.noData(name, type: type, budget: &budget) == .proven else { return nil }
        } else {
            guard proof.nameError(name, budget: &budget) == .proven else { return nil }
            result.end = .nameError
        }
        var soa = zone.soa
        soa.ttl = soa.ttl > seconds &- zone.soaStoredAt ? soa.ttl - (seconds &- zone.soaStoredAt) : 0
        result.proof = [soa]
        var ttl = soa.negativeTTL
        for span in spans {
            var set = span.set
            set.ttl = span.expiresAt - seconds
            ttl = min(ttl, set.ttl)
            result.proof.append(set)
        }
        result.negativeTTL = ttl
        result.security = .secure
        result.isFromCache = true
        result.zone = apex
        return result
    }

    /// The living span whose owner is the last one not after `name`.
    private func span(for name: Name, in zone: Zone, _ seconds: UInt32) -> Span? {
        let place = AbsenceTable.place(of: AbsenceTable.key(name), in: zone.spans)
        guard place > 0, zone.spans[place - 1].expiresAt > seconds else { return nil }
        return zone.spans[place - 1]
    }

    /// Number of spans whose owners are not after `key`.
    private static func place(of key: [UInt8], in spans: [Span]) -> Int {
        var low = 0
        var high = spans.count
        while low < high {
            let middle = (low + high) / 2
            if key.lexicographicallyPrecedes(spans[middle].key) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private static func nextName(_ set: RecordSet) -> [UInt8] {
        guard let octets = set.data.first else { return [] }
        var end = octets.startIndex
        while end < octets.endIndex, octets[end] != 0 { end += 1 + Int(octets[end]) }
        return end < octets.endIndex ? Array(octets[...end]) : []
    }

    private static func commonLabels(_ left: Name, _ right: Name) -> Int {
        var labels = min(left.labelCount, right.labelCount)
        while labels > 0, left.suffix(labels: labels) != right.suffix(labels: labels) { labels -= 1 }
        return labels
    }

    /// A name as octets whose order is the canonical order of names (RFC 4034 6.1).
    static func key(_ name: Name) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(name.wire.count + 8)
        for label in name.labels.reversed() {
            for octet in label {
                let lower = octet.lowercasedASCII
                // 0 ends a label; 0 and 1 themselves are written in two octets.
                if lower < 2 {
                    result.append(1)
                    result.append(lower + 1)
                } else {
                    result.append(lower)
                }
            }
            result.append(0)
        }
        return result
    }
}
