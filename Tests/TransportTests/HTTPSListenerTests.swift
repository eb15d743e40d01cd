import Foundation
import Testing

@testable import Transport

@Suite("HTTPS listener", .serialized)
struct HTTPSListenerTests {
    /// A served address, and what must be closed after the test.
    final class Service {
        let loop: Transport.EventLoop
        let handler: ScriptedHandler
        let listener: HTTPSListener
        let gateway: HTTPSGateway
        let threads = HTTPSThreads(count: 1)
        let certificate: TestCertificate

        init(
            _ handler: ScriptedHandler = ScriptedHandler(), _ adjust: (inout HTTPSLimits) -> Void = { _ in }
        ) throws {
            certificate = try TestCertificate()
            loop = try EventLoop()
            self.handler = handler
            var limits = HTTPSLimits()
            adjust(&limits)
            gateway = try HTTPSGateway(on: loop, handler: handler)
            let socket = try #require(ListeningSocket.open(loopback(), stream: true, count: 1).first)
            listener = try HTTPSListener(
                socket, tls: try TLSContext(certificate.identity, transport: .https), gateways: [gateway],
                threads: threads,
                limits: limits, freshness: { Int($0[0]) })
        }

        func close() {
            listener.close()
            gateway.close()
            threads.close()
            certificate.remove()
        }

        func curl(_ arguments: [String], path: String = "/dns-query") throws -> Tool {
            try Tool(
                "curl",
                [
                    "-s", "--cacert", certificate.certificate,
                    "https://127.0.0.1:\(listener.address.port)\(path)",
                ]
                    + arguments)
        }
    }

    @Test("Queries over HTTP/2 and HTTP/1.1, posted and in the address", arguments: ["--http2", "--http1.1"])
    func https(_ version: String) throws {
        let service = try Service()
        defer { service.close() }
        let query = [UInt8](7...46)
        let file = service.certificate.folder.appendingPathComponent("query")
        try Data(query).write(to: file)
        let posted = try service.curl([
            version, "-H", "content-type: application/dns-message", "--data-binary", "@\(file.path)",
        ])
        #expect(service.loop.turn { !posted.isRunning })
        #expect(posted.received == query)
        let text = Data(query).base64EncodedString().replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
        let got = try service.curl([version, "-i"], path: "/dns-query?x=1&dns=\(text)")
        #expect(service.loop.turn { !got.isRunning })
        let lines = String(decoding: got.received, as: Unicode.ASCII.self).lowercased()
        #expect(lines.hasPrefix(version == "--http2" ? "http/2 200" : "http/1.1 200"))
        #expect(lines.contains("content-type: application/dns-message"))
        #expect(lines.contains("cache-control: max-age=7"))
        #expect(Array(got.received.suffix(query.count)) == query)
        #expect(service.handler.queries == [query, query])
        #expect(service.handler.peers.first?.transport == .https)
    }

    @Test(
        "Requests that carry no query are refused by their status",
        arguments: [
            ("/other?dns=AAAA", [], "404"), ("/dns-query", [], "400"), ("/dns-query?dns=A", [], "400"),
            ("/dns-query?dns=!!!!", [], "400"), ("/dns-query", ["-X", "PUT"], "405"),
            ("/dns-query", ["-d", "x"], "415"),
        ] as [(String, [String], String)])
    func badRequests(_ path: String, _ arguments: [String], _ status: String) throws {
        let service = try Service()
        defer { service.close() }
        let tool = try service.curl(["-o", "/dev/null", "-w", "%{http_code}"] + arguments, path: path)
        #expect(service.loop.turn { !tool.isRunning })
        #expect(String(decoding: tool.received, as: UTF8.self) == status)
        #expect(service.handler.queries.isEmpty)
        #expect(service.listener.statistics.badRequests == 1)
    }

    @Test("Connections are bounded for each client, and closed when they never shake hands")
    func limits() throws {
        let service = try Service {
            $0.stream.connectionsPerClient = 2
            $0.handshakeTimeout = .milliseconds(200)
        }
        defer { service.close() }
        let clients = (0..<3).map { _ in TestClient(tcp: service.listener.address) }
        #expect(service.loop.turn { service.listener.statistics.refusedClient == 1 })
        #expect(service.loop.turn { clients.allSatisfy { $0.receive() == [] } })
        #expect(service.loop.turn { service.listener.statistics.open == 0 })
        #expect(service.listener.statistics.handshakeFailures == 2)
    }

    @Test("A request whose response is dropped, or comes late, gets its own answer")
    func deferred() throws {
        let service = try Service(ScriptedHandler { query, _, _ in query[0] == 0 ? .drop : .deferred })
        defer { service.close() }
        let dropped = try service.curl(
            ["-o", "/dev/null", "-w", "%{http_code}"], path: "/dns-query?dns=AAAA")
        #expect(service.loop.turn { !dropped.isRunning })
        #expect(String(decoding: dropped.received, as: UTF8.self) == "400")
        let late = try service.curl([], path: "/dns-query?dns=BAAA")
        #expect(service.loop.turn { service.handler.queries.count == 2 })
        #expect(service.loop.respond([9, 8, 7], to: try #require(service.handler.peers.last)))
        #expect(service.loop.turn { !late.isRunning })
        #expect(late.received == [9, 8, 7])
    }
}
