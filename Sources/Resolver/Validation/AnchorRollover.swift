package import DNSCore
internal import DNSSecurity

/// A change of a followed trust anchor, to be kept on disk.
package struct AnchorChange: Sendable {
    package var zone: Name
    /// What ``Resolver/restoreAnchor(_:file:of:at:)`` takes after a restart.
    package var text: String
    /// What happened, in a few words each, for the log.
    package var events: [String]
}

/// Following the key rollovers of trust anchors (RFC 5011).
extension Resolver {
    /// Goes on with what a file held of a zone's anchor.
    ///
    /// - Returns: false when the text holds nothing of a configured anchor; nothing changes then.
    package func restoreAnchor(_ text: String, file: String, of zone: Name, at now: Moment) -> Bool {
        guard trustAnchors.anchor(of: zone) != nil,
            let tracked = try? TrackedAnchors(decoding: text, file: file, zone: zone, now: wallSeconds(now))
        else { return false }
        trackedAnchors[zone] = tracked
        trustAnchors.set(tracked.trustPoint)
        return true
    }

    /// Whether followed anchors have changed since ``takeAnchorChanges()``.
    package var hasAnchorChanges: Bool { !anchorChanges.isEmpty }

    /// Changes since the last call.
    ///
    /// One worker's are enough.
    package func takeAnchorChanges() -> [AnchorChange] {
        defer { anchorChanges.removeAll() }
        return anchorChanges
    }

    /// Looks at an anchor zone's DNSKEY set that has just been validated.
    func followRollover(of zone: Name, _ set: RecordSet, budget: Budget, at now: Moment) {
        guard configuration.validation.followsRollovers, let point = trustAnchors.anchor(of: zone) else {
            return
        }
        var tracked = trackedAnchors[zone] ?? TrackedAnchors(point, now: wallSeconds(now))
        let before = tracked
        let observation = tracked.observe(
            set.signed, validator: validator, now: wallSeconds(now), budget: &budget.validation)
        if tracked != before || trackedAnchors[zone] == nil {
            trackedAnchors[zone] = tracked
            trustAnchors.set(tracked.trustPoint)
            if tracked != before, anchorChanges.count < 16 {
                anchorChanges.append(
                    AnchorChange(
                        zone: zone, text: tracked.encoded(), events: observation.events.map { "\($0)" }))
            }
        }
        let wait = min(observation.nextQuery, 15 * 86400)
        if let due = anchorChecks[zone], due > now.monotonic { return }
        let due = now.monotonic &+ max(wait, 60) * 1_000_000_000
        anchorChecks[zone] = due
        let index = followedAnchors.firstIndex(of: zone) ?? followedAnchors.count
        if index == followedAnchors.count { followedAnchors.append(zone) }
        deadlines.insert(.anchor(index), at: due)
    }

    /// It is time to look at an anchor zone's keys again (RFC 5011 2.3).
    func checkAnchor(_ zone: Name, at now: Moment) {
        zoneStates.remove(zone)
        let chain = KeyChain(
            id: takeID(), target: zone,
            budget: Budget(configuration.limits, wallTime: spans.wallTime, at: now))
        // A server that does not exist: what is cached will not do.
        chain.avoidedServers = [IPEndpoint(.anyIPv4, port: 0)]
        follow(chain, at: now)
    }

    private func wallSeconds(_ now: Moment) -> UInt64 {
        UInt64(max(0, configuration.validation.time ?? now.wall))
    }
}
