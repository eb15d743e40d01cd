package import DNSCore
package import Operations

/// The `hosts` section: the Private Host List.
package struct HostsSection: ConfigurationRecord {
    /// Whether names are learnt from the DNS UPDATEs that pass from inside to outside.
    package let observeUpdates: Bool
    /// Only updates to these servers count.
    ///
    /// Empty: to any.
    package let ddnsServers: [IPPrefix]
    /// Only names at or below these count.
    ///
    /// Empty: any.
    package let suffixes: [Name]
    /// How long a learnt name stays without being seen again.
    package let lifetime: Duration
    /// Names that one host may have.
    package let namesPerHost: Int
    /// Names in all.
    package let entries: Int
    /// Hosts that are always there.
    package let `static`: [StaticHostSection]
    /// Files of DHCP servers, read again when they change.
    package let leases: [LeaseFileSection]

    package init(_ section: ConfigurationSection) {
        observeUpdates = section.value("observe-updates", .flag, default: true)
        ddnsServers = section.list("ddns-servers", .prefix)
        suffixes = section.list("suffixes", .name)
        lifetime = section.value(
            "lifetime", .duration(.seconds(1) ... .seconds(86400 * 365)), default: .seconds(86400))
        namesPerHost = section.value("names-per-host", .number(1...10_000), default: 16)
        entries = section.value("entries", .number(1...1_000_000), default: 16384)
        `static` = section.records("static", limit: 10_000)
        leases = section.records("leases", limit: 64)
    }
}

/// One element of `hosts.static`.
package struct StaticHostSection: ConfigurationRecord {
    /// The host's name in the DNS.
    package let name: Name
    /// Its private address.
    package let address: IPAddress
    /// What it may be reached by: `all`, or a list of ports.
    ///
    /// Default: `permissions.allow`. Of several names of one host all that any of them allows counts; names that a host
    /// takes itself are under the rules that are written for it here.
    package let allow: AllowedPorts?
    /// Ports that are handed out one by one, as in `permissions.granted-ports`, which is the default.
    package let grantedPorts: [PortRange]?
    /// Who may reach it.
    ///
    /// Empty: everyone.
    package let from: [IPPrefix]
    /// Servers that may open it.
    ///
    /// Empty: all of `servers`.
    package let servers: [IPAddress]

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .name, placeholder: .root)
        address = section.required("address", .address, placeholder: .loopbackIPv4)
        let ports = section.allowedPorts("allow")
        allow = section.has("allow") ? ports : nil
        let granted = section.list("granted-ports", .portRange, limit: 16)
        section.checkGranted(granted)
        grantedPorts = section.has("granted-ports") ? granted : nil
        from = section.list("from", .prefix)
        servers = section.list("servers", .address)
        guard section.isPresent else { return }
        if section.has("name") {
            section.define(
                "\(name.lowercased) \(address.isIPv6 ? "IPv6" : "IPv4")", in: "hosts.static", on: "name")
        }
        if section.has("address"), address.isUnspecified || address.isMulticast || address.isLoopback {
            section.report("\(address) is not the address of a host", on: "address")
        }
        for server in servers { section.refer(to: "\(server)", in: "servers", on: "servers") }
    }
}

/// One element of `hosts.leases`.
package struct LeaseFileSection: ConfigurationRecord {
    /// The file.
    package let file: String
    /// Whose file it is: `dnsmasq`, `odhcpd` or `kea`.
    package let format: LeaseFormat
    /// What is put behind the host names in it.
    package let suffix: Name

    package init(_ section: ConfigurationSection) {
        file = section.required("file", .text, placeholder: "")
        format = section.value("format", .choice, default: .dnsmasq)
        suffix = section.required("suffix", .name, placeholder: .root)
    }
}

/// The forms of lease files.
package enum LeaseFormat: String, ConfigurationChoice {
    case dnsmasq
    case odhcpd
    case kea
}
