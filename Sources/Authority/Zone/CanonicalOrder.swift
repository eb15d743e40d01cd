internal import DNSCore

/// The canonical order of names (RFC 4034 6.1) on lower-case wire octets in raw memory.
enum CanonicalOrder {
    /// Negative, zero or positive as `left` sorts before, equal to or after `right`.
    static func compare(
        _ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>
    ) -> Int {
        var leftOffsets = InlineArray<128, UInt8>(repeating: 0)
        var rightOffsets = InlineArray<128, UInt8>(repeating: 0)
        var leftCount = unsafe offsets(left, &leftOffsets)
        var rightCount = unsafe offsets(right, &rightOffsets)
        while leftCount > 0, rightCount > 0 {
            leftCount -= 1
            rightCount -= 1
            let a = unsafe left + Int(leftOffsets[leftCount])
            let b = unsafe right + Int(rightOffsets[rightCount])
            let aLength = Int(unsafe a[0])
            let bLength = Int(unsafe b[0])
            let shorter = min(aLength, bLength)
            var index = 1
            while index <= shorter {
                let difference = unsafe Int(a[index]) - Int(b[index])
                if difference != 0 { return difference }
                index += 1
            }
            if aLength != bLength { return aLength - bLength }
        }
        return leftCount - rightCount
    }

    /// The beginning of a name's place in the order, below an apex of `apexLength` octets.
    ///
    /// If the prefix of one name is less than that of another, so is the name; if they are equal, ``compare(_:_:)``
    /// decides.
    static func prefix(_ name: UnsafePointer<UInt8>, length: Int, apexLength: Int) -> UInt64 {
        var starts = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = 0
        let end = length - apexLength
        while position < end, count < 128 {
            starts[count] = UInt8(truncatingIfNeeded: position)
            position += 1 + Int(unsafe name[position])
            count += 1
        }
        var key: UInt64 = 0
        var room = 8
        while count > 0, room > 0 {
            count -= 1
            let label = unsafe name + Int(starts[count])
            let size = Int(unsafe label[0])
            var index = 1
            while index <= size, room > 0 {
                let octet = unsafe label[index]
                if octet >= 254 {
                    // 255 stands for both; what follows may not count any more.
                    let fill = room == 8 ? UInt64.max : (1 << UInt64(8 * room)) - 1
                    return (room == 8 ? 0 : key << UInt64(8 * room)) | fill
                }
                key = key << 8 | UInt64(octet + 1)
                room -= 1
                index += 1
            }
            if room > 0 {
                key <<= 8
                room -= 1
            }
        }
        return room == 8 ? 0 : key << UInt64(8 * room)
    }

    private static func offsets(_ name: UnsafePointer<UInt8>, _ out: inout InlineArray<128, UInt8>) -> Int {
        var position = 0
        var count = 0
        while unsafe name[position] != 0, count < 128 {
            out[count] = UInt8(truncatingIfNeeded: position)
            position += 1 + Int(unsafe name[position])
            count += 1
        }
        return count
    }
}
