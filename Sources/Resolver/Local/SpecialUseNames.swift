internal import DNSCore

/// Names that no public server has a say in: RFC 6761 (localhost, invalid, test), RFC 6303 (reverse zones of addresses
/// that mean something else everywhere), RFC 7686 (onion), RFC 8375 (home.arpa), RFC 9462 (resolver.arpa).
enum SpecialUseNames {
    /// Zones answered with NXDOMAIN, or with the data in ``data``.
    static let zones: [Name] = (texts + reverseIPv4 + reverseIPv6).compactMap { try? Name($0) }

    /// What stands in these zones.
    static let data: [ResourceRecord] = {
        var records: [ResourceRecord] = []
        func add(_ owner: String, _ type: RRType, _ octets: [UInt8]) {
            guard let name = try? Name(owner) else { return }
            records.append(ResourceRecord(owner: name, type: type, ttl: 10800, data: RecordData(octets)))
        }
        add("localhost.", .a, IPAddress.loopbackIPv4.octets)
        add("localhost.", .aaaa, IPAddress.loopbackIPv6.octets)
        if let localhost = try? Name("localhost.") {
            add("1.0.0.127.in-addr.arpa.", .ptr, localhost.wire)
            add(IPAddress.loopbackIPv6.reverseName.description, .ptr, localhost.wire)
        }
        return records
    }()

    private static let texts = [
        "localhost.", "invalid.", "test.", "onion.", "home.arpa.", "resolver.arpa.", "service.arpa.",
    ]

    private static let reverseIPv4: [String] = {
        var blocks = [
            "0", "10", "127", "254.169", "168.192", "2.0.192", "100.51.198", "113.0.203", "255.255.255.255",
        ]
        blocks += (16...31).map { "\($0).172" }
        blocks += (64...127).map { "\($0).100" }  // RFC 7793
        return blocks.map { "\($0).in-addr.arpa." }
    }()

    private static let reverseIPv6: [String] = {
        let loopback = IPAddress.loopbackIPv6.reverseName.description
        let unspecified = IPAddress.anyIPv6.reverseName.description
        let blocks = ["d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f", "8.b.d.0.1.0.0.2"]
        return [loopback, unspecified] + blocks.map { "\($0).ip6.arpa." }
    }()
}
