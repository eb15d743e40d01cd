package import DNSCore

/// What the resolver is told: the sections `recursion`, `dnssec`, `cache`, `local`, `rpz` and `dns64` of the
/// configuration, as checked values with every default filled in.
package struct ResolverConfiguration: Sendable {
    /// Ask servers over IPv4.
    package var usesIPv4 = true
    /// Ask servers over IPv6.
    package var usesIPv6 = true
    /// Where iteration starts.
    package var rootHints: [ServerHint] = RootHints.builtin
    package var minimisation = Minimisation.relaxed
    /// Mix upper and lower case in questions and demand it back (0x20).
    ///
    /// Servers that fail it are asked without.
    package var mixesCase = false
    /// Zones whose servers are given: asked iteratively.
    package var stubZones: [ConfiguredZone] = []
    /// Zones whose questions go to other resolvers, with RD.
    package var forwardZones: [ConfiguredZone] = []
    /// Addresses never asked.
    ///
    /// Servers of stub and forward zones are exempt.
    package var neverAsked: [IPPrefix] = []
    /// Addresses removed from answers (rebinding), unless the name lies in ``privateDomains``.
    package var privateAddresses: [IPPrefix] = []
    package var privateDomains: [Name] = []
    /// Send cookies to servers, and demand them back from those that know them (RFC 7873).
    package var sendsCookies = true
    /// EDNS UDP payload size offered to servers, in octets.
    package var payloadSize: UInt16 = 1232
    /// Answer the names of RFC 6761, 6303, 7686 and the like without asking.
    package var answersSpecialUseNames = true
    /// Local zones and data.
    package var localZones: [LocalZone] = []
    package var localData: [ResourceRecord] = []
    /// Response policy zones, first one first.
    package var policyZones: [PolicyZoneConfiguration] = []
    /// ``policyZones`` made ready, to be shared by several resolvers; nil makes them ready at the start.
    package var policies: Policies?
    /// Addresses made for networks without IPv4 (RFC 6147); nil switches DNS64 off.
    package var dns64: AddressSynthesisConfiguration?
    /// The number of this set of policies, below 16384: part of the cache's key for whole answers.
    package var view: UInt16 = 0
    /// Client subnet towards these servers (RFC 7871), with at most this many bits.
    package var clientSubnet: ClientSubnetConfiguration?
    package var validation = ValidationConfiguration()
    package var cache = CacheConfiguration()
    package var limits = ResolverLimits()

    package init() {}
}

/// How much of a name servers see (RFC 9156).
package enum Minimisation: String, Sendable, CaseIterable {
    /// The whole name goes to every server.
    case off
    /// Label by label; on an error the whole name is asked.
    case relaxed
    /// Label by label, whatever servers make of it.
    case strict
}

/// A server to start from.
package struct ServerHint: Hashable, Sendable {
    package var name: Name
    package var address: IPAddress

    package init(name: Name, address: IPAddress) {
        self.name = name
        self.address = address
    }
}

/// How servers are asked over TLS.
package struct UpstreamTLS: Hashable, Sendable {
    /// Whether their certificates must be good.
    package var verifies = true
    /// The name that certificates must show; nil: the server's address.
    package var name: Name?
    /// The authorities, in a PEM file; nil: the system's.
    package var authorities: String?

    package init() {}
}

/// A zone with servers from the configuration.
package struct ConfiguredZone: Hashable, Sendable {
    /// A server, by address or by a name to be resolved.
    package enum Server: Hashable, Sendable {
        case address(IPEndpoint)
        case name(Name, port: UInt16)
    }

    package var name: Name
    package var servers: [Server]
    /// Resolve as if the zone were not configured when all its servers fail.
    package var fallsBack = false
    /// Ask over TLS (RFC 7858); nil: in plain text.
    package var tls: UpstreamTLS?

    package init(name: Name, servers: [Server], fallsBack: Bool = false) {
        self.name = name
        self.servers = servers
        self.fallsBack = fallsBack
    }
}

