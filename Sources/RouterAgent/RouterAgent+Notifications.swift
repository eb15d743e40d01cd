internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Transport

/// Who waits for a reply, and in which form it wants it.
struct Requester {
    enum Form {
        /// The notification's octets, which the answer repeats.
        case v1([UInt8], DatagramSocket)
        case echo([UInt8], local: IPAddress)
        /// One permission of a message; its answers go out together.
        case v2(SignedNotification, part: Int)
    }

    var form: Form
    var peer: SocketAddress
    var local: SocketAddress
    var since: Duration
    /// What was granted, for a router inside us.
    var grant: (gn: IPAddress, name: Name, host: IPAddress)?
    var lifetime: UInt32 = 0
    var hasAskedInside = false

    /// What tells a notification that is repeated, in the forms without signature, from another.
    struct Repetition: Hashable {
        var peer: SocketAddress
        var octets: [UInt8]
    }

    /// Nil in form v2, where its signature tells it.
    var repetition: Repetition? {
        switch form {
        case .v1(let octets, _), .echo(let octets, _): Repetition(peer: peer, octets: octets)
        case .v2: nil
        }
    }
}

extension RouterAgent: DatagramSocketHandler {
    /// Opens the notification port on all addresses, or on those configured, and the ICMP socket.
    func openSockets() throws {
        let port = configuration.router.listen.port
        var wanted = configuration.router.listen.addresses.compactMap {
            SocketAddress(octets: $0.octets, port: port)
        }
        if wanted.isEmpty {
            wanted = [IPAddress.anyIPv4, .anyIPv6].compactMap { SocketAddress(octets: $0.octets, port: port) }
        }
        for address in wanted {
            do throws(TransportError) {
                sockets.append(try DatagramSocket(address, on: loop, handler: self))
            } catch {
                // A machine without IPv6 is all right, as long as IPv6 was not asked for.
                guard address.family == .ipv6, configuration.router.listen.addresses.isEmpty else {
                    throw error
                }
                log.notice("no IPv6 notifications", ["reason": "\(error)"])
            }
        }
        if configuration.router.icmp { echoes = try EchoSocket() }
    }

    func received(
        _ octets: UnsafeRawBufferPointer, from remote: SocketAddress, to local: SocketAddress,
        interface: UInt32,
        on socket: DatagramSocket
    ) {
        let source = IPAddress(remote)
        let span = unsafe octets.bytes
        if receiveUpdateAnswer(span, from: remote, socket) { return }
        guard let server = configuration.servers.first(where: { $0.address == source }) else {
            receiveOther(span, from: remote, socket)
            return
        }
        if registrar.isResponse(span, from: IPEndpoint(source, port: remote.port)) {
            receiveRegistration(span, from: IPEndpoint(source, port: remote.port))
            return
        }
        guard admitRate(source) else {
            metrics.overRate &+= 1
            return
        }
        let peer = Requester(
            form: .v1([], socket), peer: remote, local: local, since: now)
        if V1Message.hasShape(span) {
            receiveV1(span, server, peer, socket)
        } else {
            receiveV2(span, server, peer, socket)
        }
        requestFlush()
    }

    func failed(_ error: ICMPError, payload: UnsafeRawBufferPointer, on socket: DatagramSocket) {
        if publisher.sockets.contains(where: { $0 === socket }) { return failedUpdate(to: error.destination) }
        // A server that is gone asks again or does not; a host that is no router says so this way.
        var actions: [NegotiationAction] = []
        inner.unreachable(IPAddress(error.destination), now: now, actions: &actions)
        performInner(actions)
    }

    /// A datagram from somebody who is no server of ours: a router inside us answers, or a stranger tries.
    private func receiveOther(
        _ octets: borrowing RawSpan, from remote: SocketAddress, _ socket: DatagramSocket
    ) {
        guard inner.mayBeReply(octets, from: IPAddress(remote)) else {
            metrics.strangers &+= 1
            return
        }
        var actions: [NegotiationAction] = []
        inner.receive(
            octets, from: IPEndpoint(IPAddress(remote), port: remote.port), now: now, epoch: epoch,
            actions: &actions)
        performInner(actions)
    }

