import Foundation
import Operations
import Server
import Testing

/// Holds `docs/configuration.md` against the structs that read the configuration.
///
/// With `TORII_WRITE_DOCS=1` in the environment the file is written instead.
@Suite struct ConfigurationManualTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let begin =
        "<!-- The part below is made from the doc comments of the sources; a test compares it. -->\n\n"

    static func sources() throws -> [String] {
        try ["Sources/Server/Configuration", "Sources/Operations/Configuration"].flatMap { folder in
            let path = root.appending(path: folder)
            return try FileManager.default.contentsOfDirectory(at: path, includingPropertiesForKeys: nil)
                .filter { $0.pathExtension == "swift" }.map { try String(contentsOf: $0, encoding: .utf8) }
        }
    }

    @Test("Every option has an entry in its doc comment")
    func documented() throws {
        let manual = ConfigurationManual(sources: try Self.sources())
        #expect(manual.undocumented(ServerConfiguration.options) == [])
    }

    @Test("docs/configuration.md is what the doc comments say")
    func upToDate() throws {
        let manual = ConfigurationManual(sources: try Self.sources())
        let text = manual.text(ServerConfiguration.options, root: "ServerConfiguration")
        let file = Self.root.appending(path: "docs/configuration.md")
        let now = try String(contentsOf: file, encoding: .utf8)
        let head = try #require(now.firstRange(of: Self.begin)).upperBound
        if ProcessInfo.processInfo.environment["TORII_WRITE_DOCS"] == "1" {
            try (String(now[..<head]) + text).write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(String(now[head...]) == text, "run the tests once with TORII_WRITE_DOCS=1")
        }
    }

    @Test("Every YAML block of the manual is a good configuration")
    func examples() throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/configuration.md"), encoding: .utf8)
        let blocks = text.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(!blocks.isEmpty)
        // The files that the blocks name are looked for beside the configuration.
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data().write(to: folder.appending(path: "walled.zone"))
        for block in blocks {
            let whole =
                block.contains("listen:") ? block : "listen: [ { address: 127.0.0.1, port: 53 } ]\n" + block
            #expect(throws: Never.self) {
                try ServerConfiguration.parse(whole, file: folder.path + "/torii.yaml")
            }
        }
    }

    @Test("The schema is JSON and knows every top-level section")
    func schema() throws {
        let text = ConfigurationSchema.text(ServerConfiguration.options, title: "toriid")
        let schema = try JSONParser.parse(Array(text.utf8))
        guard case .object(let members)? = schema["properties"] else {
            Issue.record("no properties")
            return
        }
        #expect(
            members.map(\.name) == [
                "server", "listen", "control", "keys", "access", "zones", "recursion", "dnssec", "cache",
                "local", "rpz",
                "dns64", "views", "nts", "rate-limit", "limits", "log", "metrics",
            ])
    }
}
