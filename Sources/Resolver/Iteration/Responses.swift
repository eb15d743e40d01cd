internal import DNSCore

/// What happens when a message comes from a server, or none does.
extension Resolver {
    func handleMessage(
        _ upstream: UpstreamID, _ octets: borrowing RawSpan, from server: IPEndpoint, at now: Moment
    ) {
        guard var exchange = exchanges[upstream.rawValue] else { return }
        guard let layout = try? MessageView.survey(octets),
            exchange.isAnswered(by: octets, layout: layout, from: server)
        else {
            // Junk does not end the wait: the true response may still come. A lot of it smells of spoofing.
            if let layout = try? MessageView.survey(octets), layout.id == exchange.messageID {
                if exchange.transport != .udp { return giveUp(stream: exchange, at: now) }
                if exchange.doubtfulCode == nil,
                    let code = exchange.doubtfulCode(of: octets, layout: layout, from: server)
                {
                    exchange.doubtfulCode = code
                    deadlines.insert(.doubt(exchange.id.rawValue), at: now.monotonic &+ Resolver.doubtTime)
                }
            }
            return noteWrong(&exchange, at: now)
        }
        let serverCookie = exchange.cookie == 0 ? [] : servers.record(of: exchange.server)?.serverCookie ?? []
        switch exchange.cookieVerdict(octets, layout: layout, serverDoesCookies: !serverCookie.isEmpty) {
        case .none: break
        case .forged: return noteWrong(&exchange, at: now)
        case .good(let cookie):
            if !cookie.isEmpty, cookie != serverCookie {
                servers.update(exchange.server) { $0.serverCookie = cookie }
            }
        }
        metrics.responses += 1
        servers.noteResponse(
            exchange.server, after: (now.monotonic &- exchange.sentAt) / 1000, to: exchange.plainness,
            hasEDNS: layout.edns != nil)
        let isOversized = octets.byteCount > max(512, Int(configuration.payloadSize))
        if layout.flags.contains(.truncated) || isOversized, exchange.transport == .udp {
            if isOversized { metrics.oversized += 1 } else { metrics.truncated += 1 }
            return repeatOverTCP(exchange, isSuspicious: false, at: now)
        }
        exchanges[upstream.rawValue] = nil
        actions.append(.cancel(upstream))
        guard let fetch = fetches[exchange.fetch], fetch.state == .awaitingResponse,
            exchange.candidate < fetch.candidates.count
        else { return }
        fetch.state = .ready
        let message: UpstreamMessage
        do {
            exchange.copyWithPlainQuestion(octets, to: &plainMessage)
            let plain = plainMessage
            message = try unsafe UpstreamMessage(
                plain.span.bytes, layout: layout, limits: configuration.limits, metrics: &metrics)
        } catch {
            fetch.lastFailure = Failure(.invalidData, "\(exchange.server) sent more records than allowed")
            fetch.candidates[exchange.candidate].isSpent = true
            return step(fetch, at: now)
        }
        if layout.flags.contains(.truncated) {
            // Over a stream there is no more to be had from this server.
            fetch.lastFailure = Failure(
                .invalidData, "\(exchange.server) cuts off its answers over \(exchange.transport)")
            fetch.candidates[exchange.candidate].isSpent = true
            return step(fetch, at: now)
        }
        if !fallsBackFromEDNS(fetch, exchange, message, at: now) {
            handle(message, for: fetch, exchange, at: now)
        }
    }

    /// A message that is no response to the question.
    ///
    /// A lot of them, and the question goes over TCP.
    private func noteWrong(_ exchange: inout Exchange, at now: Moment) {
        metrics.wrongResponses += 1
        exchange.wrongResponses += 1
        exchanges[exchange.id.rawValue] = exchange
        if exchange.wrongResponses >= configuration.limits.wrongResponses, exchange.transport == .udp {
            repeatOverTCP(exchange, isSuspicious: true, at: now)
        }
    }

    /// Nanoseconds for which the true response may still follow an error without question.
    private static let doubtTime: UInt64 = 150_000_000

