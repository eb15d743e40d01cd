import Testing

@testable import Transport

@Suite("UDP listener")
struct UDPListenerTests {
    func serve(
        _ address: SocketAddress, _ handler: ScriptedHandler, limits: UDPLimits = UDPLimits(),
        proxies: ProxyTrust? = nil
    ) throws -> (EventLoop, UDPListener) {
        let loop = try EventLoop()
        let socket = try #require(ListeningSocket.open(address, stream: false, count: 1).first)
        return (loop, try UDPListener(socket, on: loop, handler: handler, limits: limits, proxies: proxies))
    }

    @Test("Two hundred datagrams are each answered once, in batches")
    func batches() throws {
        let handler = ScriptedHandler()
        let (loop, listener) = try serve(loopback(), handler)
        let client = TestClient(udp: loopback())
        for number in 0..<200 { client.send([UInt8(number), 1, 2, 3], to: listener.socket.address) }
        loop.round(waitingAtMost: .seconds(1))
        var answers: [UInt8] = []
        while let answer = client.receive() { answers.append(answer[0]) }
        #expect(answers == (0..<200).map { UInt8($0) })
        #expect(listener.statistics.received == 200)
        #expect(listener.statistics.sent == 200)
        #expect(listener.statistics.dropped == 0)
        #expect(listener.statistics.batches == 4)
        #expect(handler.peers.allSatisfy { $0.address == loopback(client.port) })
        #expect(handler.peers.allSatisfy { $0.local == listener.socket.address })
        listener.close()
    }

