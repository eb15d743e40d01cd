internal import DNSCore

/// Proofs from NSEC3 records (RFC 5155 8).
extension DenialProof {
    /// What the search for the closest encloser found (RFC 5155 8.3).
    private enum Encloser {
        /// The name itself has a record.
        case exact(NSEC3Span)
        /// An ancestor has one, and the next closer name is covered by `cover`.
        case below(Name, cover: NSEC3Span)
        case failed(BogusReason)
    }

    private func closestEncloser(of name: Name, budget: inout ValidationBudget) -> Encloser {
        let total = name.labelCount
        var nextCloser: [UInt8]?
        for labels in stride(from: total, through: zone.labelCount, by: -1) {
            let candidate = name.suffix(labels: labels)
            guard let hash = hash(candidate, budget: &budget) else {
                return .failed(.limitReached(.nsec3Hashes))
            }
            if let match = hashed.first(where: { $0.hash == hash }) {
                guard let missing = nextCloser else { return .exact(match) }
                // A delegation or DNAME cannot be the closest encloser: nothing lives below it here.
                let isApex = match.record.contains(.soa)
                if match.record.contains(.dname) || match.record.contains(.ns) && !isApex {
                    return .failed(.denialContradicts)
                }
                guard let cover = cover(of: missing) else { return .failed(.denialMissing) }
                return .below(candidate, cover: cover)
            }
            nextCloser = hash
        }
        return .failed(.denialMissing)
    }

    /// The hash of `name`; nil when the budget is used up.
    func hash(_ name: Name, budget: inout ValidationBudget) -> [UInt8]? {
        guard let parameters = hashed.first?.record.parameters, budget.takeHash() else { return nil }
        return NSEC3Hash.hash(name, parameters)
    }

    /// The record whose span holds `hash`.
    private func cover(of hash: [UInt8]) -> NSEC3Span? {
        hashed.first { span in
            let isBehind = span.hash.lexicographicallyPrecedes(hash)
            let isBefore = hash.lexicographicallyPrecedes(span.record.nextHash)
            // The last record of the chain points back to the first.
            let wraps = !span.hash.lexicographicallyPrecedes(span.record.nextHash)
            if wraps { return hash != span.hash && (isBehind || isBefore) }
            return isBehind && isBefore
        }
    }

    func hashedCover(_ name: Name, budget: inout ValidationBudget) -> DenialOutcome {
        guard let hash = hash(name, budget: &budget) else { return .bogus(.limitReached(.nsec3Hashes)) }
        guard let span = cover(of: hash) else { return .bogus(.denialMissing) }
        return span.record.isOptOut ? .insecure(.optOut) : .proven
    }

    func hashedNameError(_ name: Name, budget: inout ValidationBudget) -> DenialOutcome {
        switch closestEncloser(of: name, budget: &budget) {
        case .failed(let reason): return .bogus(reason)
        case .exact: return .bogus(.denialContradicts)
        case .below(let encloser, let cover):
            if let wildcard = encloser.wildcardChild {
                guard let hash = hash(wildcard, budget: &budget) else {
                    return .bogus(.limitReached(.nsec3Hashes))
                }
                if hashed.contains(where: { $0.hash == hash }) { return .bogus(.denialContradicts) }
                guard self.cover(of: hash) != nil else { return .bogus(.denialMissing) }
            }
            // Inside an opt-out span an unsigned delegation may well exist (RFC 5155 9.2).
            return cover.record.isOptOut ? .insecure(.optOut) : .proven
        }
    }

    func hashedNoData(_ name: Name, type: RRType, budget: inout ValidationBudget) -> DenialOutcome {
        switch closestEncloser(of: name, budget: &budget) {
        case .failed(let reason): return .bogus(reason)
        case .exact(let span):
            return lacks(span.record.bitmap, type, at: name) ? .proven : .bogus(.denialContradicts)
        case .below(let encloser, let cover):
            if let wildcard = encloser.wildcardChild {
                guard let hash = hash(wildcard, budget: &budget) else {
                    return .bogus(.limitReached(.nsec3Hashes))
                }
                if let match = hashed.first(where: { $0.hash == hash }) {
                    guard lacks(match.record.bitmap, type, at: nil) else { return .bogus(.denialContradicts) }
                    return cover.record.isOptOut ? .insecure(.optOut) : .proven
                }
            }
            // An unsigned delegation (8.6), or an empty non-terminal above only such (erratum 3441).
            return cover.record.isOptOut ? .insecure(.optOut) : .bogus(.denialMissing)
        }
    }

    func hashedDelegation(_ name: Name, budget: inout ValidationBudget) -> DelegationDenial {
        switch closestEncloser(of: name, budget: &budget) {
        case .failed(let reason): return .bogus(reason)
        case .exact(let span): return delegation(span.record.bitmap)
        case .below(_, let cover):
            return cover.record.isOptOut ? .insecureDelegation(.optOut) : .nonexistent
        }
    }
}
