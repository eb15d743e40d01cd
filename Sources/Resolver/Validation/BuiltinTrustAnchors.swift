package import DNSCore

/// The root zone's trust anchors, as IANA publishes them in `root-anchors.xml`.
package enum BuiltinTrustAnchors {
    /// DS records of KSK-2017 (key tag 20326) and KSK-2024 (key tag 38696).
    package static let records: [ResourceRecord] = [
        record(20326, 8, 2, "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"),
        record(38696, 8, 2, "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"),
    ]

    private static func record(
        _ tag: UInt16, _ algorithm: UInt8, _ digestType: UInt8, _ digest: String
    ) -> ResourceRecord {
        var octets: [UInt8] = [UInt8(tag >> 8), UInt8(tag & 0xff), algorithm, digestType]
        var high: UInt8?
        for character in digest {
            guard let value = character.hexDigitValue else { continue }
            if let first = high {
                octets.append(first << 4 | UInt8(value))
                high = nil
            } else {
                high = UInt8(value)
            }
        }
        return ResourceRecord(owner: .root, type: .ds, ttl: 172_800, data: RecordData(octets))
    }
}
