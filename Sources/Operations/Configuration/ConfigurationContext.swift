private import Glibc

/// What all sections of one file share while it is read: its name, the errors so far, names that refer to each other.
package final class ConfigurationContext {
    /// The file as the user named it.
    package let file: String
    /// Whether no file is read but every option is asked for what it is (``describe(_:)``).
    package let isDescribing: Bool
    /// Not more errors than this are kept.
    package static let maximumErrors = 200

    private var errors: [ConfigurationError] = []
    private(set) var options: [ConfigurationOption] = []
    private var definitions: [String: Set<String>] = [:]
    private var references: [Reference] = []

    private struct Reference {
        let table: String
        let name: String
        let location: ConfigurationLocation?
        let path: String
    }

    private init(file: String, isDescribing: Bool) {
        self.file = file
        self.isDescribing = isDescribing
    }

    /// Reads the file at `path` as a `Root`.
    ///
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong.
    package static func load<Root: ConfigurationRecord>(
        _ root: Root.Type, from path: String
    ) throws(ConfigurationErrors) -> Root {
        try read(root, node: try ConfigurationFile.load(path), file: path)
    }

    /// Reads `text` as if it were the contents of `file`.
    ///
    /// - Parameter known: names, by table, that the text may refer to and must not define again.
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong.
    package static func parse<Root: ConfigurationRecord>(
        _ root: Root.Type, text: String, file: String, known: [String: Set<String>] = [:]
    ) throws(ConfigurationErrors) -> Root {
        try read(
            root, node: try ConfigurationFile.parse(Array(text.utf8), file: file), file: file, known: known)
    }

    /// Every option that `Root` asks for, in that order: the source of the manual and the schema.
    package static func describe<Root: ConfigurationRecord>(_ root: Root.Type) -> [ConfigurationOption] {
        let context = ConfigurationContext(file: "", isDescribing: true)
        let section = ConfigurationSection(
            context: context, node: nil, path: "", pattern: "", owner: String(describing: Root.self))
        _ = Root(section)
        return context.options
    }

    private static func read<Root: ConfigurationRecord>(
        _ root: Root.Type, node: ConfigurationNode, file: String, known: [String: Set<String>] = [:]
    ) throws(ConfigurationErrors) -> Root {
        let context = ConfigurationContext(file: file, isDescribing: false)
        context.definitions = known
        let section = ConfigurationSection(
            context: context, node: node, path: "", pattern: "", owner: String(describing: Root.self))
        let result = Root(section)
        section.reportUnknownKeys()
        for reference in context.references
        where context.definitions[reference.table]?.contains(reference.name) != true {
            context.report(
                "\(reference.name) is not defined under \(reference.table)", at: reference.location,
                path: reference.path)
        }
        guard context.errors.isEmpty else {
            throw ConfigurationErrors(
                context.errors.enumerated().sorted {
                    ($0.element.location ?? .init(line: 0, column: 0), $0.offset)
                        < ($1.element.location ?? .init(line: 0, column: 0), $1.offset)
                }.map(\.element))
        }
        return result
    }

    /// Notes an error.
    func report(_ message: String, at location: ConfigurationLocation?, path: String) {
        guard !isDescribing, errors.count < Self.maximumErrors else { return }
        errors.append(ConfigurationError(file: file, location: location, path: path, message: message))
    }

    /// Notes an option of the description.
    func describe(_ option: ConfigurationOption) {
        options.append(option)
    }

    /// Makes `name` known under `table`; false when it already is.
    func define(_ name: String, in table: String) -> Bool {
        definitions[table, default: []].insert(name).inserted
    }

    /// Demands that `name` be known under `table` once the whole file has been read.
    func refer(to name: String, in table: String, at location: ConfigurationLocation?, path: String) {
        references.append(Reference(table: table, name: name, location: location, path: path))
    }

    /// The directory of the configuration file with a final slash; empty when the file is in the working directory.
    package var directory: String {
        guard let slash = file.lastIndex(of: "/") else { return "" }
        return String(file[...slash])
    }

    /// Where a file of the user's is: an absolute path as it stands; a relative one in the configuration file's
    /// directory if there is such a file, else in the working directory.
    package func inputPath(_ path: String) -> String {
        Self.inputPath(path, configurationDirectory: directory)
    }

    /// ``inputPath(_:)`` for a configuration file in `directory`, which ends in a slash or is empty.
    package static func inputPath(_ path: String, configurationDirectory directory: String) -> String {
        guard !path.hasPrefix("/"), !directory.isEmpty else { return path }
        let beside = directory + path
        return unsafe access(beside, F_OK) == 0 ? beside : path
    }

    /// Where a file of our own is: an absolute path as it stands, a relative one in the configuration file's directory.
    package func statePath(_ path: String) -> String {
        path.hasPrefix("/") ? path : directory + path
    }
}

/// A part of the configuration: reads itself from one map of the file.
///
/// The initialiser asks `section` for every option that the part knows, always for all of them; what it does not ask
/// for is an unknown key. Errors go to `section`; the value made then does not matter.
package protocol ConfigurationRecord: Sendable {
    init(_ section: ConfigurationSection)
}

/// One option as the manual and the schema see it.
package struct ConfigurationOption: Sendable {
    /// What the option holds.
    package enum Shape: String, Sendable {
        /// One value.
        case value
        /// A list of values; one value alone counts as a list of one.
        case list
        /// A map of options.
        case record
        /// A list of maps of options.
        case records
        /// One value, or a list of values.
        case valueOrList = "value-or-list"
        /// One value, or a list of maps of options.
        case valueOrRecords = "value-or-records"
    }

    /// Where it stands: `listen[].port`.
    package let pattern: String
    /// The key itself: `port`.
    package let key: String
    /// The Swift type whose property it is: `ListenConfiguration`.
    package let owner: String
    /// The property that holds it: `port`.
    package var property: String {
        key.split(separator: "-").enumerated().map { index, word in
            index == 0 ? String(word) : word.prefix(1).uppercased() + word.dropFirst()
        }.joined()
    }
    package let shape: Shape
    /// What one value is: "a port"; for records the Swift type of the record.
    package let kind: String
    /// The words that may stand, when there are only so many.
    package let choices: [String]
    /// JSON type of one value.
    package let schemaType: String
    /// The default as it would stand in the file; nil when there is none.
    package let defaultText: String?
    /// Whether the option must be given.
    package let isRequired: Bool
}
