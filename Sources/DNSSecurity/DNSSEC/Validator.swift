internal import DNSCore

/// Checks signatures and key sets (RFC 4035 5).
///
/// Pure: no I/O, time is a parameter, work is taken from a budget.
///
/// The story of one answer: the driver has the ``ZoneKeys`` of a zone, made by ``validateKeys(_:trust:at:budget:)`` from
/// the zone's DNSKEY set and the ``TrustPoint`` of its validated DS set or a trust anchor. Each set of an answer goes
/// through ``verify(_:with:at:budget:)`` and becomes a ``SecureRRset``. Where something is missing, the verified NSEC and
/// NSEC3 sets become a ``DenialProof``, which is asked for exactly what the answer claims.
package struct Validator: Sendable {
    private let cache: SignatureCache?
    private let publicKeys: PublicKeys?
    private let preparedKeys: Int
    /// Whether RSA/SHA-1 (algorithms 5 and 7) and SHA-1 digests count.
    ///
    /// Off makes such zones insecure (RFC 9905).
    package var acceptsSHA1 = true

    /// - Parameters:
    ///   - cache: verified signatures, shared with other validators.
    ///   - publicKeys: parsed keys, shared with other validators.
    ///   - preparedKeys: how many keys may be prepared for quick verification at a time, for all validators.
    package init(cache: SignatureCache? = nil, publicKeys: PublicKeys? = nil, preparedKeys: Int = 0) {
        self.cache = cache
        self.publicKeys = publicKeys
        self.preparedKeys = preparedKeys
    }

    /// Whether keys of `algorithm` are used at all.
    package func isSupported(_ algorithm: UInt8) -> Bool {
        PublicKey.isSupported(algorithm) && (acceptsSHA1 || algorithm != 5 && algorithm != 7)
    }

    /// What became of one set.
    package enum Verdict: Hashable, Sendable {
        case secure(SecureRRset)
        case bogus(BogusReason)
    }

    /// Verifies a set with the keys of the zone that should have signed it (RFC 4035 5.3).
    ///
    /// - Parameter now: seconds since 1970, modulo 2^32 (RFC 4034 3.1.5).
    package func verify(
        _ signed: SignedRRset, with keys: ZoneKeys, at now: UInt32, budget: inout ValidationBudget
    ) -> Verdict {
        verify(signed, zone: keys.zone, keys: keys.keys, at: now, budget: &budget)
    }

    private func verify(
        _ signed: SignedRRset, zone: Name, keys: [ZoneKey], at now: UInt32, budget: inout ValidationBudget
    ) -> Verdict {
        guard !signed.signatures.isEmpty else { return .bogus(.signatureMissing) }
        guard signed.set.owner.isAtOrBelow(zone) else { return .bogus(.signatureMisfit) }
        var worst = BogusReason.malformed
        for (index, data) in signed.signatures.enumerated() {
            guard index < budget.limits.signaturesPerRRset else {
                budget.fire(.signatures)
                return .bogus(worst)
            }
            switch check(data, of: signed.set, zone: zone, keys: keys, at: now, budget: &budget) {
            case .secure(let set): return .secure(set)
            case .bogus(let reason):
                if reason.rank >= worst.rank { worst = reason }
                if case .limitReached = reason { return .bogus(reason) }
            }
        }
        return .bogus(worst)
    }

    /// RFC 4035 5.3.1 to 5.3.3 for one signature.
    private func check(
        _ data: RecordData, of set: RRset, zone: Name, keys: [ZoneKey], at now: UInt32,
        budget: inout ValidationBudget
    ) -> Verdict {
        guard let signature = RRSIG(data) else { return .bogus(.malformed) }
        let ownerLabels = set.owner.labelCount - (set.owner.isWildcard ? 1 : 0)
        // Fewer labels than the signer would be a wildcard above the zone.
        guard signature.typeCovered == set.type, signature.signer == zone,
            Int(signature.labels) <= ownerLabels,
            Int(signature.labels) >= zone.labelCount
        else { return .bogus(.signatureMisfit) }
        guard isSupported(signature.algorithm) else { return .bogus(.signatureAlgorithmUnsupported) }
        if let reason = timeFault(signature, at: now, limits: budget.limits) { return .bogus(reason) }
        guard let signedData = CanonicalForm.signedData(set, signature: signature) else {
            return .bogus(.signatureMisfit)
        }
        var tried = 0
        for key in keys
        where key.record.keyTag == signature.keyTag && key.record.algorithm == signature.algorithm {
            guard tried < budget.limits.keysPerTag else {
                budget.fire(.keysPerTag)
                return .bogus(.limitReached(.keysPerTag))
            }
            tried += 1
            guard let isGood = isGood(signature, by: key, over: signedData, budget: &budget) else {
                return .bogus(.limitReached(budget.exhausted ?? .verifications))
            }
            if isGood {
                let rest = signature.expiration &- now
                // An expired one that the tolerance for clocks lets pass is good for a minute.
                let life = rest < 0x8000_0000 ? rest : 60
                return .secure(
                    SecureRRset(
                        set: set, signer: zone, labels: Int(signature.labels),
                        ttlLimit: min(signature.originalTTL, life)))
            }
        }
        return .bogus(tried == 0 ? .keyMissing : .signatureInvalid)
    }

    /// The cryptography, through the cache; nil when the budget is used up.
    private func isGood(
        _ signature: RRSIG, by key: ZoneKey, over data: [UInt8], budget: inout ValidationBudget
    ) -> Bool? {
        let digest = cache?.digest(
            key: key.record.publicKey, algorithm: key.record.algorithm, signature: signature.signature,
            data: data)
        if let cache, let digest, cache.contains(digest) { return true }
        guard budget.takeVerification() else { return nil }
        guard key.publicKey.verifies(signature.signature, over: data) else {
            budget.noteFailure()
            return false
        }
        if let cache, let digest { cache.insert(digest) }
        publicKeys?.noteUse(of: key.publicKey, limit: preparedKeys)
        return true
    }

    /// RFC 4034 3.1.5: inception <= now <= expiration in serial arithmetic, with tolerance for clocks.
    private func timeFault(_ signature: RRSIG, at now: UInt32, limits: ValidationLimits) -> BogusReason? {
        let life = signature.expiration &- signature.inception
        guard life < 0x8000_0000 else { return .signatureExpiredBeforeValid }
        let skew = limits.skew(of: life)
        let sinceInception = Int32(bitPattern: now &- signature.inception)
        let untilExpiration = Int32(bitPattern: signature.expiration &- now)
        if sinceInception < -Int32(skew) { return .signatureNotYetValid }
        return untilExpiration < -Int32(skew) ? .signatureExpired : nil
    }
}

