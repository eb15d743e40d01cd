internal import DNSCore

/// What permissions are in the kernel's table.
extension RequestCache {
    /// A pair that was revoked a moment ago and is let in again must not run into its own block, nor into that of a prefix
    /// that it lies in or of an address that it holds.
    mutating func unblocking(_ gn: IPPrefix, _ host: IPAddress, _ now: Duration) -> [KernelChange] {
        guard !blocked.isEmpty else { return [] }
        blocked = blocked.filter { $0.value + .seconds(1) > now }
        let pairs = blocked.keys.filter {
            $0.host == host && ($0.gn.contains(gn) || gn.contains($0.gn))
        }
        return pairs.sorted { ($0.gn.address, $0.gn.length) < ($1.gn.address, $1.gn.length) }.map { pair in
            blocked[pair] = nil
            return pair.gn.length < pair.gn.address.bitWidth
                ? .unblockPrefix(gn: pair.gn, host: host) : .unblock(gn: pair.gn.address, host: host)
        }
    }

    func opening(_ entry: Entry, previous: IPAddress?) -> [KernelChange] {
        let gn = entry.gn.address
        if entry.isWide {
            return [.openPrefix(gn: entry.gn, host: entry.address, lifetime: entry.lifetime)]
        }
        if gn.isIPv6 {
            return [.openPinhole(gn: gn, host: entry.address, lifetime: entry.lifetime)]
        }
        guard entry.ports.isEmpty else {
            return entry.ports.map {
                .openPort(
                    gn: gn, transport: $0.transport, port: $0.publicPort, host: entry.address,
                    hostPort: $0.privatePort, lifetime: entry.lifetime)
            }
        }
        return [
            .open(
                gn: gn, host: entry.address, gate: entry.gate, lifetime: entry.lifetime,
                previous: previous)
        ]
    }

    func closingChanges(_ entry: Entry) -> [KernelChange] {
        let gn = entry.gn.address
        if entry.isWide { return [.closePrefix(gn: entry.gn, host: entry.address)] }
        if gn.isIPv6 { return [.closePinhole(gn: gn, host: entry.address)] }
        guard entry.ports.isEmpty else {
            return entry.ports.map {
                .closePort(
                    gn: gn, transport: $0.transport, port: $0.publicPort, host: entry.address,
                    hostPort: $0.privatePort)
            }
        }
        return [.close(gn: gn, host: entry.address)]
    }

    /// The host's port list, where the kernel does not have it yet; all lists anew where it has another.
    mutating func limits(
        of host: PrivateHostList.Entry, _ address: IPAddress
    )
        -> [KernelChange]
    {
        let ports = host.policy.allow.map { PortRange.merged($0) }
        let old = limited[address]
        guard ports != old else { return [] }
        limited[address] = ports
        guard old != nil else { return [.limit(host: address, ports: ports ?? [])] }
        return [.unlimitAll]
            + limited.sorted { $0.key < $1.key }.map { .limit(host: $0.key, ports: $0.value) }
    }

    /// A public port for each granted port of the host that `gn` does not use yet; nil when they have run out.
    mutating func grantPorts(
        _ host: PrivateHostList.Entry, _ key: Key
    ) -> [V2Message.PortRecord]? {
        var records: [V2Message.PortRecord] = []
        let range = configuration.publicPorts
        let gn = key.gn.address
        for granted in host.policy.grantedPorts {
            for port in granted.ports {
                guard records.count < V2Message.permissionLimit else { return records }
                let start = UInt16.random(in: range)
                var candidate = start
                while usedPorts[GrantedPort(gn: gn, transport: granted.transport, port: candidate)] != nil
                    || isReserved(granted.transport, candidate)
                {
                    candidate = candidate == range.upperBound ? range.lowerBound : candidate + 1
                    guard candidate != start else {
                        for record in records {
                            let taken = GrantedPort(
                                gn: gn, transport: record.transport, port: record.publicPort)
                            usedPorts[taken] = nil
                        }
                        return nil
                    }
                }
                usedPorts[GrantedPort(gn: gn, transport: granted.transport, port: candidate)] = key
                records.append(
                    V2Message.PortRecord(
                        host: host.name, transport: granted.transport, privatePort: port,
                        publicPort: candidate)
                )
            }
        }
        return records
    }

    /// Whether the router keeps a port for itself, so that nobody would be led on from it.
    private func isReserved(_ transport: UInt8, _ port: UInt16) -> Bool {
        listening.contains(PortRange(transport: transport, ports: port...port))
            || configuration.reserved.contains { $0.transport == transport && $0.ports.contains(port) }
    }
}
