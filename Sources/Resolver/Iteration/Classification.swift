internal import DNSCore

/// What a response means for the fetch that asked.
enum Reading {
    /// The end of this fetch.
    case outcome(Outcome)
    /// Another zone's servers know more.
    case referral(zone: Name, servers: RecordSet, glue: [RecordSet], signed: [RecordSet])
    /// The server does not serve the zone.
    case lame(String)
    /// The server recurses instead of being authoritative; what it said may serve if nothing better comes.
    case recursive(Outcome)
    /// The server reports an error.
    case error(ResponseCode)
    /// The response contradicts itself.
    case nonsense(String)
}

/// Reads responses: keeps only what the servers of the zone asked have a say in (bailiwick), and what belongs
/// to the question.
///
/// Everything else is dropped here and never reaches the cache.
struct Classification {
    let name: Name
    let type: RRType
    let zone: Name
    /// From a forwarder: everything was resolved for us.
    let isForwarded: Bool
    /// Aliases that one response may chain.
    let aliasLimit: Int
    /// Whom the response is from.
    let server: IPEndpoint
    /// The question told of a client's subnet.
    let isToldSubnet: Bool

    func read(_ message: UpstreamMessage, metrics: inout ResolverMetrics) -> Reading {
        switch message.responseCode {
        case .noError, .nameError, .yxDomain: break
        default: return .error(message.responseCode)
        }
        let isAuthoritative = message.flags.contains(.authoritative)
        let answers = inBailiwick(message.answers, &metrics)
        let authorities = inBailiwick(message.authorities, &metrics)

        var outcome = Outcome(end: .noData, finalName: name)
        outcome.zone = zone
        outcome.server = server
        outcome.malformedRecords = message.malformedRecords
        outcome.isForOneSubnet = isToldSubnet && message.subnetScope > 0
        if !authorities.isEmpty {
            outcome.proof = authorities.filter { $0.type == .soa || $0.type == .nsec || $0.type == .nsec3 }
        }

        // The aliases, as far as this response and the bailiwick go.
        var found: [RecordSet] = []
        var isChained = !answers.isEmpty
        while isChained {
            isChained = false
            // Below a DNAME nothing else counts: the CNAME beside it is made from it (RFC 6672 3.1).
            let dname = answers.first { $0.type == .dname && outcome.finalName.isBelow($0.owner) }
            if dname == nil, type == .any {
                found = answers.filter { $0.owner == outcome.finalName }
                if !found.isEmpty { break }
            }
            if dname == nil,
                let index = answers.firstIndex(where: { $0.type == type && $0.owner == outcome.finalName })
            {
                // Mostly all that there is.
                found = answers.count == 1 ? answers : [answers[index]]
                break
            }
            guard outcome.links.count < 2 * aliasLimit else {
                return .nonsense("too many aliases in one response")
            }
            if let dname, let target = dname.target {
                outcome.links.append(dname)
                guard let next = outcome.finalName.replacingSuffix(dname.owner, with: target) else {
                    outcome.end = .tooLongName
                    return .outcome(outcome)
                }
                var alias = RecordSet(owner: outcome.finalName, type: .cname, ttl: dname.ttl)
                alias.data.append(next.wire)
                alias.credibility = dname.credibility
                if type == .cname || type == .any {
                    found = [alias]
                    break
                }
                outcome.links.append(alias)
                guard follow(next, &outcome) else { return .nonsense("aliases form a loop") }
                isChained = true
            } else if let cname = answers.first(where: { $0.type == .cname && $0.owner == outcome.finalName }
            ),
                let target = cname.target
            {
                var link = cname
                // One name has one alias.
                if link.data.count > 1, let first = link.data.first {
                    var data = PackedData()
                    data.append(first)
                    link.data = data
                }
                outcome.links.append(link)
                guard follow(target, &outcome) else { return .nonsense("aliases form a loop") }
                isChained = true
            }
            if isChained, !outcome.finalName.isAtOrBelow(zone) {
                outcome.end = .alias(outcome.finalName)
                outcome.proof = proofForWildcard(outcome, authorities)
                return .outcome(outcome)
            }
        }
        let recurses = message.flags.contains(.recursionAvailable) && !isAuthoritative && !isForwarded
        if !found.isEmpty {
            outcome.end = .answer(found)
            return recurses ? .recursive(outcome) : .outcome(outcome)
        }
        if message.responseCode == .yxDomain { return .error(.yxDomain) }

        let soa = authorities.first { $0.type == .soa && outcome.finalName.isAtOrBelow($0.owner) }
        outcome.negativeTTL = soa?.negativeTTL ?? 0
        if !outcome.links.isEmpty {
            guard soa != nil || message.responseCode == .nameError && isForwarded else {
                outcome.end = .alias(outcome.finalName)
                return .outcome(outcome)
            }
            outcome.end = message.responseCode == .nameError ? .nameError : .noData
            return .outcome(outcome)
        }
        if message.responseCode == .nameError {
            outcome.end = .nameError
            return recurses && soa == nil ? .recursive(outcome) : .outcome(outcome)
        }
        if soa != nil { return recurses ? .recursive(outcome) : .outcome(outcome) }
        if isForwarded { return .outcome(outcome) }
        if let servers = message.authorities.first(where: { $0.type == .ns && name.isAtOrBelow($0.owner) }) {
            if servers.owner.isBelow(zone) {
                if type == .ds, servers.owner == name { return .outcome(outcome) }
                return .referral(
                    zone: servers.owner.lowercased, servers: servers,
                    glue: glue(for: servers, in: message, &metrics),
                    signed: authorities.filter { $0.type == .ds || $0.type == .nsec || $0.type == .nsec3 })
            }
            if servers.owner == zone {
                return isAuthoritative ? .outcome(outcome) : .lame("referral to the zone itself")
            }
            return .lame("referral upwards")
        }
        if message.authorities.contains(where: { $0.type == .ns }) { return .lame("referral elsewhere") }
        return recurses ? .recursive(outcome) : .outcome(outcome)
    }

    /// Goes to the next name of a chain; false when it has been there before.
    private func follow(_ next: Name, _ outcome: inout Outcome) -> Bool {
        outcome.finalName = next
        return !outcome.links.contains { $0.type == .cname && $0.owner == next }
    }

    /// A chain that leaves the zone keeps only what proves its wildcards.
    private func proofForWildcard(_ outcome: Outcome, _ authorities: [RecordSet]) -> [RecordSet] {
        outcome.proof.filter { $0.type != .soa }
    }

    private func inBailiwick(_ sets: [RecordSet], _ metrics: inout ResolverMetrics) -> [RecordSet] {
        guard !zone.isRoot, !sets.allSatisfy({ $0.owner.isAtOrBelow(zone) }) else { return sets }
        return sets.filter { set in
            if set.owner.isAtOrBelow(zone) { return true }
            metrics.outOfBailiwick += 1
            return false
        }
    }

    /// Addresses of the referral's servers that the asked servers have a say in.
    private func glue(
        for servers: RecordSet, in message: UpstreamMessage, _ metrics: inout ResolverMetrics
    ) -> [RecordSet] {
        let names = servers.targets
        return message.additionals.filter { set in
            guard set.type == .a || set.type == .aaaa, names.contains(set.owner) else { return false }
            if set.owner.isAtOrBelow(zone) { return true }
            metrics.outOfBailiwick += 1
            return false
        }
    }
}
