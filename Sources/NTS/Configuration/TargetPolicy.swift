package import DNSCore

/// Which answers are negotiated (nts.md 2.1), made once from the configuration and asked for every address answer.
package struct TargetPolicy: Sendable {
    /// A way to reach the router of an address.
    package struct Route: Hashable, Sendable {
        /// Where the notification goes.
        package var endpoint: IPEndpoint
        package var form: NTSConfiguration.Form
        /// Name of the TSIG key for v2.
        package var key: Name?
        /// Whether it is known by configuration to be an NTS router.
        package var isListed: Bool
    }

    private let isEnabled: Bool
    private let any: Bool
    private let prefixes: PrefixSet
    private let routers: [IPAddress: NTSConfiguration.Router]
    private var routed = PrefixTable<NTSConfiguration.Router>()
    private let form: NTSConfiguration.Form
    private let port: UInt16
    /// Routers that have announced themselves, as of the last ``refresh(from:now:)``.
    private var registered = RegisteredRouters()
    private var refreshed = Duration.zero

    /// The policy of a configuration, without routers that announce themselves.
    package init(_ configuration: NTSConfiguration) {
        isEnabled = configuration.isEnabled
        any = configuration.targets.any
        prefixes = PrefixSet(configuration.targets.prefixes)
        routers = Dictionary(
            configuration.targets.routers.map { ($0.address, $0) },
            uniquingKeysWith: { first, _ in first })
        form = configuration.form
        port = configuration.targetPort
        for router in configuration.targets.routers {
            for prefix in router.prefixes where routed[prefix] == nil { routed[prefix] = router }
        }
    }

    /// Takes over the announcements made since the last call.
    ///
    /// Costs one read when there are none. Where there are many routers the list is taken over once a second at most,
    /// as each time costs a copy of it.
    package mutating func refresh(from memory: TargetMemory, now: Duration) {
        guard memory.registrationVersion != registered.version else { return }
        guard registered.count < 1024 || now - refreshed >= .seconds(1) else { return }
        refreshed = now
        registered = memory.registeredRouters
    }

    /// Whether any answer for a name could be negotiated.
    ///
    /// False costs a caller nothing more.
    ///
    /// - Parameter isMarked: whether the name is in one of our zones marked `nts: true`.
    package func mayApply(zoneIsMarked isMarked: Bool) -> Bool {
        isEnabled
            && (isMarked || any || !prefixes.isEmpty || !routers.isEmpty || !registered.isEmpty)
    }

    /// Whether an answer with `address` is negotiated.
    ///
    /// Allocates nothing. Addresses of this host and link are only where the configuration means them, not by `any`.
    package func applies(to address: IPAddress, zoneIsMarked isMarked: Bool) -> Bool {
        guard isEnabled, !address.isUnspecified, !address.isMulticast else { return false }
        if isMarked || prefixes.contains(address) || routers[address] != nil { return true }
        if any, !address.isLoopback, !address.isLinkLocal { return true }
        if !routed.isEmpty, routed.longest(address) != nil { return true }
        return !registered.isEmpty && registered.route(to: address) != nil
    }

    /// How to reach the router of `address`: its entry, that of a prefix behind it, or the address itself.
    package func route(to address: IPAddress) -> Route {
        if let listed = routers[address] ?? routed.longest(address) {
            return Route(
                endpoint: IPEndpoint(listed.address, port: listed.port), form: listed.form, key: listed.key,
                isListed: true)
        }
        if let route = registered.route(to: address) { return route }
        return Route(endpoint: IPEndpoint(address, port: port), form: form, key: nil, isListed: false)
    }
}

/// Routers that have announced themselves (nts.md 2.6), by address and by the prefixes behind them.
package struct RegisteredRouters: Sendable {
    /// One of them.
    package struct Entry: Sendable {
        package var route: TargetPolicy.Route
        package var prefixes: [IPPrefix]
        /// When it is forgotten unless it announces itself again.
        package var expiry: Duration
        /// When its last announcement was signed, seconds since 1970: an older one is a replay.
        package var signedAt: UInt64
    }

    /// Changes when a router comes, goes or moves; not when one says again what it said before.
    package fileprivate(set) var version: UInt64 = 0
    /// By the router's address.
    package private(set) var entries: [IPAddress: Entry] = [:]
    private var behind = PrefixTable<IPAddress>()

    package init() {}

    /// Whether no router has announced itself.
    package var isEmpty: Bool { entries.isEmpty }
    /// Routers that have.
    package var count: Int { entries.count }

    /// The way to the router at `address`, or to that of the longest announced prefix around it.
    func route(to address: IPAddress) -> TargetPolicy.Route? {
        if let entry = entries[address] { return entry.route }
        guard !behind.isEmpty, let router = behind.longest(address) else { return nil }
        return entries[router]?.route
    }

    /// Enters or renews one.
    mutating func enter(_ entry: Entry) {
        let address = entry.route.endpoint.address
        if let old = entries[address], old.route == entry.route, old.prefixes == entry.prefixes {
            entries[address]?.expiry = entry.expiry
            entries[address]?.signedAt = entry.signedAt
            return
        }
        remove(address)
        entries[address] = entry
        // The first to announce a prefix keeps it.
        for prefix in entry.prefixes where behind[prefix] == nil { behind[prefix] = address }
        version &+= 1
    }

    /// Forgets one.
    mutating func remove(_ address: IPAddress) {
        guard let old = entries.removeValue(forKey: address) else { return }
        for prefix in old.prefixes where behind[prefix] == address { behind[prefix] = nil }
        version &+= 1
    }

    /// Forgets those that have not announced themselves again in time.
    mutating func sweep(now: Duration) {
        for (address, entry) in entries where entry.expiry <= now { remove(address) }
    }
}
