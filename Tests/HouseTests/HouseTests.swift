import Foundation
import Testing

/// The rules of the house that the compiler does not know.
///
/// A rule that lives only in prose rots.
@Suite struct HouseTests {
    private static let tree = SourceTree()

    /// Who may import whom: rooms of ours and packages from outside.
    private static let mayImport: [String: Set<String>] = [
        "DNSCore": ["CLDNS", "CShims"],
        "DNSSecurity": ["DNSCore", "CShims"],
        "Operations": ["Yams", "Logging", "Foundation"],
        "Transport": ["CShims", "Operations", "NIOCore", "NIOPosix", "NIOTLS", "NIOHTTP1", "NIOHTTP2"],
        "Authority": ["DNSCore", "DNSSecurity", "Operations", "GRDB", "Foundation"],
        "Resolver": ["DNSCore", "DNSSecurity", "Operations", "CShims"],
        "NTS": ["DNSCore", "DNSSecurity"],
        "Server": ["Authority", "Resolver", "NTS", "Transport", "DNSCore", "DNSSecurity", "Operations"],
        "RouterAgent": ["NTS", "Transport", "Operations", "DNSCore", "DNSSecurity", "CShims", "CNftables"],
        "toriid": ["Server", "Operations", "ArgumentParser"],
        "torii-router": ["RouterAgent", "Operations", "ArgumentParser"],
        "toriictl": ["Operations", "ArgumentParser"],
    ]
    /// Parts of the toolchain that any room may use.
    ///
    /// Foundation is not one: it stays off the packet path.
    private static let everywhere: Set<String> = ["Swift", "Glibc", "Synchronization"]

    /// The module that an import line names; nil when the line is none.
    private static func importedModule(_ line: Substring) -> String? {
        let words = line.split(separator: " ").map(String.init)
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count else { return nil }
        let modifiers: Set<String> = ["private", "fileprivate", "internal", "package", "public"]
        guard words[..<place].allSatisfy({ modifiers.contains($0) || $0.hasPrefix("@") }) else { return nil }
        let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name = kinds.contains(words[place + 1]) ? words[place + 2] : words[place + 1]
        return String(name.prefix { $0 != "." })
    }

