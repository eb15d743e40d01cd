internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Transport

extension ServingState {
    /// The state that a checked configuration describes; `cookies` are those in use, unless it names a secret.
    init(
        _ configuration: ServerConfiguration, cookies current: ServerCookies, resolvers: ResolverSet?
    ) {
        let server = configuration.server
        settings.udpPayloadSize = UInt16(clamping: configuration.limits.udpPayload)
        settings.nsid = server.nsid.map { Array($0.utf8) } ?? []
        settings.sendsCookies = server.cookies != .off
        settings.tcpKeepalive = UInt16(clamping: configuration.limits.tcpIdleTimeout.components.seconds * 10)
        identity = server.identity
        version = server.version
        switch server.cookies {
        case .on: cookieMode = .on
        case .off: cookieMode = .off
        case .require: cookieMode = .require
        }
        cookies = server.cookieSecret.map { ServerCookies(secret: $0) } ?? current
        keys = TSIGKeyring(configuration.keys.compactMap { TSIGKey($0) })
        queryAccess = AccessList(sections: configuration.access.query, otherwise: .refuse)
        recursionAccess = AccessList(sections: configuration.access.recursion, otherwise: .refuse)
        recursionEnabled = configuration.recursion.enabled
        self.resolvers = resolvers
        unsignedUpdates = Set(configuration.access.unsignedUpdates.map { TransportKind($0) })
        ednsOptions = configuration.limits.ednsOptions
        pendingPerClient = configuration.limits.pendingQueriesPerClient
        discardTimeout = configuration.limits.discardTimeout
        discardBurst = configuration.limits.discardBurst
        rate = ResponseRateLimiter.Settings(
            rate: configuration.rateLimit.responsesPerSecond, slip: configuration.rateLimit.slip,
            ipv4Prefix: configuration.rateLimit.ipv4Prefix, ipv6Prefix: configuration.rateLimit.ipv6Prefix,
            buckets: configuration.rateLimit.tableSize)
        rateExempt = configuration.rateLimit.exempt
        pendingLimit = configuration.limits.pendingQueries
        logsQueries = configuration.log.queries
        queryLogFormat = configuration.log.queryFormat
        nts = configuration.nts.enabled ? NTSConfiguration(configuration.nts) : nil
        settings.answersSubnets = nts?.ecsFrom.isEmpty == false
        views = configuration.views.map { ServingView($0, outside: self) }
    }
}

extension TSIGKey {
    /// The key of a `keys` entry; nil for an algorithm this build does not have.
    convenience init?(_ configuration: KeySection) {
        guard let algorithm = TSIGAlgorithm(name: configuration.algorithm.name) else { return nil }
        self.init(name: configuration.name, algorithm: algorithm, secret: configuration.secret.octets)
    }
}

extension AccessAction {
    /// The action that the configuration names.
    init(_ option: AccessActionOption) {
        switch option {
        case .allow: self = .allow
        case .refuse: self = .refuse
        case .drop: self = .drop
        }
    }
}

extension AccessList {
    /// The list that `rules` describe: what no rule matches gets `fallback`.
    init(sections rules: [AccessRuleSection], otherwise fallback: AccessAction) {
        self.init(AccessList.rules(rules), otherwise: fallback)
    }

    /// The rules that `sections` describe, one for each prefix.
    static func rules(_ sections: [AccessRuleSection]) -> [Rule] {
        var list: [Rule] = []
        for rule in sections {
            if rule.from.isEmpty {
                list.append(Rule(prefix: nil, key: rule.key, action: AccessAction(rule.action)))
            }
            for prefix in rule.from {
                list.append(Rule(prefix: prefix, key: rule.key, action: AccessAction(rule.action)))
            }
        }
        return list
    }
}

extension NTSConfiguration {
    /// The `nts` section in the negotiation's own terms.
    init(_ section: NTSSection) {
        self.init()
        isEnabled = section.enabled
        source = IPEndpoint(section.source.address, port: section.source.port)
        targets.prefixes = section.targets.prefixes
        targets.any = section.targets.any
        targets.routers = section.targets.routers.map {
            Router(
                address: $0.address, port: $0.port, form: Form($0.form), key: $0.key, prefixes: $0.prefixes)
        }
        form = Form(section.form)
        hold.unknown = section.hold.unknown
        hold.known = section.hold.known
        hold.pending = section.hold.pending
        hold.retransmit = section.hold.retransmit
        hold.onTimeout = section.hold.onTimeout == .release ? .release : .servfail
        negativeTTL = section.negativeTTL
        lifetime = UInt32(clamping: section.lifetime.components.seconds)
        switch section.validateClient {
        case .always: validateClient = .always
        case .pressure: validateClient = .pressure
        case .off: validateClient = .off
        }
        validatedClients = section.validatedClients
        ecsFrom = section.ecsFrom
        isHairpinAnswered = section.hairpin
        hairpinExcluded = section.hairpinExclude
        registrationKeys = section.registrationKeys
        limits.holds = section.limits.holds
        limits.perClient = section.limits.perClient
        limits.perRouter = section.limits.perRouter
        limits.knownRouters = section.limits.routers
        limits.pressure = section.pressureThreshold
    }
}

extension NTSConfiguration.Form {
    /// The form that the configuration names.
    init(_ form: NTSFormOption) {
        switch form {
        case .v1: self = .v1
        case .icmp: self = .icmp
        case .v2: self = .v2
        }
    }
}
