/// A dictionary from numbers that nobody outside can choose: IDs that count up, and hashes that `NameHash` has seeded.
///
/// For other keys this is the wrong table: one multiplication places a key, so whoever chooses keys can make them collide.
struct NumberTable<Key: FixedWidthInteger, Value> {
    /// The keys by place; 0 stands for an empty place.
    private var keys: ContiguousArray<UInt64>
    private var entries: ContiguousArray<Value?>
    private var shift: UInt64
    private(set) var count = 0

    init() {
        keys = ContiguousArray(repeating: 0, count: 16)
        entries = ContiguousArray(repeating: nil, count: 16)
        shift = 60
    }

    var isEmpty: Bool { count == 0 }

    /// The values, in no order.
    var values: some Sequence<Value> { entries.lazy.compactMap { $0 } }

    subscript(key: Key) -> Value? {
        get {
            let bits = NumberTable.bits(key)
            let place = place(of: bits)
            return keys[place] == bits ? entries[place] : nil
        }
        set {
            guard let newValue else { return remove(key) }
            let bits = NumberTable.bits(key)
            var place = place(of: bits)
            if keys[place] != bits {
                if count >= keys.count / 4 * 3 {
                    grow()
                    place = self.place(of: bits)
                }
                keys[place] = bits
                count += 1
            }
            entries[place] = newValue
        }
    }

    mutating func remove(_ key: Key) {
        let bits = NumberTable.bits(key)
        var hole = place(of: bits)
        guard keys[hole] == bits else { return }
        count -= 1
        // What stands behind moves up, as far as its own place lets it.
        let mask = keys.count - 1
        var next = (hole + 1) & mask
        while keys[next] != 0 {
            let home = Int(truncatingIfNeeded: (keys[next] &* NumberTable.factor) >> shift)
            if (next &- home) & mask >= (next &- hole) & mask {
                keys[hole] = keys[next]
                entries.swapAt(hole, next)
                hole = next
            }
            next = (next + 1) & mask
        }
        keys[hole] = 0
        entries[hole] = nil
    }

    mutating func removeAll() {
        self = NumberTable()
    }

    private static var factor: UInt64 { 0x9e37_79b9_7f4a_7c15 }

    private static func bits(_ key: Key) -> UInt64 {
        let bits = UInt64(truncatingIfNeeded: key)
        return bits == 0 ? .max : bits
    }

    /// Where a key stands, or would.
    private func place(of bits: UInt64) -> Int {
        let mask = keys.count - 1
        var place = Int(truncatingIfNeeded: (bits &* NumberTable.factor) >> shift)
        while keys[place] != bits, keys[place] != 0 { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        let old = (keys, entries)
        let size = keys.count * 2
        keys = ContiguousArray(repeating: 0, count: size)
        entries = ContiguousArray(repeating: nil, count: size)
        shift -= 1
        for (bits, entry) in zip(old.0, old.1) where bits != 0 {
            let place = place(of: bits)
            keys[place] = bits
            entries[place] = entry
        }
    }
}
