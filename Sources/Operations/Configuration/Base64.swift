/// Base 64 with padding (RFC 4648 4).
package enum Base64 {
    /// The octets that `text` stands for; blanks are skipped.
    ///
    /// Nil when it is not base 64.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for octet in text.utf8 {
            let value: UInt32
            switch octet {
            case 0x41...0x5a: value = UInt32(octet) - 0x41
            case 0x61...0x7a: value = UInt32(octet) - 0x61 + 26
            case 0x30...0x39: value = UInt32(octet) - 0x30 + 52
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                padding += 1
                continue
            case 0x20, 0x09, 0x0a, 0x0d: continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            bits = bits << 6 | value
            count += 1
            if count % 4 == 0 {
                result += [UInt8(bits >> 16 & 0xff), UInt8(bits >> 8 & 0xff), UInt8(bits & 0xff)]
                bits = 0
            }
        }
        switch (count % 4, padding) {
        case (0, 0): break
        case (2, 2): result.append(UInt8(bits >> 4 & 0xff))
        case (3, 1): result += [UInt8(bits >> 10 & 0xff), UInt8(bits >> 2 & 0xff)]
        default: return nil
        }
        return result
    }

    /// `octets` as text without line breaks.
    package static func encode(_ octets: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        var index = 0
        while index < octets.count {
            let part = octets[index..<min(index + 3, octets.count)]
            var bits: UInt32 = 0
            for octet in part { bits = bits << 8 | UInt32(octet) }
            bits <<= UInt32(8 * (3 - part.count))
            for place in 0..<4 {
                let shift = UInt32(18 - 6 * place)
                text.append(place <= part.count ? alphabet[Int(bits >> shift & 63)] : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }
}
