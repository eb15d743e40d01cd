/// Makes the manual of a configuration from its options and the doc comments of the structs that hold them.
///
/// The doc comment of a property is the entry of its option; that of a struct is the text above a section. A test
/// holds the result against `docs/configuration.md`, so that no option is without an entry and no entry without its
/// option.
package struct ConfigurationManual {
    /// Doc comments by struct, and by struct and property in lower case: `CacheSection`, `CacheSection.minttl`.
    private let comments: [String: String]

    /// Reads the doc comments of Swift files.
    package init(sources: [String]) {
        var comments: [String: String] = [:]
        for source in sources { Self.gather(source, into: &comments) }
        self.comments = comments
    }

    /// The options that have no doc comment.
    package func undocumented(_ options: [ConfigurationOption]) -> [String] {
        options.filter { entry(of: $0) == nil }.map { "\($0.owner).\($0.property) (\($0.pattern))" }
    }

    /// The manual's text in Markdown: one table for each section.
    ///
    /// - Parameter root: the struct that the file as a whole is read as.
    package func text(_ options: [ConfigurationOption], root: String) -> String {
        var text = ""
        for (prefix, owner) in sections(options, root: root) {
            let own = options.filter { option in
                option.pattern == (prefix.isEmpty ? option.key : "\(prefix).\(option.key)")
            }
            text += prefix.isEmpty ? "" : "### `\(prefix)`\n\n"
            if let comment = comments[owner] { text += Self.plain(comment) + "\n\n" }
            text += "| option | value | default | |\n| --- | --- | --- | --- |\n"
            for option in own { text += row(option) }
            text += "\n"
        }
        return text
    }

    private func row(_ option: ConfigurationOption) -> String {
        let value =
            switch option.shape {
            case .value, .valueOrList: option.kind
            case .list: "list of \(option.kind)"
            case .record: "section"
            case .records: "list of sections"
            case .valueOrRecords: "\(option.kind.split(separator: ", or").first ?? ""), or list of sections"
            }
        let fallback = option.isRequired ? "required" : option.defaultText.map { "`\($0)`" } ?? ""
        let entry = Self.plain(entry(of: option) ?? "").replacing("|", with: "\\|")
        return "| `\(option.key)` | \(value.replacing("|", with: "\\|")) | \(fallback) | \(entry) |\n"
    }

    private func entry(of option: ConfigurationOption) -> String? {
        comments["\(option.owner).\(option.property.lowercased())"]
    }

    /// Each section's pattern and struct, in the order of the file; a struct that stands twice is written twice.
    private func sections(_ options: [ConfigurationOption], root: String) -> [(String, String)] {
        var result = [("", root)]
        for option in options {
            let prefix = String(option.pattern.dropLast(option.key.utf8.count + 1))
            if !prefix.isEmpty, !result.contains(where: { $0.0 == prefix }) {
                result.append((prefix, option.owner))
            }
        }
        return result
    }

    /// The comment on one line, links to symbols as plain words.
    private static func plain(_ comment: String) -> String {
        comment.replacing("``", with: "`")
    }

    private static func gather(_ source: String, into comments: inout [String: String]) {
        var comment: [String] = []
        var owner = ""
        for line in source.split(separator: "\n", omittingEmptySubsequences: false) {
            let words = line.drop { $0 == " " }
            if words.hasPrefix("///") {
                comment.append(String(words.dropFirst(3)).trimmingBlanks)
                continue
            }
            defer { comment = [] }
            let text = comment.filter { !$0.isEmpty }.joined(separator: " ")
            if let first = line.first, first.isLetter { owner = "" }
            let tokens = words.split { $0 == " " || $0 == ":" || $0 == "{" || $0 == "(" }
            if let place = tokens.firstIndex(of: "struct"), line.first != " ", tokens.count > place + 1 {
                owner = String(tokens[place + 1])
                if !text.isEmpty { comments[owner] = text }
            } else if let place = tokens.firstIndex(where: { $0 == "let" || $0 == "var" }), !text.isEmpty,
                tokens.count > place + 1, line.hasPrefix("    "), !line.hasPrefix("     ")
            {
                let name = tokens[place + 1].filter { $0 != "`" }
                comments["\(owner).\(name.lowercased())"] = text
            }
        }
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        let front = drop { $0 == " " }
        let tail = front.reversed().drop { $0 == " " }
        return String(String(tail.reversed()))
    }
}
