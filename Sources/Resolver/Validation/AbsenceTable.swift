internal import DNSCore
internal import DNSSecurity

/// Validated NSEC and NSEC3 records of signed zones, in their order: what lies between an owner and its next name
/// does not exist, and need not be asked for (RFC 8198).
///
/// One worker's own, bounded: when it is full the zone with the most records goes.
struct AbsenceTable {
    /// What is known of a name without asking.
    enum Finding {
        /// The name, or the type, does not exist.
        case absent(Outcome)
        /// The name does not exist, and a wildcard would stand for it, if there is one; `proof` shows it.
        case wildcard(Name, proof: [RecordSet], zone: Name)
    }

    private struct Span {
        /// The owner in canonical order as octets that compare octet by octet; of an NSEC3 record its hash.
        let key: [UInt8]
        let set: RecordSet
        let expiresAt: UInt32

        /// The set with what is left of its time.
        func withRest(at seconds: UInt32) -> RecordSet {
            var result = set
            result.ttl = expiresAt - seconds
            return result
        }
    }

    private struct Zone {
        var soa: RecordSet
        var soaExpiresAt: UInt32
        var soaStoredAt: UInt32
        var spans: [Span] = []
        /// NSEC3 records, all with ``parameters``.
        var hashes: [Span] = []
        var parameters: NSEC3Parameters?
        var count: Int { spans.count + hashes.count }
    }

    /// Rounds of hashing that one look may cost; beyond, the zone is asked.
    private static let roundLimit = 400

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

    // MARK: Learning

    /// Keeps the NSEC and NSEC3 sets of an answer that was found secure.
    ///
    /// - Parameter proof: sets that were verified, every one of them.
    mutating func learn(_ proof: [RecordSet], at seconds: UInt32, metrics: inout ResolverMetrics) {
        guard let first = proof.first(where: { $0.type == .nsec || $0.type == .nsec3 }),
            let name = first.signer?.lowercased
        else { return }
        if count >= limit { makeRoom(&metrics) }
        let soa = proof.first { $0.type == .soa && $0.owner == name && !$0.signatures.isEmpty }
        guard var zone = zones[name] ?? soa.map({ Zone(soa: $0, soaExpiresAt: 0, soaStoredAt: 0) }) else {
            return
        }
        if let soa {
            zone.soa = soa
            zone.soaExpiresAt = seconds &+ min(soa.ttl, 86400)
            zone.soaStoredAt = seconds
        }
        count -= zone.count
        for set in proof where set.signer == name && !isExpansion(set) {
            let end = seconds &+ min(set.ttl, zone.soa.negativeTTL, 10800)
            if set.type == .nsec {
                insert(Span(key: AbsenceTable.key(set.owner), set: set, expiresAt: end), into: &zone.spans)
            } else if set.type == .nsec3 {
                learnHash(set, until: end, in: &zone)
            }
        }
        count += zone.count
        zones[name] = zone
    }

    private func learnHash(_ set: RecordSet, until end: UInt32, in zone: inout Zone) {
        guard let label = set.owner.labels.first, let hash = NSEC3Hash.decode(label),
            let data = set.data.recordData.first, let record = NSEC3(data)
        else { return }
        if zone.parameters != record.parameters {
            // The zone has changed its salt or iterations: the old chain is of no use.
            zone.hashes.removeAll()
            zone.parameters = record.parameters
        }
        insert(Span(key: hash, set: set, expiresAt: end), into: &zone.hashes)
    }

    private func insert(_ span: Span, into spans: inout [Span]) {
        let place = AbsenceTable.place(of: span.key, in: spans)
        if place > 0, spans[place - 1].key == span.key {
            spans[place - 1] = span
        } else {
            spans.insert(span, at: place)
        }
    }

    private mutating func makeRoom(_ metrics: inout ResolverMetrics) {
        metrics.limitRememberedZones += 1
        guard let largest = zones.max(by: { $0.value.count < $1.value.count })?.key else { return }
        count -= zones.removeValue(forKey: largest)?.count ?? 0
    }

    private func isExpansion(_ set: RecordSet) -> Bool {
        guard let labels = set.signatureLabels else { return true }
        return labels < set.owner.labelCount - (set.owner.isWildcard ? 1 : 0)
    }

    // MARK: Looking

    /// What known spans prove of a name and type.
    func find(_ name: Name, _ type: RRType, budget: inout ValidationBudget, at seconds: UInt32) -> Finding? {
        var candidate: Name? = type == .ds ? name.parent : name
        while let current = candidate {
            if let zone = zones[current] {
                guard zone.soaExpiresAt > seconds else { return nil }
                return zone.spans.isEmpty
                    ? findHashed(name, type, current, zone, &budget, seconds)
                    : findPlain(name, type, current, zone, &budget, seconds)
            }
            candidate = current.parent
        }
        return nil
    }