extension Validator {
    /// Validates a zone's DNSKEY set by what vouches for it (RFC 4035 5.2, RFC 6840 5.2, 5.11).
    ///
    /// Records with unknown algorithms or digests do not count; when nothing else is left the zone is insecure. When one
    /// supported record is left the set must be signed by a key that matches one of them: there is no way down from
    /// there. SHA-1 digests do not count beside better ones (RFC 4509 3).
    package func validateKeys(
        _ signed: SignedRRset, trust: TrustPoint, at now: UInt32, budget: inout ValidationBudget
    ) -> KeySetOutcome {
        guard signed.set.type == .dnskey, signed.set.owner == trust.zone else { return .bogus(.malformed) }
        let signers: [DS]
        switch usable(trust) {
        case .insecure(let reason): return .insecure(reason)
        case .signers(let usable): signers = usable
        }
        if signed.set.data.count > budget.limits.keysPerZone { budget.fire(.keys) }
        let records = signed.set.data.prefix(budget.limits.keysPerZone).compactMap { DNSKEY($0) }
        var worst = BogusReason.noKeyForDelegation
        for record in records where isSupported(record.algorithm) {
            guard matches(record, signers, trust, budget: &budget) else { continue }
            guard record.isZoneKey else { worst = .noZoneKeyBit; continue }
            guard !record.isRevoked else { worst = .keyRevoked; continue }
            guard let key = ZoneKey(record, in: publicKeys) else { worst = .malformed; continue }
            switch verify(signed, zone: trust.zone, keys: [key], at: now, budget: &budget) {
            case .secure(let set):
                let keys = records.filter { $0.isZoneKey && !$0.isRevoked && isSupported($0.algorithm) }
                let parsed = keys.compactMap {
                    $0.data == key.record.data ? key : ZoneKey($0, in: publicKeys)
                }
                return .secure(ZoneKeys(zone: trust.zone, keys: parsed, ttlLimit: set.ttlLimit))
            case .bogus(let reason):
                if reason.rank >= worst.rank || worst == .noKeyForDelegation { worst = reason }
                if case .limitReached = reason { return .bogus(reason) }
            }
        }
        return .bogus(worst)
    }

    private enum UsableTrust {
        case signers([DS])
        case insecure(InsecureReason)
    }

    private func usable(_ trust: TrustPoint) -> UsableTrust {
        let known = trust.delegationSigners.filter { isSupported($0.algorithm) }
        let hasKey = trust.keys.contains { isSupported($0.algorithm) }
        guard !known.isEmpty || hasKey else { return .insecure(.unsupportedAlgorithm) }
        let hasBetter = known.contains { $0.digestType != 1 && DelegationDigest.isSupported($0.digestType) }
        let digestible = known.filter {
            DelegationDigest.isSupported($0.digestType) && ($0.digestType != 1 || acceptsSHA1 && !hasBetter)
        }
        guard !digestible.isEmpty || hasKey else { return .insecure(.unsupportedDigest) }
        return .signers(digestible)
    }

    private func matches(
        _ key: DNSKEY, _ signers: [DS], _ trust: TrustPoint, budget: inout ValidationBudget
    ) -> Bool {
        if signers.count > budget.limits.delegationSigners { budget.fire(.delegationSigners) }
        for signer in signers.prefix(budget.limits.delegationSigners)
        where signer.keyTag == key.keyTag && signer.algorithm == key.algorithm {
            let digest = DelegationDigest.digest(of: key, zone: trust.zone, digestType: signer.digestType)
            if let digest, digest[...] == signer.digest { return true }
        }
        return trust.keys.contains { $0.data == key.data }
    }
}

extension BogusReason {
    /// Of several faults the one that says most is reported.
    fileprivate var rank: Int {
        switch self {
        case .malformed: 0
        case .signatureMisfit: 1
        case .signatureAlgorithmUnsupported: 2
        case .keyMissing: 3
        case .signatureExpiredBeforeValid: 4
        case .signatureNotYetValid: 5
        case .signatureExpired: 6
        case .signatureInvalid: 7
        default: 8
        }
    }
}
