internal import DNSCore
internal import NTS
internal import Transport

extension RouterAgent {
    /// Whether the acknowledgement of `id` waits for a router inside us.
    func asksInside(_ id: UInt64, _ requester: Requester, lifetime: UInt32) -> Bool {
        guard let grant = requester.grant, !requester.hasAskedInside else { return false }
        var actions: [NegotiationAction] = []
        let isHeld = inner.begin(
            id, gn: grant.gn, name: grant.name, host: grant.host, now: now, epoch: epoch,
            actions: &actions)
        guard isHeld else { return false }
        requesters[id]?.hasAskedInside = true
        requesters[id]?.lifetime = lifetime
        performInner(actions)
        // The server must not give up on us meanwhile.
        loop.schedule(after: .milliseconds(60)) { [unowned self] in
            if requesters[id]?.hasAskedInside == true { send(.pending, to: id) }
        }
        return true
    }

    /// A reply, an error or the clock has moved the inner negotiation on.
    func performInner(_ actions: [NegotiationAction]) {
        for action in actions {
            switch action {
            case .send(let octets, let to):
                guard let peer = SocketAddress(octets: to.address.octets, port: to.port),
                    let socket = sockets.first(where: { $0.address.family == peer.family })
                else { continue }
                unsafe octets.withUnsafeBytes { _ = unsafe socket.send($0, to: peer) }
            case .sendEcho: break
            case .release(let token, _):
                // Whatever the inner side said, our own mapping stands; a host without a router just had none.
                if let requester = requesters[token] {
                    send(.granted(lifetime: requester.lifetime, ports: []), to: token)
                }
            }
        }
        scheduleInner()
    }

    private func scheduleInner() {
        guard let due = inner.nextDeadline, innerTimer == nil else { return }
        innerTimer = loop.schedule(after: max(.zero, due - now)) { [unowned self] in
            innerTimer = nil
            var actions: [NegotiationAction] = []
            inner.advance(to: now, actions: &actions)
            performInner(actions)
        }
    }
}
