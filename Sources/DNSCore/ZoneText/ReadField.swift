/// The readers of single fields, simple ones first; the composite ones stand in `ReadField+*.swift`.
extension ZoneTextLexer {
    /// Reads all fields of `type`'s data, or its RFC 3597 form, up to the end of the entry.
    mutating func readData(
        of type: RRType, into data: inout RDataBuffer, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        data.removeAll()
        guard var field = unsafe RDataTextFormats.fields(of: type) else {
            guard try nextToken(pairs: false), isGenericMark else {
                throw .badField(.genericData, text: tokenText)
            }
            return try readGenericData(of: type, into: &data)
        }
        let first = unsafe field.pointee
        guard try nextToken(pairs: first == .serviceParameters) else {
            return try readNothing(of: type, first: first)
        }
        if isGenericMark { return try readGenericData(of: type, into: &data) }
        while true {
            unsafe try read(field.pointee, of: type, into: &data, origin: origin)
            unsafe field += 1
            let next = unsafe field.pointee
            if next == .end { break }
            // The readers of lists stand on their first token, if there is one, and run to the entry's end.
            if try nextToken(pairs: next == .serviceParameters) { continue }
            switch next {
            case .typeBitmap, .serviceParameters, .base64OrNothing: return try checkForm(of: type, data)
            case .nxtBitmap: return try data.append(0)
            default: throw .missingField(next.expectation)
            }
        }
        if !isAtEntryEnd, try nextToken() { throw .surplusField(text: tokenText) }
        try checkForm(of: type, data)
    }

    /// What the fields alone do not see, such as the shortest digest of a ZONEMD.
    ///
    /// Left out where fields that could be read cannot be malformed: the types that zones are full of.
    private func checkForm(of type: RRType, _ data: borrowing RDataBuffer) throws(ZoneTextError.Reason) {
        switch type {
        case .a, .aaaa, .ns, .cname, .soa, .ptr, .mx, .txt, .srv, .dname, .ds, .rrsig, .nsec, .dnskey, .nsec3,
            .nsec3param:
            break
        default:
            guard RecordData(data.octets).isWellFormed(as: type) else { throw .malformedData(type) }
        }
    }

    /// `\#` begins data in the form of RFC 3597 5.
    private var isGenericMark: Bool {
        tokenCount == 2 && !tokenIsQuoted && tokenStart[0] == UInt8(ascii: "\\")
            && tokenStart[1] == UInt8(ascii: "#")
    }

    /// What follows from an entry without data: only address prefixes may be an empty list.
    private func readNothing(of type: RRType, first: RDataTextField) throws(ZoneTextError.Reason) {
        if first == .addressPrefixes { return }
        throw .missingField(first.expectation)
    }

    private mutating func read(
        _ field: RDataTextField, of type: RRType, into data: inout RDataBuffer, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) {
        switch field {
        case .end: break
        case .uint8: try data.append(UInt8(truncatingIfNeeded: number(upTo: 255, .number8)))
        case .uint16: try data.append(uint16: UInt16(truncatingIfNeeded: number(upTo: 65535, .number16)))
        case .uint32:
            try data.append(uint32: UInt32(truncatingIfNeeded: number(upTo: 0xffff_ffff, .number32)))
        case .uint64: try data.append(uint64: number(upTo: .max, .number))
        case .period: try data.append(uint32: period())
        case .name: try readName(into: &data, origin: origin)
        case .ipv4: try readIPv4(into: &data)
        case .ipv6: try readIPv6(into: &data)
        case .string: try readString(into: &data)
        case .strings:
            repeat { try readString(into: &data) } while try nextToken()
        case .text: try readText(into: &data)
        case .hex: try readHex(into: &data)
        case .base64, .base64OrNothing: try readBase64(into: &data)
        case .base64OrDash: if !tokenIs("-") { try readBase64(into: &data) }
        case .type: try data.append(uint16: recordType().rawValue)
        case .algorithm: try data.append(algorithm())
        case .time: try data.append(uint32: time())
        case .typeBitmap: try readTypeBitmap(into: &data)
        case .nxtBitmap: try readNXTBitmap(into: &data)
        case .salt: try readSalt(into: &data)
        case .hashedName: try readHashedName(into: &data)
        case .serviceParameters: try readServiceParameters(into: &data)
        case .tag: try readTag(into: &data)
        case .locator64: try readGroups(of: 4, separator: UInt8(ascii: ":"), count: 4, .locator, into: &data)
        case .eui48: try readGroups(of: 2, separator: UInt8(ascii: "-"), count: 6, .eui48, into: &data)
        case .eui64: try readGroups(of: 2, separator: UInt8(ascii: "-"), count: 8, .eui64, into: &data)
        case .certificateType: try data.append(uint16: certificateType())
        case .scheme: try data.append(scheme())
        case .addressPrefixes: try readAddressPrefixes(into: &data)
        case .ipsecGateway: try readIPSECGateway(into: &data, origin: origin)
        case .amtRelay: try readAMTRelay(into: &data, origin: origin)
        case .hostIdentity: try readHostIdentity(into: &data, origin: origin)
        case .nsap: try readNSAP(into: &data)
        case .atma: try readATMA(into: &data)
        case .a6: try readA6(into: &data, origin: origin)
        case .location: try readLocation(into: &data)
        case .ldns: try readThroughLdns(type, into: &data)
        }
    }