    private func findPlain(
        _ name: Name, _ type: RRType, _ apex: Name, _ zone: Zone, _ budget: inout ValidationBudget,
        _ seconds: UInt32
    ) -> Finding? {
        let key = AbsenceTable.key(name)
        guard let own = AbsenceTable.last(notAfter: key, in: zone.spans, seconds) else { return nil }
        if own.key == key {
            return conclude(name, type, nil, [own], apex, zone, &budget, seconds)
        }
        // The wildcard that could have stood for the name.
        guard let next = try? Name(wire: AbsenceTable.nextName(own.set)) else { return nil }
        let labels = max(
            AbsenceTable.commonLabels(name, own.set.owner), AbsenceTable.commonLabels(name, next))
        var spans = [own]
        if let wildcard = name.suffix(labels: labels).wildcardChild,
            let other = AbsenceTable.last(
                notAfter: AbsenceTable.key(wildcard), in: zone.spans, seconds),
            other.key != own.key
        {
            spans.append(other)
        }
        return conclude(name, type, labels, spans, apex, zone, &budget, seconds)
    }

    private func findHashed(
        _ name: Name, _ type: RRType, _ apex: Name, _ zone: Zone, _ budget: inout ValidationBudget,
        _ seconds: UInt32
    ) -> Finding? {
        guard let parameters = zone.parameters,
            (Int(parameters.iterations) + 1) * (name.labelCount - apex.labelCount + 2)
                <= AbsenceTable.roundLimit
        else { return nil }
        var nextCloser: [UInt8]?
        var labels = name.labelCount
        while labels >= apex.labelCount {
            guard let hash = NSEC3Hash.hash(name.suffix(labels: labels), parameters) else { return nil }
            if let match = AbsenceTable.last(notAfter: hash, in: zone.hashes, seconds), match.key == hash {
                guard let nextCloser else {
                    return conclude(name, type, nil, [match], apex, zone, &budget, seconds)
                }
                // An opt-out span may hold unsigned delegations (RFC 8198 5.4).
                guard let cover = AbsenceTable.cover(of: nextCloser, in: zone.hashes, seconds),
                    cover.set.data.first?.dropFirst().first == 0
                else { return nil }
                var spans = [match, cover]
                if let wildcard = name.suffix(labels: labels).wildcardChild,
                    let wildcardHash = NSEC3Hash.hash(wildcard, parameters),
                    let other = AbsenceTable.cover(of: wildcardHash, in: zone.hashes, seconds),
                    !spans.contains(where: { $0.key == other.key })
                {
                    spans.append(other)
                }
                return conclude(name, type, labels, spans, apex, zone, &budget, seconds)
            }
            nextCloser = hash
            labels -= 1
        }
        return nil
    }

    /// What `spans` prove, judged as if they had just come.
    ///
    /// - Parameter labels: of the closest encloser; nil when the name itself exists.
    private func conclude(
        _ name: Name, _ type: RRType, _ labels: Int?, _ spans: [Span], _ apex: Name, _ zone: Zone,
        _ budget: inout ValidationBudget, _ seconds: UInt32
    ) -> Finding? {
        let sets = spans.map { span in
            SecureRRset(
                restoring: span.set.rrset, signer: apex, labels: span.set.signatureLabels ?? 0,
                ttlLimit: span.set.ttl)
        }
        let proof = DenialProof(zone: apex, sets: sets, budget: &budget)
        var result = Outcome(end: .noData, finalName: name)
        if labels != nil, proof.nameError(name, budget: &budget) == .proven {
            result.end = .nameError
        } else if proof.noData(name, type: type, budget: &budget) != .proven {
            guard let labels, let wildcard = name.suffix(labels: labels).wildcardChild,
                proof.wildcardAnswer(for: name, labels: labels, budget: &budget) == .proven
            else { return nil }
            return .wildcard(wildcard, proof: spans.map { $0.withRest(at: seconds) }, zone: apex)
        }
        var soa = zone.soa
        soa.ttl = soa.ttl > seconds &- zone.soaStoredAt ? soa.ttl - (seconds &- zone.soaStoredAt) : 0
        result.proof = [soa] + spans.map { $0.withRest(at: seconds) }
        result.negativeTTL = result.proof.reduce(soa.negativeTTL) { min($0, $1.ttl) }
        result.security = .secure
        result.isFromCache = true
        result.zone = apex
        return .absent(result)
    }

    // MARK: Order

    /// The living span whose key is the last one not after `key`.
    private static func last(notAfter key: [UInt8], in spans: [Span], _ seconds: UInt32) -> Span? {
        let place = place(of: key, in: spans)
        guard place > 0, spans[place - 1].expiresAt > seconds else { return nil }
        return spans[place - 1]
    }

    /// The living span that could hold `hash`: the last not after it, or the last of all, which goes round.
    private static func cover(of hash: [UInt8], in spans: [Span], _ seconds: UInt32) -> Span? {
        let place = place(of: hash, in: spans)
        guard let span = place > 0 ? spans[place - 1] : spans.last, span.expiresAt > seconds else {
            return nil
        }
        return span
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
        return end < octets.endIndex ? Array(octets[octets.startIndex...end]) : []
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
