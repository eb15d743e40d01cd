internal import DNSCore
internal import DNSSecurity

/// How a fetch goes on: one function for each thing that can happen to it.
extension Resolver {
    // MARK: Beginning

    /// Starts the search for a name and type, or joins the one that is running.
    ///
    /// - Parameters:
    ///   - parent: the fetch that needs this one; refused when that would wait for itself.
    ///   - ceiling: use only delegations above this zone.
    /// - Returns: the fetch's ID; nil when it was refused, with the failure already told to `waiter`.
    @discardableResult
    func startFetch(
        _ name: Name, _ type: RRType, waiter: Waiter, budget: Budget, depth: Int, parent: Int? = nil,
        ceiling: Name? = nil, refreshes: Bool = false, avoiding: Set<IPEndpoint> = [],
        subnet: IPPrefix? = nil, at now: Moment
    ) -> Int? {
        let name = name.lowercased
        let tableKey = tableKey(
            NameHash.hash(name), type, salt: (ceiling == nil ? 0 : 1) | subnetSalt(subnet) << 16)
        if let id = fetchKeys[tableKey], let running = fetches[id], running.name == name,
            running.type == type,
            running.subnet == subnet
        {
            if let parent, waits(id, for: parent) {
                ready.append(
                    (waiter, Outcome(failing: name, Failure(.other, "servers' names depend on each other"))))
                return nil
            }
            running.waiters.append(waiter)
            if let parent { fetches[parent]?.children.append(id) }
            return id
        }
        // Whoever traces wants to see why.
        if !refreshes, budget.trace == nil, let failure = cachedFailure(name, type, at: now) {
            metrics.cachedFailures += 1
            ready.append((waiter, Outcome(failing: name, failure)))
            return nil
        }
        guard depth <= configuration.limits.depth else {
            metrics.limitDepth += 1
            ready.append((waiter, Outcome(failing: name, Failure(.other, "servers' names nest too deeply"))))
            return nil
        }
        guard fetches.count < 2 * configuration.limits.concurrentQuestions else {
            metrics.limitConcurrentQuestions += 1
            ready.append((waiter, Outcome(failing: name, Failure(.other, "too many questions at once"))))
            return nil
        }
        let fetch = Fetch(id: takeID(), key: tableKey, name: name, type: type, budget: budget, depth: depth)
        fetch.ceiling = ceiling
        fetch.avoidedServers = avoiding
        fetch.subnet = subnet
        fetch.waiters = [waiter]
        fetches[fetch.id] = fetch
        if fetchKeys[tableKey] == nil { fetchKeys[tableKey] = fetch.id }
        // Before anything else happens: whether fetches wait for each other in a circle is seen by this.
        if let parent { fetches[parent]?.children.append(fetch.id) }
        enter(closestDelegation(for: fetch, at: now), fetch, at: now)
        note(
            budget, depth, at: now,
            "looking for \(name) \(type) from \(fetch.delegation?.zone.description ?? "")")
        step(fetch, at: now)
        return fetch.id
    }

    /// Whether fetch `id` waits, directly or through others, for `other`.
    private func waits(_ id: Int, for other: Int) -> Bool {
        var pending = [id]
        var seen = 0
        while let next = pending.popLast(), seen < 256 {
            if next == other { return true }
            seen += 1
            pending += fetches[next]?.children ?? []
        }
        return seen >= 256
    }

    /// Makes the servers of a referral the ones to ask.
    func enterReferral(_ delegation: Delegation, _ fetch: Fetch, minimises: Bool, at now: Moment) {
        enter(delegation, fetch, at: now)
        fetch.minimises = minimises && fetch.minimises
    }

