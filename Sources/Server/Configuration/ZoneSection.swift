internal import Authority
package import DNSCore
package import Operations

/// One element of `zones`: a zone that we are an authority for.
package struct ZoneSection: ConfigurationRecord {
    /// The zone's apex.
    package private(set) var name: Name
    /// Where the zone's contents come from: `primary` (a file and updates) or `secondary` (transfer).
    package private(set) var kind: ZoneKindOption
    /// The master file (RFC 1035 5).
    ///
    /// Needed for a primary; a secondary writes what it holds to it, if it is given.
    package private(set) var file: String?
    /// Where the file is named in the configuration.
    package let filePlace: String
    /// Who may transfer the zone (AXFR, IXFR).
    ///
    /// First match decides; no rule: REFUSED.
    package private(set) var transfer: [AccessRuleSection]
    /// Servers that are told when the zone changes (RFC 1996).
    package private(set) var notify: [RemoteSection]
    /// Who may say that the zone has changed, beside the primaries.
    package private(set) var allowNotify: [AccessRuleSection]
    /// Servers that a secondary transfers from; asked in this order.
    package private(set) var primaries: [RemoteSection]
    /// Who may change what by UPDATE (RFC 2136).
    ///
    /// First match decides; no rule: REFUSED.
    package private(set) var update: [UpdateRuleSection]
    /// Whether a secondary hands updates to its primary (RFC 2136 6).
    package private(set) var forwardUpdates: Bool
    /// What happens to private addresses (RFC 1918, 4193, 6598) that an update from another network brings:
    /// `allow`, `refuse`, or `replace` by the address that the update came from.
    package private(set) var privateAddresses: PrivateAddressOption
    /// Whether an update is refused that would take the last address of one of the zone's own name servers.
    package let checkNameServers: Bool
    /// How the serial moves when an update does not set it: `increment`, `unixtime` or `date` (YYYYMMDDnn).
    package private(set) var serial: SerialOption
    /// What happens when the file has changed beside the journal: `merge` the difference, or `refuse` the file.
    package private(set) var fileChanges: FileChangeOption
    /// Whether answers may be sent as differences (IXFR, RFC 1995).
    package private(set) var ixfr: Bool
    /// Largest journal kept for differences, on disk; older ones go first.
    package private(set) var journalSize: Int
    /// Shortest time between two checks of a secondary for a newer serial, whatever the SOA says.
    package private(set) var minRefresh: Duration
    /// Longest time between two checks.
    package private(set) var maxRefresh: Duration
    /// Most records that the zone may have; an update, file or transfer with more is refused.
    package private(set) var maxRecords: Int
    /// Whether address answers of this zone are negotiated with NTS routers.
    package private(set) var nts: Bool
    /// The zone's part in a catalog (RFC 9432): it is one, or is listed in one of ours.
    package private(set) var catalog: CatalogSection?
    /// What is done with a zone's digest (ZONEMD, RFC 8976) when it is loaded or transferred: `off`; `check`: one that
    /// does not fit is refused and the old version stays; `require`: a zone without a digest that fits is refused too.
    package private(set) var zonemd: DigestOption

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .name, placeholder: .root)
        kind = section.value("kind", .choice, default: .primary)
        file = section.file("file")
        filePlace = section.place(of: "file")
        transfer = section.records("transfer")
        notify = section.records("notify", limit: 1000)
        allowNotify = section.records("allow-notify")
        primaries = section.records("primaries", limit: 64)
        update = section.records("update")
        forwardUpdates = section.value("forward-updates", .flag, default: false)
        privateAddresses = section.value("private-addresses", .choice, default: .allow)
        checkNameServers = section.value("check-name-servers", .flag, default: false)
        serial = section.value("serial", .choice, default: .increment)
        fileChanges = section.value("file-changes", .choice, default: .merge)
        ixfr = section.value("ixfr", .flag, default: true)
        journalSize = section.value("journal-size", .size(1 << 16...1 << 40), default: 64 << 20)
        minRefresh = section.value("min-refresh", .duration(), default: .seconds(2))
        maxRefresh = section.value("max-refresh", .duration(), default: .seconds(86400 * 28))
        maxRecords = section.value("max-records", .number(1...Int.max), default: 100_000_000)
        nts = section.value("nts", .flag, default: false)
        catalog = section.optionalRecord("catalog")
        zonemd = section.value("zonemd", .choice, default: .off)
        check(section)
    }

    private func check(_ section: ConfigurationSection) {
        guard section.isPresent else { return }
        if section.has("name") {
            section.define(name.lowercased.description, in: "zones", on: "name")
            if catalog?.role == .producer {
                section.define(name.lowercased.description, in: "catalogs", on: "name")
            }
        }
        switch kind {
        case .primary:
            if catalog?.role == .producer {
                if !update.isEmpty { section.report("a catalog that we make takes no updates", on: "update") }
            } else if file == nil {
                section.report("a primary zone needs a file")
            }
            if section.has("primaries") { section.report("a primary zone has no primaries", on: "primaries") }
            if forwardUpdates { section.report("only a secondary forwards updates", on: "forward-updates") }
        case .secondary:
            if catalog?.role == .producer {
                section.report("a catalog that we make is a primary zone", on: "catalog")
            }
            if primaries.isEmpty { section.report("a secondary zone needs primaries") }
            if !update.isEmpty, !forwardUpdates {
                section.report(
                    "a secondary takes no updates; set forward-updates to hand them on", on: "update")
            }
        }
        if minRefresh > maxRefresh { section.report("longer than max-refresh", on: "min-refresh") }
    }
}

extension ZoneSection {
    /// A zone that a catalog lists: a secondary with the settings of the catalog's own section, but where `template`
    /// says otherwise.
    func member(_ zone: Name, _ template: CatalogMemberSection?) -> ZoneSection {
        var section = self
        section.name = zone
        section.kind = .secondary
        section.file = nil
        section.catalog = nil
        section.update = []
        section.nts = template?.nts ?? false
        guard let template else { return section }
        if !template.primaries.isEmpty { section.primaries = template.primaries }
        if !template.transfer.isEmpty { section.transfer = template.transfer }
        if !template.notify.isEmpty { section.notify = template.notify }
        if !template.allowNotify.isEmpty { section.allowNotify = template.allowNotify }
        section.forwardUpdates = template.forwardUpdates
        section.zonemd = template.zonemd
        return section
    }
}

/// What is done with the digest that a zone carries (RFC 8976).
package enum DigestOption: String, ConfigurationChoice {
    case off
    case check
    case require

    /// What is wrong with a zone's digest, as far as it is to be looked at; nil when the zone may be served.
    func fault(in zone: ZoneSnapshot) -> ZoneDigest.Fault? {
        guard self != .off, let fault = ZoneDigest.verify(zone) else { return nil }
        switch fault {
        case .mismatch: return fault
        case .absent, .unusable: return self == .require ? fault : nil
        }
    }
}

/// Where a zone's contents come from.
package enum ZoneKindOption: String, ConfigurationChoice {
    case primary
    case secondary
}

/// What is done with private addresses that updates bring from other networks.
package enum PrivateAddressOption: String, ConfigurationChoice {
    case allow
    case refuse
    case replace
}

/// How a zone's serial moves with an update.
package enum SerialOption: String, ConfigurationChoice {
    case increment
    case unixtime
    case date
}

/// What is done with a zone file that was edited beside the journal.
package enum FileChangeOption: String, ConfigurationChoice {
    case merge
    case refuse
}
