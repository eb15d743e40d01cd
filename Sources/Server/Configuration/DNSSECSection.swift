package import DNSCore
package import Operations

/// The `dnssec` section: validation of answers from other servers (RFC 4035).
package struct DNSSECSection: ConfigurationRecord, Equatable {
    /// Whether answers are validated.
    ///
    /// A bogus answer becomes SERVFAIL with an extended error.
    package let validation: Bool
    /// The keys that trust begins with: `builtin` (the root's), a file, or a list of DS or DNSKEY records as
    /// text.
    ///
    /// An empty list: none, so that everything is insecure.
    package let trustAnchors: TrustAnchorsOption
    /// Names below which nothing is validated (RFC 7646).
    package let negativeTrustAnchors: [Name]
    /// Whether the keys of `trust-anchors` from a file are followed through their rollovers (RFC 5011).
    ///
    /// What has been seen is kept in the state directory, under `anchors`.
    package let rfc5011: Bool
    /// Whether root servers are told which keys we trust (RFC 8145).
    package let signalTrustAnchors: Bool
    /// The time that signatures are checked at: `now`, seconds since 1970, `YYYYMMDDHHMMSS` in UTC, or
    /// `YYYY-MM-DDTHH:MM:SSZ`.
    ///
    /// For replaying old answers.
    package let validationTime: Int?
    /// Whether validated NSEC and NSEC3 records answer for names that were never asked (RFC 8198).
    package let aggressiveNSEC: Bool

    package init(_ section: ConfigurationSection) {
        validation = section.value("validation", .flag, default: true)
        trustAnchors = section.either(
            "trust-anchors", .trustAnchors(section.context), orListOf: .anchorText, default: .builtin,
            make: { .records($0) })
        if case .file(let path) = trustAnchors { section.demandReadable(path, on: "trust-anchors") }
        negativeTrustAnchors = section.list("negative-trust-anchors", .name)
        rfc5011 = section.value("rfc5011", .flag, default: true)
        signalTrustAnchors = section.value("signal-trust-anchors", .flag, default: true)
        validationTime = section.value(
            "validation-time", ConfigurationScalar<Int>.time.orNone("now"), default: nil)
        aggressiveNSEC = section.value("aggressive-nsec", .flag, default: true)
    }
}

/// The keys that trust begins with.
package enum TrustAnchorsOption: Sendable, Equatable {
    /// The root's keys as they were when the program was built.
    case builtin
    /// DS or DNSKEY records in a file in zone format.
    case file(String)
    /// DS or DNSKEY records as text, checked when they are first read.
    case records([String])
}

extension ConfigurationScalar where Value == String {
    /// A DS or DNSKEY record in presentation format with an absolute owner, kept as text.
    fileprivate static var anchorText: ConfigurationScalar<String> {
        let record = recordText
        return ConfigurationScalar("a DS or DNSKEY record") { text throws(ConfigurationProblem) in
            let words = try record.parse(text).uppercased().split { $0 == " " || $0 == "\t" }
            guard words.contains("DS") || words.contains("DNSKEY") else {
                throw ConfigurationProblem("'\(text)' is not a DS or DNSKEY record")
            }
            return text
        }
    }
}

extension ConfigurationScalar where Value == TrustAnchorsOption {
    fileprivate static func trustAnchors(
        _ context: ConfigurationContext
    ) -> ConfigurationScalar<TrustAnchorsOption> {
        let directory = context.directory
        var result = ConfigurationScalar<TrustAnchorsOption>("`builtin`, or a file") { text in
            if text.isEmpty { return nil }
            return text == "builtin"
                ? .builtin : .file(ConfigurationContext.inputPath(text, configurationDirectory: directory))
        }
        result.show = { _ in "builtin" }
        return result
    }
}

extension ConfigurationScalar where Value == Int {
    /// A time as `YYYYMMDDHHMMSS` (RFC 4034 3.2) or `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339), or seconds since 1970.
    package static var time: ConfigurationScalar<Int> {
        ConfigurationScalar("a time such as 20261121120000") { text in
            var digits = text
            if text.utf8.count == 20, text.hasSuffix("Z") {
                let marks: [(Int, Character)] = [
                    (4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "Z"),
                ]
                let characters = Array(text)
                guard characters.count == 20, marks.allSatisfy({ characters[$0.0] == $0.1 }) else {
                    return nil
                }
                digits = String(characters.filter(\.isNumber))
                guard digits.utf8.count == 14 else { return nil }
            }
            guard digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let number = Int(digits) else { return nil }
            guard digits.utf8.count == 14 else { return number < 1 << 40 ? number : nil }
            let (year, month, day) = (
                number / 10_000_000_000, number / 100_000_000 % 100, number / 1_000_000 % 100
            )
            let (hour, minute, second) = (number / 10000 % 100, number / 100 % 100, number % 100)
            guard (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61 else {
                return nil
            }
            // Days since 1970-03-01, counted in years that begin in March.
            let shifted = month > 2 ? year : year - 1
            let days =
                shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + (153 * ((month + 9) % 12) + 2)
                / 5
                + day - 719_469
            return days * 86400 + hour * 3600 + minute * 60 + second
        }
    }
}
