internal import CShims

/// A bound socket, opened before privileges are dropped and kept over reloads.
///
/// May be made on one thread and served on another; closes itself when the last user lets go.
package final class ListeningSocket: Sendable {
    let descriptor: Int32
    /// The address it is bound to, with the port the kernel chose if 0 was asked for.
    package let address: SocketAddress
    /// Whether it is a TCP socket.
    package let isStream: Bool
    /// Octets the kernel will queue for it.
    package let receiveBuffer: Int

    /// Opens `count` sockets on one address, among which the kernel spreads clients (one per worker).
    ///
    /// The first is bound alone, so that an address another program holds is an error and not shared with it.
    ///
    /// - Parameters:
    ///   - receiveBuffer: octets asked of the kernel for a UDP socket; it may grant less.
    ///   - backlog: connections the kernel may hold before they are accepted.
    /// - Throws: ``TransportError``: socket, bind or option.
    package static func open(
        _ address: SocketAddress, stream: Bool, count: Int, receiveBuffer: Int = 4 << 20, backlog: Int = 1024
    ) throws(TransportError) -> [ListeningSocket] {
        var opened: [ListeningSocket] = []
        var address = address
        for index in 0..<max(1, count) {
            let socket = try ListeningSocket(
                address, stream: stream, isFirst: index == 0, receiveBuffer: receiveBuffer)
            address = socket.address
            opened.append(socket)
        }
        if stream {
            for socket in opened {
                let result = torii_listen(socket.descriptor, Int32(clamping: backlog))
                guard result == 0 else { throw .bind(address, errno: -result) }
            }
        }
        return opened
    }

    private init(
        _ wanted: SocketAddress, stream: Bool, isFirst: Bool, receiveBuffer: Int
    ) throws(TransportError) {
        let descriptor = torii_socket(wanted.family.rawValue, stream)
        guard descriptor >= 0 else { throw .socket(wanted, errno: -descriptor) }
        do {
            (address, self.receiveBuffer) = try Self.prepare(
                descriptor, wanted, stream: stream, isFirst: isFirst, receiveBuffer: receiveBuffer)
        } catch {
            _ = torii_close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        isStream = stream
    }

    deinit { _ = torii_close(descriptor) }

    private static func prepare(
        _ descriptor: Int32, _ wanted: SocketAddress, stream: Bool, isFirst: Bool, receiveBuffer: Int
    ) throws(TransportError) -> (SocketAddress, Int) {
        func need(_ result: Int32) throws(TransportError) {
            guard result >= 0 else { throw .option(wanted, errno: -result) }
        }
        if wanted.family == .ipv6 { try need(torii_set_v6_only(descriptor)) }
        if stream { try need(torii_set_reuse_address(descriptor)) }
        if !isFirst { try need(torii_set_reuse_port(descriptor)) }
        var raw = wanted.raw
        let bound = unsafe torii_bind(descriptor, &raw)
        guard bound == 0 else { throw .bind(wanted, errno: -bound) }
        if isFirst { try need(torii_set_reuse_port(descriptor)) }
        var granted = 0
        if !stream {
            if wanted.isWildcard { try need(torii_set_packet_info(descriptor, wanted.family.rawValue)) }
            // Old kernels lack it for IPv6; responses then still leave, only larger path MTU guesses are believed.
            _ = torii_set_mtu_omit(descriptor, wanted.family.rawValue)
            granted = Int(torii_set_receive_buffer(descriptor, Int32(clamping: receiveBuffer)))
            _ = torii_set_send_buffer(descriptor, Int32(clamping: receiveBuffer))
        }
        var local = torii_address()
        try need(unsafe torii_local_address(descriptor, &local))
        local.scope = wanted.scope
        return (SocketAddress(local), granted)
    }
}
