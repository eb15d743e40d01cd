import Foundation
import Testing

/// Many servers of one zone: after a thousand mixed updates all hold the same.
@Suite("Fleets of servers")
struct FleetTests {
    private static let secret = UpdateFixture.secret
    private static let key = "hmac-sha256:transfer.example:\(secret)"
    private static let size = ProcessInfo.processInfo.environment["TORII_FLEET"].flatMap { Int($0) } ?? 1000

    /// A zone whose serial is about to pass 2^31 or to begin anew at 1.
    private static func zone(_ serial: UInt32) -> String {
        """
        $TTL 300
        @ SOA ns hostmaster \(serial) 3600 600 86400 60
        @ NS ns
        ns A 192.0.2.53

        """
    }

    /// `count` messages: additions, deletions of records, sets and names, changed TTLs, aliases, odd octets.
    private static func script(_ port: UInt16, _ count: Int, signed: Bool = false) -> String {
        var state: UInt64 = 20_261_121
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var lines = ["server 127.0.0.1 \(port)", "zone fleet.example"]
        if signed { lines.append("key hmac-sha256:transfer.example \(secret)") }
        for number in 0..<count {
            let name = "n\(random(60)).fleet.example."
            switch random(10) {
            case 0, 1, 2: lines.append("update add \(name) \(60 + random(3)) A 192.0.2.\(random(20))")
            case 3: lines.append("update add \(name) 60 TXT \"text \(number)\" \"\\\\\\\"quoted\\\\\\\"\"")
            case 4: lines.append("update add \(name) 60 MX \(random(3)) mail.fleet.example.")
            case 5: lines.append("update delete \(name) A 192.0.2.\(random(20))")
            case 6: lines.append("update delete \(name) A")
            case 7: lines.append("update delete \(name)")
            case 8: lines.append("update add alias\(random(20)).fleet.example. 60 CNAME \(name)")
            default: lines.append("update add *.w\(random(9)).fleet.example. 60 AAAA 2001:db8::\(random(99))")
            }
            lines.append("send")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func secondary(
        of primaries: [UInt16], port: UInt16, notifying other: UInt16? = nil, extra: String = ""
    ) throws -> Daemon {
        let list = primaries.map { "{ address: 127.0.0.1, port: \($0), key: transfer.example. }" }
        return try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: \(port) } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(secret)" } ]
            zones:
              - name: fleet.example
                kind: secondary
                primaries: [ \(list.joined(separator: ", ")) ]
                transfer: [ { from: 127.0.0.0/8 } ]
                notify: [ \(other.map { "{ address: 127.0.0.1, port: \($0), key: transfer.example. }" } ?? "") ]
                \(extra)

            """)
    }

    private static func nsd(of port: UInt16, at own: UInt16) throws -> Peer {
        try Peer.nsd(
            zones: ["fleet.example": ""],
            extra: """
                  request-xfr: 127.0.0.1@\(port) transfer.example
                  allow-notify: 127.0.0.0/8 transfer.example
                  provide-xfr: 127.0.0.0/8 NOKEY
                """,
            global: "key:\n  name: transfer.example\n  algorithm: hmac-sha256\n  secret: \"\(secret)\"\n",
            in: TemporaryDirectory(), port: own)
    }

    private static let knotKey = """
        key:
          - id: transfer.example
            algorithm: hmac-sha256
            secret: \(secret)

        """

    private static func knotSecondary(of port: UInt16, at own: UInt16) throws -> Peer {
        try Peer.knotd(
            knotKey + """
                remote:
                  - id: torii
                    address: 127.0.0.1@\(port)
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
                  - domain: fleet.example
                    master: torii
                    acl: [ notify, transfer ]
                    zonefile-load: none
                    journal-content: all
                """, in: TemporaryDirectory(), port: own)
    }

    private static func namedSecondary(of port: UInt16, at own: UInt16) throws -> Peer {
        try Peer.named(
            rest: """
                key "transfer.example" { algorithm hmac-sha256; secret "\(secret)"; };
                zone "fleet.example" { type secondary; primaries { 127.0.0.1 port \(port) key transfer.example; };
                  file "copy.zone"; allow-transfer { any; }; };
                """, in: TemporaryDirectory(), port: own)
    }

    @Test(
        "A thousand mixed updates of ours reach BIND, Knot, NSD and a secondary of ours, over the wrap of the serial",
        .enabled(if: Places.hasTools("named", "knotd", "nsd")),
        arguments: [4_294_967_000 as UInt32, 2_147_483_600])
    func outward(serial: UInt32) throws {
        let ports = try (0..<4).map { _ in try Ports.free() }
        let targets = ports.map { "{ address: 127.0.0.1, port: \($0), key: transfer.example. }" }
        let primary = try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: $PORT } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(Self.secret)" } ]
            zones:
              - name: fleet.example
                kind: primary
                file: fleet.zone
                transfer: [ { key: transfer.example. } ]
                notify: [ \(targets.joined(separator: ", ")) ]
                update: [ { from: 127.0.0.0/8, action: allow } ]

            """, files: ["fleet.zone": Self.zone(serial)])
        let named = try Self.namedSecondary(of: primary.port, at: ports[0])
        let knot = try Self.knotSecondary(of: primary.port, at: ports[1])
        let nsd = try Self.nsd(of: primary.port, at: ports[2])
        let ours = try Self.secondary(of: [primary.port], port: ports[3])
        for (peer, port) in [named, knot, nsd].map({ $0.process }).enumerated() {
            try port.eventually("the first transfer to \(peer)") {
                try Peer.transfer("fleet.example", port: ports[peer]) != nil
            }
        }
        let updates = try Tool.run("nsupdate", [], input: Self.script(primary.port, Self.size))
        #expect(updates.succeeded, "\(updates)")
        let last = try #require(try Peer.transfer("fleet.example", port: primary.port, key: Self.key))
        #expect(last.count > 50)
        for port in ports {
            try primary.process.eventually("the zone at \(port)", within: 60) {
                try Peer.transfer("fleet.example", port: port) == last
            }
        }
        // And it is the same after a restart, from file and journal.
        try ours.restart()
        #expect(try Peer.transfer("fleet.example", port: ports[3]) == last)
    }

