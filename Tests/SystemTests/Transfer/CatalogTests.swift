import Foundation
import Testing

/// Catalog zones (RFC 9432), both parts, with BIND, Knot and ourselves at the other end.
@Suite("Catalog zones")
struct CatalogTests {
    private static func member(_ address: String) -> String {
        "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nwww A \(address)\n"
    }

    private static let catalog = """
        $TTL 0
        @ SOA invalid. invalid. 1 3600 600 2147483646 0
        @ NS invalid.
        version TXT "2"
        aaaa.zones PTR one.example.
        bbbb.zones PTR two.example.
        group.bbbb.zones TXT "blue"
        """

    /// BIND with a catalog that may be changed by UPDATE, and the zones it speaks of.
    private static func producer(notifying port: UInt16) throws -> Peer {
        let zones = ["one", "two", "three"].map {
            "zone \"\($0).example\" { type primary; file \"\($0).zone\"; allow-transfer { any; }; allow-update { any; }; };\n"
        }.joined()
        return try Peer.named(
            options: "recursion no; notify explicit; also-notify { 127.0.0.1 port \(port); };",
            rest: zones + """
                zone "catalog.example" { type primary; file "catalog.zone"; allow-transfer { any; };
                  allow-update { any; }; };
                """,
            files: [
                "one.zone": member("192.0.2.1"), "two.zone": member("192.0.2.2"),
                "three.zone": member("192.0.2.3"), "catalog.zone": catalog,
            ], in: TemporaryDirectory())
    }

    private static func consumer(of peer: UInt16) -> String {
        """
        server: { workers: 1, state-directory: state }
        listen: [ { address: 127.0.0.1, port: $PORT } ]
        control: { socket: torii.sock }
        recursion: { enabled: false }
        zones:
          - name: catalog.example
            kind: secondary
            primaries: [ { address: 127.0.0.1, port: \(peer) } ]
            transfer: [ { from: 127.0.0.0/8 } ]
            catalog:
              role: consumer
              members: [ { group: blue, transfer: [ { from: 192.0.2.0/24 } ] } ]

        """
    }

    private static func change(_ peer: Peer, _ script: String) throws {
        let text = "server 127.0.0.1 \(peer.port)\nzone catalog.example\n\(script)\nsend\n"
        #expect(try Tool.run("nsupdate", [], input: text).succeeded)
    }

    private static func serves(_ port: UInt16, _ zone: String, _ address: String?) throws -> Bool {
        let result = try Tool.run(
            "dig", ["-r", "@127.0.0.1", "-p", "\(port)", "www.\(zone)", "A", "+short", "+norec", "+time=1"])
        return result.output.split(separator: "\n").first.map(String.init) == address
    }

    @Test(
        "RFC 9432 5: we follow BIND's catalog: zones come, go, begin anew, and outlive a restart",
        .enabled(if: Places.hasTools("named")))
    func consumerOfNamed() throws {
        let ours = try Ports.free()
        let named = try Self.producer(notifying: ours)
        let daemon = try Daemon(
            Self.consumer(of: named.port).replacingOccurrences(of: "$PORT", with: "\(ours)"))
        func serves(_ zone: String, _ address: String?) throws {
            try daemon.process.eventually("\(zone): \(address ?? "nothing")") {
                try Self.serves(ours, zone, address)
            }
        }
        try serves("one.example", "192.0.2.1")
        try serves("two.example", "192.0.2.2")
        // The group's template: two.example may not be transferred from here, one.example as the catalog may.
        #expect(try Peer.transfer("one.example", port: ours) != nil)
        #expect(try Peer.transfer("two.example", port: ours) == nil)

        try Self.change(named, "update add cccc.zones.catalog.example 0 PTR three.example.")
        try serves("three.example", "192.0.2.3")
        try Self.change(named, "update delete aaaa.zones.catalog.example PTR")
        try serves("one.example", nil)
        let files = try FileManager.default.contentsOfDirectory(
            atPath: daemon.directory.path + "/state/zones")
        #expect(!files.contains("one.example.zone"), "what was kept of it is gone: \(files)")

        // Another label: begun anew. The primary now has an older serial, which only a fresh start can take.
        try named.stop()
        let second = try Peer.named(
            options: "recursion no; notify explicit; also-notify { 127.0.0.1 port \(ours); };",
            rest: """
                zone "two.example" { type primary; file "two.zone"; allow-transfer { any; }; };
                zone "catalog.example" { type primary; file "catalog.zone"; allow-transfer { any; };
                  allow-update { any; }; };
                """,
            files: [
                "two.zone": Self.member("192.0.2.22").replacingOccurrences(
                    of: "hostmaster 1 ", with: "hostmaster 0 "),
                "catalog.zone": Self.catalog.replacingOccurrences(of: "invalid. 1 ", with: "invalid. 50 ")
                    .replacingOccurrences(of: "aaaa.zones PTR one.example.", with: "")
                    .replacingOccurrences(of: "bbbb", with: "b2b2"),
            ], in: TemporaryDirectory(), port: named.port)
        #expect(try daemon.control("zone", "refresh", "catalog.example").succeeded)
        try serves("two.example", "192.0.2.22")
        try serves("three.example", nil)

        // Over a restart without the primary.
        try second.stop()
        try daemon.stop()
        try daemon.restart()
        try serves("two.example", "192.0.2.22")
    }

