import DNSCore
import Foundation
import Resolver
import Testing

/// Scripted resolutions on a virtual clock.
@Suite struct ScenarioTests {
    /// The project's own scenarios.
    static let own = files(in: root.appendingPathComponent("Tests/Scenarios"))
    /// Samples that may lie beside the checkout, or where `TORII_SCENARIOS` says.
    static let samples: [URL] = {
        if let folder = ProcessInfo.processInfo.environment["TORII_SCENARIOS"] {
            return files(in: URL(fileURLWithPath: folder))
        }
        return files(
            in: root.deletingLastPathComponent().appendingPathComponent("shared/conformance/recursive")
        )
        .filter { !usesRetiredAlgorithms($0) }
    }()

    static let root: URL = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url
    }()

    static func files(in folder: URL) -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".rpl") }.sorted().map { folder.appendingPathComponent($0) }
    }

    /// DSA (RFC 8624 3.1: must not be used) is not supported here: such samples are played after re-signing.
    static func usesRetiredAlgorithms(_ url: URL) -> Bool {
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return false }
        return text.contains(/DNSKEY\s+25[67]\s+3\s+[36]\s/)
    }

    @Test("Every scenario of the project plays as written", arguments: own)
    func ownScenario(_ url: URL) throws { try play(url) }

    @Test("Every sample scenario plays as written", arguments: samples)
    func sample(_ url: URL) throws { try play(url) }

    func play(_ url: URL) throws {
        let scenario = try Scenario(String(contentsOf: url, encoding: .utf8))
        let player = try ScenarioPlayer(scenario)
        player.printsTraffic = ProcessInfo.processInfo.environment["TORII_TRAFFIC"] != nil
        let complaints = player.play()
        #expect(complaints.isEmpty, "\(url.lastPathComponent): \(complaints.joined(separator: "; "))")
    }

    @Test("What validation refuses to spend is counted")
    func countedLimits() throws {
        func metrics(_ name: String) throws -> ResolverMetrics {
            let url = Self.root.appendingPathComponent("Tests/Scenarios/\(name).rpl")
            let player = try ScenarioPlayer(Scenario(String(contentsOf: url, encoding: .utf8)))
            _ = player.play()
            return player.resolver.metrics
        }
        #expect(try metrics("keytrap").limitVerifications > 0)
        #expect(try metrics("nsec3-iterations").limitNSEC3Iterations > 0)
        #expect(try metrics("signed-zone").aggressiveAnswers == 1)
    }
}
