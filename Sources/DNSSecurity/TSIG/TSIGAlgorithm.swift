internal import CShims
package import DNSCore

/// A MAC algorithm of TSIG (RFC 8945 6), the truncated forms included.
package enum TSIGAlgorithm: UInt8, CaseIterable, Sendable, Hashable {
    /// Only for keys that name it: MD5 no longer counts as sound (RFC 8945 6).
    case hmacMD5
    case hmacSHA1
    case hmacSHA224
    case hmacSHA256
    case hmacSHA256Truncated128
    case hmacSHA384
    case hmacSHA384Truncated192
    case hmacSHA512
    case hmacSHA512Truncated256

    /// The algorithm's short name as configurations write it, such as `hmac-sha256`.
    package var label: String {
        switch self {
        case .hmacMD5: "hmac-md5"
        case .hmacSHA1: "hmac-sha1"
        case .hmacSHA224: "hmac-sha224"
        case .hmacSHA256: "hmac-sha256"
        case .hmacSHA256Truncated128: "hmac-sha256-128"
        case .hmacSHA384: "hmac-sha384"
        case .hmacSHA384Truncated192: "hmac-sha384-192"
        case .hmacSHA512: "hmac-sha512"
        case .hmacSHA512Truncated256: "hmac-sha512-256"
        }
    }

    /// Reads a configured name in any case, with or without final dot; also MD5's long name.
    package init?(label: String) {
        var text = label.lowercased()
        if text.hasSuffix(".") { text.removeLast() }
        if text == "hmac-md5.sig-alg.reg.int" { text = "hmac-md5" }
        guard let found = TSIGAlgorithm.allCases.first(where: { $0.label == text }) else { return nil }
        self = found
    }

    /// The algorithm's name on the wire, in lower case (RFC 8945 6).
    package var name: Name { TSIGAlgorithm.names[Int(rawValue)] }

    /// The algorithm with this name on the wire, in any case.
    package init?(name: Name) {
        guard let found = TSIGAlgorithm.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }

    /// Octets of the whole digest.
    package var digestLength: Int { torii_digest_length(digest) }

    /// Octets of the MAC that this algorithm sends.
    package var macLength: Int {
        switch self {
        case .hmacSHA256Truncated128: 16
        case .hmacSHA384Truncated192: 24
        case .hmacSHA512Truncated256: 32
        default: digestLength
        }
    }

    /// The digest's number in `CShims`.
    var digest: Int32 {
        switch self {
        case .hmacMD5: Int32(TORII_MD5)
        case .hmacSHA1: Int32(TORII_SHA1)
        case .hmacSHA224: Int32(TORII_SHA224)
        case .hmacSHA256, .hmacSHA256Truncated128: Int32(TORII_SHA256)
        case .hmacSHA384, .hmacSHA384Truncated192: Int32(TORII_SHA384)
        case .hmacSHA512, .hmacSHA512Truncated256: Int32(TORII_SHA512)
        }
    }

    private static let names: [Name] = allCases.map { algorithm in
        let labels =
            algorithm == .hmacMD5 ? ["hmac-md5", "sig-alg", "reg", "int"] : [algorithm.label]
        return Name(trustedWire: labels.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0])
    }
}
