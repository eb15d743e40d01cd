internal import CShims

/// A parsed public key of a DNSSEC algorithm.
///
/// Owns the library's key object and frees it with its own life.
///
/// Supported: RSA/SHA-1, RSA/SHA-1-NSEC3, RSA/SHA-256, RSA/SHA-512 (RFC 3110, 5702), ECDSA P-256 and P-384 (RFC 6605),
/// Ed25519 and Ed448 (RFC 8080). RSA keys of 512 to 4,096 bits with an exponent of at most 64 bits.
@safe package final class PublicKey: Sendable {
    /// The key object is never changed after it is made; the library allows verifying with it from many threads.
    nonisolated(unsafe) private let handle: OpaquePointer
    package let algorithm: UInt8

    /// Parses the public key field of a DNSKEY record; nil when it cannot be used.
    package init?(algorithm: UInt8, key: ArraySlice<UInt8>) {
        let parsed = unsafe key.withUnsafeBufferPointer {
            unsafe torii_key_parse(Int32(algorithm), $0.baseAddress, $0.count)
        }
        guard let parsed = unsafe parsed else { return nil }
        unsafe handle = parsed
        self.algorithm = algorithm
    }

    deinit { unsafe torii_key_free(handle) }

    /// Whether `signature` over `data` was made with the private half of this key.
    package func verifies(_ signature: ArraySlice<UInt8>, over data: [UInt8]) -> Bool {
        unsafe signature.withUnsafeBufferPointer { signature in
            unsafe data.withUnsafeBufferPointer { data in
                unsafe torii_key_verify(
                    handle, signature.baseAddress, signature.count, data.baseAddress, data.count)
            }
        }
    }

    /// Whether keys of `algorithm` can be used at all (RFC 8624 3.1).
    package static func isSupported(_ algorithm: UInt8) -> Bool {
        switch algorithm {
        case 5, 7, 8, 10, 13, 14, 15, 16: true
        default: false
        }
    }
}
