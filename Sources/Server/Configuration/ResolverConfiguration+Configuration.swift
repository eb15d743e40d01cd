internal import DNSCore
internal import Resolver

extension ResolverConfiguration {
    /// The resolver's settings from a checked configuration.
    ///
    /// - Throws: ``ServerError`` when a file or a record that the configuration names cannot be used.
    init(_ configuration: ServerConfiguration) throws(ServerError) {
        self.init()
        let recursion = configuration.recursion
        usesIPv4 = recursion.ipv4
        usesIPv6 = recursion.ipv6
        switch recursion.rootHints {
        case .builtin: rootHints = RootHints.builtin
        case .list(let hints): rootHints = hints.map { ServerHint(name: $0.name, address: $0.address) }
        case .file(let path): rootHints = try Self.hints(path)
        }
        minimisation = Minimisation(rawValue: recursion.qnameMinimisation.rawValue) ?? .relaxed
        mixesCase = recursion.randomCase
        stubZones = recursion.stub.map { ConfiguredZone($0) }
        forwardZones = recursion.forward.map { ConfiguredZone($0) }
        neverAsked = recursion.doNotQuery
        privateAddresses = recursion.privateAddresses
        privateDomains = recursion.privateDomains
        minimalResponses = recursion.minimalResponses
        payloadSize = UInt16(clamping: configuration.limits.upstreamUDPPayload)
        answersSpecialUseNames = configuration.local.specialNames
        localZones = configuration.local.zones.map {
            LocalZone(name: $0.zone, kind: LocalZone.Kind(rawValue: $0.type.rawValue) ?? .static)
        }
        for text in configuration.local.data { localData += try Self.records(text, option: "local.data") }
        for policy in configuration.rpz { policyZones.append(try Self.policyZone(policy)) }
        dns64 = configuration.dns64?.prefix
        try set(configuration.dnssec)
        set(configuration.cache, configuration.limits)
        set(configuration.limits)
    }

    private mutating func set(_ section: DNSSECSection) throws(ServerError) {
        validation.isEnabled = section.validation
        switch section.trustAnchors {
        case .builtin: validation.trustAnchors = BuiltinTrustAnchors.records
        case .file(let path):
            validation.trustAnchors = try Self.fileRecords(path, origin: .root).filter {
                $0.type == .ds || $0.type == .dnskey
            }
        case .records(let lines):
            validation.trustAnchors = []
            for line in lines {
                validation.trustAnchors += try Self.records(line, option: "dnssec.trust-anchors")
            }
        }
        validation.negativeTrustAnchors = section.negativeTrustAnchors
        validation.followsRollovers = section.rfc5011
        validation.signalsTrustAnchors = section.signalTrustAnchors
        validation.time = section.validationTime.map { Int64($0) }
        validation.usesAggressiveNegatives = section.aggressiveNSEC
    }

    private mutating func set(_ section: CacheSection, _ bounds: LimitsSection) {
        cache.size = section.size
        cache.minTTL = section.minTTL
        cache.maxTTL = section.maxTTL
        cache.maxNegativeTTL = section.maxNegativeTTL
        cache.prefetches = section.prefetch
        cache.failureTTL = bounds.failureTTL
        cache.servesStale = section.serveStale.enabled
        cache.staleMaxAge = section.serveStale.maxAge
        cache.staleAnswerTTL = section.serveStale.answerTTL
        cache.staleClientTimeout = section.serveStale.clientTimeout
    }

    private mutating func set(_ bounds: LimitsSection) {
        limits.upstreamQueries = bounds.upstreamQueries
        limits.upstreamQueriesPerName = bounds.upstreamQueriesPerName
        limits.aliasRestarts = bounds.cnameChain
        limits.serverNames = bounds.delegationServers
        limits.addressLookups = bounds.delegationLookups
        limits.depth = bounds.recursionDepth
        limits.wallTime = bounds.resolutionTime
        limits.clientsPerQuestion = bounds.clientsPerQuery
        limits.concurrentQuestions = bounds.outstandingQueries
        limits.referrals = bounds.referrals
        limits.addressesPerDelegation = bounds.addressesPerDelegation
        limits.questionsPerZone = bounds.queriesPerZone
        limits.recordsPerResponse = bounds.responseRecords
        limits.minimisedLabels = bounds.minimisedLabels
        limits.validationRetries = bounds.validationRetries
        limits.recordsPerSet = min(bounds.recordsPerRRset, bounds.responseRecords)
        limits.signaturesPerSet = bounds.signaturesPerRRset
        limits.wrongResponses = bounds.unwantedReplies
        limits.verifications = bounds.signatureChecks
        limits.nsec3Iterations = UInt16(clamping: bounds.nsec3Iterations)
        limits.nsec3Hashes = bounds.nsec3Hashes
        limits.rememberedServers = bounds.serverRecords
    }

    /// The servers that a root hints file names, with their addresses.
    private static func hints(_ path: String) throws(ServerError) -> [ServerHint] {
        let records = try fileRecords(path, origin: .root)
        let servers = records.filter { $0.type == .ns && $0.owner.isRoot }.flatMap { $0.data.names(as: .ns) }
        let hints = records.compactMap { record -> ServerHint? in
            guard record.type == .a || record.type == .aaaa, servers.contains(record.owner),
                let address = IPAddress(octets: record.data.octets)
            else { return nil }
            return ServerHint(name: record.owner, address: address)
        }
        guard !hints.isEmpty else { throw .noRootServers(file: path) }
        return hints
    }

    private static func policyZone(
        _ section: ResponsePolicySection
    ) throws(ServerError) -> PolicyZoneConfiguration {
        let records =
            try section.file.map { (path) throws(ServerError) in try fileRecords(path, origin: section.zone) }
            ?? []
        return PolicyZoneConfiguration(
            origin: section.zone,
            override: PolicyZoneConfiguration.Override(rawValue: section.policy.rawValue) ?? .given,
            records: records)
    }
}

extension ResolverConfiguration {
    /// All records of a master file.
    private static func fileRecords(_ path: String, origin: Name) throws(ServerError) -> [ResourceRecord] {
        var records: [ResourceRecord] = []
        do throws(ZoneTextError) {
            var scanner = try ZoneTextScanner(
                path: path, origin: origin, options: ZoneTextOptions(defaultTTL: 3600))
            while try scanner.next() { records.append(scanner.record()) }
        } catch {
            throw .badFile(path: error.file, line: error.line, reason: error.reason.description)
        }
        return records
    }

    /// The records of one line of presentation format.
    private static func records(_ text: String, option: String) throws(ServerError) -> [ResourceRecord] {
        var records: [ResourceRecord] = []
        do throws(ZoneTextError) {
            var scanner = ZoneTextScanner(
                text: Array(text.utf8), name: option, origin: .root,
                options: ZoneTextOptions(defaultTTL: 3600, allowsInclude: false))
            while try scanner.next() { records.append(scanner.record()) }
        } catch {
            throw .badRecord(text: text, option: option, reason: error.reason.description)
        }
        return records
    }
}

extension ConfiguredZone {
    init(_ section: ForwardSection) {
        self.init(
            name: section.zone,
            servers: section.servers.compactMap { server in
                if let address = server.address { return .address(IPEndpoint(address, port: server.port)) }
                return server.name.map { .name($0, port: server.port) }
            },
            fallsBack: section.fallback)
    }
}