    /// No true response has followed a doubtful one, which was the server's then: over TCP nobody else can speak for it.
    func believeError(_ id: UInt64, at now: Moment) {
        guard let exchange = exchanges[id], let code = exchange.doubtfulCode else { return }
        guard code == .formatError || code == .notImplemented, exchange.usesEDNS,
            let fetch = fetches[exchange.fetch], exchange.candidate < fetch.candidates.count,
            fetch.budget.upstreamQueries > 0
        else { return repeatOverTCP(exchange, isSuspicious: false, at: now) }
        exchanges[id] = nil
        actions.append(.cancel(exchange.id))
        fetch.candidates[exchange.candidate].withoutEDNS = true
        send(fetch, candidate: exchange.candidate, at: now)
    }

    /// What came over a connection of our own is the server's: it answers something else, and is of no use.
    private func giveUp(stream exchange: Exchange, at now: Moment) {
        metrics.wrongResponses += 1
        actions.append(.cancel(exchange.id))
        giveUp(
            exchange, Failure(.invalidData, "\(exchange.server) answers another question"), spends: true,
            at: now)
    }

    /// Asks again without EDNS when the error may come from EDNS: FORMERR, NOTIMP or BADVERS (RFC 6891 7).
    private func fallsBackFromEDNS(
        _ fetch: Fetch, _ exchange: Exchange, _ message: UpstreamMessage, at now: Moment
    ) -> Bool {
        switch message.responseCode {
        case .badCookie:
            // The response brought the cookie that the server wants to see (RFC 7873 5.3); over TCP none is needed.
            guard exchange.transport == .udp else { return false }
            if fetch.candidates[exchange.candidate].hasRenewedCookie {
                fetch.candidates[exchange.candidate].usesTCP = true
            }
            fetch.candidates[exchange.candidate].hasRenewedCookie = true
            send(fetch, candidate: exchange.candidate, at: now)
            return true
        case .formatError, .notImplemented, .badVersion:
            guard exchange.usesEDNS else { return false }
            // With OPT it may be the cookie that the server does not understand.
            if message.hasEDNS, message.responseCode == .formatError, exchange.cookie != 0,
                exchange.plainness == .full
            {
                fetch.candidates[exchange.candidate].plainness = .plain
                send(fetch, candidate: exchange.candidate, at: now)
                return true
            }
            guard !message.hasEDNS || message.responseCode != .notImplemented else { return false }
            fetch.candidates[exchange.candidate].withoutEDNS = true
            send(fetch, candidate: exchange.candidate, at: now)
            return true
        default:
            if fetch.candidates[exchange.candidate].withoutEDNS {
                // It went away: the server cannot do EDNS.
                servers.update(exchange.server) { $0.lacksEDNS = true }
            }
            return false
        }
    }

    private func repeatOverTCP(_ exchange: Exchange, isSuspicious: Bool, at now: Moment) {
        exchanges[exchange.id.rawValue] = nil
        actions.append(.cancel(exchange.id))
        guard let fetch = fetches[exchange.fetch], exchange.candidate < fetch.candidates.count else { return }
        if isSuspicious { metrics.spoofingSuspicions += 1 }
        fetch.candidates[exchange.candidate].usesTCP = true
        guard fetch.budget.upstreamQueries > 0, fetch.queries < configuration.limits.upstreamQueriesPerName
        else {
            fetch.state = .ready
            return step(fetch, at: now)
        }
        send(fetch, candidate: exchange.candidate, at: now)
    }

    func handleTimeout(_ id: UInt64, at now: Moment) {
        guard let exchange = exchanges[id] else { return }
        metrics.timeouts += 1
        actions.append(.cancel(exchange.id))
        servers.noteSilence(exchange.server, sentAt: exchange.sentAt, at: now.monotonic)
        noteSilence(of: exchange)
        giveUp(exchange, Failure(.noReachableAuthority, "\(exchange.server) did not respond"), at: now)
    }

