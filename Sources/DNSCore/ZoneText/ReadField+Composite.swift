/// Readers of the fields whose form depends on another field, and of lists.
extension ZoneTextLexer {
    /// Appends the token as a property tag behind its length: letters and digits (RFC 8659 4.1).
    func readTag(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        guard (1...255).contains(tokenCount) else { throw bad(.tag) }
        for index in 0..<tokenCount {
            let octet = tokenStart[index]
            guard octet &- 0x30 < 10 || (octet | 0x20) &- 0x61 < 26 else { throw bad(.tag) }
        }
        try readString(into: &data)
    }

    /// Appends precedence, gateway type, algorithm and gateway (RFC 4025 3.1).
    mutating func readIPSECGateway(
        into data: inout RDataBuffer, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        try data.append(UInt8(truncatingIfNeeded: number(upTo: 255, .number8)))
        try require(.number8)
        let kind = try number(upTo: 3, .number8)
        try data.append(UInt8(truncatingIfNeeded: kind))
        try require(.number8)
        try data.append(UInt8(truncatingIfNeeded: number(upTo: 255, .number8)))
        try require(.gateway)
        try readEndpoint(kind, .gateway, into: &data, origin: origin)
    }

    /// Appends precedence, discovery bit, relay type and relay (RFC 8777 4.3).
    mutating func readAMTRelay(
        into data: inout RDataBuffer, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        try data.append(UInt8(truncatingIfNeeded: number(upTo: 255, .number8)))
        try require(.number)
        let isDiscoveryOptional = try number(upTo: 1, .number) == 1
        try require(.number8)
        let kind = try number(upTo: 3, .number8)
        try data.append(UInt8(truncatingIfNeeded: kind) | (isDiscoveryOptional ? 0x80 : 0))
        try require(.relay)
        try readEndpoint(kind, .relay, into: &data, origin: origin)
    }

    /// Appends nothing, an IPv4 address, an IPv6 address or a name as `kind` says.
    private func readEndpoint(
        _ kind: UInt64, _ expected: ZoneTextExpectation, into data: inout RDataBuffer,
        origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        switch kind {
        case 0: guard tokenIs(".") else { throw bad(expected) }
        case 1: try readIPv4(into: &data)
        case 2: try readIPv6(into: &data)
        default: try readName(into: &data, origin: origin)
        }
    }

    /// Appends a host identity, its key and rendezvous servers (RFC 8005 5, 6).
    mutating func readHostIdentity(
        into data: inout RDataBuffer, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        let algorithm = UInt8(truncatingIfNeeded: try number(upTo: 255, .number8))
        try require(.hex)
        guard tokenCount > 0, tokenCount % 2 == 0, tokenCount <= 510 else { throw bad(.hex) }
        try data.append(UInt8(tokenCount / 2))
        try data.append(algorithm)
        try data.append(uint16: 0)
        try readHexPairs(into: &data)
        try require(.base64)
        let keyStart = data.count
        try readBase64Token(into: &data)
        let keyCount = data.count - keyStart
        guard keyCount > 0 else { throw bad(.base64) }
        data.set(UInt8(truncatingIfNeeded: keyCount >> 8), at: 2)
        data.set(UInt8(truncatingIfNeeded: keyCount), at: 3)
        while try nextToken() { try readName(into: &data, origin: origin) }
    }

    /// Appends this one token as base64.
    func readBase64Token(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        guard let octets = Base64.decode(tokenOctets) else { throw bad(.base64) }
        try data.append(octets)
    }

    /// Appends the token as `0x` and hexadecimal digits, dots between them ignored (RFC 1706 7).
    func readNSAP(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        let text = tokenOctets
        guard text.count > 2, text[0] == UInt8(ascii: "0"), text[1] | 0x20 == UInt8(ascii: "x") else {
            throw bad(.hex)
        }
        try readDottedHex(text[2...], into: &data)
    }

    /// Appends the token as an ATM end system address: hexadecimal digits, or `+` and an E.164 number.
    func readATMA(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        let text = tokenOctets
        guard text.first == UInt8(ascii: "+") else {
            try data.append(0)
            return try readDottedHex(text[...], into: &data)
        }
        let digits = text.dropFirst().filter { $0 != UInt8(ascii: ".") }
        guard !digits.isEmpty, digits.allSatisfy({ $0 &- 48 < 10 }) else { throw bad(.number) }
        try data.append(1)
        try data.append(digits)
    }

