import Foundation
import Testing

@Suite("Zone transfers")
struct TransferTests {
    private static let secret = UpdateFixture.secret
    private static let key = "hmac-sha256:transfer.example:\(secret)"

    /// A primary that tells the peer at `$PEER` of changes.
    private static func primary(notifying peer: UInt16) throws -> Daemon {
        try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: $PORT } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(secret)" } ]
            zones:
              - name: example.net
                kind: primary
                file: net.zone
                transfer: [ { key: transfer.example. } ]
                notify: [ { address: 127.0.0.1, port: \(peer), key: transfer.example. } ]
                update: [ { from: 127.0.0.0/8, action: allow } ]

            """, files: ["net.zone": UpdateFixture.zone])
    }

    private static func secondary(of peer: UInt16) throws -> Daemon {
        try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: $PORT } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(secret)" } ]
            zones:
              - name: example.net
                kind: secondary
                primaries: [ { address: 127.0.0.1, port: \(peer), key: transfer.example. } ]
                transfer: [ { from: 127.0.0.0/8 } ]

            """)
    }

    /// Twenty additions and some deletions, one message each.
    private static func change(_ daemon: Daemon) throws {
        for number in 1...20 {
            #expect(
                try daemon.nsupdate(
                    "zone example.net\nupdate add t\(number).example.net 60 A 192.0.2.\(number)"
                ).succeeded)
        }
        #expect(try daemon.nsupdate("zone example.net\nupdate delete several.example.net").succeeded)
        #expect(try daemon.nsupdate("zone example.net\nupdate delete t7.example.net").succeeded)
    }

    @Test("RFC 5936: AXFR gives the whole zone, to whom the rules allow")
    func outgoing() throws {
        let daemon = try Self.primary(notifying: 9)
        let zone = try #require(try Peer.transfer("example.net", port: daemon.port, key: Self.key))
        #expect(zone.count == 11)
        #expect(zone.contains("www.example.net. 3600 in a 192.0.2.1"))
        #expect(try Peer.transfer("example.net", port: daemon.port) == nil)
    }

    @Test("RFC 5936 2.2: AXFR of a zone that needs many messages")
    func large() throws {
        let records = (1...20_000).map { "n\($0) A 192.0.2.\($0 % 250)\n" }.joined()
        let daemon = try Daemon(
            Daemon.basics
                + "zones: [ { name: example.net, kind: primary, file: big.zone, transfer: [ { from: 127.0.0.0/8 } ] } ]\n",
            files: ["big.zone": Zones.small + records])
        #expect(try Peer.transfer("example.net", port: daemon.port)?.count == 20_004)
    }

    @Test(
        "RFC 5936 2.2.5, RFC 6891 6.1.1: a transfer that is asked for with EDNS has OPT in its first message")
    func transferWithEDNS() throws {
        let records = (1...20_000).map { "n\($0) A 192.0.2.\($0 % 250)\n" }.joined()
        let daemon = try Daemon(
            Daemon.basics
                + "zones: [ { name: example.net, kind: primary, file: big.zone, transfer: [ { from: 127.0.0.0/8 } ] } ]\n",
            files: ["big.zone": Zones.small + records])
        let client = try WireClient(.tcp, port: daemon.port)
        for type in ["AXFR", "IXFR"] {
            for isAsked in [true, false] {
                var query = WireQuery("example.net", type)
                if isAsked { query.edns = WireQuery.EDNS(options: [(10, [1, 2, 3, 4, 5, 6, 7, 8])]) }
                if type == "IXFR" {
                    let soa: [UInt8] = [0, 0] + Wire.u32(1) + [UInt8](repeating: 0, count: 16)
                    query.authorities = [Wire.record(Wire.name("example.net"), type: 6, rdata: soa)]
                }
                try client.send(query.bytes)
                var answer = try WireMessage(try client.receive())
                #expect(answer.rcode == "NOERROR" && (answer.edns != nil) == isAsked, "\(type)")
                if isAsked { #expect(answer.edns?.option(10)?.count == 24) }
                while type == "AXFR", answer.answer.last?.type != "SOA" {
                    answer = try WireMessage(try client.receive())
                }
            }
        }
    }

    @Test("RFC 1995: IXFR gives what changed")
    func incremental() throws {
        // A zone large enough that the differences are less than the whole.
        let daemon = try Daemon(
            UpdateFixture.configuration,
            files: [
                "net.zone": UpdateFixture.zone,
                "open.zone": UpdateFixture.open + (1...100).map { "h\($0) A 192.0.2.\($0)\n" }.joined(),
            ])
        for number in 1...3 {
            #expect(
                try daemon.nsupdate(
                    "zone open.example.org\nupdate add i\(number).open.example.org 60 A 192.0.2.\(number)"
                ).succeeded)
        }
        let result = try daemon.dig("open.example.org", "IXFR=1", "+nocmd", "+nostats")
        let records = result.text.split(separator: "\n").filter { !$0.hasPrefix(";") }
        #expect(records.filter { $0.contains("SOA") }.count >= 4, "an incremental answer: \(result)")
        for number in 1...3 { #expect(records.contains { $0.hasPrefix("i\(number).") }) }
        #expect(!records.contains { $0.hasPrefix("h1.") }, "what did not change is not sent: \(result)")
    }

    @Test("BIND follows us through updates, told by NOTIFY", .enabled(if: Places.hasTools("named")))
    func toNamed() throws {
        let port = try Ports.free()
        let daemon = try Self.primary(notifying: port)
        let named = try Peer.named(
            rest: """
                key "transfer.example" { algorithm hmac-sha256; secret "\(Self.secret)"; };
                zone "example.net" { type secondary; primaries { 127.0.0.1 port \(daemon.port) key transfer.example; };
                  file "copy.zone"; allow-transfer { any; }; };
                """, in: TemporaryDirectory(), port: port)
        try follow(daemon, named)
    }

    @Test("Knot follows us through updates, told by NOTIFY", .enabled(if: Places.hasTools("knotd")))
    func toKnot() throws {
        let port = try Ports.free()
        let daemon = try Self.primary(notifying: port)
        let knot = try Peer.knotd(
            """
            key:
              - id: transfer.example
                algorithm: hmac-sha256
                secret: \(Self.secret)
            remote:
              - id: torii
                address: 127.0.0.1@\(daemon.port)
                key: transfer.example
            acl:
              - id: notify
                address: 127.0.0.0/8
                key: transfer.example
                action: notify
              - id: transfer
                address: 127.0.0.0/8
                action: transfer
            zone:
              - domain: example.net
                master: torii
                acl: [ notify, transfer ]
                zonefile-load: none
                journal-content: all
            """, in: TemporaryDirectory(), port: port)
        try follow(daemon, knot)
    }

    @Test("NSD follows us through updates, told by NOTIFY", .enabled(if: Places.hasTools("nsd")))
    func toNSD() throws {
        let port = try Ports.free()
        let daemon = try Self.primary(notifying: port)
        let nsd = try Peer.nsd(
            zones: ["example.net": ""],
            extra: """
                  request-xfr: 127.0.0.1@\(daemon.port) transfer.example
                  allow-notify: 127.0.0.0/8 transfer.example
                  provide-xfr: 127.0.0.0/8 NOKEY
                """,
            global:
                "key:\n  name: transfer.example\n  algorithm: hmac-sha256\n  secret: \"\(Self.secret)\"\n",
            in: TemporaryDirectory(), port: port)
        try follow(daemon, nsd)
    }

    private func follow(_ daemon: Daemon, _ peer: Peer) throws {
        let first = try #require(try Peer.transfer("example.net", port: daemon.port, key: Self.key))
        try peer.process.eventually("the first transfer") { try peer.transfer("example.net") == first }
        try Self.change(daemon)
        let last = try #require(try Peer.transfer("example.net", port: daemon.port, key: Self.key))
        #expect(last != first)
        try peer.process.eventually("the zone after the updates") { try peer.transfer("example.net") == last }
    }

    @Test("We follow BIND through its updates, told by NOTIFY", .enabled(if: Places.hasTools("named")))
    func fromNamed() throws {
        let ours = try Ports.free()
        let named = try Peer.named(
            rest: """
                key "transfer.example" { algorithm hmac-sha256; secret "\(Self.secret)"; };
                zone "example.net" { type primary; file "net.zone"; allow-update { any; };
                  allow-transfer { key transfer.example; }; notify explicit;
                  also-notify { 127.0.0.1 port \(ours) key transfer.example; }; };
                """, files: ["net.zone": UpdateFixture.zone], in: TemporaryDirectory())
        let daemon = try Self.secondary(of: named.port)
        try daemon.process.eventually("the first transfer") {
            try daemon.ask("www.example.net").data("A") == ["192.0.2.1"]
        }
        #expect(
            try Peer.transfer("example.net", port: daemon.port)
                == named.transfer("example.net", key: Self.key))
        let script =
            "server 127.0.0.1 \(named.port)\nzone example.net\nupdate add late.example.net 60 A 192.0.2.77\nsend\n"
        #expect(try Tool.run("nsupdate", [], input: script).succeeded)
        // BIND's NOTIFY goes to the port it was told; ours is another, so ask for the refresh.
        #expect(try daemon.control("zone", "refresh", "example.net").succeeded)
        try daemon.process.eventually("the changed zone") {
            try daemon.ask("late.example.net").data("A") == ["192.0.2.77"]
        }
        #expect(
            try Peer.transfer("example.net", port: daemon.port)
                == named.transfer("example.net", key: Self.key))
    }

    @Test(
        "We follow NSD through edits of its zone file, told by NOTIFY, by whole zones and by differences",
        .enabled(if: Places.hasTools("nsd")), arguments: [false, true])
    func fromNSD(differences: Bool) throws {
        let directory = try TemporaryDirectory()
        let ours = try Ports.free()
        let nsd = try Peer.nsd(
            zones: ["example.net": UpdateFixture.zone],
            extra: """
                  notify: 127.0.0.1@\(ours) transfer.example
                  provide-xfr: 127.0.0.0/8 transfer.example
                  \(differences ? "store-ixfr: yes\n  create-ixfr: yes" : "")
                """,
            global:
                "key:\n  name: transfer.example\n  algorithm: hmac-sha256\n  secret: \"\(Self.secret)\"\n",
            in: directory)
        let daemon = try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: \(ours) } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(Self.secret)" } ]
            zones:
              - name: example.net
                kind: secondary
                primaries: [ { address: 127.0.0.1, port: \(nsd.port), key: transfer.example. } ]
                transfer: [ { from: 127.0.0.0/8 } ]

            """)
        func copy() throws -> [String]? { try Peer.transfer("example.net", port: ours) }
        let first = try #require(try nsd.transfer("example.net", key: Self.key))
        try daemon.process.eventually("the first transfer") { try copy() == first }
        var text = UpdateFixture.zone
        let serial = try #require(first.first { $0.contains(" soa ") }?.split(separator: " ")[6])
        for round in 1...3 {
            text += "round\(round) 60 TXT \"\(round)\"\nround\(round) 60 AAAA 2001:db8::\(round)\n"
            if round == 2 { text = text.replacingOccurrences(of: "192.0.2.1\n", with: "192.0.2.111\n") }
            let next = text.replacingOccurrences(
                of: "\(serial) ", with: "\(try #require(Int(serial)) + round) ",
                range: text.range(of: "SOA").map { $0.lowerBound..<text.endIndex })
            try directory.write("nsd/example.net.zone", next)
            nsd.process.signal(SIGHUP)
            try nsd.process.eventually("the edited file at NSD") {
                try nsd.transfer("example.net", key: Self.key)?.contains { $0.hasPrefix("round\(round).") }
                    ?? false
            }
            let last = try nsd.transfer("example.net", key: Self.key)
            try daemon.process.eventually("the zone of round \(round)") { try copy() == last }
        }
    }

    @Test("A secondary keeps its zone over a restart while the primary is gone")
    func keeps() throws {
        let primary = try Self.primary(notifying: 9)
        let daemon = try Self.secondary(of: primary.port)
        try daemon.process.eventually("the first transfer") {
            try daemon.ask("www.example.net").data("A") == ["192.0.2.1"]
        }
        try primary.stop()
        try daemon.stop()
        try daemon.restart()
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.1"])
    }

    @Test("A secondary of ours follows a primary of ours, told by NOTIFY")
    func both() throws {
        let port = try Ports.free()
        let primary = try Self.primary(notifying: port)
        let daemon = try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: \(port) } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(Self.secret)" } ]
            zones:
              - name: example.net
                kind: secondary
                primaries: [ { address: 127.0.0.1, port: \(primary.port), key: transfer.example. } ]
                transfer: [ { from: 127.0.0.0/8 } ]

            """)
        func copy() throws -> [String]? { try Peer.transfer("example.net", port: port) }
        try daemon.process.eventually("the first transfer") { try copy() != nil }
        try Self.change(primary)
        let last = try Peer.transfer("example.net", port: primary.port, key: Self.key)
        try daemon.process.eventually("the zone after the updates") { try copy() == last }
    }
}
