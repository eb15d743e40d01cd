internal import CShims
package import DNSCore

/// What the SIG(0) record of a request amounts to (RFC 2931 3).
package enum TransactionSignatureVerdict: Sendable, Equatable {
    /// There is none.
    case unsigned
    /// The holder of this name's private key sent the message now.
    case verified(Name)
    /// FORMERR: the record does not have its form.
    case malformed
    /// REFUSED: no KEY record of the signer with the algorithm and tag.
    case unknownKey(Name, tag: UInt16)
    /// REFUSED: wrong signature, or an algorithm that cannot be checked.
    case badSignature(Name)
    /// REFUSED: not valid yet, or no longer.
    case outsideValidity(Name)
}

/// Requests signed with a private key whose public half stands in a KEY record (SIG(0), RFC 2931).
///
/// Costs a public-key operation, so it belongs to updates only, after the cheap refusals.
package enum TransactionSignature {
    /// Keys of one signer that are tried: more with the same tag are somebody's attempt to make us work.
    package static let keyLimit = 2

    /// Who claims to have signed; nil when there is no SIG(0) or it does not have its form.
    ///
    /// For finding the KEY records.
    package static func signer(_ bytes: borrowing RawSpan, layout: MessageLayout) -> Name? {
        layout.sig0Start.flatMap { fields(bytes, at: $0)?.signer }
    }

    /// Checks the signature of a request.
    ///
    /// - Parameter keys: the data of the signer's KEY records.
    /// - Parameter now: seconds since 1970.
    package static func verify(
        _ bytes: borrowing RawSpan, layout: MessageLayout, keys: [RecordData], now: UInt64
    ) -> TransactionSignatureVerdict {
        guard let start = layout.sig0Start else { return .unsigned }
        guard let signature = fields(bytes, at: start) else { return .malformed }
        // RFC 2931 3.1: serial arithmetic on the low 32 bits of the time.
        let time = UInt32(truncatingIfNeeded: now)
        guard Int32(bitPattern: time &- signature.inception) >= 0,
            Int32(bitPattern: signature.expiration &- time) >= 0
        else { return .outsideValidity(signature.signer) }
        let candidates = keys.filter { isKey($0.octets, for: signature) }
        guard !candidates.isEmpty else { return .unknownKey(signature.signer, tag: signature.keyTag) }
        // RFC 2931 3.1: the SIG's data without the signature, then the message as it was without the SIG.
        var signed = bytes.copy(signature.data.lowerBound..<signature.octets.lowerBound) ?? []
        var header = bytes.copy(0..<start) ?? []
        let additionals = layout.additionalCount &- 1
        header[10] = UInt8(additionals >> 8)
        header[11] = UInt8(additionals & 0xff)
        signed += header
        let octets = bytes.copy(signature.octets) ?? []
        for key in candidates.prefix(keyLimit) {
            let publicKey = PublicKey(algorithm: signature.algorithm, key: key.octets[4...])
            if let publicKey, publicKey.verifies(octets[...], over: signed) {
                return .verified(signature.signer.lowercased)
            }
        }
        return .badSignature(signature.signer)
    }

    private struct Fields {
        var data: Range<Int>
        var algorithm: UInt8
        var expiration: UInt32
        var inception: UInt32
        var keyTag: UInt16
        var signer: Name
        var octets: Range<Int>
    }

    /// The record's fields (RFC 2535 4.1, RFC 2931 3).
    private static func fields(_ bytes: borrowing RawSpan, at start: Int) -> Fields? {
        guard let fixed = try? MessageView.skipName(bytes, at: start),
            let length = bytes.uint16(at: fixed + 8),
            let data = Optional((fixed + 10)..<(fixed + 10 + Int(length))),
            data.upperBound <= bytes.byteCount,
            data.count > 18, let covered = bytes.uint16(at: data.lowerBound), covered == 0,
            let algorithm = bytes.octet(at: data.lowerBound + 2),
            let expiration = bytes.uint32(at: data.lowerBound + 8),
            let inception = bytes.uint32(at: data.lowerBound + 12),
            let tag = bytes.uint16(at: data.lowerBound + 16)
        else { return nil }
        // The signer's name is not compressed (RFC 2931 3), so what is signed is what stands here.
        var position = data.lowerBound + 18
        while let label = bytes.octet(at: position), label > 0, label < 64, position < data.upperBound {
            position += 1 + Int(label)
        }
        guard bytes.octet(at: position) == 0, position < data.upperBound - 1,
            let wire = bytes.copy((data.lowerBound + 18)..<(position + 1)), let signer = try? Name(wire: wire)
        else { return nil }
        return Fields(
            data: data, algorithm: algorithm, expiration: expiration, inception: inception, keyTag: tag,
            signer: signer,
            octets: (position + 1)..<data.upperBound)
    }

    /// Whether KEY data may authenticate with this signature (RFC 2535 3.1.2, RFC 4034 appendix B).
    private static func isKey(_ key: [UInt8], for signature: Fields) -> Bool {
        guard key.count > 4, key[3] == signature.algorithm, key[2] == 3 || key[2] == 255 else { return false }
        // The top bit prohibits authentication.
        guard key[0] & 0x80 == 0 else { return false }
        var sum: UInt32 = 0
        for (index, octet) in key.enumerated() { sum &+= index & 1 == 0 ? UInt32(octet) << 8 : UInt32(octet) }
        sum &+= sum >> 16 & 0xffff
        return UInt16(sum & 0xffff) == signature.keyTag
    }
}

extension TransactionSignatureVerdict: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unsigned: "none"
        case .verified(let name): "good, of \(name)"
        case .malformed: "malformed"
        case .unknownKey(let name, let tag): "\(name) has no KEY record with the tag \(tag)"
        case .badSignature(let name): "wrong, or of an algorithm that cannot be checked, of \(name)"
        case .outsideValidity(let name): "not valid now, of \(name)"
        }
    }
}
