import Foundation
import Testing

/// Small random zones and queries, asked of us and of BIND, NSD and Knot.
///
/// The zones have wildcards, aliases, DNAMEs, delegations and empty non-terminals; seed and size come from
/// `TORII_DIFFERENTIAL` (`SEED COUNT QUERIES`).
@Suite("Random zones beside BIND, NSD and Knot")
struct DifferentialTests {
    @Test(
        "No response of ours is one that none of the peers gives, unsigned, with NSEC, with NSEC3 and opt-out",
        .enabled(if: Places.hasTools("named", "nsd", "knotd", "dnssec-signzone")),
        arguments: ["", "nsec", "optout"])
    func random(denial: String) throws {
        let words = ProcessInfo.processInfo.environment["TORII_DIFFERENTIAL"] ?? "20261121 25 12"
        let size = words.split(separator: " ").map(String.init)
        try #require(size.count == 3)
        let directory = try TemporaryDirectory()
        let script = Places.checkout.path + "/Tests/SystemTests/Scenarios/differential.py"
        let made = try Tool.run(
            "/usr/bin/python3",
            [script, "zones", size[0], size[1], directory.path] + (denial.isEmpty ? [] : [denial]))
        #expect(made.succeeded, "\(made.errors)")
        let zones = made.output.split(separator: "\n").map(String.init)
        func file(_ zone: String) -> String { "\(directory.path)/\(zone)zone" }
        let daemon = try Daemon(
            Daemon.basics + "recursion: { enabled: false }\nzones:\n"
                + zones.map { "  - { name: \($0), kind: primary, file: \(file($0)) }\n" }.joined())
        let named = try Peer.named(
            options:
                "recursion no; minimal-responses no; minimal-any no; check-sibling no; check-integrity no; zero-no-soa-ttl no;",
            rest: zones.map { "zone \"\($0)\" { type primary; file \"\(file($0))\"; };\n" }.joined(),
            in: TemporaryDirectory())
        let nsd = try Peer.nsd(
            zones: [:],
            global: "server:\n  minimal-responses: no\n  refuse-any: no\n"
                + zones.map { "zone:\n  name: \($0)\n  zonefile: \(file($0))\n" }.joined(),
            in: TemporaryDirectory())
        let knot = try Peer.knotd(
            "zone:\n" + zones.map { "  - domain: \($0)\n    file: \(file($0))\n" }.joined(),
            in: TemporaryDirectory())
        let ports = ["ours": daemon.port, "named": named.port, "nsd": nsd.port, "knot": knot.port]
        for (zone, port) in zones.flatMap({ zone in ports.values.map { (zone, $0) } })
        where zone == zones.last {
            try daemon.process.eventually("\(zone) at \(port)") {
                try Tool.run("dig", ["-r", "@127.0.0.1", "-p", "\(port)", zone, "SOA", "+short", "+time=1"])
                    .output.contains("hostmaster")
            }
        }
        let asked = try Tool.run(
            "/usr/bin/env",
            (denial.isEmpty ? [] : ["DNSSEC=1"]) + ["/usr/bin/python3", script, "ask"] + size
                + ports.map { "\($0.key)=\($0.value)" })
        #expect(asked.succeeded, "\(asked.errors)")
        #expect(asked.output.hasSuffix(" 0 differences\n"), "\(asked.output)")
    }
}
