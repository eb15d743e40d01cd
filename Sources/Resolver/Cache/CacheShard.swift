internal import CShims

/// One shard of the cache: a set-associative index and a ring that is written round and round.
///
/// A short story of one entry: `insert` takes the shard's lock, makes the counter odd, drops the oldest entries until
/// there is room at the head of the ring, copies the new one there, notes it in one of the eight slots of its bucket,
/// and makes the counter even again. A reader notes the counter, looks through the eight slots, copies the entry out
/// and looks at the counter again: if it moved, the copy is thrown away and the reader tries once more. The first
/// reader of an entry sets the used bit in its slot; an entry with that bit is written anew at the head when the ring
/// comes round to it, instead of being dropped (second chance). So memory never grows and nothing is allocated.
@safe struct CacheShard {
    static let slotsPerBucket = 8
    /// Entries that get their second chance during one insertion, at most.
    private static let rescuesPerInsertion = 16
    /// Attempts of a reader before it reports a miss.
    private static let attempts = 16

    /// Words at the start of a shard's control block.
    private enum Word: Int { case sequence, lock, head, tail, entries, evictions, rescues, torn, generation }
    static let controlWords = 16  // two cache lines

    let control: UnsafeMutablePointer<UInt64>
    let buckets: UnsafeMutablePointer<UInt64>
    let bucketMask: Int
    let ring: UnsafeMutableRawPointer
    /// Octets of the ring, a multiple of 8.
    let capacity: Int

    private func word(_ word: Word) -> UnsafeMutablePointer<UInt64> { unsafe control + word.rawValue }

    /// Counts of this shard: live entries, entries dropped for room, second chances, reads given up.
    var counts: (entries: UInt64, evictions: UInt64, rescues: UInt64, torn: UInt64, octets: UInt64) {
        let used = unsafe torii_load_relaxed(word(.head)) &- torii_load_relaxed(word(.tail))
        return unsafe (
            torii_load_relaxed(word(.entries)), torii_load_relaxed(word(.evictions)),
            torii_load_relaxed(word(.rescues)), torii_load_relaxed(word(.torn)), used
        )
    }

    /// Of the whole cache; only the first shard's counts.
    var generation: UInt64 { unsafe torii_load_relaxed(word(.generation)) }
    func nextGeneration() { unsafe torii_fetch_add(word(.generation), 1) }

    // MARK: Slots

    private static func tag(_ hash: UInt64) -> UInt64 { hash >> 33 | 1 << 30 }
    private static func slot(hash: UInt64, offset: Int, isUsed: Bool) -> UInt64 {
        tag(hash) << 33 | (isUsed ? 1 << 32 : 0) | UInt64(offset / 8)
    }
    private static func offset(_ slot: UInt64) -> Int { Int(slot & 0xffff_ffff) * 8 }
    private static func isUsed(_ slot: UInt64) -> Bool { slot & 1 << 32 != 0 }

    private func bucket(_ hash: UInt64) -> UnsafeMutablePointer<UInt64> {
        unsafe buckets + (Int(truncatingIfNeeded: hash & 0xffff_ffff) & bucketMask)
            * CacheShard.slotsPerBucket
    }

    // MARK: Reading

    /// Calls `body` with each entry that may be the one wanted, until it returns a value; the value counts
    /// only if no writer came between.
    ///
    /// `body` must check all lengths it reads and only copy.
    @inline(__always)
    func read<Value>(hash: UInt64, _ body: (UnsafeRawPointer, Int) -> Value?) -> Value? {
        var attempt = 0
        let slots = unsafe bucket(hash)
        let tag = CacheShard.tag(hash)
        while attempt < CacheShard.attempts {
            attempt += 1
            let before = unsafe torii_load_acquire(word(.sequence))
            guard before & 1 == 0 else { continue }
            var found: Value?
            var foundSlot: UInt64 = 0
            var foundIndex = 0
            for index in 0..<CacheShard.slotsPerBucket {
                let slot = unsafe torii_load_relaxed(slots + index)
                guard slot >> 33 == tag else { continue }
                let offset = CacheShard.offset(slot)
                guard offset + CacheHeader.byteCount <= capacity else { continue }
                if let value = unsafe body(UnsafeRawPointer(ring + offset), capacity - offset) {
                    found = value
                    foundSlot = slot
                    foundIndex = index
                    break
                }
            }
            torii_fence_acquire()
            guard unsafe torii_load_relaxed(word(.sequence)) == before else { continue }
            if found != nil, !CacheShard.isUsed(foundSlot) {
                _ = unsafe torii_compare_exchange(slots + foundIndex, foundSlot, foundSlot | 1 << 32)
            }
            return found
        }
        unsafe torii_fetch_add(word(.torn), 1)
        return nil
    }

