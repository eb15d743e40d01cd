internal import DNSCore

/// Finding and keeping delegations.
extension Resolver {
    /// The servers that are closest to a fetch's name, as far as is known.
    func closestDelegation(for fetch: Fetch, at now: Moment) -> Delegation {
        load(fetch.name)
        // The records at a zone cut that belong to the parent are asked of the parent (RFC 4035 4.2).
        var first = fetch.type == .ds && key.labelCount > 0 ? 1 : 0
        if let ceiling = fetch.ceiling {
            first = max(first, key.labelCount - ceiling.labelCount + 1)
        }
        var configured: Delegation?
        var lowest = key.labelCount
        if !configuredZones.isEmpty {
            var label = first
            while label <= key.labelCount {
                if let zone = configuredZones[key.hash(ofSuffixAt: label)],
                    zone.zone.wire.count == key.length - key.offset(ofLabel: label),
                    !(fetch.ignoresForward && zone.fallsBack)
                {
                    if zone.source == .forward { return zone }
                    configured = zone
                    lowest = label - 1
                    break
                }
                label += 1
            }
        }
        var label = first
        while label <= lowest {
            if let found = knownDelegation(label: label, at: now) { return found }
            label += 1
        }
        return configured ?? hints
    }

    /// The delegation of the zone that starts at `label` of ``key``.
    private func knownDelegation(label: Int, at now: Moment) -> Delegation? {
        let hash = key.hash(ofSuffixAt: label)
        if let known = zones[hash], known.expiresAt > now.seconds,
            known.zone.wire.count == key.length - key.offset(ofLabel: label)
        {
            return known
        }
        guard let entry = cache.entry(.delegation, for: key, label: label, type: .ns, at: now.seconds),
            let found = Delegation(
                decoding: entry.payload, zone: key.name(droppingLabels: label),
                expiresAt: entry.meta.expiresAt)
        else { return nil }
        remember(found)
        return found
    }

    /// The delegations of a name's zone and of those above it, as far as they are at hand.
    func delegations(above name: Name, at now: Moment) -> [Delegation] {
        load(name)
        var result: [Delegation] = []
        for label in 0...key.labelCount {
            if let found = knownDelegation(label: label, at: now) { result.append(found) }
        }
        return result
    }

    private func remember(_ delegation: Delegation) {
        if zones.count >= configuration.limits.rememberedZones {
            metrics.limitRememberedZones += 1
            zones.removeAll()
        }
        zones[delegation.zoneHash] = delegation
    }

    /// Keeps a referral.
    func store(zone: Name, servers: RecordSet, glue: [RecordSet], at now: Moment) -> Delegation {
        var list: [Delegation.Server] = []
        var ttl = max(1, bounded(servers.ttl))
        for name in servers.targets {
            guard list.count < configuration.limits.serverNames else {
                metrics.limitServerNames += 1
                break
            }
            if list.contains(where: { $0.name == name }) { continue }
            var addresses: [IPAddress] = []
            for set in glue where set.owner == name {
                addresses += set.addresses
                ttl = min(ttl, max(1, set.ttl))
            }
            list.append(Delegation.Server(name: name.lowercased, addresses: Array(addresses.prefix(16))))
        }
        let delegation = Delegation(
            zone: zone, source: .referral, servers: list, expiresAt: now.seconds &+ ttl)
        load(zone)
        let meta = CacheMeta(storedAt: now.seconds, ttl: ttl)
        cache.store(
            .delegation, for: key, type: .ns, meta: meta, payload: delegation.encoded, at: now.seconds)
        remember(delegation)
        return delegation
    }
}
