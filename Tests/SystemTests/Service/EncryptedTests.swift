import Foundation
import Testing

@Suite("Encrypted transports")
struct EncryptedTests {
    static func server() throws -> (daemon: Daemon, tls: UInt16, https: UInt16) {
        let (tls, https) = (try Ports.free(), try Ports.free())
        let directory = try TemporaryDirectory()
        try TestIdentity.make(in: directory)
        let daemon = try Daemon(
            """
            server: { workers: 2, state-directory: state }
            listen:
              - { address: 127.0.0.1, port: $PORT }
              - { address: 127.0.0.1, port: \(tls), protocols: [tls], certificate: cert.pem, key: key.pem }
              - { address: 127.0.0.1, port: \(https), protocols: [https], certificate: cert.pem, key: key.pem }
            control: { socket: torii.sock }
            keys: [ { name: k.example., secret: "dG9yaWktZXhhbXBsZS1rZXktbm90LXNlY3JldC0hIQ==" } ]
            access: { query: [ { from: 127.0.0.66, action: refuse }, {} ] }
            zones:
              - name: up.example
                file: up.zone
                update: [ { key: k.example., action: allow }, { from: 127.0.0.0/8, action: allow } ]

            """, files: ["up.zone": ResolverPair.up], in: directory)
        return (daemon, tls, https)
    }

    private static func curl(_ port: UInt16, _ words: [String]) throws -> Tool.Result {
        try Tool.run("curl", ["-sk", "-o", "/dev/null", "-w", "%{http_code} %{http_version}"] + words)
    }

