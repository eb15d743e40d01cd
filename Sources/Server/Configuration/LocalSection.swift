package import DNSCore
package import Operations

/// The `local` section: names answered from the configuration itself.
package struct LocalSection: ConfigurationRecord, Hashable {
    /// What happens to names at and below a zone that `data` does not answer.
    package let zones: [LocalZoneSection]
    /// Records as text, in the form of a zone file with absolute names: `gw.lan. 60 IN A 192.168.0.1`.
    package let data: [String]
    /// Whether the names that RFC 6303 and RFC 6761 reserve are answered here instead of being asked of others.
    package let specialNames: Bool

    package init(_ section: ConfigurationSection) {
        zones = section.records("zones")
        data = section.list("data", .recordText)
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
        // A view may say of a zone what nobody else is told.
        if section.has("zone") {
            section.define(zone.lowercased.description, in: section.listPath, on: "zone")
        }
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
package struct ResponsePolicySection: ConfigurationRecord, Hashable {
    /// The zone's name.
    ///
    /// One of `zones` when `file` is absent, so that it may be transferred.
    package let zone: Name
    /// The policy in zone format.
    ///
    /// Read again on reload.
    package let file: String?
    /// What is done on a match: `given` what the zone says, else always this; `disabled`: the zone is not looked at.
    package let policy: ResponsePolicyOption
    /// The name that `policy: cname` leads to; `*.example.` takes the asked name in front.
    package let target: Name?
    /// Whether each match is logged; such answers are then made anew for each query.
    package let log: Bool
    /// How changed responses are marked (RFC 8914): `blocked`, `censored`, `filtered`, `prohibited`, or `none`.
    ///
    /// Local data in place of the real is marked as forged (code 4).
    package let extendedError: PolicyErrorOption

    package init(_ section: ConfigurationSection) {
        zone = section.required("zone", .name, placeholder: .root)
        file = section.file("file")
        section.demandReadable(file, on: "file")
        policy = section.value("policy", .choice, default: .given)
        target = section.optional("target", .name)
        log = section.value("log", .flag, default: false)
        extendedError = section.value("extended-error", .choice, default: .blocked)
        if policy == .cname, target == nil { section.report("policy: cname needs a target", on: "policy") }
        if policy != .cname, target != nil { section.report("is for policy: cname only", on: "target") }
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
    case cname
    case tcpOnly = "tcp-only"
}

/// The extended errors of policies (RFC 8914 4.16 to 4.19).
package enum PolicyErrorOption: String, ConfigurationChoice {
    case blocked
    case censored
    case filtered
    case prohibited
    case none
}

/// The `dns64` section: IPv6 addresses made from IPv4 ones (RFC 6147).
package struct DNS64Section: ConfigurationRecord, Hashable {
    /// The prefix that IPv4 addresses are put behind: 32, 40, 48, 56, 64 or 96 bits (RFC 6052 2.2).
    package let prefix: IPPrefix
    /// Clients that it is for.
    ///
    /// Empty: all.
    package let clients: [IPPrefix]
    /// IPv6 addresses that count as none (RFC 6147 5.1.4).
    package let exclude: [IPPrefix]
    /// Whether it is on; for views that are to do without.
    package let enabled: Bool

    package init(_ section: ConfigurationSection) {
        let wellKnown = IPPrefix(IPAddress(high: 0x64_ff9b_0000_0000, low: 0), length: 96)
        let mapped = IPPrefix(IPAddress(high: 0, low: 0xffff_0000_0000), length: 96)
        prefix = section.value("prefix", .prefix, default: wellKnown)
        clients = section.list("clients", .prefix)
        exclude = section.list("exclude", .prefix, default: [mapped])
        enabled = section.value("enabled", .flag, default: true)
        if !prefix.address.isIPv6 || ![32, 40, 48, 56, 64, 96].contains(prefix.length) {
            section.report("\(prefix) is not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits", on: "prefix")
        }
    }
}

extension ConfigurationScalar where Value == String {
    /// A record in presentation format with an absolute owner, kept as text.
    package static var recordText: ConfigurationScalar<String> {
        ConfigurationScalar("a record such as `host.example. 60 IN A 192.0.2.1`") {
            text throws(ConfigurationProblem) in
            guard !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) else {
                throw ConfigurationProblem("a record is one line of text")
            }
            var count = 0
            do throws(ZoneTextError) {
                var scanner = ZoneTextScanner(
                    text: Array(text.utf8), name: "", origin: .root,
                    options: ZoneTextOptions(defaultTTL: 3600, allowsInclude: false))
                while try scanner.next() { count += 1 }
            } catch {
                throw ConfigurationProblem("'\(text)' is not a record: \(error.reason)")
            }
            guard count > 0 else { throw ConfigurationProblem("'\(text)' holds no record") }
            return text
        }
    }
}
