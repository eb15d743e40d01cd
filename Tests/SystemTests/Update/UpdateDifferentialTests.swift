import Foundation
import Testing

/// Random updates, with signatures and faults, to the running server, to BIND or Knot, and to a literal reading of RFC 2136.
///
/// `TORII_UPDATES` (`SEED STEPS`) makes it longer; a step takes 2 ms, beside Knot 10 ms.
@Suite("Random updates beside BIND and Knot", .enabled(if: Attack.python != nil, "needs python3"))
struct UpdateDifferentialTests {
    private static let secret = UpdateFixture.secret

    private static let zone = """
        $TTL 300
        @ SOA ns hostmaster 100 3600 600 86400 60
        @ NS ns.elsewhere.example.
        @ NS ns2.elsewhere.example.
        ns A 192.0.2.53
        a A 192.0.2.1
        c CNAME a
        *.b TXT "wild"

        """

    private static func named() throws -> Peer {
        let keys = ["good", "idle"].map {
            "key \"\($0).example\" { algorithm hmac-sha256; secret \"\(secret)\"; };\n"
        }.joined()
        return try Peer.named(
            rest: keys + """
                zone "update.example" { type primary; file "update.zone"; allow-update { key good.example; };
                  allow-transfer { key good.example; }; check-names ignore; check-integrity no; check-mx ignore;
                  check-mx-cname ignore; check-srv-cname ignore; check-sibling no; };
                """, files: ["update.zone": zone], in: TemporaryDirectory())
    }

    private static func knot() throws -> Peer {
        let keys = ["good", "idle"].map {
            "  - id: \($0).example\n    algorithm: hmac-sha256\n    secret: \(secret)\n"
        }.joined()
        return try Peer.knotd(
            "key:\n" + keys + """
                acl:
                  - id: all
                    key: good.example
                    action: [ update, transfer ]
                zone:
                  - domain: update.example
                    file: $DIR/update.zone
                    acl: all
                    zonefile-sync: -1
                """, files: ["update.zone": zone], in: TemporaryDirectory())
    }

    @Test(
        "RFC 2136 3: each step ends as the text says, and peers leave it only in ways that are known",
        .enabled(if: Places.hasTools("named", "knotd")), arguments: ["named", "knotd"])
    func updates(peer label: String) throws {
        let daemon = try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                keys:
                  - { name: good.example., algorithm: hmac-sha256, secret: "\(Self.secret)" }
                  - { name: idle.example., algorithm: hmac-sha256, secret: "\(Self.secret)" }
                zones:
                  - name: update.example
                    kind: primary
                    file: update.zone
                    transfer: [ { key: good.example. } ]
                    update: [ { key: good.example., action: allow } ]

                """, files: ["update.zone": Self.zone])
        let peer = try label == "named" ? Self.named() : Self.knot()
        let words = ProcessInfo.processInfo.environment["TORII_UPDATES"] ?? "20261121 300"
        let size = words.split(separator: " ").map(String.init)
        try #require(size.count == 2)
        let script = Places.checkout.path + "/Tests/SystemTests/Scenarios/updates.py"
        let result = try Tool.run(
            try #require(Attack.python),
            ["-B", script] + size + ["ours=\(daemon.port)", "\(label)=\(peer.port)"], within: 900)
        #expect(result.succeeded, "\(result.output.suffix(6000))\n\(result.errors)")
        #expect(
            result.output.hasSuffix(" 0 wrong, 0 unexplained of peers\n"), "\(result.output.suffix(6000))")
        // And all of it is there after a crash.
        let before = try Peer.transfer("update.example", port: daemon.port, key: Self.key)
        try daemon.crash()
        try daemon.restart()
        #expect(try Peer.transfer("update.example", port: daemon.port, key: Self.key) == before)
    }

    private static let key = "hmac-sha256:good.example:\(secret)"
}
