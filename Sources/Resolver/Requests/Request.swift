internal import DNSCore
internal import DNSSecurity

/// A question of one or more clients, from the first lookup to the answer.
final class Request {
    /// Someone who waits for the answer.
    struct Client {
        var token: UInt64
        var options: QueryOptions
        var address: IPAddress?
    }

    let id: Int
    let key: UInt64
    let question: Question
    let view: UInt16
    let budget: Budget
    let startedAt: Moment
    var clients: [Client] = []
    /// What has been found so far: one part for each name of the alias chain.
    var parts: [Outcome] = []
    /// The name that is being looked for.
    var currentName: Name
    /// The type that is being looked for: not always the question's (DNS64).
    var currentType: RRType
    /// What stood before A records were looked for in place of AAAA records.
    var withoutSynthesis: [Outcome]?
    /// Names of the chain, to notice loops.
    var visited: Set<Name> = []
    /// A match by name or client that still has to wait for what earlier policy zones say of the answer.
    var pendingPolicy: Policies.Decision?
    /// A policy has been applied or lets everything pass.
    var isPastPolicies = false
    /// The answer is this one client's and is not kept.
    var isPrivate: Bool { view == Resolver.privateView }
    /// Ask servers even for what is cached.
    var refreshes = false
    /// Clients with CD have had their answer.
    var isValidating = false
    /// Parts that are validated.
    var validated = 0
    var validationRetries = 0
    /// What did not validate before another server was asked.
    var lastFault: (reason: BogusReason, name: Name)?
    var avoidedServers: Set<IPEndpoint> = []
    /// What chains of keys came to, for this request.
    var chainResults: [Name: ChainResult] = [:]
    /// The smallest TTL that a signature allows.
    var ttlLimit = UInt32.max
    /// Extended errors of parts that are insecure for a reason worth telling.
    var notes: [ExtendedErrorNote] = []

    init(id: Int, key: UInt64, question: Question, view: UInt16, budget: Budget, at now: Moment) {
        self.id = id
        self.key = key
        self.question = question
        self.view = view
        self.budget = budget
        startedAt = now
        currentName = question.name
        currentType = question.type
    }
}

extension Resolver {
    /// Answers a client at once, or lets it wait for a new or a running request.
    func accept(_ question: Question, _ client: Request.Client, view: UInt16, at now: Moment) {
        guard question.recordClass == .internet || question.recordClass == .any else {
            return deliver(ResolverAnswer(.refused, errors: [ExtendedErrorNote(.notSupported)]), to: client)
        }
        if question.type.isMeta, question.type != .any {
            return deliver(ResolverAnswer(.notImplemented), to: client)
        }
        if let answer = localNames.answer(question, options: client.options, writer: writer) {
            metrics.localAnswers += 1
            return deliver(answer, to: client)
        }
        var policy: Policies.Decision?
        if !policies.isEmpty {
            policy = policies.decide(name: question.name, client: client.address)
            if let decision = policy, !policies.mustResolve(before: decision),
                let made = answer(decision, question)
            {
                if view != Resolver.privateView { keepPolicyAnswer(made, question, view: view, at: now) }
                return deliver(made, to: client)
            }
        }
        let key = tableKey(question.name, question.type, salt: UInt64(view))
        if !client.options.contains(.isTraced), let id = requestKeys[key], let running = requests[id],
            running.question.name == question.name,
            running.question.type == question.type, running.view == view
        {
            if client.options.contains(.isPrefetch) { return }
            metrics.joined += 1
            guard running.clients.count < configuration.limits.clientsPerQuestion else {
                metrics.limitClientsPerQuestion += 1
                return deliver(ResolverAnswer(.serverFailure), to: client)
            }
            if running.isValidating, client.options.contains(.checkingDisabled) {
                return deliver(answer(running, options: client.options, at: now).answer, to: client)
            }
            running.clients.append(client)
            return
        }
        guard requests.count < configuration.limits.concurrentQuestions else {
            metrics.limitConcurrentQuestions += 1
            return deliver(
                staleAnswer(question, client.options, view: view, at: now)
                    ?? ResolverAnswer(.serverFailure), to: client)
        }
        let request = Request(
            id: takeID(), key: key, question: question, view: view,
            budget: Budget(configuration.limits, at: now), at: now)
        if client.options.contains(.isTraced) {
            request.budget.trace = TraceLog(at: now)
            note(request.budget, 0, at: now, "question \(question.name) \(question.type)")
        }
        if client.options.contains(.isPrefetch) {
            // What has just failed is not asked for again with every hit.
            guard cachedFailure(question.name.lowercased, question.type, at: now) == nil else { return }
            metrics.prefetches += 1
            request.refreshes = true
        } else {
            request.clients = [client]
        }
        if !client.options.contains(.recursionDesired), !client.options.contains(.isPrefetch) {
            return answerFromCacheOnly(request, client, at: now)
        }
        requests[request.id] = request
        requestKeys[key] = request.id
        apply(policy, to: request)
        proceed(request, at: now)
        if requests[request.id] != nil {
            deadlines.insert(.request(request.id), at: request.budget.deadline)
            if configuration.cache.servesStale, !request.clients.isEmpty {
                let patience = configuration.cache.staleClientTimeout.wholeNanoseconds
                deadlines.insert(.stale(request.id), at: now.monotonic &+ patience)
            }
        }
    }