    // MARK: Writing

    /// Runs `body` as the shard's only writer.
    func write<Value>(_ body: () -> Value) -> Value {
        unsafe torii_lock(word(.lock))
        let sequence = unsafe torii_load_relaxed(word(.sequence))
        unsafe torii_store_relaxed(word(.sequence), sequence &+ 1)
        torii_fence_release()
        let value = body()
        unsafe torii_store_release(word(.sequence), sequence &+ 2)
        unsafe torii_unlock(word(.lock))
        return value
    }

    /// Puts an entry of `size` octets into the ring; `fill` writes it.
    ///
    /// Call within ``write(_:)``.
    ///
    /// `replaces` is asked about each entry with the same tag; those it agrees to are dropped.
    func insert(
        hash: UInt64, size: Int, now: UInt32, replaces: (UnsafeMutableRawPointer) -> Bool,
        fill: (UnsafeMutableRawPointer) -> Void
    ) {
        let slots = unsafe bucket(hash)
        let tag = CacheShard.tag(hash)
        for index in 0..<CacheShard.slotsPerBucket {
            let slot = unsafe slots[index]
            guard slot >> 33 == tag, unsafe replaces(ring + CacheShard.offset(slot)) else { continue }
            unsafe torii_store_relaxed(slots + index, 0)
            unsafe torii_store_relaxed(word(.entries), word(.entries).pointee &- 1)
        }
        let offset = makeRoom(size, now: now)
        unsafe fill(ring + offset)
        let place = unsafe victim(in: slots, now: now)
        if unsafe slots[place] != 0 {
            unsafe torii_store_relaxed(word(.evictions), word(.evictions).pointee &+ 1)
        } else {
            unsafe torii_store_relaxed(word(.entries), word(.entries).pointee &+ 1)
        }
        unsafe torii_store_relaxed(slots + place, CacheShard.slot(hash: hash, offset: offset, isUsed: false))
    }

    /// Drops every entry that `condemns` agrees to; returns how many.
    func remove(where condemns: (UnsafeRawPointer) -> Bool) -> Int {
        var count = 0
        for index in 0..<((bucketMask + 1) * CacheShard.slotsPerBucket) {
            let slot = unsafe buckets[index]
            guard slot != 0, unsafe condemns(UnsafeRawPointer(ring + CacheShard.offset(slot))) else {
                continue
            }
            unsafe torii_store_relaxed(buckets + index, 0)
            count += 1
        }
        unsafe torii_store_relaxed(word(.entries), word(.entries).pointee &- UInt64(count))
        return count
    }

    /// Calls `body` with every live entry.
    ///
    /// Call within ``write(_:)``.
    func forEach(_ body: (UnsafeRawPointer) -> Void) {
        for index in 0..<((bucketMask + 1) * CacheShard.slotsPerBucket) {
            let slot = unsafe buckets[index]
            guard slot != 0 else { continue }
            unsafe body(UnsafeRawPointer(ring + CacheShard.offset(slot)))
        }
    }

    /// The slot to be overwritten: an empty one, else an expired one, else the oldest that nobody used, else the oldest.
    private func victim(in slots: UnsafeMutablePointer<UInt64>, now: UInt32) -> Int {
        var oldest = 0
        var oldestRank = UInt64.max
        let tail = Int(truncatingIfNeeded: unsafe word(.tail).pointee % UInt64(capacity))
        for index in 0..<CacheShard.slotsPerBucket {
            let slot = unsafe slots[index]
            if slot == 0 { return index }
            let offset = CacheShard.offset(slot)
            let age = offset >= tail ? offset - tail : offset + capacity - tail
            var rank = UInt64(age)
            if header(at: offset).expiresAt > now { rank |= 1 << 61 }
            if CacheShard.isUsed(slot) { rank |= 1 << 60 }
            if rank < oldestRank {
                oldestRank = rank
                oldest = index
            }
        }
        return oldest
    }

    private func header(at offset: Int) -> CacheHeader {
        unsafe (ring + offset).load(as: CacheHeader.self)
    }

