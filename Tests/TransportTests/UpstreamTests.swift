import Testing

@testable import Transport

/// Notes what comes back.
final class RecordingUpstream: UpstreamHandler {
    var answers: [(octets: [UInt8], server: SocketAddress, token: UpstreamToken, tag: UInt64)] = []
    var failures: [(failure: UpstreamFailure, token: UpstreamToken, tag: UInt64)] = []
    var verdict: ([UInt8]) -> UpstreamVerdict = { _ in .done }

    func received(
        _ message: UnsafeRawBufferPointer, from server: SocketAddress, for token: UpstreamToken, tag: UInt64
    ) -> UpstreamVerdict {
        answers.append((Array(message), server, token, tag))
        return verdict(Array(message))
    }

    func failed(_ failure: UpstreamFailure, for token: UpstreamToken, tag: UInt64) {
        failures.append((failure, token, tag))
    }
}

@Suite("Questions to other servers over UDP")
struct UpstreamSocketsTests {
    @Test(
        "Each question has a fresh port; ports are spread evenly over the whole range and avoid what they must"
    )
    func ports() throws {
        let loop = try EventLoop()
        let handler = RecordingUpstream()
        let avoided = Set((5000..<9000).map { UInt16($0) })
        let upstream = UpstreamSockets(on: loop, handler: handler, ports: PortChoice(avoiding: avoided))
        let server = TestClient(udp: loopback())
        let address = loopback(server.port)
        let bins = 32
        let samples = 6400
        var seen = [Int](repeating: 0, count: bins)
        var repeats = 0
        var previous: UInt16 = 0
        for number in 0..<samples {
            let token = try #require(
                [UInt8(truncatingIfNeeded: number)].withUnsafeBytes {
                    upstream.send($0, to: address, timeout: .seconds(5), tag: 0)
                })
            let (_, from) = try #require(server.receiveFrom())
            #expect(token.port == 0 || from.port == token.port)
            #expect(from.port >= 1024 && !avoided.contains(from.port))
            if from.port == previous { repeats += 1 }
            previous = from.port
            // Bins of equal width over what is allowed.
            let rank = from.port < 5000 ? Int(from.port) - 1024 : Int(from.port) - 1024 - avoided.count
            seen[min(bins - 1, rank * bins / (64_512 - 4000))] += 1
            #expect(upstream.cancel(token))
        }
        let expected = Double(samples) / Double(bins)
        let chiSquare = seen.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
        // 31 degrees of freedom: above 75 happens to fair choices once in about 50,000 runs.
        #expect(chiSquare < 75, "\(seen)")
        #expect(repeats < 3)
        #expect(upstream.statistics.outstanding == 0)
    }

    @Test(
        "What comes too late, or from elsewhere, for one question is not there for the next one from the same socket"
    )
    func leftovers() throws {
        let loop = try EventLoop()
        let handler = RecordingUpstream()
        let upstream = UpstreamSockets(on: loop, handler: handler)
        let server = TestClient(udp: loopback())
        let other = TestClient(udp: loopback())
        for number in 0..<200 {
            let mark = UInt8(truncatingIfNeeded: number)
            let first = try #require(
                [mark].withUnsafeBytes {
                    upstream.send($0, to: loopback(server.port), timeout: .seconds(5), tag: 1)
                })
            let (_, early) = try #require(server.receiveFrom())
            server.send([1, 1], to: early)
            #expect(upstream.cancel(first))
            server.send([2, 2], to: early)
            let second = try #require(
                [mark].withUnsafeBytes {
                    upstream.send($0, to: loopback(other.port), timeout: .seconds(5), tag: 2)
                })
            let (_, late) = try #require(other.receiveFrom())
            server.send([3, 3], to: late)
            other.send([4, 4], to: late)
            #expect(loop.turn { handler.answers.count == number + 1 })
            #expect(handler.answers.last?.octets == [4, 4])
            #expect(handler.answers.last?.token == second)
        }
        #expect(upstream.statistics.received == 200)
        #expect(handler.failures.isEmpty)
    }

    @Test("An answer reaches its question; forged and foreign ones do not end it")
    func answers() throws {
        let loop = try EventLoop()
        let handler = RecordingUpstream()
        handler.verdict = { $0 == [1, 2] ? .done : .wait }
        let upstream = UpstreamSockets(on: loop, handler: handler)
        let server = TestClient(udp: loopback())
        let stranger = TestClient(udp: loopback())
        let token = try #require(
            [UInt8(1)].withUnsafeBytes {
                upstream.send($0, to: loopback(server.port), timeout: .seconds(5), tag: 77)
            })
        let (_, client) = try #require(server.receiveFrom())
        stranger.send([6, 6], to: client)
        server.send([9, 9], to: client)
        server.send([1, 2], to: client)
        #expect(loop.turn { handler.answers.count == 2 })
        #expect(handler.answers.map { $0.octets } == [[9, 9], [1, 2]])
        #expect(handler.answers.allSatisfy { $0.tag == 77 && $0.token == token })
        #expect(handler.answers.allSatisfy { $0.server == loopback(server.port) })
        #expect(upstream.statistics.outstanding == 0)
        #expect(!upstream.cancel(token))
        #expect(loop.timerCount == 0)
        #expect(handler.failures.isEmpty)
    }

    @Test("A closed port is reported at once, silence after its time")
    func failures() throws {
        let loop = try EventLoop()
        let handler = RecordingUpstream()
        let upstream = UpstreamSockets(on: loop, handler: handler)
        var closed = TestClient(udp: loopback()).port
        let silent = TestClient(udp: loopback())
        if closed == silent.port { closed = TestClient(udp: loopback()).port }
        [UInt8(1)].withUnsafeBytes {
            _ = upstream.send($0, to: loopback(closed), timeout: .seconds(5), tag: 1)
            _ = upstream.send($0, to: loopback(silent.port), timeout: .milliseconds(20), tag: 2)
        }
        #expect(loop.turn { handler.failures.count == 2 })
        #expect(handler.failures.map { $0.tag } == [1, 2])
        #expect(handler.failures.map { $0.failure } == [.unreachable(errno: 111), .timedOut])
    }

    @Test("Questions beyond the limit are refused and counted")
    func limit() throws {
        let loop = try EventLoop()
        var limits = UpstreamLimits()
        limits.outstanding = 2
        let upstream = UpstreamSockets(on: loop, handler: RecordingUpstream(), limits: limits)
        let server = TestClient(udp: loopback())
        let tokens = (0..<3).map { _ in
            [UInt8(1)].withUnsafeBytes {
                upstream.send($0, to: loopback(server.port), timeout: .seconds(5), tag: 0)
            }
        }
        #expect(tokens.map { $0 != nil } == [true, true, false])
        #expect(upstream.statistics.exhausted == 1)
        upstream.close()
        #expect(upstream.statistics.outstanding == 0)
    }
}

