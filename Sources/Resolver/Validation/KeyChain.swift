internal import DNSCore
internal import DNSSecurity

/// The way from a trust anchor down to a name: DNSKEY sets validated by DS sets validated by the keys above
/// (RFC 4035 5).
///
/// One step at a time; each step's result is remembered in ``ZoneStates``, so that a chain that meets known
/// ground goes on from there.
final class KeyChain {
    /// What is being asked for.
    enum Step {
        case keys(zone: Name, trust: TrustPoint)
        case delegation(child: Name, parent: ZoneKeys)
    }

    let id: Int
    let target: Name
    let budget: Budget
    /// Requests that wait for the end.
    var waiters: [Int] = []
    var step: Step?
    var steps = 0
    /// Servers whose keys or DS records did not validate.
    var avoidedServers: Set<IPEndpoint> = []
    var retries = 0
    /// What was wrong before another server was asked.
    var lastFault: (reason: BogusReason, zone: Name)?

    init(id: Int, target: Name, budget: Budget) {
        self.id = id
        self.target = target
        self.budget = budget
    }
}

extension Resolver {
    /// What can be said about `name` without asking anyone; nil when a chain must be followed first.
    func knownChain(to name: Name, at now: Moment) -> ChainResult? {
        if trustAnchors.isNegated(name) { return .insecure(.negativeTrustAnchor) }
        guard let anchor = trustAnchors.closest(to: name) else { return .unanchored }
        var isGapless = true
        var current = name
        while true {
            switch zoneStates.state(current, at: now.seconds) {
            case .secure(let keys)?: return isGapless ? .secure(keys) : nil
            case .insecure(let reason)?: return .insecure(reason)
            case .bogus(let reason)?: return .bogus(reason, at: current)
            case .notCut?: break
            case nil: isGapless = false
            }
            guard current != anchor.zone, let parent = current.parent else { return nil }
            current = parent
        }
    }

    /// Follows the chain to `name` for a request that will be resumed.
    func startChain(to name: Name, for request: Request, at now: Moment) {
        let key = NameHash.hash(name)
        if let id = chainKeys[key], let running = chains[id], running.target == name {
            if !running.waiters.contains(request.id) { running.waiters.append(request.id) }
            return
        }
        let chain = KeyChain(id: takeID(), target: name, budget: request.budget)
        chain.waiters = [request.id]
        chains[chain.id] = chain
        chainKeys[key] = chain.id
        proceed(chain, at: now)
    }

    /// Follows a chain that nobody waits for.
    func follow(_ chain: KeyChain, at now: Moment) {
        chains[chain.id] = chain
        proceed(chain, at: now)
    }

    /// Takes steps until something must be asked or the end is known.
    private func proceed(_ chain: KeyChain, at now: Moment) {
        while chains[chain.id] != nil {
            if chain.step == nil {
                if let result = knownChain(to: chain.target, at: now) { return end(chain, result) }
                chain.step = nextStep(chain, at: now)
            }
            chain.steps += 1
            guard let step = chain.step, chain.steps < 160 else {
                return end(chain, .failed(Failure(.dnssecIndeterminate, "chain of keys too long")))
            }
            let (name, type): (Name, RRType) =
                switch step {
                case .keys(let zone, _): (zone, .dnskey)
                case .delegation(let child, _): (child, .ds)
                }
            if chain.avoidedServers.isEmpty, let cached = cachedOutcome(name, type, forKeys: true, at: now) {
                take(cached, into: chain, at: now)
                continue
            }
            startFetch(
                name, type, waiter: .keyChain(chain.id), budget: chain.budget, depth: 1,
                refreshes: !chain.avoidedServers.isEmpty, avoiding: chain.avoidedServers, at: now)
            return
        }
    }

    /// DNSKEY or DS records have come.
    func resume(chain id: Int, with outcome: Outcome, at now: Moment) {
        guard let chain = chains[id] else { return }
        take(outcome, into: chain, at: now)
        proceed(chain, at: now)
    }

    /// The step down from the deepest zone whose keys are known.
    private func nextStep(_ chain: KeyChain, at now: Moment) -> KeyChain.Step? {
        guard let anchor = trustAnchors.closest(to: chain.target) else { return nil }
        var labels = chain.target.labelCount
        var unknown: [Name] = []
        while labels >= anchor.zone.labelCount {
            let name = chain.target.suffix(labels: labels)
            switch zoneStates.state(name, at: now.seconds) {
            case .secure(let keys)?:
                let child = unknown.last { speaksOfDelegation(to: $0, keys.zone, at: now) } ?? unknown.last
                return child.map { .delegation(child: $0, parent: keys) }
            case .notCut?: break
            default: unknown.append(name)
            }
            labels -= 1
        }
        return .keys(zone: anchor.zone, trust: anchor)
    }

