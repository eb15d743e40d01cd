package import DNSCore
internal import DNSSecurity

/// Who may change what in a zone: a list of rules, the first that matches decides; no match is REFUSED (RFC 2136 3.3).
///
/// Each record of the update section is judged on its own, and one that is refused refuses the message. Deletion of a
/// whole name is judged for every type the name has.
package struct UpdatePolicy: Sendable {
    /// What happens to additions of private addresses that come from a public source.
    package enum PrivateAddresses: String, Sendable {
        /// Taken as they are.
        case accept
        /// REFUSED.
        case refuse
        /// The source address of the message takes their place, in records of its family.
        case replace
    }

    /// In the order in which they are tried.
    package var rules: [UpdateRule]
    package var privateAddresses: PrivateAddresses

    package init(rules: [UpdateRule] = [], privateAddresses: PrivateAddresses = .accept) {
        self.rules = rules
        self.privateAddresses = privateAddresses
    }

    /// Whether any rule could allow anything to `requestor`: the cheap question before an update takes a
    /// place in the queue.
    ///
    /// Its refusal says which key or source was looked for.
    package func admits(_ requestor: UpdateRequestor) -> Result<Void, UpdateReason> {
        if requestor.isOperator { return .success(()) }
        for rule in rules where rule.identifies(requestor) == nil && rule.action == .allow {
            return .success(())
        }
        return .failure(
            .refused(UpdateDenial(owner: nil, type: nil, requestor: requestor, decidedBy: nil, of: rules)))
    }

    /// Judges one record.
    ///
    /// - Parameter present: records of the type at the owner now, for rules with a count.
    func check(
        owner: Name, type: RRType, adding: Bool, present: Int, requestor: UpdateRequestor
    ) -> UpdateDenial? {
        if requestor.isOperator { return nil }
        for (index, rule) in rules.enumerated()
        where rule.mismatch(owner: owner, type: type, adding: adding, present: present, requestor: requestor)
            == nil
        {
            guard rule.action == .refuse else { return nil }
            return UpdateDenial(
                owner: owner, type: type, requestor: requestor, decidedBy: index + 1, of: rules)
        }
        return UpdateDenial(owner: owner, type: type, requestor: requestor, decidedBy: nil, of: rules)
    }

    /// Judges the deletion of a name that has no records: the first rule for this requestor and name decides, whatever
    /// its types.
    func check(nameWithoutRecords owner: Name, requestor: UpdateRequestor) -> UpdateDenial? {
        if requestor.isOperator { return nil }
        for (index, rule) in rules.enumerated() where rule.identifies(requestor) == nil {
            guard rule.names.isEmpty || rule.names.contains(where: { $0.matches(owner, requestor) }) else {
                continue
            }
            guard rule.action == .refuse else { return nil }
            return UpdateDenial(
                owner: owner, type: .any, requestor: requestor, decidedBy: index + 1, of: rules)
        }
        return UpdateDenial(owner: owner, type: .any, requestor: requestor, decidedBy: nil, of: rules)
    }

    /// Says of each rule in order whether it matches a change of `type` at `owner`, and why not; ends with
    /// the one that decides.
    ///
    /// What `update explain` prints.
    package func explain(
        owner: Name, type: RRType, present: Int = 0, requestor: UpdateRequestor
    ) -> UpdateExplanation {
        var lines: [String] = []
        for (index, rule) in rules.enumerated() {
            guard
                let mismatch = rule.mismatch(
                    owner: owner, type: type, adding: true, present: present, requestor: requestor)
            else {
                lines.append("rule \(index + 1) \(rule): matches")
                return UpdateExplanation(isAllowed: rule.action == .allow, decidedBy: index + 1, lines: lines)
            }
            lines.append("rule \(index + 1) \(rule): no match, \(mismatch)")
        }
        lines.append("no rule matches: refused")
        return UpdateExplanation(isAllowed: false, decidedBy: nil, lines: lines)
    }
}

/// How the rules judge a change, rule by rule.
package struct UpdateExplanation: Sendable, Equatable {
    package var isAllowed: Bool
    /// The rule that decided, from 1; nil when none matched.
    package var decidedBy: Int?
    /// One line for each rule that was looked at.
    package var lines: [String]
}

