import Foundation
import Testing

/// What a reload changes beside zones: each setting holds at once, or the reload says that it needs a restart.
@Suite("Settings over a reload")
struct ReloadedSettingsTests {
    private static let zone = "zones: [ { name: example.net, file: small.zone } ]\n"
    private static let files = ["small.zone": Zones.small]

    @Test("Who may name other clients by a PROXY header changes on listeners that stay")
    func frontEnds() throws {
        func text(_ proxies: String) -> String {
            """
            server: { workers: 1 }
            listen: [ { address: 127.0.0.1, port: $PORT\(proxies) } ]
            control: { socket: torii.sock }
            access: { query: [ { from: 192.0.2.66, action: refuse }, {} ] }

            """ + Self.zone
        }
        let daemon = try Daemon(text(""), files: Self.files)
        let query = WireQuery("www.example.net").bytes
        func proxied() throws -> String? {
            let front = try WireClient(.udp, port: daemon.port, from: "127.0.0.2")
            try front.send(ClientLimitTests.header([192, 0, 2, 66], isStream: false) + query)
            return try front.receiveIfAny(within: 1).map { try WireMessage($0).rcode }
        }
        func plain(_ transport: WireClient.Transport) throws -> Bool {
            let client = try WireClient(transport, port: daemon.port, from: "127.0.0.2")
            try client.send(query)
            return (try? client.receiveIfAny(within: 1)) != nil
        }
        #expect(try plain(.udp) && plain(.tcp))
        try daemon.configure(text(", proxy-from: [ 127.0.0.2 ]"))
        try daemon.reload()
        #expect(try proxied() == "REFUSED")
        #expect(try !plain(.udp) && !plain(.tcp), "a front end must say whom it speaks for")
        try daemon.configure(text(""))
        try daemon.reload()
        #expect(try proxied() != "REFUSED")
        #expect(try plain(.udp) && plain(.tcp))
    }

    @Test("Limits of connections hold on listeners that stay")
    func connectionLimits() throws {
        let daemon = try Daemon(Daemon.basics + Self.zone, files: Self.files)
        let first = try WireClient(.tcp, port: daemon.port)
        try first.send(WireQuery("www.example.net").bytes)
        _ = try first.receive()
        try daemon.configure(
            Daemon.basics + Self.zone + "limits: { tcp-clients-per-prefix: 1, tcp-idle-timeout: 300ms }\n")
        try daemon.reload()
        let second = try WireClient(.tcp, port: daemon.port)
        try? second.send(WireQuery("www.example.net").bytes)
        #expect((try? second.receiveIfAny(within: 2)) == nil, "the prefix has its one connection")
        // The first one is idle for longer than is allowed now.
        try daemon.process.eventually("room for a connection", within: 10) {
            let client = try WireClient(.tcp, port: daemon.port)
            try? client.send(WireQuery("www.example.net").bytes)
            return (try? client.receive(within: 1)) != nil
        }
    }

    @Test("The log's level and form change")
    func log() throws {
        let daemon = try Daemon(Daemon.basics + Self.zone, files: Self.files)
        try daemon.configure(Daemon.basics + Self.zone + "log: { level: debug, format: json }\n")
        try daemon.reload()
        try daemon.process.waitForError("\"msg\":\"reloaded\"")
        try daemon.configure(Daemon.basics + Self.zone + "log: { level: error }\n")
        try daemon.reload()
        let before = daemon.process.errorText
        try daemon.reload()
        #expect(daemon.process.errorText == before)
    }

    @Test("Bounds of updates hold from the reload on")
    func updateBounds() throws {
        let open = "zones: [ { name: example.net, file: small.zone, update: [ { action: allow } ] } ]\n"
        let daemon = try Daemon(Daemon.basics + open, files: Self.files)
        func add(_ last: Int) throws -> Bool {
            try daemon.nsupdate("zone example.net\nupdate add many.example.net 60 A 192.0.2.\(last)")
                .succeeded
        }
        #expect(try add(1) && add(2))
        try daemon.configure(Daemon.basics + open + "limits: { records-per-rrset: 2 }\n")
        try daemon.reload()
        #expect(try !add(3))
        try daemon.configure(Daemon.basics + open)
        try daemon.reload()
        #expect(try add(3))
    }

    @Test("What needs a restart is said, with the option's name")
    func restart() throws {
        let daemon = try Daemon(Daemon.basics + Self.zone, files: Self.files)
        try daemon.configure(
            Daemon.basics.replacingOccurrences(of: "workers: 1", with: "workers: 2") + Self.zone
                + "limits: { control-clients: 3, remembered-updates: 77 }\nmetrics: { listen: 127.0.0.1:9 }\n"
        )
        _ = try daemon.control("reload")
        // Said as long as it is so, and not when all is as it was at the start.
        let output = try daemon.control("reload").output
        for option in ["server.workers", "limits.control-clients", "limits.remembered-updates", "metrics"] {
            #expect(output.contains("\(option) has changed; it takes effect at the next start"), "\(output)")
        }
        try daemon.configure(Daemon.basics + Self.zone)
        #expect(try daemon.control("reload").output == "reloaded\n")
    }

