package import DNSCore

/// Kinds of address records that a name was registered with.
package struct AddressTypes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let a = AddressTypes(rawValue: 1)
    package static let aaaa = AddressTypes(rawValue: 2)
    package static let both: AddressTypes = [.a, .aaaa]

    /// What record type `type` is; nothing for other records.
    init(_ type: RRType) {
        self = type == .a ? .a : type == .aaaa ? .aaaa : []
    }
}

/// What a DNS UPDATE that passed by would register.
package struct ObservedUpdate: Hashable, Sendable {
    package var id: UInt16
    /// Names that get addresses, and of which kinds.
    package var additions: [Name: AddressTypes] = [:]
    /// Names that lose addresses and get none of that kind in the same message.
    package var deletions: [Name: AddressTypes] = [:]

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
        for _ in 0..<Int(layout.authorityCount) {
            guard let fixed = try? MessageView.skipName(octets, at: position),
                let type = octets.uint16(at: fixed),
                let recordClass = octets.uint16(at: fixed + 2), let length = octets.uint16(at: fixed + 8),
                let name = try? MessageView.name(in: octets, at: position)
            else { return nil }
            position = fixed + 10 + Int(length)
            guard name.isAtOrBelow(zone), additions.count + deletions.count < Self.nameLimit else {
                continue
            }
            let types = AddressTypes(RRType(rawValue: type))
            let isAny = type == RRType.any.rawValue
            switch RRClass(rawValue: recordClass) {
            case .internet where !types.isEmpty:
                additions[name, default: []].formUnion(types)
            case .any where isAny || !types.isEmpty:
                deletions[name, default: []].formUnion(isAny ? .both : types)
            case .none where !types.isEmpty: deletions[name, default: []].formUnion(types)
            default: break
            }
        }
        for (name, types) in additions {
            deletions[name]?.subtract(types)
            if deletions[name]?.isEmpty == true { deletions[name] = nil }
        }
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
    private var waiting: [Exchange: (update: ObservedUpdate, link: UInt64?, due: Duration)] = [:]
    private var order: [(exchange: Exchange, due: Duration)] = []

    package init(servers: [IPPrefix] = [], limit: Int = 1024) {
        self.servers = PrefixSet(servers)
        self.limit = limit
    }

    /// Requests that wait for their response.
    package var waitingCount: Int { waiting.count }

    /// An UPDATE went from `client` to `server`.
    ///
    /// - Parameter link: the link-layer address that it came from, where it is known.
    /// - Returns: whether it is remembered.
    @discardableResult
    package mutating func request(
        _ octets: borrowing RawSpan, client: IPEndpoint, server: IPAddress, link: UInt64? = nil, now: Duration
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
        waiting[exchange] = (update, link, now + .seconds(10))
        return true
    }

    /// A response went from `server` to `client`.
    ///
    /// - Returns: what was registered, and from which link-layer address; nil when nothing was, or nobody asked.
    package mutating func response(
        _ octets: borrowing RawSpan, client: IPEndpoint, server: IPAddress, now: Duration
    ) -> (update: ObservedUpdate, link: UInt64?)? {
        guard octets.byteCount >= 12, let id = octets.uint16(at: 0), let raw = octets.uint16(at: 2)
        else { return nil }
        let flags = HeaderFlags(rawValue: raw)
        guard flags.contains(.response), flags.opcode == .update else { return nil }
        let exchange = Exchange(client: client, server: server, id: id)
        guard let found = waiting.removeValue(forKey: exchange) else { return nil }
        order.removeAll { $0.exchange == exchange }
        return found.due > now && flags.responseCode == .noError ? (found.update, found.link) : nil
    }

    private mutating func expire(_ now: Duration) {
        while let first = order.first, first.due <= now {
            waiting[first.exchange] = nil
            order.removeFirst()
        }
    }
}
