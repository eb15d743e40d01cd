import Foundation
import Operations
import Testing

@Suite struct ConfigurationFileTests {
    private func firstError(_ text: String) -> String {
        do {
            _ = try ConfigurationFile.parse(Array(text.utf8), file: "conf/torii.yaml")
            return "none"
        } catch {
            return error.description
        }
    }

    @Test(
        "What is no configuration is refused with its place",
        arguments: [
            ("", "conf/torii.yaml: holds no configuration"),
            ("# only a comment\n", "conf/torii.yaml: holds no configuration"),
            ("~\n", "conf/torii.yaml: holds no configuration"),
            ("- a\n- b\n", "conf/torii.yaml:1:1: the top level is a list, not a map"),
            ("hello\n", "conf/torii.yaml:1:1: the top level is 'hello', not a map"),
            ("a: 1\nb: [ 1, 2\nc: 3\n", "conf/torii.yaml:3:2: not YAML:"),
            ("a: \"open\n", "conf/torii.yaml:2:1: not YAML:"),
            ("a: 1\n\tb: 2\n", "conf/torii.yaml:2:"),
            ("a: *nobody\n", "conf/torii.yaml:1:4: not YAML: found undefined alias"),
            ("a: 1\n---\nb: 2\n", "conf/torii.yaml:2:1: not YAML: but found another document"),
            ("a: 1\nb: 2\na: 3\n", "conf/torii.yaml:3:1: a: stands twice in the same map, first in line 1"),
            (
                "x:\n  { b: 1, b: 2 }\n",
                "conf/torii.yaml:2:11: b: stands twice in the same map, first in line 2"
            ),
            ("a: 1\nb: \u{1}\n", "conf/torii.yaml:2:4: holds the octet 1, which no text file does"),
            ("? [ a ]\n: 1\n", "conf/torii.yaml:1:1: a key must be plain text"),
            ("[ a ]: 1\n", "conf/torii.yaml:1:6: a key must be plain text"),
            ("a: &x 1\n*x : 2\n", "conf/torii.yaml:2:4: a key must be plain text"),
        ])
    func refuses(text: String, error: String) {
        #expect(firstError(text).hasPrefix(error), "\(firstError(text))")
    }

    @Test("A byte order mark and line ends of other systems are taken as they come")
    func byteOrderMark() throws {
        let text = "a: 1\r\nb: { c: 2 }\r\n"
        let node = try ConfigurationFile.parse([0xef, 0xbb, 0xbf] + Array(text.utf8), file: "marked")
        #expect(node.map?.map(\.key) == ["a", "b"])
    }

    @Test("A binary file is refused before YAML sees it")
    func binary() {
        #expect(throws: ConfigurationErrors.self) {
            try ConfigurationFile.parse([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0xff, 0xfe], file: "x")
        }
        #expect(throws: ConfigurationErrors.self) {
            try ConfigurationFile.parse([0x61, 0xff, 0x3a], file: "x")
        }
    }

    @Test("An alias bomb ends at the bound on values")
    func aliasBomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let alias = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        #expect(firstError(text).contains("aliases count as often as they are used"))
    }

    @Test("Aliases of ordinary size are expanded")
    func aliases() throws {
        let node = try ConfigurationFile.parse(Array("a: &x [ 1, 2 ]\nb: *x\n".utf8), file: "x")
        #expect(node.map?[1].value.list?.compactMap(\.scalar) == ["1", "2"])
    }

    @Test("Nesting is bounded")
    func nesting() {
        #expect(firstError("a: " + String(repeating: "[", count: 10_000)).contains("nested deeper than 64"))
        #expect(firstError(String(repeating: "- ", count: 5000) + "x\n") != "none")
    }

    @Test("Brackets in quotes and comments do not count")
    func quotedBrackets() throws {
        let text =
            "a: \"\(String(repeating: "[", count: 100))\"\nb: 1 # \(String(repeating: "{", count: 100))\n"
        let node = try ConfigurationFile.parse(Array(text.utf8), file: "x")
        #expect(node.map?.count == 2)
    }

    @Test(
        "A file that cannot be read is named",
        arguments: [
            ("/nonexistent/torii.yaml", "/nonexistent/torii.yaml: cannot be read: No such file or directory"),
            ("/tmp", "/tmp: is not a regular file"), ("/dev/zero", "/dev/zero: is not a regular file"),
        ])
    func unreadable(path: String, error: String) {
        do {
            _ = try ConfigurationFile.load(path)
            Issue.record("no error")
        } catch {
            #expect(error.description == error.description)
        }
        #expect(throws: ConfigurationErrors.self) { try ConfigurationFile.load(path) }
        do { _ = try ConfigurationFile.load(path) } catch let found { #expect("\(found)" == error) }
    }

    @Test("A file over the limit is refused")
    func huge() throws {
        let path = NSTemporaryDirectory() + "torii-huge-\(UUID().uuidString).yaml"
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(truncate(path, off_t(ConfigurationFile.maximumSize + 1)) == 0)
        do { _ = try ConfigurationFile.load(path) } catch { #expect("\(error)".contains("is larger than")) }
        #expect(throws: ConfigurationErrors.self) { try ConfigurationFile.load(path) }
    }

    @Test("Random octets never trap", arguments: 0..<20)
    func random(seed: Int) {
        var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        let pieces = [
            "a", ":", " ", "\n", "- ", "[", "]", "{", "}", ",", "\"", "'", "#", "&x", "*x", "? ", "|", ">",
            "%", "!", "@",
            "`", "\t", "é", "\\", "0", "~", "<<", "---", "...", "  ",
        ]
        for _ in 0..<300 {
            let text = (0..<Int(next() % 40)).map { _ in pieces[Int(next() % UInt64(pieces.count))] }.joined()
            _ = try? ConfigurationFile.parse(Array(text.utf8), file: "x")
        }
    }
}
