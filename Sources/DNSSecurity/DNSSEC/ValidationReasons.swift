package import DNSCore

/// Why data need not be signed, or its signatures cannot be judged.
package enum InsecureReason: Hashable, Sendable {
    /// A parent proves that the delegation has no DS record.
    case unsignedDelegation
    /// Every usable DS record names an algorithm that is not supported (RFC 4035 5.2).
    case unsupportedAlgorithm
    /// Every DS record has a digest that is not supported (RFC 4509 3).
    case unsupportedDigest
    /// The NSEC3 records use more iterations than ``ValidationLimits/nsec3Iterations`` (RFC 9276 3.2).
    case tooManyNSEC3Iterations
    /// The proof rests on an opt-out span (RFC 5155 6).
    case optOut
    /// A negative trust anchor covers the name (RFC 7646).
    case negativeTrustAnchor

    /// The extended error that goes with the answer, if any (RFC 8914 4).
    package var extendedError: ExtendedError? {
        switch self {
        case .unsupportedAlgorithm: .unsupportedDNSKEYAlgorithm
        case .unsupportedDigest: .unsupportedDSDigest
        case .tooManyNSEC3Iterations: .unsupportedNSEC3Iterations
        case .unsignedDelegation, .optOut, .negativeTrustAnchor: nil
        }
    }
}

/// Why a chain does not hold.
///
/// The last sentence of each is the extended error (RFC 8914 4) the client sees.
package enum BogusReason: Hashable, Sendable {
    /// The set has no signature at all. RRSIGs Missing.
    case signatureMissing
    /// Every signature has expired. Signature Expired.
    case signatureExpired
    /// Every signature begins in the future. Signature Not Yet Valid.
    case signatureNotYetValid
    /// A signature ends before it begins. Signature Expired before Valid.
    case signatureExpiredBeforeValid
    /// No key of the zone made any of the signatures. DNSKEY Missing.
    case keyMissing
    /// No key of the zone matches a DS record or trust anchor. DNSKEY Missing.
    case noKeyForDelegation
    /// The key that matches lacks the ZONE bit. No Zone Key Bit Set.
    case noZoneKeyBit
    /// The matching key is revoked. DNSSEC Bogus.
    case keyRevoked
    /// Cryptography says no. DNSSEC Bogus.
    case signatureInvalid
    /// All signatures of the set use algorithms that are not supported, though the zone has supported ones. DNSSEC Bogus.
    case signatureAlgorithmUnsupported
    /// The signature's label count, signer or type does not fit the set (RFC 4035 5.3.1). DNSSEC Bogus.
    case signatureMisfit
    /// Record data is malformed. Invalid Data.
    case malformed
    /// No NSEC or NSEC3 record proves the negative answer or wildcard. NSEC Missing.
    case denialMissing
    /// The records prove something else: the name or type exists. DNSSEC Bogus.
    case denialContradicts
    /// A limit of ``ValidationLimits`` was reached. DNSSEC Bogus.
    case limitReached(ValidationLimit)

    /// The extended error (RFC 8914 4).
    package var extendedError: ExtendedError {
        switch self {
        case .signatureMissing: .rrsigsMissing
        case .signatureExpired: .signatureExpired
        case .signatureNotYetValid: .signatureNotYetValid
        case .signatureExpiredBeforeValid: .signatureExpiredBeforeValid
        case .keyMissing, .noKeyForDelegation: .dnskeyMissing
        case .noZoneKeyBit: .noZoneKeyBit
        case .denialMissing: .nsecMissing
        case .malformed: .invalidData
        case .keyRevoked, .signatureInvalid, .signatureAlgorithmUnsupported, .signatureMisfit,
            .denialContradicts,
            .limitReached:
            .dnssecBogus
        }
    }
}

extension BogusReason: CustomStringConvertible {
    /// A few words for the log and for EXTRA-TEXT.
    package var description: String {
        switch self {
        case .signatureMissing: "no signature"
        case .signatureExpired: "signature expired"
        case .signatureNotYetValid: "signature not yet valid"
        case .signatureExpiredBeforeValid: "signature ends before it begins"
        case .keyMissing: "no key for any signature"
        case .noKeyForDelegation: "no key matches the DS records or trust anchor"
        case .noZoneKeyBit: "key is not a zone key"
        case .keyRevoked: "key is revoked"
        case .signatureInvalid: "signature does not verify"
        case .signatureAlgorithmUnsupported: "no signature with a supported algorithm"
        case .signatureMisfit: "signature does not fit the records"
        case .malformed: "malformed DNSSEC record"
        case .denialMissing: "no proof of nonexistence"
        case .denialContradicts: "proof of nonexistence contradicts the answer"
        case .limitReached(let limit): "validation limit reached: \(limit.rawValue)"
        }
    }
}
