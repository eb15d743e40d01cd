/// The deadlines of many things, soonest first: a binary heap.
///
/// What a deadline means is decided when it is due, so that moving one is pushing another and ignoring the
/// first.
struct DeadlineHeap<Payload> {
    private var entries: [(due: Duration, payload: Payload)] = []

    /// Deadlines kept, outdated ones included.
    var count: Int { entries.count }
    /// The soonest deadline.
    var soonest: Duration? { entries.first?.due }

    mutating func push(_ payload: Payload, due: Duration) {
        entries.append((due, payload))
        var index = entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].due < entries[parent].due else { break }
            entries.swapAt(index, parent)
            index = parent
        }
    }

    /// Takes the soonest deadline out if it is due at `now`.
    mutating func pop(dueAt now: Duration) -> Payload? {
        guard let first = entries.first, first.due <= now else { return nil }
        let last = entries.removeLast()
        if !entries.isEmpty {
            entries[0] = last
            sink()
        }
        return first.payload
    }

    /// Drops the deadlines that `isCurrent` does not know any more.
    mutating func compact(keeping isCurrent: (Payload) -> Bool) {
        let kept = entries.filter { isCurrent($0.payload) }
        entries.removeAll(keepingCapacity: true)
        for entry in kept { push(entry.payload, due: entry.due) }
    }

    private mutating func sink() {
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < entries.count else { return }
            let right = left + 1
            let child = right < entries.count && entries[right].due < entries[left].due ? right : left
            guard entries[child].due < entries[index].due else { return }
            entries.swapAt(index, child)
            index = child
        }
    }
}

extension DeadlineHeap: Sendable where Payload: Sendable {}
