package import DNSCore

/// What verified NSEC and NSEC3 records prove about a name.
package enum DenialOutcome: Hashable, Sendable {
    /// The claim is proved.
    case proven
    /// The claim stands, but not securely: opt-out, or too many iterations.
    case insecure(InsecureReason)
    case bogus(BogusReason)
}

/// What the absence of a DS record means for the descent to a child zone (RFC 4035 5.2, RFC 5155 8.6, 8.9).
package enum DelegationDenial: Hashable, Sendable {
    /// There is a delegation without DS: the child zone is unsigned.
    case insecureDelegation(InsecureReason)
    /// The name exists and is no zone cut: its data belongs to this zone.
    case notDelegation
    /// The name does not exist.
    case nonexistent
    case bogus(BogusReason)
}

/// The verified NSEC and NSEC3 records of one answer, ready to be asked (RFC 4035 5.4, RFC 5155 8, RFC 6840 4).
///
/// Left out from the start: records of another signer than the zone, records made from a wildcard, NSEC records whose
/// next name lies outside the zone, NSEC3 records of unknown hash algorithm or flags, and all behind
/// ``ValidationLimits/denialRecords``.
package struct DenialProof: Sendable {
    /// The zone that speaks.
    package let zone: Name
    let spans: [NSECSpan]
    let hashed: [NSEC3Span]
    /// Set when records were left out because of their iterations.
    let hasTooManyIterations: Bool

    /// One NSEC record with its owner.
    struct NSECSpan: Sendable {
        let owner: Name
        let record: NSEC
    }

    /// One NSEC3 record with its owner's hash.
    struct NSEC3Span: Sendable {
        let hash: [UInt8]
        let record: NSEC3
    }

    /// Gathers the NSEC and NSEC3 records among `sets`; other sets are ignored.
    package init(zone: Name, sets: [SecureRRset], budget: inout ValidationBudget) {
        self.zone = zone
        var spans: [NSECSpan] = []
        var hashed: [NSEC3Span] = []
        var hasTooManyIterations = false
        for set in sets where set.signer == zone && !set.isWildcardExpansion {
            for data in set.set.data {
                guard spans.count + hashed.count < budget.limits.denialRecords else {
                    budget.fire(.denialRecords)
                    break
                }
                if set.set.type == .nsec, let record = NSEC(data), record.next.isAtOrBelow(zone) {
                    spans.append(NSECSpan(owner: set.set.owner, record: record))
                } else if set.set.type == .nsec3, let record = NSEC3(data), record.parameters.algorithm == 1,
                    record.flags & 0xfe == 0, set.set.owner.parent == zone,
                    let label = set.set.owner.labels.first, let hash = NSEC3Hash.decode(label),
                    record.nextHash.count == NSEC3Hash.length
                {
                    if record.parameters.iterations > budget.limits.nsec3Iterations {
                        hasTooManyIterations = true
                    } else if hashed.first.map({ $0.record.parameters == record.parameters }) ?? true {
                        // All records of a proof hash alike (RFC 5155 8.2).
                        hashed.append(NSEC3Span(hash: hash, record: record))
                    }
                }
            }
        }
        self.spans = spans
        self.hashed = hashed
        self.hasTooManyIterations = hasTooManyIterations
    }

    /// Whether there is nothing to prove anything with.
    package var isEmpty: Bool { spans.isEmpty && hashed.isEmpty && !hasTooManyIterations }

    /// Proves that `name` does not exist and no wildcard applies (NXDOMAIN; RFC 4035 5.4, RFC 5155 8.4).
    package func nameError(_ name: Name, budget: inout ValidationBudget) -> DenialOutcome {
        guard name.isBelow(zone) else { return .bogus(.denialContradicts) }
        if let early = withoutHashes { return early }
        if let cut = insecureCut(above: name, budget: &budget) { return cut }
        return spans.isEmpty ? hashedNameError(name, budget: &budget) : plainNameError(name)
    }

    /// Proves that `name` exists, or a wildcard stands for it, without `type` (NODATA; RFC 4035 5.4, RFC 5155 8.5 to 8.7).
    package func noData(_ name: Name, type: RRType, budget: inout ValidationBudget) -> DenialOutcome {
        guard name.isAtOrBelow(zone) else { return .bogus(.denialContradicts) }
        if let early = withoutHashes { return early }
        // The DS record of a cut is the parent's own.
        let place = type == .ds ? name.parent ?? name : name
        if let cut = insecureCut(above: place, budget: &budget) { return cut }
        return spans.isEmpty ? hashedNoData(name, type: type, budget: &budget) : plainNoData(name, type: type)
    }

    /// Proves that no closer name than the wildcard exists, for an answer made from a wildcard (RFC 4035
    /// 5.3.4, RFC 5155 8.8).
    ///
    /// `labels` is ``SecureRRset/labels``.
    package func wildcardAnswer(for name: Name, labels: Int, budget: inout ValidationBudget) -> DenialOutcome
    {
        guard name.isBelow(zone), labels >= zone.labelCount, labels < name.labelCount else {
            return .bogus(.denialContradicts)
        }
        if let early = withoutHashes { return early }
        let nextCloser = name.suffix(labels: labels + 1)
        if spans.isEmpty {
            return hashedCover(nextCloser, budget: &budget)
        }
        guard let span = cover(of: name), closestEncloser(of: name, span).labelCount <= labels else {
            return .bogus(.denialMissing)
        }
        return .proven
    }

    /// Says what the absence of a DS record at `name` means (RFC 4035 5.2, RFC 5155 8.6).
    package func delegation(_ name: Name, budget: inout ValidationBudget) -> DelegationDenial {
        guard name.isBelow(zone) else { return .bogus(.denialContradicts) }
        if spans.isEmpty, hashed.isEmpty {
            return hasTooManyIterations
                ? .insecureDelegation(.tooManyNSEC3Iterations) : .bogus(.denialMissing)
        }
        return spans.isEmpty ? hashedDelegation(name, budget: &budget) : plainDelegation(name)
    }

    /// The outcome when a record shows a delegation without DS at or above `name`: what is said of names there can be
    /// neither proved nor disproved (RFC 4035 4.3, 5.2); nil when no record does.
    private func insecureCut(above name: Name, budget: inout ValidationBudget) -> DenialOutcome? {
        for labels in stride(from: name.labelCount, to: zone.labelCount, by: -1) {
            guard let bitmap = cutBitmap(of: name.suffix(labels: labels), budget: &budget) else { continue }
            if case .insecureDelegation(let reason) = delegation(bitmap) { return .insecure(reason) }
        }
        return nil
    }

    /// The type bitmap of the record at `name`, if it is one of a cut.
    private func cutBitmap(of name: Name, budget: inout ValidationBudget) -> ArraySlice<UInt8>? {
        if let span = spans.first(where: { $0.owner == name }) { return span.record.bitmap }
        guard hashed.contains(where: { $0.record.contains(.ns) && !$0.record.contains(.soa) }),
            let hash = hash(name, budget: &budget)
        else { return nil }
        return hashed.first { $0.hash == hash }?.record.bitmap
    }

    /// The outcome when there is no record to look at.
    private var withoutHashes: DenialOutcome? {
        guard spans.isEmpty, hashed.isEmpty else { return nil }
        return hasTooManyIterations ? .insecure(.tooManyNSEC3Iterations) : .bogus(.denialMissing)
    }
}
