import Foundation
import Testing

/// An option, what it is set to, and what a client then finds.
struct OptionEffect: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// Options of the zone, within its braces.
    var zone = ""
    /// Other sections.
    var more = ""
    let check: @Sendable (Daemon) throws -> Void

    private static func update(_ daemon: Daemon, _ lines: String, tcp: Bool = false) throws -> Bool {
        try daemon.nsupdate("zone example.net\n\(lines)", tcp: tcp).succeeded
    }

    /// What is written for one query.
    private static func queryLine(_ format: String, _ expected: String) -> OptionEffect {
        OptionEffect(
            testDescription: "log.query-format: \(format)",
            more: "log: { queries: true, query-format: \(format) }\n"
        ) { (daemon) throws in
            _ = try daemon.ask("www.example.net")
            try daemon.process.waitForError(expected)
        }
    }

    static let all: [OptionEffect] = [
        OptionEffect(
            testDescription: "access.unsigned-updates", zone: "update: [ { action: allow } ]",
            more: "access: { unsigned-updates: [ tcp ] }\n"
        ) { (daemon) throws in
            #expect(try !update(daemon, "update add a.example.net 60 A 192.0.2.9"))
            #expect(try update(daemon, "update add a.example.net 60 A 192.0.2.9", tcp: true))
        },
        OptionEffect(
            testDescription: "zones[].check-name-servers",
            zone: "update: [ { action: allow } ], check-name-servers: true"
        ) { (daemon) throws in
            #expect(try !update(daemon, "update delete ns1.example.net A"))
            #expect(try update(daemon, "update delete www.example.net A"))
        },
        OptionEffect(
            testDescription: "zones[].max-records", zone: "update: [ { action: allow } ], max-records: 5"
        ) { (daemon) throws in
            let fits = try (1...4).map {
                try update(daemon, "update add many.example.net 60 A 192.0.2.\($0)")
            }
            #expect(fits.contains(true) && fits.last == false, "\(fits)")
        },
        OptionEffect(
            testDescription: "zones[].ixfr",
            zone: "update: [ { action: allow } ], transfer: [ {} ], ixfr: false"
        ) { (daemon) throws in
            #expect(try update(daemon, "update add a.example.net 60 A 192.0.2.9"))
            let transfer = try daemon.dig("example.net", "IXFR=1", "+tcp").text
            #expect(transfer.contains("www.example.net."), "the whole zone: \(transfer)")
        },
        OptionEffect(
            testDescription: "zones[].file-changes: merge",
            zone: "update: [ { action: allow } ], file-changes: merge"
        ) { (daemon) throws in
            #expect(try update(daemon, "update add a.example.net 60 A 192.0.2.9"))
            try daemon.directory.write("small.zone", edited)
            #expect(try daemon.control("reload").succeeded)
            #expect(try daemon.ask("a.example.net").rcode == "NOERROR")
            #expect(try daemon.ask("edited.example.net").rcode == "NOERROR")
        },
        OptionEffect(
            testDescription: "zones[].file-changes: refuse",
            zone: "update: [ { action: allow } ], file-changes: refuse"
        ) { (daemon) throws in
            #expect(try update(daemon, "update add a.example.net 60 A 192.0.2.9"))
            try daemon.directory.write("small.zone", edited)
            let result = try daemon.control("reload")
            #expect(result.status == .exited(1) && result.errors.contains("cannot be merged"), "\(result)")
            #expect(try daemon.ask("a.example.net").rcode == "NOERROR")
            #expect(try daemon.ask("edited.example.net").rcode == "NXDOMAIN")
        },
        OptionEffect(
            testDescription: "limits.types-per-name, limits.records-per-update",
            zone: "update: [ { action: allow } ]",
            more: "limits: { types-per-name: 2, records-per-update: 2 }\n"
        ) { (daemon) throws in
            #expect(try update(daemon, "update add t.example.net 60 A 192.0.2.9"))
            #expect(try update(daemon, "update add t.example.net 60 TXT x"))
            #expect(try !update(daemon, "update add t.example.net 60 AAAA 2001:db8::9"))
            let three = (1...3).map { "update add n\($0).example.net 60 A 192.0.2.9" }.joined(separator: "\n")
            #expect(try !update(daemon, three))
        },
        OptionEffect(testDescription: "limits.udp-payload", more: "limits: { udp-payload: 512 }\n") {
            (daemon) throws in
            #expect(try daemon.dig("www.example.net", "+bufsize=4096").text.contains("udp: 512"))
        },
        OptionEffect(testDescription: "limits.zone-counters", more: "limits: { zone-counters: 0 }\n") {
            (daemon) throws in
            _ = try daemon.ask("www.example.net")
            let stats = try daemon.control("stats", "zone_requests").output
            #expect(stats.contains("zone=\"other\"") && !stats.contains("example.net"), "\(stats)")
        },
        OptionEffect(
            testDescription: "rate-limit.ipv4-prefix",
            more: "rate-limit: { responses-per-second: 1, slip: 0, ipv4-prefix: 32 }\n"
        ) { (daemon) throws in
            let (flood, other) = (
                try WireClient(.udp, port: daemon.port, from: "127.0.1.2"),
                try WireClient(.udp, port: daemon.port, from: "127.0.1.3")
            )
            for _ in 0..<50 { try flood.send(WireQuery("www.example.net").bytes) }
            try other.send(WireQuery("www.example.net").bytes)
            #expect(try WireMessage(other.receive()).rcode == "NOERROR", "it is not of the same prefix")
        },
        queryLine("text", "[query] www.example.net. client=127.0.0.1"),
        queryLine("json", "\"subsystem\":\"query\",\"msg\":\"www.example.net.\",\"client\":\"127.0.0.1\""),
        queryLine("bind", "(www.example.net): query: www.example.net IN A - (127.0.0.1)"),
        queryLine("coredns", "\"A IN www.example.net. udp 33 false 512\" NOERROR qr,aa 49 "),
    ]

    private static let edited =
        Zones.small.replacingOccurrences(of: " 1 3600", with: " 9 3600") + "edited A 192.0.2.50\n"
}

