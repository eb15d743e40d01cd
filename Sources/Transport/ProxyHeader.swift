/// Which neighbours speak PROXY protocol version 2 to us, and are believed.
///
/// A neighbour listed here must send the header with every datagram and at the start of every connection; anybody
/// else may not send it (its octets are then no DNS message, and are treated as such).
package struct ProxyTrust: Sendable {
    /// One prefix of trusted neighbours.
    package struct Prefix: Sendable, Hashable {
        package var address: SocketAddress
        package var bits: Int

        package init(_ address: SocketAddress, bits: Int) {
            self.address = address
            self.bits = bits
        }
    }

    package var prefixes: [Prefix]

    package init(_ prefixes: [Prefix]) { self.prefixes = prefixes }

    func covers(_ address: SocketAddress) -> Bool {
        for prefix in prefixes where address.lies(in: prefix.address, bits: prefix.bits) { return true }
        return false
    }
}

/// A PROXY protocol version 2 header.
struct ProxyHeader: Equatable {
    /// Octets the header takes.
    var length: Int
    /// The client's address; nil for LOCAL (the proxy speaks for itself).
    var client: SocketAddress?
    /// The address the client asked.
    var server: SocketAddress?

    /// Longest header taken on a stream; room for the addresses and some extensions.
    static let longest = 1024

    private static let signature: [UInt8] = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
    ]

    /// How many octets the header at the start of `octets` has, fixed part included; nil when it is not one.
    ///
    /// Zero: more octets are needed to tell.
    static func expectedLength(_ octets: UnsafeRawBufferPointer) -> Int? {
        for index in 0..<min(octets.count, signature.count) where unsafe octets[index] != signature[index] {
            return nil
        }
        guard octets.count >= 16 else { return 0 }
        guard unsafe octets[12] >> 4 == 2 else { return nil }
        return 16 + Int(unsafe octets[14]) << 8 + Int(unsafe octets[15])
    }

    /// Reads a complete header; nil when it is malformed, incomplete, or of a family other than IPv4 or IPv6.
    static func read(_ octets: UnsafeRawBufferPointer) -> ProxyHeader? {
        guard let length = unsafe expectedLength(octets), length >= 16, octets.count >= length else {
            return nil
        }
        switch unsafe octets[12] & 0x0f {
        case 0: return ProxyHeader(length: length)
        case 1: break
        default: return nil
        }
        let size: Int
        switch unsafe octets[13] >> 4 {
        case 0: return ProxyHeader(length: length)
        case 1: size = 4
        case 2: size = 16
        default: return nil
        }
        guard length >= 16 + 2 * size + 4 else { return nil }
        func port(_ offset: Int) -> UInt16 {
            UInt16(unsafe octets[offset]) << 8 | UInt16(unsafe octets[offset + 1])
        }
        let ports = 16 + 2 * size
        guard
            let client = unsafe SocketAddress(octets: octets[16..<16 + size], port: port(ports)),
            let server = unsafe SocketAddress(octets: octets[16 + size..<ports], port: port(ports + 2))
        else { return nil }
        return ProxyHeader(length: length, client: client, server: server)
    }
}

/// Where the responses to proxied datagrams go: the last 4,096 pairs of (proxy, own address).
struct ProxyRelays {
    private struct Relay: Hashable {
        var remote: SocketAddress
        var local: SocketAddress
    }

    static let limit = 4096
    private var known: [Relay: Int] = [:]
    private var ring: [(relay: Relay, generation: UInt32)] = []
    private var oldest = 0

    /// The route of a relay; never 0.
    ///
    /// The oldest relay is forgotten when there are too many.
    mutating func route(to remote: SocketAddress, from local: SocketAddress) -> UInt64 {
        let relay = Relay(remote: remote, local: local)
        if let index = known[relay] { return Self.route(index, ring[index].generation) }
        guard ring.count >= Self.limit else {
            ring.append((relay, 0))
            known[relay] = ring.count - 1
            return Self.route(ring.count - 1, 0)
        }
        let index = oldest
        oldest = (oldest + 1) % Self.limit
        known[ring[index].relay] = nil
        known[relay] = index
        ring[index] = (relay, ring[index].generation &+ 1)
        return Self.route(index, ring[index].generation)
    }

    /// The relay of a route; nil when it has been forgotten.
    func relay(_ route: UInt64) -> (SocketAddress, SocketAddress)? {
        let index = Int(route & 0xffff_ffff) - 1
        guard index >= 0, index < ring.count,
            ring[index].generation == UInt32(truncatingIfNeeded: route >> 32)
        else {
            return nil
        }
        return (ring[index].relay.remote, ring[index].relay.local)
    }

    private static func route(_ index: Int, _ generation: UInt32) -> UInt64 {
        UInt64(generation) << 32 | UInt64(index + 1)
    }
}