    @Test(
        "RFC 9432 5.1: a broken catalog changes nothing and is told", .enabled(if: Places.hasTools("named")))
    func broken() throws {
        let ours = try Ports.free()
        let named = try Self.producer(notifying: ours)
        let daemon = try Daemon(
            Self.consumer(of: named.port).replacingOccurrences(of: "$PORT", with: "\(ours)"))
        try daemon.process.eventually("the members") { try Self.serves(ours, "one.example", "192.0.2.1") }
        try Self.change(
            named,
            "update delete version.catalog.example TXT\nupdate add version.catalog.example 0 TXT 1\nupdate delete aaaa.zones.catalog.example PTR"
        )
        try daemon.process.waitForError("broken catalog")
        let status = try daemon.control("zone", "status", "catalog.example").output
        #expect(status.contains("broken catalog: version 1 is none"), "\(status)")
        #expect(try Self.serves(ours, "one.example", "192.0.2.1"))
        try Self.change(
            named,
            "update delete version.catalog.example TXT\nupdate add version.catalog.example 0 TXT 2"
        )
        try daemon.process.eventually("the change, once the catalog is whole") {
            try Self.serves(ours, "one.example", nil)
        }
        #expect(try !daemon.control("zone", "status", "catalog.example").output.contains("broken"))
    }

