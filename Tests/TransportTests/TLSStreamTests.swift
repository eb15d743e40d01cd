import Testing

@testable import Transport

@Suite("DNS over TLS", .serialized)
struct TLSStreamTests {
    func serve(
        _ certificate: TestCertificate, _ handler: ScriptedHandler, proxies: ProxyTrust? = nil,
        _ adjust: (inout StreamLimits) -> Void = { _ in }
    ) throws -> (EventLoop, StreamListener) {
        var limits = StreamLimits()
        adjust(&limits)
        let loop = try EventLoop()
        let socket = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
        let context = try TLSContext(certificate.identity, transport: .tls)
        let listener = try StreamListener(
            socket, on: loop, handler: handler, limits: limits, proxies: proxies, tls: context)
        return (loop, listener)
    }

    func client(_ listener: StreamListener, _ more: [String] = []) throws -> Tool {
        try Tool(
            "openssl", ["s_client", "-quiet", "-connect", "127.0.0.1:\(listener.socket.address.port)"] + more)
    }

    @Test(
        "Several queries on one connection, some answered later and out of order",
        arguments: ["-tls1_2", "-tls1_3"])
    func pipelining(_ version: String) throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let handler = ScriptedHandler { query, peer, response in
            query[0] == 1 ? .deferred : ScriptedHandler.echo(query, peer, response)
        }
        let (loop, listener) = try serve(certificate, handler)
        let client = try client(
            listener, [version, "-verify_return_error", "-CAfile", certificate.certificate])
        let long = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 / 3 + 2) | 2 }
        client.write(framed([1, 1]) + framed([2, 2]) + framed(long))
        #expect(loop.turn { unframed(client.received).count == 2 })
        #expect(handler.queries == [[1, 1], [2, 2], long])
        let peer = try #require(handler.peers.first)
        #expect(peer.transport == .tls)
        #expect(peer.address.sameAddress(as: loopback()))
        #expect(peer.local == listener.socket.address)
        #expect(loop.respond([1, 9], to: peer))
        #expect(loop.turn { unframed(client.received).count == 3 })
        #expect(unframed(client.received) == [[2, 2], long, [1, 9]])
        #expect(listener.statistics.queries == 3)
        #expect(listener.statistics.handshakes == 1)
        client.kill()
        #expect(loop.turn { listener.statistics.open == 0 })
        #expect(!loop.respond([1], to: peer))
    }

    @Test("A transfer arrives whole")
    func transfer() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let handler = ScriptedHandler { _, _, _ in .deferred }
        let (loop, listener) = try serve(certificate, handler)
        let client = try client(listener)
        client.write(framed([1]))
        #expect(loop.turn { handler.queries.count == 1 })
        let source = StreamListenerTests.Countdown(600, size: 16_000)
        #expect(loop.transfer(source, to: try #require(handler.peers.first)))
        #expect(loop.turn { client.received.count == 600 * 16_002 })
        #expect(unframed(client.received).count == 600)
        #expect(!source.wasAbandoned)
    }

    @Test(
        "A client that never shakes hands, one that is idle, one that is slow and one that speaks no TLS are closed"
    )
    func timeouts() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let (loop, listener) = try serve(certificate, ScriptedHandler()) {
            $0.idleTimeout = .milliseconds(600)
            $0.messageTimeout = .milliseconds(300)
        }
        let mute = TestClient(tcp: listener.socket.address)
        let plain = TestClient(tcp: listener.socket.address)
        plain.write(framed([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]))
        let idle = try client(listener)
        let slow = try client(listener)
        slow.write([0])
        #expect(loop.turn { mute.receive() == [] })
        #expect(loop.turn { plain.receive() == [] })
        #expect(loop.turn { !idle.isRunning && !slow.isRunning })
        #expect(listener.statistics.badTLS == 1)
        #expect(listener.statistics.slow == 2)
        #expect(listener.statistics.idle == 1)
        #expect(listener.statistics.open == 0)
    }

    @Test("Handshakes of a round are bounded, and all of them are served")
    func handshakes() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let (loop, listener) = try serve(certificate, ScriptedHandler()) { $0.handshakesPerRound = 1 }
        let clients = try (0..<6).map { number in
            let tool = try client(listener)
            tool.write(framed([UInt8(number), 7]))
            return tool
        }
        #expect(loop.turn { clients.allSatisfy { unframed($0.received).count == 1 } })
        #expect(listener.statistics.handshakes == 6)
    }

    @Test("Behind a proxy its header comes before TLS")
    func proxied() throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        let handler = ScriptedHandler()
        let trust = ProxyTrust([ProxyTrust.Prefix(loopback(), bits: 32)])
        let (loop, listener) = try serve(certificate, handler, proxies: trust)
        // A relay of the test's own: it writes the header, then carries octets both ways.
        let inner = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
        let outer = TestClient(tcp: listener.socket.address)
        let asked = try #require(SocketAddress("198.51.100.1", port: 853))
        let named = try #require(SocketAddress("192.0.2.9", port: 4711))
        outer.write(proxyHeader(named, asked, stream: true))
        let tool = try Tool("openssl", ["s_client", "-quiet", "-connect", "127.0.0.1:\(inner.address.port)"])
        tool.write(framed([5, 5]))
        var accepted: TestClient?
        #expect(
            loop.turn {
                if accepted == nil { accepted = TestClient(accepting: inner) }
                if let octets = accepted?.receive(), !octets.isEmpty { outer.write(octets) }
                if let octets = outer.receive(), !octets.isEmpty { accepted?.write(octets) }
                return unframed(tool.received) == [[5, 5]]
            })
        #expect(handler.peers.first?.address == named)
        #expect(handler.peers.first?.local == asked)
    }

    @Test("A certificate that cannot be used is told by its file; one replaced is shown from then on")
    func certificates() throws {
        let certificate = try TestCertificate()
        let other = try TestCertificate()
        defer {
            certificate.remove()
            other.remove()
        }
        let missing = SecureIdentity(certificateFile: "/nowhere", keyFile: certificate.key)
        #expect(throws: TransportError.certificate(file: "/nowhere")) {
            try TLSContext(missing, transport: .tls)
        }
        let mixed = SecureIdentity(certificateFile: certificate.certificate, keyFile: other.key)
        #expect(throws: TransportError.certificate(file: other.key)) {
            try TLSContext(mixed, transport: .tls)
        }
        let (loop, listener) = try serve(certificate, ScriptedHandler())
        listener.replace(tls: try TLSContext(other.identity, transport: .tls))
        let client = try client(listener, ["-verify_return_error", "-CAfile", other.certificate])
        client.write(framed([3]))
        #expect(loop.turn { unframed(client.received) == [[3]] })
    }
}
