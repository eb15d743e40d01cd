internal import CShims
internal import Synchronization

/// A parsed public key of a DNSSEC algorithm.
///
/// Owns the library's key object and frees it with its own life.
///
/// Supported: RSA/SHA-1, RSA/SHA-1-NSEC3, RSA/SHA-256, RSA/SHA-512 (RFC 3110, 5702), ECDSA P-256 and P-384 (RFC 6605),
/// Ed25519 and Ed448 (RFC 8080). RSA keys of 512 to 4,096 bits with an exponent of at most 64 bits.
@safe package final class PublicKey: Sendable {
    /// The library allows verifying with a key object from many threads, also while it is prepared.
    nonisolated(unsafe) private let handle: OpaquePointer
    package let algorithm: UInt8
    private let uses = Atomic<UInt32>(0)
    private let tally: PreparedTally?

    /// Parses the public key field of a DNSKEY record; nil when it cannot be used.
    package convenience init?(algorithm: UInt8, key: ArraySlice<UInt8>) {
        self.init(algorithm: algorithm, key: key, tally: nil)
    }

    /// - Parameter tally: counts the key while it is prepared.
    init?(algorithm: UInt8, key: ArraySlice<UInt8>, tally: PreparedTally?) {
        let parsed = unsafe key.withUnsafeBufferPointer {
            unsafe torii_key_parse(Int32(algorithm), $0.baseAddress, $0.count)
        }
        guard let parsed = unsafe parsed else { return nil }
        unsafe handle = parsed
        self.algorithm = algorithm
        self.tally = tally
    }

    deinit {
        if isPrepared { tally?.count.subtract(1, ordering: .relaxed) }
        unsafe torii_key_free(handle)
    }

    /// Whether `signature` over `data` was made with the private half of this key.
    package func verifies(_ signature: ArraySlice<UInt8>, over data: [UInt8]) -> Bool {
        unsafe signature.withUnsafeBufferPointer { signature in
            unsafe data.withUnsafeBufferPointer { data in
                unsafe torii_key_verify(
                    handle, signature.baseAddress, signature.count, data.baseAddress, data.count)
            }
        }
    }

    /// Whether multiples of the key have been computed.
    var isPrepared: Bool { unsafe torii_key_is_prepared(handle) }

    /// Counts one use.
    ///
    /// - Returns: true at every use of a number that `interval` divides, for a key that can be prepared and is not.
    func isDueForPreparation(every interval: UInt32) -> Bool {
        guard algorithm == 13 else { return false }
        let count = uses.add(1, ordering: .relaxed).newValue
        return count.isMultiple(of: interval) && !isPrepared
    }

    /// Computes multiples of a P-256 key, which takes 20 ms and 150 KiB and halves the time of a verification.
    ///
    /// Other threads may verify meanwhile; one at a time may prepare.
    func prepare() {
        guard !isPrepared, unsafe torii_key_prepare(handle) else { return }
        tally?.count.add(1, ordering: .relaxed)
    }

    /// Whether keys of `algorithm` can be used at all (RFC 8624 3.1).
    package static func isSupported(_ algorithm: UInt8) -> Bool {
        switch algorithm {
        case 5, 7, 8, 10, 13, 14, 15, 16: true
        default: false
        }
    }
}
