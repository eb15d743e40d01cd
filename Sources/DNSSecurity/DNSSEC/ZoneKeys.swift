package import DNSCore

/// The validated keys of one zone.
package struct ZoneKeys: Sendable {
    package let zone: Name
    /// The zone's usable keys: zone keys of supported algorithms that are not revoked.
    package let keys: [ZoneKey]
    /// The largest TTL allowed for the key set (RFC 4035 5.3.3).
    package let ttlLimit: UInt32

    init(zone: Name, keys: [ZoneKey], ttlLimit: UInt32) {
        self.zone = zone
        self.keys = keys
        self.ttlLimit = ttlLimit
    }
}

/// One key of a zone, ready to verify with.
///
/// The parsed key is shared by all copies.
package struct ZoneKey: Sendable {
    package let record: DNSKEY
    package let publicKey: PublicKey

    /// Parses the key; nil when its algorithm is not supported or its octets are no key.
    ///
    /// - Parameter publicKeys: where the parsed key is shared with others.
    package init?(_ record: DNSKEY, in publicKeys: PublicKeys? = nil) {
        let parsed =
            publicKeys.map { $0.key(algorithm: record.algorithm, key: record.publicKey) }
            ?? PublicKey(algorithm: record.algorithm, key: record.publicKey)
        guard let parsed else { return nil }
        self.record = record
        publicKey = parsed
    }
}

/// What vouches for a zone's keys: DS records from its parent, or trust anchors.
///
/// Never empty when made from records.
package struct TrustPoint: Hashable, Sendable {
    package var zone: Name
    package var delegationSigners: [DS]
    package var keys: [DNSKEY]

    package init(zone: Name, delegationSigners: [DS] = [], keys: [DNSKEY] = []) {
        self.zone = zone
        self.delegationSigners = delegationSigners
        self.keys = keys
    }

    /// The trust point that a validated DS RRset makes; malformed records are left out.
    package init(_ set: SecureRRset) {
        self.init(zone: set.set.owner, delegationSigners: set.set.data.compactMap { DS($0) })
    }
}

/// What became of a zone's DNSKEY set.
package enum KeySetOutcome: Sendable {
    case secure(ZoneKeys)
    /// The zone counts as unsigned: nothing that vouches for it can be used.
    case insecure(InsecureReason)
    case bogus(BogusReason)
}
