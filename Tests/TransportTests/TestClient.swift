import Glibc

@testable import Transport

/// A plain socket of the test's own, so that nothing is tested against itself.
final class TestClient {
    let descriptor: Int32

    /// A UDP socket, bound to `address`.
    init(udp address: SocketAddress) {
        descriptor = socket(
            address.family == .ipv4 ? AF_INET : AF_INET6,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        Self.with(address) { _ = Glibc.bind(descriptor, $0, $1) }
    }

    /// A TCP connection to `server`.
    init(tcp server: SocketAddress) {
        descriptor = socket(
            server.family == .ipv4 ? AF_INET : AF_INET6,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        Self.with(server) { _ = Glibc.connect(descriptor, $0, $1) }
    }

    /// The next client of a listening socket; nil when none waits.
    init?(accepting socket: ListeningSocket) {
        descriptor = Glibc.accept(socket.descriptor, nil, nil)
        if descriptor < 0 { return nil }
    }

    deinit { _ = Glibc.close(descriptor) }

    static func with(_ address: SocketAddress, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Void) {
        if address.family == .ipv4 {
            var raw = sockaddr_in()
            raw.sin_family = sa_family_t(AF_INET)
            raw.sin_port = address.port.bigEndian
            raw.sin_addr.s_addr = address.ipv4.bigEndian
            withUnsafePointer(to: &raw) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        } else {
            var raw = sockaddr_in6()
            raw.sin6_family = sa_family_t(AF_INET6)
            raw.sin6_port = address.port.bigEndian
            withUnsafeMutableBytes(of: &raw.sin6_addr) { $0.copyBytes(from: address.octets) }
            withUnsafePointer(to: &raw) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
    }

    func send(_ octets: [UInt8], to server: SocketAddress) {
        Self.with(server) { _ = Glibc.sendto(descriptor, octets, octets.count, 0, $0, $1) }
    }

    /// Writes as much as the kernel takes; returns how much.
    @discardableResult
    func write(_ octets: [UInt8]) -> Int {
        Glibc.send(
            descriptor, octets, octets.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }

    /// What is there now: nil when nothing is, empty at the end of a stream.
    func receive(_ capacity: Int = 70_000) -> [UInt8]? {
        var octets = [UInt8](repeating: 0, count: capacity)
        let count = Glibc.recv(descriptor, &octets, capacity, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == ECONNRESET ? [] : nil }
        return Array(octets.prefix(count))
    }

    /// A datagram and the address it came from.
    func receiveFrom() -> ([UInt8], SocketAddress)? {
        var octets = [UInt8](repeating: 0, count: 70_000)
        var raw = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &raw) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.recvfrom(descriptor, &octets, octets.count, Int32(MSG_DONTWAIT), $0, &length)
            }
        }
        guard count >= 0 else { return nil }
        let from = withUnsafeBytes(of: &raw) { bytes -> SocketAddress? in
            let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
            // The family is the first octet on this byte order.
            return Int32(bytes[0]) == AF_INET
                ? SocketAddress(octets: Array(bytes[4..<8]), port: port)
                : SocketAddress(octets: Array(bytes[8..<24]), port: port)
        }
        return (Array(octets.prefix(count)), from ?? .none)
    }

    func finishWriting() { _ = Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

    /// Makes the receive buffer small, so that a peer blocks soon.
    func shrinkReceiveBuffer() {
        var size: Int32 = 4096
        _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    var port: UInt16 {
        var raw = sockaddr_in6()
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        withUnsafeMutablePointer(to: &raw) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: raw.sin6_port)
    }
}

/// 127.0.0.1 with a port.
func loopback(_ port: UInt16 = 0) -> SocketAddress { SocketAddress(ipv4: 0x7f00_0001, port: port) }

/// A message with its length in front.
func framed(_ message: [UInt8]) -> [UInt8] {
    [UInt8(message.count >> 8), UInt8(truncatingIfNeeded: message.count)] + message
}

/// The messages of a stream, and what is left over.
func unframed(_ octets: [UInt8]) -> [[UInt8]] {
    var messages: [[UInt8]] = []
    var rest = octets[...]
    while rest.count >= 2, let first = rest.first {
        let length = Int(first) << 8 | Int(rest[rest.startIndex + 1])
        guard rest.count >= 2 + length else { break }
        messages.append(Array(rest.dropFirst(2).prefix(length)))
        rest = rest.dropFirst(2 + length)
    }
    return messages
}

extension EventLoop {
    /// Turns the loop until `condition` holds; false if it does not within some thousand rounds.
    func turn(until condition: () -> Bool) -> Bool {
        for _ in 0..<2000 {
            if condition() { return true }
            round(waitingAtMost: .milliseconds(10))
        }
        return condition()
    }

    /// Turns the loop until it has nothing to do at once.
    func settle() {
        for _ in 0..<50 { round(waitingAtMost: .zero) }
    }
}

/// Does with each query what the test says.
final class ScriptedHandler: QueryHandler {
    var queries: [[UInt8]] = []
    var peers: [Peer] = []
    var closed: [Peer] = []
    var script: ([UInt8], Peer, UnsafeMutableRawBufferPointer) -> Disposition

    init(
        _ script: @escaping ([UInt8], Peer, UnsafeMutableRawBufferPointer) -> Disposition = ScriptedHandler
            .echo
    ) {
        self.script = script
    }

    static func echo(_ query: [UInt8], _ peer: Peer, _ response: UnsafeMutableRawBufferPointer) -> Disposition
    {
        response.copyBytes(from: query)
        return .respond(query.count)
    }

    func receive(
        _ query: UnsafeRawBufferPointer, from peer: Peer, into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        let octets = Array(query)
        queries.append(octets)
        peers.append(peer)
        return script(octets, peer, response)
    }

    func connectionClosed(_ peer: Peer) { closed.append(peer) }
}

extension EventLoop {
    func respond(_ octets: [UInt8], to peer: Peer) -> Bool { octets.withUnsafeBytes { send($0, to: peer) } }
}
