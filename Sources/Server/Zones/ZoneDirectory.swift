internal import DNSCore

/// All zones by name: immutable, replaced as a whole when zones come or go.
@safe final class ZoneDirectory: @unchecked Sendable {
    // Sendable: the table is written in `init` only.
    let slots: [ZoneSlot]
    private let table: UnsafeMutablePointer<UInt32>
    private let hashes: [UInt64]
    private let mask: Int
    /// Labels of the zone with the most of them.
    private let depth: Int

    init(_ slots: [ZoneSlot]) {
        self.slots = slots
        var size = 16
        while size < slots.count * 2 { size *= 2 }
        mask = size - 1
        unsafe table = .allocate(capacity: size)
        unsafe table.initialize(repeating: 0, count: size)
        hashes = slots.map { NameHash.hash($0.name) }
        depth = slots.map(\.name.labelCount).max() ?? 0
        for (index, hash) in hashes.enumerated() {
            var place = Int(truncatingIfNeeded: hash) & mask
            while unsafe table[place] != 0 { place = (place + 1) & mask }
            unsafe table[place] = UInt32(index + 1)
        }
    }

    deinit { unsafe table.deallocate() }

    /// Index of the closest zone that encloses the name of `key`; nil when none does.
    ///
    /// The DS set of a zone's apex belongs to its parent, when we serve that too (RFC 4035 3.1.4.1).
    @inline(__always)
    func enclosing(_ key: borrowing NameKey, type: RRType) -> Int? {
        guard !slots.isEmpty else { return nil }
        var label = max(0, key.labelCount - depth)
        var child: Int?
        while label <= key.labelCount {
            if let index = find(key, label) {
                guard type == .ds, label == 0, key.labelCount > 0 else { return index }
                child = index
            }
            label += 1
        }
        return child
    }

    /// Index of the zone with exactly the name of `key`.
    func exact(_ key: borrowing NameKey) -> Int? { find(key, 0) }

    /// The zone named `name`.
    func slot(named name: Name) -> ZoneSlot? {
        var key = NameKey()
        key.load(name)
        return exact(key).map { slots[$0] }
    }

    private func find(_ key: borrowing NameKey, _ label: Int) -> Int? {
        let hash = key.hash(ofSuffixAt: label)
        var place = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = unsafe table[place]
            if entry == 0 { return nil }
            let index = Int(entry) - 1
            if hashes[index] == hash, matches(slots[index].name, key, label) { return index }
            place = (place + 1) & mask
        }
    }

    private func matches(_ name: Name, _ key: borrowing NameKey, _ label: Int) -> Bool {
        let start = key.offset(ofLabel: label)
        let length = key.length - start
        guard name.wire.count == length else { return false }
        let octets = unsafe key.octets(fromLabel: label)
        for index in 0..<length where unsafe name.wire[index].lowercasedASCII != octets[index] { return false }
        return true
    }
}
