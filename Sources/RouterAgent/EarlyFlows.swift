internal import DNSCore

/// Flows that began before there was a permission for their asker: they would keep their ports untranslated, so that
/// they are deleted when the permission comes.
///
/// The kernel reports them, a bounded number a second; the newest are remembered for as long as the kernel may keep them.
struct EarlyFlows {
    /// Flows remembered; the oldest give way.
    static let limit = 4096
    /// How long the kernel keeps an unanswered flow at most.
    static let lifetime = Duration.seconds(180)

    /// The first packet of a flow.
    struct Flow: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var transport: UInt8
        var sourcePort: UInt16
        var destinationPort: UInt16
    }

    private var ring: [(flow: Flow, seen: Duration)?] = []
    private var next = 0
    private var places: [IPAddress: [Int]] = [:]

    /// Remembers a flow.
    mutating func note(_ flow: Flow, now: Duration) {
        if ring.count < Self.limit {
            ring.append((flow, now))
            places[flow.source, default: []].append(ring.count - 1)
            return
        }
        if let old = ring[next] {
            places[old.flow.source]?.removeAll { $0 == next }
            if places[old.flow.source]?.isEmpty == true { places[old.flow.source] = nil }
        }
        ring[next] = (flow, now)
        places[flow.source, default: []].append(next)
        next = (next + 1) % Self.limit
    }

    /// Takes out the flows of an asker, or of a prefix of askers, that the kernel may still have.
    mutating func take(_ askers: IPPrefix, now: Duration) -> [Flow] {
        guard askers.length < askers.address.bitWidth else { return take(askers.address, now: now) }
        return places.keys.filter { askers.contains($0) }.flatMap { take($0, now: now) }
    }

    private mutating func take(_ asker: IPAddress, now: Duration) -> [Flow] {
        guard let found = places.removeValue(forKey: asker) else { return [] }
        return found.compactMap { place in
            defer { ring[place] = nil }
            guard let entry = ring[place], entry.seen + Self.lifetime > now else { return nil }
            return entry.flow
        }
    }
}
