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
    private let routedPrefixes: [(prefix: IPPrefix, router: NTSConfiguration.Router)]
    private let routed: PrefixSet
    private let form: NTSConfiguration.Form
    private let port: UInt16

    private let memory: TargetMemory?

    /// - Parameter memory: where routers that announce themselves are found; nil: only those of the configuration count.
    package init(_ configuration: NTSConfiguration, memory: TargetMemory? = nil) {
        self.memory = memory
        isEnabled = configuration.isEnabled
        any = configuration.targets.any
        prefixes = PrefixSet(configuration.targets.prefixes)
        routers = Dictionary(
            configuration.targets.routers.map { ($0.address, $0) },
            uniquingKeysWith: { first, _ in first })
        let behind = configuration.targets.routers.flatMap { router in
            router.prefixes.map { (prefix: $0, router: router) }
        }
        routedPrefixes = behind.sorted { $0.prefix.length > $1.prefix.length }
        routed = PrefixSet(behind.map(\.prefix))
        form = configuration.form
        port = configuration.targetPort
    }

    /// Whether any answer for a name could be negotiated.
    ///
    /// False costs a caller nothing more.
    ///
    /// - Parameter isMarked: whether the name is in one of our zones marked `nts: true`.
    package func mayApply(zoneIsMarked isMarked: Bool) -> Bool {
        isEnabled
            && (isMarked || any || !prefixes.isEmpty || !routers.isEmpty || memory?.hasRegistrations == true)
    }

    /// Whether an answer with `address` is negotiated.
    ///
    /// Allocates nothing.
    package func applies(to address: IPAddress, zoneIsMarked isMarked: Bool) -> Bool {
        guard isEnabled, !address.isUnspecified, !address.isLoopback, !address.isMulticast,
            !address.isLinkLocal
        else {
            return false
        }
        return isMarked || any || prefixes.contains(address) || routed.contains(address)
            || routers[address] != nil
            || memory?.registeredRoute(to: address) != nil
    }

    /// How to reach the router of `address`: its entry, that of a prefix behind it, or the address itself.
    package func route(to address: IPAddress) -> Route {
        let listed = routers[address] ?? routedPrefixes.first { $0.prefix.contains(address) }?.router
        if let listed {
            return Route(
                endpoint: IPEndpoint(listed.address, port: listed.port), form: listed.form, key: listed.key,
                isListed: true)
        }
        if let registered = memory?.registeredRoute(to: address) { return registered }
        return Route(endpoint: IPEndpoint(address, port: port), form: form, key: nil, isListed: false)
    }
}