    /// Lets a policy's match take effect on a new request, or on the name that its chain has come to.
    private func apply(_ decision: Policies.Decision?, to request: Request) {
        guard let decision else { return }
        if case .passThrough = decision.action, !policies.mustResolve(before: decision) {
            request.isPastPolicies = true
            return
        }
        let question = Question(name: request.currentName, type: request.question.type)
        if let outcome = redirection(decision, question), case .alias(let target) = outcome.end {
            metrics.policyHits += 1
            request.parts.append(outcome)
            request.currentName = target
            request.isPastPolicies = true
            return
        }
        request.pendingPolicy = decision
    }

    /// Keeps what a policy made of a question, for the fast path.
    private func keepPolicyAnswer(
        _ answer: ResolverAnswer, _ question: Question, view: UInt16, at now: Moment
    ) {
        storeAnswer(answer, for: question, view: view, audience: .all, ttl: 60, at: now)
    }

    /// Looks for the current name of the chain, and for what follows, until a server must be asked.
    func proceed(_ request: Request, at now: Moment) {
        while requests[request.id] != nil {
            let name = request.currentName
            if !request.refreshes, let cached = cachedOutcome(name, request.currentType, at: now) {
                note(
                    request.budget, 0, at: now,
                    "\(name) \(request.currentType) in the cache: \(cached.summary)")
                metrics.answersFromSets += 1
                guard take(cached, into: request, at: now) else { return }
                continue
            }
            startFetch(
                name, request.currentType, waiter: .request(request.id), budget: request.budget, depth: 0,
                refreshes: request.refreshes, at: now)
            return
        }
    }

    /// A fetch has ended.
    func resume(request id: Int, with outcome: Outcome, at now: Moment) {
        guard let request = requests[id], !request.isValidating else { return }
        if take(outcome, into: request, at: now) { proceed(request, at: now) }
    }

    /// Adds a part to the chain.
    ///
    /// - Returns: whether the chain goes on.
    private func take(_ outcome: Outcome, into request: Request, at now: Moment) -> Bool {
        request.parts.append(outcome)
        request.visited.insert(request.currentName)
        guard case .alias(let target) = outcome.end else {
            complete(request, at: now)
            return false
        }
        let links = request.parts.reduce(0) { $0 + $1.links.count { $0.type == .cname } }
        guard links <= configuration.limits.aliasRestarts else {
            metrics.limitAliasRestarts += 1
            request.parts.append(Outcome(failing: target, Failure(.other, "more aliases than allowed")))
            complete(request, at: now)
            return false
        }
        guard !request.visited.contains(target) else {
            request.parts.append(Outcome(failing: target, Failure(.other, "aliases form a loop")))
            complete(request, at: now)
            return false
        }
        request.currentName = target
        // The names of a chain are judged as if they had been asked for.
        if !policies.isEmpty, !request.isPastPolicies, request.pendingPolicy == nil,
            let decision = policies.decide(name: target, client: nil)
        {
            apply(decision, to: request)
        }
        return true
    }

