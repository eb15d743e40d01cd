/// Base64 with padding (RFC 4648 4), without Foundation.
enum Base64 {
    /// The octets that `text` stands for; nil when it is not canonical base64.
    ///
    /// No blanks are allowed.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count / 4 * 3 + 3)
        var accumulator: UInt32 = 0
        var sextets = 0
        var padding = 0
        for octet in text {
            if octet == UInt8(ascii: "=") {
                padding += 1
                continue
            }
            guard padding == 0, let value = ZoneTextLexer.base64Digit(octet) else { return nil }
            accumulator = accumulator << 6 | UInt32(value)
            sextets += 1
            if sextets == 4 {
                for shift: UInt32 in [16, 8, 0] {
                    result.append(UInt8(truncatingIfNeeded: accumulator >> shift))
                }
                accumulator = 0
                sextets = 0
            }
        }
        switch (sextets, padding) {
        case (0, 0): break
        case (2, 2) where accumulator & 0xf == 0: result.append(UInt8(truncatingIfNeeded: accumulator >> 4))
        case (3, 1) where accumulator & 0x3 == 0:
            result.append(UInt8(truncatingIfNeeded: accumulator >> 10))
            result.append(UInt8(truncatingIfNeeded: accumulator >> 2))
        default: return nil
        }
        return result
    }

    /// Appends `octets` as base64 text.
    static func encode(_ octets: ArraySlice<UInt8>, into text: inout [UInt8]) {
        var index = octets.startIndex
        while index < octets.endIndex {
            let count = min(3, octets.endIndex - index)
            var group = UInt32(octets[index]) << 16
            if count > 1 { group |= UInt32(octets[index + 1]) << 8 }
            if count > 2 { group |= UInt32(octets[index + 2]) }
            text.append(digit(group >> 18))
            text.append(digit(group >> 12))
            text.append(count > 1 ? digit(group >> 6) : UInt8(ascii: "="))
            text.append(count > 2 ? digit(group) : UInt8(ascii: "="))
            index += count
        }
    }

    private static func digit(_ value: UInt32) -> UInt8 {
        let sextet = UInt8(truncatingIfNeeded: value & 63)
        switch sextet {
        case 0..<26: return sextet + 0x41
        case 26..<52: return sextet - 26 + 0x61
        case 52..<62: return sextet - 52 + 0x30
        case 62: return UInt8(ascii: "+")
        default: return UInt8(ascii: "/")
        }
    }
}