    /// Moves to a field that must be there.
    mutating func require(_ expected: ZoneTextExpectation) throws(ZoneTextError.Reason) {
        guard try nextToken() else { throw .missingField(expected) }
    }

    /// An error that quotes the current token.
    func bad(_ expected: ZoneTextExpectation) -> ZoneTextError.Reason {
        .badField(expected, text: tokenText)
    }

    /// The token as a decimal number.
    func number(upTo maximum: UInt64, _ expected: ZoneTextExpectation) throws(ZoneTextError.Reason) -> UInt64
    {
        guard tokenCount > 0, tokenCount <= 20 else { throw bad(expected) }
        var value: UInt64 = 0
        for index in 0..<tokenCount {
            let digit = tokenStart[index] &- 48
            guard digit < 10 else { throw bad(expected) }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { throw bad(expected) }
            value = sum
        }
        guard value <= maximum else { throw bad(expected) }
        return value
    }

    /// The token as a period in seconds: a number, or numbers with BIND's units, as in `1w2d3h4m5s`.
    func period() throws(ZoneTextError.Reason) -> UInt32 {
        guard let seconds = periodIfAny() else { throw bad(.ttl) }
        return seconds
    }

    /// The token as a period in seconds; nil when it is something else.
    func periodIfAny() -> UInt32? {
        guard tokenCount > 0, tokenCount <= 32, !tokenIsQuoted else { return nil }
        var total: UInt64 = 0
        var value: UInt64 = 0
        var hasDigits = false
        for index in 0..<tokenCount {
            let octet = tokenStart[index]
            let digit = octet &- 48
            if digit < 10 {
                value = value * 10 + UInt64(digit)
                guard value <= 0xffff_ffff else { return nil }
                hasDigits = true
                continue
            }
            guard hasDigits else { return nil }
            switch octet | 0x20 {
            case UInt8(ascii: "w"): value *= 604_800
            case UInt8(ascii: "d"): value *= 86_400
            case UInt8(ascii: "h"): value *= 3_600
            case UInt8(ascii: "m"): value *= 60
            case UInt8(ascii: "s"): break
            default: return nil
            }
            total += value
            value = 0
            hasDigits = false
        }
        total += value
        return total <= 0xffff_ffff ? UInt32(total) : nil
    }

    /// The token as a record type.
    func recordType() throws(ZoneTextError.Reason) -> RRType {
        guard let type = unsafe RRTypeTable.type(tokenStart, count: tokenCount) else {
            throw .unknownType(tokenText)
        }
        return type
    }

    /// Appends the token as a name, completed with `origin` when it has no final dot.
    func readName(into data: inout RDataBuffer, origin: borrowing NameBuffer) throws(ZoneTextError.Reason) {
        let count = unsafe try readName(to: data.base + data.count, origin: origin)
        try data.commit(count)
    }

