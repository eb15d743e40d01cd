internal import DNSCore
internal import DNSSecurity

/// A question of one or more clients, from the first lookup to the answer.
final class Request {
    /// Someone who waits for the answer.
    struct Client {
        var token: UInt64
        var options: QueryOptions
        var address: IPAddress?
        /// When it asked, in nanoseconds of the monotonic clock.
        var since: UInt64

        /// Clients with the same get the same answer.
        var kind: QueryOptions { QueryOptions(rawValue: options.rawValue & Client.kinds) }

        private static let kinds = QueryOptions.wantsDNSSEC.rawValue | QueryOptions.checkingDisabled.rawValue
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
    /// The name that ``pendingPolicy`` is about: the question's, or one that its chain has come to.
    var policyName: Name?
    /// A policy has been applied or lets everything pass.
    var isPastPolicies = false
    /// The policy zone that did so, if its matches are to be logged.
    var loggedPolicy: Name?
    /// The answer is this one client's and is not kept.
    var isPrivate: Bool { view == Resolver.privateView }
    /// What configured servers may know of the client's address (RFC 7871).
    var subnet: IPPrefix?
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
    /// The SOA, NSEC and NSEC3 sets that have been verified for the part that is being validated.
    var verifiedProof: [RecordSet] = []
    /// The sets of the part that is being validated that were found secure, whatever the rest is, and the TTL that their
    /// signatures allow.
    var secureSets: [(owner: Name, type: RRType, ttlLimit: UInt32)] = []
    /// Names whose sets have good signatures and may yet be replaced by a delegation inside an opt-out span.
    var optedOut: [Name] = []
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
        load(question.name)
        let nameHash = key.hash(ofSuffixAt: 0)
        var localAlias: Outcome?
        switch localNames.answer(
            question, key: key, prefix: synthesisPrefix(client, view: view), writer: writer)
        {
        case .none: break
        case .answer(let answer):
            metrics.localAnswers += 1
            return deliver(answer, to: client)
        case .alias(let outcome):
            metrics.localAnswers += 1
            localAlias = outcome
        }
        var policy: Policies.Decision?
        var view = view
        var isPastPolicies = false
        if localAlias == nil, !policies.isEmpty {
            policy = policies.decide(name: question.name, client: client.address)
            if let decision = policy, case .tcpOnly = decision.action, client.options.contains(.isStream),
                !policies.mustResolve(before: decision)
            {
                // It has come the way that the policy wants; what it gets must not be kept for those who have not.
                policy = nil
                view = Resolver.privateView
                isPastPolicies = true
            } else if let decision = policy, !policies.mustResolve(before: decision),
                let made = answer(decision, question)
            {
                if view != Resolver.privateView { keepPolicyAnswer(made, question, view: view, at: now) }
                return deliver(made, to: client)
            }
        }
        let subnet =
            client.options.contains(.hidesSubnet) ? nil : self.subnet(for: question.name, client.address)
        if let subnet, !client.options.contains(.isTraced), client.options.contains(.recursionDesired),
            let known = subnetAnswers.answer(
                for: SubnetAnswers.Key(question, subnet, view: view, options: client.options), at: now.seconds
            )
        {
            metrics.subnetAnswers += 1
            return deliver(known, to: client)
        }
        let key = tableKey(
            nameHash, question.type, salt: UInt64(view) | subnetSalt(subnet) << 16)
        if !client.options.contains(.isTraced),
            client.options.contains(.recursionDesired) || client.options.contains(.isPrefetch),
            let id = requestKeys[key],
            let running = requests[id],
            running.question.name == question.name,
            running.question.type == question.type, running.view == view,
            running.subnet == subnet
        {
            if client.options.contains(.isPrefetch) { return }
            metrics.joined += 1
            guard running.clients.count < configuration.limits.clientsPerQuestion else {
                metrics.limitClientsPerQuestion += 1
                let reason = "more clients wait for one question than limits.clients-per-query"
                return deliver(
                    ResolverAnswer(.serverFailure, errors: [ExtendedErrorNote(.other)], failure: reason),
                    to: client)
            }
            if running.isValidating, client.options.contains(.checkingDisabled) {
                return deliver(answer(running, options: client.options, at: now).answer, to: client)
            }
            running.clients.append(client)
            return
        }
        guard requests.count < configuration.limits.concurrentQuestions else {
            metrics.limitConcurrentQuestions += 1
            let reason = "more questions at once than limits.outstanding-queries"
            return deliver(
                staleAnswer(question, client.options, view: view, at: now)
                    ?? ResolverAnswer(
                        .serverFailure, errors: [ExtendedErrorNote(.other)], failure: reason), to: client)
        }
        let request = Request(
            id: takeID(), key: key, question: question, view: view,
            budget: Budget(configuration.limits, wallTime: spans.wallTime, at: now), at: now)
        request.subnet = subnet
        request.isPastPolicies = isPastPolicies
        if let localAlias, case .alias(let target) = localAlias.end {
            request.parts = [localAlias]
            request.currentName = target
            request.visited.insert(question.name)
        }
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
            requestEnds.insert(request.id, at: request.budget.deadline)
            if configuration.cache.servesStale, !request.clients.isEmpty {
                staleTurns.insert(request.id, at: now.monotonic &+ spans.staleClientTimeout)
            }
        }
    }

    /// Lets a policy's match take effect on a new request, or on the name that its chain has come to.
    private func apply(_ decision: Policies.Decision?, to request: Request) {
        guard let decision else { return }
        if case .passThrough = decision.action, !policies.mustResolve(before: decision) {
            request.isPastPolicies = true
            request.loggedPolicy = policies.loggedZone(decision)
            return
        }
        let question = Question(name: request.currentName, type: request.question.type)
        if let outcome = redirection(decision, question), case .alias(let target) = outcome.end {
            metrics.policyHits += 1
            request.parts.append(outcome)
            request.currentName = target
            request.isPastPolicies = true
            request.loggedPolicy = policies.loggedZone(decision)
            if policies.zone(decision)?.extendedError != nil {
                request.notes.append(ExtendedErrorNote(.forgedAnswer))
            }
            return
        }
        request.pendingPolicy = decision
        request.policyName = request.currentName
    }

    /// Keeps what a policy made of a question, for the fast path.
    func keepPolicyAnswer(
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
                refreshes: request.refreshes, subnet: request.subnet, at: now)
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
        let outcome = upToPolicy(outcome, request)
        request.parts.append(outcome)
        guard case .alias(let target) = outcome.end else {
            complete(request, at: now)
            return false
        }
        request.visited.insert(request.currentName)
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

    /// An outcome as far as the first alias whose target a policy zone names.
    private func upToPolicy(_ outcome: Outcome, _ request: Request) -> Outcome {
        guard !policies.isEmpty, !request.isPastPolicies, request.pendingPolicy == nil else { return outcome }
        for (index, link) in outcome.links.enumerated() where link.type == .cname {
            guard let target = link.target, policies.decide(name: target, client: nil) != nil else {
                continue
            }
            var result = outcome
            result.links = Array(outcome.links.prefix(through: index))
            result.end = .alias(target)
            result.finalName = target
            result.proof = outcome.proof.filter { $0.type != .soa }
            return result
        }
        return outcome
    }

    /// Without RD only what is cached is told.
    private func answerFromCacheOnly(_ request: Request, _ client: Request.Client, at now: Moment) {
        var name = request.currentName
        let local = request.parts
        while request.parts.count <= configuration.limits.aliasRestarts {
            guard let cached = cachedOutcome(name, request.question.type, at: now) else { break }
            if !trustAnchors.isEmpty, cached.security == .unchecked,
                !client.options.contains(.checkingDisabled)
            {
                // Not validated yet: nothing to be told without work.
                request.parts = local
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
            if !request.parts.contains(where: \.isForOneSubnet) {
                storeAnswer(
                    result.answer, for: request.question, view: request.view, audience: result.audience,
                    ttl: result.ttl, at: now)
            }
            deliver(result.answer, of: request, to: client, at: now)
        }
    }
}