    private func receiveV1(
        _ octets: borrowing RawSpan, _ server: RouterServerSection, _ peer: Requester,
        _ socket: DatagramSocket
    ) {
        guard server.forms.contains(.v1) else {
            metrics.strangers &+= 1
            return
        }
        guard let message = try? V1Message(decoding: octets), message.type == .notification,
            let repeated = octets.copy(0..<V1Message.octetCount)
        else {
            metrics.malformed &+= 1
            return
        }
        metrics.notificationsV1 &+= 1
        var requester = peer
        requester.form = .v1(repeated, socket)
        notify(requester, server: server.address, gn: IPPrefix(message.gn), host: message.host, lifetime: nil)
    }

    /// An ICMP echo request from the packet log.
    func observeEcho(_ packet: LoggedPacket) {
        guard packet.transport == 1, let echo = try? TSNEcho(decoding: packet.payload), !echo.isReply,
            echo.message.type == .notification
        else {
            metrics.malformed &+= 1
            return
        }
        guard
            let server = configuration.servers.first(where: {
                $0.address == packet.source && $0.forms.contains(.icmp)
            })
        else {
            metrics.strangers &+= 1
            return
        }
        guard admitRate(packet.source) else {
            metrics.overRate &+= 1
            return
        }
        metrics.notificationsICMP &+= 1
        let peer = SocketAddress(octets: packet.source.octets, port: 0) ?? .none
        let requester = Requester(
            form: .echo(packet.payload, local: packet.destination), peer: peer, local: .none, since: now)
        notify(
            requester, server: server.address, gn: IPPrefix(echo.message.gn), host: echo.message.host,
            lifetime: nil)
        requestFlush()
    }

    private func receiveV2(
        _ octets: borrowing RawSpan, _ server: RouterServerSection, _ peer: Requester,
        _ socket: DatagramSocket
    ) {
        guard server.forms.contains(.v2), let layout = try? MessageView.survey(octets),
            !layout.flags.contains(.response)
        else {
            metrics.malformed &+= 1
            return
        }
        var verdict = TSIGSession.verify(octets, layout: layout, keys: keyring, now: epoch)
        if case .verified(let found) = verdict, found.key?.name != server.key?.lowercased {
            // Another server's key is none for this one.
            verdict = TSIGSession.verify(octets, layout: layout, keys: TSIGKeyring([]), now: epoch)
        }
        let session: TSIGSession
        switch verdict {
        case .verified(let found): session = found
        case .unsigned, .malformed:
            metrics.badSignatures &+= 1
            return
        case .rejected(_, let failed):
            // The server's clock or key may be wrong: it is told, in a message no larger than its own.
            metrics.badSignatures &+= 1
            guard let body = try? V2Message.decode(octets, layout: layout) else { return }
            let reply = V2Message.response(
                to: body, code: .notAuth, permissions: [], session: failed, epoch: epoch)
            transmit(reply, peer, socket)
            return
        }
        guard let mac = V2Message.signature(of: octets, layout: layout),
            let time = V2Message.timeSigned(of: octets, layout: layout)
        else { return }
        let seen = replays.note(mac, signedAt: time, now: epoch)
        guard seen == .fresh else {
            metrics.replays &+= 1
            if seen == .tooOld, let body = try? V2Message.decode(octets, layout: layout) {
                // Its server's clock may be behind: it is told the time, and signs the next one with another.
                let reply = V2Message.response(
                    to: body, code: .notAuth, permissions: [], session: session.refusingTime(), epoch: epoch)
                return transmit(reply, peer, socket)
            }
            if let reply = recent.reply(to: mac, peer: peer.peer) { transmit(reply, peer, socket) }
            return
        }
        metrics.notificationsV2 &+= 1
        if layout.flags.opcode == .query {
            answerListing(octets, layout, session, peer, socket)
            return
        }
        guard let body = try? V2Message.decode(octets, layout: layout), body.registration == nil,
            !body.permissions.isEmpty
        else {
            metrics.malformed &+= 1
            let body = V2Message.Body(
                id: layout.id, isResponse: false, responseCode: .noError, permissions: [])
            transmit(
                V2Message.response(
                    to: body, code: .formatError, permissions: [], session: session, epoch: epoch),
                peer, socket)
            return
        }
        let notification = SignedNotification(body, session, socket, signature: mac)
        for (part, permission) in body.permissions.enumerated() {
            var requester = peer
            requester.form = .v2(notification, part: part)
            notify(
                requester, server: server.address, gn: permission.gn, host: permission.host,
                lifetime: permission.lifetime)
        }
    }

