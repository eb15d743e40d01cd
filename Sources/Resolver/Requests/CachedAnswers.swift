internal import DNSCore
internal import DNSSecurity

/// Reading outcomes and answers from the cache, and putting them there.
extension Resolver {
    /// Types that an ANY question is answered with from the cache (RFC 8482 4.1: what is at hand will do).
    private static let anyTypes: [RRType] = [
        .a, .aaaa, .cname, .mx, .ns, .soa, .txt, .https, .srv, .ptr, .caa,
    ]
    /// The type under which absence of a whole name is kept.
    private static let noType = RRType(rawValue: 0)

    /// What the cache knows about a name and type.
    ///
    /// - Parameter forKeys: whether a referral's proof that there is no DS record will do; clients want an SOA with it.
    func cachedOutcome(_ name: Name, _ type: RRType, forKeys: Bool = false, at now: Moment) -> Outcome? {
        load(name)
        let seconds = now.seconds
        if type == .any {
            let sets = Resolver.anyTypes.compactMap { cachedSets(name, $0, at: seconds).first }
            guard !sets.isEmpty, !sets.contains(where: { $0.security == .bogus }) else { return nil }
            var outcome = Outcome(end: .answer(sets), finalName: name)
            outcome.isFromCache = true
            outcome.security = sets.map(\.security).min() ?? .unchecked
            return outcome
        }
        var sets = cachedSets(name, type, at: seconds)
        if let set = sets.first {
            sets.removeFirst()
            guard set.security != .bogus else { return nil }
            var outcome = Outcome(end: .answer([set]), finalName: name)
            outcome.isFromCache = true
            outcome.proof = sets
            outcome.security = set.security
            return outcome
        }
        for (kind, negativeType) in [(false, type), (true, Resolver.noType)] {
            guard let entry = cache.entry(.negative, for: key, type: negativeType, at: seconds) else {
                continue
            }
            var outcome = Outcome(end: kind ? .nameError : .noData, finalName: name)
            outcome.proof = decode(entry, at: seconds)
            if type == .ds, !forKeys, !outcome.proof.contains(where: { $0.type == .soa }) { return nil }
            outcome.security = entry.meta.security
            outcome.negativeTTL = entry.meta.remaining(at: seconds)
            return outcome
        }
        let mayBeAlias = type != .cname && !type.mayStandBesideCNAME
        sets = mayBeAlias ? cachedSets(name, .cname, at: seconds) : []
        if let alias = sets.first, let target = alias.target {
            sets.removeFirst()
            guard alias.security != .bogus else { return nil }
            var outcome = Outcome(end: .alias(target), finalName: target)
            outcome.isFromCache = true
            outcome.links = [alias]
            outcome.proof = sets
            outcome.security = alias.security
            return outcome
        }
        return renamedOutcome(name, type, at: seconds) ?? provedOutcome(name, type, at: seconds)
    }

    /// What a cached secure DNAME above a name makes of it (RFC 6672 3.4.1).
    ///
    /// Others are asked for again: whoever could forge one would own all names below.
    private func renamedOutcome(_ name: Name, _ type: RRType, at seconds: UInt32) -> Outcome? {
        guard !renamedTrees.isEmpty else { return nil }
        var candidate = name.parent
        while let owner = candidate {
            candidate = owner.parent
            guard renamedTrees.contains(NameHash.hash(owner)) else { continue }
            load(owner)
            guard let set = cachedSets(owner, .dname, at: seconds).first, set.security == .secure,
                let target = set.target
            else { continue }
            var outcome = Outcome(end: .tooLongName, finalName: name)
            outcome.links = [set]
            outcome.isFromCache = true
            outcome.security = .secure
            guard let next = name.replacingSuffix(owner, with: target) else { return outcome }
            var alias = RecordSet(owner: name, type: .cname, ttl: set.ttl)
            alias.data.append(next.wire)
            if type == .cname {
                outcome.end = .answer([alias])
            } else {
                outcome.links.append(alias)
                outcome.finalName = next
                outcome.end = .alias(next)
            }
            return outcome
        }
        return nil
    }

