internal import DNSCore
internal import DNSSecurity

extension Negotiator {
    /// Fills in the signed message; false when the router's key is not configured.
    mutating func signV2(_ negotiation: inout Negotiation, host: Name, epoch: UInt64) -> Bool {
        guard let name = negotiation.route.key, let key = keys[name] else { return false }
        let permission = V2Message.Permission(
            host: host, gn: negotiation.key.gn, lifetime: configuration.lifetime)
        guard
            let request = V2Message.request(
                id: negotiation.transaction, permissions: [permission], key: key, epoch: epoch)
        else { return false }
        negotiation.octets = request.octets
        negotiation.signature = request.signature
        return true
    }

    /// A datagram that is not of the v1 shape.
    mutating func receiveV2(
        _ octets: borrowing RawSpan, from source: IPEndpoint, now: Duration, epoch: UInt64,
        actions: inout [NegotiationAction]
    ) {
        guard let layout = try? MessageView.survey(octets), layout.flags.opcode == .update else {
            metrics.malformed &+= 1
            return
        }
        guard layout.flags.contains(.response) else {
            receiveRegistration(octets, layout, from: source, now: now, epoch: epoch, actions: &actions)
            return
        }
        guard let key = negotiation(withID: layout.id, at: source),
            let signature = negotiations[key]?.signature
        else {
            metrics.unexpected &+= 1
            return
        }
        var verifier = signature.verifier
        switch verifier.verify(octets, layout: layout, now: epoch) {
        case .verified: break
        case .refused(_, _, let isSigned):
            // Unsigned, it may be a forgery: the hold goes on until its time is over.
            metrics.badSignatures &+= 1
            if isSigned { complete(key, .refused(.signature), now: now, actions: &actions) }
            return
        case .pending, .invalid:
            metrics.badSignatures &+= 1
            return
        }
        // An error may come without the request's sections (RFC 2136 3.8).
        let body = try? V2Message.decode(octets, layout: layout)
        let code = body?.responseCode ?? layout.flags.responseCode
        guard code == .noError else {
            complete(key, .refused(NTSMetrics.Refusal(code)), now: now, actions: &actions)
            return
        }
        guard let body else {
            metrics.malformed &+= 1
            return
        }
        // What is granted is what was asked for; only a neighbour of the host is told another address than its own.
        let isNeighbour = key.gn == IPPrefix(key.router)
        guard
            let permission = body.permissions.first(where: {
                $0.host.lowercased.wire == key.host && ($0.gn == key.gn || isNeighbour)
            })
        else {
            metrics.unexpected &+= 1
            return
        }
        guard permission.lifetime > 0 else {
            extend(key, now: now)
            return
        }
        var hairpin: IPAddress?
        if isNeighbour, permission.gn != key.gn { hairpin = permission.gn.address }
        let ports = body.ports.map { port in
            NegotiationOutcome.PortGrant(
                host: port.host, address: key.router, transport: port.transport,
                privatePort: port.privatePort,
                publicPort: port.publicPort)
        }
        complete(
            key, .granted(lifetime: permission.lifetime, hairpin: hairpin, ports: ports), now: now,
            actions: &actions)
    }

    /// A router announces itself, or takes that back; anything else that is signed is refused, the rest ignored.
    private mutating func receiveRegistration(
        _ octets: borrowing RawSpan, _ layout: MessageLayout, from source: IPEndpoint, now: Duration,
        epoch: UInt64,
        actions: inout [NegotiationAction]
    ) {
        let session: TSIGSession
        switch TSIGSession.verify(octets, layout: layout, keys: keys, now: epoch) {
        case .verified(let found): session = found
        case .rejected(_, let found):
            metrics.badSignatures &+= 1
            guard let body = try? V2Message.decode(octets, layout: layout) else { return }
            let reply = V2Message.response(
                to: body, code: .notAuth, permissions: [], session: found, epoch: epoch)
            actions.append(.send(reply, to: source))
            return
        case .unsigned, .malformed:
            metrics.badSignatures &+= 1
            return
        }
        guard let body = try? V2Message.decode(octets, layout: layout) else {
            metrics.malformed &+= 1
            return
        }
        var code = ResponseCode.refused
        if let registration = body.registration, isPlausible(registration, from: source.address),
            let key = session.key?.name,
            configuration.registrationKeys.contains(key),
            let time = V2Message.timeSigned(of: octets, layout: layout),
            memory.register(registration, key: key, signedAt: time, now: now)
        {
            code = .noError
            metrics.registrations &+= 1
        }
        let reply = V2Message.response(to: body, code: code, permissions: [], session: session, epoch: epoch)
        actions.append(.send(reply, to: source))
    }

    /// Whether a router may announce this: its own address, that of the packet, and no more behind it than a site has.
    private func isPlausible(_ registration: V2Message.Registration, from source: IPAddress) -> Bool {
        guard !registration.router.isUnspecified, registration.router == source.unmapped else { return false }
        return registration.prefixes.allSatisfy { $0.length >= ($0.address.isIPv6 ? 32 : 24) }
    }

    /// The v2 negotiation with the router at `source` whose message has `id`.
    private func negotiation(withID id: UInt16, at source: IPEndpoint) -> Key? {
        (byRouter[source.address] ?? []).first { key in
            guard let candidate = negotiations[key] else { return false }
            return candidate.transaction == id && candidate.route.form == .v2
                && candidate.route.endpoint.port == source.port
        }
    }
}
