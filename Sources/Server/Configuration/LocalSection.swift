package import DNSCore
package import Operations

/// The `local` section: names answered from the configuration itself.
package struct LocalSection: ConfigurationRecord {
    /// What happens to names at and below a zone that `data` does not answer.
    package let zones: [LocalZoneSection]
    /// Records as text, in the form of a zone file with absolute names: `gw.lan. 60 IN A 192.168.0.1`.
    package let data: [String]
    /// Whether the names that RFC 6303 and RFC 6761 reserve are answered here instead of being asked of others.
    package let specialNames: Bool

    package init(_ section: ConfigurationSection) {
        zones = section.records("zones")
        data = section.list("data", .text)
        specialNames = section.value("special-names", .flag, default: true)
    }
}

/// One element of `local.zones`.
package struct LocalZoneSection: ConfigurationRecord, Hashable {
    /// The zone's apex.
    package let zone: Name
    /// What is answered where `local.data` has nothing.
    package let type: LocalZoneOption

    package init(_ section: ConfigurationSection) {
        zone = section.required("zone", .name, placeholder: .root)
        type = section.value("type", .choice, default: .static)
        if section.has("zone") { section.define(zone.lowercased.description, in: "local.zones", on: "zone") }
    }
}

/// What is answered for names of a local zone that have no local data.
package enum LocalZoneOption: String, ConfigurationChoice {
    /// NODATA where the name exists, else NXDOMAIN.
    case `static`
    /// The data of the zone's own name.
    case redirect
    /// REFUSED.
    case refuse
    /// Nothing at all.
    case deny
    /// The usual way, unless the name itself has local data.
    case transparent
    /// NODATA.
    case nodata
}

/// One element of `rpz`: a response policy zone.
package struct ResponsePolicySection: ConfigurationRecord {
    /// The zone's name.
    ///
    /// One of `zones` when `file` is absent, so that it may be transferred.
    package let zone: Name
    /// The policy in zone format.
    ///
    /// Read again on reload.
    package let file: String?
    /// What is done on a match: `given` what the zone says, else always this.
    package let policy: ResponsePolicyOption

    package init(_ section: ConfigurationSection) {
        zone = section.required("zone", .name, placeholder: .root)
        file = section.file("file")
        policy = section.value("policy", .choice, default: .given)
        guard section.isPresent, section.has("zone") else { return }
        section.define(zone.lowercased.description, in: "rpz", on: "zone")
        if file == nil { section.refer(to: zone.lowercased.description, in: "zones", on: "zone") }
    }
}

/// What a response policy zone does on a match.
package enum ResponsePolicyOption: String, ConfigurationChoice {
    case given
    case disabled
    case passthru
    case drop
    case nodata
    case nxdomain
    case tcpOnly = "tcp-only"
}

/// The `dns64` section: IPv6 addresses made from IPv4 ones (RFC 6147).
package struct DNS64Section: ConfigurationRecord {
    /// The prefix that IPv4 addresses are put behind: 32, 40, 48, 56, 64 or 96 bits (RFC 6052 2.2).
    package let prefix: IPPrefix

    package init(_ section: ConfigurationSection) {
        let wellKnown = IPPrefix(IPAddress(high: 0x64_ff9b_0000_0000, low: 0), length: 96)
        prefix = section.value("prefix", .prefix, default: wellKnown)
        if !prefix.address.isIPv6 || ![32, 40, 48, 56, 64, 96].contains(prefix.length) {
            section.report("\(prefix) is not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits", on: "prefix")
        }
    }
}