    /// Whether a referral has brought what `zone` signed about a delegation to `child`: the names between them are no
    /// zones then, and need not be asked for.
    private func speaksOfDelegation(to child: Name, _ zone: Name, at now: Moment) -> Bool {
        guard child.labelCount > zone.labelCount + 1,
            let cached = cachedOutcome(child, .ds, forKeys: true, at: now)
        else { return false }
        if case .answer(let sets) = cached.end { return sets.first?.signer == zone }
        return cached.proof.contains { $0.type != .soa && $0.signer == zone }
    }

    private func end(_ chain: KeyChain, _ result: ChainResult) {
        chains[chain.id] = nil
        let key = NameHash.hash(chain.target)
        if chainKeys[key] == chain.id { chainKeys[key] = nil }
        for id in chain.waiters { chainEnds.append((id, chain.target, result)) }
    }

    // MARK: What a step brings

    private func take(_ outcome: Outcome, into chain: KeyChain, at now: Moment) {
        guard let step = chain.step else { return }
        chain.step = nil
        if case .failure(let failure) = outcome.end {
            // No other server did better: what the first one said stands.
            if let fault = chain.lastFault { return giveUp(fault.reason, fault.zone, at: now) }
            return end(chain, .failed(failure))
        }
        note(chain.budget, 1, at: now, "chain to \(chain.target): \(outcome.finalName): \(outcome.summary)")
        switch step {
        case .keys(let zone, let trust): takeKeys(outcome, zone, trust, chain, at: now)
        case .delegation(let child, let parent): takeDelegation(outcome, child, parent, chain, at: now)
        }
    }

    private func takeKeys(
        _ outcome: Outcome, _ zone: Name, _ trust: TrustPoint, _ chain: KeyChain, at now: Moment
    ) {
        guard case .answer(let sets) = outcome.end, let set = sets.first, outcome.links.isEmpty else {
            return fault(.keyMissing, zone, outcome, step: .keys(zone: zone, trust: trust), chain, at: now)
        }
        switch validator.validateKeys(
            set.signed, trust: trust, at: validationTime(now), budget: &chain.budget.validation)
        {
        case .secure(let keys):
            zoneStates.set(
                zone, .secure(keys), ttl: min(set.ttl, keys.ttlLimit), at: now.seconds, metrics: &metrics)
            if set.security != .secure {
                var kept = set
                kept.security = .secure
                kept.credibility = .validated
                kept.ttl = min(kept.ttl, keys.ttlLimit)
                store(kept, at: now)
            }
            if trustAnchors.anchor(of: zone) != nil {
                signalTrustAnchors(zone, at: now)
                followRollover(of: zone, set, budget: chain.budget, at: now)
            }
        case .insecure(let reason):
            zoneStates.set(zone, .insecure(reason), ttl: set.ttl, at: now.seconds, metrics: &metrics)
        case .bogus(let reason):
            fault(reason, zone, outcome, step: .keys(zone: zone, trust: trust), chain, at: now)
        }
    }

    private func takeDelegation(
        _ outcome: Outcome, _ child: Name, _ parent: ZoneKeys, _ chain: KeyChain, at now: Moment
    ) {
        let again = KeyChain.Step.delegation(child: child, parent: parent)
        switch outcome.end {
        case .answer(let sets):
            guard let set = sets.first(where: { $0.type == .ds }) else { return }
            switch validator.verify(
                set.signed, with: parent, at: validationTime(now), budget: &chain.budget.validation)
            {
            case .secure(let secure):
                if set.security != .secure {
                    var kept = set
                    kept.security = .secure
                    kept.credibility = .validated
                    kept.ttl = min(kept.ttl, secure.ttlLimit)
                    store(kept, at: now)
                }
                chain.step = .keys(zone: child, trust: TrustPoint(secure))
            case .bogus(let reason): fault(reason, child, outcome, step: again, chain, at: now)
            }
        case .noData, .nameError:
            var verified: [RecordSet] = []
            let proof = denialProof(
                outcome.proof, parent, &chain.budget.validation, verified: &verified, at: now)
            let ttl = max(outcome.negativeTTL, 1)
            switch proof.delegation(child, budget: &chain.budget.validation) {
            case .insecureDelegation(let reason):
                zoneStates.set(child, .insecure(reason), ttl: ttl, at: now.seconds, metrics: &metrics)
            case .notDelegation:
                zoneStates.set(child, .notCut, ttl: ttl, at: now.seconds, metrics: &metrics)
            case .nonexistent:
                // Nor is there anything below.
                for labels in child.labelCount...max(child.labelCount, chain.target.labelCount) {
                    zoneStates.set(
                        chain.target.suffix(labels: labels), .notCut, ttl: ttl, at: now.seconds,
                        metrics: &metrics)
                }
            case .bogus(let reason): fault(reason, child, outcome, step: again, chain, at: now)
            }
        case .alias, .tooLongName:
            // An alias is no zone cut. Nothing is loosened by believing it.
            zoneStates.set(child, .notCut, ttl: 60, at: now.seconds, metrics: &metrics)
        case .failure: break
        }
    }

