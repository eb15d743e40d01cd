internal import DNSCore

/// A zone and the servers to ask about it.
///
/// Delegations come from the parent's referral and end with its TTL: what the zone says of its own servers never
/// renews them, so that a name taken away by the parent dies in time (no ghost domains).
final class Delegation {
    /// Where the servers are from.
    enum Source: Equatable {
        case hints, referral
        /// Given in the configuration: asked iteratively.
        case stub
        /// Given in the configuration: asked with RD.
        case forward
    }

    /// One server name with the addresses that came with it.
    struct Server {
        var name: Name
        var addresses: [IPAddress]
        var port: UInt16 = 53
    }

    let zone: Name
    let zoneHash: UInt64
    let source: Source
    var servers: [Server]
    var tls: UpstreamTLS?
    var fallsBack = false
    /// Seconds of the monotonic clock.
    let expiresAt: UInt32

    init(zone: Name, source: Source, servers: [Server], expiresAt: UInt32) {
        self.zone = zone
        zoneHash = NameHash.hash(zone)
        self.source = source
        self.servers = servers
        self.expiresAt = expiresAt
    }

    /// A zone of the configuration.
    ///
    /// Servers given by name have no address yet.
    convenience init(_ configured: ConfiguredZone, source: Source) {
        let servers = configured.servers.enumerated().map { index, server -> Server in
            switch server {
            case .address(let endpoint):
                // A name that nobody can ask for stands in: the address is all there is.
                let name = Name(trustedWire: [1, 0, 2, UInt8(index >> 8 & 0xff), UInt8(index & 0xff), 0])
                return Server(name: name, addresses: [endpoint.address], port: endpoint.port)
            case .name(let name, let port):
                return Server(name: name, addresses: [], port: port)
            }
        }
        self.init(zone: configured.name.lowercased, source: source, servers: servers, expiresAt: .max)
        tls = configured.tls
        fallsBack = configured.fallsBack
    }

    /// The root's servers from hints.
    convenience init(hints: [ServerHint]) {
        var servers: [Server] = []
        for hint in hints {
            if let index = servers.firstIndex(where: { $0.name == hint.name }) {
                servers[index].addresses.append(hint.address)
            } else {
                servers.append(Server(name: hint.name, addresses: [hint.address]))
            }
        }
        self.init(zone: .root, source: .hints, servers: servers, expiresAt: .max)
    }

    /// The octets that the cache keeps.
    var encoded: [UInt8] {
        var result: [UInt8] = [UInt8(truncatingIfNeeded: servers.count)]
        for server in servers {
            result.append(UInt8(truncatingIfNeeded: server.name.wire.count))
            result.append(contentsOf: server.name.wire)
            result.append(UInt8(truncatingIfNeeded: server.addresses.count))
            for address in server.addresses {
                result.append(address.isIPv6 ? 16 : 4)
                result.append(contentsOf: address.octets)
            }
        }
        return result
    }

    /// Reads what ``encoded`` wrote; nil when it is damaged.
    convenience init?(decoding octets: [UInt8], zone: Name, expiresAt: UInt32) {
        var position = 1
        var servers: [Server] = []
        for _ in 0..<Int(octets.first ?? 0) {
            guard position < octets.count else { return nil }
            let nameEnd = position + 1 + Int(octets[position])
            guard nameEnd < octets.count, let name = try? Name(wire: Array(octets[(position + 1)..<nameEnd]))
            else {
                return nil
            }
            var server = Server(name: name, addresses: [])
            position = nameEnd + 1
            for _ in 0..<Int(octets[nameEnd]) {
                guard position < octets.count else { return nil }
                let end = position + 1 + Int(octets[position])
                guard end <= octets.count, let address = IPAddress(octets: octets[(position + 1)..<end])
                else {
                    return nil
                }
                server.addresses.append(address)
                position = end
            }
            servers.append(server)
        }
        self.init(zone: zone, source: .referral, servers: servers, expiresAt: expiresAt)
    }
}
