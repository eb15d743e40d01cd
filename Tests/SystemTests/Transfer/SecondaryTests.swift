import Foundation
import Testing

/// A secondary's timers (RFC 1034 4.3.5), and whom it believes (RFC 1996 3.10).
@Suite("Secondary zones")
struct SecondaryTests {
    private static let key = "hmac-sha256:transfer.example:\(UpdateFixture.secret)"

    private static func primary(_ timers: String) throws -> Daemon {
        try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(UpdateFixture.secret)" } ]
                zones:
                  - name: open.example.org
                    kind: primary
                    file: open.zone
                    transfer: [ { key: transfer.example. } ]
                    update: [ { from: 127.0.0.0/8, action: allow } ]

                """,
            files: [
                "open.zone": UpdateFixture.open.replacingOccurrences(of: "7200 900 1209600", with: timers)
            ])
    }

    private static func secondary(of port: UInt16) throws -> Daemon {
        try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(UpdateFixture.secret)" } ]
                zones:
                  - name: open.example.org
                    kind: secondary
                    primaries: [ { address: 127.0.0.1, port: \(port), key: transfer.example. } ]
                    min-refresh: 1s

                """)
    }

    @Test(
        "Without NOTIFY the refresh time brings what is new; the expiry ends service, the retry time brings it back"
    )
    func timers() throws {
        let primary = try Self.primary("1 1 2")
        let secondary = try Self.secondary(of: primary.port)
        try secondary.process.eventually("the zone") {
            try secondary.ask("ns.open.example.org").rcode == "NOERROR"
        }
        #expect(
            try primary.nsupdate("zone open.example.org\nupdate add new.open.example.org 60 A 192.0.2.1")
                .succeeded)
        try secondary.process.eventually("what is new") {
            try secondary.ask("new.open.example.org").rcode == "NOERROR"
        }
        let status = try secondary.control("zone", "status", "open.example.org").output
        #expect(status.contains("expires: 20"), "\(status)")
        try primary.stop()
        try secondary.process.eventually("the end of service") {
            try secondary.ask("ns.open.example.org").rcode == "SERVFAIL"
        }
        #expect(secondary.process.errorText.contains("expired"))
        try primary.restart()
        try secondary.process.eventually("service again", within: 60) {
            try secondary.ask("new.open.example.org").rcode == "NOERROR"
        }
    }

    @Test("A refresh that fails names each primary and why, in the log and in zone status")
    func failedRefresh() throws {
        let primary = try Self.primary("7200 900 1209600")
        let key = "{ name: transfer.example., algorithm: hmac-sha256, secret: \"\(UpdateFixture.secret)\" }"
        let other = "{ name: other.example., algorithm: hmac-sha256, secret: \"\(UpdateFixture.secret)\" }"
        let secondary = try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                keys: [ \(key), \(other) ]
                zones:
                  - name: open.example.org
                    kind: secondary
                    primaries:
                      - { address: 127.0.0.1, port: \(primary.port) }
                      - { address: 127.0.0.1, port: \(primary.port), key: other.example. }
                      - { address: 127.0.0.1, port: \(try Ports.free()) }

                """)
        try secondary.process.eventually("the end of the round") {
            secondary.process.errorText.contains("no primary has helped")
        }
        let line = try #require(
            secondary.process.errorText.split(separator: "\n").first { $0.contains("no primary has helped") })
        let text = try secondary.control("zone", "status", "open.example.org")
        for reason in ["REFUSED", "BADKEY", "Connection refused"] {
            #expect(line.contains(reason), "\(line)")
            #expect((text.output + text.errors).contains(reason), "\(text)")
        }
    }

    @Test(
        "RFC 1996 3.10: NOTIFY without the primary's key, or from a stranger, is refused; so are updates, which go to the primary"
    )
    func notifications() throws {
        let primary = try Self.primary("7200 900 1209600")
        let secondary = try Self.secondary(of: primary.port)
        try secondary.process.eventually("the zone") {
            try secondary.ask("ns.open.example.org").rcode == "NOERROR"
        }
        let update = try secondary.nsupdate(
            "zone open.example.org\nupdate add u.open.example.org 60 A 192.0.2.1")
        #expect(update.errors.contains("REFUSED"), "\(update)")
        #expect(try secondary.control("update", "explain").output.contains("forward-updates"))
        var notify = WireQuery("open.example.org", "SOA")
        notify.opcode = 4
        #expect(
            try secondary.ask("open.example.org", "SOA") { $0.opcode = 4 }.rcode == "REFUSED", "no signature")
        let stranger = try WireClient(.udp, port: secondary.port, from: "127.0.0.77")
        try stranger.send(notify.bytes)
        #expect(try WireMessage(try stranger.receive()).rcode == "REFUSED")
        func signed() throws -> Tool.Result {
            try Tool.run(
                "dig",
                [
                    "-r", "@127.0.0.1", "-p", "\(secondary.port)", "-y", Self.key, "+opcode=notify", "+norec",
                    "open.example.org", "SOA",
                ])
        }
        #expect(try signed().output.contains("status: NOERROR"))
        let before = try secondary.control("zone", "status", "open.example.org").output
        #expect(before.contains("notify: 3"), "\(before)")
        #expect(
            try primary.nsupdate("zone open.example.org\nupdate add new.open.example.org 60 A 192.0.2.1")
                .succeeded)
        #expect(try signed().output.contains("status: NOERROR"))
        try secondary.process.eventually("what is new") {
            try secondary.ask("new.open.example.org").rcode == "NOERROR"
        }
    }
}
