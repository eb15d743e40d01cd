import Foundation
import Testing

/// What must come back for a name of the hierarchy.
struct ResolutionCase: CustomTestStringConvertible, Sendable {
    let words: String
    var rcode = "NOERROR"
    var answer: [String]?
    /// Whether AD must be set; nil = not compared.
    var isAuthentic: Bool?
    var testDescription: String { words }

    static let all: [ResolutionCase] = [
        ResolutionCase(words: "www.example A +dnssec", isAuthentic: true),
        ResolutionCase(
            words: "www.signed.example A +noadflag", answer: ["www.signed.example. IN A 192.0.2.10"],
            isAuthentic: false
        ),
        ResolutionCase(
            words: "www.signed.example AAAA +adflag", answer: ["www.signed.example. IN AAAA 2001:db8::10"],
            isAuthentic: true),
        ResolutionCase(
            words: "alias.signed.example A +adflag",
            answer: [
                "alias.signed.example. IN CNAME www.signed.example.", "www.signed.example. IN A 192.0.2.10",
            ],
            isAuthentic: true),
        ResolutionCase(
            words: "toplain.signed.example A +adflag",
            answer: [
                "toplain.signed.example. IN CNAME www.plain.example.", "www.plain.example. IN A 192.0.2.20",
            ],
            isAuthentic: false),
        ResolutionCase(
            words: "www.plain.example A +dnssec", answer: ["www.plain.example. IN A 192.0.2.20"],
            isAuthentic: false),
        ResolutionCase(
            words: "x.wild.signed.example A +adflag", answer: ["x.wild.signed.example. IN A 192.0.2.11"],
            isAuthentic: true),
        ResolutionCase(
            words: "www.dn.signed.example A +adflag",
            answer: [
                "dn.signed.example. IN DNAME signed.example.",
                "www.dn.signed.example. IN CNAME www.signed.example.",
                "www.signed.example. IN A 192.0.2.10",
            ], isAuthentic: true),
        ResolutionCase(
            words: "missing.signed.example A +adflag", rcode: "NXDOMAIN", answer: [], isAuthentic: true),
        ResolutionCase(words: "www.signed.example TXT +adflag", answer: [], isAuthentic: true),
        ResolutionCase(words: "missing.plain.example A", rcode: "NXDOMAIN", answer: []),
        ResolutionCase(words: "missing. A +adflag", rcode: "NXDOMAIN", answer: [], isAuthentic: true),
        ResolutionCase(words: "plain.example DS +adflag", answer: [], isAuthentic: true),
        ResolutionCase(words: "www.bogus.example A", rcode: "SERVFAIL", answer: []),
        ResolutionCase(
            words: "www.bogus.example A +cdflag", answer: ["www.bogus.example. IN A 192.0.2.66"],
            isAuthentic: false),
        ResolutionCase(words: "tobogus.signed.example A", rcode: "SERVFAIL", answer: []),
        ResolutionCase(words: "www.lame.example A", rcode: "SERVFAIL", answer: []),
    ]
}

@Suite(
    "Recursion through a local hierarchy",
    .enabled(if: Places.canUnshare, "needs root for a network namespace"), .serialized)
struct RecursionTests {
    let hierarchy: Hierarchy

    init() throws { hierarchy = try Hierarchy.shared.get() }

