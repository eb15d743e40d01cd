import Foundation
import Synchronization
import Testing

@testable import Operations

@Suite struct ControlChannelTests {
    /// A socket path of its own for each test; short enough for a socket address.
    private func path() -> String {
        "/tmp/torii-test-\(UUID().uuidString.prefix(8)).sock"
    }

    private static let commands = CommandList([
        ControlCommand("status", summary: "How it is.", isExclusive: false) { _ in
            .done("well", data: ["up": true])
        },
        ControlCommand("zone reload", usage: "zone reload ZONE", summary: "Reloads.") { request in
            guard let zone = request.arguments.first else { return .badUsage("which zone?") }
            return zone == "example.net" ? .done("reloaded \(zone)") : .failed("no zone \(zone)")
        },
        ControlCommand("lines", summary: "Many lines.") { request, reply in
            for number in 0..<(Int(request.options["count"] ?? "") ?? 0) {
                guard reply.line("line \(number)", data: .integer(number)) else {
                    return .failed("nobody reads")
                }
            }
            return .done()
        },
    ])

    private func withServer(_ maximum: Int = 32, _ body: (String, ControlServer) throws -> Void) throws {
        let path = path()
        let server = try ControlServer(path: path, commands: Self.commands, maximumClients: maximum)
        try server.start()
        defer { server.stop() }
        try body(path, server)
    }

    @Test("Commands are found by their longest name and end with an exit code")
    func outcomes() throws {
        try withServer { path, _ in
            var client = try ControlClient(path: path)
            let status = try client.run(["status"])
            #expect(status.exitCode == 0 && status.text == "well" && status.data == ["up": true])
            #expect(try client.run(["zone", "reload", "example.net"]).text == "reloaded example.net")
            let failed = try client.run(["zone", "reload", "example.com"])
            #expect(failed.exitCode == 1 && failed.text == "no zone example.com")
            #expect(try client.run(["zone", "reload"]).exitCode == 2)
            #expect(try client.run(["zone"]).exitCode == 2)
            #expect(try client.run(["help"]).text.contains("zone reload ZONE\n    Reloads."))
        }
    }

    @Test("A command sends lines while it works")
    func lines() throws {
        try withServer { path, _ in
            var client = try ControlClient(path: path)
            var texts: [String] = []
            var sum = 0
            let outcome = try client.run(["lines"], options: ["count": "1000"]) { text, data in
                texts.append(text)
                sum += data?.integer ?? 0
            }
            #expect(
                outcome.exitCode == 0 && texts.count == 1000 && texts.last == "line 999" && sum == 499_500)
        }
    }

    @Test("The socket is there for owner and group alone, and gone after the stop")
    func permissions() throws {
        var socketPath = ""
        try withServer { path, _ in
            socketPath = path
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o660)
        }
        #expect(!FileManager.default.fileExists(atPath: socketPath))
    }

    @Test("Nobody listening is told apart from everything else")
    func notRunning() throws {
        let path = path()
        #expect(throws: ControlError.notRunning(path: path)) { _ = try ControlClient(path: path) }
        #expect(throws: ControlError.self) {
            _ = try ControlClient(path: String(repeating: "x", count: 200))
        }
    }

    @Test("A socket that a dead process left is replaced; one that is alive is not, nor is a file")
    func stale() throws {
        let path = path()
        defer { unlink(path) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(dead)
        let server = try ControlServer(path: path, commands: Self.commands)
        try server.start()
        #expect(throws: ControlError.inUse(path: path)) {
            _ = try ControlServer(path: path, commands: Self.commands)
        }
        var client = try ControlClient(path: path)
        #expect(try client.run(["status"]).exitCode == 0)
        server.stop()
        try "not a socket".write(toFile: path, atomically: true, encoding: .utf8)
        #expect(throws: ControlError.inUse(path: path)) {
            _ = try ControlServer(path: path, commands: Self.commands)
        }
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "not a socket")
    }

    @Test("More clients than allowed are turned away and counted")
    func tooMany() throws {
        try withServer(2) { path, server in
            var first = try ControlClient(path: path)
            var second = try ControlClient(path: path)
            #expect(try first.run(["status"]).exitCode == 0 && second.run(["status"]).exitCode == 0)
            var third = try ControlClient(path: path)
            // Turned away before or after it has asked: an answer that says so, or a closed connection.
            let outcome = try? third.run(["status"])
            #expect(outcome == nil || outcome?.exitCode == 1)
            #expect(server.clientsRefused == 1)
        }
    }

    @Test(
        "Rubbish is answered with bad usage, too long a line with the end",
        arguments: ["{}", "x", "[]", "{\"words\":[]}", "{\"words\":[1]}"])
    func rubbish(text: String) throws {
        try withServer { path, _ in
            var socket = try UnixSocket.connect(to: path)
            try socket.write(Array(text.utf8) + [0x0a])
            let answer = try JSONParser.parse(try socket.readLine(limit: 1 << 20))
            #expect(answer["exit"] == 2)
            try? socket.write([UInt8](repeating: 0x61, count: ControlServer.requestLimit + 70_000))
            #expect(throws: ControlError.interrupted) { _ = try socket.readLine(limit: 1 << 20) }
        }
    }

    @Test("A reply that is kept beyond its request sends nothing")
    func lateReply() throws {
        let kept = Mutex<ControlReply?>(nil)
        let commands = CommandList([
            ControlCommand("keep", summary: "Keeps.") { _, reply in
                kept.withLock { $0 = reply }
                return .done()
            }
        ])
        let path = path()
        let server = try ControlServer(path: path, commands: commands)
        try server.start()
        defer { server.stop() }
        var client = try ControlClient(path: path)
        _ = try client.run(["keep"])
        #expect(kept.withLock { $0 }?.line("late") == false)
    }
}
