package import DNSCore
package import Operations

/// The `nts` section: NAT-traversal support.
///
/// An answer of the target policy is held until the router behind it has let the asker in.
package struct NTSSection: ConfigurationRecord {
    /// Whether answers are negotiated.
    ///
    /// Without the section `nts` they are when a zone has `nts: true`.
    package var enabled: Bool
    /// The address and port that notifications are sent from.
    package let source: NTSSourceSection
    /// Which answers are negotiated, beside those of zones with `nts: true`.
    package let targets: NTSTargetsSection
    /// The message form for targets that are not listed under `routers`: `v1` (UDP), `icmp` (echo), `v2` (UPDATE and
    /// TSIG).
    package let form: NTSFormOption
    /// How long a reply is held.
    package let hold: NTSHoldSection
    /// How long a target that did not answer is taken for no NTS router.
    package let negativeTTL: Duration
    /// The lifetime of a permission that is asked for; released addresses carry no longer TTL.
    package let lifetime: Duration
    /// When a client's address must be proved, by cookie or TCP, before anything is opened for it: `always`,
    /// `pressure` (from `pressure-threshold` pending holds on) or `off`.
    package let validateClient: ClientValidationOption
    /// Pending holds from which `validate-client: pressure` asks for proof.
    package let pressureThreshold: Int
    /// Clients that need no proof: networks with ingress filtering (RFC 2827).
    package let validatedClients: [IPPrefix]
    /// Forwarders whose EDNS Client Subnet (RFC 7871) says who the asker is.
    package let ecsFrom: [IPPrefix]
    /// Addresses of clients in the other family: IPv4 addresses of clients that ask over IPv6, and the other way round.
    ///
    /// The longest prefix decides; of equal ones the first.
    package let clientMap: [ClientMapSection]
    /// Whether an asker behind the target's own router is given the private address that the router names.
    package let hairpin: Bool
    /// Names for whose hosts it is not, as their clients filter private addresses; with all names below them.
    package let hairpinExclude: [Name]
    /// Bounds on what waits.
    ///
    /// A reply over a bound is released unheld, and counted.
    package let limits: NTSLimitsSection

    /// TSIG keys with which routers may announce themselves; nobody may when there is none.
    package let registrationKeys: [Name]

    package init(_ section: ConfigurationSection) {
        enabled = section.value("enabled", .flag, default: section.isPresent || section.context.isDescribing)
        source = section.record("source")
        targets = section.record("targets")
        form = section.value("form", .choice, default: .v1)
        hold = section.record("hold")
        negativeTTL = section.value(
            "negative-ttl", .duration(.zero ... .seconds(86400)), default: .seconds(300))
        lifetime = section.value(
            "lifetime", .duration(.seconds(1) ... .seconds(86400)), default: .seconds(60))
        validateClient = section.value("validate-client", .choice, default: .always)
        pressureThreshold = section.value("pressure-threshold", .number(1...10_000_000), default: 1000)
        validatedClients = section.list("validated-clients", .prefix)
        ecsFrom = section.list("ecs-from", .prefix)
        clientMap = section.records("client-map")
        hairpin = section.value("hairpin", .flag, default: true)
        hairpinExclude = section.list("hairpin-exclude", .name)
        registrationKeys = section.list("registration-keys", .name)
        limits = section.record("limits")
        for key in registrationKeys {
            section.refer(to: key.lowercased.description, in: "keys", on: "registration-keys")
        }
    }
}

/// The forms of notification (`form`).
package enum NTSFormOption: String, ConfigurationChoice {
    case v1
    case icmp
    case v2
}

/// When a client's address must be proved.
package enum ClientValidationOption: String, ConfigurationChoice {
    case always
    case pressure
    case off
}

/// The `nts.source` section.
package struct NTSSourceSection: ConfigurationRecord, Equatable {
    /// The address that notifications are sent from; `0.0.0.0` lets the system choose, for IPv6 routers too.
    package let address: IPAddress
    /// The port that notifications are sent from.
    package let port: UInt16

    package init(_ section: ConfigurationSection) {
        address = section.value("address", .address, default: .anyIPv4)
        port = section.value("port", .portOrAny, default: 20053)
    }
}

/// The `nts.targets` section: which answers are negotiated.
package struct NTSTargetsSection: ConfigurationRecord {
    /// Addresses in these prefixes: an ISP's own customers.
    package let prefixes: [IPPrefix]
    /// Every address on the Internet, as the papers have it.
    package let any: Bool
    /// Routers known by address, with the form and key that they speak.
    package let routers: [NTSRouterSection]

    package init(_ section: ConfigurationSection) {
        prefixes = section.list("prefixes", .prefix)
        any = section.value("any", .flag, default: false)
        routers = section.records("routers")
    }
}

