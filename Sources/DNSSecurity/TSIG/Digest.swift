internal import CShims

/// SHA-256.
package enum SHA256 {
    /// The 32 octets of the digest of `octets`.
    package static func digest(_ octets: UnsafeRawBufferPointer) -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            _ = unsafe torii_digest(Int32(TORII_SHA256), octets.baseAddress, octets.count, buffer.baseAddress)
            count = 32
        }
    }

    /// The 32 octets of the digest of `octets`.
    package static func digest(_ octets: [UInt8]) -> [UInt8] {
        unsafe octets.withUnsafeBytes { unsafe digest($0) }
    }
}
