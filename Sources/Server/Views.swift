internal import Authority
internal import DNSCore
internal import Transport

/// A view: what some clients find otherwise than the rest.
struct ServingView: Sendable {
    let name: String
    private let clients: [IPPrefix]
    private let destinations: [ViewDestination]
    private let key: Name?
    let queryAccess: AccessList
    let recursionAccess: AccessList
    /// Which of our zones are seen.
    let zones: ViewZones

    init(_ section: ViewSection, outside: ServingState) {
        name = section.name
        clients = section.from
        destinations = section.listen
        key = section.key
        queryAccess =
            section.access.query.map { AccessList(sections: $0, otherwise: .refuse) } ?? outside.queryAccess
        recursionAccess =
            section.access.recursion.map { AccessList(sections: $0, otherwise: .refuse) }
            ?? outside.recursionAccess
        zones = section.zones
    }

    /// Whether a query belongs to this view.
    func holds(client: IPAddress, local: SocketAddress, key signer: Name?) -> Bool {
        if let key, key != signer { return false }
        if !clients.isEmpty, !clients.contains(where: { $0.contains(client) }) { return false }
        guard !destinations.isEmpty else { return true }
        let address = IPAddress(local)
        return destinations.contains { $0.address == address && $0.port ?? local.port == local.port }
    }
}

extension Worker {
    /// The number of the view that a query belongs to; 0: none.
    func view(of context: borrowing QueryContext, _ peer: Peer) -> Int {
        for (index, view) in state.views.enumerated()
        where view.holds(client: context.address, local: peer.local, key: context.keyName) {
            return index + 1
        }
        return 0
    }

    /// What the access list of the query's view says of its client.
    @inline(__always)
    func queryAction(_ context: borrowing QueryContext) -> AccessAction {
        if context.view > 0 {
            return state.views[context.view - 1].queryAccess.action(
                for: context.address, key: context.keyName)
        }
        if state.queryAccess.allowsEveryone { return .allow }
        return state.queryAccess.action(for: context.address, key: context.keyName)
    }

    /// Whether the client of a query may use recursion.
    @inline(__always)
    func mayUseRecursion(_ context: borrowing QueryContext) -> Bool {
        guard state.recursionEnabled else { return false }
        if context.view > 0 {
            let access = state.views[context.view - 1].recursionAccess
            return access.action(for: context.address, key: context.keyName) == .allow
        }
        return state.recursionAccess.action(for: context.address, key: context.keyName) == .allow
    }

    /// Whether the zone of ours that the name of ``key`` is in is seen in a view.
    func seesZone(inView view: Int) -> Bool {
        switch state.views[view - 1].zones {
        case .all: true
        case .none: false
        case .only(let names):
            catalog.enclosing(key).map { names.contains(catalog.apex($0).lowercased) } ?? true
        }
    }
}
