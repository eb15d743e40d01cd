internal import CShims
package import DNSCore

/// The digests of DS records (RFC 4034 5.1.4, RFC 4509, RFC 6605 5).
package enum DelegationDigest {
    /// Whether the digest type can be computed: SHA-1, SHA-256 and SHA-384.
    package static func isSupported(_ digestType: UInt8) -> Bool {
        digestType == 1 || digestType == 2 || digestType == 4
    }

    /// The digest of `key` at `zone`; nil for a type that is not supported.
    package static func digest(of key: DNSKEY, zone: Name, digestType: UInt8) -> [UInt8]? {
        let algorithm: Int32
        switch digestType {
        case 1: algorithm = Int32(TORII_SHA1)
        case 2: algorithm = Int32(TORII_SHA256)
        case 4: algorithm = Int32(TORII_SHA384)
        default: return nil
        }
        let input = zone.lowercased.wire + key.data.octets
        return digest(algorithm, of: input)
    }

    /// The DS record that vouches for `key`; nil for a digest type that is not supported.
    package static func signer(for key: DNSKEY, zone: Name, digestType: UInt8 = 2) -> RecordData? {
        guard let digest = digest(of: key, zone: zone, digestType: digestType) else { return nil }
        let tag = [UInt8(key.keyTag >> 8), UInt8(key.keyTag & 0xff)]
        return RecordData(tag + [key.algorithm, digestType] + digest)
    }

    /// A digest by the shims' number for its algorithm; nil when that is unknown.
    static func digest(_ algorithm: Int32, of input: [UInt8]) -> [UInt8]? {
        let length = torii_digest_length(algorithm)
        guard length > 0 else { return nil }
        var output = [UInt8](repeating: 0, count: length)
        let isDone = unsafe input.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBufferPointer { target in
                unsafe torii_digest(algorithm, source.baseAddress, source.count, target.baseAddress)
            }
        }
        return isDone ? output : nil
    }
}