    private func notify(
        _ requester: Requester, server: IPAddress, gn: IPPrefix, host: Name, lifetime: UInt32?
    ) {
        let repetition = requester.repetition
        if let repetition, let id = waiting[repetition], let known = requesters[id] {
            requesters[id]?.since = now
            // A router inside us is being asked; it says when.
            guard !known.hasAskedInside else { return send(.pending, to: id) }
            let request = GrantRequest(requester: id, server: server, gn: gn, host: host, lifetime: lifetime)
            return cache.notify(request, hosts: hosts, now: now, epoch: epoch, actions: &pendingActions)
        }
        let id = nextRequester
        nextRequester &+= 1
        requesters[id] = requester
        if let address = hosts.lookup(host, epoch: epoch)?.ipv4, gn.length == 32, !gn.address.isIPv6 {
            requesters[id]?.grant = (gn.address, host, address)
        }
        let request = GrantRequest(requester: id, server: server, gn: gn, host: host, lifetime: lifetime)
        cache.notify(request, hosts: hosts, now: now, epoch: epoch, actions: &pendingActions)
    }

    // MARK: Replies

    /// Sends what the state machine says to whoever asked.
    func send(_ reply: RouterReply, to id: UInt64) {
        guard let requester = requesters[id] else { return }
        guard !isDryRun else {
            // Nothing is open: an acknowledgement would be a lie.
            requesters[id] = nil
            log.info("would reply", ["reply": "\(reply)"])
            return
        }
        if case .granted(let lifetime, let ports) = reply, ports.isEmpty,
            asksInside(id, requester, lifetime: lifetime)
        {
            return
        }
        if reply == .pending {
            metrics.pendings &+= 1
            if let repetition = requester.repetition { waiting[repetition] = id }
        } else {
            requesters[id] = nil
            if let repetition = requester.repetition { waiting[repetition] = nil }
        }
        switch reply {
        case .granted: metrics.granted &+= 1
        case .hairpin: metrics.hairpins &+= 1
        case .pending, .refused: break
        }
        // A neighbour is told where the host is, in the place of its own address.
        var address: IPAddress?
        if case .hairpin(let inside, _) = reply, inside.isIPv4 { address = inside }
        switch requester.form {
        case .v1(let notification, let socket):
            transmit(
                V1Message.answer(to: notification, type: reply.negotiationType, host: address), requester,
                socket)
        case .echo(let request, let local):
            echoes?.send(
                TSNEcho.answer(to: request, type: reply.negotiationType, host: address),
                to: IPAddress(requester.peer), from: local)
        case .v2(let notification, let part):
            guard let octets = notification.response(with: reply, to: part, epoch: epoch) else { return }
            recent.keep(octets, for: notification.signature, peer: requester.peer)
            transmit(octets, requester, notification.socket)
        }
    }

    func transmit(_ octets: [UInt8], _ requester: Requester, _ socket: DatagramSocket) {
        unsafe octets.withUnsafeBytes { buffer in
            _ = unsafe socket.send(buffer, to: requester.peer, from: requester.local)
        }
    }

    /// Forgets requesters that were told *pending* and whose wait has ended in some other way.
    func forgetOldRequesters() {
        let oldest = now - .seconds(10)
        requesters = requesters.filter { $0.value.since > oldest }
        waiting = waiting.filter { requesters[$0.value] != nil }
        let second = now.components.seconds
        rates = rates.filter { $0.value.second == second }
    }

    private func admitRate(_ server: IPAddress) -> Bool {
        let second = now.components.seconds
        var rate = rates[server] ?? (second, 0)
        if rate.second != second { rate = (second, 0) }
        rate.count += 1
        rates[server] = rate
        return rate.count <= configuration.permissions.limits.notificationsPerSecond
    }
}

extension RouterReply {
    /// The Type octet of v1 and TSN.
    var negotiationType: NegotiationType {
        switch self {
        case .granted, .hairpin: .response
        case .pending: .pending
        case .refused: .refusal
        }
    }
}