@Suite("Questions to other servers over TCP")
struct UpstreamStreamsTests {
    func serve(_ loop: EventLoop, _ handler: ScriptedHandler) throws -> StreamListener {
        let socket = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
        return try StreamListener(socket, on: loop, handler: handler)
    }

    func ask(
        _ upstream: UpstreamStreams, _ octets: [UInt8], _ server: SocketAddress, tag: UInt64 = 0
    ) -> UpstreamToken? {
        octets.withUnsafeBytes { upstream.send($0, to: server, timeout: .seconds(5), tag: tag) }
    }

    @Test("Questions share a connection unless their IDs collide; answers find them in any order")
    func sharing() throws {
        let loop = try EventLoop()
        let server = ScriptedHandler { _, _, _ in .deferred }
        let listener = try serve(loop, server)
        let handler = RecordingUpstream()
        let upstream = UpstreamStreams(on: loop, handler: handler)
        for number: UInt8 in 1...3 {
            #expect(ask(upstream, [0, number, 5], listener.socket.address, tag: UInt64(number)) != nil)
        }
        #expect(ask(upstream, [0, 1, 6], listener.socket.address, tag: 4) != nil)
        #expect(loop.turn { server.queries.count == 4 })
        #expect(listener.statistics.accepted == 2)
        for (query, peer) in zip(server.queries, server.peers).reversed() {
            #expect(loop.respond(query + [1], to: peer))
        }
        #expect(loop.turn { handler.answers.count == 4 })
        for answer in handler.answers {
            #expect(answer.octets[1] == UInt8(answer.tag == 4 ? 1 : answer.tag))
            #expect(answer.octets[2] == (answer.tag == 4 ? 6 : 5))
        }
        #expect(ask(upstream, [0, 9], listener.socket.address) != nil)
        #expect(loop.turn { server.queries.count == 5 })
        #expect(listener.statistics.accepted == 2)
        listener.close()
        #expect(loop.turn { handler.failures.count == 1 })
        #expect(handler.failures.first?.failure == .closed(wasReused: true))
        #expect(loop.turn { upstream.statistics.open == 0 })
    }

    @Test("A message too long for one read arrives whole; several messages for one question do too")
    func longAnswers() throws {
        let loop = try EventLoop()
        let long = (0..<65_535).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let server = ScriptedHandler { _, _, response in
            response.copyBytes(from: long)
            return .respond(long.count)
        }
        let listener = try serve(loop, server)
        let handler = RecordingUpstream()
        let upstream = UpstreamStreams(on: loop, handler: handler)
        handler.verdict = { _ in handler.answers.count == 2 ? .done : .wait }
        #expect(ask(upstream, [0, 0, 1], listener.socket.address) != nil)
        #expect(loop.turn { handler.answers.count == 1 })
        let peer = try #require(server.peers.first)
        #expect(loop.respond([0, 0, 7], to: peer))
        #expect(loop.turn { handler.answers.count == 2 })
        #expect(handler.answers.map { $0.octets } == [long, [0, 0, 7]])
        #expect(loop.respond([0, 0, 8], to: peer))
        #expect(loop.turn { upstream.statistics.strangers == 1 })
    }