    @Test(
        "Answers of all lengths to several clients reach each of them whole, also those that leave together",
        arguments: [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "::1")])
    func trains(_ bound: String, _ own: String) throws {
        let (loop, listener) = try serve(try #require(SocketAddress(bound, port: 0)), ScriptedHandler())
        let place = try #require(SocketAddress(own, port: 0))
        let clients = (0..<3).map { _ in TestClient(udp: place) }
        let target = try #require(SocketAddress(own, port: listener.socket.address.port))
        // Lengths in a mixed order, short and longer than what may go together.
        let lengths = (0..<50).map { [40, 41, 40, 700, 1232, 1233, 2500][($0 * 5 + $0 / 7) % 7] }
        for (number, length) in lengths.enumerated() {
            for (index, client) in clients.enumerated() where number % (index + 1) == 0 {
                client.send(
                    [UInt8(index), UInt8(number)] + [UInt8](repeating: UInt8(number), count: length - 2),
                    to: target)
            }
        }
        loop.round(waitingAtMost: .seconds(1))
        for (index, client) in clients.enumerated() {
            var answers: [[UInt8]] = []
            while let (octets, from) = client.receiveFrom() {
                #expect(from == target)
                answers.append(octets)
            }
            answers.sort { $0[1] < $1[1] }
            let expected = lengths.enumerated().filter { $0.offset % (index + 1) == 0 }.map {
                [UInt8(index), UInt8($0.offset)]
                    + [UInt8](repeating: UInt8($0.offset), count: $0.element - 2)
            }
            #expect(answers == expected)
        }
        #expect(listener.statistics.dropped == 0)
        #expect(listener.statistics.sent == listener.statistics.received)
        listener.close()
    }

    @Test(
        "A response leaves from the address its query came to",
        arguments: [("0.0.0.0", "127.0.0.1", "127.0.0.77"), ("::", "::1", "::1")])
    func sourceAddress(_ wildcard: String, _ own: String, _ asked: String) throws {
        let handler = ScriptedHandler()
        let (loop, listener) = try serve(try #require(SocketAddress(wildcard, port: 0)), handler)
        let client = TestClient(udp: try #require(SocketAddress(own, port: 0)))
        let target = try #require(SocketAddress(asked, port: listener.socket.address.port))
        client.send([1, 2, 3], to: target)
        loop.round(waitingAtMost: .seconds(1))
        let (octets, from) = try #require(client.receiveFrom())
        #expect(octets == [1, 2, 3])
        #expect(from == target)
        #expect(handler.peers.first?.local == target)

        handler.script = { _, _, _ in .deferred }
        client.send([4], to: target)
        loop.round(waitingAtMost: .seconds(1))
        #expect(client.receive() == nil)
        let peer = try #require(handler.peers.last)
        #expect(loop.respond([4, 4], to: peer))
        loop.round(waitingAtMost: .zero)
        let (late, lateFrom) = try #require(client.receiveFrom())
        #expect(late == [4, 4])
        #expect(lateFrom == target)
        listener.close()
        #expect(!loop.respond([5], to: peer))
    }

    @Test("More deferred responses than a batch has places all go out")
    func manyDeferred() throws {
        let handler = ScriptedHandler { _, _, _ in .deferred }
        let (loop, listener) = try serve(loopback(), handler)
        let client = TestClient(udp: loopback())
        client.send([0], to: listener.socket.address)
        loop.round(waitingAtMost: .seconds(1))
        let peer = try #require(handler.peers.first)
        for number in 0..<150 { #expect(loop.respond([UInt8(number)], to: peer)) }
        loop.round(waitingAtMost: .zero)
        var answers: [UInt8] = []
        while let answer = client.receive() { answers.append(answer[0]) }
        #expect(answers == (0..<150).map { UInt8($0) })
    }

    @Test("What is longer than the limit is dropped and counted")
    func truncated() throws {
        let handler = ScriptedHandler()
        var limits = UDPLimits()
        limits.querySize = 512
        let (loop, listener) = try serve(loopback(), handler, limits: limits)
        let client = TestClient(udp: loopback())
        client.send([UInt8](repeating: 1, count: 513), to: listener.socket.address)
        client.send([UInt8](repeating: 2, count: 512), to: listener.socket.address)
        loop.round(waitingAtMost: .seconds(1))
        #expect(client.receive()?.count == 512)
        #expect(client.receive() == nil)
        #expect(listener.statistics.truncated == 1)
    }

    @Test("An address that is held is an error, not shared; its own workers share it")
    func sharing() throws {
        for stream in [false, true] {
            let first = try ListeningSocket.open(loopback(), stream: stream, count: 3)
            #expect(Set(first.map { $0.address.port }).count == 1)
            let address = try #require(first.first).address
            #expect(throws: TransportError.bind(address, errno: 98)) {
                try ListeningSocket.open(address, stream: stream, count: 1)
            }
        }
    }

    @Test("Behind a trusted proxy the client is the one its header names, and the answer goes to the proxy")
    func proxied() throws {
        let handler = ScriptedHandler()
        let (loop, listener) = try serve(
            loopback(), handler, proxies: ProxyTrust([ProxyTrust.Prefix(loopback(), bits: 32)]))
        let proxy = TestClient(udp: loopback())
        let client = try #require(SocketAddress("192.0.2.9", port: 4711))
        let asked = try #require(SocketAddress("198.51.100.1", port: 53))
        proxy.send(proxyHeader(client, asked) + [1, 2, 3], to: listener.socket.address)
        proxy.send([9, 9, 9], to: listener.socket.address)
        loop.round(waitingAtMost: .seconds(1))
        #expect(handler.queries == [[1, 2, 3]])
        #expect(handler.peers.first?.address == client)
        #expect(handler.peers.first?.local == asked)
        #expect(proxy.receive() == [1, 2, 3])
        #expect(listener.statistics.badProxy == 1)
        let peer = try #require(handler.peers.first)
        #expect(loop.respond([7], to: peer))
        loop.round(waitingAtMost: .zero)
        #expect(proxy.receive() == [7])
    }
}

/// A PROXY version 2 header for a client of ours.
func proxyHeader(_ client: SocketAddress, _ server: SocketAddress, stream: Bool = false) -> [UInt8] {
    let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    let family: UInt8 = (client.family == .ipv4 ? 0x10 : 0x20) | (stream ? 1 : 2)
    func octets(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] }
    let body = client.octets + server.octets + octets(client.port) + octets(server.port)
    return signature + [0x21, family, 0, UInt8(body.count)] + body
}
