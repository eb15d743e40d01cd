/// The composite fields, each the inverse of its reader. False means: say it in the form of RFC 3597.
extension RecordText {
    mutating func append(number: UInt64?) -> Bool {
        guard let number else { return false }
        append(decimal: number)
        return true
    }

    /// Groups of `size` octets in hexadecimal.
    mutating func append(groups data: ArraySlice<UInt8>?, of size: Int, separator: UInt8) -> Bool {
        guard let data else { return false }
        for (index, octet) in data.enumerated() {
            if index > 0, index % size == 0 { append(separator) }
            append(hex: [octet])
        }
        return true
    }

    /// The types of a bitmap; false when its octets are not the shortest form.
    mutating func append(bitmap: ArraySlice<UInt8>) -> Bool {
        let set = TypeBitmap(octets: bitmap)
        guard set.octets[...] == bitmap else { return false }
        for type in set.types {
            separate()
            append(type.description)
        }
        return true
    }

    mutating func append(nxtBitmap: ArraySlice<UInt8>) -> Bool {
        guard nxtBitmap.count <= 16, let last = nxtBitmap.last, last != 0 else { return false }
        for (index, octet) in nxtBitmap.enumerated() {
            for bit in 0..<8 where octet & 0x80 >> UInt8(bit) != 0 {
                separate()
                append(RRType(rawValue: UInt16(index * 8 + bit)).description)
            }
        }
        return true
    }

    mutating func append(addressPrefixes reader: inout RecordData.FieldReader) -> Bool {
        while !reader.isAtEnd {
            guard let family = reader.takeNumber(2), let length = reader.takeNumber(1),
                let mark = reader.takeNumber(1), let part = reader.take(Int(mark & 0x7f)),
                family == 1 || family == 2
            else { return false }
            let size = family == 1 ? 4 : 16
            guard part.count <= size, Int(length) <= size * 8, part.last != 0 else { return false }
            // Bits behind the prefix would be lost.
            for (index, octet) in part.enumerated() {
                let kept = Int(length) - index * 8
                guard kept >= 8 || (kept > 0 && octet & (0xff >> UInt8(kept)) == 0) else { return false }
            }
            separate()
            if mark & 0x80 != 0 { append("!") }
            append(decimal: family)
            append(":")
            let address = Array(part) + [UInt8](repeating: 0, count: size - part.count)
            if family == 1 { append(ipv4: address[...]) } else { append(ipv6: address[...]) }
            append("/")
            append(decimal: length)
        }
        return true
    }

    mutating func append(ipsecGateway reader: inout RecordData.FieldReader) -> Bool {
        guard let precedence = reader.takeNumber(1), let kind = reader.takeNumber(1),
            let algorithm = reader.takeNumber(1)
        else { return false }
        for value in [precedence, kind, algorithm] {
            append(decimal: value)
            append(0x20)
        }
        return append(endpoint: kind, &reader)
    }

    mutating func append(amtRelay reader: inout RecordData.FieldReader) -> Bool {
        guard let precedence = reader.takeNumber(1), let mark = reader.takeNumber(1) else { return false }
        for value in [precedence, mark >> 7, mark & 0x7f] {
            append(decimal: value)
            append(0x20)
        }
        return append(endpoint: mark & 0x7f, &reader) && reader.isAtEnd
    }

    private mutating func append(endpoint kind: UInt64, _ reader: inout RecordData.FieldReader) -> Bool {
        switch kind {
        case 0: append(".")
        case 1:
            guard let address = reader.take(4) else { return false }
            append(ipv4: address)
        case 2:
            guard let address = reader.take(16) else { return false }
            append(ipv6: address)
        case 3:
            guard let name = reader.takeName() else { return false }
            append(name: name)
        default: return false
        }
        return true
    }