    /// Advances the ring until `size` octets in one piece are free at its head; returns where they start.
    private func makeRoom(_ size: Int, now: UInt32) -> Int {
        var head = unsafe word(.head).pointee
        var tail = unsafe word(.tail).pointee
        var rescues = 0
        skipEnd(&head, &tail, size)
        while head &+ UInt64(size) &- tail > UInt64(capacity) {
            let offset = Int(truncatingIfNeeded: tail % UInt64(capacity))
            let old = header(at: offset)
            let oldSize = Int(old.size & ~CacheHeader.filler)
            tail &+= UInt64(oldSize)
            guard old.size & CacheHeader.filler == 0,
                let slot = unsafe liveSlot(hash: old.hash, offset: offset)
            else {
                continue
            }
            // A used entry goes to the head, as long as it fits there without another turn of the ring.
            let start = Int(truncatingIfNeeded: head % UInt64(capacity))
            let fits = start + oldSize <= capacity && head &+ UInt64(oldSize) &- tail <= UInt64(capacity)
            if unsafe CacheShard.isUsed(slot.pointee), old.expiresAt > now, fits,
                rescues < CacheShard.rescuesPerInsertion
            {
                rescues += 1
                unsafe (ring + start).copyMemory(from: ring + offset, byteCount: oldSize)
                unsafe torii_store_relaxed(
                    slot, CacheShard.slot(hash: old.hash, offset: start, isUsed: false))
                head &+= UInt64(oldSize)
                skipEnd(&head, &tail, size)
            } else {
                unsafe torii_store_relaxed(slot, 0)
                unsafe torii_store_relaxed(word(.entries), word(.entries).pointee &- 1)
                unsafe torii_store_relaxed(word(.evictions), word(.evictions).pointee &+ 1)
            }
        }
        let start = Int(truncatingIfNeeded: head % UInt64(capacity))
        unsafe torii_store_relaxed(word(.head), head &+ UInt64(size))
        unsafe torii_store_relaxed(word(.tail), tail)
        unsafe torii_store_relaxed(word(.rescues), word(.rescues).pointee &+ UInt64(rescues))
        return start
    }

    /// Fills the rest of the ring when `size` octets do not fit before its end.
    private func skipEnd(_ head: inout UInt64, _ tail: inout UInt64, _ size: Int) {
        let start = Int(truncatingIfNeeded: head % UInt64(capacity))
        let rest = capacity - start
        guard rest < size else { return }
        // Whatever stands in the rest goes first.
        while head &+ UInt64(rest) &- tail > UInt64(capacity) {
            let offset = Int(truncatingIfNeeded: tail % UInt64(capacity))
            let old = header(at: offset)
            if old.size & CacheHeader.filler == 0, let slot = unsafe liveSlot(hash: old.hash, offset: offset)
            {
                unsafe torii_store_relaxed(slot, 0)
                unsafe torii_store_relaxed(word(.entries), word(.entries).pointee &- 1)
                unsafe torii_store_relaxed(word(.evictions), word(.evictions).pointee &+ 1)
            }
            tail &+= UInt64(old.size & ~CacheHeader.filler)
        }
        unsafe (ring + start).storeBytes(of: UInt32(rest) | CacheHeader.filler, as: UInt32.self)
        head &+= UInt64(rest)
    }

    /// The slot that refers to the entry at `offset`, if one still does.
    private func liveSlot(hash: UInt64, offset: Int) -> UnsafeMutablePointer<UInt64>? {
        let slots = unsafe bucket(hash)
        for index in 0..<CacheShard.slotsPerBucket {
            let slot = unsafe slots[index]
            if slot != 0, CacheShard.offset(slot) == offset, slot >> 33 == CacheShard.tag(hash) {
                return unsafe slots + index
            }
        }
        return nil
    }
}

extension CacheShard {
    /// Where ``CacheHeader/audience`` stands.
    static let audienceOffset = 28

    /// Calls `body` with the entries that share the tag of `hash`.
    ///
    /// Call within ``write(_:)``.
    func read<Value>(slotsOf hash: UInt64, _ body: (UnsafeMutableRawPointer) -> Value?) -> Value? {
        let slots = unsafe bucket(hash)
        for index in 0..<CacheShard.slotsPerBucket {
            let slot = unsafe slots[index]
            guard slot >> 33 == CacheShard.tag(hash) else { continue }
            if let value = unsafe body(ring + CacheShard.offset(slot)) { return value }
        }
        return nil
    }
}