    @Test(
        "A thousand mixed updates of Knot come through us to NSD and BIND",
        .enabled(if: Places.hasTools("named", "knotd", "nsd")))
    func inward() throws {
        let ports = try (0..<3).map { _ in try Ports.free() }
        let knot = try Peer.knotd(
            Self.knotKey + """
                remote:
                  - id: torii
                    address: 127.0.0.1@\(ports[0])
                    key: transfer.example
                acl:
                  - id: update
                    address: 127.0.0.0/8
                    action: update
                  - id: transfer
                    address: 127.0.0.0/8
                    key: transfer.example
                    action: transfer
                zone:
                  - domain: fleet.example
                    file: $DIR/fleet.zone
                    acl: [ transfer, update ]
                    notify: torii
                    zonefile-sync: -1
                    zonefile-load: difference
                """, files: ["fleet.zone": Self.zone(2_147_483_000)], in: TemporaryDirectory())
        let ours = try Self.secondary(of: [9, knot.port], port: ports[0], notifying: ports[1])
        let nsd = try Self.nsd(of: ports[0], at: ports[1])
        let named = try Self.namedSecondary(of: ports[0], at: ports[2])
        try ours.process.eventually("the first transfer, from the second primary") {
            try Peer.transfer("fleet.example", port: ports[0]) != nil
        }
        try nsd.process.eventually("the first transfer to NSD") { try nsd.transfer("fleet.example") != nil }
        #expect(try Tool.run("nsupdate", [], input: Self.script(knot.port, Self.size)).succeeded)
        let last = try #require(try Peer.transfer("fleet.example", port: knot.port, key: Self.key))
        try ours.process.eventually("the zone", within: 60) {
            try Peer.transfer("fleet.example", port: ports[0]) == last
        }
        try nsd.process.eventually("the zone at NSD", within: 60) {
            try nsd.transfer("fleet.example") == last
        }
        try named.process.eventually("the zone at BIND") {
            let copy = try named.transfer("fleet.example")
            if copy != last {
                _ = try Tool.run(
                    "dig",
                    [
                        "-r", "@127.0.0.1", "-p", "\(ports[2])", "+opcode=notify", "+norec", "fleet.example",
                        "SOA",
                    ])
            }
            return copy == last
        }
    }

    @Test("RFC 2136 6: a secondary hands updates on to its primary, signed ones with their signature")
    func forwarded() throws {
        let port = try Ports.free()
        let primary = try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: $PORT } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            keys: [ { name: transfer.example., algorithm: hmac-sha256, secret: "\(Self.secret)" } ]
            zones:
              - name: fleet.example
                kind: primary
                file: fleet.zone
                transfer: [ { key: transfer.example. } ]
                notify: [ { address: 127.0.0.1, port: \(port), key: transfer.example. } ]
                update: [ { key: transfer.example., action: allow } ]

            """, files: ["fleet.zone": Self.zone(7)])
        let ours = try Self.secondary(of: [9, primary.port], port: port, extra: "forward-updates: true")
        try ours.process.eventually("the first transfer") {
            try Peer.transfer("fleet.example", port: port) != nil
        }
        #expect(try Tool.run("nsupdate", [], input: Self.script(port, 20, signed: true)).succeeded)
        #expect(
            try !Tool.run("nsupdate", [], input: Self.script(port, 1)).succeeded, "the primary wants a key")
        let last = try #require(try Peer.transfer("fleet.example", port: primary.port, key: Self.key))
        try ours.process.eventually("what was handed on comes back") {
            try Peer.transfer("fleet.example", port: port) == last
        }
        #expect(last.count > 5)
    }

    @Test("A secondary asks from the address that it is told to")
    func source() throws {
        let port = try Ports.free()
        let primary = try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: $PORT } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            zones:
              - name: fleet.example
                kind: primary
                file: fleet.zone
                transfer: [ { from: 127.0.0.9 } ]
                notify: [ { address: 127.0.0.1, port: \(port), source: 127.0.0.8 } ]
                update: [ { from: 127.0.0.0/8, action: allow } ]

            """, files: ["fleet.zone": Self.zone(7)])
        let ours = try Daemon(
            """
            server: { workers: 1, state-directory: state }
            listen: [ { address: 127.0.0.1, port: \(port) } ]
            control: { socket: torii.sock }
            recursion: { enabled: false }
            zones:
              - name: fleet.example
                kind: secondary
                primaries: [ { address: 127.0.0.1, port: \(primary.port), source: 127.0.0.9 } ]
                transfer: [ { from: 127.0.0.0/8 } ]
                allow-notify: [ { from: 127.0.0.8 } ]

            """)
        try ours.process.eventually("the first transfer") {
            try Peer.transfer("fleet.example", port: port) != nil
        }
        #expect(try Tool.run("nsupdate", [], input: Self.script(primary.port, 5)).succeeded)
        let last = try Tool.run(
            "dig",
            [
                "-r", "-b", "127.0.0.9", "@127.0.0.1", "-p", "\(primary.port)", "fleet.example", "SOA",
                "+short",
            ]
        )
        .output
        try ours.process.eventually("the change, told from the other address") {
            try Tool.run(
                "dig", ["-r", "@127.0.0.1", "-p", "\(port)", "fleet.example", "SOA", "+short"]
            ).output == last
        }
    }
}
