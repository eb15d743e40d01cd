import Foundation
import Testing

@testable import DNSCore

/// `$INCLUDE`, `$GENERATE` and the limits of files.
@Suite struct ZoneTextFileTests {
    /// A folder with `files`, scanned from `zone`: each record, or the error, as text with its file and line.
    private func scan(
        _ files: [String: String], options: ZoneTextOptions = ZoneTextOptions(defaultTTL: 60)
    ) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "zone-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, text) in files {
            let file = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        var scanner = try ZoneTextScanner(
            path: folder.appendingPathComponent("zone").path, origin: try Name("example.net"),
            options: options)
        var result: [String] = []
        while result.count < 10_000 {
            do throws(ZoneTextError) {
                guard try scanner.next() else { break }
                let file = scanner.file.dropFirst(folder.path.count + 1)
                result.append("\(file):\(scanner.line) \(scanner.record())")
            } catch {
                result.append(error.description.replacingOccurrences(of: folder.path + "/", with: ""))
            }
        }
        return result
    }

    @Test("An included file is found beside the file that names it; origin and owner are as before after it")
    func include() throws {
        let records = try scan([
            "zone": "a A 192.0.2.1\n$INCLUDE sub/one sub\n  A 192.0.2.2\nb A 192.0.2.3\n",
            "sub/one": "x A 192.0.2.4\n$INCLUDE \"two\"\n$ORIGIN other\ny A 192.0.2.5",
            "sub/two": "z A 192.0.2.6",
        ])
        #expect(
            records == [
                "zone:1 a.example.net. 60 IN A 192.0.2.1", "sub/one:1 x.sub.example.net. 60 IN A 192.0.2.4",
                "sub/two:1 z.sub.example.net. 60 IN A 192.0.2.6",
                "sub/one:4 y.other.sub.example.net. 60 IN A 192.0.2.5",
                "zone:3 a.example.net. 60 IN A 192.0.2.2", "zone:4 b.example.net. 60 IN A 192.0.2.3",
            ])
    }

    @Test("A file that includes itself, is missing or is too deep is an error, and reading goes on")
    func includeFaults() throws {
        let cycle = try scan([
            "zone": "$INCLUDE one\na A 192.0.2.1\n", "one": "$INCLUDE zone\nb A 192.0.2.2\n",
        ])
        #expect(cycle.count == 3)
        #expect(cycle[0] == "one:1: $INCLUDE of zone, which includes this file")
        let missing = try scan(["zone": "$INCLUDE nothing\na A 192.0.2.1\n"])
        #expect(missing.count == 2)
        #expect(missing[0] == "zone:1: cannot read nothing: No such file or directory")
        var options = ZoneTextOptions(defaultTTL: 60)
        options.includeDepthLimit = 2
        let deep = try scan(
            ["zone": "$INCLUDE one\n", "one": "$INCLUDE two\n", "two": "a A 192.0.2.1\n"], options: options)
        #expect(deep == ["one:1: more than 2 nested $INCLUDE"])
        options.allowsInclude = false
        #expect(
            try scan(["zone": "$INCLUDE one\n"], options: options) == [
                "zone:1:1: $INCLUDE is not allowed here"
            ])
    }

    @Test("$GENERATE makes records as BIND does")
    func generate() throws {
        let records = try scan([
            "zone": """
            $GENERATE 1-3 host$ A 192.0.2.$
            $GENERATE 0-8/4 ${16,4,x} 30 IN CNAME h${-1}.\\$x
            $GENERATE 17-17 ${0,3,n} PTR a$$
            end A 192.0.2.9
            """
        ])
        #expect(
            records == [
                "zone:1 host1.example.net. 60 IN A 192.0.2.1", "zone:1 host2.example.net. 60 IN A 192.0.2.2",
                "zone:1 host3.example.net. 60 IN A 192.0.2.3",
                "zone:2 0010.example.net. 30 IN CNAME h-1.\\$x.example.net.",
                "zone:2 0014.example.net. 30 IN CNAME h3.\\$x.example.net.",
                "zone:2 0018.example.net. 30 IN CNAME h7.\\$x.example.net.",
                "zone:3 1.1.example.net. 30 IN PTR a\\$.example.net.",
                "zone:4 end.example.net. 30 IN A 192.0.2.9",
            ])
        var options = ZoneTextOptions(defaultTTL: 60)
        options.generateLimit = 100
        #expect(try scan(["zone": "$GENERATE 0-100 a$ A 192.0.2.1\n"], options: options).count == 1)
        #expect(try scan(["zone": "$GENERATE 0-99 a$ A 192.0.2.1\n"], options: options).count == 100)
        for bad in [
            "5-1 a A 192.0.2.1", "1-2/0 a A 192.0.2.1", "x a A 192.0.2.1", "1-2 a${x} A 192.0.2.1", "1-2",
        ] {
            #expect(try scan(["zone": "$GENERATE \(bad)\n"]).count == 1, "\(bad)")
        }
    }

    @Test("Lines longer than the buffer are read, up to the limit; the last line needs no line feed")
    func longLines() throws {
        let text =
            "a TXT "
            + Array(repeating: "\"\(String(repeating: "x", count: 250))\"", count: 200).joined(separator: " ")
        let padding = String(repeating: "; comment\n", count: 30_000)
        #expect(try scan(["zone": padding + text]).count == 1)
        #expect(
            try scan(["zone": "a TXT (" + String(repeating: " \n", count: 200_000) + " x )\nb A 192.0.2.1"])
                .count == 2)
        var options = ZoneTextOptions(defaultTTL: 60)
        options.lineLengthLimit = 300_000
        let records = try scan(
            ["zone": "a TXT \"" + String(repeating: "x", count: 600_000) + "\"\n"], options: options)
        #expect(records == ["zone:1: line longer than 300000 octets"])
    }

    @Test("Windows line ends, tabs and a missing final line feed are no trouble")
    func lineEnds() throws {
        #expect(
            try scan(["zone": "a\tA\t192.0.2.1\r\n\r\n\tTXT\tx\r\n  \r\nb A 192.0.2.2"]) == [
                "zone:1 a.example.net. 60 IN A 192.0.2.1", "zone:3 a.example.net. 60 IN TXT \"x\"",
                "zone:5 b.example.net. 60 IN A 192.0.2.2",
            ])
    }

    @Test("A folder or a missing file is an error at line 0")
    func unreadable() throws {
        let folder = FileManager.default.temporaryDirectory.path
        #expect(throws: ZoneTextError.self) { _ = try ZoneTextScanner(path: folder, origin: .root) }
        #expect(throws: ZoneTextError.self) {
            _ = try ZoneTextScanner(path: folder + "/no/such", origin: .root)
        }
    }
}