    @Test("RFC 9432 4.4.1: a zone moves to another catalog only with leave of the one it is in")
    func ownership() throws {
        func text(_ members: String) -> String {
            "$TTL 0\n@ SOA invalid. invalid. 1 3600 600 2147483646 0\n@ NS invalid.\nversion TXT 2\n\(members)\n"
        }
        let primary = try Daemon(
            Daemon.basics
                + "zones: [ { name: one.example, kind: primary, file: one.zone, transfer: [ { from: 127.0.0.0/8 } ] } ]\n",
            files: ["one.zone": Self.member("192.0.2.1")])
        let daemon = try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                zones:
                  - { name: first.example, kind: primary, file: first.zone, catalog: { members: [ { primaries: [ { address: 127.0.0.1, port: \(primary.port) } ] } ] } }
                  - { name: second.example, kind: primary, file: second.zone, catalog: { members: [ { primaries: [ { address: 127.0.0.1, port: \(primary.port) } ] } ] } }

                """,
            files: [
                "first.zone": text("a.zones PTR one.example."),
                "second.zone": text("a.zones PTR one.example."),
            ])
        try daemon.process.eventually("the member") {
            try Self.serves(daemon.port, "one.example", "192.0.2.1")
        }
        func owner() throws -> String { try daemon.control("zone", "status", "one.example").output }
        #expect(try owner().contains("first.example."))
        try daemon.directory.write(
            "first.zone", text("a.zones PTR one.example.\ncoo.a.zones PTR second.example."))
        try daemon.reload()
        try daemon.process.eventually("the move") { try owner().contains("second.example.") }
        #expect(try Self.serves(daemon.port, "one.example", "192.0.2.1"))
    }

    @Test("We follow the catalog that Knot makes", .enabled(if: Places.hasTools("knotd")))
    func consumerOfKnot() throws {
        let ours = try Ports.free()
        let knot = try Peer.knotd(
            """
            remote:
              - id: torii
                address: 127.0.0.1@\(ours)
            acl:
              - id: transfer
                address: 127.0.0.0/8
                action: transfer
            zone:
              - domain: catalog.example
                catalog-role: generate
                acl: transfer
                notify: torii
              - domain: one.example
                file: $DIR/one.zone
                catalog-role: member
                catalog-zone: catalog.example
                acl: transfer
              - domain: two.example
                file: $DIR/two.zone
                catalog-role: member
                catalog-zone: catalog.example
                catalog-group: blue
                acl: transfer
            """, files: ["one.zone": Self.member("192.0.2.1"), "two.zone": Self.member("192.0.2.2")],
            in: TemporaryDirectory())
        let daemon = try Daemon(
            Self.consumer(of: knot.port).replacingOccurrences(of: "$PORT", with: "\(ours)"))
        try daemon.process.eventually("both members") {
            try Self.serves(ours, "one.example", "192.0.2.1") && Self.serves(ours, "two.example", "192.0.2.2")
        }
    }

    private static func ourCatalog(_ peer: UInt16) -> String {
        """
        server: { workers: 1, state-directory: state }
        listen: [ { address: 127.0.0.1, port: $PORT } ]
        control: { socket: torii.sock }
        recursion: { enabled: false }
        zones:
          - name: catalog.example
            kind: primary
            catalog: { role: producer }
            transfer: [ { from: 127.0.0.0/8 } ]
            notify: [ { address: 127.0.0.1, port: \(peer) } ]
          - name: one.example
            kind: primary
            file: one.zone
            transfer: [ { from: 127.0.0.0/8 } ]
            notify: [ { address: 127.0.0.1, port: \(peer) } ]
            catalog: { role: member, zone: catalog.example, groups: [ blue ] }

        """
    }

    /// Adds and removes a member while `peer` looks on.
    private func lead(_ peer: Peer, _ daemon: Daemon) throws {
        func serves(_ zone: String, _ address: String?) throws {
            try peer.process.eventually("\(zone): \(address ?? "nothing")") {
                try Self.serves(peer.port, zone, address)
            }
        }
        try serves("one.example", "192.0.2.1")
        let before = try #require(try Peer.transfer("catalog.example", port: daemon.port))
        #expect(
            try daemon.control(
                "zone", "add", "two.example",
                "kind: primary, file: two.zone, transfer: [ { from: 127.0.0.0/8 } ], catalog: { role: member, zone: catalog.example }"
            ).succeeded)
        try serves("two.example", "192.0.2.2")
        try daemon.stop()
        try daemon.restart()
        #expect(try Self.serves(daemon.port, "two.example", "192.0.2.2"), "an added zone outlives a restart")
        let after = try #require(try Peer.transfer("catalog.example", port: daemon.port))
        let labels = before.filter { $0.contains(" ptr ") }
        #expect(labels.allSatisfy { after.contains($0) }, "labels stay over a restart: \(before) \(after)")
        #expect(try daemon.control("zone", "delete", "two.example", "--clean").succeeded)
        try serves("two.example", nil)
        #expect(try !daemon.control("zone", "delete", "one.example").succeeded)
    }

    @Test(
        "A member is listed once it is served, and stays listed, by the same label, whatever becomes of its file"
    )
    func readyMembers() throws {
        let daemon = try Daemon(Self.ourCatalog(9), files: ["one.zone": "broken"])
        func listed() throws -> [String] {
            try #require(try Peer.transfer("catalog.example", port: daemon.port)).filter {
                $0.contains(" ptr ")
            }
        }
        #expect(try listed() == [])
        let serial = try daemon.serial("catalog.example")
        let options = "kind: primary, file: nothing.zone, catalog: { role: member, zone: catalog.example }"
        #expect(try daemon.control("zone", "add", "two.example", options).status == .exited(1))
        #expect(try daemon.serial("catalog.example") == serial, "what was not added was never listed")
        try daemon.directory.write("one.zone", Self.member("192.0.2.1"))
        #expect(try daemon.control("zone", "reload", "one.example").succeeded)
        try daemon.process.eventually("the listing") { try listed().count == 1 }
        let before = try listed()
        try daemon.stop()
        try daemon.directory.write("one.zone", "broken")
        try daemon.restart()
        #expect(try listed() == before)
        // Nor does the loss of all state change a label that was there from the start.
        try daemon.stop()
        try daemon.directory.write("one.zone", Self.member("192.0.2.1"))
        try FileManager.default.removeItem(atPath: daemon.directory.path + "/state")
        try daemon.restart()
        let anew = try listed()
        try daemon.stop()
        try FileManager.default.removeItem(atPath: daemon.directory.path + "/state")
        try daemon.restart()
        #expect(try listed() == anew)
    }

    @Test("BIND follows the catalog that we make", .enabled(if: Places.hasTools("named")))
    func producerForNamed() throws {
        let theirs = try Ports.free()
        let daemon = try Daemon(
            Self.ourCatalog(theirs),
            files: ["one.zone": Self.member("192.0.2.1"), "two.zone": Self.member("192.0.2.2")])
        let named = try Peer.named(
            options: """
                recursion no; allow-new-zones yes;
                catalog-zones { zone "catalog.example" default-primaries { 127.0.0.1 port \(daemon.port); }
                  min-update-interval 1; };
                """,
            rest: """
                zone "catalog.example" { type secondary; primaries { 127.0.0.1 port \(daemon.port); };
                  file "catalog.db"; };
                """, in: TemporaryDirectory(), port: theirs)
        try lead(named, daemon)
    }

    @Test("Knot follows the catalog that we make", .enabled(if: Places.hasTools("knotd")))
    func producerForKnot() throws {
        let theirs = try Ports.free()
        let daemon = try Daemon(
            Self.ourCatalog(theirs),
            files: ["one.zone": Self.member("192.0.2.1"), "two.zone": Self.member("192.0.2.2")])
        let knot = try Peer.knotd(
            """
            remote:
              - id: torii
                address: 127.0.0.1@\(daemon.port)
            acl:
              - id: notify
                address: 127.0.0.0/8
                action: notify
            template:
              - id: members
                master: torii
                acl: notify
                storage: $DIR
            zone:
              - domain: catalog.example
                master: torii
                acl: notify
                catalog-role: interpret
                catalog-template: members
            """, in: TemporaryDirectory(), port: theirs)
        try lead(knot, daemon)
    }
}
