import DNSCore
import Testing

@testable import DNSSecurity

@Suite(.enabled(if: SignedZone.isAvailable)) struct TrackedAnchorsTests {
    private static let now = UInt64(SignedZone.now)
    private static let day: UInt64 = 86_400

    /// The DNSKEY set of a signed zone, with other keys beside its own, signed anew by nobody: only for `present`.
    private func look(
        _ anchors: inout TrackedAnchors, _ set: SignedRRset, at now: UInt64
    ) -> TrackedAnchors.Observation {
        var budget = ValidationBudget()
        return anchors.observe(set, validator: Validator(), now: now, budget: &budget)
    }

    @Test("A DS anchor becomes the key it names; the key's disappearance is noted, and its return")
    func seeding() throws {
        let zone = try SignedZone()
        let set = try #require(zone[zone.origin, .dnskey])
        var anchors = TrackedAnchors(try zone.trust(), now: Self.now)
        let first = look(&anchors, set, at: Self.now)
        #expect(first.failure == nil)
        #expect(anchors.entries.map(\.state) == [.valid])
        #expect(anchors.seeds.isEmpty)
        #expect(first.nextQuery == 3600)
        let other = try SignedZone()
        let foreign = try #require(other[zone.origin, .dnskey])
        #expect(look(&anchors, foreign, at: Self.now + Self.day).failure == .noKeyForDelegation)
        #expect(anchors.entries.map(\.state) == [.valid])
    }

    @Test("A new key is trusted only after thirty days in valid sets")
    func holdDown() throws {
        // Two entry keys: the second one is new to us.
        let zone = try SignedZone(extraKeys: 1)
        let set = try #require(zone[zone.origin, .dnskey])
        let keys = set.set.data.compactMap { DNSKEY($0) }.filter(\.isSecureEntryPoint)
        #expect(keys.count == 2)
        var anchors = TrackedAnchors(TrustPoint(zone: zone.origin, keys: [keys[0]]), now: Self.now)
        #expect(look(&anchors, set, at: Self.now).events == [.seen(keyTag: keys[1].keyTag)])
        #expect(anchors.trustPoint.keys == [keys[0]])
        let restored = try TrackedAnchors(
            decoding: anchors.encoded(), file: "root.key", zone: zone.origin, now: Self.now)
        #expect(restored == anchors)
        _ = look(&anchors, set, at: Self.now + 10 * Self.day)
        #expect(anchors.trustPoint.keys == [keys[0]])
        // The zone's signatures end after a month: the clock is moved by moving the start.
        let text = anchors.encoded().replacing("lastchange=\(Self.now)", with: "lastchange=1")
        let moved = try TrackedAnchors(decoding: text, file: "root.key", zone: zone.origin, now: Self.now)
        var waited = try #require(moved)
        #expect(look(&waited, set, at: Self.now).events == [.trusted(keyTag: keys[1].keyTag)])
        #expect(Set(waited.trustPoint.keys) == Set(keys))
    }

    @Test("A pending key that disappears starts anew")
    func disappearance() throws {
        let zone = try SignedZone(extraKeys: 1)
        let set = try #require(zone[zone.origin, .dnskey])
        let key = try #require(set.set.data.compactMap { DNSKEY($0) }.first { $0.isSecureEntryPoint })
        let stranger = try #require(
            DNSKEY(RecordData([1, 1, 3, 13] + [UInt8](repeating: 5, count: 64))))
        var anchors = TrackedAnchors(
            TrustPoint(zone: zone.origin, keys: [key]), now: Self.now,
            entries: [
                .init(key: key, state: .valid, since: Self.now),
                .init(key: stranger, state: .addPending, since: 1),
            ])
        #expect(look(&anchors, set, at: Self.now).events.contains(.forgotten(keyTag: stranger.keyTag)))
        #expect(!anchors.entries.contains { $0.key == stranger })
    }

    @Test("A revoked key that signs its own revocation is trusted no more")
    func revocation() throws {
        let zone = try SignedZone(extraKeys: 1, revoked: true)
        let set = try #require(zone[zone.origin, .dnskey])
        let records = set.set.data.compactMap { DNSKEY($0) }.filter(\.isSecureEntryPoint)
        let revoked = try #require(records.first { $0.isRevoked })
        let other = try #require(records.first { !$0.isRevoked })
        // As it was before: without the REVOKE bit.
        var octets = revoked.data.octets
        octets[1] &= 0x7f
        let before = try #require(DNSKEY(RecordData(octets)))
        var anchors = TrackedAnchors(TrustPoint(zone: zone.origin, keys: [before, other]), now: Self.now)
        #expect(look(&anchors, set, at: Self.now).events == [.revoked(keyTag: before.keyTag)])
        #expect(anchors.trustPoint.keys == [other])
        // An unsigned REVOKE bit changes nothing.
        var unsigned = set
        unsigned.signatures = set.signatures.filter { RRSIG($0)?.keyTag != revoked.keyTag }
        var again = TrackedAnchors(TrustPoint(zone: zone.origin, keys: [before, other]), now: Self.now)
        #expect(look(&again, unsigned, at: Self.now).events == [.missing(keyTag: before.keyTag)])
    }
}
