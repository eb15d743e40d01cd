internal import DNSCore
internal import DNSSecurity

/// What is known about a name as a zone.
enum ZoneState {
    /// A zone whose keys are validated.
    case secure(ZoneKeys)
    /// From here down nothing needs to be signed.
    case insecure(InsecureReason)
    /// The chain of trust is broken here.
    case bogus(BogusReason)
    /// Proved not to be a zone cut: the name belongs to the zone above.
    case notCut
}

/// The security of a name, as far as chains of keys have been followed.
enum ChainResult {
    /// The keys of the zone that encloses the name.
    case secure(ZoneKeys)
    case insecure(InsecureReason)
    /// Broken at this zone.
    case bogus(BogusReason, at: Name)
    /// No trust anchor above the name.
    case unanchored
    /// Keys or DS records could not be had.
    case failed(Failure)
}

/// Zone states that one worker remembers, with their ends.
struct ZoneStates {
    private var states: [UInt64: (name: Name, state: ZoneState, expiresAt: UInt32)] = [:]
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    func state(_ name: Name, at seconds: UInt32) -> ZoneState? {
        guard let entry = states[NameHash.hash(name)], entry.expiresAt > seconds, entry.name == name else {
            return nil
        }
        return entry.state
    }

    mutating func set(
        _ name: Name, _ state: ZoneState, ttl: UInt32, at seconds: UInt32, metrics: inout ResolverMetrics
    ) {
        if states.count >= limit {
            metrics.limitRememberedZones += 1
            states.removeAll(keepingCapacity: true)
        }
        states[NameHash.hash(name)] = (name, state, seconds &+ max(1, min(ttl, 86400)))
    }

    mutating func removeAll() {
        states.removeAll(keepingCapacity: true)
    }

    mutating func remove(_ name: Name) {
        states[NameHash.hash(name)] = nil
    }
}
