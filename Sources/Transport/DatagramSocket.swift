internal import CShims

/// An ICMP error about a datagram we sent.
package struct ICMPError: Hashable, Sendable {
    /// Where the datagram was going.
    package var destination: SocketAddress
    /// Who reports it; nil when it is this host.
    package var offender: SocketAddress?
    /// ICMP or ICMPv6 type; 0 when this host reports it.
    package var type: UInt8
    package var code: UInt8
    package var errno: Int32
}

/// Told what a ``DatagramSocket`` receives, on the loop's thread.
package protocol DatagramSocketHandler: AnyObject {
    /// A datagram came in.
    ///
    /// - Parameters:
    ///   - local: the address of ours it was sent to, with the socket's port.
    ///   - interface: index of the interface it came in by; 0 when not known.
    func received(
        _ octets: UnsafeRawBufferPointer, from remote: SocketAddress, to local: SocketAddress,
        interface: UInt32,
        on socket: DatagramSocket)

    /// A datagram sent before could not be delivered. `payload`: as much of it as came back.
    func failed(_ error: ICMPError, payload: UnsafeRawBufferPointer, on socket: DatagramSocket)
}

/// One bound UDP socket for small numbers of datagrams in both directions: negotiations and notifications.
@safe package final class DatagramSocket: EventSource {
    /// The address it is bound to, with the port the kernel chose if 0 was asked for.
    package let address: SocketAddress
    /// Datagrams that could not be sent at once; dropped.
    package private(set) var dropped: UInt64 = 0

    private let descriptor: Int32
    private let loop: EventLoop
    private let handler: any DatagramSocketHandler
    private let buffer: UnsafeMutableRawBufferPointer
    private var isOpen = true
    private static let datagramsPerRound = 256
    /// Octets that the kernel keeps for us, if it may; the kernel's own overhead for each datagram counts.
    private static let receiveBuffer: Int32 = 1 << 20

    /// Binds a socket and receives on it until ``close()``.
    ///
    /// - Parameter largest: octets received of each datagram; longer ones are dropped.
    /// - Throws: ``TransportError``: socket, bind, option or watch.
    package init(
        _ wanted: SocketAddress, on loop: EventLoop, handler: any DatagramSocketHandler, largest: Int = 4096
    ) throws(TransportError) {
        let descriptor = torii_socket(wanted.family.rawValue, false)
        guard descriptor >= 0 else { throw .socket(wanted, errno: -descriptor) }
        self.descriptor = descriptor
        self.loop = loop
        self.handler = handler
        unsafe buffer = .allocate(byteCount: largest, alignment: 64)
        var local = wanted.raw
        if wanted.family == .ipv6 { _ = torii_set_v6_only(descriptor) }
        let bound = unsafe torii_bind(descriptor, &local)
        let errors = torii_set_receive_errors(descriptor, wanted.family.rawValue)
        // Routers answer in bursts, and what does not fit is lost.
        _ = torii_set_receive_buffer(descriptor, Self.receiveBuffer)
        let info = torii_set_packet_info(descriptor, wanted.family.rawValue)
        _ = unsafe torii_local_address(descriptor, &local)
        address = SocketAddress(local)
        guard bound == 0 else { throw .bind(wanted, errno: -bound) }
        guard errors == 0, info == 0 else { throw .option(wanted, errno: -min(errors, info)) }
        try loop.watch(descriptor, for: .readable, source: self)
    }

    deinit {
        if isOpen { _ = torii_close(descriptor) }
        unsafe buffer.deallocate()
    }

    /// Stops receiving.
    package func close() {
        guard isOpen else { return }
        isOpen = false
        loop.unwatch(descriptor, isClosing: true)
        _ = torii_close(descriptor)
    }

    /// Sends a datagram, from `local` if the socket is bound to a wildcard address and one is given.
    ///
    /// - Returns: false when the kernel refused it; an error of an earlier datagram does not count.
    @discardableResult
    package func send(
        _ octets: UnsafeRawBufferPointer, to remote: SocketAddress, from local: SocketAddress = .none
    ) -> Bool {
        guard isOpen else { return false }
        var destination = remote.raw
        var source = address.isWildcard ? local.raw : SocketAddress.none.raw
        for _ in 0..<2 {
            let sent = unsafe torii_send_to(
                descriptor, octets.baseAddress, octets.count, &destination, &source)
            if sent >= 0 { return true }
            // The socket may report an earlier datagram's fate here; this one has then not been tried yet.
            if sent == -TORII_EAGAIN || sent == -TORII_ENOBUFS { break }
        }
        dropped &+= 1
        return false
    }

    package func ready(_ events: Readiness, tag: UInt32) {
        if events.contains(.error) { takeErrors() }
        for _ in 0..<Self.datagramsPerRound {
            guard isOpen else { return }
            var remote = torii_address()
            var local = torii_address()
            var interface: UInt32 = 0
            var truncated = false
            let count = unsafe torii_receive_from(
                descriptor, buffer.baseAddress, buffer.count, &remote, &local, &interface, &truncated)
            guard count >= 0 else { return }
            guard !truncated else { continue }
            var to = SocketAddress(local)
            if to.family == .none { to = address }
            unsafe handler.received(
                UnsafeRawBufferPointer(rebasing: buffer[..<count]), from: SocketAddress(remote),
                to: to.with(port: address.port), interface: interface, on: self)
        }
    }

    private func takeErrors() {
        for _ in 0..<Self.datagramsPerRound {
            guard isOpen else { return }
            var raw = torii_icmp_error()
            guard unsafe torii_receive_error(descriptor, buffer.baseAddress, buffer.count, &raw) == 1 else {
                break
            }
            let offender = SocketAddress(raw.offender)
            let error = ICMPError(
                destination: SocketAddress(raw.destination),
                offender: offender.family == .none ? nil : offender,
                type: raw.type, code: raw.code, errno: raw.error)
            let payload = unsafe UnsafeRawBufferPointer(
                rebasing: buffer[..<min(buffer.count, Int(raw.length))])
            unsafe handler.failed(error, payload: payload, on: self)
        }
        if isOpen { _ = torii_socket_error(descriptor) }
    }
}
