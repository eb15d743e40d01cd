package import DNSCore
package import Operations

/// One element of `keys`: a secret shared with others (RFC 8945).
package struct KeySection: ConfigurationRecord {
    /// The key's name, as it stands in TSIG records.
    package let name: Name
    /// The algorithm that the key is used with; no other is accepted with it.
    package let algorithm: KeyAlgorithmOption
    /// The secret in base 64.
    ///
    /// Never printed.
    package let secret: Secret
    /// A file that holds the secret in base 64, instead of `secret`.
    package let secretFile: String?

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .name, placeholder: .root)
        algorithm = section.value("algorithm", .choice, default: .hmacSHA256)
        (secret, secretFile) = section.secret()
        if section.has("name") {
            section.define(name.lowercased.description, in: "keys", on: "name")
        }
    }
}

/// The algorithms of TSIG (RFC 8945 6).
///
/// MD5 and SHA-1 work only because a key says so.
package enum KeyAlgorithmOption: String, ConfigurationChoice {
    case hmacMD5 = "hmac-md5"
    case hmacSHA1 = "hmac-sha1"
    case hmacSHA224 = "hmac-sha224"
    case hmacSHA256 = "hmac-sha256"
    case hmacSHA384 = "hmac-sha384"
    case hmacSHA512 = "hmac-sha512"

    /// The name in TSIG records: `hmac-md5.sig-alg.reg.int.` for MD5, else the algorithm's own.
    package var name: Name {
        let label: [UInt8] = Array(rawValue.utf8)
        let rest: [[UInt8]] = self == .hmacMD5 ? ["sig-alg", "reg", "int"].map { Array($0.utf8) } : []
        var wire: [UInt8] = []
        for part in [label] + rest { wire += [UInt8(part.count)] + part }
        return Name(trustedWire: wire + [0])
    }
}

extension ConfigurationSection {
    /// The name of a key that `keys` defines, under the option `option`.
    package func keyReference(_ option: String = "key") -> Name? {
        guard let name = optional(option, .name) else { return nil }
        refer(to: name.lowercased.description, in: "keys", on: option)
        return name
    }
}
