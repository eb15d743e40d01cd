internal import DNSCore

/// What an access list says of a client.
enum AccessAction: Sendable {
    case allow
    /// Answer REFUSED.
    case refuse
    /// Send nothing.
    case drop
}

/// Who may do something: rules in order, the first that matches decides.
struct AccessList: Sendable {
    /// One rule: a network, or a TSIG key, or both.
    struct Rule: Sendable {
        /// Networks it holds for; nil = any.
        var prefix: IPPrefix?
        /// The key that must have signed the message; nil = none needed.
        var key: Name?
        var action: AccessAction

        init(prefix: IPPrefix?, key: Name? = nil, action: AccessAction) {
            self.prefix = prefix
            self.key = key
            self.action = action
        }
    }

    let rules: [Rule]
    private let fallback: AccessAction
    /// Whether every client is allowed whatever its address, so that nothing need be looked up.
    let allowsEveryone: Bool

    /// - Parameters:
    ///   - rules: in order.
    ///   - fallback: what holds when no rule matches.
    init(_ rules: [Rule], otherwise fallback: AccessAction) {
        self.rules = rules
        self.fallback = fallback
        let leading = rules.prefix { $0.action == .allow && $0.key == nil }
        func covers(_ isIPv6: Bool) -> Bool {
            leading.contains { rule in
                guard let prefix = rule.prefix else { return true }
                return prefix.length == 0 && prefix.address.isIPv6 == isIPv6
            }
        }
        let isOpen = rules.isEmpty && fallback == .allow
        allowsEveryone = isOpen || (covers(false) && covers(true))
    }

    /// The decision for a client that sent from `address`, signed with `key` when it did.
    func action(for address: IPAddress, key: Name? = nil) -> AccessAction {
        for rule in rules {
            if let prefix = rule.prefix, !prefix.contains(address) { continue }
            if let needed = rule.key, needed != key { continue }
            return rule.action
        }
        return fallback
    }
}
