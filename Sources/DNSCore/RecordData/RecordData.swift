/// A record's data as uncompressed wire octets, and what can be asked of it through ``RDataRegistry``.
package struct RecordData: Hashable, Sendable {
    /// Uncompressed wire octets, at most 65,535.
    package let octets: [UInt8]

    /// Adopts octets whose form is known to be right, or that a caller will ``validate(as:)``.
    package init(_ octets: [UInt8]) {
        self.octets = octets
    }

    /// Walks the fields of `type`; calls `body` with each field and its octets.
    ///
    /// - Returns: false when the octets do not have the type's form. Always true for opaque types.
    @discardableResult
    package func walk(as type: RRType, _ body: (RDataField, Range<Int>) -> Void) -> Bool {
        guard let fields = RDataRegistry.fields(of: type) else { return true }
        var position = 0
        for field in fields {
            guard let end = end(of: field, from: position) else { return false }
            body(field, position..<end)
            position = end
        }
        return position == octets.count
    }

    /// Whether the octets have the form that `type` demands.
    ///
    /// Opaque types always have.
    package func isWellFormed(as type: RRType) -> Bool {
        walk(as: type) { _, _ in } && isDeeplyWellFormed(as: type)
    }

    /// The canonical form: embedded names in lower case where RFC 4034 6.2 (as amended by RFC 6840 5.1) says so.
    package func canonical(as type: RRType) -> RecordData {
        guard let fields = RDataRegistry.fields(of: type),
            fields.contains(where: { $0 == .name || $0 == .compressibleName })
        else { return self }
        var result = octets
        walk(as: type) { field, range in
            guard field == .name || field == .compressibleName else { return }
            for index in range { result[index] = result[index].lowercasedASCII }
        }
        return RecordData(result)
    }

    /// The names in the data, in order.
    package func names(as type: RRType) -> [Name] {
        var result: [Name] = []
        walk(as: type) { field, range in
            switch field {
            case .name, .exactName, .compressibleName: result.append(Name(trustedWire: Array(octets[range])))
            default: break
            }
        }
        return result
    }

    /// Where `field`, starting at `start`, ends; nil when it does not fit.
    private func end(of field: RDataField, from start: Int) -> Int? {
        let count = octets.count
        switch field {
        case .compressibleName, .name, .exactName:
            return nameEnd(from: start)
        case .octets(let length):
            return start + length <= count ? start + length : nil
        case .characterString:
            guard start < count else { return nil }
            let end = start + 1 + Int(octets[start])
            return end <= count ? end : nil
        case .rest(let minimum):
            return count - start >= minimum ? count : nil
        case .characterStrings:
            var position = start
            guard position < count else { return nil }
            while position < count {
                position += 1 + Int(octets[position])
            }
            return position == count ? count : nil
        case .typeBitmap:
            return isTypeBitmap(from: start) ? count : nil
        case .addressPrefixes:
            return areAddressPrefixes(from: start) ? count : nil
        case .serviceParameters:
            return areServiceParameters(from: start) ? count : nil
        }
    }

    private func nameEnd(from start: Int) -> Int? {
        var position = start
        while position < octets.count {
            let length = Int(octets[position])
            guard length < 64 else { return nil }
            position += 1 + length
            guard position - start <= 255 else { return nil }
            if length == 0 { return position }
        }
        return nil
    }

    /// RFC 4034 4.1.2: windows in ascending order, each with 1 to 32 octets, the last of them not zero.
    private func isTypeBitmap(from start: Int) -> Bool {
        var position = start
        var lastWindow = -1
        while position < octets.count {
            guard position + 2 <= octets.count else { return false }
            let window = Int(octets[position])
            let length = Int(octets[position + 1])
            guard window > lastWindow, (1...32).contains(length), position + 2 + length <= octets.count else {
                return false
            }
            lastWindow = window
            position += 2 + length
        }
        return true
    }

    /// RFC 3123 4: family, prefix length, negation bit and length of the address part, no trailing zero octet.
    private func areAddressPrefixes(from start: Int) -> Bool {
        var position = start
        while position < octets.count {
            guard position + 4 <= octets.count else { return false }
            let family = Int(octets[position]) << 8 | Int(octets[position + 1])
            let prefix = Int(octets[position + 2])
            let length = Int(octets[position + 3] & 0x7f)
            guard position + 4 + length <= octets.count else { return false }
            if length > 0, octets[position + 3 + length] == 0 { return false }
            if family == 1, prefix > 32 || length > 4 { return false }
            if family == 2, prefix > 128 || length > 16 { return false }
            position += 4 + length
        }
        return true
    }

    /// RFC 9460 2.2: keys in strictly ascending order, each value as long as it says.
    private func areServiceParameters(from start: Int) -> Bool {
        var position = start
        var lastKey = -1
        while position < octets.count {
            guard position + 4 <= octets.count else { return false }
            let key = Int(octets[position]) << 8 | Int(octets[position + 1])
            let length = Int(octets[position + 2]) << 8 | Int(octets[position + 3])
            guard key > lastKey, position + 4 + length <= octets.count else { return false }
            lastKey = key
            position += 4 + length
        }
        return true
    }
}
