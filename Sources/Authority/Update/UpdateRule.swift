package import DNSCore

/// One rule of a zone's `update:` list: whom it concerns, which names and types, and what then happens.
///
/// Everything stated must hold for the rule to match; what is left out holds for anything.
package struct UpdateRule: Sendable, Hashable {
    /// What a matching rule does.
    package enum Action: String, Sendable, Hashable {
        case allow
        case refuse = "deny"
    }

    /// The key that must have signed.
    package var key: Name?
    /// Prefixes of which one must hold the source; empty = any.
    package var from: [IPPrefix]
    /// Names of which one must match; empty = any.
    package var names: [UpdateNameMatch]
    /// Types of which one must match; empty = any.
    package var types: [UpdateTypeMatch]
    package var action: Action

    package init(
        key: Name? = nil, from: [IPPrefix] = [], names: [UpdateNameMatch] = [], types: [UpdateTypeMatch] = [],
        action: Action = .allow
    ) {
        self.key = key
        self.from = from
        self.names = names
        self.types = types
        self.action = action
    }
}

/// Which owner names a rule concerns.
package enum UpdateNameMatch: Sendable, Hashable {
    /// `host.example.net.`: this name.
    case exact(Name)
    /// `*.example.net.`: every name below, at any depth, not the name itself (as RFC 4592 wildcards match).
    case below(Name)
    /// `**.example.net.`: the name itself and every name below.
    case atOrBelow(Name)
    /// `self`: the name of the key that signed.
    case keyName
    /// `**.self`: the name of the key that signed, and every name below.
    case atOrBelowKeyName
    /// `*.self`: every name below that of the key that signed.
    case belowKeyName
    /// `reverse`: the reverse name of the source address. Only for a source that cannot be forged: a stream or a
    /// signed message.
    case sourceReverse
    /// `reverse-prefix`: the reverse names of the source's /64 (IPv6) or of the address itself (IPv4), same condition.
    case sourceReversePrefix
}

/// A record type of a rule, and how many records of it a name may have.
package struct UpdateTypeMatch: Sendable, Hashable {
    /// ``RRType/any`` stands for all types.
    package var type: RRType
    /// Records of the type at one name, counted after the addition; nil = no limit of its own.
    package var count: Int?

    package init(_ type: RRType, count: Int? = nil) {
        self.type = type
        self.count = count
    }
}

extension UpdateNameMatch {
    /// Whether it concerns `owner` in an update of `requestor`.
    package func matches(_ owner: Name, _ requestor: UpdateRequestor) -> Bool {
        switch self {
        case .exact(let name): return owner == name
        case .below(let name): return owner.isBelow(name)
        case .atOrBelow(let name): return owner.isAtOrBelow(name)
        case .keyName: return owner == requestor.key
        case .atOrBelowKeyName: return requestor.key.map { owner.isAtOrBelow($0) } ?? false
        case .belowKeyName: return requestor.key.map { owner.isBelow($0) } ?? false
        case .sourceReverse:
            guard requestor.isStream || requestor.key != nil else { return false }
            return owner == requestor.source.unmapped.reverseName
        case .sourceReversePrefix:
            guard requestor.isStream || requestor.key != nil else { return false }
            let source = requestor.source.unmapped
            // A reverse name has one label for each of 32 hexadecimal digits: 16 of them are the /64, then ip6.arpa.
            return source.isIPv6
                ? owner.isAtOrBelow(source.reverseName.suffix(labels: 18)) : owner == source.reverseName
        }
    }
}

extension UpdateNameMatch: CustomStringConvertible {
    /// The configured form.
    package var description: String {
        switch self {
        case .exact(let name): "\(name)"
        case .below(let name): "*.\(name)"
        case .atOrBelow(let name): "**.\(name)"
        case .keyName: "self"
        case .atOrBelowKeyName: "**.self"
        case .belowKeyName: "*.self"
        case .sourceReverse: "reverse"
        case .sourceReversePrefix: "reverse-prefix"
        }
    }
}

extension UpdateRule: CustomStringConvertible {
    package var description: String {
        var parts: [String] = []
        if let key { parts.append("key: \(key)") }
        if !from.isEmpty { parts.append("from: [\(from.map { "\($0)" }.joined(separator: ", "))]") }
        if !names.isEmpty { parts.append("names: [\(names.map(\.description).joined(separator: ", "))]") }
        if !types.isEmpty {
            let list = types.map { match in match.count.map { "\(match.type)(\($0))" } ?? "\(match.type)" }
            parts.append("types: [\(list.joined(separator: ", "))]")
        }
        parts.append("action: \(action.rawValue)")
        return "{ \(parts.joined(separator: ", ")) }"
    }
}