/// One element of `nts.targets.routers`.
package struct NTSRouterSection: ConfigurationRecord {
    /// The router's outside address.
    package let address: IPAddress
    /// The port that it takes notifications on.
    package let port: UInt16
    /// The form that it speaks.
    package let form: NTSFormOption
    /// The TSIG key of form v2.
    package let key: Name?
    /// Prefixes behind it: it is notified for the addresses in them, such as those of IPv6 hosts, instead of the hosts.
    package let prefixes: [IPPrefix]

    package init(_ section: ConfigurationSection) {
        address = section.required("address", .address, placeholder: .loopbackIPv4)
        port = section.value("port", .port, default: 20053)
        form = section.value("form", .choice, default: .v1)
        key = section.keyReference()
        prefixes = section.list("prefixes", .prefix)
        guard section.isPresent else { return }
        section.define("\(address)", in: "nts.targets.routers", on: "address")
        if form == .v2, !section.has("key") { section.report("the form v2 needs a key") }
        if form != .v2, section.has("key") { section.report("only the form v2 has a key", on: "key") }
        if form != .v2, address.isIPv6 {
            section.report("only the form v2 carries IPv6 addresses", on: "form")
        }
    }
}

/// The `nts.hold` section: how long a reply is held.
package struct NTSHoldSection: ConfigurationRecord {
    /// For a target not known to be an NTS router.
    package let unknown: Duration
    /// For a target known to be one.
    package let known: Duration
    /// For a router that has said that it waits for another asker.
    package let pending: Duration
    /// When the notification is sent, counted from the first.
    package let retransmit: [Duration]
    /// What the client gets when the time is over: the answer (`release`) or SERVFAIL (`servfail`).
    package let onTimeout: HoldTimeoutOption

    package init(_ section: ConfigurationSection) {
        let range: ClosedRange<Duration> = .milliseconds(1) ... .seconds(30)
        unknown = section.value("unknown", .duration(range), default: .milliseconds(300))
        known = section.value("known", .duration(range), default: .seconds(1))
        pending = section.value("pending", .duration(range), default: .seconds(3))
        retransmit = section.list(
            "retransmit", .duration(.zero ... .seconds(30)),
            default: [.zero, .milliseconds(100), .milliseconds(200)], limit: 16)
        onTimeout = section.value("on-timeout", .choice, default: .release)
        if retransmit.isEmpty {
            section.report("without a time no notification is ever sent", on: "retransmit")
        }
        if zip(retransmit, retransmit.dropFirst()).contains(where: { $0 >= $1 }) {
            section.report("the times must rise", on: "retransmit")
        }
    }
}

/// What the client gets when a hold times out.
package enum HoldTimeoutOption: String, ConfigurationChoice {
    case release
    case servfail
}

/// One element of `nts.client-map`: one mapping (`from` and `address`), or a file of them.
package struct ClientMapSection: ConfigurationRecord {
    /// The prefix that the clients ask from.
    package let from: IPPrefix?
    /// The address of the other family that their traffic comes from.
    package let address: IPAddress?
    /// A file of mappings; it is read again when it changes.
    package let file: String?
    /// For `format: kea` the lease file of DHCPv6; `file` is that of DHCPv4.
    package let file6: String?
    /// How the file is written: `plain` (lines of prefix and address), `dnsmasq` or `kea` (their lease files).
    package let format: ClientMapFormatOption

    package init(_ section: ConfigurationSection) {
        from = section.optional("from", .prefix)
        address = section.optional("address", .address)
        file = section.file("file")
        file6 = section.file("file6")
        format = section.value("format", .choice, default: .plain)
        guard section.isPresent else { return }
        if section.has("file") == section.has("from") || section.has("from") != section.has("address") {
            section.report("give either from and address, or file")
        }
        if let from, let address, from.address.isIPv6 == address.isIPv6 {
            section.report("\(from) and \(address) are of one family", on: "address")
        }
        if (format == .kea) != section.has("file6") {
            section.report("the format kea, and no other, has a file6")
        }
    }
}

/// How a file of clients' addresses is written.
package enum ClientMapFormatOption: String, ConfigurationChoice {
    case plain
    case dnsmasq
    case kea
}

/// The `nts.limits` section.
package struct NTSLimitsSection: ConfigurationRecord {
    /// Replies held at one time.
    package let holds: Int
    /// Replies held for one client.
    package let perClient: Int
    /// Replies held for one router.
    package let perRouter: Int
    /// Targets remembered as NTS routers or as none.
    package let routers: Int

    package init(_ section: ConfigurationSection) {
        holds = section.value("holds", .number(1...10_000_000), default: 100_000)
        perClient = section.value("per-client", .number(1...1_000_000), default: 64)
        perRouter = section.value("per-router", .number(1...1_000_000), default: 1024)
        routers = section.value("routers", .number(1...10_000_000), default: 65536)
    }
}
