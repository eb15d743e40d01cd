package import DNSCore
package import Operations

/// One element of `publish`: the addresses of hosts, kept right in a zone by signed updates (RFC 2136).
///
/// When the outside IPv4 address or the delegated IPv6 prefix changes, the server is told, and permissions move along.
package struct PublishSection: ConfigurationRecord {
    /// The zone that is updated.
    package let zone: Name
    /// The zone's primary server.
    package let server: IPAddress
    /// Its port.
    package let port: UInt16
    /// The TSIG key that the updates are signed with.
    package let key: Name
    /// The TTL of the records.
    package let ttl: Duration
    /// Whether the outside IPv4 address is published as A record of each host.
    package let ipv4: Bool
    /// Whether the IPv6 address of each host is published, in the prefix that is delegated now.
    package let ipv6: Bool
    /// The hosts.
    ///
    /// Empty: all of the Private Host List in the zone.
    package let hosts: [PublishedHostSection]

    package init(_ section: ConfigurationSection) {
        zone = section.required("zone", .name, placeholder: .root)
        server = section.required("server", .address, placeholder: .loopbackIPv4)
        port = section.value("port", .port, default: 53)
        key = section.keyReference() ?? .root
        ttl = section.value("ttl", .duration(.seconds(1) ... .seconds(86400)), default: .seconds(60))
        ipv4 = section.value("ipv4", .flag, default: true)
        ipv6 = section.value("ipv6", .flag, default: true)
        hosts = section.records("hosts", limit: 1000)
        guard section.isPresent else { return }
        if !section.has("key") { section.report("updates need a key") }
        if !ipv4, !ipv6 { section.report("publishes neither IPv4 nor IPv6") }
        for host in hosts where !host.name.isAtOrBelow(zone) {
            section.report("\(host.name) is not in \(zone)", on: "hosts")
        }
    }
}

/// One element of `publish[].hosts`.
package struct PublishedHostSection: ConfigurationRecord {
    /// The host's name.
    package let name: Name
    /// The part of its IPv6 address after the prefix, written as an address such as `::11`.
    ///
    /// Absent: that of the address in the Private Host List.
    package let identifier: IPAddress?
    /// The inside interface whose prefix it lies in.
    ///
    /// Absent: the one that its address is reached through, else the first.
    package let interface: String?

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .name, placeholder: .root)
        identifier = section.optional("identifier", .address)
        interface = section.optional("interface", .interface)
        if let identifier, !identifier.isIPv6 || identifier.high != 0 {
            section.report("\(identifier) is not the last 64 bits of an IPv6 address", on: "identifier")
        }
    }
}
