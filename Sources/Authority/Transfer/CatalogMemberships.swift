package import DNSCore

/// Which zones a consumer holds because catalogs list them, and which catalog each belongs to (RFC 9432 5).
///
/// A zone belongs to the catalog that listed it first. It moves to another one only when its catalog names that one as
/// successor (`coo`, RFC 9432 4.4.1) and the other lists it; as long as its catalog lists it, a second listing is
/// passed over. A catalog that is broken or not there changes nothing.
package struct CatalogMemberships: Sendable, Equatable {
    /// How one zone is held.
    package struct Membership: Sendable, Equatable {
        package var catalog: Name
        /// The label of the listing.
        package var label: [UInt8]
        package var groups: [String]

        package init(catalog: Name, label: [UInt8], groups: [String]) {
            self.catalog = catalog
            self.label = label
            self.groups = groups
        }
    }

    /// What became of a zone.
    package enum Change: Sendable, Equatable {
        case added(Name)
        /// Its contents and journal are to be forgotten.
        case removed(Name)
        /// Its contents and journal are to be forgotten and fetched anew (RFC 9432 5.6).
        case reset(Name)
        /// Other groups, or another catalog with the same label: it keeps its contents.
        case altered(Name)
        /// A catalog lists it in vain: it belongs to another, or to the configuration.
        case passedOver(Name, catalog: Name)
    }

    /// Zones by name.
    package private(set) var zones: [Name: Membership]

    package init(_ zones: [Name: Membership] = [:]) {
        self.zones = zones
    }

    /// Takes over what the catalogs list now.
    ///
    /// - Parameters:
    ///   - catalogs: every catalog of the configuration, the first with precedence; nil for one that is broken or not
    ///     loaded.
    ///   - isTaken: whether a zone is configured otherwise, and so no member.
    /// - Returns: the changes, in the order of the zones' names.
    package mutating func update(
        _ catalogs: [(apex: Name, contents: CatalogContents?)], isTaken: (Name) -> Bool
    ) -> [Change] {
        var changes: [Change] = []
        var listings: [Name: [(catalog: Name, member: CatalogContents.Member)]] = [:]
        for (apex, contents) in catalogs {
            for (zone, member) in contents?.members ?? [:] {
                listings[zone, default: []].append((apex, member))
            }
        }
        let unreadable = Set(catalogs.filter { $0.contents == nil }.map(\.apex))
        for zone in Set(zones.keys).union(listings.keys).sorted() {
            let present = zones[zone]
            let offered = listings[zone] ?? []
            if isTaken(zone) {
                if present != nil { zones[zone] = nil }
                changes += offered.map { .passedOver(zone, catalog: $0.catalog) }
                continue
            }
            if let present, unreadable.contains(present.catalog) { continue }
            let own = offered.first { $0.catalog == present?.catalog }
            let successor = own?.member.successor
            let moved = offered.first {
                successor != nil && $0.catalog == successor && $0.catalog != own?.catalog
            }
            guard let chosen = moved ?? own ?? offered.first else {
                zones[zone] = nil
                changes.append(.removed(zone))
                continue
            }
            let next = Membership(
                catalog: chosen.catalog, label: chosen.member.label, groups: chosen.member.groups)
            zones[zone] = next
            if let present {
                // Without leave of its old catalog the zone is another's, whatever the label.
                let isSame = present.label == next.label && (own != nil || moved != nil)
                if !isSame {
                    changes.append(.reset(zone))
                } else if present != next {
                    changes.append(.altered(zone))
                }
            } else {
                changes.append(.added(zone))
            }
            for other in offered where other.catalog != chosen.catalog && other.catalog != own?.catalog {
                changes.append(.passedOver(zone, catalog: other.catalog))
            }
        }
        return changes
    }
}

extension CatalogMemberships {
    /// One line a zone: its name, its catalog, label and groups in hexadecimal digits.
    package var text: String {
        zones.sorted { $0.key < $1.key }.map { zone, membership in
            ([zone.description, membership.catalog.description]
                + ([membership.label] + membership.groups.map { Array($0.utf8) }).map(Self.digits))
                .joined(separator: " ") + "\n"
        }.joined()
    }

    /// Reads what ``text`` has written; lines that are not such are passed over.
    package init(text: String) {
        var zones: [Name: Membership] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 3, let zone = try? Name(words[0]), let catalog = try? Name(words[1]),
                let label = Self.octets(words[2])
            else { continue }
            let groups = words[3...].compactMap {
                Self.octets($0).map { String(decoding: $0, as: UTF8.self) }
            }
            zones[zone] = Membership(catalog: catalog, label: label, groups: groups)
        }
        self.init(zones)
    }

    private static func digits(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func octets(_ digits: String) -> [UInt8]? {
        let values = digits.compactMap(\.hexDigitValue)
        guard values.count == digits.count, values.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
    }
}
