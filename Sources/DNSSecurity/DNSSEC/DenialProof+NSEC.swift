internal import DNSCore

/// Proofs from NSEC records (RFC 4035 5.4, RFC 6840 4.1 to 4.4).
extension DenialProof {
    /// The record whose span holds `name`, if it may speak of it.
    func cover(of name: Name) -> NSECSpan? {
        spans.first { span in
            guard span.owner < name else { return false }
            // The last record of the zone points back to the apex.
            guard name < span.record.next || span.record.next == zone else { return false }
            return !isAboveCut(span, name)
        }
    }

    /// A record of a delegation or a DNAME says nothing of the names below it (RFC 6840 4.1).
    private func isAboveCut(_ span: NSECSpan, _ name: Name) -> Bool {
        guard name.isBelow(span.owner) else { return false }
        return span.record.contains(.dname) || span.record.contains(.ns) && !span.record.contains(.soa)
    }

    /// The longest existing ancestor of `name` that the record which covers it shows (RFC 4592 3.3.1).
    func closestEncloser(of name: Name, _ span: NSECSpan) -> Name {
        let before = commonLabels(name, span.owner)
        let after = commonLabels(name, span.record.next)
        return name.suffix(labels: max(before, after))
    }

    private func commonLabels(_ left: Name, _ right: Name) -> Int {
        var count = 0
        let limit = min(left.labelCount, right.labelCount)
        while count < limit, left.suffix(labels: count + 1) == right.suffix(labels: count + 1) { count += 1 }
        return count
    }

    /// Whether the record covers `name` and shows that it is an empty non-terminal.
    private func showsEmptyNonTerminal(_ span: NSECSpan, _ name: Name) -> Bool {
        span.record.next.isBelow(name)
    }

    func plainNameError(_ name: Name) -> DenialOutcome {
        if spans.contains(where: { $0.owner == name }) { return .bogus(.denialContradicts) }
        guard let span = cover(of: name) else { return .bogus(.denialMissing) }
        guard !showsEmptyNonTerminal(span, name) else { return .bogus(.denialContradicts) }
        guard let wildcard = closestEncloser(of: name, span).wildcardChild else { return .proven }
        if spans.contains(where: { $0.owner == wildcard }) { return .bogus(.denialContradicts) }
        guard let denial = cover(of: wildcard), !showsEmptyNonTerminal(denial, wildcard) else {
            return .bogus(.denialMissing)
        }
        return .proven
    }

    func plainNoData(_ name: Name, type: RRType) -> DenialOutcome {
        if let exact = spans.first(where: { $0.owner == name }) {
            return lacks(exact.record.bitmap, type, at: name) ? .proven : .bogus(.denialContradicts)
        }
        guard let span = cover(of: name) else { return .bogus(.denialMissing) }
        if showsEmptyNonTerminal(span, name) { return .proven }
        let wildcard = closestEncloser(of: name, span).wildcardChild
        if let exact = spans.first(where: { $0.owner == wildcard }) {
            return lacks(exact.record.bitmap, type, at: nil) ? .proven : .bogus(.denialContradicts)
        }
        // The wildcard itself may be an empty non-terminal.
        if let wildcard, let denial = cover(of: wildcard), showsEmptyNonTerminal(denial, wildcard) {
            return .proven
        }
        return .bogus(.denialMissing)
    }

    func plainDelegation(_ name: Name) -> DelegationDenial {
        if let exact = spans.first(where: { $0.owner == name }) {
            return delegation(exact.record.bitmap)
        }
        guard let span = cover(of: name) else { return .bogus(.denialMissing) }
        return showsEmptyNonTerminal(span, name) ? .notDelegation : .nonexistent
    }

    /// What the bitmap at the name itself says about a delegation there.
    func delegation(_ bitmap: ArraySlice<UInt8>) -> DelegationDenial {
        let has = { (type: RRType) in TypeBitmap.contains(type, in: bitmap) }
        // The child's own record at its apex must not be taken for the parent's (RFC 6840 4.4).
        guard !has(.ds), !has(.soa) else { return .bogus(.denialContradicts) }
        return has(.ns) ? .insecureDelegation(.unsignedDelegation) : .notDelegation
    }

    /// Whether the bitmap denies `type` (RFC 6840 4.3, 4.4).
    ///
    /// - Parameter name: the owner; nil for a wildcard, which is never an apex or a cut here.
    func lacks(_ bitmap: ArraySlice<UInt8>, _ type: RRType, at name: Name?) -> Bool {
        let has = { (type: RRType) in TypeBitmap.contains(type, in: bitmap) }
        guard !has(type), !has(.cname) || type.mayStandBesideCNAME else { return false }
        guard let name else { return true }
        if type == .ds {
            // The child's record cannot deny what the parent holds; at the root there is no parent.
            return !has(.soa) || name.isRoot
        }
        return !has(.ns) || has(.soa)
    }
}
