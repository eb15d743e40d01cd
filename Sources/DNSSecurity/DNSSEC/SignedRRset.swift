package import DNSCore

/// An RRset with the RRSIG records that came with it; nothing about them has been checked.
package struct SignedRRset: Hashable, Sendable {
    package var set: RRset
    /// Data of the RRSIG records that cover the set.
    package var signatures: [RecordData]

    package init(set: RRset, signatures: [RecordData]) {
        self.set = set
        self.signatures = signatures
    }

    /// The signer that the first well-formed signature names: the zone whose keys are needed.
    package var signer: Name? {
        for data in signatures {
            if let signature = RRSIG(data) { return signature.signer }
        }
        return nil
    }

    /// Gathers the records of a section into sets, each with the RRSIG records of its owner, class and type.
    ///
    /// RRSIG records that cover nothing here are left out.
    package static func grouping(_ records: [ResourceRecord]) -> [SignedRRset] {
        struct Key: Hashable {
            let owner: Name
            let type: RRType
        }
        var signatures: [Key: [RecordData]] = [:]
        for record in records where record.type == .rrsig && record.data.octets.count > 18 {
            let covered = RRType(rawValue: UInt16(record.data.octets[0]) << 8 | UInt16(record.data.octets[1]))
            signatures[Key(owner: record.owner, type: covered), default: []].append(record.data)
        }
        return RRset.grouping(records.filter { $0.type != .rrsig }).map {
            SignedRRset(set: $0, signatures: signatures[Key(owner: $0.owner, type: $0.type)] ?? [])
        }
    }
}

/// An RRset whose signature has been verified with a key of its zone.
///
/// Only validation makes one, or ``init(restoring:)``.
package struct SecureRRset: Hashable, Sendable {
    package let set: RRset
    /// The zone that signed it.
    package let signer: Name
    /// The label count of the signature (RFC 4034 3.1.3).
    package let labels: Int
    /// The largest TTL allowed: the signature's original TTL and the rest of its life (RFC 4035 5.3.3).
    package let ttlLimit: UInt32

    init(set: RRset, signer: Name, labels: Int, ttlLimit: UInt32) {
        self.set = set
        self.signer = signer
        self.labels = labels
        self.ttlLimit = ttlLimit
    }

    /// Makes a set again that validation made before and a cache has kept.
    package init(restoring set: RRset, signer: Name, labels: Int, ttlLimit: UInt32) {
        self.init(set: set, signer: signer, labels: labels, ttlLimit: ttlLimit)
    }

    /// Whether the set was made from a wildcard: then ``DenialProof/wildcardAnswer(for:labels:budget:)`` must hold too
    /// (RFC 4035 5.3.4).
    package var isWildcardExpansion: Bool {
        labels < set.owner.labelCount - (set.owner.isWildcard ? 1 : 0)
    }
}