    /// Without RD only what is cached is told.
    private func answerFromCacheOnly(_ request: Request, _ client: Request.Client, at now: Moment) {
        var name = request.currentName
        while request.parts.count <= configuration.limits.aliasRestarts {
            guard let cached = cachedOutcome(name, request.question.type, at: now) else { break }
            if !trustAnchors.isEmpty, cached.security == .unchecked,
                !client.options.contains(.checkingDisabled)
            {
                // Not validated yet: nothing to be told without work.
                request.parts.removeAll()
                break
            }
            request.parts.append(cached)
            guard case .alias(let target) = cached.end else { break }
            name = target
        }
        guard !request.parts.isEmpty else {
            return deliver(
                ResolverAnswer(.refused, errors: [ExtendedErrorNote(.notAuthoritative)]), to: client)
        }
        deliver(answer(request, options: client.options, at: now).answer, to: client)
    }

    /// All parts are there.
    private func complete(_ request: Request, at now: Moment) {
        if case .failure? = request.parts.last?.end, request.lastFault == nil {
            return finish(request, at: now)
        }
        guard !trustAnchors.isEmpty else { return finish(request, at: now) }
        answerUnchecked(request, at: now)
        request.isValidating = true
        validate(request, at: now)
    }

    /// Clients with CD get what has been found, as it is (RFC 4035 3.2.2).
    private func answerUnchecked(_ request: Request, at now: Moment) {
        let unchecked = request.clients.filter { $0.options.contains(.checkingDisabled) }
        guard !unchecked.isEmpty else { return }
        request.clients.removeAll { $0.options.contains(.checkingDisabled) }
        for client in unchecked {
            var result = answer(request, options: client.options, at: now)
            result.audience.formIntersection([.checkingDisabled, .wantsDNSSECUnchecked])
            storeAnswer(
                result.answer, for: request.question, view: request.view, audience: result.audience,
                ttl: result.ttl,
                at: now)
            deliver(result.answer, of: request, to: client)
        }
    }

    /// Answers everyone, stores the answer, ends the request.
    func finish(_ request: Request, at now: Moment) {
        if configuration.dns64 != nil, requests[request.id] != nil {
            if continuesWithIPv4(request, at: now) { return }
            synthesise(request)
        }
        remove(request)
        if case .failure(let failure)? = request.parts.last?.end {
            return fail(request, failure, at: now)
        }
        if request.parts.allSatisfy({ $0.security == .secure }) {
            metrics.secure += 1
        } else {
            metrics.insecure += 1
        }
        if sentinelForbids(request) {
            let note = ExtendedErrorNote(.dnssecBogus, "root key sentinel")
            let answer = ResolverAnswer(.serverFailure, errors: [note], failure: "root key sentinel")
            storeAnswer(
                answer, for: request.question, view: request.view, audience: [.plain, .wantsDNSSEC], ttl: 60,
                at: now)
            for client in request.clients { deliver(answer, to: client) }
            return
        }
        if let changed = policyAnswer(request, at: now) {
            if !request.isPrivate { keepPolicyAnswer(changed, request.question, view: request.view, at: now) }
            for client in request.clients { deliver(changed, of: request, to: client) }
            return
        }
        var made: [QueryOptions: ResolverAnswer] = [:]
        let kinds = Set(request.clients.map { $0.options.intersection([.wantsDNSSEC, .checkingDisabled]) })
        for options in kinds.isEmpty ? [[]] : kinds {
            if made[options] != nil { continue }
            let result = answer(request, options: options, at: now)
            made[options] = result.answer
            if request.question.type != .any {
                storeAnswer(
                    result.answer, for: request.question, view: request.view, audience: result.audience,
                    ttl: result.ttl, at: now)
            }
        }
        for client in request.clients {
            guard let answer = made[client.options.intersection([.wantsDNSSEC, .checkingDisabled])] else {
                continue
            }
            deliver(answer, of: request, to: client)
        }
    }