    /// Makes the servers of `delegation` the ones to ask.
    private func enter(_ delegation: Delegation, _ fetch: Fetch, at now: Moment) {
        unload(fetch)
        fetch.delegation = delegation
        fetch.hasAskedZone = false
        fetch.silences = 0
        zoneLoads[delegation.zoneHash] = (zoneLoads[delegation.zoneHash] ?? 0) + 1
        fetch.candidates.removeAll(keepingCapacity: true)
        fetch.lookedUp.removeAll(keepingCapacity: true)
        fetch.lastResort = nil
        for (index, server) in delegation.servers.enumerated() {
            add(server.addresses, of: index, to: fetch)
        }
        let labels = delegation.zone.labelCount
        fetch.minimises =
            configuration.minimisation != .off && delegation.source != .forward
            && fetch.name.labelCount > labels + 1
        fetch.shownLabels = min(labels + 1, fetch.name.labelCount)
        if fetch.minimises {
            load(fetch.name)
            fetch.shownLabels = stones.labels(
                of: key, from: fetch.shownLabels, zone: delegation.zoneHash, at: now.seconds)
            if fetch.shownLabels >= fetch.name.labelCount { fetch.minimises = false }
        }
        if delegation.source == .hints, !isPriming { prime(at: now) }
    }

    /// The fetch no longer counts for the zone that it has come to.
    private func unload(_ fetch: Fetch) {
        guard let zone = fetch.delegation?.zoneHash, let count = zoneLoads[zone] else { return }
        zoneLoads[zone] = count > 1 ? count - 1 : nil
    }

    /// Adds addresses of a server to those that may be asked.
    private func add(_ addresses: [IPAddress], of server: Int, to fetch: Fetch) {
        guard let delegation = fetch.delegation, server < delegation.servers.count else { return }
        let port = delegation.servers[server].port
        for address in addresses {
            guard address.isIPv6 ? configuration.usesIPv6 : configuration.usesIPv4,
                !address.isUnspecified, !address.isMulticast, address != IPAddress(v4: .max)
            else { continue }
            if configuration.neverAsked.contains(where: { $0.contains(address) }) { continue }
            let endpoint = IPEndpoint(address, port: port)
            if fetch.candidates.contains(where: { $0.endpoint == endpoint }) { continue }
            guard fetch.candidates.count < configuration.limits.addressesPerDelegation else {
                metrics.limitAddressesPerDelegation += 1
                return
            }
            fetch.candidates.append(
                Fetch.Candidate(
                    endpoint: endpoint, server: server, isAvoided: fetch.avoidedServers.contains(endpoint)))
        }
    }

    /// Asks the root's servers for their names and addresses, while hints do for now (RFC 8109).
    private func prime(at now: Moment) {
        isPriming = true
        let budget = Budget(configuration.limits, wallTime: spans.wallTime, at: now)
        if startFetch(.root, .ns, waiter: .nobody, budget: budget, depth: 0, at: now) == nil {
            isPriming = false
        }
    }

    // MARK: The next step

