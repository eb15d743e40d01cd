package import DNSCore
package import Operations

/// The `access` section. In each list the first rule that matches decides; when none does, the client is refused.
package struct AccessConfiguration: ConfigurationRecord {
    /// Who may ask at all. Default: everyone.
    package let query: [AccessRule]
    /// Who may also ask for names that are not ours. Default: this machine.
    package let recursion: [AccessRule]

    package init(_ section: ConfigurationSection) {
        let queryRules: [AccessRule] = section.records("query")
        let recursionRules: [AccessRule] = section.records("recursion")
        query = section.has("query") ? queryRules : AccessRule.everyone
        recursion = section.has("recursion") ? recursionRules : AccessRule.thisMachine
    }
}

/// One rule of an access list. All of its conditions must hold; a rule without conditions matches everyone.
package struct AccessRule: ConfigurationRecord, Hashable {
    /// The client's address lies in one of these prefixes. Empty: any address.
    package let from: [IPPrefix]
    /// The message is signed with this TSIG key, and the signature is good.
    package let key: Name?
    /// The message came by one of these. Empty: any.
    package let protocols: Set<ListenProtocol>
    /// What happens then.
    package let action: AccessAction

    package init(_ section: ConfigurationSection) {
        from = section.list("from", .prefix)
        key = section.keyReference()
        protocols = Set(section.list("protocols", .choice))
        action = section.value("action", .choice, default: .allow)
    }

    /// A rule for tests and defaults.
    package init(from: [IPPrefix], key: Name? = nil, action: AccessAction = .allow) {
        self.from = from
        self.key = key
        protocols = []
        self.action = action
    }

    /// Whether the rule applies to a message from `address`, signed with `signer` if not nil.
    package func matches(_ address: IPAddress, signer: Name?, over transport: ListenProtocol) -> Bool {
        (from.isEmpty || from.contains { $0.contains(address) })
            && (key == nil || key == signer)
            && (protocols.isEmpty || protocols.contains(transport))
    }

    static let everyone = [AccessRule(from: [])]
    static let thisMachine = [
        AccessRule(from: [IPPrefix(.loopbackIPv4, length: 8), IPPrefix(.loopbackIPv6)])
    ]
}

/// What an access rule does.
package enum AccessAction: String, ConfigurationChoice {
    /// Go on.
    case allow
    /// Answer REFUSED.
    case refuse
    /// Answer nothing.
    case drop
}
