internal import DNSCore
internal import DNSSecurity

/// How requests end: answers for everyone who waits, and for the cache.
extension Resolver {
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
            for client in request.clients { deliver(answer, of: request, to: client, at: now) }
            return
        }
        if let changed = policyAnswer(request, at: now) {
            if !request.isPrivate { keepPolicyAnswer(changed, request.question, view: request.view, at: now) }
            for client in request.clients {
                // Whom a policy sends to streams and who is there gets what there is; it is not kept for the others.
                let passes = changed.disposition == .truncate && client.options.contains(.isStream)
                let own = passes ? answer(request, options: client.options, at: now).answer : changed
                deliver(own, of: request, to: client, at: now)
            }
            return
        }
        var made: [(kind: QueryOptions, answer: ResolverAnswer)] = []
        for client in 0..<max(1, request.clients.count) {
            // Without a client the cache is all that is left to serve.
            let options = request.clients.isEmpty ? [] : request.clients[client].kind
            if made.contains(where: { $0.kind == options }) { continue }
            let result = answer(request, options: options, at: now)
            made.append((options, result.answer))
            if request.question.type != .any, !request.parts.contains(where: \.isForOneSubnet) {
                storeAnswer(
                    result.answer, for: request.question, view: request.view, audience: result.audience,
                    ttl: result.ttl, at: now)
            } else if let subnet = request.subnet, !request.isPrivate, result.answer.policy == nil {
                let key = SubnetAnswers.Key(request.question, subnet, view: request.view, options: options)
                let ttl = min(result.ttl, spans.maxTTL)
                if !subnetAnswers.store(result.answer, for: key, ttl: ttl, at: now.seconds) {
                    metrics.limitSubnetAnswers += 1
                }
            }
        }
        for client in request.clients {
            guard let one = made.first(where: { $0.kind == client.kind }) else { continue }
            deliver(one.answer, of: request, to: client, at: now)
        }
    }

    /// Tells everyone that there is no answer; expired data are better than none (RFC 8767).
    func fail(_ request: Request, _ failure: Failure, at now: Moment) {
        metrics.failures += 1
        var answer = ResolverAnswer(.serverFailure, errors: [failure.note])
        answer.failure =
            "\(request.question.name) \(request.question.type): \(failure.text)"
        // While validating: the data are there, and good enough for whoever checks them himself.
        let audience: AnswerAudience = request.isValidating ? [.plain, .wantsDNSSEC] : .all
        storeAnswer(
            answer, for: request.question, view: request.view, audience: audience,
            ttl: spans.failureTTL, at: now, overExpired: false)
        for client in request.clients {
            deliver(
                staleAnswer(request.question, client.options, view: request.view, at: now) ?? answer,
                of: request, to: client, at: now)
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
            if !part.links.isEmpty { sets += part.links }
            var keepsProof = false
            switch part.end {
            case .answer(let found): sets = sets.isEmpty ? found : sets + found
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
        // Nothing vouches for YXDOMAIN itself.
        result.isAuthentic =
            !request.parts.isEmpty && result.responseCode != .yxDomain
            && request.parts.allSatisfy { $0.security == .secure }
        result.errors = request.notes
        result.policy = request.loggedPolicy
        var audience: AnswerAudience = .all
        if hasDNSSEC {
            audience = wantsDNSSEC ? [.wantsDNSSEC, .wantsDNSSECUnchecked] : [.plain, .checkingDisabled]
        }
        // Who validates himself gets no addresses that nobody signed (RFC 6147 5.5).
        if request.withoutSynthesis != nil { audience.subtract(.wantsDNSSECUnchecked) }
        return (result, audience, ttl == .max ? 0 : ttl)
    }

    func remove(_ request: Request) {
        requests[request.id] = nil
        if requestKeys[request.key] == request.id { requestKeys[request.key] = nil }
        requestEnds.dropFirst { requests[$0] == nil }
        staleTurns.dropFirst { requests[$0] == nil }
    }

    func deliver(_ answer: ResolverAnswer, to client: Request.Client) {
        actions.append(.answer(token: client.token, answer))
    }

    /// Answers someone who waited for `request`, the trace with it if there is one.
    func deliver(
        _ answer: ResolverAnswer, of request: Request, to client: Request.Client, at now: Moment
    ) {
        var answer = answer
        if comesTooLate(client, at: now) { answer.disposition = .drop }
        if let trace = request.budget.trace { answer.trace = trace.entries }
        deliver(answer, to: client)
    }

    /// Whether an answer is one of too many that would go to an unproved address in one late burst.
    private func comesTooLate(_ client: Request.Client, at now: Moment) -> Bool {
        guard !client.options.contains(.isProved), let address = client.address,
            now.monotonic &- client.since >= spans.lateAnswerAge
        else { return false }
        let window = now.monotonic / 100_000_000
        if window != lateWindow {
            lateWindow = window
            lateAnswers.removeAll(keepingCapacity: true)
        }
        let count = lateAnswers[address, default: 0]
        guard count < configuration.limits.lateAnswers else {
            metrics.limitLateAnswers += 1
            return true
        }
        lateAnswers[address] = count + 1
        return false
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
            deliver(stale, of: request, to: client, at: now)
            return true
        }
    }
}
