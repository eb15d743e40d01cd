/// Names one waiting query of one worker; stale tokens are recognised and do nothing.
struct QueryToken: RawRepresentable, Hashable, Sendable {
    /// Slot in the low 32 bits, generation in the 24 above; the top octet is free.
    var rawValue: UInt64
    init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Queries of one worker that wait: for an upstream response, an NTS acknowledgement or a committed update.
///
/// Bounded: when it is full, the newest query is not taken in and its client gets SERVFAIL at once, which is counted.
struct PendingQueries<Waiting>: ~Copyable {
    private struct Slot {
        var generation: UInt32
        var client: UInt64
        var waiting: Waiting?
    }

    private var slots: [Slot] = []
    private var free: [Int] = []
    /// Queries that may wait at a time.
    var capacity: Int
    /// Queries that wait now.
    private(set) var count = 0
    /// Queries that wait, by client.
    private var counts: [UInt64: Int] = [:]

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Takes a query in.
    ///
    /// - Parameter client: tells clients apart; those of ``count(of:)``.
    /// - Returns: its token; nil when the bound is reached.
    mutating func insert(_ waiting: Waiting, client: UInt64 = 0) -> QueryToken? {
        guard count < capacity else { return nil }
        count += 1
        counts[client, default: 0] += 1
        if let index = free.popLast() {
            slots[index].waiting = waiting
            slots[index].client = client
            return token(index)
        }
        slots.append(Slot(generation: 1, client: client, waiting: waiting))
        return token(slots.count - 1)
    }

    /// Queries of a client that wait now.
    func count(of client: UInt64) -> Int { counts[client] ?? 0 }

    /// Changes the query behind `token` in place; nothing happens when it is gone.
    mutating func update(_ token: QueryToken, _ change: (inout Waiting) -> Void) {
        guard let index = index(token), var waiting = slots[index].waiting else { return }
        change(&waiting)
        slots[index].waiting = waiting
    }

    /// Takes the query behind `token` out; nil when it is gone.
    mutating func remove(_ token: QueryToken) -> Waiting? {
        guard let index = index(token), let waiting = slots[index].waiting else { return nil }
        slots[index].waiting = nil
        slots[index].generation &+= 1
        free.append(index)
        count -= 1
        let left = (counts[slots[index].client] ?? 1) - 1
        counts[slots[index].client] = left > 0 ? left : nil
        return waiting
    }

    /// Takes out all that `isOver` names.
    mutating func removeAll(where isOver: (Waiting) -> Bool) -> [Waiting] {
        var removed: [Waiting] = []
        for index in slots.indices {
            guard let waiting = slots[index].waiting, isOver(waiting) else { continue }
            if let waiting = remove(token(index)) { removed.append(waiting) }
        }
        return removed
    }

    private func token(_ index: Int) -> QueryToken {
        QueryToken(rawValue: UInt64(slots[index].generation & 0xff_ffff) << 32 | UInt64(index))
    }

    private func index(_ token: QueryToken) -> Int? {
        let index = Int(token.rawValue & 0xffff_ffff)
        guard index < slots.count, slots[index].generation & 0xff_ffff == UInt32(token.rawValue >> 32),
            slots[index].waiting != nil
        else { return nil }
        return index
    }
}
