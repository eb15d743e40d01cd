/// A JSON value (RFC 8259), as the control channel and `--json` carry it.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// Members in the order they were given.
    case object([Member])

    /// One member of an object.
    package struct Member: Sendable, Equatable {
        package let name: String
        package let value: JSONValue

        package init(_ name: String, _ value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// The member called `name`; nil when this is no object or has none.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// The text of a string.
    package var string: String? {
        if case .string(let text) = self { return text }
        return nil
    }

    /// The value of a whole number.
    package var integer: Int? {
        if case .integer(let value) = self { return value }
        return nil
    }

    /// The value of a Boolean.
    package var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// The elements of an array.
    package var array: [JSONValue]? {
        if case .array(let elements) = self { return elements }
        return nil
    }

    /// The value as JSON text on one line.
    package var text: String {
        var result = ""
        write(to: &result)
        return result
    }

    private func write(to result: inout String) {
        switch self {
        case .null: result += "null"
        case .bool(let value): result += value ? "true" : "false"
        case .integer(let value): result += String(value)
        case .number(let value): result += value.isFinite ? String(value) : "null"
        case .string(let text): result += text.jsonQuoted
        case .array(let elements):
            result += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { result += "," }
                element.write(to: &result)
            }
            result += "]"
        case .object(let members):
            result += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { result += "," }
                result += member.name.jsonQuoted + ":"
                member.value.write(to: &result)
            }
            result += "}"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}

extension String {
    /// The text as a JSON string with its quotes.
    package var jsonQuoted: String {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for octet in utf8 {
            switch octet {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), octet]
            case 0x0a: result += Array("\\n".utf8)
            case 0x0d: result += Array("\\r".utf8)
            case 0x09: result += Array("\\t".utf8)
            case 0..<0x20, 0x7f:
                let digits = Array("0123456789abcdef".utf8)
                result += Array("\\u00".utf8) + [digits[Int(octet >> 4)], digits[Int(octet & 15)]]
            default: result.append(octet)
            }
        }
        result.append(UInt8(ascii: "\""))
        return String(decoding: result, as: UTF8.self)
    }
}

/// Why octets are not a JSON value.
package enum JSONError: Error, Equatable {
    /// Something else stands at this octet.
    case unexpected(at: Int)
    /// Arrays and objects nested deeper than ``JSONParser/maximumDepth``.
    case tooDeep
}

/// Reads one JSON value; depth is bounded, size is the caller's.
package struct JSONParser {
    /// Deepest nesting that is read.
    package static let maximumDepth = 32

    private let octets: [UInt8]
    private var position = 0

    /// The value that `octets` hold, and nothing else.
    ///
    /// - Throws: ``JSONError``.
    package static func parse(_ octets: [UInt8]) throws(JSONError) -> JSONValue {
        var parser = JSONParser(octets: octets)
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        guard parser.position == octets.count else { throw .unexpected(at: parser.position) }
        return value
    }

    private init(octets: [UInt8]) {
        self.octets = octets
    }

    private mutating func skipBlanks() {
        while position < octets.count, [0x20, 0x09, 0x0a, 0x0d].contains(octets[position]) { position += 1 }
    }

    private mutating func take(_ text: StaticString, as value: JSONValue) throws(JSONError) -> JSONValue {
        for octet in "\(text)".utf8 { try take(octet) }
        return value
    }

    private mutating func take(_ octet: UInt8) throws(JSONError) {
        guard position < octets.count, octets[position] == octet else { throw .unexpected(at: position) }
        position += 1
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= Self.maximumDepth else { throw .tooDeep }
        skipBlanks()
        guard position < octets.count else { throw .unexpected(at: position) }
        switch octets[position] {
        case UInt8(ascii: "n"): return try take("null", as: .null)
        case UInt8(ascii: "t"): return try take("true", as: .bool(true))
        case UInt8(ascii: "f"): return try take("false", as: .bool(false))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "{"): return try object(depth: depth)
        default: return try number()
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        try take(UInt8(ascii: "["))
        var elements: [JSONValue] = []
        skipBlanks()
        if position < octets.count, octets[position] == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if position < octets.count, octets[position] == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try take(UInt8(ascii: "]"))
            return .array(elements)
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        try take(UInt8(ascii: "{"))
        var members: [JSONValue.Member] = []
        skipBlanks()
        if position < octets.count, octets[position] == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipBlanks()
            let name = try string()
            skipBlanks()
            try take(UInt8(ascii: ":"))
            members.append(JSONValue.Member(name, try value(depth: depth + 1)))
            skipBlanks()
            if position < octets.count, octets[position] == UInt8(ascii: ",") {
                position += 1
                continue
            }
            try take(UInt8(ascii: "}"))
            return .object(members)
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        while position < octets.count, "+-.0123456789eE".utf8.contains(octets[position]) { position += 1 }
        let text = String(decoding: octets[start..<position], as: UTF8.self)
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || first &- 48 < 10 else {
            throw .unexpected(at: start)
        }
        if let whole = Int(text) { return .integer(whole) }
        guard let value = Double(text), value.isFinite else { throw .unexpected(at: start) }
        return .number(value)
    }

    private mutating func string() throws(JSONError) -> String {
        try take(UInt8(ascii: "\""))
        var text: [UInt8] = []
        while position < octets.count {
            let octet = octets[position]
            position += 1
            switch octet {
            case UInt8(ascii: "\""):
                guard let result = String(validating: text, as: UTF8.self) else {
                    throw .unexpected(at: position)
                }
                return result
            case UInt8(ascii: "\\"): text += try escape()
            case 0..<0x20: throw .unexpected(at: position - 1)
            default: text.append(octet)
            }
        }
        throw .unexpected(at: position)
    }

    private mutating func escape() throws(JSONError) -> [UInt8] {
        guard position < octets.count else { throw .unexpected(at: position) }
        let octet = octets[position]
        position += 1
        switch octet {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [octet]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var unit = try hexadecimal()
            if (0xd800..<0xdc00).contains(unit) {
                try take(UInt8(ascii: "\\"))
                try take(UInt8(ascii: "u"))
                let low = try hexadecimal()
                guard (0xdc00..<0xe000).contains(low) else { throw .unexpected(at: position) }
                unit = 0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw .unexpected(at: position) }
            return Array(String(Character(scalar)).utf8)
        default: throw .unexpected(at: position - 1)
        }
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard position + 4 <= octets.count,
            let value = UInt32(String(decoding: octets[position..<(position + 4)], as: UTF8.self), radix: 16)
        else { throw .unexpected(at: position) }
        position += 4
        return value
    }
}
