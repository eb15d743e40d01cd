internal import DNSCore

/// How negotiations end, and what becomes of the answers that waited for them (nts.md 1.3, 2.1).
extension Negotiator {
    /// A v1 or TSN message from `source`.
    mutating func settle(
        type: NegotiationType, transaction: UInt16, gn: IPAddress, host: Name, source: IPEndpoint,
        form: NTSConfiguration.Form, now: Duration, actions: inout [NegotiationAction]
    ) {
        let wire = host.lowercased.wire
        var key = Key(router: source.address, gn: IPPrefix(gn), host: wire)
        var hairpin: IPAddress?
        if negotiations[key] == nil, type == .response {
            // A hairpin response carries the host's private address in the place of GN's.
            key.gn = IPPrefix(source.address)
            hairpin = gn
        }
        guard let negotiation = negotiations[key], negotiation.transaction == transaction,
            negotiation.route.form == form,
            form == .icmp || negotiation.route.endpoint.port == source.port
        else {
            metrics.unexpected &+= 1
            return
        }
        switch type {
        case .response:
            complete(
                key, .granted(lifetime: configuration.lifetime, hairpin: hairpin, ports: []), now: now,
                actions: &actions)
        case .refusal: complete(key, .refused(.plain), now: now, actions: &actions)
        case .pending: extend(key, now: now)
        case .notification:
            // It came back unchanged: whoever lives there does not know the scheme.
            metrics.unchangedEchoes &+= 1
            // A router whose agent is gone for a moment is asked again soon.
            let rest = negotiation.isKnown ? configuration.knownRetry : configuration.negativeTTL
            memory.noteSilence(key.router, until: now + rest, now: now)
            finish(key, .unsupported, now: now, actions: &actions)
        }
    }

    /// The router said that the final message follows.
    mutating func extend(_ key: Key, now: Duration) {
        guard var negotiation = negotiations[key] else { return }
        metrics.pendings &+= 1
        memory.noteRouter(key.router, until: now + .seconds(86_400))
        negotiation.isKnown = true
        guard !negotiation.isPending else {
            negotiations[key] = negotiation
            return
        }
        negotiation.isPending = true
        negotiation.limit = max(negotiation.limit, negotiation.start + configuration.hold.pending)
        negotiations[key] = negotiation
        schedule(key, now: now)
    }

    /// The router gave its final word.
    mutating func complete(
        _ key: Key, _ ending: Ending, now: Duration, actions: inout [NegotiationAction]
    ) {
        memory.noteRouter(key.router, until: now + .seconds(86_400))
        switch ending {
        case .granted: metrics.responses &+= 1
        case .refused(let reason): metrics.count(reason)
        case .timedOut, .unsupported: break
        }
        finish(key, ending, now: now, actions: &actions)
    }

    /// The last deadline of a negotiation has passed.
    mutating func giveUp(
        _ negotiation: Negotiation, now: Duration, actions: inout [NegotiationAction]
    ) {
        metrics.timeouts &+= 1
        // A router that waits for another flow and does not answer in time is not silent.
        if !negotiation.isPending {
            let rest = negotiation.isKnown ? configuration.knownRetry : configuration.negativeTTL
            memory.noteSilence(negotiation.key.router, until: now + rest, now: now)
        }
        finish(negotiation.key, .timedOut, now: now, actions: &actions)
    }

    /// Ends a negotiation, and releases the answers that waited for nothing else.
    mutating func finish(
        _ key: Key, _ ending: Ending, now: Duration, actions: inout [NegotiationAction]
    ) {
        guard let negotiation = negotiations.removeValue(forKey: key) else { return }
        memory.endNegotiation(with: key.router)
        byRouter[key.router]?.remove(key)
        if byRouter[key.router]?.isEmpty == true { byRouter[key.router] = nil }
        for token in negotiation.waiters {
            guard var hold = holds[token] else { continue }
            note(ending, of: key, in: &hold)
            hold.remaining -= 1
            guard hold.remaining == 0 else {
                holds[token] = hold
                continue
            }
            holds[token] = nil
            memory.endHold(for: hold.client)
            if hold.hasTimedOut, !hold.outcome.isGranted, configuration.hold.onTimeout == .servfail {
                hold.outcome.isServerFailure = true
            }
            hold.outcome.heldFor = now - hold.start
            metrics.released &+= 1
            metrics.recordHold(hold.outcome.heldFor)
            actions.append(.release(token: token, outcome: hold.outcome))
        }
    }

    private mutating func note(_ ending: Ending, of key: Key, in hold: inout Hold) {
        switch ending {
        case .granted(let lifetime, let hairpin, let ports):
            hold.outcome.isGranted = true
            hold.outcome.ttlCap = min(hold.outcome.ttlCap ?? .max, lifetime)
            hold.outcome.hosts.insert(Name(trustedWire: key.host))
            hold.outcome.ports.append(contentsOf: ports)
            if let hairpin, mayAnswerHairpin(hairpin, host: key.host) {
                metrics.hairpins &+= 1
                hold.outcome.replacements.append(.init(address: key.router, replacement: hairpin))
            }
        case .timedOut: hold.hasTimedOut = true
        case .refused, .unsupported: break
        }
    }

    /// Whether a client is answered with `address`: only a private one, so that no router sends its neighbours elsewhere.
    private func mayAnswerHairpin(_ address: IPAddress, host: [UInt8]) -> Bool {
        guard configuration.isHairpinAnswered, address.isPrivate else { return false }
        let name = Name(trustedWire: host)
        return !configuration.hairpinExcluded.contains { name.isAtOrBelow($0) }
    }
}
