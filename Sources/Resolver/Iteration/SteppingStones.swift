internal import DNSCore

/// Names at which a minimised question found no zone cut (RFC 9156 2.3): the next question on the same way
/// need not ask them again.
///
/// Bounded; what is not remembered is only asked once more.
struct SteppingStones {
    /// Names remembered; beyond it all are forgotten.
    static let limit = 65_536
    /// Seconds for which a name is remembered: a cut that appears there is seen after as long at the latest.
    static let lifetime: UInt32 = 300

    private var expiry = NumberTable<UInt64, UInt32>()

    /// Remembers that `name`, asked of the servers of the zone with hash `zone`, is not the apex of another zone.
    mutating func note(_ name: Name, zone: UInt64, at now: UInt32) {
        if expiry.count >= SteppingStones.limit { expiry.removeAll() }
        expiry[NameHash.hash(name) ^ zone] = now &+ SteppingStones.lifetime
    }

    /// How many labels of `name` to show the servers of a zone first: one more than the longest stone on the way.
    ///
    /// - Parameter key: holds the name.
    func labels(of key: borrowing NameKey, from labels: Int, zone: UInt64, at now: UInt32) -> Int {
        guard !expiry.isEmpty else { return labels }
        var shown = labels
        while shown < key.labelCount,
            let end = expiry[key.hash(ofSuffixAt: key.labelCount - shown) ^ zone], end > now
        {
            shown += 1
        }
        return shown
    }
}
