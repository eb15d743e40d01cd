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
    /// What is counted for it; zones beyond `limits.zone-counters` share one.
    let counters: ZoneCounters

    init(number: Int, section: ZoneSection, counters: ZoneCounters) {
        self.counters = counters
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
@safe final class ZoneSlots: @unchecked Sendable {
    // Sendable: immutable after `init`, but for the counters' words, which belong to one worker each.
    let all: [ZoneSlot]
    /// Where the counters of each zone stand, for the workers.
    private let cells: UnsafeMutablePointer<UnsafeMutablePointer<UInt64>>
    private let byName: [Name: ZoneSlot]

    init(_ sections: [ZoneSection], counters: (Name) -> ZoneCounters) {
        all = sections.enumerated().map {
            ZoneSlot(number: $0.offset, section: $0.element, counters: counters($0.element.name))
        }
        unsafe cells = .allocate(capacity: max(1, all.count))
        for slot in all { unsafe (cells + slot.number).initialize(to: slot.counters.cells) }
        byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    deinit { unsafe cells.deallocate() }

    /// Where the zones' counters stand; valid as long as this is.
    var counterTable: ZoneCounterTable { unsafe ZoneCounterTable(cells: cells, count: all.count) }

    /// Whether zone `number` is marked `nts: true`.
    func isMarked(_ number: Int) -> Bool {
        all.indices.contains(number) && all[number].section.nts
    }

    /// The zone with this apex.
    subscript(name: Name) -> ZoneSlot? { byName[name] }
}
