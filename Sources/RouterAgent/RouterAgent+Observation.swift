internal import DNSCore
internal import NTS

extension RouterAgent {
    /// A packet that one of our rules logged.
    func observe(_ packet: LoggedPacket) {
        switch Int(packet.group) {
        case configuration.nftables.useGroup: observeUse(packet)
        case configuration.nftables.snoopGroup: observeUpdate(packet)
        case configuration.nftables.icmpGroup: observeEcho(packet)
        default: break
        }
    }

    /// The first packet of a flow that a permission let in.
    private func observeUse(_ packet: LoggedPacket) {
        guard packet.tag == 0 else {
            early.note(
                EarlyFlows.Flow(
                    source: packet.source, destination: packet.destination, transport: packet.transport,
                    sourcePort: packet.sourcePort, destinationPort: packet.destinationPort), now: now)
            return
        }
        metrics.flows &+= 1
        cache.used(
            gn: packet.source, host: packet.source.isIPv6 ? packet.destination : nil,
            transport: packet.transport, port: packet.destinationPort, now: now, actions: &pendingActions)
        requestFlush()
    }

    /// A piece of DNS UPDATE traffic between a private host and a server.
    private func observeUpdate(_ packet: LoggedPacket) {
        let isResponse = packet.hook == 4
        if packet.transport == 17, packet.payload.count > 8 {
            observeMessage(Array(packet.payload[8...]), packet, isResponse: isResponse)
        } else if packet.transport == 6 {
            for message in streams.append(packet, isResponse: isResponse, now: now) {
                observeMessage(message, packet, isResponse: isResponse)
            }
        }
    }

    private func observeMessage(_ octets: [UInt8], _ packet: LoggedPacket, isResponse: Bool) {
        guard isResponse else {
            // What goes to another host inside is no registration with the outside, unless a server there is named.
            guard !configuration.hosts.ddnsServers.isEmpty || !isInside(packet.destination) else { return }
            unsafe observer.request(
                octets.span.bytes, client: IPEndpoint(packet.source, port: packet.sourcePort),
                server: packet.destination, link: packet.link, now: now)
            return
        }
        let client = IPEndpoint(packet.destination, port: packet.destinationPort)
        guard
            let (update, link) = unsafe observer.response(
                octets.span.bytes, client: client, server: packet.source, now: now)
        else { return }
        for (name, types) in update.deletions {
            unregister(name, address: client.address, source: .update, types: types)
        }
        for (name, types) in update.additions {
            register(name, address: client.address, source: .update, link: link, types: types)
        }
    }
}
