private import Foundation
private import Yams

/// Reads a YAML file into a tree of ``ConfigurationNode``.
///
/// Whatever the file holds, the result is a tree or one error with its place. Bounds: ``maximumSize`` octets,
/// ``maximumNodes`` values (aliases counted as often as they are used, so that an alias bomb ends here), flow
/// collections nested ``maximumNesting`` deep. Keys are plain scalars.
package enum ConfigurationFile {
    /// Largest file that is read, in octets.
    package static let maximumSize = 16 << 20
    /// Most values in one file after aliases are expanded.
    package static let maximumNodes = 2_000_000
    /// Deepest nesting of brackets and braces.
    package static let maximumNesting = 64

    /// Reads `path`.
    ///
    /// - Throws: ``ConfigurationErrors`` with one error: the file is missing, unreadable, too large, not UTF-8, not
    ///   YAML, empty, or its top level is no map.
    package static func load(_ path: String) throws(ConfigurationErrors) -> ConfigurationNode {
        try parse(try contents(of: path), file: path)
    }

    /// Parses `octets` as the contents of `file`.
    ///
    /// - Throws: ``ConfigurationErrors`` as ``load(_:)``.
    package static func parse(
        _ all: [UInt8], file: String
    ) throws(ConfigurationErrors) -> ConfigurationNode {
        // Some editors put a byte order mark in front (YAML 1.2 5.2).
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        let octets = all.starts(with: mark) ? Array(all.dropFirst(mark.count)) : all
        func failure(_ message: String, _ location: ConfigurationLocation? = nil) -> ConfigurationErrors {
            ConfigurationErrors([
                ConfigurationError(file: file, location: location, path: "", message: message)
            ])
        }
        guard octets.count <= maximumSize else {
            throw failure("larger than \(maximumSize >> 20) MiB")
        }
        if let problem = ConfigurationScreening.firstProblem(in: octets) {
            throw failure(problem.message, problem.location)
        }
        guard let text = String(validating: octets, as: UTF8.self) else {
            throw failure("not UTF-8 text")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            let (message, location) = describe(error, octets)
            throw failure(message, location)
        }
        guard let root, let rootMark = root.mark else { throw failure("holds no configuration") }
        var budget = maximumNodes
        guard let node = convert(root, rootMark, &budget) else {
            throw failure("more than \(maximumNodes) values; aliases count as often as they are used")
        }
        switch node.content {
        case .map: return node
        case .null: throw failure("holds no configuration")
        case .list, .scalar:
            throw failure("the top level is \(node.kindDescription), not a map", node.location)
        }
    }

    /// The octets of the regular file at `path`.
    ///
    /// - Throws: ``ConfigurationErrors``.
    private static func contents(of path: String) throws(ConfigurationErrors) -> [UInt8] {
        do {
            return try FileContents.read(path, limit: maximumSize)
        } catch {
            throw ConfigurationErrors([
                ConfigurationError(file: path, location: nil, path: "", message: error.description)
            ])
        }
    }

    /// The tree below `node`; nil when it has more values than `budget`.
    private static func convert(_ node: Node, _ fallback: Mark, _ budget: inout Int) -> ConfigurationNode? {
        budget -= 1
        guard budget >= 0 else { return nil }
        let mark = node.mark ?? fallback
        let location = ConfigurationLocation(line: mark.line, column: mark.column)
        switch node {
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return ConfigurationNode(content: isNull ? .null : .scalar(scalar.string), location: location)
        case .sequence(let sequence):
            var elements: [ConfigurationNode] = []
            for element in sequence {
                guard let converted = convert(element, mark, &budget) else { return nil }
                elements.append(converted)
            }
            return ConfigurationNode(content: .list(elements), location: location)
        case .mapping(let mapping):
            var entries: [ConfigurationNode.Entry] = []
            for (key, value) in mapping {
                let keyMark = key.mark ?? mark
                guard let converted = convert(value, keyMark, &budget) else { return nil }
                entries.append(
                    ConfigurationNode.Entry(
                        key: key.scalar?.string ?? "?",
                        location: ConfigurationLocation(line: keyMark.line, column: keyMark.column),
                        value: converted))
            }
            return ConfigurationNode(content: .map(entries), location: location)
        case .alias:
            return ConfigurationNode(content: .null, location: location)
        }
    }

    /// What the YAML parser found, in one line, and where.
    private static func describe(_ error: any Error, _ octets: [UInt8]) -> (String, ConfigurationLocation?) {
        guard let error = error as? YamlError else { return ("cannot be parsed", nil) }
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return ("not YAML: \(problem)", ConfigurationLocation(line: mark.line, column: mark.column))
        case .reader(let problem, let offset, _, _):
            return (
                "not YAML: \(problem)", offset.map { ConfigurationScreening.location(of: $0, in: octets) }
            )
        case .duplicatedKeysInMapping(let duplicates, let context):
            let first = ConfigurationLocation(line: context.mark.line, column: context.mark.column)
            let key = duplicates.first ?? ""
            return (
                "\(key): stands twice in the same map, first in line \(first.line)",
                ConfigurationScreening.location(ofKey: key, after: first, in: octets) ?? first
            )
        default:
            return ("cannot be parsed", nil)
        }
    }
}
