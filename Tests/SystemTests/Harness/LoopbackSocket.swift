import Foundation

/// A socket bound to a loopback address.
final class LoopbackSocket: Sendable {
    let descriptor: Int32
    let port: UInt16

    /// - Parameter port: 0 lets the kernel choose.
    init(_ kind: __socket_type, address: String, port: UInt16 = 0) throws {
        let target = try SocketAddress(address, port)
        let new = socket(target.family, Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard new >= 0 else { throw HarnessError.system("socket", errno: errno) }
        var on: Int32 = 1
        if kind == SOCK_STREAM {
            setsockopt(new, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        guard target.with({ bind(new, $0, $1) }) == 0 else {
            let code = errno
            close(new)
            throw HarnessError.system("bind \(address) \(port)", errno: code)
        }
        descriptor = new
        self.port = SocketAddress.localPort(of: new)
    }

    /// The next datagram.
    func receive(within seconds: Int = 10) throws -> [UInt8] {
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var buffer = [UInt8](repeating: 0, count: 65535)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw HarnessError.system("recv", errno: errno) }
        return Array(buffer.prefix(count))
    }

    deinit { close(descriptor) }
}

/// An IPv4 or IPv6 address with a port, as the kernel wants it.
struct SocketAddress {
    let family: Int32
    private let bytes: [UInt8]

    init(_ address: String, _ port: UInt16) throws {
        if address.contains(":") {
            var value = sockaddr_in6()
            value.sin6_family = sa_family_t(AF_INET6)
            value.sin6_port = port.bigEndian
            guard inet_pton(AF_INET6, address, &value.sin6_addr) == 1 else {
                throw HarnessError.malformed("address \(address)")
            }
            family = AF_INET6
            bytes = withUnsafeBytes(of: &value) { Array($0) }
        } else {
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = port.bigEndian
            guard inet_pton(AF_INET, address, &value.sin_addr) == 1 else {
                throw HarnessError.malformed("address \(address)")
            }
            family = AF_INET
            bytes = withUnsafeBytes(of: &value) { Array($0) }
        }
    }

    func with<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        bytes.withUnsafeBytes { raw in
            raw.withMemoryRebound(to: sockaddr.self) { generic in
                guard let base = generic.baseAddress else { preconditionFailure("an address has octets") }
                return body(base, socklen_t(raw.count))
            }
        }
    }

    static func localPort(of descriptor: Int32) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        // The port is at the same place in both families.
        return withUnsafeBytes(of: &storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}

/// A client that sends whatever octets it is given.
final class WireClient: Sendable {
    enum Transport: Sendable { case udp, tcp }

    private let descriptor: Int32
    private let transport: Transport
    var isStream: Bool { transport == .tcp }
    let localPort: UInt16

    /// - Parameter source: the address to send from; nil lets the kernel choose.
    init(
        _ transport: Transport, _ address: String = "127.0.0.1", port: UInt16, from source: String? = nil
    ) throws {
        self.transport = transport
        let target = try SocketAddress(address, port)
        let kind = transport == .udp ? SOCK_DGRAM : SOCK_STREAM
        let new = socket(target.family, Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard new >= 0 else { throw HarnessError.system("socket", errno: errno) }
        if let source {
            guard try SocketAddress(source, 0).with({ bind(new, $0, $1) }) == 0 else {
                let code = errno
                close(new)
                throw HarnessError.system("bind \(source)", errno: code)
            }
        }
        guard target.with({ connect(new, $0, $1) }) == 0 else {
            let code = errno
            close(new)
            throw HarnessError.system("connect \(address) \(port)", errno: code)
        }
        descriptor = new
        localPort = SocketAddress.localPort(of: new)
    }

    deinit { close(descriptor) }

    /// One message; TCP gets its length in front.
    func send(_ message: [UInt8]) throws {
        try sendRaw(transport == .udp ? message : Self.framed(message))
    }

    static func framed(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
    }

    /// Octets as they are.
    func sendRaw(_ bytes: [UInt8]) throws {
        var sent = 0
        repeat {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count >= 0 else { throw HarnessError.system("send", errno: errno) }
            sent += count
        } while sent < bytes.count
    }

    /// From now on sending fails where it would wait.
    func becomeNonBlocking() {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL, 0) | O_NONBLOCK)
    }

    /// The next message.
    func receive(within seconds: Double = 10) throws -> [UInt8] {
        guard let message = try receiveIfAny(within: seconds) else {
            throw HarnessError.deadline("a response")
        }
        return message
    }

    /// The next message; nil after `seconds` without one, or when the server closed the connection.
    func receiveIfAny(within seconds: Double) throws -> [UInt8]? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        if transport == .udp { return try readSome(65535, by: deadline) }
        guard let head = try readExactly(2, by: deadline) else { return nil }
        return try readExactly(Int(head[0]) << 8 | Int(head[1]), by: deadline)
    }

    /// Whether the server ends the connection within `seconds`.
    func isClosedByServer(within seconds: Double) throws -> Bool {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while deadline.timeIntervalSinceNow > 0 {
            guard waitReadable(until: deadline) else { return false }
            var octet = [UInt8](repeating: 0, count: 4096)
            if recv(descriptor, &octet, octet.count, 0) <= 0 { return true }
        }
        return false
    }

    /// Ends our sending half.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    private func waitReadable(until deadline: Date) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = max(0, Int32(deadline.timeIntervalSinceNow * 1000))
        return poll(&waiting, 1, milliseconds) > 0
    }

    private func readSome(_ limit: Int, by deadline: Date) throws -> [UInt8]? {
        guard waitReadable(until: deadline) else { return nil }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        guard count >= 0 else { throw HarnessError.system("recv", errno: errno) }
        return count == 0 && transport == .tcp ? nil : Array(buffer[..<count])
    }

    private func readExactly(_ count: Int, by deadline: Date) throws -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard let more = try readSome(count - bytes.count, by: deadline) else { return nil }
            bytes += more
        }
        return bytes
    }
}