    /// A question in the `dns` parameter of RFC 8484.
    private static func parameter(_ name: String, _ type: String = "A") -> String {
        Data(WireQuery(name, type).bytes).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    @Test(
        "dig and kdig over HTTPS and TLS, by GET and by POST",
        .enabled(if: Places.hasTools("dig", "kdig")))
    func clients() throws {
        let (daemon, tls, https) = try Self.server()
        defer { withExtendedLifetime(daemon) {} }
        for words in [
            ["dig", "+https", "-p", "\(https)"], ["dig", "+https-get", "-p", "\(https)"],
            ["dig", "+tls", "-p", "\(tls)"], ["kdig", "+https", "-p", "\(https)"],
            ["kdig", "+https-get", "-p", "\(https)"], ["kdig", "+tls", "-p", "\(tls)"],
        ] {
            let result = try Tool.run(
                words[0], Array(words.dropFirst()) + ["@127.0.0.1", "www.up.example", "+short"])
            #expect(result.output.contains("192.0.2.1"), "\(words) \(result)")
        }
    }

    @Test(
        "RFC 8484: status codes, freshness, both versions of HTTP",
        .enabled(if: Places.hasTools("curl")))
    func http() throws {
        let (daemon, _, port) = try Self.server()
        defer { withExtendedLifetime(daemon) {} }
        let base = "https://127.0.0.1:\(port)/dns-query"
        let good = "\(base)?dns=\(Self.parameter("www.up.example"))"
        let cases: [([String], String)] = [
            ([good], "200 2"), (["--http1.1", good], "200 1.1"), ([base], "400 2"),
            (["\(base)?dns=!!"], "400 2"), (["https://127.0.0.1:\(port)/other"], "404 2"),
            (["-X", "PUT", good], "405 2"),
            (["-H", "content-type: text/plain", "-d", "x", base], "415 2"),
        ]
        for (words, expected) in cases {
            let result = try Self.curl(port, words)
            #expect(result.output == expected, "\(words) \(result)")
        }
        let headers = try Tool.run("curl", ["-sk", "-D", "-", "-o", "/dev/null", good])
        #expect(headers.output.contains("cache-control: max-age=300"), "\(headers)")
        let negative = try Tool.run(
            "curl",
            ["-sk", "-D", "-", "-o", "/dev/null", "\(base)?dns=\(Self.parameter("missing.up.example"))"])
        #expect(negative.output.contains("cache-control: max-age=60"), "\(negative)")
    }

    @Test(
        "One verdict over all transports: access list, and TSIG", .enabled(if: Places.hasTools("kdig")))
    func verdicts() throws {
        let (daemon, tls, https) = try Self.server()
        defer { withExtendedLifetime(daemon) {} }
        for (flag, port) in [("+tls", tls), ("+https", https)] {
            let denied = try Tool.run(
                "kdig", [flag, "-p", "\(port)", "-b", "127.0.0.66", "@127.0.0.1", "www.up.example"])
            #expect(denied.output.contains("status: REFUSED"), "\(denied)")
            let wrong = try Tool.run(
                "kdig",
                [
                    flag, "-p", "\(port)", "-y", "hmac-sha256:k.example.:AAAA", "@127.0.0.1",
                    "www.up.example",
                ])
            #expect(wrong.output.contains("NOTAUTH") || wrong.output.contains("BADSIG"), "\(wrong)")
        }
    }

    @Test(
        "An update without signature is refused over HTTPS and taken over TCP",
        .enabled(if: Places.hasTools("curl")))
    func updates() throws {
        let (daemon, _, https) = try Self.server()
        let update = Self.update
        let file = daemon.directory.path + "/update"
        try Data(update).write(to: URL(fileURLWithPath: file))
        let reply = daemon.directory.path + "/reply"
        _ = try Tool.run(
            "curl",
            [
                "-sk", "-o", reply, "-H", "content-type: application/dns-message", "--data-binary",
                "@" + file,
                "https://127.0.0.1:\(https)/dns-query",
            ])
        let octets = [UInt8](try Data(contentsOf: URL(fileURLWithPath: reply)))
        #expect(octets.count >= 12 && octets[3] & 15 == 5, "\(octets)")
        let client = try WireClient(.tcp, port: daemon.port)
        try client.send(update)
        #expect(try WireMessage(try client.receive()).rcode == "NOERROR")
    }

    @Test(
        "metrics.compat shows figures under the names of other servers", .enabled(if: Places.hasTools("curl"))
    )
    func dialects() throws {
        let port = try Ports.free()
        let daemon = try Daemon(
            Daemon.basics + "metrics: { listen: 127.0.0.1:\(port), compat: [ unbound, coredns ] }\n")
        _ = try daemon.dig("example.net", "A")
        let text = try Tool.run("curl", ["-s", "http://127.0.0.1:\(port)/metrics"]).output
        for name in [
            "torii_dns_requests_total 1", "unbound_queries_total 1", "unbound_up 1",
            "coredns_dns_responses_total{",
        ] {
            #expect(text.contains("\n" + name), "\(name)")
        }
    }

    /// `new.up.example. 60 A 192.0.2.77`, added.
    private static var update: [UInt8] {
        let zone = Wire.name("up.example") + [0, 6, 0, 1]
        let record = Wire.name("new.up.example") + [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77]
        return [0, 9, 0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0] + zone + record
    }
}

@Suite("TLS toward other servers")
struct UpstreamTLSTests {
    @Test(
        "Asked over TLS with a certificate that must be good, never in plain text",
        arguments: [
            ("verify: true, ca: $DIR/cert.pem", true), ("name: ns.example, ca: $DIR/cert.pem", true),
            ("name: wrong.example, ca: $DIR/cert.pem", false), ("verify: true", false),
            ("verify: false", true),
        ])
    func forward(_ tls: String, _ works: Bool) throws {
        let (origin, port, _) = try EncryptedTests.server()
        let directory = try TemporaryDirectory()
        try FileManager.default.copyItem(
            atPath: origin.directory.path + "/cert.pem", toPath: directory.path + "/cert.pem")
        let resolver = try Daemon(
            Daemon.basics + """
                dnssec: { trust-anchors: [] }
                limits: { resolution-time: 3s }
                recursion:
                  root-hints: [ { name: nowhere.example., address: 127.0.0.1 } ]
                  stub:
                    - zone: up.example
                      servers: [ { address: 127.0.0.1, port: \(port) } ]
                      tls: { \(tls) }

                """, in: directory)
        let result = try resolver.dig("www.up.example", "A")
        #expect((result.rcode == "NOERROR") == works, "\(result)")
        for index in 0..<10 where works { _ = try resolver.dig("n\(index).up.example", "A") }
        let stats = try resolver.control("stats", "sent_tls").output
        #expect(stats.contains("torii_resolver_sent_tls_total"), "\(stats)")
        let connections = try origin.control("stats", "requests_tls").output
        if !works { #expect(connections.contains("=0"), "\(connections)") }
    }
}

@Suite("Hostile clients of streams", .enabled(if: Attack.python != nil, "needs python3"))
struct HostileClientTests {
    @Test("T1 to T5: TCP, TLS and HTTPS against real clients; TORII_CONNECTIONS sets how many slow ones")
    func transports() throws {
        let (tls, https, slow) = (try Ports.free(), try Ports.free(), try Ports.free())
        let directory = try TemporaryDirectory()
        try TestIdentity.make(in: directory)
        let daemon = try Daemon(
            """
            server: { workers: 2, state-directory: state }
            listen:
              - { address: 127.0.0.1, port: $PORT }
              - { address: 127.0.0.1, port: \(tls), protocols: [tls], certificate: cert.pem, key: key.pem }
              - { address: 127.0.0.1, port: \(https), protocols: [https], certificate: cert.pem, key: key.pem }
            control: { socket: torii.sock }
            access: { recursion: [ { from: 127.0.0.0/8 } ] }
            zones: [ { name: example.net, file: small.zone } ]
            recursion: { stub: [ { zone: slow.example, servers: [ { address: 127.0.0.1, port: \(slow) } ] } ] }
            dnssec: { validation: false }
            limits: { tcp-read-timeout: 2s, tcp-idle-timeout: 5s, tcp-clients: 8192 }

            """, files: ["small.zone": Zones.small], in: directory)
        let count = Effort.count("TORII_CONNECTIONS", 400)
        print(
            try Attack.run(
                "transports.py",
                [daemon.port, tls, https, slow].map(String.init) + [
                    String(daemon.process.pid), String(count),
                ], within: 300))
        #expect(!daemon.process.hasEnded)
    }
}