    mutating func append(hostIdentity reader: inout RecordData.FieldReader) -> Bool {
        guard let tagCount = reader.takeNumber(1), let algorithm = reader.takeNumber(1),
            let keyCount = reader.takeNumber(2), let tag = reader.take(Int(tagCount)),
            let key = reader.take(Int(keyCount)), !tag.isEmpty, !key.isEmpty
        else { return false }
        append(decimal: algorithm)
        append(0x20)
        append(hex: tag)
        append(0x20)
        append(base64: key)
        while !reader.isAtEnd {
            guard let name = reader.takeName() else { return false }
            append(0x20)
            append(name: name)
        }
        return true
    }

    mutating func append(atma data: ArraySlice<UInt8>) -> Bool {
        let address = data.dropFirst()
        switch data.first {
        case 0 where !address.isEmpty: append(hex: address)
        case 1 where !address.isEmpty && address.allSatisfy({ $0 &- 48 < 10 }):
            append("+")
            append(address)
        default: return false
        }
        return true
    }

    mutating func append(a6 reader: inout RecordData.FieldReader) -> Bool {
        guard let prefix = reader.takeNumber(1), prefix <= 128 else { return false }
        append(decimal: prefix)
        if prefix < 128 {
            let skipped = Int(prefix) / 8
            guard let suffix = reader.take(16 - skipped),
                prefix % 8 == 0 || suffix[suffix.startIndex] & ~(0xff >> UInt8(prefix % 8)) == 0
            else { return false }
            append(0x20)
            append(ipv6: ([UInt8](repeating: 0, count: skipped) + suffix)[...])
        }
        if prefix > 0 {
            guard let name = reader.takeName() else { return false }
            append(0x20)
            append(name: name)
        }
        return true
    }

    /// Address, protocol and ports of WKS in numbers, which every reader takes.
    mutating func append(services data: ArraySlice<UInt8>) -> Bool {
        guard data.count > 5, data.last != 0 else { return false }
        append(ipv4: data.prefix(4))
        append(0x20)
        append(decimal: UInt64(data[data.startIndex + 4]))
        for (index, octet) in data.dropFirst(5).enumerated() {
            for bit in 0..<8 where octet & 0x80 >> UInt8(bit) != 0 {
                append(0x20)
                append(decimal: UInt64(index * 8 + bit))
            }
        }
        return true
    }

    mutating func append(
        serviceParametersOf data: RecordData, _ reader: inout RecordData.FieldReader
    ) -> Bool {
        guard let parameters = SVCB(data)?.parameters, ServiceParameter.areConsistent(parameters) else {
            return false
        }
        _ = reader.takeRest()
        for parameter in parameters {
            separate()
            append(parameter.key.mnemonic)
            append(serviceValue: parameter)
        }
        return true
    }

    private mutating func append(serviceValue parameter: ServiceParameter) {
        guard !parameter.value.isEmpty else { return }
        append("=")
        switch parameter.key {
        case .mandatory:
            append(parameter.pairs.map { ServiceParameterKey(rawValue: $0).mnemonic }.joined(separator: ","))
        case .alpn:
            append("\"")
            for (index, item) in (parameter.strings ?? []).enumerated() {
                if index > 0 { append(",") }
                // Two layers: the list's own escapes, then those of the string (RFC 9460 A.1).
                var escaped: [UInt8] = []
                for octet in item {
                    if octet == UInt8(ascii: ",") || octet == UInt8(ascii: "\\") {
                        escaped.append(UInt8(ascii: "\\"))
                    }
                    escaped.append(octet)
                }
                append(inQuotes: escaped)
            }
            append("\"")
        case .port: append(decimal: UInt64(parameter.pairs.first ?? 0))
        case .ipv4Hint, .ipv6Hint:
            let size = parameter.key == .ipv4Hint ? 4 : 16
            for start in stride(from: 0, to: parameter.value.count, by: size) {
                if start > 0 { append(",") }
                let address = parameter.value[start..<(start + size)]
                if size == 4 { append(ipv4: address) } else { append(ipv6: address) }
            }
        case .encryptedClientHello: append(base64: parameter.value[...])
        default: append(quoted: parameter.value[...])
        }
    }
}
