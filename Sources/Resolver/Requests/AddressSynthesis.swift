internal import DNSCore

/// IPv6 addresses made from IPv4 ones for networks without IPv4 (DNS64, RFC 6147).
extension Resolver {
    /// Whether a request that found no AAAA records is to go on with A records; if so it does.
    func continuesWithIPv4(_ request: Request, at now: Moment) -> Bool {
        guard let dns64 = configuration.dns64, dns64.prefix.address.isIPv6, request.question.type == .aaaa,
            request.withoutSynthesis == nil, isFor(request, dns64), let last = request.parts.last
        else { return false }
        switch last.end {
        case .noData: break
        case .failure:
            // Servers that fail over AAAA alone are as if they had none (RFC 6147 5.1.2).
            if request.parts.count > 1 {
                guard case .alias = request.parts[request.parts.count - 2].end else { return false }
            }
        case .answer(let sets):
            let addresses = sets.filter { $0.type == .aaaa }.flatMap(\.addresses)
            guard !addresses.isEmpty,
                addresses.allSatisfy({ address in dns64.excluded.contains { $0.contains(address) } })
            else { return false }
        default: return false
        }
        request.withoutSynthesis = request.parts
        request.parts.removeLast()
        // Aliases on the way to the name stay in the answer.
        if !last.links.isEmpty {
            var links = last
            links.end = .alias(last.finalName)
            request.parts.append(links)
        }
        request.validated = request.parts.count
        request.currentName = last.finalName
        request.currentType = .a
        request.isValidating = false
        proceed(request, at: now)
        return true
    }

    /// Whether the clients of a request are among those that DNS64 is for.
    private func isFor(_ request: Request, _ dns64: AddressSynthesisConfiguration) -> Bool {
        if dns64.clients.isEmpty { return true }
        guard request.isPrivate else { return request.view & Resolver.synthesisView != 0 }
        return request.clients.contains { client in
            client.address.map { address in dns64.clients.contains { $0.contains(address) } } ?? false
        }
    }

    /// Turns the A records that a request has come to into AAAA records, or takes back the attempt.
    func synthesise(_ request: Request) {
        guard let original = request.withoutSynthesis, let prefix = configuration.dns64?.prefix else {
            return
        }
        guard var last = request.parts.last, case .answer(let sets) = last.end else {
            request.parts = original
            return
        }
        var made: [RecordSet] = []
        for set in sets where set.type == .a {
            var result = RecordSet(owner: set.owner, type: .aaaa, ttl: set.ttl)
            for address in set.addresses {
                if let embedded = Resolver.embed(address, in: prefix) { result.data.append(embedded.octets) }
            }
            if !result.data.isEmpty { made.append(result) }
        }
        guard !made.isEmpty else {
            request.parts = original
            return
        }
        last.end = .answer(made)
        last.proof = []
        last.security = .insecure
        request.parts[request.parts.count - 1] = last
        request.notes.append(ExtendedErrorNote(.synthesized, "DNS64"))
    }

    /// The prefix that a client's addresses are put behind; nil when DNS64 is not for it.
    func synthesisPrefix(_ client: Request.Client, view: UInt16) -> IPPrefix? {
        guard let dns64 = configuration.dns64, dns64.prefix.address.isIPv6 else { return nil }
        if dns64.clients.isEmpty { return dns64.prefix }
        return client.address.flatMap { address in
            dns64.clients.contains { $0.contains(address) } ? dns64.prefix : nil
        }
    }

    /// The IPv4 address that stands in `address` behind `prefix` (RFC 6052 2.2); nil when none does.
    static func extract(_ address: IPAddress, from prefix: IPPrefix) -> IPAddress? {
        guard address.isIPv6, prefix.contains(address), [32, 40, 48, 56, 64, 96].contains(prefix.length)
        else { return nil }
        let octets = address.octets
        var found: [UInt8] = []
        var position = prefix.length / 8
        while found.count < 4 {
            if position == 8 { position += 1 }
            guard position < 16 else { return nil }
            found.append(octets[position])
            position += 1
        }
        return IPAddress(octets: found)
    }

    /// The address with `address` behind `prefix` (RFC 6052 2.2); nil for lengths that the RFC does not have.
    static func embed(_ address: IPAddress, in prefix: IPPrefix) -> IPAddress? {
        guard address.isIPv4, [32, 40, 48, 56, 64, 96].contains(prefix.length) else { return nil }
        var octets = prefix.address.octets
        var position = prefix.length / 8
        for octet in address.octets {
            if position == 8 { position += 1 }  // bits 64 to 71 stay zero
            guard position < 16 else { return nil }
            octets[position] = octet
            position += 1
        }
        return IPAddress(octets: octets)
    }
}
