import Testing

@testable import Transport

@Suite("Stream listener")
struct StreamListenerTests {
    func serve(
        _ handler: ScriptedHandler, proxies: ProxyTrust? = nil,
        _ adjust: (inout StreamLimits) -> Void = { _ in }
    ) throws -> (EventLoop, StreamListener) {
        var limits = StreamLimits()
        adjust(&limits)
        let loop = try EventLoop()
        let socket = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
        return (
            loop, try StreamListener(socket, on: loop, handler: handler, limits: limits, proxies: proxies)
        )
    }

    @Test("A burst of queries is answered in one burst")
    func pipelining() throws {
        let handler = ScriptedHandler()
        let (loop, listener) = try serve(handler)
        let client = TestClient(tcp: listener.socket.address)
        let messages = (0..<100).map { [UInt8](repeating: UInt8($0), count: 12 + $0) }
        client.write(messages.flatMap(framed))
        #expect(loop.turn { handler.queries.count == 100 })
        #expect(unframed(try #require(client.receive())) == messages)
        #expect(handler.peers.first?.transport == .tcp)
        #expect(handler.peers.first?.address == loopback(client.port))
        #expect(handler.peers.first?.local == listener.socket.address)
    }

    @Test("Octet by octet, and in pieces that fit no message, it is the same messages")
    func pieces() throws {
        for size in [1, 2, 3, 7, 1000] {
            let handler = ScriptedHandler()
            let (loop, listener) = try serve(handler)
            let client = TestClient(tcp: listener.socket.address)
            let messages: [[UInt8]] = [[1, 2, 3], [], [UInt8](repeating: 4, count: 300), [5], [6, 6]]
            let octets = messages.flatMap(framed)
            for start in stride(from: 0, to: octets.count, by: size) {
                client.write(Array(octets[start..<min(start + size, octets.count)]))
                loop.round(waitingAtMost: .milliseconds(10))
            }
            #expect(loop.turn { handler.queries.count == messages.count })
            #expect(handler.queries == messages)
            listener.close()
        }
    }