    /// Writes the token as a wire-format name to `target`, which has room for 256 octets.
    ///
    /// - Returns: how many octets it takes.
    @inline(__always)
    func readName(
        to target: UnsafeMutablePointer<UInt8>, origin: borrowing NameBuffer
    ) throws(ZoneTextError.Reason) -> Int {
        if tokenCount == 1 {
            if tokenStart[0] == UInt8(ascii: "@") {
                unsafe target.update(from: origin.base, count: origin.count)
                return origin.count
            }
            if tokenStart[0] == UInt8(ascii: ".") {
                unsafe target[0] = 0
                return 1
            }
        }
        var at = tokenStart
        let end = unsafe at + tokenCount
        var count = 1
        var lengthAt = 0
        while unsafe at < end {
            var octet = unsafe at.pointee
            unsafe at += 1
            if octet == UInt8(ascii: ".") {
                let length = count - lengthAt - 1
                guard length > 0 else { throw .badName(.emptyLabel, text: tokenText) }
                guard length < 64 else { throw .badName(.labelTooLong, text: tokenText) }
                unsafe target[lengthAt] = UInt8(truncatingIfNeeded: length)
                if unsafe at == end {
                    unsafe target[count] = 0
                    return count + 1
                }
                lengthAt = count
            } else if octet == UInt8(ascii: "\\") {
                guard let value = unsafe ZoneTextLexer.unescape(&at, end) else { throw .badEscape }
                octet = value
            }
            guard count < 255 else { throw .badName(.tooLong, text: tokenText) }
            unsafe target[count] = octet
            count += 1
        }
        let length = count - lengthAt - 1
        guard length > 0 else { throw .badName(.emptyLabel, text: tokenText) }
        guard length < 64 else { throw .badName(.labelTooLong, text: tokenText) }
        unsafe target[lengthAt] = UInt8(truncatingIfNeeded: length)
        guard count + origin.count <= 255 else { throw .badName(.tooLong, text: tokenText) }
        unsafe (target + count).update(from: origin.base, count: origin.count)
        return count + origin.count
    }

    /// The octet that the escape at `at`, behind its backslash, stands for (RFC 1035 5.1).
    @inline(__always)
    static func unescape(_ at: inout UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UInt8? {
        guard unsafe at < end else { return nil }
        let first = unsafe at.pointee
        let hundreds = first &- 48
        guard hundreds < 10 else {
            unsafe at += 1
            return first
        }
        guard unsafe end - at >= 3 else { return nil }
        let tens = unsafe at[1] &- 48
        let ones = unsafe at[2] &- 48
        guard tens < 10, ones < 10 else { return nil }
        let value = Int(hundreds) * 100 + Int(tens) * 10 + Int(ones)
        guard value < 256 else { return nil }
        unsafe at += 3
        return UInt8(truncatingIfNeeded: value)
    }

    /// Appends the token as a character-string.
    func readString(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        let lengthAt = data.count
        try data.append(0)
        if !tokenHasEscape {
            guard tokenCount <= 255 else { throw bad(.string) }
            unsafe (data.base + data.count).update(from: tokenStart, count: tokenCount)
            try data.commit(tokenCount)
        } else {
            try readText(into: &data, limit: 255)
        }
        data.set(UInt8(truncatingIfNeeded: data.count - lengthAt - 1), at: lengthAt)
    }

    /// Appends the token's octets, escapes resolved.
    func readText(into data: inout RDataBuffer, limit: Int = .max) throws(ZoneTextError.Reason) {
        var at = tokenStart
        let end = unsafe at + tokenCount
        let start = data.count
        while unsafe at < end {
            var octet = unsafe at.pointee
            unsafe at += 1
            if octet == UInt8(ascii: "\\") {
                guard let value = unsafe ZoneTextLexer.unescape(&at, end) else { throw .badEscape }
                octet = value
            }
            guard data.count - start < limit else { throw bad(.string) }
            try data.append(octet)
        }
    }

    /// RFC 3597 5: `\#`, a length, and as many octets in hexadecimal.
    private mutating func readGenericData(
        of type: RRType, into data: inout RDataBuffer
    ) throws(ZoneTextError.Reason) {
        try require(.number16)
        let length = Int(try number(upTo: 65535, .number16))
        if try nextToken() { try readHex(into: &data) }
        guard data.count == length else { throw .wrongGenericLength(said: length, found: data.count) }
        guard RecordData(data.octets).isWellFormed(as: type) else { throw .malformedData(type) }
    }
}

extension RDataTextField {
    /// What a reader misses when the entry ends before this field.
    var expectation: ZoneTextExpectation {
        switch self {
        case .uint8, .ipsecGateway, .hostIdentity, .a6, .amtRelay: .number8
        case .uint16: .number16
        case .uint32: .number32
        case .uint64, .end: .number
        case .period: .ttl
        case .name: .name
        case .ipv4: .ipv4
        case .ipv6: .ipv6
        case .string, .strings, .text: .string
        case .hex, .salt, .nsap, .atma: .hex
        case .base64, .base64OrNothing, .base64OrDash: .base64
        case .type, .typeBitmap, .nxtBitmap: .type
        case .algorithm: .algorithm
        case .time: .time
        case .hashedName: .base32
        case .serviceParameters: .serviceParameter
        case .tag: .tag
        case .locator64: .locator
        case .eui48: .eui48
        case .eui64: .eui64
        case .certificateType: .certificateType
        case .scheme: .scheme
        case .addressPrefixes: .addressPrefix
        case .location: .location
        case .ldns: .services
        }
    }
}
