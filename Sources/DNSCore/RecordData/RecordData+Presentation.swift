extension RecordData {
    /// The data in the presentation format of `type`; in that of RFC 3597 when the type is unknown, or when its own format
    /// could not be read back to the same octets.
    package func presentation(as type: RRType) -> String {
        var text = RecordText()
        append(to: &text, as: type)
        return String(decoding: text.octets, as: UTF8.self)
    }

    /// Appends ``presentation(as:)`` to `text`.
    func append(to text: inout RecordText, as type: RRType) {
        let start = text.octets.count
        if !appendFields(to: &text, as: type) {
            text.truncate(to: start)
            text.append(generic: octets[...])
        }
    }

    private func appendFields(to text: inout RecordText, as type: RRType) -> Bool {
        guard var field = unsafe RDataTextFormats.fields(of: type), isWellFormed(as: type) else {
            return false
        }
        var reader = FieldReader(octets)
        while unsafe field.pointee != .end {
            guard unsafe append(field.pointee, from: &reader, to: &text, type: type) else { return false }
            unsafe field += 1
            if unsafe !reader.isAtEnd || field.pointee == .base64OrDash { text.separate() }
        }
        return reader.isAtEnd
    }

    /// Takes record data apart from the front; nil and false past the end.
    struct FieldReader {
        let octets: [UInt8]
        private(set) var position = 0

        init(_ octets: [UInt8]) { self.octets = octets }

        var isAtEnd: Bool { position == octets.count }

        mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
            guard count >= 0, position + count <= octets.count else { return nil }
            defer { position += count }
            return octets[position..<(position + count)]
        }
        mutating func takeNumber(_ count: Int) -> UInt64? {
            take(count).map { $0.reduce(0) { $0 << 8 | UInt64($1) } }
        }
        mutating func takeString() -> ArraySlice<UInt8>? {
            guard let count = takeNumber(1) else { return nil }
            return take(Int(count))
        }
        mutating func takeName() -> ArraySlice<UInt8>? {
            guard let end = RDataReader(octets).nameEnd(position) else { return nil }
            return take(end - position)
        }
        mutating func takeRest() -> ArraySlice<UInt8> {
            defer { position = octets.count }
            return octets[position...]
        }
    }

    private func append(
        _ field: RDataTextField, from reader: inout FieldReader, to text: inout RecordText, type: RRType
    ) -> Bool {
        switch field {
        case .end: return true
        case .uint8: return text.append(number: reader.takeNumber(1))
        case .uint16: return text.append(number: reader.takeNumber(2))
        case .uint32, .period: return text.append(number: reader.takeNumber(4))
        case .uint64: return text.append(number: reader.takeNumber(8))
        case .algorithm, .scheme: return text.append(number: reader.takeNumber(1))
        case .certificateType: return text.append(number: reader.takeNumber(2))
        case .name:
            guard let name = reader.takeName() else { return false }
            text.append(name: name)
        case .ipv4:
            guard let address = reader.take(4) else { return false }
            text.append(ipv4: address)
        case .ipv6:
            guard let address = reader.take(16) else { return false }
            text.append(ipv6: address)
        case .string:
            guard let string = reader.takeString() else { return false }
            text.append(quoted: string)
        case .strings:
            repeat {
                guard let string = reader.takeString() else { return false }
                text.separate()
                text.append(quoted: string)
            } while !reader.isAtEnd
        case .text: text.append(quoted: reader.takeRest())
        case .tag:
            guard let tag = reader.takeString() else { return false }
            text.append(tag)
        case .hex, .base64:
            let rest = reader.takeRest()
            guard !rest.isEmpty else { return false }
            if field == .hex { text.append(hex: rest) } else { text.append(base64: rest) }
        case .base64OrNothing: text.append(base64: reader.takeRest())
        case .base64OrDash:
            let rest = reader.takeRest()
            if rest.isEmpty { text.append("-") } else { text.append(base64: rest) }
        case .type:
            guard let value = reader.takeNumber(2) else { return false }
            text.append(RRType(rawValue: UInt16(value)).description)
        case .time:
            guard let value = reader.takeNumber(4) else { return false }
            text.append(decimal: UInt64(CivilTime.digits(UInt32(value))))
        case .typeBitmap: return text.append(bitmap: reader.takeRest())
        case .nxtBitmap: return text.append(nxtBitmap: reader.takeRest())
        case .salt:
            guard let salt = reader.takeString() else { return false }
            if salt.isEmpty { text.append("-") } else { text.append(hex: salt) }
        case .hashedName:
            guard let hash = reader.takeString(), !hash.isEmpty else { return false }
            text.append(base32: hash)
        case .serviceParameters: return text.append(serviceParametersOf: self, &reader)
        case .locator64: return text.append(groups: reader.take(8), of: 2, separator: UInt8(ascii: ":"))
        case .eui48: return text.append(groups: reader.take(6), of: 1, separator: UInt8(ascii: "-"))
        case .eui64: return text.append(groups: reader.take(8), of: 1, separator: UInt8(ascii: "-"))
        case .addressPrefixes: return text.append(addressPrefixes: &reader)
        case .ipsecGateway: return text.append(ipsecGateway: &reader)
        case .amtRelay: return text.append(amtRelay: &reader)
        case .hostIdentity: return text.append(hostIdentity: &reader)
        case .nsap:
            text.append("0x")
            text.append(hex: reader.takeRest())
        case .atma: return text.append(atma: reader.takeRest())
        case .a6: return text.append(a6: &reader)
        case .location: return text.append(location: reader.takeRest())
        case .ldns: return text.append(services: reader.takeRest())
        }
        return true
    }
}

extension ResourceRecord: CustomStringConvertible {
    /// The record on one line: owner, TTL, class, type and data (RFC 1035 5.1).
    package var description: String {
        var text = RecordText()
        text.append(record: self)
        return String(decoding: text.octets, as: UTF8.self)
    }
}

extension RecordText {
    /// A record on one line, without a line feed.
    mutating func append(record: ResourceRecord) {
        append(name: record.owner.wire[...])
        append(0x20)
        append(decimal: UInt64(record.ttl))
        append(0x20)
        append(record.recordClass.description)
        append(0x20)
        append(record.type.description)
        append(0x20)
        record.data.append(to: &self, as: record.type)
    }
}
