import DNSCore
import Foundation
import Resolver
import Testing

/// Scripted resolutions on a virtual clock.
@Suite struct ScenarioTests {
    /// The project's own scenarios.
    static let own = files(in: root.appendingPathComponent("Tests/Scenarios"))
    /// Made from zones by `cases.py`.
    static let made = written { ["cases.py", $0] }
    /// Samples that may lie beside the checkout, or where `TORII_SCENARIOS` says, with signatures made anew where the
    /// algorithm is retired (DSA: RFC 8624 3.1).
    static let samples: [URL] = {
        let folder =
            ProcessInfo.processInfo.environment["TORII_SCENARIOS"].map { URL(fileURLWithPath: $0) }
            ?? root.deletingLastPathComponent().appendingPathComponent("shared/conformance/recursive")
        let found = files(in: folder)
        return found.isEmpty ? [] : written { ["rewrite.py", $0] + found.map(\.path) }
    }()

    /// The scenarios that a program of `Tests/SystemTests/Scenarios` writes; none without dnspython.
    static func written(_ words: (String) -> [String]) -> [URL] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "torii-scenarios-\(UUID().uuidString)")
        var words = words(folder.path)
        words[0] = root.appendingPathComponent("Tests/SystemTests/Scenarios/\(words[0])").path
        let writer = Process()
        writer.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        writer.arguments = ["-B"] + words
        writer.standardError = FileHandle.nullDevice
        guard (try? writer.run()) != nil else { return [] }
        writer.waitUntilExit()
        return files(in: folder)
    }

    static let root: URL = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url
    }()

    static func files(in folder: URL) -> [URL] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".rpl") }.sorted().map { folder.appendingPathComponent($0) }
    }

    @Test("Every scenario of the project plays as written", arguments: own)
    func ownScenario(_ url: URL) throws { try play(url) }

    @Test("Every sample scenario plays as written", arguments: samples)
    func sample(_ url: URL) throws { try play(url) }

    @Test("Every scenario made from zones plays as written", arguments: made)
    func fromZones(_ url: URL) throws { try play(url) }

    func play(_ url: URL) throws {
        let scenario = try Scenario(String(contentsOf: url, encoding: .utf8))
        #expect(scenario.untranslated.isEmpty, "\(url.lastPathComponent): \(scenario.untranslated)")
        guard !scenario.isForDaemon else { return }
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
        let trapped = try metrics("keytrap")
        #expect(trapped.limitVerifications + trapped.limitFailedVerifications + trapped.limitKeysPerTag > 0)
        #expect(try metrics("nsec3-iterations").limitNSEC3Iterations > 0)
        #expect(try metrics("signed-zone").aggressiveAnswers == 1)
    }
}