    @Test("What was cached under other private addresses or from other servers is not answered any more")
    func cachedUnderOthers() throws {
        let pair = try ResolverPair("")
        let server = pair.resolver
        let text = ResolverPair.configuration(port: pair.origin.port, "")
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        try server.configure(
            text.replacingOccurrences(
                of: "recursion:\n", with: "recursion:\n  private-addresses: [ 192.0.2.0/24 ]\n"))
        try server.reload()
        #expect(try pair.ask("www.up.example") == "NOERROR")
        try server.configure(text)
        try server.reload()
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        #expect(try pair.ask("www.other.example") == "NOERROR 198.51.100.1")
        let other = try Daemon(
            Daemon.basics + "zones: [ { name: up.example, file: up.zone } ]\n",
            files: [
                "up.zone": ResolverPair.up.replacingOccurrences(
                    of: "www A 192.0.2.1\n", with: "www A 192.0.2.77\n")
            ])
        try pair.origin.stop()
        try server.configure(
            text.replacingOccurrences(
                of: "{ zone: up.example, servers: [ { address: 127.0.0.1, port: \(pair.origin.port)",
                with: "{ zone: up.example, servers: [ { address: 127.0.0.1, port: \(other.port)"))
        try server.reload()
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.77")
        #expect(try pair.ask("www.other.example") == "NOERROR 198.51.100.1", "the rest of the cache stays")
    }

    @Test("Listeners come and go under load; those that stay lose nothing, the cache stays")
    func listeners() throws {
        let other = try Ports.free()
        let pair = try ResolverPair("")
        let server = pair.resolver
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        // From here on only the cache knows it.
        try pair.origin.stop()
        let text = ResolverPair.configuration(port: pair.origin.port, "")
        let extended = text.replacingOccurrences(
            of: "control:", with: "  - { address: 127.0.0.1, port: \(other) }\ncontrol:")
        let load = try Load(port: server.port, name: "www.up.example", outstanding: 8)
        for round in 0..<10 {
            try server.configure(round % 2 == 0 ? extended : text)
            try server.reload()
            let client = try WireClient(.udp, port: other)
            try? client.send(WireQuery("www.up.example").bytes)
            #expect(((try? client.receiveIfAny(within: 1)) != nil) == (round % 2 == 0), "round \(round)")
        }
        let result = load.finish()
        #expect(result.lost == 0 && result.wrong == 0 && result.answered > 100, "\(result)")
    }

    @Test(
        "server.user: ports below 1024 may be added later, a key that only root reads stays in use, updates are kept",
        .enabled(if: Places.canUnshare, "needs root"))
    func droppedPrivileges() throws {
        let space = try Namespace()
        let directory = try TemporaryDirectory()
        try TestIdentity.make(in: directory)
        chmod(directory.path, 0o755)
        chmod(directory.path + "/key.pem", 0o600)
        func text(_ more: String) -> String {
            """
            server: { user: nobody, workers: 1, state-directory: state }
            listen:
              - { address: 127.0.0.1, port: 53 }
              - { address: 127.0.0.1, port: 853, protocols: [tls], certificate: cert.pem, key: key.pem }
            \(more)control: { socket: run/torii.sock }
            zones: [ { name: example.net, file: small.zone, update: [ { action: allow } ] } ]

            """
        }
        let daemon = try Daemon(text(""), files: Self.files, in: directory, inside: space)
        let status = try String(contentsOfFile: "/proc/\(daemon.process.pid)/status", encoding: .utf8)
        #expect(status.contains("Uid:\t65534\t65534\t65534\t65534"))
        #expect(status.contains("CapPrm:\t0000000000000400"), "CAP_NET_BIND_SERVICE alone: \(status)")
        try daemon.configure(text("  - { address: 127.0.0.2, port: 53 }\n"))
        try daemon.reload()
        try daemon.process.waitForError("the certificate in use stays")
        func dig(_ server: String, _ name: String, _ more: String...) throws -> String {
            try space.run("kdig", ["@\(server)", "+short", "+time=5", name] + more).output
        }
        #expect(try dig("127.0.0.2", "www.example.net") == "192.0.2.1\n")
        #expect(try dig("127.0.0.1", "www.example.net", "+tls") == "192.0.2.1\n")
        let update = "server 127.0.0.1\nzone example.net\nupdate add new.example.net 60 A 192.0.2.9\nsend\n"
        #expect(try space.run("nsupdate", [], input: update).succeeded)
        try daemon.restart()
        #expect(try dig("127.0.0.2", "new.example.net") == "192.0.2.9\n")
        let mode = try Tool.run("stat", ["-c", "%a %U", directory.path + "/run/torii.sock"]).output
        #expect(mode == "660 nobody\n")
    }
}
