internal import CShims

/// SipHash-2-4.
package enum SipHash {
    /// A checksum of `octets` against accidents, not against attackers: its key is known.
    package static func checksum(_ octets: ArraySlice<UInt8>) -> UInt64 {
        unsafe octets.withUnsafeBytes { unsafe checksum($0) }
    }

    /// A checksum of the octets in `buffer`.
    package static func checksum(_ buffer: UnsafeRawBufferPointer) -> UInt64 {
        let key: InlineArray<16, UInt8> = [
            0x74, 0x6f, 0x72, 0x69, 0x69, 0x2d, 0x6a, 0x6f, 0x75, 0x72, 0x6e, 0x61, 0x6c, 0x2d, 0x76, 0x31,
        ]
        return unsafe withUnsafeBytes(of: key) { raw in
            unsafe torii_siphash24(
                raw.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.baseAddress, buffer.count)
        }
    }
}