    /// What cached proofs of absence, and cached wildcards, say of a name that was never asked for (RFC 8198).
    private func provedOutcome(_ name: Name, _ type: RRType, at seconds: UInt32) -> Outcome? {
        guard !absences.isEmpty, !trustAnchors.isNegated(name) else { return nil }
        var budget = ValidationBudget()
        switch absences.find(name, type, budget: &budget, at: seconds) {
        case nil: return nil
        case .absent(let outcome):
            guard !isConfigured(name, below: outcome.zone) else { return nil }
            metrics.aggressiveAnswers += 1
            return outcome
        case .wildcard(let wildcard, let proof, let zone):
            guard !isConfigured(name, below: zone) else { return nil }
            load(wildcard)
            var set = cachedSets(wildcard, type, at: seconds).first
            if set == nil, type != .cname, !type.mayStandBesideCNAME {
                set = cachedSets(wildcard, .cname, at: seconds).first
            }
            guard var set, set.security == .secure else { return nil }
            set.owner = name
            var outcome = Outcome(end: .answer([set]), finalName: name)
            if set.type == .cname, type != .cname {
                guard let target = set.target else { return nil }
                outcome = Outcome(end: .alias(target), finalName: target)
                outcome.links = [set]
            }
            outcome.proof = proof
            outcome.zone = zone
            outcome.isFromCache = true
            outcome.security = .secure
            metrics.aggressiveWildcards += 1
            return outcome
        }
    }

    /// Whether a stub or forward zone below `apex` holds `name`: what `apex` says of it does not count here.
    private func isConfigured(_ name: Name, below apex: Name) -> Bool {
        guard !configuredZones.isEmpty else { return false }
        var labels = name.labelCount
        while labels > apex.labelCount {
            let suffix = name.suffix(labels: labels)
            if configuredZones[NameHash.hash(suffix)]?.zone == suffix.lowercased { return true }
            labels -= 1
        }
        return false
    }

    /// The cached set of a type, and behind it what proves its wildcard; empty when there is none.
    ///
    /// ``key`` holds `name`.
    func cachedSets(_ name: Name, _ type: RRType, at seconds: UInt32) -> [RecordSet] {
        guard let entry = cache.entry(.set, for: key, type: type, at: seconds) else { return [] }
        return decode(entry, at: seconds)
    }

    /// The sets of an entry with what is left of their TTLs.
    private func decode(_ entry: ResolverCache.Entry, at seconds: UInt32) -> [RecordSet] {
        var sets: [RecordSet] = []
        var position = 0
        let age = seconds > entry.meta.storedAt ? seconds - entry.meta.storedAt : 0
        while var set = RecordSet(decoding: entry.payload, at: &position) {
            set.ttl = set.ttl > age ? set.ttl - age : 0
            set.security = entry.meta.security
            sets.append(set)
        }
        return sets
    }

    /// Keeps a set, `proof` with it.
    func store(_ set: RecordSet, proof: [RecordSet] = [], at now: Moment) {
        let ttl = bounded(set.ttl)
        guard ttl > 0 else { return }
        load(set.owner)
        var meta = CacheMeta(storedAt: now.seconds, ttl: proof.reduce(ttl) { min($0, $1.ttl) })
        meta.credibility = set.credibility
        meta.security = set.security
        var payload = set.encoded(ttl: ttl)
        for other in proof { payload += other.encoded }
        if set.type == .dname, set.security == .secure {
            if renamedTrees.count >= configuration.limits.rememberedZones { renamedTrees.removeAll() }
            renamedTrees.insert(NameHash.hash(set.owner))
        }
        cache.store(
            .set, for: key, type: set.type, meta: meta, payload: payload, keepsBetter: true, at: now.seconds)
    }

    /// Keeps everything that an outcome says.
    func store(_ outcome: Outcome, type: RRType, at now: Moment) {
        var madeFromDNAME = false
        for link in outcome.links {
            if link.type == .dname {
                store(link, at: now)
                madeFromDNAME = true
            } else if madeFromDNAME {
                madeFromDNAME = false  // made anew from the DNAME when needed
            } else {
                store(link, proof: wildcardProof(of: link, in: outcome), at: now)
            }
        }
        switch outcome.end {
        case .answer(let sets):
            let isMade = outcome.links.last?.type == .dname
            for set in sets where !(isMade && set.type == .cname) {
                store(set, proof: wildcardProof(of: set, in: outcome), at: now)
            }
        case .noData: storeAbsence(outcome, outcome.finalName, type, at: now)
        case .nameError: storeAbsence(outcome, outcome.finalName, Resolver.noType, at: now)
        case .alias, .failure, .tooLongName: break
        }
    }