    @Test("The longest message goes in and out")
    func longest() throws {
        let handler = ScriptedHandler()
        let (loop, listener) = try serve(handler)
        let client = TestClient(tcp: listener.socket.address)
        let message = (0..<65_535).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var rest = framed(message) + framed([1])
        var received: [UInt8] = []
        #expect(
            loop.turn {
                let count = client.write(rest)
                if count > 0 { rest.removeFirst(count) }
                received += client.receive() ?? []
                return unframed(received).count == 2
            })
        #expect(unframed(received) == [message, [1]])
    }

    @Test("Deferred responses go out in any order, and only while the connection lives")
    func outOfOrder() throws {
        let handler = ScriptedHandler { query, _, _ in query[0] == 9 ? .drop : .deferred }
        let (loop, listener) = try serve(handler)
        let client = TestClient(tcp: listener.socket.address)
        client.write(framed([1]) + framed([2]) + framed([9]) + framed([3]))
        #expect(loop.turn { handler.queries.count == 4 })
        let peer = try #require(handler.peers.first)
        for octet: UInt8 in [3, 1] { #expect(loop.respond([octet], to: peer)) }
        loop.settle()
        #expect(unframed(client.receive() ?? []) == [[3], [1]])
        client.finishWriting()
        loop.settle()
        #expect(listener.statistics.open == 1)
        #expect(loop.respond([2], to: peer))
        loop.settle()
        #expect(unframed(client.receive() ?? []) == [[2]])
        #expect(client.receive() == [])
        #expect(listener.statistics.open == 0)
        #expect(!loop.respond([1], to: peer))
        #expect(listener.statistics.orphaned == 1)

        let next = TestClient(tcp: listener.socket.address)
        next.write(framed([1]))
        #expect(loop.turn { handler.queries.count == 5 })
        #expect(!loop.respond([1], to: peer))
        #expect(handler.closed.isEmpty)
        next.shrinkReceiveBuffer()
        listener.close()
        #expect(handler.closed.count == 1)
    }

    @Test("A connection's queries in flight are bounded; reading goes on when responses have left")
    func inFlight() throws {
        let handler = ScriptedHandler { _, _, _ in .deferred }
        let (loop, listener) = try serve(handler) { $0.queriesInFlight = 4 }
        let client = TestClient(tcp: listener.socket.address)
        client.write((0..<10).flatMap { framed([UInt8($0)]) })
        loop.settle()
        #expect(handler.queries.count == 4)
        let peer = try #require(handler.peers.first)
        for number in 0..<10 {
            #expect(handler.queries.count == min(10, 4 + number))
            if number == 5 { loop.dismiss(peer) } else { #expect(loop.respond([UInt8(number)], to: peer)) }
            loop.settle()
        }
        #expect(handler.queries.count == 10)
        #expect(unframed(client.receive() ?? []).count == 9)
        #expect(listener.statistics.pausedInFlight > 0)
    }

    @Test("A client that does not read is not read from, holds little memory and is cut off in time")
    func slowReader() throws {
        let big = [UInt8](repeating: 7, count: 60_000)
        let handler = ScriptedHandler { _, _, response in
            response.copyBytes(from: big)
            return .respond(big.count)
        }
        let (loop, listener) = try serve(handler) { $0.writeTimeout = .milliseconds(300) }
        let client = TestClient(tcp: listener.socket.address)
        let burst = (0..<2000).flatMap {
            framed([UInt8(truncatingIfNeeded: $0), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
        }
        var written = 0
        for _ in 0..<200 {
            written += max(0, client.write(burst))
            loop.round(waitingAtMost: .zero)
        }
        let handled = handler.queries.count
        // What the kernel's own buffers take, and one gathering; not the thousands that were asked for.
        #expect(handled < 400)
        #expect(written / 14 > handled)
        #expect(loop.turn { listener.statistics.stalled == 1 })
        #expect(listener.statistics.open == 0)
    }

    @Test("A slow reader gets everything when it reads at last")
    func slowReaderGoesOn() throws {
        let big = [UInt8](repeating: 7, count: 60_000)
        let handler = ScriptedHandler { query, _, response in
            response.copyBytes(from: query + big)
            return .respond(query.count + big.count)
        }
        let (loop, listener) = try serve(handler)
        let client = TestClient(tcp: listener.socket.address)
        client.write((0..<200).flatMap { framed([UInt8($0)]) })
        for _ in 0..<100 { loop.round(waitingAtMost: .zero) }
        #expect(handler.queries.count < 200)
        var received: [UInt8] = []
        #expect(
            loop.turn {
                received += client.receive(1 << 20) ?? []
                return received.count == 200 * (60_003)
            })
        #expect(unframed(received).map { $0[0] } == (0..<200).map { UInt8($0) })
        #expect(listener.statistics.stalled == 0)
    }

    @Test(
        "A silent connection is closed, and so is one that never finishes its message; a waiting one is not")
    func timeouts() throws {
        let handler = ScriptedHandler { _, _, _ in .deferred }
        let (loop, listener) = try serve(handler) {
            $0.idleTimeout = .milliseconds(120)
            $0.messageTimeout = .milliseconds(80)
        }
        let silent = TestClient(tcp: listener.socket.address)
        let slow = TestClient(tcp: listener.socket.address)
        let waiting = TestClient(tcp: listener.socket.address)
        slow.write([0])
        waiting.write(framed([1]))
        #expect(loop.turn { listener.statistics.idle == 1 && listener.statistics.slow == 1 })
        #expect(silent.receive() == [])
        #expect(slow.receive() == [])
        #expect(waiting.receive() == nil)
        #expect(listener.statistics.open == 1)
    }

    @Test("A client prefix has its share of connections, the whole listener its limit")
    func limits() throws {
        let handler = ScriptedHandler()
        let (loop, listener) = try serve(handler) {
            $0.connectionsPerClient = 3
            $0.connections = 4
            $0.evictableAfter = .milliseconds(20)
        }
        let clients = (0..<5).map { _ in TestClient(tcp: listener.socket.address) }
        #expect(loop.turn { listener.statistics.refusedClient == 2 })
        #expect(listener.statistics.open == 3)
        #expect(clients[4].receive() == [])
        listener.close()

        let (second, full) = try serve(handler) {
            $0.connections = 2
            $0.evictableAfter = .milliseconds(20)
        }
        let first = TestClient(tcp: full.socket.address)
        let other = TestClient(tcp: full.socket.address)
        #expect(second.turn { full.statistics.open == 2 })
        let refused = TestClient(tcp: full.socket.address)
        #expect(second.turn { full.statistics.refusedFull == 1 })
        #expect(refused.receive() == [])
        let accepted = second.now
        #expect(second.turn { second.now - accepted > .milliseconds(30) })
        let late = TestClient(tcp: full.socket.address)
        late.write(framed([1]))
        #expect(second.turn { late.receive().map(unframed) == [[1]] })
        #expect(full.statistics.evicted == 1)
        #expect(first.receive() == [])
        #expect(other.receive() == nil)
    }

    @Test("A handler may have a connection closed, after what it answered before")
    func closing() throws {
        let handler = ScriptedHandler { query, peer, response in
            query[0] == 2 ? .close : ScriptedHandler.echo(query, peer, response)
        }
        let (loop, listener) = try serve(handler)
        let client = TestClient(tcp: listener.socket.address)
        client.write(framed([1]) + framed([2]) + framed([3]))
        #expect(loop.turn { listener.statistics.accepted == 1 && listener.statistics.open == 0 })
        #expect(handler.queries == [[1], [2]])
        #expect(unframed(client.receive() ?? []) == [[1]])
        #expect(client.receive() == [])
    }

    final class Countdown: MessageSource {
        var left: Int
        let size: Int
        var wasAbandoned = false
        init(_ left: Int, size: Int) {
            self.left = left
            self.size = size
        }
        func nextMessage(into message: UnsafeMutableRawBufferPointer) -> Int {
            guard left > 0 else { return 0 }
            left -= 1
            message.storeBytes(of: UInt32(left), as: UInt32.self)
            return size
        }
        func abandoned() { wasAbandoned = true }
    }

    @Test(
        "A transfer is pulled as the client reads, whole and in order; a reader that leaves is told to the source"
    )
    func transfer() throws {
        let source = Countdown(1000, size: 16_000)
        let handler = ScriptedHandler { _, _, _ in .deferred }
        let (loop, listener) = try serve(handler)
        let client = TestClient(tcp: listener.socket.address)
        client.write(framed([1]))
        #expect(loop.turn { handler.queries.count == 1 })
        #expect(loop.transfer(source, to: try #require(handler.peers.first)))
        for _ in 0..<100 { loop.round(waitingAtMost: .zero) }
        #expect(source.left > 100)
        var octets = 0
        var last: [UInt8] = []
        #expect(
            loop.turn {
                while let part = client.receive(1 << 20), !part.isEmpty {
                    octets += part.count
                    last = Array((last + part).suffix(16_002))
                }
                return octets == 1000 * 16_002
            })
        #expect(unframed(last).first?.prefix(4) == [0, 0, 0, 0])
        client.write(framed([2]))
        #expect(loop.turn { handler.queries.count == 2 })
        let second = Countdown(10_000, size: 60_000)
        #expect(loop.transfer(second, to: try #require(handler.peers.last)))
        loop.settle()
        listener.close()
        #expect(second.wasAbandoned)
        #expect(!source.wasAbandoned)
    }

    @Test("A PROXY header names the client of a connection; without it a trusted proxy is not served")
    func proxied() throws {
        let handler = ScriptedHandler()
        let trust = ProxyTrust([ProxyTrust.Prefix(loopback(), bits: 8)])
        let (loop, listener) = try serve(handler, proxies: trust)
        let client = try #require(SocketAddress("2001:db8::9", port: 4711))
        let asked = try #require(SocketAddress("2001:db8::53", port: 53))
        for size in [1, 20, 1000] {
            handler.queries = []
            let proxy = TestClient(tcp: listener.socket.address)
            let octets = proxyHeader(client, asked, stream: true) + framed([1, 2]) + framed([3])
            for start in stride(from: 0, to: octets.count, by: size) {
                proxy.write(Array(octets[start..<min(octets.count, start + size)]))
                loop.round(waitingAtMost: .milliseconds(10))
            }
            #expect(loop.turn { handler.queries == [[1, 2], [3]] })
            #expect(handler.peers.last?.address == client)
            #expect(handler.peers.last?.local == asked)
        }
        let bare = TestClient(tcp: listener.socket.address)
        bare.write(framed([1, 2]))
        #expect(loop.turn { bare.receive() == [] })
        #expect(listener.statistics.badProxy == 1)
    }
}