    /// Chooses whom to ask what, and asks; or waits for a server's address; or gives up.
    func step(_ fetch: Fetch, at now: Moment) {
        guard fetch.state != .finished, let delegation = fetch.delegation else { return }
        if !fetch.hasAskedZone, delegation.source == .referral, delegation.zone.labelCount > 1,
            zoneLoads[delegation.zoneHash] ?? 0 > configuration.limits.questionsPerZone
        {
            metrics.limitQuestionsPerZone += 1
            let failure = Failure(.other, "too many questions for \(delegation.zone) at once")
            return finish(fetch, Outcome(failing: fetch.name, failure), at: now)
        }
        guard fetch.budget.upstreamQueries > 0 else {
            metrics.limitUpstreamQueries += 1
            return finish(
                fetch,
                Outcome(failing: fetch.name, Failure(.other, "more questions to servers than allowed")),
                at: now)
        }
        guard fetch.queries < configuration.limits.upstreamQueriesPerName else {
            metrics.limitUpstreamQueriesPerName += 1
            return finish(fetch, Outcome(failing: fetch.name, fetch.lastFailure), at: now)
        }
        guard now.monotonic < fetch.budget.deadline else {
            return finish(
                fetch, Outcome(failing: fetch.name, Failure(.noReachableAuthority, "out of time")), at: now)
        }
        if let choice = choose(fetch, delegation, at: now) {
            return send(fetch, candidate: choice, at: now)
        }
        if lookUpServer(fetch, delegation, at: now) {
            if fetch.state == .ready { step(fetch, at: now) }
            return
        }
        if !fetch.children.isEmpty {
            fetch.state = .awaitingAddress
            return
        }
        // What came did not validate, and nobody else is left: it may have been somebody else's forgery.
        if fetch.candidates.contains(where: \.isAvoided) {
            for index in fetch.candidates.indices { fetch.candidates[index].isAvoided = false }
            return step(fetch, at: now)
        }
        if let outcome = fetch.lastResort { return finish(fetch, outcome, at: now) }
        if delegation.source == .forward || delegation.source == .stub, delegation.fallsBack,
            !fetch.ignoresForward
        {
            fetch.ignoresForward = true
            enter(closestDelegation(for: fetch, at: now), fetch, at: now)
            return step(fetch, at: now)
        }
        finish(fetch, Outcome(failing: fetch.name, fetch.lastFailure), at: now)
    }

    /// The server to ask next: quick ones first, with a little exploration; nil when none is left.
    private func choose(_ fetch: Fetch, _ delegation: Delegation, at now: Moment) -> Int? {
        var best: Int?
        var bestCost = UInt64.max
        var resting: Int?
        // The fewer there are, the more patience each deserves.
        let patience = fetch.candidates.count > 4 ? 3 : fetch.candidates.count > 2 ? 5 : 6
        let explores = fetch.candidates.count > 1 && random.next8() < 12
        for index in fetch.candidates.indices {
            let candidate = fetch.candidates[index]
            guard !candidate.isSpent, !candidate.isAvoided, candidate.attempts < patience else { continue }
            if servers.isLame(candidate.endpoint, zone: delegation.zoneHash, at: now.monotonic) { continue }
            if servers.isResting(candidate.endpoint, at: now.monotonic) {
                if candidate.attempts < (servers.seemsGone(candidate.endpoint) ? 1 : patience), resting == nil
                {
                    resting = index
                }
                continue
            }
            var cost = servers.estimate(candidate.endpoint) + UInt64(candidate.attempts) * 600_000
            if explores, candidate.attempts == 0 { cost = 0 }
            // Among equals chance decides.
            cost = cost &* 64 + UInt64(random.next8() & 63) * (cost / 8 + 1)
            if cost < bestCost {
                bestCost = cost
                best = index
            }
        }
        return best ?? resting
    }

    /// Looks for the addresses of one more of the zone's servers.
    ///
    /// - Returns: false when there is none left to look for.
    private func lookUpServer(_ fetch: Fetch, _ delegation: Delegation, at now: Moment) -> Bool {
        fetch.children.removeAll { fetches[$0] == nil }
        guard fetch.children.isEmpty else { return false }
        var types: [RRType] = []
        if configuration.usesIPv4 { types.append(.a) }
        if configuration.usesIPv6 { types.append(.aaaa) }
        for (typeIndex, type) in types.enumerated() {
            for (index, server) in delegation.servers.enumerated() {
                let mark = index * 2 + typeIndex
                guard server.name.wire[1...].first != 0, !fetch.lookedUp.contains(mark) else { continue }
                // The second family only when the first gave nothing.
                if typeIndex > 0, fetch.candidates.contains(where: { $0.server == index }) { continue }
                if server.addresses.contains(where: { $0.isIPv6 == (type == .aaaa) }) { continue }
                fetch.lookedUp.insert(mark)
                load(server.name)
                if let known = cachedSets(server.name, type, at: now.seconds).first {
                    let before = fetch.candidates.count
                    add(known.addresses, of: index, to: fetch)
                    if fetch.candidates.count > before { return true }
                    continue
                }
                if cache.entry(.negative, for: key, type: type, at: now.seconds) != nil { continue }
                guard fetch.addressLookups < configuration.limits.addressLookups else {
                    metrics.limitAddressLookups += 1
                    return false
                }
                fetch.addressLookups += 1
                // A server inside its own zone can only be found through the parent.
                let isInside = delegation.source == .referral && server.name.isAtOrBelow(delegation.zone)
                if isInside, fetch.ceiling != nil { continue }
                fetch.state = .awaitingAddress
                deadlines.insert(.fetch(fetch.id), at: fetch.budget.deadline)
                startFetch(
                    server.name, type, waiter: .server(fetch: fetch.id, index: index, type: type),
                    budget: fetch.budget, depth: fetch.depth + 1, parent: fetch.id,
                    ceiling: isInside ? delegation.zone : nil, at: now)
                return true
            }
        }
        return false
    }