/// Why a rule does not match.
package enum UpdateMismatch: Sendable, Equatable {
    /// The rule wants this key; the message was signed with that one, or with none.
    case key(wanted: Name, signed: Name?)
    /// The rule wants a source in one of these prefixes.
    case source(wanted: [IPPrefix], was: IPAddress)
    /// The owner is the reverse name of the source, but the source could be forged.
    case forgeable(Name)
    /// The owner is none of the rule's names.
    case name(Name)
    /// The type is none of the rule's types.
    case type(RRType)
    /// The name has, or would have, more records of the type than the rule allows.
    case count(RRType, limit: Int)
}

extension UpdateMismatch: CustomStringConvertible {
    package var description: String {
        switch self {
        case .key(let wanted, let signed?): "it wants key \(wanted), the message is signed with \(signed)"
        case .key(let wanted, nil): "it wants key \(wanted), the message is not signed"
        case .source(let wanted, let was):
            "it wants a source in \(wanted.map { "\($0)" }.joined(separator: ", ")), this is \(was)"
        case .forgeable(let name): "\(name) by the source alone needs TCP or a signature"
        case .name(let name): "\(name) is none of its names"
        case .type(let type): "\(type) is none of its types"
        case .count(let type, let limit): "more than \(limit) \(type) at the name"
        }
    }
}

extension UpdateRule {
    /// Why the rule does not concern `requestor`; nil when it does.
    func identifies(_ requestor: UpdateRequestor) -> UpdateMismatch? {
        if let key, requestor.key != key { return .key(wanted: key, signed: requestor.key) }
        let source = requestor.source.unmapped
        guard from.isEmpty || from.contains(where: { $0.contains(source) }) else {
            return .source(wanted: from, was: source)
        }
        return nil
    }

    /// Why the rule does not match a change; nil when it does.
    func mismatch(
        owner: Name, type: RRType, adding: Bool, present: Int, requestor: UpdateRequestor
    ) -> UpdateMismatch? {
        if let mismatch = identifies(requestor) { return mismatch }
        guard names.isEmpty || names.contains(where: { $0.matches(owner, requestor) }) else {
            var sure = requestor
            sure.isStream = true
            return names.contains { $0.matches(owner, sure) } ? .forgeable(owner) : .name(owner)
        }
        guard !types.isEmpty else { return nil }
        guard let match = types.first(where: { $0.type == type || $0.type == .any }) else {
            return .type(type)
        }
        if let limit = match.count, adding, present >= limit { return .count(type, limit: limit) }
        return nil
    }
}

/// A refusal by the policy, with what it takes to find the cause.
package struct UpdateDenial: Sendable, Equatable {
    /// The record that was refused; nil when the requestor has no rule at all.
    package var owner: Name?
    package var type: RRType?
    package var requestor: UpdateRequestor
    /// The rule that refused, from 1; nil when none matched.
    package var decidedBy: Int?
    /// The rules that were tried.
    package var rules: [UpdateRule]

    init(owner: Name?, type: RRType?, requestor: UpdateRequestor, decidedBy: Int?, of rules: [UpdateRule]) {
        self.owner = owner
        self.type = type
        self.requestor = requestor
        self.decidedBy = decidedBy
        self.rules = rules
    }
}

extension UpdateDenial: CustomStringConvertible {
    /// One line: what, who, and the rule that decided or the nearest miss.
    package var description: String {
        let signer =
            switch (requestor.key, requestor.algorithm) {
            case (let key?, let algorithm?): "key \(key) \(algorithm.label)"
            case (let key?, nil): "key \(key)"
            default: "unsigned"
            }
        let what = if let owner, let type { "\(owner) \(type)" } else { "update" }
        let who = "from \(requestor.source) (\(signer))"
        if let decidedBy, rules.indices.contains(decidedBy - 1) {
            return "\(what) \(who): refused by rule \(decidedBy) \(rules[decidedBy - 1])"
        }
        guard !rules.isEmpty else { return "\(what) \(who): the zone has no update rules" }
        let misses = rules.prefix(4).enumerated().map { index, rule in
            let mismatch =
                if let owner, let type {
                    rule.mismatch(owner: owner, type: type, adding: true, present: .max, requestor: requestor)
                } else {
                    rule.identifies(requestor)
                }
            return "rule \(index + 1): \(mismatch.map { "\($0)" } ?? "refuses")"
        }
        return "\(what) \(who): no rule matches; \(misses.joined(separator: "; "))"
    }
}
