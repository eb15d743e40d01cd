import Foundation
import Testing

@testable import DNSCore

/// What we write of a zone, other readers must read to the same zone as the original text.
@Suite struct ZoneTextDifferentialTests {
    private struct Tool {
        let path: String
        let arguments: (_ input: String) -> [String]
    }

    /// Standard output of `tool` over `text`; nil when it is not installed.
    private func output(_ tool: Tool, _ text: String) throws -> String? {
        guard FileManager.default.isExecutableFile(atPath: tool.path) else { return nil }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).zone")
        try text.write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool.path)
        process.arguments = tool.arguments(file.path)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(tool.path)")
        return String(decoding: data, as: UTF8.self)
    }

    private func written(_ text: String) throws -> String {
        let origin = try Name("example.net")
        var writer = ZoneTextWriter(origin: origin)
        for record in try ResourceRecord.parsing(text, origin: origin) { writer.write(record) }
        return String(decoding: writer.take(), as: UTF8.self)
    }

    @Test("named reads what we write as it reads the original")
    func named() throws {
        let tool = Tool(path: "/usr/bin/named-compilezone") { input in
            ["-q", "-k", "ignore", "-i", "none", "-s", "full", "-o", "-", "example.net.", input]
        }
        let text = MixedZone.head + MixedZone.common
        let original = try output(tool, text)
        #expect(try output(tool, written(text)) == original)
        #expect(original.map { $0.contains("HIP") } ?? true)
    }

    @Test("ldns reads what we write as it reads the original")
    func ldns() throws {
        let tool = Tool(path: "/usr/bin/ldns-read-zone") { ["-c", "-z", $0] }
        let lines = MixedZone.common.split(separator: "\n").filter { line in
            !MixedZone.unknownToLdns.contains(String(line.prefix { $0 != " " }))
        }
        let text = MixedZone.head + lines.joined(separator: "\n") + "\n"
        let original = try output(tool, text)
        #expect(try output(tool, written(text)) == original)
        #expect(original.map { $0.contains("SVCB") } ?? true)
    }
}
