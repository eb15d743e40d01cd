import Testing

@testable import Transport

@Suite("Hostile streams", .serialized)
struct HostileStreamTests {
    /// Octets from a seed, so that a failure can be repeated.
    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    @Test(
        "Any octets in any pieces: nothing breaks, a good client is served after them",
        arguments: [(false, false), (true, false), (false, true), (true, true)])
    func anyOctets(_ isTLS: Bool, _ isProxied: Bool) throws {
        let certificate = isTLS ? try TestCertificate() : nil
        defer { certificate?.remove() }
        var random = Seeded(state: 20_240_501)
        let handler = ScriptedHandler { query, peer, response in
            switch query.count % 4 {
            case 0: .deferred
            case 1: .drop
            case 2: query.count > 60_000 ? .close : ScriptedHandler.echo(query, peer, response)
            default: ScriptedHandler.echo(query, peer, response)
            }
        }
        let loop = try EventLoop()
        let socket = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
        let context = try certificate.map { try TLSContext($0.identity, transport: .tls) }
        let trust = isProxied ? ProxyTrust([ProxyTrust.Prefix(loopback(), bits: 32)]) : nil
        var limits = StreamLimits()
        limits.queriesInFlight = 8
        limits.connectionsPerClient = 1000
        let listener = try StreamListener(
            socket, on: loop, handler: handler, limits: limits, proxies: trust, tls: context)
        let address = listener.socket.address
        let beginnings: [[UInt8]] = [
            [], proxyHeader(loopback(1), address, stream: true), [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3],
            [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0xff, 4, 1],
        ]
        for _ in 0..<150 {
            let client = TestClient(tcp: address)
            if let beginning = beginnings.randomElement(using: &random) { client.write(beginning) }
            for _ in 0..<Int.random(in: 0..<8, using: &random) {
                let isShort = Bool.random(using: &random)
                let count =
                    isShort ? Int.random(in: 1..<6, using: &random) : Int.random(in: 1..<4000, using: &random)
                var octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                if Bool.random(using: &random) { octets[0] = 0 }
                client.write(octets)
                loop.round(waitingAtMost: .zero)
                for peer in handler.peers.suffix(2) where Bool.random(using: &random) {
                    _ = loop.respond([1, 2, 3], to: peer)
                    loop.dismiss(peer)
                }
                if Bool.random(using: &random) { _ = client.receive() }
            }
            if Bool.random(using: &random) { client.finishWriting() }
            loop.round(waitingAtMost: .zero)
        }
        #expect(loop.turn { listener.statistics.open == 0 || listener.statistics.accepted >= 150 })
        if let certificate {
            guard !isProxied else { return }
            let tool = try Tool(
                "openssl",
                [
                    "s_client", "-quiet", "-verify_return_error", "-CAfile", certificate.certificate,
                    "-connect",
                    "127.0.0.1:\(address.port)",
                ])
            tool.write(framed([1, 2, 3]))
            #expect(loop.turn { unframed(tool.received) == [[1, 2, 3]] })
        } else {
            let client = TestClient(tcp: address)
            client.write(
                (isProxied ? proxyHeader(loopback(9), address, stream: true) : []) + framed([1, 2, 3]))
            #expect(loop.turn { client.receive().map(unframed) == [[1, 2, 3]] })
        }
        listener.close()
        #expect(listener.statistics.open == 0)
    }

    @Test("Any octets as a PROXY header are read or refused, never past their end")
    func anyHeader() {
        var random = Seeded(state: 7)
        let good = proxyHeader(loopback(1), loopback(2))
        for _ in 0..<20_000 {
            var octets = good
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                octets[Int.random(in: 12..<octets.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            octets = Array(octets.prefix(Int.random(in: 0...octets.count, using: &random)))
            let header = octets.withUnsafeBytes { ProxyHeader.read($0) }
            if let header { #expect(header.length <= octets.count && header.length >= 16) }
        }
    }
}
