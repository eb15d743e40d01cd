internal import DNSCore

/// The octets that a signature covers (RFC 4034 3.1.8.1, 6).
enum CanonicalForm {
    /// The signature's own fields, then every record of the set: owner in lower case (or the wildcard it came from),
    /// original TTL, data in canonical form, in canonical order, each once.
    ///
    /// - Returns: nil when the label count does not fit the owner.
    static func signedData(_ set: RRset, signature: RRSIG) -> [UInt8]? {
        let owner = set.owner.lowercased
        let ownerLabels = owner.labelCount
        let labels = Int(signature.labels)
        let expanded: [UInt8]
        if labels == ownerLabels || owner.isWildcard && labels == ownerLabels - 1 {
            expanded = owner.wire
        } else {
            guard labels < ownerLabels else { return nil }
            expanded = [1, UInt8(ascii: "*")] + owner.suffix(labels: labels).wire
        }
        var head = expanded
        append(set.type.rawValue, to: &head)
        append(set.recordClass.rawValue, to: &head)
        append(UInt16(truncatingIfNeeded: signature.originalTTL >> 16), to: &head)
        append(UInt16(truncatingIfNeeded: signature.originalTTL), to: &head)

        var result = signature.signedPrefix
        let data = order(set.data.map { $0.canonical(as: set.type).octets })
        result.reserveCapacity(result.count + data.reduce(0) { $0 + head.count + 2 + $1.count })
        for octets in data {
            result.append(contentsOf: head)
            append(UInt16(truncatingIfNeeded: octets.count), to: &result)
            result.append(contentsOf: octets)
        }
        return result
    }

    /// RFC 4034 6.3: as left-justified octet sequences, duplicates removed.
    static func order(_ data: [[UInt8]]) -> [[UInt8]] {
        guard data.count > 1 else { return data }
        var result: [[UInt8]] = []
        for octets in data.sorted(by: { $0.lexicographicallyPrecedes($1) }) where octets != result.last {
            result.append(octets)
        }
        return result
    }

    private static func append(_ value: UInt16, to octets: inout [UInt8]) {
        octets.append(UInt8(truncatingIfNeeded: value >> 8))
        octets.append(UInt8(truncatingIfNeeded: value))
    }
}
