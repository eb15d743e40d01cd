import Foundation
import Testing

/// The router agent as its owner and its enemies find it, told by the scripts of `Lab/` in network namespaces.
@Suite(
    "The router agent in the lab", .serialized,
    .enabled(if: Places.canUnshare, "needs root: it builds network namespaces"))
struct RouterTests {
    /// Runs a script of the lab; its last line says PASS or FAIL.
    private func run(_ script: String, lab: String) throws -> String {
        let path = Places.checkout.appendingPathComponent("Tests/SystemTests/Lab/\(script)").path
        // More rounds of what depends on the moment: TORII_ROUNDS=100.
        let rounds = Effort.count("TORII_ROUNDS", 5)
        let environment = ["TORII_BIN": Places.programs.path, "LAB": lab, "ROUNDS": String(rounds)]
        let limit = 240 + 10 * rounds
        // `timeout` asks the script to end, so that it takes its namespaces down.
        let result = try Tool.run(
            "timeout", ["-k", "20", "\(limit)", "bash", path], environment: environment,
            within: Double(limit + 30))
        let text = result.output
        #expect(result.status == .exited(0), "\(text.suffix(6000))\n\(result.errors.suffix(2000))")
        return text
    }

    @Test("The prefix service: records and pinholes follow what the provider changes")
    func prefix() throws {
        #expect(try run("prefix.sh", lab: "tp").contains("PASS:"))
    }

    @Test("What an owner configures and asks: hosts, ports, prefixes, helpers, commands, restart")
    func operations() throws {
        #expect(try run("operations.sh", lab: "to").contains("PASS:"))
    }

    @Test("What enemies try outside and inside, and the agent killed at random moments")
    func attacks() throws {
        #expect(try run("attacks.sh", lab: "tk").contains("PASS:"))
    }
}