    @Test("A refused connection and a silent server are told")
    func failures() throws {
        let loop = try EventLoop()
        let silent = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
        let closed: SocketAddress = try {
            let socket = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
            return socket.address
        }()
        let handler = RecordingUpstream()
        let upstream = UpstreamStreams(on: loop, handler: handler)
        [UInt8(0), 1].withUnsafeBytes {
            _ = upstream.send($0, to: closed, timeout: .seconds(5), tag: 1)
            _ = upstream.send($0, to: silent.address, timeout: .milliseconds(30), tag: 2)
        }
        #expect(loop.turn { handler.failures.count == 2 })
        #expect(handler.failures.map { $0.failure } == [.unreachable(errno: 111), .timedOut])
        #expect(upstream.statistics.open == 0)
    }
}

@Suite("Datagram socket")
struct DatagramSocketTests {
    final class Recorder: DatagramSocketHandler {
        var received: [(octets: [UInt8], from: SocketAddress, to: SocketAddress)] = []
        var failures: [(error: ICMPError, payload: [UInt8])] = []
        func received(
            _ octets: UnsafeRawBufferPointer, from remote: SocketAddress, to local: SocketAddress,
            interface: UInt32,
            on socket: DatagramSocket
        ) { received.append((Array(octets), remote, local)) }
        func failed(_ error: ICMPError, payload: UnsafeRawBufferPointer, on socket: DatagramSocket) {
            failures.append((error, Array(payload)))
        }
    }

    @Test("Datagrams come with both addresses, and leave from the one chosen")
    func addresses() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let socket = try DatagramSocket(SocketAddress(ipv4: 0, port: 0), on: loop, handler: recorder)
        let client = TestClient(udp: loopback())
        let asked = SocketAddress(ipv4: 0x7f00_0009, port: socket.address.port)
        client.send([1, 2], to: asked)
        #expect(loop.turn { recorder.received.count == 1 })
        let first = try #require(recorder.received.first)
        #expect(first.octets == [1, 2])
        #expect(first.from == loopback(client.port))
        #expect(first.to == asked)
        [UInt8(3)].withUnsafeBytes { #expect(socket.send($0, to: first.from, from: first.to)) }
        let (octets, from) = try #require(client.receiveFrom())
        #expect(octets == [3])
        #expect(from == asked)
        socket.close()
    }

    @Test("A burst that comes while we are busy is kept")
    func burst() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let socket = try DatagramSocket(loopback(), on: loop, handler: recorder)
        let client = TestClient(udp: loopback())
        // More than the kernel keeps by default, and no more than it lets everybody ask for.
        for number in 0..<400 { client.send([UInt8(number & 255), UInt8(number >> 8)], to: socket.address) }
        #expect(loop.turn { recorder.received.count == 400 })
        #expect(recorder.received.last?.octets == [143, 1])
        socket.close()
    }

    @Test(
        "A refused datagram is told with who refused it, and the next one still goes out",
        arguments: ["127.0.0.1", "::1"])
    func refused(_ text: String) throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let own = try #require(SocketAddress(text, port: 0))
        let socket = try DatagramSocket(own, on: loop, handler: recorder)
        let closed = own.with(port: TestClient(udp: own).port)
        let open = TestClient(udp: own)
        [UInt8(1), 2, 3].withUnsafeBytes {
            #expect(socket.send($0, to: closed))
            #expect(socket.send($0, to: own.with(port: open.port)))
        }
        #expect(open.receive() == [1, 2, 3])
        #expect(loop.turn { recorder.failures.count == 1 })
        let failure = try #require(recorder.failures.first)
        #expect(failure.error.destination == closed)
        #expect(failure.error.offender?.sameAddress(as: own) == true)
        #expect(failure.error.errno == 111)
        #expect(failure.error.type == (own.family == .ipv4 ? 3 : 1))
        #expect(failure.error.code == (own.family == .ipv4 ? 3 : 4))
        #expect(failure.payload == [1, 2, 3])
    }
}

@Suite("Metrics endpoint")
struct MetricsListenerTests {
    @Test(
        "Metrics, health, and nothing else",
        arguments: [
            ("GET /metrics HTTP/1.1", "200 OK", "torii_up 1\n"),
            ("GET /metrics?x=1 HTTP/1.1", "200 OK", "torii_up 1\n"),
            ("GET /health HTTP/1.1", "200 OK", "ok\n"), ("GET / HTTP/1.1", "404 Not Found", "not found\n"),
            ("POST /metrics HTTP/1.1", "405 Method Not Allowed", "method not allowed\n"),
        ])
    func paths(_ request: String, _ status: String, _ body: String) throws {
        let listener = try MetricsListener(loopback()) { "torii_up 1\n" }
        defer { listener.close() }
        let client = TestClient(tcp: listener.address)
        client.write(
            Array("\(request)\r\nHost: example.net\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".utf8))
        var text = ""
        let loop = try EventLoop()
        #expect(
            loop.turn {
                let part = client.receive()
                text += String(decoding: part ?? [], as: UTF8.self)
                return part == []
            })
        #expect(text.hasPrefix("HTTP/1.1 \(status)\r\n"))
        #expect(text.hasSuffix("\r\n\r\n\(body)"))
    }
}
