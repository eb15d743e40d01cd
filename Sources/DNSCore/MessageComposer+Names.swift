/// Names in a message, and what they may point to (RFC 1035 4.1.4).
extension MessageComposer {
    /// Writes a name at the current place, without a record around it.
    ///
    /// - Returns: false when it does not fit.
    mutating func writeName(_ name: Name, compressing: Bool) -> Bool {
        unsafe name.wire.withUnsafeBufferPointer { octets in
            guard let first = octets.baseAddress else { return false }
            return unsafe writeName(first, length: octets.count, compressing: compressing)
        }
    }

    /// Writes the name of `length` octets at `name`; see ``writeName(_:compressing:)``.
    mutating func writeName(_ name: UnsafePointer<UInt8>, length: Int, compressing: Bool) -> Bool {
        guard ensure(min(length, 2)) else { return false }
        guard compressing, length > 1 else { return unsafe copy(name, length) }
        // Lower-case copy with room for reading in words, and the suffixes' hashes.
        // In two pieces: one of more than 1,024 octets would come from the heap.
        return unsafe withUnsafeTemporaryAllocation(byteCount: 264 + 128, alignment: 8) { scratch in
            guard let start = scratch.baseAddress else { return false }
            let lower = unsafe start.assumingMemoryBound(to: UInt8.self)
            let offsets = unsafe lower + 264
            let starts = count
            var labels = 0
            var position = 0
            return unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 128) { hashes in
                while unsafe name[position] != 0 {
                    unsafe offsets[labels] = UInt8(truncatingIfNeeded: position)
                    let next = position + 1 + Int(unsafe name[position])
                    while position < next {
                        unsafe lower[position] = name[position].lowercasedASCII
                        position += 1
                    }
                    labels += 1
                }
                unsafe lower[position] = 0
                var hash = NameHash.root
                var index = labels - 1
                while index >= 0 {
                    hash = unsafe NameHash.extend(hash, label: lower + Int(offsets[index]))
                    unsafe hashes[index] = hash
                    index -= 1
                }
                index = 0
                while index < labels {
                    let offset = Int(unsafe offsets[index])
                    if let target = unsafe find(hash: hashes[index], suffix: lower + offset) {
                        guard ensure(2) else { return false }
                        store(UInt16(truncatingIfNeeded: 0xc000 | target), at: count)
                        count += 2
                        return true
                    }
                    let size = 1 + Int(unsafe name[offset])
                    unsafe offer(hash: hashes[index], offset: starts + offset)
                    guard unsafe copy(name + offset, size) else { return false }
                    index += 1
                }
                guard ensure(1) else { return false }
                unsafe base[count] = 0
                count += 1
                return true
            }
        }
    }

    /// Lets later names point to `offset` for the suffix with `hash`, where a pointer can reach.
    func offer(hash: UInt64, offset: Int) {
        guard offset <= MessageComposer.largestPointer else { return }
        let slot = Int(truncatingIfNeeded: hash >> 32) & (MessageComposer.slotCount - 1)
        guard unsafe slots[slot] >> 48 != epoch else { return }
        unsafe slots[slot] = epoch << 48 | UInt64(offset) << 32 | hash & 0xffff_ffff
    }

    private func find(hash: UInt64, suffix: UnsafePointer<UInt8>) -> Int? {
        let slot = Int(truncatingIfNeeded: hash >> 32) & (MessageComposer.slotCount - 1)
        let entry = unsafe slots[slot]
        guard entry >> 48 == epoch, entry & 0xffff_ffff == hash & 0xffff_ffff else { return nil }
        let offset = Int(entry >> 32 & 0xffff)
        return unsafe matches(suffix, at: offset) ? offset : nil
    }

    /// Whether the name at `offset` of this message is `suffix`, in any case.
    private func matches(_ suffix: UnsafePointer<UInt8>, at offset: Int) -> Bool {
        var position = offset
        var index = 0
        var jumps = 0
        while position < count {
            let length = unsafe base[position]
            if length >= 0xc0 {
                guard position + 1 < count, jumps < 128 else { return false }
                position = Int(unsafe base[position] & 0x3f) << 8 | Int(unsafe base[position + 1])
                jumps += 1
                continue
            }
            guard unsafe suffix[index] == length else { return false }
            if length == 0 { return true }
            guard position + Int(length) < count else { return false }
            for _ in 0..<Int(length) {
                position += 1
                index += 1
                guard unsafe base[position].lowercasedASCII == suffix[index] else { return false }
            }
            position += 1
            index += 1
        }
        return false
    }
}