    /// After silence the next question is plainer, and after the second one shows the whole name: some servers, and what
    /// stands before them, drop what they do not know.
    private func noteSilence(of exchange: Exchange) {
        guard exchange.transport == .udp, let fetch = fetches[exchange.fetch],
            exchange.candidate < fetch.candidates.count
        else { return }
        fetch.silences += 1
        fetch.candidates[exchange.candidate].plainness = exchange.plainness == .full ? .plain : .bare
        if fetch.silences >= 2, configuration.minimisation == .relaxed { fetch.minimises = false }
    }

    func handleFailure(_ upstream: UpstreamID, _ reason: UpstreamFailure, at now: Moment) {
        guard let exchange = exchanges[upstream.rawValue] else { return }
        switch reason {
        case .timeout:
            metrics.timeouts += 1
            servers.noteSilence(exchange.server, sentAt: exchange.sentAt, at: now.monotonic)
            noteSilence(of: exchange)
            giveUp(exchange, Failure(.noReachableAuthority, "\(exchange.server) did not respond"), at: now)
        case .noRoute:
            metrics.unreachable += 1
            servers.noteNoRoute(exchange.server, at: now.monotonic)
            // Nothing was asked, so it costs nothing of what may be asked.
            if let fetch = fetches[exchange.fetch] {
                fetch.budget.upstreamQueries += 1
                fetch.queries -= 1
            }
            giveUp(
                exchange, Failure(.networkError, "there is no route to \(exchange.server)"), spends: true,
                at: now)
        case .unreachable, .refused:
            metrics.unreachable += 1
            servers.noteSilence(exchange.server, sentAt: exchange.sentAt, at: now.monotonic)
            giveUp(
                exchange, Failure(.networkError, "\(exchange.server) cannot be reached"), spends: true,
                at: now)
        }
    }

    private func giveUp(_ exchange: Exchange, _ failure: Failure, spends: Bool = false, at now: Moment) {
        exchanges[exchange.id.rawValue] = nil
        guard let fetch = fetches[exchange.fetch], fetch.state == .awaitingResponse,
            exchange.candidate < fetch.candidates.count
        else { return }
        fetch.state = .ready
        fetch.lastFailure = failure
        note(fetch.budget, fetch.depth, at: now, failure.text)
        fetch.candidates[exchange.candidate].attempts += 1
        if spends { fetch.candidates[exchange.candidate].isSpent = true }
        // Perhaps only the case of letters or the cookie was not as sent. A stream settles that.
        if exchange.mixesCase || exchange.cookie != 0, exchange.wrongResponses > 0 {
            fetch.candidates[exchange.candidate].usesTCP = true
        }
        step(fetch, at: now)
    }

    // MARK: Meaning

    private func handle(_ message: UpstreamMessage, for fetch: Fetch, _ exchange: Exchange, at now: Moment) {
        guard let delegation = fetch.delegation else { return }
        let isForwarded = delegation.source == .forward
        let classification = Classification(
            name: fetch.askedName, type: fetch.askedType, zone: delegation.zone, isForwarded: isForwarded,
            aliasLimit: configuration.limits.aliasRestarts, server: exchange.server,
            isToldSubnet: fetch.subnet != nil)
        let reading = classification.read(message, metrics: &metrics)
        if configuration.mixesCase, exchange.transport == .tcp, !exchange.mixesCase {
            noteCase(exchange)
        }
        if fetch.budget.trace != nil { noteReading(reading, fetch, exchange, at: now) }
        let isShortened = fetch.askedName.wire.count != fetch.name.wire.count || fetch.askedType != fetch.type
        switch reading {
        case .referral(let zone, let names, let glue, let signed):
            follow(zone, names, glue, signed, fetch, at: now)
        case .outcome(var outcome):
            if isShortened { return showMore(fetch, after: outcome, at: now) }
            if fetch.name.isRoot, fetch.type == .ns, delegation.zone.isRoot {
                keepRoot(message, outcome, at: now)
            }
            removePrivateAddresses(&outcome)
            finish(fetch, outcome, at: now)
        case .recursive(var outcome):
            if isShortened { return showMore(fetch, after: outcome, at: now) }
            removePrivateAddresses(&outcome)
            fetch.lastResort = outcome
            spend(
                fetch, exchange, Failure(.notAuthoritative, "\(exchange.server) is not authoritative"),
                at: now)
        case .lame(let reason):
            metrics.lame += 1
            if isShortened, configuration.minimisation == .relaxed {
                return showAll(fetch, exchange, at: now)
            }
            if delegation.source == .referral, fetch.type != .ds {
                servers.noteLame(exchange.server, zone: delegation.zoneHash, at: now.monotonic)
            }
            spend(fetch, exchange, Failure(.notAuthoritative, "\(exchange.server): \(reason)"), at: now)
        case .error(let code):
            metrics.upstreamErrors += 1
            if isShortened, configuration.minimisation == .relaxed {
                return showAll(fetch, exchange, at: now)
            }
            let note: ExtendedError = code == .refused ? .prohibited : .noReachableAuthority
            spend(fetch, exchange, Failure(note, "\(exchange.server) says \(code)"), at: now)
        case .nonsense(let reason):
            spend(fetch, exchange, Failure(.invalidData, "\(exchange.server): \(reason)"), at: now)
        }
    }