    private func wildcardProof(of set: RecordSet, in outcome: Outcome) -> [RecordSet] {
        guard let labels = set.signatureLabels, labels < set.owner.labelCount else { return [] }
        return outcome.proof.filter { $0.type != .soa }
    }

    private func storeAbsence(_ outcome: Outcome, _ name: Name, _ type: RRType, at now: Moment) {
        var ttl = min(outcome.negativeTTL, spans.maxNegativeTTL)
        for set in outcome.proof { ttl = min(ttl, set.ttl) }
        guard ttl > 0 else { return }
        load(name)
        var meta = CacheMeta(storedAt: now.seconds, ttl: ttl)
        meta.security = outcome.absenceSecurity ?? outcome.security
        let payload = outcome.proof.reduce(into: [UInt8]()) { $0 += $1.encoded }
        cache.store(.negative, for: key, type: type, meta: meta, payload: payload, at: now.seconds)
    }

    /// A TTL within the configured bounds.
    func bounded(_ ttl: UInt32) -> UInt32 {
        min(max(ttl, spans.minTTL), spans.maxTTL)
    }

    // MARK: Whole answers

    /// Keeps a finished answer for the fast path, unless it is to be logged each time.
    ///
    /// - Parameter overExpired: whether it may take the place of an expired answer that could still be served stale.
    func storeAnswer(
        _ answer: ResolverAnswer, for question: Question, view: UInt16, audience: AnswerAudience, ttl: UInt32,
        at now: Moment, overExpired: Bool = true
    ) {
        var ttl = min(ttl, spans.maxTTL)
        if answer.sections.answerCount == 0 {
            ttl = min(ttl, spans.maxNegativeTTL)
        }
        guard ttl > 0, answer.disposition == .respond, !answer.isStale, view != Resolver.privateView,
            answer.policy == nil
        else {
            return
        }
        load(question.name)
        if !overExpired, configuration.cache.servesStale,
            cache.entry(
                .answer, for: key, type: question.type, view: view, at: now.seconds,
                staleAge: configuration.cache.staleMaxAge.wholeSeconds) != nil
        {
            return
        }
        var meta = CacheMeta(storedAt: now.seconds, ttl: ttl)
        meta.audience = audience
        meta.responseCode = answer.responseCode
        meta.security = answer.isAuthentic ? .secure : .insecure
        meta.extendedError = answer.errors.first?.code
        meta.answers = answer.sections.answerCount
        meta.authorities = answer.sections.authorityCount
        meta.additionals = answer.sections.additionalCount
        meta.view = view
        cache.store(
            .answer, for: key, type: question.type, meta: meta, payload: answer.sections.octets,
            ttlOffsets: AnswerWriter.ttlOffsets(answer.sections), at: now.seconds)
    }

    /// An expired answer that may still be served (RFC 8767).
    func staleAnswer(
        _ question: Question, _ options: QueryOptions, view: UInt16, at now: Moment
    ) -> ResolverAnswer? {
        guard configuration.cache.servesStale else { return nil }
        load(question.name)
        guard
            let entry = cache.entry(
                .answer, for: key, type: question.type, view: view, audience: AnswerAudience(options),
                at: now.seconds, staleAge: configuration.cache.staleMaxAge.wholeSeconds),
            entry.meta.responseCode == .noError || entry.meta.responseCode == .nameError
        else { return nil }
        var answer = ResolverAnswer(entry.meta.responseCode)
        answer.isAuthentic = entry.meta.security == .secure
        answer.isStale = entry.meta.expiresAt <= now.seconds
        answer.sections = PreparedSections(
            octets: entry.payload, answerCount: entry.meta.answers, authorityCount: entry.meta.authorities,
            additionalCount: entry.meta.additionals)
        guard answer.isStale else { return answer }
        metrics.staleAnswers += 1
        answer.sections.setTTLs(configuration.cache.staleAnswerTTL.wholeSeconds)
        answer.errors = [
            ExtendedErrorNote(answer.responseCode == .nameError ? .staleNXDomain : .staleAnswer)
        ]
        return answer
    }
}
