internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Transport

/// The negotiation socket: brings datagrams and errors to the ``NTSDesk``.
final class NTSSocket: DatagramSocketHandler, EchoSocketHandler {
    weak var desk: NTSDesk?

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
        // A socket of the other family, so that IPv6 routers can be notified too; its port is the kernel's choice.
        let other: DatagramSocket? =
            configuration.source.address == .anyIPv4
            ? try? DatagramSocket(
                SocketAddress(IPEndpoint(.anyIPv6, port: configuration.source.port)), on: loop,
                handler: handler)
            : nil
        // The ICMP form needs a raw socket; it is opened only where the form is used.
        let usesEcho =
            configuration.form == .icmp || configuration.targets.routers.contains { $0.form == .icmp }
        let echo = usesEcho ? try EchoSocket(on: loop, handler: handler) : nil
        let negotiator = Negotiator(configuration: configuration, memory: core.targetMemory, keys: keys)
        let desk = NTSDesk(
            negotiator, worker: self,
            send: { octets, target in
                let way = target.address.isIPv6 ? other ?? socket : socket
                unsafe octets.withUnsafeBytes { raw in
                    _ = unsafe way.send(raw, to: SocketAddress(target))
                }
            },
            sendEcho: { octets, target in echo?.send(octets, to: SocketAddress(IPEndpoint(target, port: 0))) }
        )
        handler.desk = desk
        ntsDesk = desk
        ntsSockets = [socket] + [other].compactMap { $0 }
    }
}