    private func readDottedHex(
        _ text: ArraySlice<UInt8>, into data: inout RDataBuffer
    ) throws(ZoneTextError.Reason) {
        var pending: UInt8?
        for octet in text where octet != UInt8(ascii: ".") {
            guard let digit = ZoneTextLexer.hexDigit(octet) else { throw bad(.hex) }
            if let high = pending {
                try data.append(high << 4 | digit)
                pending = nil
            } else {
                pending = digit
            }
        }
        guard pending == nil else { throw bad(.hex) }
    }

    /// Appends prefix length, address suffix and prefix name (RFC 2874 3.1).
    mutating func readA6(
        into data: inout RDataBuffer, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        let prefix = Int(try number(upTo: 128, .number8))
        try data.append(UInt8(prefix))
        if prefix < 128 {
            try require(.ipv6)
            guard let address = unsafe AddressText.ipv6(tokenStart, count: tokenCount) else {
                throw bad(.ipv6)
            }
            let octets = (0..<16).map { index in
                UInt8(
                    truncatingIfNeeded: (index < 8 ? address.high : address.low) >> UInt64(56 - index % 8 * 8)
                )
            }
            var suffix = Array(octets[(prefix / 8)...])
            suffix[0] &= 0xff >> UInt8(prefix % 8)
            try data.append(suffix)
        }
        if prefix > 0 {
            try require(.name)
            try readName(into: &data, origin: origin)
        }
    }

    /// Appends this and all further tokens as address prefixes, `[!]family:address/length` (RFC 3123 5).
    mutating func readAddressPrefixes(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        repeat {
            let text = tokenOctets
            let isNegated = text.first == UInt8(ascii: "!")
            let body = text[(isNegated ? 1 : 0)...]
            guard let colon = body.firstIndex(of: UInt8(ascii: ":")),
                let slash = body.lastIndex(of: UInt8(ascii: "/")), colon < slash,
                let family = UInt16(String(decoding: body[..<colon], as: UTF8.self)),
                let length = UInt8(String(decoding: body[(slash + 1)...], as: UTF8.self)),
                var octets = AddressText.octets(Array(body[(colon + 1)..<slash]), family: family),
                Int(length) <= octets.count * 8
            else { throw bad(.addressPrefix) }
            // Bits behind the prefix do not count, and trailing zero octets are not sent (RFC 3123 4).
            for index in octets.indices where index * 8 + 8 > Int(length) {
                octets[index] &= index * 8 >= Int(length) ? 0 : ~(0xff >> (length % 8))
            }
            while octets.last == 0 { octets.removeLast() }
            try data.append(uint16: family)
            try data.append(length)
            try data.append(UInt8(octets.count) | (isNegated ? 0x80 : 0))
            try data.append(octets)
        } while try nextToken()
    }

    /// Gives the rest of the entry to ldns, which knows the rarest type.
    mutating func readThroughLdns(_ type: RRType, into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        let first = tokenText
        var text: [UInt8] = []
        repeat {
            text.append(0x20)
            text.append(contentsOf: tokenOctets)
        } while try nextToken()
        guard text.count < 4096, let octets = LdnsRecordText.parse(type, text) else {
            throw .badField(.services, text: first)
        }
        try data.append(octets)
    }
}

extension AddressText {
    /// The octets of an address of `family` (1 is IPv4, 2 is IPv6); nil when the text is not one.
    static func octets(_ text: [UInt8], family: UInt16) -> [UInt8]? {
        unsafe text.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            if family == 1, let address = unsafe ipv4(base, count: buffer.count) {
                return (0..<4).map { UInt8(truncatingIfNeeded: address >> UInt32(24 - $0 * 8)) }
            }
            if family == 2, let address = unsafe ipv6(base, count: buffer.count) {
                return (0..<16).map {
                    UInt8(
                        truncatingIfNeeded: ($0 < 8 ? address.high : address.low) >> UInt64(56 - $0 % 8 * 8))
                }
            }
            return nil
        }
    }
}
