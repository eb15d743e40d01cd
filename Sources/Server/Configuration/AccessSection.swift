package import DNSCore
package import Operations

/// The `access` section.
///
/// In each list the first rule that matches decides; when none does, the client is refused.
package struct AccessSection: ConfigurationRecord {
    /// Who may ask at all.
    ///
    /// Default: everyone.
    package let query: [AccessRuleSection]
    /// Who may also ask for names that are not ours.
    ///
    /// Default: this machine.
    package let recursion: [AccessRuleSection]
    /// Transports over which updates without a TSIG signature are looked at.
    ///
    /// Over HTTPS the sender is often not who the address says. Signed updates are judged alike over all.
    package let unsignedUpdates: Set<ListenProtocolOption>

    package init(_ section: ConfigurationSection) {
        let queryRules: [AccessRuleSection] = section.records("query")
        let recursionRules: [AccessRuleSection] = section.records("recursion")
        unsignedUpdates = Set(
            section.list("unsigned-updates", .choice, default: [ListenProtocolOption.udp, .tcp, .tls]))
        query = section.has("query") ? queryRules : AccessRuleSection.everyone
        recursion = section.has("recursion") ? recursionRules : AccessRuleSection.thisMachine
    }
}

/// One rule of an access list.
///
/// All of its conditions must hold; a rule without conditions matches everyone.
package struct AccessRuleSection: ConfigurationRecord, Hashable {
    /// The client's address lies in one of these prefixes.
    ///
    /// Empty: any address.
    package let from: [IPPrefix]
    /// The message is signed with this TSIG key, and the signature is good.
    package let key: Name?
    /// What happens then.
    package let action: AccessActionOption

    package init(_ section: ConfigurationSection) {
        from = section.list("from", .prefix)
        key = section.keyReference()
        action = section.value("action", .choice, default: .allow)
    }

    /// A rule for tests and defaults.
    package init(from: [IPPrefix], key: Name? = nil, action: AccessActionOption = .allow) {
        self.from = from
        self.key = key
        self.action = action
    }

    /// Whether the rule applies to a message from `address`, signed with `signer` if not nil.
    package func matches(_ address: IPAddress, signer: Name?) -> Bool {
        (from.isEmpty || from.contains { $0.contains(address) }) && (key == nil || key == signer)
    }

    static let everyone = [AccessRuleSection(from: [])]
    static let thisMachine = [
        AccessRuleSection(from: [IPPrefix(.loopbackIPv4, length: 8), IPPrefix(.loopbackIPv6)])
    ]
}

/// What an access rule does.
package enum AccessActionOption: String, ConfigurationChoice {
    /// Go on.
    case allow
    /// Answer REFUSED.
    case refuse
    /// Answer nothing.
    case drop
}
