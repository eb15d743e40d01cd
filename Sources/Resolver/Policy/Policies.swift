package import DNSCore

/// All response policy zones, first one first: the first zone with a match decides, and within a zone the client's
/// address before the name, before the answer's addresses, before the servers' names, before the servers' addresses.
package struct Policies: Sendable {
    /// A match.
    struct Decision {
        let action: PolicyAction
        let zone: Int
    }

    private let zones: [PolicyZone]

    /// Makes zones ready to be looked up, once for all resolvers.
    package init(_ configurations: [PolicyZoneConfiguration]) {
        self.init(configurations.map { PolicyZone($0) })
    }

    /// Those of the zones whose names, in lower case, `isKept` wants; nothing is made ready again.
    package func only(_ isKept: (Name) -> Bool) -> Policies {
        Policies(zones.filter { isKept($0.origin.lowercased) })
    }

    private init(_ zones: [PolicyZone]) {
        self.zones = zones
        hasClientTriggers = zones.contains { $0.hasClientTriggers }
        hasAnswerTriggers = zones.contains { $0.hasAnswerTriggers }
    }

    var isEmpty: Bool { zones.isEmpty }
    /// Whether answers may depend on who asks.
    let hasClientTriggers: Bool

    func matchesClient(_ address: IPAddress) -> Bool { zones.contains { $0.client(address) != nil } }

    /// What can be said before anything is resolved.
    func decide(name: Name, client: IPAddress?) -> Decision? {
        for (index, zone) in zones.enumerated() {
            if let client, let action = zone.client(client) { return Decision(action: action, zone: index) }
            if let action = zone.name(name) { return Decision(action: action, zone: index) }
        }
        return nil
    }

    /// Whether a zone before `decision`'s could still match by what the answer holds.
    func mustResolve(before decision: Decision) -> Bool {
        zones.prefix(decision.zone).contains { $0.hasAnswerTriggers }
    }

    /// Whether anything at all depends on the answer.
    let hasAnswerTriggers: Bool

    /// What the answer's addresses and its zones' servers lead to, in zones before `limit`.
    func decide(
        addresses: [IPAddress], serverNames: [Name], serverAddresses: [IPAddress], before limit: Int?
    ) -> Decision? {
        for (index, zone) in zones.enumerated() where index < limit ?? zones.count {
            for address in addresses {
                if let action = zone.answer(address) { return Decision(action: action, zone: index) }
            }
            for name in serverNames {
                if let action = zone.server(name) { return Decision(action: action, zone: index) }
            }
            for address in serverAddresses {
                if let action = zone.server(address) { return Decision(action: action, zone: index) }
            }
        }
        return nil
    }

    func startOfAuthority(_ decision: Decision) -> RecordSet? { zone(decision)?.startOfAuthority }

    /// The name of a decision's zone, if its matches are to be logged.
    func loggedZone(_ decision: Decision) -> Name? {
        zone(decision).flatMap { $0.isLogged ? $0.origin : nil }
    }

    /// The zone of a decision; nil when the zones have been replaced since.
    func zone(_ decision: Decision) -> PolicyZone? {
        zones.indices.contains(decision.zone) ? zones[decision.zone] : nil
    }
}

extension Resolver {
    /// The part of the cache's key that stands for the policies over a client: give it to
    /// ``ResolverCache/answer(to:type:options:view:at:into:)`` and to
    /// ``start(_:options:token:client:view:at:)``.
    ///
    /// The configuration's number for everyone whose address no policy names; others are never answered from the cache.
    package func view(of client: IPAddress) -> UInt16 {
        if policies.hasClientTriggers, policies.matchesClient(client) { return Resolver.privateView }
        guard let dns64 = configuration.dns64, !dns64.clients.isEmpty else { return configuration.view }
        return dns64.clients.contains { $0.contains(client) }
            ? configuration.view | Resolver.synthesisView : configuration.view
    }

    /// Marks the views of clients that DNS64 is for, when it is not for all.
    static let synthesisView: UInt16 = 0x4000
    /// The view whose answers are not kept.
    static let privateView: UInt16 = 0xffff

