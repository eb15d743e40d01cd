/// The hash of names that the flat tables (zones, cache, name compression) share: equal for names that differ only in
/// case, and seeded anew in every process so that strangers cannot aim at one slot.
///
/// It is built label by label from the right, so that one pass over a name gives the hash of each of its suffixes.
package enum NameHash {
    /// The hash of the root: the seed.
    package static let root: UInt64 = .random(in: .min ... .max)

    /// The hash of the name that has the label at `label` (its length octet, then its lower-case octets) in front of
    /// the name with hash `parent`.
    ///
    /// Reads whole 8-octet words: 7 octets past the label's end must be readable.
    @inlinable @inline(__always)
    package static func extend(_ parent: UInt64, label: UnsafePointer<UInt8>) -> UInt64 {
        var remaining = Int(unsafe label.pointee) + 1
        var cursor = unsafe UnsafeRawPointer(label)
        var hash = parent
        while remaining >= 8 {
            hash = mix(hash ^ (unsafe cursor.loadUnaligned(as: UInt64.self)))
            unsafe cursor += 8
            remaining -= 8
        }
        if remaining > 0 {
            let word = unsafe cursor.loadUnaligned(as: UInt64.self)
            hash = mix(hash ^ (word & ((1 << UInt64(remaining * 8)) &- 1)))
        }
        return hash
    }

    /// Spreads every bit of `value` over the whole word.
    @inlinable @inline(__always)
    package static func mix(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return product.high ^ product.low
    }

    /// The hash of a whole name.
    package static func hash(_ name: Name) -> UInt64 {
        var key = NameKey()
        key.load(name)
        return key.hash(ofSuffixAt: 0)
    }
}