    /// The search for a server's address has ended.
    func resume(fetch id: Int, server: Int, type: RRType, with outcome: Outcome, at now: Moment) {
        guard let fetch = fetches[id], fetch.state != .finished else { return }
        fetch.children.removeAll { fetches[$0] == nil }
        if case .answer(let sets) = outcome.end, outcome.links.isEmpty {
            for set in sets where set.type == type { add(set.addresses, of: server, to: fetch) }
        }
        if fetch.state == .awaitingAddress {
            fetch.state = .ready
            step(fetch, at: now)
        }
    }

    /// The time of a fetch that waits for an address is over.
    func endOfPatience(fetch id: Int, at now: Moment) {
        guard let fetch = fetches[id], fetch.state == .awaitingAddress else { return }
        finish(fetch, Outcome(failing: fetch.name, Failure(.noReachableAuthority, "out of time")), at: now)
    }

    // MARK: Asking

    /// Sends the question to a server.
    func send(_ fetch: Fetch, candidate index: Int, at now: Moment) {
        guard let delegation = fetch.delegation else { return }
        let candidate = fetch.candidates[index]
        fetch.budget.upstreamQueries -= 1
        fetch.queries += 1
        fetch.hasAskedZone = true
        fetch.state = .awaitingResponse
        if fetch.minimises, fetch.shownLabels < fetch.name.labelCount {
            fetch.askedName = fetch.name.suffix(labels: fetch.shownLabels)
            fetch.askedType = .a
        } else {
            fetch.askedName = fetch.name
            fetch.askedType = fetch.type
        }
        servers.meet(candidate.endpoint, random: &random, metrics: &metrics)
        let record = servers.record(of: candidate.endpoint) ?? ServerRecord()
        let transport: UpstreamTransport = delegation.tls != nil ? .tls : candidate.usesTCP ? .tcp : .udp
        var plainness = transport == .udp ? max(record.plainness, candidate.plainness) : .full
        if plainness == .bare, record.knowsEDNS || needsEDNS(delegation, at: now) { plainness = .plain }
        let mixesCase =
            configuration.mixesCase && !record.changesCase && transport == .udp && plainness == .full
        let usesEDNS =
            !record.lacksEDNS && !candidate.withoutEDNS && plainness != .bare
        let isForwarded = delegation.source == .forward
        var question = OutgoingQuestion(
            name: fetch.askedName, type: fetch.askedType, id: random.next16(), recursionDesired: isForwarded,
            checkingDisabled: isForwarded && configuration.validation.isEnabled,
            payloadSize: usesEDNS ? configuration.payloadSize : nil)
        if usesEDNS {
            // A server that is known to answer with cookies is not let off: without them its answers could be anybody's.
            if configuration.sendsCookies, plainness == .full || !record.serverCookie.isEmpty {
                question.clientCookie = record.clientCookie
                question.serverCookie = record.serverCookie
            }
            if let subnet = fetch.subnet, isToldSubnets(candidate.endpoint.address) {
                question.subnet = subnet
            }
        }
        let octets = question.message(random: &random, mixesCase: mixesCase)
        var wait = servers.timeout(candidate.endpoint)
        if transport != .udp { wait = max(2 * wait, 2_000_000) }
        let id = UpstreamID(rawValue: UInt64(takeID()))
        let deadline = now.monotonic &+ wait * 1000
        exchanges[id.rawValue] = Exchange(
            id: id, fetch: fetch.id, candidate: index, server: candidate.endpoint, transport: transport,
            messageID: question.id, message: octets, questionLength: question.questionLength,
            usesEDNS: usesEDNS, mixesCase: mixesCase, plainness: plainness, cookie: question.clientCookie,
            sentAt: now.monotonic, deadline: deadline)
        deadlines.insert(.exchange(id.rawValue), at: deadline)
        switch transport {
        case .udp: metrics.sentUDP += 1
        case .tcp: metrics.sentTCP += 1
        case .tls: metrics.sentTLS += 1
        }
        note(
            fetch.budget, fetch.depth, at: now,
            "asking \(candidate.endpoint) (\(delegation.zone)) for \(fetch.askedName) \(fetch.askedType) over \(transport)"
        )
        actions.append(
            .send(
                UpstreamQuery(
                    id: id, octets: octets, server: candidate.endpoint, transport: transport,
                    tls: delegation.tls, timeout: .microseconds(Int64(wait)))))
    }

