internal import DNSCore

/// Questions or transfers that wait for a place, in order.
struct ErrandQueue {
    struct Entry {
        let zone: Name
        let primary: Int
        let isIncremental: Bool
    }

    private var entries: [Entry] = []
    private var first = 0

    var isEmpty: Bool { first == entries.count }

    mutating func append(_ zone: Name, _ primary: Int, incremental: Bool = false) {
        entries.append(Entry(zone: zone, primary: primary, isIncremental: incremental))
    }

    mutating func next() -> Entry? {
        guard first < entries.count else { return nil }
        let entry = entries[first]
        first += 1
        if first > 1000, first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
        return entry
    }
}

/// When which zone is to be looked at: a binary heap.
///
/// A zone may be in it several times; what is outdated costs one look.
struct ZoneDeadlines {
    private var entries: [(time: Int64, zone: Name)] = []

    /// The earliest time.
    var first: Int64? { entries.first?.time }

    mutating func insert(_ time: Int64, _ zone: Name) {
        entries.append((time, zone))
        var child = entries.count - 1
        while child > 0, entries[child].time < entries[(child - 1) / 2].time {
            entries.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// Takes out the next zone whose time has come.
    mutating func due(_ now: Int64) -> Name? {
        guard let first = entries.first, first.time <= now else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return first.zone }
        entries[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < entries.count && entries[child].time < entries[least].time { least = child }
            guard least != parent else { return first.zone }
            entries.swapAt(parent, least)
            parent = least
        }
    }
}
