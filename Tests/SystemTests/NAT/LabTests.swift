import Foundation
import Testing

/// The NAT-traversal story and its cases, told by the scripts of `Lab/` in network namespaces of their own.
@Suite(
    "NAT traversal in the lab", .serialized,
    .enabled(if: Places.canUnshare, "needs root: it builds network namespaces"))
struct LabTests {
    /// Runs a script of the lab; its last line says PASS or FAIL.
    ///
    /// `TORII_ROUNDS=100` tries what depends on the moment so often, `TORII_BROWSING=180` lets the browser come back for
    /// so many seconds.
    func run(_ script: String, _ arguments: [String] = [], lab: String, rounds: Int = 3) throws -> String {
        let path = Places.checkout.appendingPathComponent("Tests/SystemTests/Lab/\(script)").path
        let often = Effort.count("TORII_ROUNDS", rounds)
        let browsing = Effort.count("TORII_BROWSING", 6)
        let environment = [
            "TORII_BIN": Places.programs.path, "LAB": lab, "ROUNDS": String(often),
            "KILLS": String(max(5, often)), "SECONDS_BROWSING": String(browsing),
        ]
        // `timeout` asks the script to end, so that it takes its namespaces down.
        let limit = 280 + often * 12 + browsing
        let result = try Tool.run(
            "timeout", ["-k", "20", "\(limit)", "bash", path] + arguments, environment: environment,
            within: Double(limit + 30))
        let text = result.output
        #expect(result.status == .exited(0), "\(text.suffix(6000))\n\(result.errors.suffix(2000))")
        return text
    }

    @Test("The story, told with our own server")
    func story() throws {
        #expect(try run("story.sh", lab: "ta").contains("PASS:"))
    }

    @Test("The same story with an independent server, in each form", arguments: ["v1", "icmp", "v2"])
    func independentServer(form: String) throws {
        #expect(
            try run("story.sh", ["--server", "python", "--form", form], lab: "tb\(form)").contains("PASS:"))
    }

    @Test(
        "Server and agent together: the papers' cases in all forms, browsing, attacks, kill, the second resolver"
    )
    func together() throws {
        #expect(try run("together.sh", lab: "td").contains("PASS:"))
    }

    @Test("Our server, and a router written from the protocol's page by somebody else")
    func independentRouter() throws {
        #expect(try run("independent-router.sh", lab: "ti").contains("PASS:"))
    }

    @Test("The cases of the papers, the attacks, reload, pause and kill")
    func cases() throws {
        #expect(try run("cases.sh", lab: "tc").contains("PASS:"))
    }
}

/// The server's side of the negotiation, without namespaces.
@Suite("NAT traversal, the server's side")
struct NegotiationTests {
    @Test(
        "Each feature with scripted routers",
        arguments: [
            "forms later", "destinations policy services families", "clients subnet proxy",
            "hairpin coalescing announcement",
        ])
    func features(cases: String) throws {
        let path = Places.checkout.appendingPathComponent("Tests/SystemTests/Lab/server_side.py").path
        let result = try Tool.run(
            "/usr/bin/python3", [path] + cases.split(separator: " ").map { String($0) },
            environment: ["TORII_BIN": Places.programs.path], within: 200)
        #expect(
            result.status == .exited(0) && result.output.contains("PASS:"),
            "\(result.output.suffix(6000))\n\(result.errors.suffix(2000))")
    }
}
