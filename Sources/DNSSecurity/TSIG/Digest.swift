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

/// A digest of octets that come piece by piece: SHA-384 or SHA-512.
package struct StreamDigest {
    /// The hash algorithms of zone digests, by their number there (RFC 8976 5.3).
    package enum Algorithm: UInt8, Sendable {
        case sha384 = 1
        case sha512 = 2
    }

    private var state = torii_digest_state()
    private let number: Int32

    package init(_ algorithm: Algorithm) {
        number = Int32(algorithm == .sha384 ? TORII_SHA384 : TORII_SHA512)
        unsafe torii_digest_begin(&state, number)
    }

    /// Takes the next octets.
    package mutating func update(_ octets: [UInt8]) {
        unsafe octets.withUnsafeBytes { unsafe torii_digest_update(&state, number, $0.baseAddress, $0.count) }
    }

    /// The digest of all of them.
    package consuming func finish() -> [UInt8] {
        var output = [UInt8](repeating: 0, count: torii_digest_length(number))
        unsafe output.withUnsafeMutableBufferPointer {
            unsafe torii_digest_finish(&state, number, $0.baseAddress)
        }
        return output
    }
}
