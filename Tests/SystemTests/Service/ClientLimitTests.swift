import Foundation
import Testing

@Suite("What one client may cost others")
struct ClientLimitTests {
    static let zone = "zones: [ { name: example.net, kind: primary, file: small.zone } ]\n"

    static func start(_ more: String) throws -> Daemon {
        try Daemon(Daemon.basics + zone + more, files: ["small.zone": Zones.small])
    }

    /// Sends `count` queries from one socket and counts what comes back until nothing does for a while.
    static func flood(
        _ daemon: Daemon, count: Int, name: (Int) -> String = { _ in "www.example.net" }
    ) throws -> (answers: Int, truncated: Int) {
        let client = try WireClient(.udp, port: daemon.port)
        for index in 0..<count {
            var query = WireQuery(name(index))
            query.flags = WireQuery.recursionDesired
            try client.send(query.bytes)
        }
        var answers = 0, truncated = 0
        while let octets = try client.receiveIfAny(within: 0.7) {
            if octets[2] & 2 != 0 { truncated += 1 } else { answers += 1 }
        }
        return (answers, truncated)
    }

    @Test("Response rate limiting: a few whole answers, of the rest some as TC, the others dropped")
    func rateLimit() throws {
        let daemon = try Self.start("rate-limit: { responses-per-second: 5, slip: 2 }\n")
        let result = try Self.flood(daemon, count: 105)
        #expect((4...12).contains(result.answers), "\(result)")
        #expect((20...55).contains(result.truncated), "\(result)")
        // TCP is not limited: who repeats there gets the answer.
        for _ in 0..<20 { #expect(try daemon.askTCP("www.example.net").answer.count == 1) }
        let stats = try daemon.control("stats", "slipped").output
        #expect(!stats.contains("=0"), "\(stats)")
        let all = try Self.start("rate-limit: { responses-per-second: 5, slip: 1, exempt: [ 127.0.0.1 ] }\n")
        #expect(try Self.flood(all, count: 50).answers == 50)
    }

    @Test("cookies: require: BADCOOKIE to who speaks cookies, TC to who does not, answers to proved clients")
    func cookies() throws {
        let daemon = try Daemon(
            Daemon.basics.replacingOccurrences(of: "workers: 1", with: "workers: 1, cookies: require")
                + Self.zone,
            files: ["small.zone": Zones.small])
        #expect(try daemon.dig("www.example.net", "A", "+cookie").rcode == "NOERROR")
        #expect(try daemon.dig("www.example.net", "A", "+cookie", "+nobadcookie").rcode == "BADCOOKIE")
        let bare = try daemon.dig("www.example.net", "A", "+nocookie", "+ignore")
        #expect(bare.hasFlag("tc") && bare.answer.isEmpty, "\(bare)")
        #expect(try daemon.dig("www.example.net", "A", "+nocookie").answer.count == 1)
    }

    @Test("ANY and other large answers over UDP stay small, or come truncated")
    func amplification() throws {
        let text = (0..<80).map { "big TXT \"\(String(repeating: "x", count: 200))\($0)\"" }.joined(
            separator: "\n")
        let daemon = try Daemon(
            Daemon.basics + Self.zone, files: ["small.zone": Zones.small + text + "\n"])
        for type in ["ANY", "TXT"] {
            let result = try daemon.ask("big.example.net", type) { $0.edns = .init(size: 65535) }
            #expect(result.bytes.count <= 1232, "\(type) \(result.bytes.count)")
        }
    }

    @Test("limits.edns-options: more options than allowed are FORMERR")
    func options() throws {
        let daemon = try Self.start("limits: { edns-options: 8 }\n")
        let few = try daemon.ask("www.example.net") { query in
            query.edns = .init(options: (0..<8).map { _ in (65001, []) })
        }
        #expect(few.rcode == "NOERROR")
        let many = try daemon.ask("www.example.net") { query in
            query.edns = .init(options: (0..<9).map { _ in (65001, []) })
        }
        #expect(many.rcode == "FORMERR")
    }

    @Test("PROXY v2: the access list judges the proxied client; without trust the header is not read")
    func proxy() throws {
        let daemon = try Daemon(
            """
            server: { workers: 1 }
            listen: [ { address: 127.0.0.1, port: $PORT, proxy-from: [ 127.0.0.2 ] } ]
            control: { socket: torii.sock }
            access: { query: [ { from: 192.0.2.66, action: refuse }, {} ] }

            """ + Self.zone, files: ["small.zone": Zones.small])
        let query = WireQuery("www.example.net", "A").bytes
        for (client, code) in [([192, 0, 2, 66], "REFUSED"), ([192, 0, 2, 1], "NOERROR")]
            as [([UInt8], String)]
        {
            let front = try WireClient(.udp, port: daemon.port, from: "127.0.0.2")
            try front.send(Self.header(client, isStream: false) + query)
            #expect(try WireMessage(try front.receive()).rcode == code)
        }
        // Nobody else may say who it is.
        let stranger = try WireClient(.udp, port: daemon.port)
        try stranger.send(Self.header([192, 0, 2, 1], isStream: false) + query)
        let answer = try? WireMessage(try stranger.receive(within: 0.5))
        #expect(answer?.rcode != "NOERROR")
        try stranger.send(query)
        #expect(try daemon.ask("www.example.net").rcode == "NOERROR")
    }

    @Test("A thousand idle TCP connections cost other clients nothing, and one prefix has its share only")
    func connections() throws {
        let daemon = try Self.start("limits: { tcp-clients: 400, tcp-clients-per-prefix: 100 }\n")
        var clients: [WireClient] = []
        for index in 0..<1000 {
            // Ten prefixes; the kernel accepts, the daemon may close.
            let client = try? WireClient(.tcp, port: daemon.port, from: "127.0.\(index % 10 + 1).1")
            if let client { clients.append(client) }
        }
        #expect(try daemon.ask("www.example.net").rcode == "NOERROR")
        // Connections that were idle for a while make room.
        try daemon.process.eventually("an answer over TCP", within: 10) {
            guard let client = try? WireClient(.tcp, port: daemon.port, from: "127.0.50.1") else {
                return false
            }
            try? client.send(WireQuery("www.example.net").bytes)
            return (try? client.receive(within: 1)) != nil
        }
        let stats = try daemon.control("stats", "torii_stream").output
        let open = stats.split(separator: "\n").first { $0.hasPrefix("torii_stream_connections=") }
        #expect(open.flatMap { Double($0.split(separator: "=")[1]) }.map { $0 <= 400 } == true, "\(stats)")
        withExtendedLifetime(clients) {}
    }

    @Test("A client that asks and never reads holds a bounded amount of memory, and others are served")
    func unread() throws {
        let daemon = try Self.start("limits: { tcp-write-timeout: 2s }\n")
        func resident() throws -> Int {
            let text = try String(contentsOfFile: "/proc/\(daemon.process.pid)/statm", encoding: .utf8)
            return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
        }
        let before = try resident()
        let greedy = try WireClient(.tcp, port: daemon.port)
        let batch = (0..<500).flatMap { _ in WireClient.framed(WireQuery("www.example.net", "ANY").bytes) }
        greedy.becomeNonBlocking()
        for _ in 0..<400 { try? greedy.sendRaw(batch) }
        #expect(try daemon.ask("www.example.net").rcode == "NOERROR")
        #expect(try resident() - before < 16 << 20)
    }

    static func header(_ client: [UInt8], isStream: Bool) -> [UInt8] {
        [
            0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, isStream ? 0x11 : 0x12,
            0, 12,
        ]
            + client + [127, 0, 0, 1, 0x30, 0x39, 0, 53]
    }

    @Test(
        "Answers that come late for a client with many questions are dropped; to one with few they are given")
    func lateAnswers() throws {
        let slow = try SlowServer()
        let daemon = try Daemon(
            Daemon.basics + """
                dnssec: { trust-anchors: [] }
                limits: { upstream-timeout: 5s, discard-timeout: 100ms, discard-burst: 10 }
                recursion:
                  qname-minimisation: off
                  root-hints: [ { name: nowhere.example., address: 127.0.0.1 } ]
                  stub: [ { zone: slow.example, servers: [ { address: 127.0.0.1, port: \(slow.port) } ] } ]

                """)
        let one = try daemon.ask("one.slow.example") { $0.flags = WireQuery.recursionDesired }
        #expect(one.rcode == "NOERROR")
        let result = try Self.flood(daemon, count: 100) { "n\($0).slow.example" }
        #expect(result.answers <= 15, "\(result)")
        let stats = try daemon.control("stats", "discarded_late").output
        #expect(!stats.contains("=0"), "\(stats)")
    }
}

/// Answers every question with an address, 300 ms late.
final class SlowServer: @unchecked Sendable {
    let socket: LoopbackSocket
    let port: UInt16

    init() throws {
        socket = try LoopbackSocket(SOCK_DGRAM, address: "127.0.0.1", port: 0)
        port = socket.port
        let own = socket
        Thread.detachNewThread {
            var peer = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = withUnsafeMutablePointer(to: &peer) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        recvfrom(own.descriptor, &buffer, buffer.count, 0, $0, &length)
                    }
                }
                guard count > 12 else { return }
                var end = 12
                while end < count, buffer[end] != 0 { end += Int(buffer[end]) + 1 }
                var reply = Array(buffer[..<(end + 5)])
                reply.replaceSubrange(2..<12, with: [0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0])
                reply += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]
                let (answer, target, size) = (reply, peer, length)
                DispatchQueue.global().asyncAfter(deadline: .now() + 0.3) {
                    var target = target
                    withUnsafePointer(to: &target) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            _ = sendto(own.descriptor, answer, answer.count, 0, $0, size)
                        }
                    }
                }
            }
        }
    }

    deinit { shutdown(socket.descriptor, Int32(SHUT_RDWR)) }
}
