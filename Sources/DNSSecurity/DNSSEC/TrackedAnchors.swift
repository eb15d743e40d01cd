package import DNSCore

/// The trust anchor of one zone as it follows the zone's own key rollovers (RFC 5011).
///
/// Pure: the caller asks for the DNSKEY set, hands it in with the time, stores ``encoded()`` when something changed and
/// asks again after ``Observation/nextQuery`` seconds. A new key is trusted after it has been seen in validly signed sets
/// for thirty days; a revoked one at once no more. The text is that of Unbound's `auto-trust-anchor-file`.
package struct TrackedAnchors: Hashable, Sendable {
    /// Where a key stands (RFC 5011 4.1).
    ///
    /// The numbers are those of the file.
    package enum State: Int, Hashable, Sendable {
        case addPending = 1
        case valid = 2
        case missing = 3
        case revoked = 4
    }

    /// One key that has been seen.
    package struct Entry: Hashable, Sendable {
        /// The key as it was last seen without the REVOKE bit.
        package let key: DNSKEY
        package internal(set) var state: State
        /// When it came to its state, in seconds since 1970.
        package internal(set) var since: UInt64
    }

    /// Something that an operator wants to read in the log.
    package enum Event: Hashable, Sendable {
        case seen(keyTag: UInt16)
        case trusted(keyTag: UInt16)
        case missing(keyTag: UInt16)
        case revoked(keyTag: UInt16)
        case forgotten(keyTag: UInt16)
    }

    /// What became of one look at the zone's keys.
    package struct Observation: Sendable {
        /// Why the set did not validate; nothing has changed then.
        package var failure: BogusReason?
        package var events: [Event] = []
        /// Seconds until the next look (RFC 5011 2.3).
        package var nextQuery: UInt64
    }

    /// Seconds that a new key waits, and a revoked one is remembered (RFC 5011 2.4.1, 2.4.2).
    package static let holdDown: UInt64 = 30 * 86_400
    /// Keys of one zone that are followed; further ones are not looked at.
    package static let keyLimit = 32

    package let zone: Name
    package private(set) var entries: [Entry] = []
    /// DS records that began it all; forgotten once a key they name has been seen.
    package private(set) var seeds: [DS]

    /// Begins with configured anchors: keys are trusted at once, DS records until the keys they name are seen.
    package init(_ point: TrustPoint, now: UInt64) {
        zone = point.zone
        seeds = point.delegationSigners
        entries = point.keys.map { Entry(key: $0, state: .valid, since: now) }
    }

    /// Goes on with what a file held.
    init(_ point: TrustPoint, now: UInt64, entries: [Entry]) {
        self.init(point, now: now)
        self.entries = entries
    }

    /// What is trusted now.
    ///
    /// Without records when every key has been revoked: the zone is then no anchor any more.
    package var trustPoint: TrustPoint {
        let trusted = entries.filter { $0.state == .valid || $0.state == .missing }
        return TrustPoint(zone: zone, delegationSigners: seeds, keys: trusted.map(\.key))
    }

    /// Looks at the zone's DNSKEY set.
    ///
    /// - Parameter now: seconds since 1970.
    package mutating func observe(
        _ signed: SignedRRset, validator: Validator, now: UInt64, budget: inout ValidationBudget
    ) -> Observation {
        let clock = UInt32(truncatingIfNeeded: now)
        switch validator.validateKeys(signed, trust: trustPoint, at: clock, budget: &budget) {
        case .bogus(let reason):
            return Observation(failure: reason, nextQuery: interval(signed, now: clock, isRetry: true))
        case .insecure:
            return Observation(nextQuery: interval(signed, now: clock, isRetry: true))
        case .secure: break
        }
        var events: [Event] = []
        let present = signed.set.data.compactMap { DNSKEY($0) }.filter {
            $0.isZoneKey && $0.isSecureEntryPoint
        }
        .prefix(TrackedAnchors.keyLimit)
        for key in present where !key.isRevoked { notePresence(of: key, now: now, &events) }
        for key in present where key.isRevoked {
            guard let place = index(of: key),
                entries[place].state == .valid || entries[place].state == .missing,
                validator.isSigned(signed, byRevoked: key, at: clock, budget: &budget)
            else { continue }
            move(place, to: .revoked, now, .revoked(keyTag: entries[place].key.keyTag), &events)
        }
        noteAbsences(from: present, now: now, &events)
        if entries.contains(where: { $0.state == .valid }) { seeds = [] }
        return Observation(events: events, nextQuery: interval(signed, now: clock, isRetry: false))
    }

    private mutating func notePresence(of key: DNSKEY, now: UInt64, _ events: inout [Event]) {
        guard let place = index(of: key) else {
            let isNamed = seeds.contains { seed in
                seed.keyTag == key.keyTag && seed.algorithm == key.algorithm
                    && DelegationDigest.digest(of: key, zone: zone, digestType: seed.digestType)?[...]
                        == seed.digest
            }
            guard entries.count < TrackedAnchors.keyLimit else { return }
            entries.append(Entry(key: key, state: isNamed ? .valid : .addPending, since: now))
            events.append(isNamed ? .trusted(keyTag: key.keyTag) : .seen(keyTag: key.keyTag))
            return
        }
        switch entries[place].state {
        case .addPending:
            guard now >= entries[place].since + TrackedAnchors.holdDown else { return }
            move(place, to: .valid, now, .trusted(keyTag: key.keyTag), &events)
        case .missing: move(place, to: .valid, now, .trusted(keyTag: key.keyTag), &events)
        case .valid, .revoked: break
        }
    }

    private mutating func noteAbsences(from present: ArraySlice<DNSKEY>, now: UInt64, _ events: inout [Event])
    {
        for place in entries.indices.reversed() {
            let entry = entries[place]
            let isPresent = present.contains { !$0.isRevoked && TrackedAnchors.isSameKey($0, entry.key) }
            switch entry.state {
            case .addPending where !isPresent:
                entries.remove(at: place)
                events.append(.forgotten(keyTag: entry.key.keyTag))
            case .valid where !isPresent:
                move(place, to: .missing, now, .missing(keyTag: entry.key.keyTag), &events)
            case .revoked where now >= entry.since + TrackedAnchors.holdDown:
                entries.remove(at: place)
                events.append(.forgotten(keyTag: entry.key.keyTag))
            default: break
            }
        }
    }

    private mutating func move(
        _ place: Int, to state: State, _ now: UInt64, _ event: Event, _ events: inout [Event]
    ) {
        entries[place].state = state
        entries[place].since = now
        events.append(event)
    }

    private func index(of key: DNSKEY) -> Int? {
        entries.firstIndex { TrackedAnchors.isSameKey($0.key, key) }
    }

    /// Whether two records hold the same key, revoked or not.
    private static func isSameKey(_ left: DNSKEY, _ right: DNSKEY) -> Bool {
        left.algorithm == right.algorithm && left.publicKey == right.publicKey
    }

    /// RFC 5011 2.3: half of TTL or signature life, between an hour and fifteen days; a tenth, at most a day, for a retry.
    private func interval(_ signed: SignedRRset, now: UInt32, isRetry: Bool) -> UInt64 {
        let signatures = signed.signatures.compactMap { RRSIG($0) }
        let ttl = UInt64(signatures.map(\.originalTTL).min() ?? signed.set.ttl)
        let life = signatures.map { UInt64(max(0, Int32(bitPattern: $0.expiration &- now))) }.min() ?? ttl
        let part: UInt64 = isRetry ? 10 : 2
        let most: UInt64 = isRetry ? 86_400 : 15 * 86_400
        return max(3_600, min(most, ttl / part, life / part))
    }
}

extension Validator {
    /// Whether a revoked key has signed the set that holds it, which is what makes the revocation count (RFC 5011 2.1).
    func isSigned(
        _ signed: SignedRRset, byRevoked record: DNSKEY, at now: UInt32, budget: inout ValidationBudget
    ) -> Bool {
        guard isSupported(record.algorithm), let key = ZoneKey(record) else { return false }
        let keys = ZoneKeys(zone: signed.set.owner, keys: [key], ttlLimit: 0)
        guard case .secure = verify(signed, with: keys, at: now, budget: &budget) else { return false }
        return true
    }
}
