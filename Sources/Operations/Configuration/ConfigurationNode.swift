/// One value of a configuration file with its place; plain data, no YAML left.
package struct ConfigurationNode: Sendable {
    /// What stands there.
    package enum Content: Sendable {
        /// Nothing, `~` or `null`: counts as if the option were absent.
        case null
        /// A scalar as text, whatever YAML would make of it.
        case scalar(String)
        case list([ConfigurationNode])
        /// The entries in the order of the file; no key stands twice.
        case map([Entry])
    }

    /// A key, where it stands, and its value.
    package struct Entry: Sendable {
        package let key: String
        package let location: ConfigurationLocation
        package let value: ConfigurationNode
    }

    package let content: Content
    package let location: ConfigurationLocation

    package init(content: Content, location: ConfigurationLocation) {
        self.content = content
        self.location = location
    }

    /// Whether the value is absent in effect.
    package var isNull: Bool {
        if case .null = content { return true }
        return false
    }

    /// The text of a scalar; nil for anything else.
    package var scalar: String? {
        if case .scalar(let text) = content { return text }
        return nil
    }

    /// The elements of a list; nil for anything else.
    package var list: [ConfigurationNode]? {
        if case .list(let elements) = content { return elements }
        return nil
    }

    /// The entries of a map; nil for anything else.
    package var map: [Entry]? {
        if case .map(let entries) = content { return entries }
        return nil
    }

    /// What the node is, for messages: "text", "a list", "a map", "empty".
    package var kindDescription: String {
        switch content {
        case .null: "empty"
        case .scalar(let text): text.utf8.count <= 40 ? "'\(text)'" : "text"
        case .list: "a list"
        case .map: "a map"
        }
    }
}
