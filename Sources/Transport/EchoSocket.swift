internal import Glibc

/// Told what an ``EchoSocket`` receives, on the loop's thread.
package protocol EchoSocketHandler: AnyObject {
    /// An ICMP message came in; the octets are without its IP header.
    func received(_ octets: [UInt8], from remote: SocketAddress)

    /// The network reports that an echo request of this host to `target` could not be delivered.
    func undeliverable(to target: SocketAddress)
}

/// A raw ICMP socket for echo requests of our own making.
///
/// Needs the right to open raw sockets (CAP_NET_RAW).
@safe package final class EchoSocket: EventSource {
    private let descriptor: Int32
    private let loop: EventLoop
    private let handler: any EchoSocketHandler
    private static let datagramsPerRound = 64

    /// Opens the socket and receives until the object is let go of with ``close()``.
    ///
    /// - Throws: ``TransportError``: socket or watch.
    package init(on loop: EventLoop, handler: any EchoSocketHandler) throws(TransportError) {
        let kind = Int32(SOCK_RAW.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, Int32(IPPROTO_ICMP))
        guard descriptor >= 0 else { throw .socket(SocketAddress(ipv4: 0, port: 0), errno: errno) }
        self.descriptor = descriptor
        self.loop = loop
        self.handler = handler
        try loop.watch(descriptor, for: .readable, source: self)
    }

    deinit { _ = Glibc.close(descriptor) }

    /// Sends an ICMP message, checksum included, to an IPv4 address.
    ///
    /// - Returns: false when the kernel refused it.
    @discardableResult
    package func send(_ octets: [UInt8], to remote: SocketAddress) -> Bool {
        guard remote.family == .ipv4 else { return false }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = remote.ipv4.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let sent = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe octets.withUnsafeBytes { raw in
                    unsafe sendto(descriptor, raw.baseAddress, raw.count, Int32(MSG_DONTWAIT), generic, size)
                }
            }
        }
        return sent == octets.count
    }

    package func ready(_ events: Readiness, tag: UInt32) {
        for _ in 0..<EchoSocket.datagramsPerRound {
            var address = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let datagram = unsafe [UInt8](unsafeUninitializedCapacity: 2048) { buffer, count in
                let received = unsafe withUnsafeMutablePointer(to: &address) { pointer in
                    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                        unsafe recvfrom(descriptor, buffer.baseAddress, buffer.count, 0, generic, &size)
                    }
                }
                count = max(0, received)
            }
            guard !datagram.isEmpty else { return }
            let header = Int(datagram[0] & 0x0f) * 4
            guard header >= 20, datagram.count >= header + 8 else { continue }
            let remote = SocketAddress(ipv4: UInt32(bigEndian: address.sin_addr.s_addr), port: 0)
            let message = datagram[header...]
            if message[header] == 3 {
                if let target = EchoSocket.target(ofUnreachable: message) {
                    handler.undeliverable(to: target)
                }
            } else {
                handler.received(Array(message), from: remote)
            }
        }
    }

    /// Where the echo request went that a "destination unreachable" is about (RFC 792).
    private static func target(ofUnreachable message: ArraySlice<UInt8>) -> SocketAddress? {
        let inner = message.dropFirst(8)
        let start = inner.startIndex
        guard inner.count >= 28, inner[start] >> 4 == 4, inner[start + 9] == UInt8(IPPROTO_ICMP) else {
            return nil
        }
        let length = Int(inner[start] & 15) * 4
        guard length >= 20, inner.count > length, inner[start + length] == 8 else { return nil }
        let address = inner[(start + 16)..<(start + 20)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return SocketAddress(ipv4: address, port: 0)
    }
}