    @Test("Every import agrees with the table of the house")
    func imports() {
        for file in Self.tree.files(below: "Sources") {
            guard let allowed = Self.mayImport[file.target] else {
                Issue.record("\(file.path): the table does not know the room \(file.target)")
                continue
            }
            for (index, line) in file.lines.enumerated() {
                guard let module = Self.importedModule(line) else { continue }
                #expect(
                    allowed.contains(module) || Self.everywhere.contains(module),
                    "\(file.path):\(index + 1): \(file.target) may not import \(module)")
            }
        }
    }

    @Test("The tree is there to be read")
    func tree() {
        #expect(Self.tree.files(below: "Sources").count > 100)
    }

    @Test("Only DNSCore/Ldns and the shims know ldns")
    func ldns() {
        for file in Self.tree.files(below: "Sources") where !file.path.hasPrefix("Sources/DNSCore/Ldns/") {
            #expect(!file.text.contains("import CLDNS"), "\(file.path)")
            #expect(!file.text.contains("ldns_struct"), "\(file.path)")
        }
    }

    @Test("No trap, no forced unwrap and nothing unfinished stands in Sources")
    func forbiddenWords() {
        let words = ["TODO", "FIXME", "fatalError(", "try!", "as!", "try? await Task.sleep"]
        for file in Self.tree.files(below: "Sources", extensions: ["swift", "c", "h"]) {
            for (index, line) in file.lines.enumerated() {
                for word in words where line.contains(word) {
                    Issue.record("\(file.path):\(index + 1): \(word)")
                }
            }
        }
    }

    @Test("Every option of a configuration is read by somebody")
    func optionsWithEffect() throws {
        let files = Self.tree.files(below: "Sources")
        var readers: [String: Set<String>] = [:]
        for file in files {
            for name in Self.members(in: file.text) { readers[name, default: []].insert(file.path) }
        }
        // Read where the secret is decoded; kept for its place in the manual.
        let documented: Set<Substring> = ["secretFile"]
        for file in files where file.path.contains("/Configuration/") {
            for line in file.lines where line.contains("package let ") {
                guard let match = try /package let (\w+):/.firstMatch(in: line), !documented.contains(match.1)
                else { continue }
                let others = readers[String(match.1), default: []].subtracting([file.path])
                #expect(!others.isEmpty, "\(file.path): \(match.1)")
            }
        }
    }

    /// The words of a text that stand behind a full stop.
    private static func members(in text: String) -> Set<String> {
        func isWord(_ octet: UInt8) -> Bool {
            octet | 0x20 >= 0x61 && octet | 0x20 <= 0x7a || octet >= 0x30 && octet <= 0x39 || octet == 0x5f
        }
        var names: Set<String> = []
        for piece in Array(text.utf8).split(separator: UInt8(ascii: ".")).dropFirst() {
            names.insert(String(decoding: piece.prefix(while: isWord), as: UTF8.self))
        }
        return names
    }

    @Test("A public C header never defines _GNU_SOURCE")
    func headers() {
        for file in Self.tree.files(below: "Sources", extensions: ["h"]) {
            #expect(!file.text.contains("_GNU_SOURCE"), "\(file.path)")
        }
    }

    @Test("No path of the machine it was written on stands in the tree")
    func machinePaths() {
        // Put together here so that this file does not find itself.
        let places = ["work", "root", "home"].map { "/\($0)/" }
        let kinds: Set<String> = [
            "swift", "c", "h", "md", "yaml", "yml", "sh", "zone", "service", "py", "toml",
        ]
        for folder in ["Sources", "Tests", "conf", "zones", "scripts", "Benchmarks"] {
            for file in Self.tree.files(below: folder, extensions: kinds) {
                for (index, line) in file.lines.enumerated() {
                    for place in places where line.contains(place) && !line.contains("://") {
                        Issue.record("\(file.path):\(index + 1): \(place)")
                    }
                }
            }
        }
    }

    @Test("Every plugin has its README")
    func plugins() {
        for folder in Self.tree.folders(below: "Sources/Server/Plugins") {
            #expect(Self.tree.exists("Sources/Server/Plugins/\(folder)/README.md"), "\(folder)")
        }
    }

    /// Constants, stored properties and memberwise initialisers may speak for themselves; operators and the
    /// requirements of the standard library's protocols are known.
    @Test("Every type and function that other rooms see has a doc comment")
    func documentation() throws {
        let declaration = try Regex(
            #"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:nonisolated |indirect )?package "#
                + #"(?:(?:final|static|mutating|consuming|borrowing|nonisolated|indirect|override) )*"#
                + #"(struct|class|enum|protocol|actor|typealias|func) +(\S+)"#)
        let known = ["<", "==", ">", "<=", "hash(", "next()", "encode(", "body("]
        let files = Self.tree.files(below: "Sources")
        // The requirements of a room's own protocols are documented where the protocol is: no body, no access level.
        var requirements: [String: Set<String>] = [:]
        for file in files {
            for line in file.lines
            where line.contains("func ") && !line.contains("{") && !line.contains("package ") {
                if let name = Self.functionName(line) { requirements[file.target, default: []].insert(name) }
            }
        }
        for file in files {
            let lines = file.lines
            let documented = requirements[file.target] ?? []
            for (index, line) in lines.enumerated() {
                guard let match = line.firstMatch(of: declaration), let name = match.output[2].substring
                else { continue }
                if known.contains(where: { name.hasPrefix($0) }) { continue }
                var above = index - 1
                while above >= 0, lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
                let comment = above >= 0 ? lines[above].drop(while: { $0 == " " }) : ""
                let isRequirement = Self.functionName(line).map { documented.contains($0) } ?? false
                #expect(comment.hasPrefix("///") || isRequirement, "\(file.path):\(index + 1): \(name)")
            }
        }
    }

    private static func functionName(_ line: Substring) -> String? {
        guard let range = line.range(of: "func ") else { return nil }
        return String(line[range.upperBound...].prefix { $0 != "(" && $0 != "<" })
    }

    @Test("Files stay small")
    func fileSizes() {
        for file in Self.tree.files(below: "Sources") {
            #expect(file.lines.count <= 700, "\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test("The formatter has nothing to say")
    func formatting() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "swift", "format", "lint", "--strict", "--parallel", "--recursive", "Sources", "Tests",
        ]
        process.currentDirectoryURL = Self.tree.root
        let output = Pipe()
        process.standardError = output
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text.prefix(4000))")
    }
}