/// A zone that is answered from the configuration.
package struct LocalZone: Hashable, Sendable {
    /// What happens to names in the zone that have no local data.
    package enum Kind: String, Sendable, CaseIterable {
        /// NXDOMAIN or NODATA.
        case `static`
        /// Every name below has the data of the zone's own name.
        case redirect
        /// REFUSED.
        case refuse
        /// No response.
        case deny
        /// Resolved as usual.
        case transparent
        /// NODATA.
        case nodata
    }

    package var name: Name
    package var kind: Kind

    package init(name: Name, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

/// A response policy zone.
package struct PolicyZoneConfiguration: Sendable {
    /// What replaces the actions that the zone gives.
    package enum Override: String, Sendable, CaseIterable {
        case given, disabled, passthru, drop, nxdomain, nodata, cname
        case tcpOnly = "tcp-only"
    }

    package var origin: Name
    package var override: Override
    /// Where ``Override/cname`` leads.
    package var target: Name?
    /// What responses that the zone has changed are marked with (RFC 8914 4.16 to 4.19); nil = nothing.
    package var extendedError: ExtendedError? = .blocked
    /// Tell each match in ``ResolverAnswer/policy``.
    package var isLogged = false
    /// The zone's records.
    package var records: [ResourceRecord]

    package init(origin: Name, override: Override = .given, records: [ResourceRecord]) {
        self.origin = origin
        self.override = override
        self.records = records
    }
}

/// IPv6 addresses made from IPv4 ones (DNS64, RFC 6147).
package struct AddressSynthesisConfiguration: Sendable, Hashable {
    /// What IPv4 addresses are put behind.
    package var prefix: IPPrefix
    /// Clients that it is for; empty: all.
    package var clients: [IPPrefix] = []
    /// IPv6 addresses that count as none (RFC 6147 5.1.4).
    package var excluded: [IPPrefix] = [IPPrefix(IPAddress(high: 0, low: 0xffff_0000_0000), length: 96)]

    package init(prefix: IPPrefix) {
        self.prefix = prefix
    }
}

/// Client subnets in questions (RFC 7871).
package struct ClientSubnetConfiguration: Sendable, Equatable {
    package var servers: [IPPrefix]
    package var bitsIPv4 = 24
    package var bitsIPv6 = 56

    package init(servers: [IPPrefix]) {
        self.servers = servers
    }
}

/// How answers are validated (RFC 4035).
package struct ValidationConfiguration: Sendable {
    package var isEnabled = true
    /// DS and DNSKEY records that are trusted.
    package var trustAnchors: [ResourceRecord] = BuiltinTrustAnchors.records
    /// Names at and below which nothing is validated (RFC 7646).
    package var negativeTrustAnchors: [Name] = []
    /// Follow key rollovers of anchors that are DNSKEY records (RFC 5011).
    package var followsRollovers = true
    /// Tell the anchors' key tags to the zone (RFC 8145).
    package var signalsTrustAnchors = true
    /// Answer `root-key-sentinel-...` (RFC 8509).
    package var answersKeySentinel = true
    /// Wall-clock seconds since 1970 to validate at; nil is now.
    package var time: Int64?
    /// Prove names absent from cached NSEC and NSEC3 records (RFC 8198).
    package var usesAggressiveNegatives = true
    /// How long a failed validation is remembered.
    package var bogusTTL: Duration = .seconds(60)

    package init() {}
}

/// How much is cached, and how long.
package struct CacheConfiguration: Sendable, Equatable {
    /// Memory for all workers together, in octets.
    package var size = 256 << 20
    package var minTTL: Duration = .zero
    package var maxTTL: Duration = .seconds(86400)
    package var maxNegativeTTL: Duration = .seconds(3600)
    /// Ask again when a popular answer has a tenth of its time left.
    package var prefetches = true
    /// How long a failure is remembered (RFC 9520 3.2).
    package var failureTTL: Duration = .seconds(5)
    package var servesStale = true
    /// How long expired data may be served (RFC 8767 5).
    package var staleMaxAge: Duration = .seconds(86400)
    /// TTL of stale answers.
    package var staleAnswerTTL: Duration = .seconds(30)
    /// How long a client waits before it gets stale data.
    package var staleClientTimeout: Duration = .milliseconds(1800)

    package init() {}
}

/// Spans of time of a configuration, converted once: dividing a `Duration` costs more than what is done with the quotient.
struct ConfiguredSpans {
    /// Seconds.
    let minTTL: UInt32
    let maxTTL: UInt32
    let maxNegativeTTL: UInt32
    let failureTTL: UInt32
    /// Nanoseconds.
    let wallTime: UInt64
    let lateAnswerAge: UInt64
    let staleClientTimeout: UInt64

    init(_ configuration: ResolverConfiguration) {
        minTTL = configuration.cache.minTTL.wholeSeconds
        maxTTL = configuration.cache.maxTTL.wholeSeconds
        maxNegativeTTL = configuration.cache.maxNegativeTTL.wholeSeconds
        failureTTL = configuration.cache.failureTTL.wholeSeconds
        wallTime = configuration.limits.wallTime.wholeNanoseconds
        lateAnswerAge = configuration.limits.lateAnswerAge.wholeNanoseconds
        staleClientTimeout = configuration.cache.staleClientTimeout.wholeNanoseconds
    }
}