    @Test("Resolve", arguments: ResolutionCase.all)
    func resolve(_ one: ResolutionCase) throws {
        for words in [[], ["+tcp"]] {
            let result = try hierarchy.daemon.dig(one.words.split(separator: " ").map(String.init) + words)
            #expect(result.rcode == one.rcode, "\(result)")
            #expect(result.hasFlag("ra") && !result.hasFlag("aa"), "\(result)")
            if let answer = one.answer {
                #expect(Hierarchy.bare(result.answer) == answer.sorted(), "\(result)")
            }
            if let isAuthentic = one.isAuthentic { #expect(result.hasFlag("ad") == isAuthentic, "\(result)") }
        }
    }

    @Test("An answer that upstream can only give over TCP")
    func upstreamTCP() throws {
        let result = try hierarchy.daemon.dig("big.signed.example", "TXT", "+tcp")
        #expect(result.rcode == "NOERROR" && result.answer.count == 1, "\(result)")
    }

    @Test("RFC 8914: a bogus answer says why")
    func extendedError() throws {
        let result = try hierarchy.daemon.dig("www.bogus.example", "A", "+edns=0")
        #expect(result.pseudo("EDE: ") != nil, "\(result)")
    }

    @Test("A client that may not recurse is refused")
    func refused() throws {
        let result = try hierarchy.daemon.dig("-b", "127.0.0.66", "www.example", "A")
        #expect(result.rcode == "REFUSED", "\(result)")
    }

    @Test("RFC 1034 4.3.1: without RD only the cache answers")
    func withoutRecursionDesired() throws {
        let result = try hierarchy.daemon.dig("never-asked.plain.example", "A", "+norec")
        #expect(result.rcode != "NXDOMAIN" && result.answer.isEmpty, "\(result)")
    }

    @Test("A TTL counts down in the cache and never grows")
    func timeToLive() throws {
        let first =
            try hierarchy.daemon.dig("www.plain.example", "A").answer.first?.split(separator: " ")[1] ?? ""
        let second =
            try hierarchy.daemon.dig("www.plain.example", "A").answer.first?.split(separator: " ")[1] ?? ""
        #expect(try #require(Int(second)) <= #require(Int(first)))
        #expect(try #require(Int(first)) <= 600)
    }

    @Test("The same questions get the same answers from Unbound")
    func likeUnbound() throws {
        let directory = try TemporaryDirectory()
        let anchors = try hierarchy.directory.read("root.ds")
        let unbound = try Peer.unbound(
            """
              access-control: 127.0.0.0/8 allow
              root-hints: "\(directory.path)/hints"
              trust-anchor-file: "\(directory.path)/anchors"
              trust-anchor-signaling: no
            """,
            files: [
                "hints": ". 3600 IN NS a.root.example.\na.root.example. 3600 IN A 127.1.0.1\n",
                "anchors": anchors,
            ],
            in: directory, inside: hierarchy.space)
        let zones = [
            "example", "signed.example", "plain.example", "bogus.example", "wild.signed.example",
            "dn.signed.example",
        ]
        let labels = ["www", "alias", "missing", "ns", "x.y", "toplain", "ns.signed"]
        for zone in zones {
            for label in labels {
                for type in ["A", "AAAA", "NS", "DS", "TXT"] {
                    let words = ["\(label).\(zone)", type, "+adflag"]
                    let ours = try hierarchy.daemon.dig(words)
                    let theirs = try DigResult(
                        hierarchy.space.run("dig", ["-r", "@127.0.0.1", "-p", "\(unbound.port)"] + words))
                    #expect(ours.rcode == theirs.rcode, "\(words): \(ours)\n\(theirs)")
                    #expect(
                        Hierarchy.bare(ours.answer) == Hierarchy.bare(theirs.answer),
                        "\(words): \(ours)\n\(theirs)")
                    #expect(ours.hasFlag("ad") == theirs.hasFlag("ad"), "\(words): \(ours)\n\(theirs)")
                }
            }
        }
    }
}

@Suite("Scripted resolution", .enabled(if: Places.canUnshare, "needs root for a network namespace"))
struct ScenarioTests {
    private static func play(_ folder: URL) throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.hasSuffix(".rpl")
        }.sorted()
        try #require(!files.isEmpty)
        let player = Places.checkout.appendingPathComponent("Tests/SystemTests/Scenarios/play.py").path
        let result = try Tool.run(
            "/usr/bin/python3",
            ["-B", player, "--toriid", Places.program("toriid")]
                + files.map { folder.appendingPathComponent($0).path },
            within: 600)
        let failed = result.output.split(separator: "\n").filter {
            $0.hasPrefix("FAIL") || $0.hasPrefix("    ")
        }
        #expect(result.succeeded, "\(failed.joined(separator: "\n"))\n\(result.errors)")
    }

    /// All of them are played in process; here one in eight, or one in `TORII_SCENARIO_STRIDE`.
    @Test("Scenarios made from zones")
    func made() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "torii-scenarios-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let writer = Places.checkout.appendingPathComponent("Tests/SystemTests/Scenarios/cases.py").path
        let result = try Tool.run("/usr/bin/python3", ["-B", writer, folder.path], within: 60)
        try #require(result.succeeded, "\(result.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let stride = max(1, Effort.count("TORII_SCENARIO_STRIDE", 8))
        for (index, file) in files.enumerated() where index % stride != 0 {
            try FileManager.default.removeItem(at: folder.appendingPathComponent(file))
        }
        try Self.play(folder)
    }

    @Test("Our own scenarios")
    func own() throws { try Self.play(Places.checkout.appendingPathComponent("Tests/SystemTests/Scenarios")) }

    @Test(
        "The samples of Unbound's public suite",
        .enabled(if: Places.shared("conformance/recursive") != nil, "no samples beside the checkout"))
    func samples() throws { try Self.play(#require(Places.shared("conformance/recursive"))) }
}
