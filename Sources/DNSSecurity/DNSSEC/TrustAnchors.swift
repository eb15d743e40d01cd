package import DNSCore

/// The trust anchors of a resolver, and the names below which nothing is validated (RFC 4035 4.4, RFC 7646).
package struct TrustAnchors: Sendable {
    private var points: [Name: TrustPoint] = [:]
    /// The negative trust anchors (RFC 7646).
    package private(set) var negative: Set<Name> = []

    /// No anchors: nothing is validated.
    package init() {}

    /// Anchors from DS and DNSKEY records; records of other types and malformed ones are ignored.
    package init(_ records: [ResourceRecord], negative: [Name] = []) {
        for record in records { add(record) }
        self.negative = Set(negative)
    }

    /// Whether there is no anchor at all.
    package var isEmpty: Bool { points.isEmpty }
    /// The anchors, in canonical order of their zones.
    package var all: [TrustPoint] { points.values.sorted { $0.zone < $1.zone } }

    /// Adds a DS or DNSKEY record; false for anything else.
    @discardableResult
    package mutating func add(_ record: ResourceRecord) -> Bool {
        var point = points[record.owner] ?? TrustPoint(zone: record.owner)
        if record.type == .ds, let signer = DS(record.data) {
            if !point.delegationSigners.contains(signer) { point.delegationSigners.append(signer) }
        } else if record.type == .dnskey, let key = DNSKEY(record.data), key.isZoneKey {
            if !point.keys.contains(key) { point.keys.append(key) }
        } else {
            return false
        }
        points[record.owner] = point
        return true
    }

    /// Replaces the anchor of one zone; one without records removes it.
    package mutating func set(_ point: TrustPoint) {
        points[point.zone] = point.delegationSigners.isEmpty && point.keys.isEmpty ? nil : point
    }

    /// The anchor of exactly `zone`.
    package func anchor(of zone: Name) -> TrustPoint? { points[zone] }

    /// The closest anchor at or above `name`, unless a negative trust anchor lies at or above `name` and at or below it.
    package func closest(to name: Name) -> TrustPoint? {
        var candidate: Name? = name
        while let current = candidate {
            if negative.contains(current) { return nil }
            if let point = points[current] { return point }
            candidate = current.parent
        }
        return nil
    }

    /// Whether a negative trust anchor at or above `name` is closer than every anchor.
    package func isNegated(_ name: Name) -> Bool {
        var candidate: Name? = name
        while let current = candidate {
            if negative.contains(current) { return true }
            if points[current] != nil { return false }
            candidate = current.parent
        }
        return false
    }
}