    /// Tells everyone that there is no answer; expired data are better than none (RFC 8767).
    private func fail(_ request: Request, _ failure: Failure, at now: Moment) {
        metrics.failures += 1
        var answer = ResolverAnswer(.serverFailure, errors: [failure.note])
        answer.failure =
            "\(request.question.name) \(request.question.type): \(failure.text)"
        storeAnswer(
            answer, for: request.question, view: request.view, audience: .all,
            ttl: configuration.cache.failureTTL.wholeSeconds, at: now, overExpired: false)
        for client in request.clients {
            deliver(
                staleAnswer(request.question, client.options, view: request.view, at: now) ?? answer,
                to: client)
        }
    }

    /// The answer for clients with `options`, for whom else it is good, and how long.
    func answer(
        _ request: Request, options: QueryOptions, at now: Moment
    ) -> (answer: ResolverAnswer, audience: AnswerAudience, ttl: UInt32) {
        let wantsDNSSEC = options.contains(.wantsDNSSEC)
        var sets: [RecordSet] = []
        var authority: [RecordSet] = []
        var result = ResolverAnswer()
        var hasDNSSEC = false
        var ttl = UInt32.max
        for (index, part) in request.parts.enumerated() {
            sets += part.links
            var keepsProof = false
            switch part.end {
            case .answer(let found): sets += found
            case .noData: keepsProof = true
            case .nameError:
                keepsProof = true
                result.responseCode = .nameError
            case .tooLongName: result.responseCode = .yxDomain
            case .alias:
                // Without RD the chain may end in the open.
                if index == request.parts.count - 1 { result.responseCode = .noError }
            case .failure: result.responseCode = .serverFailure
            }
            if keepsProof { ttl = min(ttl, part.negativeTTL) }
            for var set in part.proof {
                let isSOA = set.type == .soa
                if !isSOA { hasDNSSEC = true }
                guard isSOA ? keepsProof : wantsDNSSEC else { continue }
                if keepsProof { set.ttl = min(set.ttl, part.negativeTTL) }
                if !authority.contains(where: { $0.type == set.type && $0.owner == set.owner }) {
                    authority.append(set)
                }
            }
        }
        ttl = min(ttl, request.ttlLimit)
        for set in sets { ttl = min(ttl, set.ttl) }
        for set in authority { ttl = min(ttl, set.ttl) }
        hasDNSSEC =
            hasDNSSEC || sets.contains { !$0.signatures.isEmpty }
            || authority.contains { !$0.signatures.isEmpty }
        result.sections = writer.write(
            Question(name: request.question.name, type: request.question.type), answer: sets,
            authority: authority,
            withSignatures: wantsDNSSEC)
        result.isAuthentic = !request.parts.isEmpty && request.parts.allSatisfy { $0.security == .secure }
        result.errors = request.notes
        var audience: AnswerAudience = .all
        if hasDNSSEC {
            audience = wantsDNSSEC ? [.wantsDNSSEC, .wantsDNSSECUnchecked] : [.plain, .checkingDisabled]
        }
        return (result, audience, ttl == .max ? 0 : ttl)
    }

    func remove(_ request: Request) {
        requests[request.id] = nil
        if requestKeys[request.key] == request.id { requestKeys[request.key] = nil }
    }

    func deliver(_ answer: ResolverAnswer, to client: Request.Client) {
        actions.append(.answer(token: client.token, answer))
    }

    /// Answers everyone who waits for `request`, the trace with it if there is one.
    func deliver(_ answer: ResolverAnswer, of request: Request, to client: Request.Client) {
        var answer = answer
        if let trace = request.budget.trace { answer.trace = trace.entries }
        deliver(answer, to: client)
    }

    /// The wall-time limit of a request has come.
    func endOfPatience(_ id: Int, at now: Moment) {
        guard let request = requests[id] else { return }
        metrics.limitWallTime += 1
        remove(request)
        fail(request, Failure(.noReachableAuthority, "no answer within the time allowed"), at: now)
    }

    /// The client has waited long enough for fresh data (RFC 8767 5).
    func offerStale(_ id: Int, at now: Moment) {
        guard let request = requests[id], !request.clients.isEmpty else { return }
        request.clients.removeAll { client in
            guard let stale = staleAnswer(request.question, client.options, view: request.view, at: now)
            else {
                return false
            }
            deliver(stale, to: client)
            return true
        }
    }
}
