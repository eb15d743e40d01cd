package import DNSCore

/// What a DNS UPDATE that passed by would register.
package struct ObservedUpdate: Hashable, Sendable {
    package var id: UInt16
    /// Names that get an address.
    package var additions: [Name] = []
    /// Names that lose their addresses and get none in the same message.
    package var deletions: [Name] = []

    /// Names of one message that are looked at; what goes beyond is passed over.
    package static let nameLimit = 64

    /// Reads an UPDATE request; nil when it is not one, is malformed, or registers nothing.
    ///
    /// Hostile input.
    package init?(_ octets: borrowing RawSpan) {
        guard let layout = try? MessageView.survey(octets), layout.flags.opcode == .update,
            !layout.flags.contains(.response), layout.questionCount == 1,
            let zone = try? MessageView.name(in: octets, at: 12)
        else { return nil }
        id = layout.id
        var position = layout.answerEnd
        var removed: [Name] = []
        for _ in 0..<Int(layout.authorityCount) {
            guard let fixed = try? MessageView.skipName(octets, at: position),
                let type = octets.uint16(at: fixed),
                let recordClass = octets.uint16(at: fixed + 2), let length = octets.uint16(at: fixed + 8),
                let name = try? MessageView.name(in: octets, at: position)
            else { return nil }
            position = fixed + 10 + Int(length)
            guard name.isAtOrBelow(zone), additions.count + removed.count < Self.nameLimit else {
                continue
            }
            let isAddress = type == RRType.a.rawValue || type == RRType.aaaa.rawValue
            switch RRClass(rawValue: recordClass) {
            case .internet where isAddress:
                if !additions.contains(name) { additions.append(name) }
            case .any where isAddress || type == RRType.any.rawValue, .none where isAddress:
                if !removed.contains(name) { removed.append(name) }
            default: break
            }
        }
        deletions = removed.filter { !additions.contains($0) }
        if additions.isEmpty, deletions.isEmpty { return nil }
    }
}

/// Joins UPDATE requests to their responses: a registration counts only when the server that was asked has said
/// NOERROR (nts.md 2.5).
package struct UpdateObserver: Sendable {
    /// Which exchange a message belongs to.
    package struct Exchange: Hashable, Sendable {
        package var client: IPEndpoint
        package var server: IPAddress
        package var id: UInt16

        package init(client: IPEndpoint, server: IPAddress, id: UInt16) {
            self.client = client
            self.server = server
            self.id = id
        }
    }

    /// Only updates to these servers count; empty = any.
    package var servers: PrefixSet
    /// Requests without a response yet; the oldest give way.
    package let limit: Int
    private var waiting: [Exchange: (update: ObservedUpdate, due: Duration)] = [:]
    private var order: [(exchange: Exchange, due: Duration)] = []

    package init(servers: [IPPrefix] = [], limit: Int = 1024) {
        self.servers = PrefixSet(servers)
        self.limit = limit
    }

    /// Requests that wait for their response.
    package var waitingCount: Int { waiting.count }

    /// An UPDATE went from `client` to `server`.
    ///
    /// - Returns: whether it is remembered.
    @discardableResult
    package mutating func request(
        _ octets: borrowing RawSpan, client: IPEndpoint, server: IPAddress, now: Duration
    ) -> Bool {
        guard servers.isEmpty || servers.contains(server), let update = ObservedUpdate(octets) else {
            return false
        }
        expire(now)
        if waiting.count >= limit, let oldest = order.first {
            waiting[oldest.exchange] = nil
            order.removeFirst()
        }
        let exchange = Exchange(client: client, server: server, id: update.id)
        if waiting[exchange] == nil { order.append((exchange, now + .seconds(10))) }
        waiting[exchange] = (update, now + .seconds(10))
        return true
    }

    /// A response went from `server` to `client`.
    ///
    /// - Returns: what was registered; nil when nothing was, or nobody asked.
    package mutating func response(
        _ octets: borrowing RawSpan, client: IPEndpoint, server: IPAddress, now: Duration
    ) -> ObservedUpdate? {
        guard octets.byteCount >= 12, let id = octets.uint16(at: 0), let raw = octets.uint16(at: 2)
        else { return nil }
        let flags = HeaderFlags(rawValue: raw)
        guard flags.contains(.response), flags.opcode == .update else { return nil }
        let exchange = Exchange(client: client, server: server, id: id)
        guard let found = waiting.removeValue(forKey: exchange) else { return nil }
        order.removeAll { $0.exchange == exchange }
        return found.due > now && flags.responseCode == .noError ? found.update : nil
    }

    private mutating func expire(_ now: Duration) {
        while let first = order.first, first.due <= now {
            waiting[first.exchange] = nil
            order.removeFirst()
        }
    }
}