    /// Whether answers of a zone's servers must have signatures: a slow one is not to be asked without EDNS.
    private func needsEDNS(_ delegation: Delegation, at now: Moment) -> Bool {
        guard configuration.validation.isEnabled else { return false }
        if delegation.source == .forward || trustAnchors.anchor(of: delegation.zone) != nil { return true }
        load(delegation.zone)
        return !cachedSets(delegation.zone, .ds, at: now.seconds).isEmpty
    }

    // MARK: Ending

    /// Tells everyone who waits, and keeps what was found.
    func finish(_ fetch: Fetch, _ found: Outcome, at now: Moment) {
        guard fetch.state != .finished else { return }
        var outcome = found
        outcome.limitTTLs(bounded)
        if outcome.negativeTTL > spans.maxNegativeTTL { outcome.negativeTTL = spans.maxNegativeTTL }
        fetch.state = .finished
        unload(fetch)
        fetches[fetch.id] = nil
        if fetchKeys[fetch.key] == fetch.id { fetchKeys[fetch.key] = nil }
        if fetch.name.isRoot, fetch.type == .ns { isPriming = false }
        if case .failure(let failure) = outcome.end {
            storeFailure(fetch.name, fetch.type, failure, at: now)
        } else if fetch.ceiling == nil, !outcome.isForOneSubnet {
            store(outcome, type: fetch.type, at: now)
        }
        note(fetch.budget, fetch.depth, at: now, "\(fetch.name) \(fetch.type): \(outcome.summary)")
        for waiter in fetch.waiters { ready.append((waiter, outcome)) }
    }

    /// Remembers that a name and type could not be resolved (RFC 9520).
    private func storeFailure(_ name: Name, _ type: RRType, _ failure: Failure, at now: Moment) {
        load(name)
        var meta = CacheMeta(storedAt: now.seconds, ttl: spans.failureTTL)
        meta.extendedError = failure.note.code
        cache.store(
            .failure, for: key, type: type, meta: meta, payload: Array(failure.text.utf8), at: now.seconds)
    }

    func cachedFailure(_ name: Name, _ type: RRType, at now: Moment) -> Failure? {
        load(name)
        guard let entry = cache.entry(.failure, for: key, type: type, at: now.seconds) else { return nil }
        return Failure(
            entry.meta.extendedError ?? .cachedError,
            String(decoding: entry.payload, as: UTF8.self) + " (cached)")
    }
}
