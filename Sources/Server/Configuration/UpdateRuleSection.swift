package import DNSCore
package import Operations

/// One rule of a zone's `update` list.
///
/// All of its conditions must hold for a change; then `action` decides.
///
/// Each record of an update is judged alone; the update is applied when every one of them is allowed.
package struct UpdateRuleSection: ConfigurationRecord, Hashable {
    /// The update is signed with this TSIG key, and the signature is good.
    ///
    /// Absent: any key, or none.
    package let key: Name?
    /// The update came from one of these prefixes.
    ///
    /// Empty: any address.
    package let from: [IPPrefix]
    /// The owner name of the change is one of these.
    ///
    /// Empty: any name of the zone. `host.example.` that name; `*.example.` every name below; `**.example.`
    /// the name itself and every name below; `self` the name of the key that signed; `*.self` every name below
    /// it; `**.self` both; `reverse` the reverse name of the source address, which must not be forgeable (a signature,
    /// or TCP); `reverse-prefix` the same for every address of an IPv6 source's /64. A rule with `self` and no `key` lets
    /// every key change its own name.
    package let names: [UpdateNameOption]
    /// The type of the change is one of these.
    ///
    /// Empty: any type, SOA and NS and those of DNSSEC included. `TXT(4)`: at most four such records at the name
    /// afterwards; `ANY`: all types.
    package let types: [UpdateTypeOption]
    /// Whether the change is allowed or denied.
    package let action: UpdateActionOption

    package init(_ section: ConfigurationSection) {
        key = section.keyReference()
        from = section.list("from", .prefix)
        names = section.list("names", .updateName)
        types = section.list("types", .updateType)
        action = section.required("action", .choice, placeholder: .deny)
    }
}

/// What an update rule decides.
package enum UpdateActionOption: String, ConfigurationChoice {
    case allow
    case deny
}

/// A condition on the owner name of a change.
package enum UpdateNameOption: Hashable, Sendable {
    /// This name.
    case exact(Name)
    /// Every name below this one.
    case below(Name)
    /// This name and every name below it.
    case atOrBelow(Name)
    /// The name of the key that signed the update.
    case keyName
    /// Every name below the key's name.
    case belowKeyName
    /// The key's name and every name below it.
    case atOrBelowKeyName
    /// The reverse name of the address that the update came from.
    case reverse
    /// The reverse names of the /64 that the update came from.
    case reversePrefix
}

/// A condition on the type of a change.
package struct UpdateTypeOption: Hashable, Sendable {
    /// The type; ``RRType/any`` means all.
    package let type: RRType
    /// Most records of the type at one name after the update; nil: any number.
    package let maximum: Int?

    package init(type: RRType, maximum: Int? = nil) {
        self.type = type
        self.maximum = maximum
    }
}

extension ConfigurationScalar where Value == UpdateNameOption {
    /// A name, or one of the forms of ``UpdateNameOption``.
    package static var updateName: ConfigurationScalar<UpdateNameOption> {
        ConfigurationScalar("a name of an update rule") { text throws(ConfigurationProblem) in
            switch text {
            case "self": return .keyName
            case "*.self": return .belowKeyName
            case "**.self": return .atOrBelowKeyName
            case "reverse": return .reverse
            case "reverse-prefix": return .reversePrefix
            default: break
            }
            let name = ConfigurationScalar<Name>.name
            if text.hasPrefix("**.") { return .atOrBelow(try name.parse(String(text.dropFirst(3)))) }
            if text.hasPrefix("*.") { return .below(try name.parse(String(text.dropFirst(2)))) }
            return .exact(try name.parse(text))
        }
    }
}

extension ConfigurationScalar where Value == UpdateTypeOption {
    /// A type, or a type and the number of records: `TXT(4)`.
    package static var updateType: ConfigurationScalar<UpdateTypeOption> {
        ConfigurationScalar("a record type") { text throws(ConfigurationProblem) in
            let parts = text.split(separator: "(", maxSplits: 1, omittingEmptySubsequences: false)
            let mnemonic = parts.first.map(String.init) ?? ""
            guard let type = RRType(mnemonic: mnemonic) else {
                throw ConfigurationProblem("\(text.isEmpty ? "''" : mnemonic) is not a record type")
            }
            guard parts.count == 2 else { return UpdateTypeOption(type: type) }
            guard parts[1].hasSuffix(")"), let maximum = Int(parts[1].dropLast()), maximum > 0,
                maximum < 1 << 20
            else {
                throw ConfigurationProblem("\(text) has no number of records in its brackets")
            }
            return UpdateTypeOption(type: type, maximum: maximum)
        }
    }
}