    private func noteReading(_ reading: Reading, _ fetch: Fetch, _ exchange: Exchange, at now: Moment) {
        let text =
            switch reading {
            case .outcome(let outcome): outcome.summary
            case .recursive(let outcome): "not authoritative: \(outcome.summary)"
            case .referral(let zone, let servers, _, _):
                "referral to \(zone): \(servers.targets.map(\.description).joined(separator: " "))"
            case .lame(let reason): "lame: \(reason)"
            case .error(let code): "error \(code)"
            case .nonsense(let reason): "nonsense: \(reason)"
            }
        note(fetch.budget, fetch.depth, at: now, "\(exchange.server) says: \(text)")
    }

    /// This server is of no use for this name; on to the next.
    private func spend(_ fetch: Fetch, _ exchange: Exchange, _ failure: Failure, at now: Moment) {
        fetch.candidates[exchange.candidate].isSpent = true
        fetch.lastFailure = failure
        step(fetch, at: now)
    }

    /// The server answered over TCP: what it did with the letters over UDP was its own doing.
    private func noteCase(_ exchange: Exchange) {
        servers.update(exchange.server) { record in
            if exchange.transport == .tcp { record.changesCase = true }
        }
    }

    /// Goes to the servers of a zone further down.
    private func follow(
        _ zone: Name, _ names: RecordSet, _ glue: [RecordSet], _ signed: [RecordSet], _ fetch: Fetch,
        at now: Moment
    ) {
        fetch.referrals += 1
        guard fetch.referrals <= configuration.limits.referrals else {
            metrics.limitReferrals += 1
            return finish(fetch, Outcome(failing: fetch.name, Failure(.other, "too many referrals")), at: now)
        }
        let wasMinimising = fetch.minimises
        let delegation = store(zone: zone, servers: names, glue: glue, at: now)
        if let ceiling = fetch.ceiling, zone.isAtOrBelow(ceiling) {
            // The parent has nothing better than this referral: its glue, if any.
            if let set = glue.first(where: { $0.type == fetch.type && $0.owner == fetch.name }) {
                return finish(fetch, Outcome(end: .answer([set]), finalName: fetch.name), at: now)
            }
            let failure = Failure(.noReachableAuthority, "no address for \(fetch.name)")
            return finish(fetch, Outcome(failing: fetch.name, failure), at: now)
        }
        keepSigned(signed, zone: zone, at: now)
        enterReferral(delegation, fetch, minimises: wasMinimising, at: now)
        step(fetch, at: now)
    }

    // MARK: Minimised questions