/// An option of the resolver, what it is set to, and what a client or the server that is asked then sees.
struct ResolverEffect: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var more = ""
    /// Options of the section `recursion`.
    var recursion = ""
    let check: @Sendable (ResolverPair) throws -> Void

    /// The TTL of the first answer record.
    private static func ttl(_ pair: ResolverPair, _ name: String) throws -> Int? {
        try pair.resolver.dig(name, "A").answer.first?.split(separator: " ").dropFirst().first.flatMap {
            Int($0)
        }
    }

    static let all: [ResolverEffect] = [
        ResolverEffect(testDescription: "cache.max-ttl", more: "cache: { max-ttl: 7s }\n") { (pair) throws in
            #expect(try ttl(pair, "www.up.example").map { $0 <= 7 } == true)
        },
        ResolverEffect(testDescription: "cache.min-ttl", more: "cache: { min-ttl: 1000s }\n") {
            (pair) throws in
            #expect(try ttl(pair, "www.up.example").map { $0 > 300 } == true)
        },
        ResolverEffect(testDescription: "cache.max-negative-ttl", more: "cache: { max-negative-ttl: 3s }\n") {
            (pair) throws in
            let soa = try pair.resolver.dig("none.up.example").authority.first ?? ""
            #expect(
                soa.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 <= 3 } == true,
                "\(soa)")
        },
        ResolverEffect(testDescription: "dns64.exclude", more: "dns64: { exclude: [ \"2001:db8::/64\" ] }\n")
        { (pair) throws in
            #expect(try pair.ask("both.up.example", "AAAA") == "NOERROR 64:ff9b::c000:203")
        },
        ResolverEffect(testDescription: "limits.cname-chain", more: "limits: { cname-chain: 1 }\n") {
            (pair) throws in
            #expect(try pair.ask("alias.other.example") == "NOERROR www.up.example. 192.0.2.1")
            #expect(try pair.ask("alias.up.example") == "SERVFAIL")
        },
        ResolverEffect(testDescription: "rpz[].log of what leads elsewhere", more: rewriting) {
            (pair) throws in
            for _ in 0..<2 { #expect(try pair.ask("www.up.example").hasSuffix("198.51.100.1")) }
            #expect(try pair.resolver.dig("www.up.example").pseudo("EDE: 4") != nil, "forged")
            try pair.awaitPolicyLines(3)
        },
    ]

    private static let rewriting = """
        zones: [ { name: rpz.example, file: rpz.zone } ]
        rpz: [ { zone: rpz.example, log: true } ]

        """
}

/// Options that no other suite sees the effect of.
@Suite("Options take effect")
struct OptionEffectTests {
    @Test("Of the server and its zones", arguments: OptionEffect.all)
    func server(_ effect: OptionEffect) throws {
        let daemon = try Daemon(
            Daemon.basics + "zones: [ { name: example.net, file: small.zone, \(effect.zone) } ]\n"
                + effect.more,
            files: ["small.zone": Zones.small])
        try effect.check(daemon)
    }

    @Test("Of the resolver", arguments: ResolverEffect.all)
    func resolver(_ effect: ResolverEffect) throws {
        let pair = try ResolverPair(
            effect.more, recursion: effect.recursion,
            files: [
                "rpz.zone":
                    "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nwww.up.example CNAME www.other.example.\n"
            ])
        try effect.check(pair)
    }

    @Test("A policy that lets a name pass is logged too, each time")
    func passed() throws {
        let pair = try ResolverPair(
            "zones: [ { name: rpz.example, file: rpz.zone } ]\nrpz: [ { zone: rpz.example, log: true } ]\n",
            files: [
                "rpz.zone": "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nwww.up.example CNAME rpz-passthru.\n"
            ])
        for _ in 0..<2 { #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1") }
        try pair.awaitPolicyLines(2)
    }

    @Test("limits.upstream-udp-payload is what servers are offered")
    func upstreamPayload() throws {
        let server = try LoopbackSocket(SOCK_DGRAM, address: "127.0.0.1")
        let daemon = try Daemon(
            Daemon.basics + """
                recursion: { forward: [ { zone: ., servers: [ { address: 127.0.0.1, port: \(server.port) } ] } ] }
                limits: { upstream-udp-payload: 600 }

                """)
        let client = try WireClient(.udp, port: daemon.port)
        var question = WireQuery("www.up.example")
        question.flags = 0x0100  // RD
        try client.send(question.bytes)
        let query = try server.receive()
        // OPT: the root, type 41, and the size in the place of the class (RFC 6891 6.1.2).
        #expect(query.contains([0, 0, 41, 0x02, 0x58] as [UInt8]))
    }
}

extension ResolverPair {
    /// Waits until the resolver has logged `count` matches of policies.
    fileprivate func awaitPolicyLines(_ count: Int) throws {
        try resolver.process.eventually("\(count) lines of the policy") {
            resolver.process.errorText.components(separatedBy: "[policy] matched").count == count + 1
        }
    }
}