    /// A step did not validate: another server may do better; else the chain is broken here for a while.
    private func fault(
        _ reason: BogusReason, _ zone: Name, _ outcome: Outcome, step: KeyChain.Step, _ chain: KeyChain,
        at now: Moment
    ) {
        if chain.retries < configuration.limits.validationRetries {
            chain.retries += 1
            // A cached outcome has no server: then simply ask anew.
            chain.avoidedServers.insert(outcome.server ?? IPEndpoint(.anyIPv4, port: 0))
            chain.step = step
            chain.lastFault = (reason, zone)
            return
        }
        giveUp(reason, zone, at: now)
    }

    /// The chain is broken at `zone` for a while.
    private func giveUp(_ reason: BogusReason, _ zone: Name, at now: Moment) {
        zoneStates.set(
            zone, .bogus(reason), ttl: configuration.validation.bogusTTL.wholeSeconds, at: now.seconds,
            metrics: &metrics)
    }

    /// The NSEC and NSEC3 sets among `sets` that the zone's keys verify.
    ///
    /// - Parameter verified: gets them too, as they came.
    func denialProof(
        _ sets: [RecordSet], _ keys: ZoneKeys, _ budget: inout ValidationBudget,
        verified: inout [RecordSet], at now: Moment
    ) -> DenialProof {
        var good: [SecureRRset] = []
        for set in sets where set.type == .nsec || set.type == .nsec3 {
            guard !set.signatures.isEmpty else { continue }
            if case .secure(let secure) = validator.verify(
                set.signed, with: keys, at: validationTime(now), budget: &budget)
            {
                good.append(secure)
                if !verified.contains(where: { $0.type == set.type && $0.owner == set.owner }) {
                    verified.append(set)
                }
            }
        }
        return DenialProof(zone: keys.zone, sets: good, budget: &budget)
    }

    /// Wall-clock seconds that signatures are judged at.
    func validationTime(_ now: Moment) -> UInt32 {
        UInt32(truncatingIfNeeded: configuration.validation.time ?? now.wall)
    }

    /// Tells a zone which of its keys are trusted here: a query for `_ta-` and the key tags (RFC 8145 5.1).
    private func signalTrustAnchors(_ zone: Name, at now: Moment) {
        guard configuration.validation.signalsTrustAnchors, let anchor = trustAnchors.anchor(of: zone) else {
            return
        }
        var tags = Set(anchor.delegationSigners.map(\.keyTag))
        for key in anchor.keys { tags.insert(key.keyTag) }
        let digits = tags.sorted().map { tag in
            let text = String(tag, radix: 16)
            return String(repeating: "0", count: 4 - text.count) + text
        }
        let label = Array(("_ta-" + digits.joined(separator: "-")).utf8)
        guard label.count < 64, let prefix = try? Name(labels: [label[...]]),
            let name = zone.prefixed(by: prefix)
        else { return }
        startFetch(
            name, .null, waiter: .nobody,
            budget: Budget(configuration.limits, wallTime: spans.wallTime, at: now), depth: 1, at: now)
    }
}

extension RecordSet {
    /// The set as validation wants it.
    var signed: SignedRRset {
        SignedRRset(set: rrset, signatures: signatures.recordData)
    }

    /// The zone that the first usable signature names, when it lies above the owner.
    var signer: Name? {
        guard let octets = signatures.first, octets.count > 18 else { return nil }
        var end = octets.startIndex + 18
        while end < octets.endIndex, octets[end] != 0 { end += 1 + Int(octets[end]) }
        guard end < octets.endIndex,
            let name = try? Name(wire: Array(octets[(octets.startIndex + 18)...end])),
            owner.isAtOrBelow(name)
        else { return nil }
        return name
    }
}
