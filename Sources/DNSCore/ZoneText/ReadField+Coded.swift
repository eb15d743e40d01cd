/// Readers of addresses and of fields in hexadecimal, base32 and base64.
extension ZoneTextLexer {
    /// Appends the token as an IPv4 address in dotted decimal.
    func readIPv4(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        guard let address = unsafe AddressText.ipv4(tokenStart, count: tokenCount) else { throw bad(.ipv4) }
        try data.append(uint32: address)
    }

    /// Appends the token as an IPv6 address (RFC 4291 2.2).
    func readIPv6(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        guard let address = unsafe AddressText.ipv6(tokenStart, count: tokenCount) else { throw bad(.ipv6) }
        try data.append(uint64: address.high)
        try data.append(uint64: address.low)
    }

    /// Appends this and all further tokens as hexadecimal digits, at least one octet.
    mutating func readHex(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        var pending: UInt8?
        repeat {
            for index in 0..<tokenCount {
                guard let digit = ZoneTextLexer.hexDigit(tokenStart[index]) else { throw bad(.hex) }
                if let high = pending {
                    try data.append(high << 4 | digit)
                    pending = nil
                } else {
                    pending = digit
                }
            }
        } while try nextToken()
        guard pending == nil else { throw bad(.hex) }
    }

    /// Appends this and all further tokens as base64 (RFC 4648 4).
    mutating func readBase64(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        var accumulator: UInt32 = 0
        var sextets = 0
        var padding = 0
        repeat {
            for index in 0..<tokenCount {
                let octet = tokenStart[index]
                if octet == UInt8(ascii: "=") {
                    padding += 1
                    continue
                }
                guard padding == 0, let value = ZoneTextLexer.base64Digit(octet) else { throw bad(.base64) }
                accumulator = accumulator << 6 | UInt32(value)
                sextets += 1
                if sextets == 4 {
                    try data.append(UInt8(truncatingIfNeeded: accumulator >> 16))
                    try data.append(uint16: UInt16(truncatingIfNeeded: accumulator))
                    accumulator = 0
                    sextets = 0
                }
            }
        } while try nextToken()
        switch (sextets, padding) {
        case (0, 0): break
        case (2, 2):
            guard accumulator & 0xf == 0 else { throw bad(.base64) }
            try data.append(UInt8(truncatingIfNeeded: accumulator >> 4))
        case (3, 1):
            guard accumulator & 0x3 == 0 else { throw bad(.base64) }
            try data.append(uint16: UInt16(truncatingIfNeeded: accumulator >> 2))
        default: throw bad(.base64)
        }
    }

    /// Appends the token as a salt behind its length (RFC 5155 3.3); `-` is none.
    func readSalt(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        if tokenIs("-") { return try data.append(0) }
        guard tokenCount > 0, tokenCount % 2 == 0, tokenCount <= 510 else { throw bad(.hex) }
        try data.append(UInt8(tokenCount / 2))
        try readHexPairs(into: &data)
    }

    /// Appends the token as pairs of hexadecimal digits.
    func readHexPairs(into data: inout RDataBuffer, from start: Int = 0) throws(ZoneTextError.Reason) {
        guard (tokenCount - start) % 2 == 0 else { throw bad(.hex) }
        for index in stride(from: start, to: tokenCount, by: 2) {
            guard let high = ZoneTextLexer.hexDigit(tokenStart[index]),
                let low = ZoneTextLexer.hexDigit(tokenStart[index + 1])
            else { throw bad(.hex) }
            try data.append(high << 4 | low)
        }
    }

    /// Appends the token as base32hex without padding (RFC 4648 7) behind its length (RFC 5155 3.3).
    func readHashedName(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        let length = tokenCount * 5 / 8
        guard length > 0, length <= 255, [0, 2, 4, 5, 7].contains(tokenCount % 8) else { throw bad(.base32) }
        try data.append(UInt8(length))
        var accumulator: UInt32 = 0
        var bits = 0
        for index in 0..<tokenCount {
            guard let value = ZoneTextLexer.base32Digit(tokenStart[index]) else { throw bad(.base32) }
            accumulator = accumulator << 5 | UInt32(value)
            bits += 5
            if bits >= 8 {
                bits -= 8
                try data.append(UInt8(truncatingIfNeeded: accumulator >> UInt32(bits)))
                accumulator &= (1 << UInt32(bits)) - 1
            }
        }
        guard accumulator == 0 else { throw bad(.base32) }
    }