    /// A parent of the name has been answered: show servers one label more (RFC 9156 2.3).
    private func showMore(_ fetch: Fetch, after outcome: Outcome, at now: Moment) {
        if case .nameError = outcome.end {
            // Whoever signs knows empty names from missing ones; others are known to mistake them.
            let isSigned = outcome.proof.contains { $0.type != .soa && !$0.signatures.isEmpty }
            guard
                configuration.minimisation == .strict
                    || isSigned && configuration.validation.isEnabled
                        && fetch.avoidedServers.isEmpty
            else {
                fetch.minimises = false
                return step(fetch, at: now)
            }
            // Nothing can exist below a name that does not (RFC 8020).
            var result = outcome
            result.isOfParent = true
            result.finalName = fetch.name
            result.links = []
            return finish(fetch, result, at: now)
        }
        fetch.minimisationSteps += 1
        if let zone = fetch.delegation?.zoneHash { stones.note(fetch.askedName, zone: zone, at: now.seconds) }
        // The first labels one by one, then in larger steps.
        let rest = fetch.name.labelCount - fetch.shownLabels
        let stepsLeft = max(1, configuration.limits.minimisedLabels - fetch.minimisationSteps)
        if fetch.minimisationSteps < 4 {
            fetch.shownLabels += 1
        } else {
            if rest > stepsLeft { metrics.limitMinimisedLabels += 1 }
            fetch.shownLabels += max(1, (rest + stepsLeft - 1) / stepsLeft)
        }
        if fetch.shownLabels >= fetch.name.labelCount { fetch.minimises = false }
        step(fetch, at: now)
    }

    /// A server stumbled over a minimised question: ask it the whole one.
    private func showAll(_ fetch: Fetch, _ exchange: Exchange, at now: Moment) {
        fetch.minimises = false
        guard fetch.budget.upstreamQueries > 0 else { return step(fetch, at: now) }
        send(fetch, candidate: exchange.candidate, at: now)
    }

    // MARK: What is kept besides

    /// The root's servers as they name themselves (RFC 8109 3).
    private func keepRoot(_ message: UpstreamMessage, _ outcome: Outcome, at now: Moment) {
        guard case .answer(let sets) = outcome.end, let names = sets.first else { return }
        let targets = names.targets
        let glue = message.additionals.filter {
            ($0.type == .a || $0.type == .aaaa) && targets.contains($0.owner)
        }
        guard glue.contains(where: { !$0.addresses.isEmpty }) else { return }
        _ = store(zone: .root, servers: names, glue: glue, at: now)
    }

    /// DS records and proofs of their absence that came with a referral spare a question later.
    private func keepSigned(_ signed: [RecordSet], zone: Name, at now: Moment) {
        guard configuration.validation.isEnabled else { return }
        if var set = signed.first(where: { $0.type == .ds && $0.owner == zone }), !set.signatures.isEmpty {
            set.credibility = .authority
            store(set, at: now)
        } else {
            let proof = signed.filter { $0.type != .ds && !$0.signatures.isEmpty }
            guard !proof.isEmpty else { return }
            var outcome = Outcome(end: .noData, finalName: zone)
            outcome.proof = proof
            outcome.negativeTTL = proof.reduce(UInt32.max) { min($0, $1.ttl) }
            store(outcome, type: .ds, at: now)
        }
    }

    /// Addresses that must not come from outside (rebinding).
    private func removePrivateAddresses(_ outcome: inout Outcome) {
        guard !configuration.privateAddresses.isEmpty, case .answer(let sets) = outcome.end,
            !configuration.privateDomains.contains(where: { outcome.finalName.isAtOrBelow($0) })
        else { return }
        var kept: [RecordSet] = []
        for var set in sets {
            if set.type == .a || set.type == .aaaa {
                let before = set.data.count
                set.data = set.data.filter { octets in
                    guard let address = IPAddress(octets: octets) else { return false }
                    return !configuration.privateAddresses.contains { $0.contains(address) }
                }
                metrics.privateAddressesRemoved += UInt64(before - set.data.count)
                if set.data.isEmpty { continue }
            }
            kept.append(set)
        }
        outcome.end = kept.isEmpty ? .noData : .answer(kept)
    }
}
