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
        payloadSize = UInt16(clamping: configuration.limits.upstreamUDPPayload)
        try set(configuration.local)
        dns64 = AddressSynthesisConfiguration(configuration.dns64)
        sendsCookies = recursion.cookies
        clientSubnet = recursion.clientSubnet.map { ClientSubnetConfiguration($0) }
        try set(configuration.dnssec)
        set(configuration.cache, configuration.limits)
        set(configuration.limits)
    }

    /// What every view's resolver is told: the first is for everyone whom no view names, the others follow in order.
    ///
    /// - Parameters:
    ///   - policies: the policy zones, ready to be looked up, in the same order.
    ///   - negativeAnchors: in place of those of the configuration.
    /// - Throws: ``ServerError`` when a file or a record that the configuration names cannot be used.
    static func all(
        _ configuration: ServerConfiguration, policies: [Policies], negativeAnchors: [Name]? = nil
    ) throws(ServerError) -> [ResolverConfiguration] {
        var base = try ResolverConfiguration(configuration)
        if let negativeAnchors { base.validation.negativeTrustAnchors = negativeAnchors }
        base.policies = policies.first
        var list = [base]
        for (index, view) in configuration.views.enumerated() {
            var own = base
            own.view = UInt16(index + 1)
            if let local = view.local { try own.set(local) }
            if let dns64 = view.dns64 { own.dns64 = AddressSynthesisConfiguration(dns64) }
            if let validation = view.validation { own.validation.isEnabled = validation }
            if policies.indices.contains(index + 1) { own.policies = policies[index + 1] }
            list.append(own)
        }
        return list
    }

    private mutating func set(_ section: LocalSection) throws(ServerError) {
        answersSpecialUseNames = section.specialNames
        localZones = section.zones.map {
            LocalZone(name: $0.zone, kind: LocalZone.Kind(rawValue: $0.type.rawValue) ?? .static)
        }
        localData = []
        for text in section.data { localData += try Self.records(text, option: "local.data") }
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
        if case .file = section.trustAnchors {
            validation.followsRollovers = section.rfc5011
        } else {
            validation.followsRollovers = false
        }
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
        limits.preparedKeys = bounds.preparedKeys
        limits.recordsPerSet = bounds.responseRecords
        limits.signaturesPerSet = bounds.signaturesPerRRset
        limits.wrongResponses = bounds.unwantedReplies
        limits.verifications = bounds.signatureChecks
        limits.failedVerifications = bounds.signatureFailures
        limits.keysPerTag = bounds.keysPerTag
        limits.keysPerZone = bounds.keysPerZone
        limits.delegationSigners = bounds.dsRecords
        limits.denialRecords = bounds.denialRecords
        limits.nsec3Iterations = UInt16(clamping: bounds.nsec3Iterations)
        limits.nsec3Hashes = bounds.nsec3Hashes
        limits.rememberedServers = bounds.serverRecords
        limits.rememberedZones = bounds.zoneRecords
        limits.rememberedSubnetAnswers = bounds.subnetAnswers
        limits.rememberedAbsences = bounds.absenceRecords
        limits.serverPatience = bounds.upstreamTimeout
        limits.lateAnswerAge = bounds.lateAnswerAge
        limits.lateAnswers = bounds.lateAnswers
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
}

extension ResolverConfiguration {
    /// All records of a master file.
    static func fileRecords(_ path: String, origin: Name) throws(ServerError) -> [ResourceRecord] {
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
                let port = server.port ?? (section.tls == nil ? 53 : 853)
                if let address = server.address { return .address(IPEndpoint(address, port: port)) }
                return server.name.map { .name($0, port: port) }
            },
            fallsBack: section.fallback)
        tls = section.tls.map { section in
            var tls = UpstreamTLS()
            tls.verifies = section.verify
            tls.name = section.name
            tls.authorities = section.ca
            return tls
        }
    }
}

extension ClientSubnetConfiguration {
    init(_ section: ClientSubnetSection) {
        self.init(servers: section.servers)
        bitsIPv4 = section.ipv4Prefix
        bitsIPv6 = section.ipv6Prefix
    }
}

extension AddressSynthesisConfiguration {
    /// Nil when there is no section, or it switches DNS64 off.
    init?(_ section: DNS64Section?) {
        guard let section, section.enabled else { return nil }
        self.init(prefix: section.prefix)
        clients = section.clients
        excluded = section.exclude
    }
}
