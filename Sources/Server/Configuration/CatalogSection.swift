package import DNSCore
package import Operations

/// The `catalog` section of a zone: its part in a catalog (RFC 9432).
package struct CatalogSection: ConfigurationRecord {
    /// `consumer`: the zone is a catalog, and we are a secondary of the zones that it lists; `producer`: the zone is a
    /// catalog that we make; `member`: the zone is listed in a catalog of ours.
    package let role: CatalogRoleOption
    /// The catalog, of role `producer`, that lists a member.
    package let zone: Name?
    /// Groups that a member is listed with (RFC 9432 4.4.2).
    package let groups: [String]
    /// How the zones that a consumer finds listed are set; the first entry counts that names one of the zone's groups, or
    /// no group.
    ///
    /// None: as the catalog itself is set.
    package let members: [CatalogMemberSection]
    /// Most zones that a consumer takes from the catalog; a catalog that lists more is broken.
    package let maxMembers: Int

    package init(_ section: ConfigurationSection) {
        role = section.value("role", .choice, default: .consumer)
        zone = section.optional("zone", .name)
        groups = section.list(
            "groups",
            ConfigurationScalar("a group of 1 to 255 octets") {
                (1...255).contains($0.utf8.count) ? $0 : nil
            }, limit: 64)
        members = section.records("members", limit: 1000)
        maxMembers = section.value("max-members", .number(1...1_000_000), default: 100_000)
        guard section.isPresent else { return }
        if role == .member {
            if let zone {
                section.refer(to: zone.lowercased.description, in: "catalogs", on: "zone")
            } else {
                section.report("a member needs the zone that lists it")
            }
        } else {
            if zone != nil { section.report("only a member is listed in a catalog", on: "zone") }
            if !groups.isEmpty { section.report("only a member has groups", on: "groups") }
        }
        if role != .consumer, !members.isEmpty {
            section.report("only a consumer takes members", on: "members")
        }
    }
}

/// A zone's part in a catalog.
package enum CatalogRoleOption: String, ConfigurationChoice {
    case consumer
    case producer
    case member
}

/// One element of `catalog.members`: settings of zones that a catalog lists; an empty list is taken from the catalog's
/// own section.
package struct CatalogMemberSection: ConfigurationRecord {
    /// The group whose zones are meant; absent: all.
    package let group: String?
    /// Servers that the zones are transferred from.
    package let primaries: [RemoteSection]
    /// Who may transfer the zones.
    package let transfer: [AccessRuleSection]
    /// Servers that are told when a zone changes.
    package let notify: [RemoteSection]
    /// Who may say that a zone has changed, beside the primaries.
    package let allowNotify: [AccessRuleSection]
    /// Whether updates are handed on to the primary.
    package let forwardUpdates: Bool
    /// What is done with the zones' digests (ZONEMD).
    package let zonemd: DigestOption
    /// Whether address answers of the zones are negotiated with NTS routers.
    package let nts: Bool

    package init(_ section: ConfigurationSection) {
        group = section.optional(
            "group", ConfigurationScalar("a group") { $0.isEmpty || $0.utf8.count > 255 ? nil : $0 })
        primaries = section.records("primaries", limit: 64)
        transfer = section.records("transfer")
        notify = section.records("notify", limit: 1000)
        allowNotify = section.records("allow-notify")
        forwardUpdates = section.value("forward-updates", .flag, default: false)
        zonemd = section.value("zonemd", .choice, default: .off)
        nts = section.value("nts", .flag, default: false)
    }
}
