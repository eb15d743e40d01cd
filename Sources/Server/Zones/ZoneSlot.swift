internal import DNSCore
internal import Synchronization

/// One zone of the configuration: its number in the catalog and its settings.
///
/// Immutable: a reload makes new ones.
final class ZoneSlot: Sendable {
    let name: Name
    /// The zone's number in the ``ZoneCatalog`` that was made with it.
    let number: Int
    /// Its part of the configuration.
    let section: ZoneSection
    /// Who may transfer it.
    let transferAccess: AccessList
    /// Who may send NOTIFY for it.
    let notifyAccess: AccessList

    init(number: Int, section: ZoneSection) {
        name = section.name
        self.number = number
        self.section = section
        transferAccess = AccessList(sections: section.transfer, otherwise: .refuse)
        let primaries = section.primaries.map { primary in
            AccessList.Rule(prefix: IPPrefix(primary.address), key: primary.key, action: .allow)
        }
        notifyAccess = AccessList(
            AccessList.rules(section.allowNotify) + primaries, otherwise: .refuse)
    }
}

/// All zones of one configuration, by number and by name.
final class ZoneSlots: Sendable {
    let all: [ZoneSlot]
    private let byName: [Name: ZoneSlot]

    init(_ sections: [ZoneSection]) {
        all = sections.enumerated().map { ZoneSlot(number: $0.offset, section: $0.element) }
        byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Whether zone `number` is marked `nts: true`.
    func isMarked(_ number: Int) -> Bool {
        all.indices.contains(number) && all[number].section.nts
    }

    /// The zone with this apex.
    subscript(name: Name) -> ZoneSlot? { byName[name] }
}
