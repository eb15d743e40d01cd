/// The data of a DNSKEY, CDNSKEY or KEY record, field by field (RFC 4034 2.1).
package struct DNSKEY: Hashable, Sendable {
    package let flags: UInt16
    /// 3 in every valid DNSKEY.
    package let protocolNumber: UInt8
    package let algorithm: UInt8
    package let publicKey: ArraySlice<UInt8>
    /// The tag that RRSIG and DS records give the key (RFC 4034 appendix B).
    package let keyTag: UInt16
    /// The whole data.
    package let data: RecordData

    /// Reads the data; nil when it is too short.
    package init?(_ data: RecordData) {
        guard data.octets.count >= 4 else { return nil }
        self.data = data
        flags = UInt16(data.octets[0]) << 8 | UInt16(data.octets[1])
        protocolNumber = data.octets[2]
        algorithm = data.octets[3]
        publicKey = data.octets[4...]
        keyTag = DNSKEY.tag(of: data.octets)
    }

    /// Whether the key may sign a zone: ZONE bit set (RFC 4034 2.1.1) and protocol 3.
    package var isZoneKey: Bool { flags & 0x0100 != 0 && protocolNumber == 3 }
    /// Whether the key is marked as entry point (RFC 4034 2.1.1): a hint only.
    package var isSecureEntryPoint: Bool { flags & 0x0001 != 0 }
    /// Whether the key is revoked (RFC 5011 2.1): it may sign only its own revocation.
    package var isRevoked: Bool { flags & 0x0080 != 0 }

    /// The checksum of RFC 4034 appendix B; for RSA/MD5, the last but two octets (B.1).
    package static func tag(of octets: [UInt8]) -> UInt16 {
        if octets.count >= 4, octets[3] == 1 {
            return octets.count >= 7
                ? UInt16(octets[octets.count - 3]) << 8 | UInt16(octets[octets.count - 2]) : 0
        }
        var sum: UInt32 = 0
        for (index, octet) in octets.enumerated() {
            sum &+= index & 1 == 0 ? UInt32(octet) << 8 : UInt32(octet)
        }
        sum &+= sum >> 16
        return UInt16(truncatingIfNeeded: sum)
    }
}

/// The data of a DS, CDS, DLV or TA record, field by field (RFC 4034 5.1).
package struct DS: Hashable, Sendable {
    package let keyTag: UInt16
    package let algorithm: UInt8
    /// 1 is SHA-1, 2 SHA-256, 4 SHA-384.
    package let digestType: UInt8
    package let digest: ArraySlice<UInt8>

    /// Reads the data; nil when it is too short.
    package init?(_ data: RecordData) {
        guard data.octets.count >= 5 else { return nil }
        keyTag = UInt16(data.octets[0]) << 8 | UInt16(data.octets[1])
        algorithm = data.octets[2]
        digestType = data.octets[3]
        digest = data.octets[4...]
    }
}
