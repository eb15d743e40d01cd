/// One map of a configuration file, asked option by option.
///
/// Every question is answered with a value, so that reading goes on after an error and all errors are found at once:
/// a wrong value is reported and answered with the default. A section that is not in the file answers with defaults
/// and demands nothing.
package final class ConfigurationSection {
    package let context: ConfigurationContext
    /// Where the section stands in this file: `listen[0]`; empty for the top.
    package let path: String
    /// Where such sections stand in any file: `listen[]`.
    let pattern: String
    /// The Swift type that reads the section.
    private(set) var owner: String
    /// Whether the section is in the file.
    package let isPresent: Bool
    /// Where the section is in the file.
    package let location: ConfigurationLocation?

    private var entries: [String: ConfigurationNode.Entry] = [:]
    private var asked: Set<String> = []

    init(
        context: ConfigurationContext, node: ConfigurationNode?, path: String, pattern: String, owner: String
    ) {
        self.context = context
        self.path = path
        self.pattern = pattern
        self.owner = owner
        location = node?.location
        if let map = node?.map {
            isPresent = true
            for entry in map { entries[entry.key] = entry }
        } else {
            isPresent = false
            if let node, !node.isNull {
                context.report("\(node.kindDescription) is not a map", at: node.location, path: path)
            }
        }
    }

    // MARK: Single values

    /// The value of `key`, or `fallback` when it is absent.
    package func value<Value>(
        _ key: String, _ scalar: ConfigurationScalar<Value>, default fallback: Value
    ) -> Value {
        describe(key, .value, scalar, default: scalar.show(fallback))
        return scalarValue(key, scalar) ?? fallback
    }

    /// The value of `key`; nil when it is absent.
    package func optional<Value>(_ key: String, _ scalar: ConfigurationScalar<Value>) -> Value? {
        describe(key, .value, scalar, default: nil)
        return scalarValue(key, scalar)
    }

    /// The value of `key`, which must be given; `placeholder` stands in after an error.
    package func required<Value>(
        _ key: String, _ scalar: ConfigurationScalar<Value>, placeholder: Value
    ) -> Value {
        describe(key, .value, scalar, default: nil, isRequired: true)
        guard present(key) != nil else {
            if isPresent { report("\(key) is missing") }
            return placeholder
        }
        return scalarValue(key, scalar) ?? placeholder
    }

    /// The path of a file of the user's (``ConfigurationContext/inputPath(_:)``); nil when absent.
    package func file(_ key: String) -> String? {
        optional(key, ConfigurationScalar("a file") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 })
            .map(context.inputPath)
    }

    /// The path of a file or directory of our own (``ConfigurationContext/statePath(_:)``).
    package func statePath(_ key: String, default fallback: String) -> String {
        context.statePath(
            value(
                key, ConfigurationScalar("a path") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 },
                default: fallback))
    }

    // MARK: Lists

    /// The values of the list `key`; one value alone counts as a list of one.
    ///
    /// - Parameter limit: more elements than this are an error.
    package func list<Value>(
        _ key: String, _ scalar: ConfigurationScalar<Value>, default fallback: [Value] = [],
        limit: Int = 100_000
    ) -> [Value] {
        let shown = fallback.map(scalar.show).joined(separator: ", ")
        describe(key, .list, scalar, default: "[\(shown.isEmpty ? " " : " \(shown) ")]")
        return values(key, scalar, limit: limit) ?? fallback
    }

    // MARK: Maps and lists of maps

    /// The section `key`; all its defaults when it is absent.
    package func record<Record: ConfigurationRecord>(
        _ key: String, of type: Record.Type = Record.self
    ) -> Record {
        describe(key, .record, kind: "\(type)")
        return read(type, present(key), child(key), pattern: childPattern(key))
    }

    /// The section `key`; nil when it is absent.
    package func optionalRecord<Record: ConfigurationRecord>(
        _ key: String, of type: Record.Type = Record.self
    ) -> Record? {
        describe(key, .record, kind: "\(type)")
        let node = present(key)
        guard node != nil || context.isDescribing else { return nil }
        return read(type, node, child(key), pattern: childPattern(key))
    }

    /// The sections of the list `key`.
    ///
    /// - Parameter limit: more elements than this are an error.
    package func records<Record: ConfigurationRecord>(
        _ key: String, of type: Record.Type = Record.self, limit: Int = 100_000
    ) -> [Record] {
        describe(key, .records, kind: "\(type)")
        return elements(key, type, limit: limit) ?? []
    }

    // MARK: One of two forms

    /// A single value, or a list of values that `make` joins into one.
    package func either<Value, Element>(
        _ key: String, _ scalar: ConfigurationScalar<Value>, orListOf element: ConfigurationScalar<Element>,
        default fallback: Value, make: ([Element]) -> Value
    ) -> Value {
        describe(
            key, .valueOrList, kind: "\(scalar.kind), or a list of \(element.kind)",
            default: scalar.show(fallback))
        guard present(key)?.list != nil else { return scalarValue(key, scalar) ?? fallback }
        return values(key, element, limit: 100_000).map(make) ?? fallback
    }

    /// A single value, or a list of sections that `make` joins into one.
    package func either<Value, Record: ConfigurationRecord>(
        _ key: String, _ scalar: ConfigurationScalar<Value>, orListOf type: Record.Type,
        default fallback: Value,
        make: ([Record]) -> Value
    ) -> Value {
        describe(
            key, .valueOrRecords, kind: "\(scalar.kind), or a list of `\(type)`",
            default: scalar.show(fallback))
        if context.isDescribing { _ = read(type, nil, child(key), pattern: childPattern(key) + "[]") }
        guard present(key)?.list != nil else { return scalarValue(key, scalar) ?? fallback }
        return elements(key, type, limit: 100_000).map(make) ?? fallback
    }

    // MARK: Checks

    /// Whether `key` has a value in the file.
    package func has(_ key: String) -> Bool {
        entries[key].map { !$0.value.isNull } ?? false
    }

    /// Notes that something is wrong with `key`, or with the section as a whole.
    package func report(_ message: String, on key: String? = nil) {
        let entry = key.flatMap { entries[$0] }
        context.report(message, at: entry?.value.location ?? location, path: key.map(child) ?? path)
    }

    /// The path of the list that the section is an element of: `views[0].local.zones`.
    package var listPath: String { path.lastIndex(of: "[").map { String(path[..<$0]) } ?? path }

    /// Where `key` stands, for faults that show only after the file has been read: `conf/torii.yaml:12:5: listen[0].key`.
    package func place(of key: String) -> String {
        let error = ConfigurationError(
            file: context.file, location: entries[key]?.value.location ?? location, path: child(key),
            message: "")
        return String(error.description.dropLast(2))
    }

    /// Reports a file of the user's, the value of `key`, that cannot be read.
    package func demandReadable(_ path: String?, on key: String) {
        guard let path, isPresent, !context.isDescribing else { return }
        do throws(FileContents.Failure) {
            try FileContents.probe(path)
        } catch {
            report("\(path) \(error)", on: key)
        }
    }

    /// The account `key`, which must exist on this machine; nil when absent.
    package func account(_ key: String) -> String? {
        let name = optional(key, .text(limit: 64))
        if let name, (try? Privileges.account(named: name)) == nil {
            report("there is no account \(name)", on: key)
        }
        return name
    }

    /// Makes `name` known under `table`, so that others can refer to it; a name that is known already is an error.
    package func define(_ name: String, in table: String, on key: String) {
        guard isPresent, !context.define(name, in: table) else { return }
        report("\(name) is defined twice", on: key)
    }

    /// Demands that `name`, the value of `key`, be known under `table`.
    package func refer(to name: String, in table: String, on key: String) {
        guard isPresent, !context.isDescribing else { return }
        context.refer(to: name, in: table, at: entries[key]?.value.location ?? location, path: child(key))
    }

    /// Says that what is asked from now on belongs to another struct, which holds the doc comments.
    func adopt(owner: String) {
        self.owner = owner
    }

    /// Reports each key that nothing has asked for.
    func reportUnknownKeys() {
        for entry in entries.values where !asked.contains(entry.key) {
            let nearest = asked.map { ($0, entry.key.editDistance(to: $0)) }.min {
                ($0.1, $0.0) < ($1.1, $1.0)
            }
            let hint = nearest.flatMap { $0.1 <= 2 ? "; did you mean \($0.0)?" : nil } ?? ""
            context.report("unknown key\(hint)", at: entry.location, path: child(entry.key))
        }
    }

    // MARK: Reading

    private func child(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    private func childPattern(_ key: String) -> String { pattern.isEmpty ? key : "\(pattern).\(key)" }

    private func present(_ key: String) -> ConfigurationNode? {
        asked.insert(key)
        guard let node = entries[key]?.value, !node.isNull else { return nil }
        return node
    }

    private func scalarValue<Value>(_ key: String, _ scalar: ConfigurationScalar<Value>) -> Value? {
        guard let node = present(key) else { return nil }
        return parse(node, scalar, path: child(key))
    }

    private func parse<Value>(
        _ node: ConfigurationNode, _ scalar: ConfigurationScalar<Value>, path: String
    ) -> Value? {
        guard let text = node.scalar else {
            context.report("\(node.kindDescription) is not \(scalar.kind)", at: node.location, path: path)
            return nil
        }
        do throws(ConfigurationProblem) {
            return try scalar.parse(text)
        } catch {
            context.report(error.message, at: node.location, path: path)
            return nil
        }
    }

    private func values<Value>(_ key: String, _ scalar: ConfigurationScalar<Value>, limit: Int) -> [Value]? {
        guard let node = present(key) else { return nil }
        guard let elements = node.list else {
            guard node.scalar != nil else {
                context.report("\(node.kindDescription) is not a list", at: node.location, path: child(key))
                return nil
            }
            return parse(node, scalar, path: child(key)).map { [$0] }
        }
        guard elements.count <= limit else {
            report("more than \(limit) elements", on: key)
            return nil
        }
        var values: [Value] = []
        for (index, element) in elements.enumerated() {
            if let value = parse(element, scalar, path: "\(child(key))[\(index)]") { values.append(value) }
        }
        return values
    }

    private func elements<Record: ConfigurationRecord>(
        _ key: String, _ type: Record.Type, limit: Int
    ) -> [Record]? {
        let pattern = childPattern(key) + "[]"
        if context.isDescribing { return [read(type, nil, child(key), pattern: pattern)] }
        guard let node = present(key) else { return nil }
        guard let elements = node.list else {
            context.report("\(node.kindDescription) is not a list", at: node.location, path: child(key))
            return nil
        }
        guard elements.count <= limit else {
            report("more than \(limit) elements", on: key)
            return nil
        }
        var records: [Record] = []
        for (index, element) in elements.enumerated() {
            let path = "\(child(key))[\(index)]"
            guard element.map != nil else {
                context.report("\(element.kindDescription) is not a map", at: element.location, path: path)
                continue
            }
            records.append(read(type, element, path, pattern: pattern))
        }
        return records
    }

    private func read<Record: ConfigurationRecord>(
        _ type: Record.Type, _ node: ConfigurationNode?, _ path: String, pattern: String
    ) -> Record {
        let section = ConfigurationSection(
            context: context, node: node, path: path, pattern: pattern, owner: String(describing: type))
        let record = Record(section)
        section.reportUnknownKeys()
        return record
    }

    // MARK: Describing

    private func describe<Value>(
        _ key: String, _ shape: ConfigurationOption.Shape, _ scalar: ConfigurationScalar<Value>,
        default text: String?,
        isRequired: Bool = false
    ) {
        asked.insert(key)
        guard context.isDescribing else { return }
        describe(
            key, shape, kind: scalar.kind, choices: scalar.choices, schemaType: scalar.schemaType,
            default: text,
            isRequired: isRequired)
    }

    private func describe(
        _ key: String, _ shape: ConfigurationOption.Shape, kind: String, choices: [String] = [],
        schemaType: String = "any", default text: String? = nil, isRequired: Bool = false
    ) {
        asked.insert(key)
        guard context.isDescribing else { return }
        context.describe(
            ConfigurationOption(
                pattern: childPattern(key), key: key, owner: owner, shape: shape, kind: kind,
                choices: choices,
                schemaType: schemaType, defaultText: text, isRequired: isRequired))
    }
}

extension String {
    /// Insertions, deletions and replacements that turn this text into `other`.
    func editDistance(to other: String) -> Int {
        let theirs = Array(other.utf8)
        var row = Array(0...theirs.count)
        for (i, mine) in utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, their) in theirs.enumerated() {
                let replaced = diagonal + (mine == their ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = Swift.min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[theirs.count]
    }
}
