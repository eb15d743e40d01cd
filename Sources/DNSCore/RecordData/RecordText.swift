/// Presentation format being written: the inverse of `ZoneText/ReadField*.swift`.
struct RecordText {
    private(set) var octets: [UInt8] = []

    mutating func append(_ octet: UInt8) { octets.append(octet) }
    mutating func append(_ text: some Sequence<UInt8>) { octets.append(contentsOf: text) }
    mutating func append(_ text: StaticString) {
        unsafe octets.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
    mutating func append(_ text: String) { octets.append(contentsOf: text.utf8) }

    /// A blank, unless the text is empty or ends with one.
    mutating func separate() {
        if let last = octets.last, last != 0x20 { octets.append(0x20) }
    }

    /// Takes back all behind the first `count` octets.
    mutating func truncate(to count: Int) { octets.removeLast(octets.count - count) }

    mutating func append(decimal value: UInt64) {
        if value >= 10 { append(decimal: value / 10) }
        octets.append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    mutating func append(hex data: ArraySlice<UInt8>) {
        for octet in data {
            octets.append(RecordText.hexDigit(octet >> 4))
            octets.append(RecordText.hexDigit(octet & 15))
        }
    }

    static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// `\DDD`.
    private mutating func append(escaped octet: UInt8) {
        octets.append(UInt8(ascii: "\\"))
        octets.append(UInt8(ascii: "0") + octet / 100)
        octets.append(UInt8(ascii: "0") + octet / 10 % 10)
        octets.append(UInt8(ascii: "0") + octet % 10)
    }

    /// A well-formed name with a final dot, whatever a zone file gives a meaning to escaped (RFC 1035 5.1).
    mutating func append(name wire: ArraySlice<UInt8>) {
        var position = wire.startIndex
        guard position < wire.endIndex, wire[position] != 0 else { return octets.append(UInt8(ascii: ".")) }
        while position < wire.endIndex, wire[position] != 0 {
            let end = min(position + 1 + Int(wire[position]), wire.endIndex)
            for octet in wire[(position + 1)..<end] {
                switch octet {
                case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: ";"),
                    UInt8(ascii: "("),
                    UInt8(ascii: ")"), UInt8(ascii: "@"), UInt8(ascii: "$"):
                    octets.append(UInt8(ascii: "\\"))
                    octets.append(octet)
                case 0x21...0x7e: octets.append(octet)
                default: append(escaped: octet)
                }
            }
            octets.append(UInt8(ascii: "."))
            position = end
        }
    }

    /// A string between quotation marks.
    mutating func append(quoted data: ArraySlice<UInt8>) {
        octets.append(UInt8(ascii: "\""))
        append(inQuotes: data)
        octets.append(UInt8(ascii: "\""))
    }

    /// A string's octets as they stand between quotation marks.
    mutating func append(inQuotes data: some Sequence<UInt8>) {
        for octet in data {
            switch octet {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                octets.append(UInt8(ascii: "\\"))
                octets.append(octet)
            case 0x20...0x7e: octets.append(octet)
            default: append(escaped: octet)
            }
        }
    }

    mutating func append(ipv4 data: ArraySlice<UInt8>) {
        for (index, octet) in data.enumerated() {
            if index > 0 { octets.append(UInt8(ascii: ".")) }
            append(decimal: UInt64(octet))
        }
    }

    /// An IPv6 address in the form of RFC 5952; `data` has 16 octets.
    mutating func append(ipv6 data: ArraySlice<UInt8>) {
        let start = data.startIndex
        let groups = (0..<8).map { UInt16(data[start + $0 * 2]) << 8 | UInt16(data[start + $0 * 2 + 1]) }
        if groups[..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xffff {
            append("::ffff:")
            return append(ipv4: data.suffix(4))
        }
        // The longest run of at least two zero groups, the first of equals.
        var best = 0..<0
        var run = 0..<0
        for (index, group) in groups.enumerated() {
            run = group == 0 ? (run.isEmpty ? index..<(index + 1) : run.lowerBound..<(index + 1)) : 0..<0
            if run.count > max(best.count, 1) { best = run }
        }
        var index = 0
        while index < 8 {
            if index == best.lowerBound, !best.isEmpty {
                append("::")
                index = best.upperBound
                continue
            }
            if index > 0, index != best.upperBound || best.isEmpty { octets.append(UInt8(ascii: ":")) }
            append(String(groups[index], radix: 16))
            index += 1
        }
    }

    mutating func append(base64 data: ArraySlice<UInt8>) {
        Base64.encode(data, into: &octets)
    }

    mutating func append(base32 data: ArraySlice<UInt8>) {
        let digits: StaticString = "0123456789abcdefghijklmnopqrstuv"
        var accumulator: UInt32 = 0
        var bits: UInt32 = 0
        for octet in data {
            accumulator = accumulator << 8 | UInt32(octet)
            bits += 8
            while bits >= 5 {
                bits -= 5
                unsafe octets.append(digits.utf8Start[Int(accumulator >> bits & 31)])
            }
            accumulator &= (1 << bits) - 1
        }
        if bits > 0 { unsafe octets.append(digits.utf8Start[Int(accumulator << (5 - bits) & 31)]) }
    }

    /// RFC 3597 5: what every reader understands of any type.
    mutating func append(generic data: ArraySlice<UInt8>) {
        append("\\# ")
        append(decimal: UInt64(data.count))
        if !data.isEmpty {
            octets.append(0x20)
            append(hex: data)
        }
    }
}
