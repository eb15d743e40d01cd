internal import DNSCore

/// What permissions are in the kernel's table.
extension RequestCache {
    /// A pair that was revoked a moment ago and is let in again must not run into its own block.
    mutating func unblocking(_ gn: IPPrefix, _ host: IPAddress, _ now: Duration) -> [KernelChange] {
        blocked = blocked.filter { $0.value + .seconds(1) > now }
        guard blocked.removeValue(forKey: Pair(gn: gn, host: host)) != nil else { return [] }
        return gn.length < gn.address.bitWidth
            ? [.unblockPrefix(gn: gn, host: host)] : [.unblock(gn: gn.address, host: host)]
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

    /// The host's port list, where the kernel does not have it yet.
    mutating func limits(
        of host: PrivateHostList.Entry, _ address: IPAddress
    )
        -> [KernelChange]
    {
        guard let ports = host.policy.allow, limited[address] != ports else { return [] }
        limited[address] = ports
        return [.limit(host: address, ports: ports)]
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
                while usedPorts[GrantedPort(gn: gn, transport: granted.transport, port: candidate)] != nil {
                    candidate = candidate == range.upperBound ? range.lowerBound : candidate + 1
                    guard candidate != start else { return nil }
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
}
