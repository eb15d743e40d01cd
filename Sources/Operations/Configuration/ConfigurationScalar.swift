/// How the text of one value becomes a `Value`: the type of an option.
///
/// Rooms add their own in extensions: `ConfigurationScalar<IPAddress>.address`.
package struct ConfigurationScalar<Value: Sendable>: Sendable {
    /// What the value is, for the manual and the schema: "a port", "a duration".
    package let kind: String
    /// The words that may stand, when there are only so many.
    package let choices: [String]
    /// JSON type of the value in the schema: `string`, `integer`, `boolean`.
    package let schemaType: String
    /// The value as it would stand in the file; for the manual.
    package var show: @Sendable (Value) -> String = { String(describing: $0) }
    /// Makes the value, or says what is wrong.
    package let parse: @Sendable (String) throws(ConfigurationProblem) -> Value

    package init(
        _ kind: String, choices: [String] = [], schemaType: String = "string",
        parse: @escaping @Sendable (String) throws(ConfigurationProblem) -> Value
    ) {
        self.kind = kind
        self.choices = choices
        self.schemaType = schemaType
        self.parse = parse
    }

    /// A scalar whose text `transform` turns into a value, or refuses: "'x' is not KIND".
    package init(
        _ kind: String, schemaType: String = "string", transform: @escaping @Sendable (String) -> Value?
    ) {
        self.init(kind, schemaType: schemaType) { text throws(ConfigurationProblem) in
            guard let value = transform(text) else {
                throw ConfigurationProblem("\(text.isEmpty ? "''" : text) is not \(kind)")
            }
            return value
        }
    }

    /// This scalar or one of some words that stand for a value: `auto`, `none`.
    package func or(_ word: String, meaning special: Value) -> ConfigurationScalar<Value> {
        let parse = self.parse
        var result = ConfigurationScalar(
            "\(kind) or `\(word)`", choices: choices.isEmpty ? [] : choices + [word], schemaType: "any"
        ) { text throws(ConfigurationProblem) in
            text == word ? special : try parse(text)
        }
        let show = self.show
        let shownSpecial = show(special)
        result.show = { show($0) == shownSpecial ? word : show($0) }
        return result
    }

    /// This scalar where `word` means that there is no value.
    package func orNone(_ word: String) -> ConfigurationScalar<Value?> {
        let parse = self.parse
        var result = ConfigurationScalar<Value?>(
            "\(kind) or `\(word)`", choices: choices.isEmpty ? [] : choices + [word], schemaType: "any"
        ) { text throws(ConfigurationProblem) in
            text == word ? nil : try parse(text)
        }
        let show = self.show
        result.show = { $0.map(show) ?? word }
        return result
    }
}

/// An enumeration whose raw values are the words of the configuration.
package protocol ConfigurationChoice: RawRepresentable, CaseIterable, Sendable where RawValue == String {}

extension ConfigurationScalar where Value: ConfigurationChoice {
    /// One of the words of `Value`.
    package static var choice: ConfigurationScalar<Value> {
        let words = Value.allCases.map(\.rawValue)
        let list = words.joined(separator: ", ")
        var result = ConfigurationScalar("one of \(list)", choices: words) {
            text throws(ConfigurationProblem) in
            guard let value = Value(rawValue: text) else {
                throw ConfigurationProblem("\(text) is not one of \(list)")
            }
            return value
        }
        result.show = { $0.rawValue }
        return result
    }
}

extension ConfigurationScalar where Value == String {
    /// Any text of at least one character, no control characters.
    package static var text: ConfigurationScalar<String> {
        ConfigurationScalar("text") { text in
            text.isEmpty || text.utf8.contains { $0 < 0x20 || $0 == 0x7f } ? nil : text
        }
    }

    /// Text of 1 to `limit` octets, no control characters.
    package static func text(limit: Int) -> ConfigurationScalar<String> {
        ConfigurationScalar("text") { text throws(ConfigurationProblem) in
            let value = try ConfigurationScalar.text.parse(text)
            guard value.utf8.count <= limit else {
                throw ConfigurationProblem("longer than \(limit) octets")
            }
            return value
        }
    }
}

extension ConfigurationScalar where Value == Bool {
    /// `true`, `false`, `on`, `off`, `yes` or `no`.
    package static var flag: ConfigurationScalar<Bool> {
        ConfigurationScalar("true or false", schemaType: "boolean") { text in
            switch text.lowercased() {
            case "true", "on", "yes": true
            case "false", "off", "no": false
            default: nil
            }
        }
    }
}

