/// What will have to be done when, earliest first: a binary heap.
///
/// Entries are not removed early unless they stand first; who gets one checks whether it still means anything.
struct DeadlineQueue<Item> {
    private var heap: [(time: UInt64, item: Item)] = []

    /// The earliest time.
    var next: UInt64? { heap.first?.time }
    var count: Int { heap.count }

    mutating func insert(_ item: Item, at time: UInt64) {
        heap.append((time, item))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].time < heap[parent].time else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest entry out, if it is due at `now`.
    mutating func popDue(at now: UInt64) -> Item? {
        guard let first = heap.first, first.time <= now else { return nil }
        return pop()
    }

    /// Takes out the earliest as long as they mean nothing any more.
    mutating func dropFirst(while isOver: (Item) -> Bool) {
        while let first = heap.first, isOver(first.item) { _ = pop() }
    }

    private mutating func pop() -> Item? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = 2 * parent + 1
                guard least < heap.count else { break }
                if least + 1 < heap.count, heap[least + 1].time < heap[least].time { least += 1 }
                guard heap[least].time < heap[parent].time else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return first.item
    }
}

/// Deadlines that all lie equally far ahead, so that they come in the order in which they were set.
struct DeadlineLine {
    private var items: [(time: UInt64, id: Int)] = []
    /// Those before it are done with.
    private var start = 0

    /// The earliest time.
    var next: UInt64? { start < items.count ? items[start].time : nil }

    /// - Parameter time: not before that of the one inserted last.
    mutating func insert(_ id: Int, at time: UInt64) {
        items.append((max(time, items.last?.time ?? 0), id))
    }

    /// Takes the earliest out, if it is due at `now`.
    mutating func popDue(at now: UInt64) -> Int? {
        guard start < items.count, items[start].time <= now else { return nil }
        defer { advance() }
        return items[start].id
    }

    /// Takes out the earliest as long as they mean nothing any more.
    mutating func dropFirst(while isOver: (Int) -> Bool) {
        while start < items.count, isOver(items[start].id) { advance() }
    }

    private mutating func advance() {
        start += 1
        guard start == items.count || start >= 1024 && start * 2 >= items.count else { return }
        items.removeFirst(start)
        start = 0
    }
}
