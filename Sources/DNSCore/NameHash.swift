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
        // A lower-case copy with room for reading in words; where its labels start.
        unsafe withUnsafeTemporaryAllocation(byteCount: 264 + 128, alignment: 8) { scratch in
            guard let base = scratch.baseAddress else { return root }
            let octets = unsafe base.assumingMemoryBound(to: UInt8.self)
            let starts = unsafe octets + 264
            return unsafe name.wire.withUnsafeBufferPointer { wire in
                var labels = 0
                var position = 0
                while position < wire.count, unsafe wire[position] != 0 {
                    unsafe starts[labels] = UInt8(truncatingIfNeeded: position)
                    labels += 1
                    let end = position + 1 + Int(unsafe wire[position])
                    while position < end {
                        unsafe octets[position] = wire[position].lowercasedASCII
                        position += 1
                    }
                }
                var hash = root
                while labels > 0 {
                    labels -= 1
                    hash = unsafe extend(hash, label: octets + Int(starts[labels]))
                }
                return hash
            }
        }
    }
}