extension ConfigurationScalar where Value == Int {
    /// A whole number in `range`; `_` may group its digits.
    package static func number(_ range: ClosedRange<Int>) -> ConfigurationScalar<Int> {
        let bounds =
            range.upperBound == .max
            ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
        return ConfigurationScalar("a number \(bounds)", schemaType: "integer") { text in
            let digits = text.replacing("_", with: "")
            guard let value = Int(digits), range.contains(value) else { return nil }
            return value
        }
    }

    /// An amount of memory or disk as `256MiB`; binary units KiB, MiB, GiB, TiB, decimal kB, MB, GB, TB, or octets B.
    package static func size(_ range: ClosedRange<Int> = 0...Int.max) -> ConfigurationScalar<Int> {
        let show: @Sendable (Int) -> String = { octets in
            for (name, factor) in [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            where octets > 0 && octets % factor == 0 {
                return "\(octets / factor)\(name)"
            }
            return "\(octets)B"
        }
        var result = ConfigurationScalar("a size") { text throws(ConfigurationProblem) in
            let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == "_") }
            let unit = String(text.dropFirst(digits.count))
            let units = [
                "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "kB": 1000,
                "KB": 1000,
                "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
            ]
            guard let number = Int(digits.replacing("_", with: "")) else {
                throw ConfigurationProblem("\(text) is not a size such as 256MiB")
            }
            guard !unit.isEmpty || number == 0 else {
                throw ConfigurationProblem("\(text) has no unit; write a size such as 256MiB")
            }
            guard let factor = units[unit.isEmpty ? "B" : unit] else {
                throw ConfigurationProblem("\(text) is not a size such as 256MiB")
            }
            let (octets, overflow) = number.multipliedReportingOverflow(by: factor)
            guard !overflow else { throw ConfigurationProblem("\(text) is out of range") }
            guard range.contains(octets) else {
                let least = show(range.lowerBound)
                throw ConfigurationProblem(
                    range.upperBound == .max
                        ? "\(text) is not at least \(least)"
                        : "\(text) is not between \(least) and \(show(range.upperBound))")
            }
            return octets
        }
        result.show = show
        return result
    }
}

extension ConfigurationScalar where Value == UInt16 {
    /// A port from 1 to 65535.
    package static var port: ConfigurationScalar<UInt16> {
        ConfigurationScalar("a port", schemaType: "integer") { text in
            guard let value = UInt16(text), value > 0 else { return nil }
            return value
        }
    }

    /// A port from 0 to 65535, where 0 lets the system choose.
    package static var portOrAny: ConfigurationScalar<UInt16> {
        ConfigurationScalar("a port", schemaType: "integer") { UInt16($0) }
    }
}

extension ConfigurationScalar where Value == Duration {
    /// A span of time as `300ms`, `60s`, `5m`, `24h`, `1d`, `1w`, or several of these in one: `1h30m`.
    package static func duration(
        _ range: ClosedRange<Duration> = .zero ... .seconds(400 * 86400)
    ) -> ConfigurationScalar<Duration> {
        var result = ConfigurationScalar("a duration") { text throws(ConfigurationProblem) in
            let value = try parseDuration(text)
            guard range.contains(value) else {
                throw ConfigurationProblem(
                    "\(text) is not between \(range.lowerBound.configurationText) and "
                        + range.upperBound.configurationText)
            }
            return value
        }
        result.show = { $0.configurationText }
        return result
    }

    private static func parseDuration(_ text: String) throws(ConfigurationProblem) -> Duration {
        var rest = text[...]
        var milliseconds = 0
        if text == "0" { return .zero }
        guard !text.isEmpty else { throw ConfigurationProblem("'' is not a duration such as 60s") }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count)
            guard let number = Int(digits) else {
                throw ConfigurationProblem("\(text) is not a duration such as 60s")
            }
            guard !unit.isEmpty else {
                throw ConfigurationProblem("\(text) has no unit; write \(number)s or \(number)ms")
            }
            let units = [
                "ms": 1, "s": 1000, "m": 60000, "min": 60000, "h": 3_600_000, "d": 86_400_000,
                "w": 604_800_000,
            ]
            guard let factor = units[String(unit)] else {
                throw ConfigurationProblem("\(text) is not a duration such as 60s")
            }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            let (sum, sumOverflow) = milliseconds.addingReportingOverflow(product)
            guard !overflow, !sumOverflow, sum < 1 << 50 else {
                throw ConfigurationProblem("\(text) is out of range")
            }
            milliseconds = sum
        }
        return .milliseconds(milliseconds)
    }
}

extension Duration {
    /// The duration in the largest unit that expresses it whole: `300ms`, `60s`, `24h`.
    package var configurationText: String {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        guard milliseconds == 0 else { return "\(seconds * 1000 + milliseconds)ms" }
        if seconds > 0, seconds % 86400 == 0 { return "\(seconds / 86400)d" }
        if seconds > 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
        return "\(seconds)s"
    }
}
