internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Transport

/// The negotiation socket: brings datagrams and errors to the ``NTSDesk``.
final class NTSSocket: DatagramSocketHandler, EchoSocketHandler {
    weak var desk: NTSDesk?
    /// For the ICMP form; nil while it is not used.
    var echo: EchoSocket?

    /// Opens the raw socket where the form is used.
    ///
    /// - Throws: ``TransportError``: it needs CAP_NET_RAW.
    func openEcho(for configuration: NTSConfiguration, on loop: EventLoop) throws(TransportError) {
        guard echo == nil,
            configuration.form == .icmp || configuration.targets.routers.contains(where: { $0.form == .icmp })
        else { return }
        echo = try EchoSocket(on: loop, handler: self)
    }

    func undeliverable(to target: SocketAddress) {
        desk?.unreachable(IPAddress(target))
    }

    func received(_ octets: [UInt8], from remote: SocketAddress) {
        desk?.receiveEcho(octets, from: IPAddress(remote))
    }

    func received(
        _ octets: UnsafeRawBufferPointer, from remote: SocketAddress, to local: SocketAddress,
        interface: UInt32,
        on socket: DatagramSocket
    ) {
        unsafe desk?.receive(
            RawSpan(_unsafeBytes: octets), from: IPEndpoint(IPAddress(remote), port: remote.port))
    }

    func failed(_ error: ICMPError, payload: UnsafeRawBufferPointer, on socket: DatagramSocket) {
        desk?.unreachable(IPAddress(error.destination))
    }
}

extension Worker {
    /// Opens the negotiation socket and makes the desk.
    ///
    /// Only on the first worker.
    ///
    /// - Throws: ``TransportError``.
    func openNTSDesk(_ configuration: NTSConfiguration, keys: TSIGKeyring) throws(TransportError) {
        let handler = NTSSocket()
        let socket = try DatagramSocket(SocketAddress(configuration.source), on: loop, handler: handler)
        // A socket of the other family, so that IPv6 routers can be notified too.
        let other: DatagramSocket? =
            configuration.source.address.isIPv6
            ? nil
            : try? DatagramSocket(
                SocketAddress(IPEndpoint(.anyIPv6, port: configuration.source.port)), on: loop,
                handler: handler)
        try handler.openEcho(for: configuration, on: loop)
        let negotiator = Negotiator(configuration: configuration, memory: core.targetMemory, keys: keys)
        let desk = NTSDesk(
            negotiator, worker: self,
            send: { octets, target in
                let way = target.address.isIPv6 ? other ?? socket : socket
                unsafe octets.withUnsafeBytes { raw in
                    _ = unsafe way.send(raw, to: SocketAddress(target))
                }
            },
            sendEcho: { [weak handler] octets, target in
                handler?.echo?.send(octets, to: SocketAddress(IPEndpoint(target, port: 0)))
            })
        handler.desk = desk
        ntsDesk = desk
        ntsHandler = handler
        ntsSockets = [socket] + [other].compactMap { $0 }
    }

    /// Takes over a new configuration after a reload: on every worker the plugin, on the first one the desk too.
    func adoptNTS() {
        plugins = PluginList.make(for: self)
        held.capacity = state.nts?.limits.holds ?? held.capacity
        guard index == 0, let nts = state.nts else { return }
        do throws(TransportError) {
            if let desk = ntsDesk {
                desk.adopt(nts, keys: state.keys)
                try ntsHandler?.openEcho(for: nts, on: loop)
            } else {
                try openNTSDesk(nts, keys: state.keys)
            }
        } catch {
            Logs.nts.error("the negotiation socket cannot be opened: \(error)")
        }
    }
}