    /// The answer that a decision makes of a question; nil when the question is to be resolved (on).
    ///
    /// - Parameters:
    ///   - aliases: the way from the question's name to the one that is decided about.
    ///   - name: that name, where it is not the question's.
    func answer(
        _ decision: Policies.Decision, _ question: Question, behind aliases: [RecordSet] = [],
        at name: Name? = nil
    ) -> ResolverAnswer? {
        guard let zone = policies.zone(decision) else { return nil }
        metrics.policyHits += 1
        var answer = ResolverAnswer(.noError)
        if let code = zone.extendedError { answer.errors = [ExtendedErrorNote(code)] }
        answer.policy = policies.loggedZone(decision)
        switch decision.action {
        case .passThrough: return nil
        case .drop:
            answer.disposition = .drop
            return answer
        case .tcpOnly:
            answer.disposition = .truncate
            return answer
        case .nameError, .noData:
            if case .nameError = decision.action { answer.responseCode = .nameError }
            var authority: [RecordSet] = []
            if let soa = policies.startOfAuthority(decision) { authority = [soa] }
            answer.sections = writer.write(
                question, answer: aliases, authority: authority, withSignatures: false)
            return answer
        case .localData(let sets):
            if redirection(decision, question) != nil { return nil }
            if !answer.errors.isEmpty { answer.errors = [ExtendedErrorNote(.forgedAnswer)] }
            var wanted = sets.filter { $0.type == question.type || question.type == .any }
            for index in wanted.indices { wanted[index].owner = name ?? question.name }
            var authority: [RecordSet] = []
            if wanted.isEmpty, let soa = policies.startOfAuthority(decision) { authority = [soa] }
            answer.sections = writer.write(
                question, answer: aliases + wanted, authority: authority, withSignatures: false)
            return answer
        }
    }

    /// The CNAME that a decision puts in place of a name's records; a wildcard target takes the name in front.
    func redirection(_ decision: Policies.Decision, _ question: Question) -> Outcome? {
        guard case .localData(let sets) = decision.action, question.type != .cname,
            var link = sets.first(where: { $0.type == .cname }), var target = link.target
        else { return nil }
        if target.isWildcard, let suffix = target.parent {
            guard let joined = suffix.prefixed(by: question.name) else { return nil }
            target = joined
            link.data = PackedData()
            link.data.append(target.wire)
        }
        link.owner = question.name
        var outcome = Outcome(end: .alias(target), finalName: target)
        outcome.links = [link]
        outcome.security = .insecure
        return outcome
    }

    /// What policies make of a resolved request; nil leaves it as it is.
    func policyAnswer(_ request: Request, at now: Moment) -> ResolverAnswer? {
        guard !policies.isEmpty, !request.isPastPolicies else { return nil }
        var addresses: [IPAddress] = []
        var serverNames: [Name] = []
        var serverAddresses: [IPAddress] = []
        for part in request.parts {
            if case .answer(let sets) = part.end {
                for set in sets where set.type == .a || set.type == .aaaa { addresses += set.addresses }
            }
            guard policies.hasAnswerTriggers else { continue }
            for delegation in delegations(above: part.finalName, at: now) {
                serverNames += delegation.servers.map(\.name)
                serverAddresses += delegation.servers.flatMap(\.addresses)
            }
        }
        let late = policies.decide(
            addresses: addresses, serverNames: serverNames, serverAddresses: serverAddresses,
            before: request.pendingPolicy?.zone)
        guard let decision = late ?? request.pendingPolicy else { return nil }
        let name = late == nil ? request.policyName : request.parts.last?.finalName
        guard let name, name != request.question.name else { return answer(decision, request.question) }
        var aliases: [RecordSet] = []
        for link in request.parts.flatMap(\.links) {
            aliases.append(link)
            if link.type == .cname, link.target == name { break }
        }
        return answer(decision, request.question, behind: aliases, at: name)
    }
}
