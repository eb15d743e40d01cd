package import DNSCore
package import Operations

/// The `permissions` section: the Request Cache.
package struct PermissionsSection: ConfigurationRecord {
    /// How long a permission serves: `window` until its lifetime ends, `once` for the first flow only.
    package let mode: PermissionMode
    /// The lifetime granted when the server asks for none.
    package let lifetime: Duration
    /// The longest lifetime granted.
    package let maxLifetime: Duration
    /// How long a notification waits for another asker from the same address to use its permission.
    package let conflictWait: Duration
    /// Notifications that may wait so for one asker's address; more are refused.
    package let conflictQueue: Int
    /// New flows that one permission lets in.
    package let flowsPerPermission: Int
    /// What a host may be reached by where nothing else is said: `all`, or a list of ports.
    package let allow: AllowedPorts
    /// Ports that are handed out one by one: each asker gets a public port of its own for each of them, and is told it.
    ///
    /// For hosts where nothing else is said. Empty: askers reach the host's own ports.
    package let grantedPorts: [PortRange]
    /// The public ports that are handed out, such as `40000-49999`.
    package let publicPorts: ClosedRange<UInt16>
    /// Ports of the router itself, which are never mapped.
    ///
    /// The notification port is always one of them.
    package let reservedPorts: [PortRange]
    /// Whether ports that the router listens on outside are reserved too, as they come and go.
    package let reserveListening: Bool
    /// Protocols that carry addresses in their payload, which the kernel's helpers translate: `ftp`, `sip`, or with a
    /// port as in `ftp/2121`.
    ///
    /// Only for flows that a permission has let in.
    package let helpers: [HelperRule]
    /// The largest IPv4 prefix, in bits, that a server may ask for in the place of an address; 32: none.
    package let prefixIPv4: Int
    /// The same for IPv6; 128: none.
    package let prefixIPv6: Int
    /// Bounds.
    package let limits: PermissionLimitsSection
    /// Routers inside us that are NTS routers: `probe` every private host, `none`, or a list of addresses.
    package let innerRouters: InnerRouters
    /// The key that routers of the list `inner-routers` are notified with, in form v2.
    ///
    /// Absent: form v1, which a neighbour of the inner router can forge.
    package let innerKey: Name?
    /// Whether an asker from behind this router is told the host's private address.
    package let hairpin: Bool

    package init(_ section: ConfigurationSection) {
        let range: ClosedRange<Duration> = .seconds(1) ... .seconds(86400)
        mode = section.value("mode", .choice, default: .window)
        lifetime = section.value("lifetime", .duration(range), default: .seconds(60))
        maxLifetime = section.value("max-lifetime", .duration(range), default: .seconds(300))
        conflictWait = section.value(
            "conflict-wait", .duration(.milliseconds(1) ... .seconds(30)), default: .milliseconds(700))
        conflictQueue = section.value("conflict-queue", .number(0...1000), default: 4)
        flowsPerPermission = section.value("flows-per-permission", .number(1...200_000), default: 64)
        allow = section.allowedPorts("allow")
        reservedPorts = section.list(
            "reserved-ports", .portRange,
            default: [PortRange(.tcp, 22...22), PortRange(.udp, 20053...20053)],
            limit: 1000)
        grantedPorts = section.list("granted-ports", .portRange, limit: 16)
        publicPorts = section.value("public-ports", .portSpan, default: 40_000...49_999)
        reserveListening = section.value("reserve-listening", .flag, default: true)
        helpers = section.list(
            "helpers", .helper, default: [HelperRule(kind: .ftp), HelperRule(kind: .sip)], limit: 16)
        prefixIPv4 = section.value("prefix-ipv4", .number(8...32), default: 24)
        prefixIPv6 = section.value("prefix-ipv6", .number(32...128), default: 48)
        limits = section.record("limits")
        innerRouters = section.either(
            "inner-routers", .innerRouters, orListOf: .address, default: .probe, make: { .only($0) })
        innerKey = section.keyReference("inner-key")
        if innerKey != nil, innerRouters == .probe || innerRouters == .none {
            section.report("needs a list of inner-routers", on: "inner-key")
        }
        hairpin = section.value("hairpin", .flag, default: true)
        section.checkGranted(grantedPorts)
        if lifetime > maxLifetime { section.report("longer than max-lifetime", on: "lifetime") }
    }
}

/// How long a permission serves.
package enum PermissionMode: String, ConfigurationChoice {
    case window
    case once
}

/// Routers behind us that take notifications themselves.
package enum InnerRouters: Hashable, Sendable {
    /// None.
    case none
    /// Any private host might be one; it is asked, and remembered when it does not answer.
    case probe
    /// These.
    case only([IPAddress])
}

