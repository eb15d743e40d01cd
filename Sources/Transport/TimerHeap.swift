/// Names one armed timer.
///
/// Cancelling one that has fired or was cancelled does nothing.
package struct TimerToken: Hashable, Sendable {
    var slot: UInt32
    var generation: UInt32

    /// A token that names no timer.
    package static let none = TimerToken(slot: .max, generation: 0)
}

/// Told when a timer fires.
package protocol TimerTarget: AnyObject {
    /// The timer armed with `tag` is due.
    func timerFired(tag: UInt64, at now: MonotonicTime)
}

/// Timers in order of their deadlines: a 4-ary heap over reused slots, so arming allocates only when growing.
///
/// Knows no clock: `popDue(at:)` is told the time, so tests move it as they like.
struct TimerHeap: ~Copyable {
    struct Due {
        var target: any TimerTarget
        var tag: UInt64
    }

    private struct Slot {
        var target: (any TimerTarget)?
        var tag: UInt64 = 0
        var position: Int = -1
        var generation: UInt32 = 0
    }

    private struct Entry {
        var deadline: UInt64
        var slot: UInt32
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []
    private var heap: [Entry] = []

    init() {}

    /// How many timers are armed.
    var count: Int { heap.count }

    /// When the next one is due; nil without any.
    var nextDeadline: MonotonicTime? { heap.first.map { MonotonicTime(nanoseconds: $0.deadline) } }

    /// Arms a timer.
    ///
    /// The target is kept alive until it fires or is cancelled.
    mutating func arm(at deadline: MonotonicTime, target: any TimerTarget, tag: UInt64) -> TimerToken {
        let index: UInt32
        if let reused = free.popLast() {
            index = reused
        } else {
            index = UInt32(slots.count)
            slots.append(Slot())
        }
        slots[Int(index)].target = target
        slots[Int(index)].tag = tag
        heap.append(Entry(deadline: deadline.nanoseconds, slot: index))
        slots[Int(index)].position = heap.count - 1
        siftUp(heap.count - 1)
        return TimerToken(slot: index, generation: slots[Int(index)].generation)
    }

    /// Disarms a timer.
    ///
    /// False when it had fired or been cancelled before.
    @discardableResult
    mutating func cancel(_ token: TimerToken) -> Bool {
        guard token.slot < slots.count, slots[Int(token.slot)].generation == token.generation,
            slots[Int(token.slot)].position >= 0
        else { return false }
        remove(at: slots[Int(token.slot)].position)
        return true
    }

    /// Takes out one timer that is due at `now`, the earliest first.
    mutating func popDue(at now: MonotonicTime) -> Due? {
        guard let first = heap.first, first.deadline <= now.nanoseconds else { return nil }
        guard let target = slots[Int(first.slot)].target else { return nil }
        let due = Due(target: target, tag: slots[Int(first.slot)].tag)
        remove(at: 0)
        return due
    }

    private mutating func remove(at position: Int) {
        let slot = Int(heap[position].slot)
        slots[slot].target = nil
        slots[slot].position = -1
        slots[slot].generation &+= 1
        free.append(UInt32(slot))
        let last = heap.removeLast()
        guard position < heap.count else { return }
        heap[position] = last
        slots[Int(last.slot)].position = position
        siftUp(position)
        siftDown(slots[Int(last.slot)].position)
    }

    private mutating func siftUp(_ start: Int) {
        var position = start
        let entry = heap[position]
        while position > 0 {
            let parent = (position - 1) / 4
            guard entry.deadline < heap[parent].deadline else { break }
            heap[position] = heap[parent]
            slots[Int(heap[position].slot)].position = position
            position = parent
        }
        heap[position] = entry
        slots[Int(entry.slot)].position = position
    }

    private mutating func siftDown(_ start: Int) {
        var position = start
        let entry = heap[position]
        while true {
            let firstChild = position * 4 + 1
            guard firstChild < heap.count else { break }
            var least = firstChild
            for child in firstChild + 1..<max(firstChild + 1, min(firstChild + 4, heap.count))
            where heap[child].deadline < heap[least].deadline {
                least = child
            }
            guard heap[least].deadline < entry.deadline else { break }
            heap[position] = heap[least]
            slots[Int(heap[position].slot)].position = position
            position = least
        }
        heap[position] = entry
        slots[Int(entry.slot)].position = position
    }
}