    /// Appends the token as `count` groups of `digits` hexadecimal digits with `separator` between (RFC 6742, 7043).
    func readGroups(
        of digits: Int, separator: UInt8, count: Int, _ expected: ZoneTextExpectation,
        into data: inout RDataBuffer
    ) throws(ZoneTextError.Reason) {
        var position = 0
        for group in 0..<count {
            var value: UInt32 = 0
            var found = 0
            while position < tokenCount, found < digits,
                let digit = ZoneTextLexer.hexDigit(tokenStart[position])
            {
                value = value << 4 | UInt32(digit)
                found += 1
                position += 1
            }
            // A locator may leave out leading zeros (RFC 6742 2.1.2); an EUI may not (RFC 7043 3.2).
            guard found == digits || found > 0 && digits == 4 else { throw bad(expected) }
            if digits == 4 {
                try data.append(uint16: UInt16(truncatingIfNeeded: value))
            } else {
                try data.append(UInt8(truncatingIfNeeded: value))
            }
            guard group < count - 1 else { break }
            guard position < tokenCount, tokenStart[position] == separator else { throw bad(expected) }
            position += 1
        }
        guard position == tokenCount else { throw bad(expected) }
    }

    @inline(__always)
    static func hexDigit(_ octet: UInt8) -> UInt8? {
        if octet &- 0x30 < 10 { return octet &- 0x30 }
        let letter = (octet | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    @inline(__always)
    static func base32Digit(_ octet: UInt8) -> UInt8? {
        if octet &- 0x30 < 10 { return octet &- 0x30 }
        let letter = (octet | 0x20) &- 0x61
        return letter < 22 ? letter + 10 : nil
    }

    @inline(__always)
    static func base64Digit(_ octet: UInt8) -> UInt8? {
        if octet &- 0x41 < 26 { return octet &- 0x41 }
        if octet &- 0x61 < 26 { return octet &- 0x61 + 26 }
        if octet &- 0x30 < 10 { return octet &- 0x30 + 52 }
        return octet == UInt8(ascii: "+") ? 62 : octet == UInt8(ascii: "/") ? 63 : nil
    }
}

/// Addresses from text, strictly: what `inet_pton` accepts.
enum AddressText {
    /// An address in dotted decimal, in host order.
    @inline(__always)
    static func ipv4(_ text: UnsafePointer<UInt8>, count: Int) -> UInt32? {
        guard count >= 7, count <= 15 else { return nil }
        var address: UInt32 = 0
        var value: UInt32 = 0
        var digits = 0
        var parts = 0
        for index in 0..<count {
            let octet = unsafe text[index]
            let digit = octet &- 48
            if digit < 10 {
                guard digits == 0 || value > 0 else { return nil }
                value = value * 10 + UInt32(digit)
                digits += 1
                guard value < 256, digits <= 3 else { return nil }
            } else {
                guard octet == UInt8(ascii: "."), digits > 0, parts < 3 else { return nil }
                address = address << 8 | value
                value = 0
                digits = 0
                parts += 1
            }
        }
        guard digits > 0, parts == 3 else { return nil }
        return address << 8 | value
    }

    /// An address of RFC 4291 2.2, its last 32 bits perhaps in dotted decimal, as two words in host order.
    static func ipv6(_ text: UnsafePointer<UInt8>, count: Int) -> (high: UInt64, low: UInt64)? {
        guard count >= 2, count <= 45 else { return nil }
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var filled = 0
        var gapAt: Int?
        var index = 0
        if unsafe text[0] == UInt8(ascii: ":") {
            guard unsafe text[1] == UInt8(ascii: ":") else { return nil }
            gapAt = 0
            index = 2
        }
        while index < count {
            guard filled < 8 else { return nil }
            let start = index
            var value: UInt32 = 0
            while index < count, let digit = unsafe ZoneTextLexer.hexDigit(text[index]) {
                value = value << 4 | UInt32(digit)
                index += 1
                guard index - start <= 4 else { return nil }
            }
            guard index > start else { return nil }
            if index < count, unsafe text[index] == UInt8(ascii: ".") {
                guard filled <= 6, let address = unsafe ipv4(text + start, count: count - start) else {
                    return nil
                }
                groups[filled] = UInt16(address >> 16)
                groups[filled + 1] = UInt16(address & 0xffff)
                filled += 2
                index = count
                break
            }
            groups[filled] = UInt16(truncatingIfNeeded: value)
            filled += 1
            guard index < count else { break }
            guard unsafe text[index] == UInt8(ascii: ":") else { return nil }
            index += 1
            guard index < count else { return nil }
            if unsafe text[index] == UInt8(ascii: ":") {
                guard gapAt == nil else { return nil }
                gapAt = filled
                index += 1
            }
        }
        guard gapAt == nil ? filled == 8 : filled < 8 else { return nil }
        let gap = gapAt ?? 8
        var words = InlineArray<2, UInt64>(repeating: 0)
        for place in 0..<8 {
            // Groups behind the gap stand at the end.
            let behind = place - (8 - filled)
            let group = place < gap ? groups[place] : behind >= gap ? groups[behind] : 0
            words[place / 4] = words[place / 4] << 16 | UInt64(group)
        }
        return (words[0], words[1])
    }
}