/// The `permissions.limits` section.
///
/// A notification over a limit is refused, and counted.
package struct PermissionLimitsSection: ConfigurationRecord {
    /// Permissions at one time.
    package let entries: Int
    /// Permissions for one asker's address.
    package let perGN: Int
    /// Permissions asked for by one server.
    package let perServer: Int
    /// Permissions to one private host.
    package let perHost: Int
    /// Permissions opened for one asker's address within a minute.
    package let openingsPerMinute: Int
    /// Permissions for whole prefixes.
    package let prefixes: Int
    /// Notifications a second from one server.
    package let notificationsPerSecond: Int

    package init(_ section: ConfigurationSection) {
        entries = section.value("entries", .number(1...1_000_000), default: 65536)
        perGN = section.value("per-gn", .number(1...1_000_000), default: 64)
        perServer = section.value("per-server", .number(1...1_000_000), default: 16384)
        perHost = section.value("per-host", .number(1...1_000_000), default: 16384)
        notificationsPerSecond = section.value(
            "notifications-per-second", .number(1...10_000_000), default: 50_000)
        openingsPerMinute = section.value("openings-per-minute", .number(1...1_000_000), default: 240)
        prefixes = section.value("prefixes", .number(0...4096), default: 256)
    }
}

/// The `nftables` section: what is put into the kernel.
package struct NftablesSection: ConfigurationRecord {
    /// The name of the table, which is the agent's own and goes when the agent goes.
    package let table: String
    /// Where our chains stand beside those of the firewall: -1 before its destination NAT, 1 after it.
    package let priorityOffset: Int
    /// The bits of the conntrack mark that are ours: the firewall may accept `ct mark & MARK == MARK`.
    package let mark: Int
    /// The NFLOG group of updates that pass.
    package var snoopGroup: Int
    /// The NFLOG group of permissions that are used.
    package var useGroup: Int
    /// The NFLOG group of ICMP notifications.
    package var icmpGroup: Int

    package init(_ section: ConfigurationSection) {
        table = section.value("table", .nftablesName, default: "torii")
        priorityOffset = section.value("priority-offset", .number(-400...400), default: -1)
        mark = section.value("mark", .mark, default: 0x1000_0000)
        useGroup = section.value("use-group", .number(0...65535), default: 5)
        snoopGroup = section.value("snoop-group", .number(0...65535), default: 6)
        icmpGroup = section.value("icmp-group", .number(0...65535), default: 7)
        if Set([useGroup, snoopGroup, icmpGroup]).count < 3 {
            section.report("two NFLOG groups are the same", on: "use-group")
        }
    }
}

/// Protocols that the kernel has helpers for.
package enum HelperKind: String, Sendable {
    case ftp
    case sip
}

/// One element of `permissions.helpers`.
package struct HelperRule: Hashable, Sendable, CustomStringConvertible {
    /// The protocol.
    package let kind: HelperKind
    /// Where its servers listen.
    package let port: UInt16

    package init(kind: HelperKind, port: UInt16? = nil) {
        self.kind = kind
        self.port = port ?? kind.defaultPort
    }

    package var description: String { port == kind.defaultPort ? kind.rawValue : "\(kind.rawValue)/\(port)" }
}

extension ConfigurationScalar where Value == HelperRule {
    /// `ftp`, `sip`, or with a port.
    fileprivate static var helper: ConfigurationScalar<HelperRule> {
        ConfigurationScalar("`ftp`, `sip`, or one with a port such as ftp/2121") { text in
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let kind = HelperKind(rawValue: String(first)) else { return nil }
            guard parts.count == 2 else { return HelperRule(kind: kind) }
            return UInt16(parts[1]).flatMap { $0 == 0 ? nil : HelperRule(kind: kind, port: $0) }
        }
    }
}

extension ConfigurationScalar where Value == ClosedRange<UInt16> {
    /// `40000-49999`.
    fileprivate static var portSpan: ConfigurationScalar<ClosedRange<UInt16>> {
        var result = ConfigurationScalar<ClosedRange<UInt16>>("ports such as 40000-49999") { text in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard ends.count == 2, let low = ends[0], let high = ends[1], low > 0, low <= high else {
                return nil
            }
            return low...high
        }
        result.show = { "\($0.lowerBound)-\($0.upperBound)" }
        return result
    }
}

extension ConfigurationScalar where Value == InnerRouters {
    /// `probe` or `none`.
    fileprivate static var innerRouters: ConfigurationScalar<InnerRouters> {
        var result = ConfigurationScalar<InnerRouters>("`probe`, `none`") { text in
            switch text {
            case "probe": .probe
            case "none": InnerRouters.none
            default: nil
            }
        }
        result.show = { $0 == .probe ? "probe" : "none" }
        return result
    }
}

extension ConfigurationScalar where Value == Int {
    /// Bits of a conntrack mark, in decimal or as `0x10000000`.
    fileprivate static var mark: ConfigurationScalar<Int> {
        var result = ConfigurationScalar("bits of a mark such as 0x10000000", schemaType: "any") { text in
            let value = text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
            return value.flatMap { $0 == 0 ? nil : Int($0) }
        }
        result.show = { "0x" + String($0, radix: 16) }
        return result
    }
}
