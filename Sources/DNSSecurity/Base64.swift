/// Base64 with padding (RFC 4648 4), as secrets are written in configurations.
package enum Base64 {
    /// The octets that `text` stands for, white space ignored; nil when it is not base64.
    package static func decode(_ text: String) -> [UInt8]? {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        var padding = 0
        for octet in text.utf8 {
            let value: UInt8
            switch octet {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = octet - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = octet - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = octet + 4
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            case UInt8(ascii: "="):
                padding += 1
                continue
            case 9, 10, 13, 32: continue
            default: return nil
            }
            guard padding == 0 else { return nil }
            bits = bits << 6 | UInt32(value)
            count += 1
            if count % 4 == 0 {
                result.append(UInt8(bits >> 16 & 0xff))
                result.append(UInt8(bits >> 8 & 0xff))
                result.append(UInt8(bits & 0xff))
            }
        }
        switch (count % 4, padding) {
        case (0, 0): break
        case (2, 2), (2, 0): result.append(UInt8(bits >> 4 & 0xff))
        case (3, 1), (3, 0):
            result.append(UInt8(bits >> 10 & 0xff))
            result.append(UInt8(bits >> 2 & 0xff))
        default: return nil
        }
        return result
    }

    /// `octets` as base64 text.
    package static func encode(_ octets: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        var index = 0
        while index < octets.count {
            let available = min(3, octets.count - index)
            var bits = UInt32(octets[index]) << 16
            if available > 1 { bits |= UInt32(octets[index + 1]) << 8 }
            if available > 2 { bits |= UInt32(octets[index + 2]) }
            for place in 0..<4 {
                let value = Int(bits >> UInt32(18 - 6 * place) & 63)
                text.append(place <= available ? alphabet[value] : UInt8(ascii: "="))
            }
            index += 3
        }
        return String(decoding: text, as: UTF8.self)
    }
}
