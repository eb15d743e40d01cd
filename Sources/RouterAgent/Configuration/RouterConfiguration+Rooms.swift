internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations

/// The configuration as the state machines and the kernel's table want it.
extension RouterConfiguration {
    var hostListConfiguration: PrivateHostList.Configuration {
        var result = PrivateHostList.Configuration()
        result.lifetime = UInt64(hosts.lifetime.components.seconds)
        result.suffixes = hosts.suffixes
        result.entryLimit = hosts.entries
        result.namesPerHost = hosts.namesPerHost
        result.policy = HostPolicy(
            allow: permissions.allow.ranges, grantedPorts: permissions.grantedPorts.map(\.converted))
        return result
    }

    var requestCacheConfiguration: RequestCache.Configuration {
        var result = RequestCache.Configuration()
        result.mode = permissions.mode == .once ? .once : .window
        result.lifetime = UInt32(clamping: permissions.lifetime.components.seconds)
        result.maxLifetime = UInt32(clamping: permissions.maxLifetime.components.seconds)
        result.conflictWait = permissions.conflictWait
        result.conflictQueue = permissions.conflictQueue
        result.entries = permissions.limits.entries
        result.perGN = permissions.limits.perGN
        result.perServer = permissions.limits.perServer
        result.perHost = permissions.limits.perHost
        result.perMinute = permissions.limits.openingsPerMinute
        result.prefixes = permissions.limits.prefixes
        result.shortestIPv4 = permissions.prefixIPv4
        result.shortestIPv6 = permissions.prefixIPv6
        result.publicPorts = permissions.publicPorts
        result.reserved =
            ruleset.reserved + [NTS.PortRange(transport: 17, ports: router.listen.port...router.listen.port)]
        return result
    }

    var ruleset: Ruleset {
        Ruleset(
            table: nftables.table, outside: router.outside, inside: router.inside, port: router.listen.port,
            reserved: permissions.reservedPorts.map(\.converted), offset: nftables.priorityOffset,
            mark: UInt32(truncatingIfNeeded: nftables.mark),
            flowsPerPermission: permissions.flowsPerPermission,
            entries: permissions.limits.entries, useGroup: nftables.useGroup, snoopGroup: nftables.snoopGroup,
            icmpGroup: nftables.icmpGroup, observesUpdates: hosts.observeUpdates,
            icmpServers: router.icmp ? servers.filter { $0.forms.contains(.icmp) }.map(\.address) : [],
            prefixes: max(1, permissions.limits.prefixes), helpers: helpers)
    }

    /// The helpers that are wanted, with all ports of each.
    private var helpers: [ConnectionHelper] {
        Dictionary(grouping: permissions.helpers, by: \.kind).map { kind, rules in
            ConnectionHelper(kind: kind, ports: Set(rules.map(\.port)).sorted())
        }.sorted { $0.kind.rawValue < $1.kind.rawValue }
    }
}

extension RouterKeySection {
    /// The key for ``TSIGKeyring``.
    var tsigKey: TSIGKey? {
        TSIGAlgorithm(label: algorithm.rawValue).map {
            TSIGKey(name: name, algorithm: $0, secret: secret.octets)
        }
    }
}

extension PortRange {
    /// The same as the state machines have it.
    var converted: NTS.PortRange {
        NTS.PortRange(transport: transport.rawValue, ports: ports)
    }
}

extension AllowedPorts {
    /// Nil for all.
    var ranges: [NTS.PortRange]? {
        switch self {
        case .all: nil
        case .only(let list): list.map(\.converted)
        }
    }
}
