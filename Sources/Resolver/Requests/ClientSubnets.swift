internal import DNSCore

/// Telling configured servers where clients are (RFC 7871). Answers made for one subnet are kept in ``SubnetAnswers``
/// for the clients of that subnet; those made for everyone are cached like any other.
extension Resolver {
    /// The part of a client's address that the servers of `name`'s configured zone are told; nil when they are told none.
    func subnet(for name: Name, _ client: IPAddress?) -> IPPrefix? {
        guard let settings = configuration.clientSubnet, let client, !configuredZones.isEmpty else {
            return nil
        }
        load(name)
        for label in 0...key.labelCount {
            guard let zone = configuredZones[key.hash(ofSuffixAt: label)],
                zone.zone.wire.count == key.length - key.offset(ofLabel: label)
            else { continue }
            guard zone.servers.contains(where: { $0.addresses.contains(where: isToldSubnets) }) else {
                return nil
            }
            let bits = min(max(0, client.isIPv6 ? settings.bitsIPv6 : settings.bitsIPv4), client.bitWidth)
            return IPPrefix(client.masked(to: bits), length: bits)
        }
        return nil
    }

    /// Whether a server is told subnets at all.
    func isToldSubnets(_ server: IPAddress) -> Bool {
        configuration.clientSubnet?.servers.contains { $0.contains(server) } ?? false
    }

    /// Tells questions of different subnets apart in the tables.
    func subnetSalt(_ subnet: IPPrefix?) -> UInt64 {
        guard let subnet else { return 0 }
        return NameHash.mix(subnet.address.high ^ subnet.address.low &* 31 ^ UInt64(subnet.length)) | 1
    }
}
