/// The JSON schema (draft 2020-12) of a configuration, made from the options that its structs ask for.
package enum ConfigurationSchema {
    /// The schema as text on several lines.
    package static func text(_ options: [ConfigurationOption], title: String) -> String {
        var root = schema(below: "", options)
        if case .object(let members) = root {
            root = .object(
                [
                    .init("$schema", "https://json-schema.org/draft/2020-12/schema"),
                    .init("title", .string("Configuration of \(title)")),
                ] + members)
        }
        return indented(root, depth: 0)
    }

    /// The schema of the section whose options' patterns are `prefix` and one key.
    private static func schema(below prefix: String, _ options: [ConfigurationOption]) -> JSONValue {
        let own = options.filter { option in
            option.pattern == (prefix.isEmpty ? option.key : "\(prefix).\(option.key)")
        }
        let required = own.filter(\.isRequired).map { JSONValue.string($0.key) }
        var members: [JSONValue.Member] = [
            .init("type", "object"), .init("additionalProperties", false),
            .init("properties", .object(own.map { .init($0.key, schema(of: $0, options)) })),
        ]
        if !required.isEmpty { members.append(.init("required", .array(required))) }
        return .object(members)
    }

    private static func schema(of option: ConfigurationOption, _ options: [ConfigurationOption]) -> JSONValue
    {
        let value = valueSchema(of: option)
        let element = option.pattern + "[]"
        switch option.shape {
        case .value: return value
        case .list: return ["anyOf": [value, ["type": "array", "items": value]]]
        case .record: return schema(below: option.pattern, options)
        case .records: return ["type": "array", "items": schema(below: element, options)]
        case .valueOrList: return ["anyOf": [["type": "string"], ["type": "array"]]]
        case .valueOrRecords:
            return [
                "anyOf": [["type": "string"], ["type": "array", "items": schema(below: element, options)]]
            ]
        }
    }

    private static func valueSchema(of option: ConfigurationOption) -> JSONValue {
        var members: [JSONValue.Member] = []
        let words = Set(option.choices)
        if !option.choices.isEmpty, words.isDisjoint(with: ["on", "off"]) {
            members.append(.init("enum", .array(option.choices.map { .string($0) })))
        } else if option.schemaType == "boolean" {
            members.append(.init("type", ["boolean", "string"]))
        } else if option.schemaType == "integer" {
            members.append(.init("type", "integer"))
        } else if option.choices.isEmpty, option.schemaType == "string" {
            members.append(.init("type", ["string", "integer"]))
        }
        members.append(.init("description", .string(option.kind)))
        if let text = option.defaultText { members.append(.init("default", .string(text))) }
        return .object(members)
    }

    private static func indented(_ value: JSONValue, depth: Int) -> String {
        let inner = String(repeating: "  ", count: depth + 1)
        let outer = String(repeating: "  ", count: depth)
        switch value {
        case .object(let members) where !members.isEmpty && value.text.utf8.count > 90:
            let lines = members.map {
                "\(inner)\($0.name.jsonQuoted): \(indented($0.value, depth: depth + 1))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        case .array(let elements) where !elements.isEmpty && value.text.utf8.count > 90:
            let lines = elements.map { inner + indented($0, depth: depth + 1) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        default: return value.text
        }
    }
}
