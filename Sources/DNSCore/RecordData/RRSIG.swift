/// The data of an RRSIG record, field by field (RFC 4034 3.1).
package struct RRSIG: Hashable, Sendable {
    package let typeCovered: RRType
    package let algorithm: UInt8
    /// Labels of the owner without the root and a leading `*`.
    package let labels: UInt8
    package let originalTTL: UInt32
    /// Seconds since 1970 modulo 2^32.
    package let expiration: UInt32
    package let inception: UInt32
    package let keyTag: UInt16
    /// The zone that signed, in the case it came with.
    package let signer: Name
    package let signature: ArraySlice<UInt8>
    private let octets: [UInt8]

    /// Reads the data of an RRSIG or SIG record; nil when it is malformed.
    package init?(_ data: RecordData) {
        octets = data.octets
        let reader = RDataReader(octets)
        guard let covered = reader.uint16(0), let original = reader.uint32(4), let until = reader.uint32(8),
            let from = reader.uint32(12), let tag = reader.uint16(16), let end = reader.nameEnd(18),
            end < octets.count
        else { return nil }
        typeCovered = RRType(rawValue: covered)
        algorithm = octets[2]
        labels = octets[3]
        originalTTL = original
        expiration = until
        inception = from
        keyTag = tag
        signer = Name(trustedWire: Array(octets[18..<end]))
        signature = octets[end...]
    }

    /// The data up to the signature with the signer in lower case, as it is signed (RFC 4034 3.1.8.1, 6.2).
    package var signedPrefix: [UInt8] {
        var result = Array(octets[..<signature.startIndex])
        for index in 18..<result.count { result[index] = result[index].lowercasedASCII }
        return result
    }
}

/// Reads integers and names out of record data; nil past the end.
struct RDataReader {
    let octets: [UInt8]

    init(_ octets: [UInt8]) { self.octets = octets }

    func uint16(_ offset: Int) -> UInt16? {
        guard offset >= 0, offset + 2 <= octets.count else { return nil }
        return UInt16(octets[offset]) << 8 | UInt16(octets[offset + 1])
    }

    func uint32(_ offset: Int) -> UInt32? {
        guard let high = uint16(offset), let low = uint16(offset + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    /// The offset behind the uncompressed name at `start`.
    func nameEnd(_ start: Int) -> Int? {
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

    /// The offset behind the octets whose count stands at `start`.
    func stringEnd(_ start: Int) -> Int? {
        guard start < octets.count, start + 1 + Int(octets[start]) <= octets.count else { return nil }
        return start + 1 + Int(octets[start])
    }
}
