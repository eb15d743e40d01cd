import Foundation
import Testing

/// Zone digests (ZONEMD, RFC 8976), computed by ldns and by dnspython.
@Suite("Zone digests")
struct DigestTests {
    private static let zone = """
        $TTL 300
        @ SOA ns.example.net. hostmaster 2026112101 3600 600 86400 60
        @ NS ns.example.net.
        @ MX 10 Mail
        Mail A 192.0.2.25
        Mail 60 AAAA 2001:db8::25
        *.wild TXT "a" "b"
        sub NS ns.sub
        ns.sub A 192.0.2.54
        UPPER CNAME Mail.Example.ORG.
        _sip._udp SRV 1 2 5060 Mail
        svc HTTPS 1 . alpn=h2
        old.sub TXT "occluded"

        """

    /// The zone with digests by dnspython's own code.
    private static func digested(_ text: String, _ kinds: [String] = ["SHA384", "SHA512"]) throws -> String {
        let script = """
            import sys, dns.zone, dns.rdatatype
            from dns.zone import DigestHashAlgorithm as H
            text = sys.stdin.read()
            zone = dns.zone.from_text(text, origin="example.org.", relativize=False)
            for kind in sys.argv[1:]:
                print("@ 300 IN ZONEMD", zone.compute_digest(H[kind]).to_text())
            """
        let lines = try Tool.run("/usr/bin/python3", ["-c", script] + kinds, input: text)
        #expect(lines.succeeded, "\(lines.errors)")
        return text + lines.output
    }

    private static func configuration(_ option: String) -> String {
        Daemon.basics + """
            recursion: { enabled: false }
            zones: [ { name: example.org, kind: primary, file: org.zone, zonemd: \(option), transfer: [ { from: 127.0.0.0/8 } ] } ]

            """
    }

    @Test("RFC 8976 4: a digest that fits is found to fit, by either hash", arguments: ["SHA384", "SHA512"])
    func fits(kind: String) throws {
        let daemon = try Daemon(
            Self.configuration("require"), files: ["org.zone": try Self.digested(Self.zone, [kind])])
        #expect(try daemon.dig("example.org", "ZONEMD").rcode == "NOERROR")
        #expect(try daemon.ask("mail.example.org", "A").data("A") == ["192.0.2.25"])
    }

    @Test(
        "A signed zone digested by ldns fits, signatures with their own TTL included",
        .enabled(if: Places.hasTools("ldns-signzone", "ldns-keygen")))
    func signed() throws {
        let directory = try TemporaryDirectory()
        try directory.write("org.zone", Self.zone)
        let key = try Tool.run(
            "sh", ["-c", "cd \(directory.path) && ldns-keygen -a ECDSAP256SHA256 example.org"])
        let name = key.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let signed = try Tool.run(
            "sh",
            [
                "-c",
                "cd \(directory.path) && ldns-signzone -b -n -z sha384 -z sha512 -o example.org -f signed.zone org.zone \(name)",
            ])
        #expect(signed.succeeded, "\(signed.errors)")
        let text = try String(contentsOfFile: directory.path + "/signed.zone", encoding: .utf8)
        #expect(text.contains("ZONEMD"))
        let daemon = try Daemon(Self.configuration("require"), files: ["org.zone": text])
        #expect(try daemon.ask("example.org", "SOA").rcode == "NOERROR")
        // What is written is the same zone.
        #expect(try daemon.control("zone", "flush", "example.org").succeeded)
        try daemon.restart()
        #expect(try daemon.ask("example.org", "SOA").rcode == "NOERROR")
    }

    @Test("A zone whose digest does not fit is refused with the reason; the old version stays")
    func mismatch() throws {
        let good = try Self.digested(Self.zone)
        let daemon = try Daemon(Self.configuration("check"), files: ["org.zone": good])
        #expect(try daemon.ask("mail.example.org", "A").data("A") == ["192.0.2.25"])
        try daemon.directory.write(
            "org.zone", good.replacingOccurrences(of: "192.0.2.25", with: "192.0.2.66"))
        #expect(try !daemon.control("zone", "reload", "example.org").succeeded)
        #expect(try daemon.ask("mail.example.org", "A").data("A") == ["192.0.2.25"])
        #expect(try daemon.control("zone", "status", "example.org").output.contains("digest"))
        try daemon.directory.write(
            "org.zone",
            try Self.digested(Self.zone.replacingOccurrences(of: "192.0.2.25", with: "192.0.2.77")))
        #expect(try daemon.control("zone", "reload", "example.org").succeeded)
        #expect(try daemon.ask("mail.example.org", "A").data("A") == ["192.0.2.77"])
    }

    @Test("A transferred zone whose digest does not fit is refused; without one it is when one is required")
    func transferred() throws {
        let good = try Self.digested(Self.zone)
        let primary = try Daemon(Self.configuration("off"), files: ["org.zone": good])
        func secondary(_ option: String) throws -> Daemon {
            try Daemon(
                Daemon.basics + """
                    recursion: { enabled: false }
                    zones: [ { name: example.org, kind: secondary, zonemd: \(option),
                      primaries: [ { address: 127.0.0.1, port: \(primary.port) } ] } ]

                    """)
        }
        let daemon = try secondary("require")
        try daemon.process.eventually("the zone") {
            try daemon.ask("mail.example.org", "A").data("A") == ["192.0.2.25"]
        }
        try primary.directory.write(
            "org.zone",
            good.replacingOccurrences(of: "2026112101", with: "2026112102")
                .replacingOccurrences(of: "192.0.2.25", with: "192.0.2.66"))
        #expect(try primary.control("zone", "reload", "example.org").succeeded)
        #expect(try daemon.control("zone", "refresh", "example.org").succeeded)
        try daemon.process.waitForError("refused: ")
        #expect(try daemon.ask("mail.example.org", "A").data("A") == ["192.0.2.25"])
    }
}
