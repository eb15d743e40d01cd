import Foundation
import Testing

@Suite("Metrics", .enabled(if: Places.hasTools("curl")))
struct DashboardTests {
    /// Every family that a server with everything on shows.
    private func families() throws -> [(name: Substring, kind: Substring, help: Substring)] {
        let port = try Ports.free()
        let daemon = try Daemon(
            Daemon.basics + """
                metrics: { listen: 127.0.0.1:\(port) }
                recursion: { enabled: true }
                nts: { source: { address: 127.0.0.1, port: 0 } }

                """)
        let text = try Tool.run("curl", ["-s", "http://127.0.0.1:\(port)/metrics"]).output
        withExtendedLifetime(daemon) {}
        let lines = text.split(separator: "\n")
        return zip(lines, lines.dropFirst()).filter { $0.0.hasPrefix("# HELP ") }.map { help, type in
            let words = help.split(separator: " ", maxSplits: 3)
            return (words[2], type.split(separator: " ").last ?? "", words.count > 3 ? words[3] : "")
        }
    }

    @Test("Every figure says in a sentence what it is, and counters are called _total")
    func sentences() throws {
        let families = try families()
        #expect(families.count > 100)
        #expect(Set(families.map(\.name)).count == families.count, "each stands once")
        for (name, kind, help) in families {
            #expect(help.contains(" ") && help.hasSuffix(".") && !help.hasPrefix("See "), "\(name): \(help)")
            #expect(name.hasSuffix("_total") == (kind == "counter"), "\(name) is a \(kind)")
        }
    }

    @Test("conf/grafana-dashboard.json asks for figures that there are")
    func dashboard() throws {
        let text = try String(
            contentsOf: Places.checkout.appendingPathComponent("conf/grafana-dashboard.json"), encoding: .utf8
        )
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let asked = Set(text.matches(of: /torii_[a-z0-9_]*[a-z0-9]/).map { String($0.output) })
        let known = Set(try families().map { String($0.name) })
        #expect(asked.count > 20)
        for name in asked {
            #expect(known.contains(name.replacingOccurrences(of: "_bucket", with: "")), "\(name)")
        }
    }
}
