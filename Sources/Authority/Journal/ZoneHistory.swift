package import DNSCore
internal import Synchronization

/// The last differences of a zone, in memory, for IXFR (RFC 1995): from the version a secondary has to the present one.
///
/// Shared by the committer, which adds, and by whoever answers transfers; the lock is held for the copying of
/// references only. Bounded by octets: the oldest go first, and a secondary that is older gets the whole zone.
package final class ZoneHistory: Sendable {
    private struct Content {
        var differences: [ZoneDifference] = []
        var first = 0
        var octets = 0
    }

    private let limit: Int
    private let content = Mutex(Content())

    /// - Parameter limit: octets that the differences may take, counted uncompressed.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Adds the newest difference.
    ///
    /// One that does not follow on the last drops all before it.
    package func append(_ difference: ZoneDifference) {
        content.withLock { content in
            if let last = content.differences.last, last.to != difference.from { content = Content() }
            content.differences.append(difference)
            content.octets += difference.octetCount
            while content.octets > limit, content.first < content.differences.count {
                content.octets -= content.differences[content.first].octetCount
                content.first += 1
            }
            if content.first > 64, content.first > content.differences.count / 2 {
                content.differences.removeFirst(content.first)
                content.first = 0
            }
        }
    }

    /// Names up to which two versions of a zone are compared record by record on a reload.
    private static let bridgeLimit = 200_000

    /// Goes on from the history of the zone before its file was loaded anew, when what was loaded is a newer version: a
    /// secondary can then follow by IXFR although no update led to it.
    func bridge(from old: ZoneSnapshot, to new: ZoneSnapshot, after history: ZoneHistory) {
        guard old !== new, new.nameCount <= ZoneHistory.bridgeLimit, old.nameCount <= ZoneHistory.bridgeLimit,
            differences(from: old.serial, to: new.serial) == nil,
            old.serial == new.serial || new.serial.isNewer(than: old.serial)
        else { return }
        let earlier = history.content.withLock { Array($0.differences[$0.first...]) }
        clear()
        guard earlier.last.map({ $0.to == old.serial }) ?? true else { return }
        for difference in earlier { append(difference) }
        if new.serial != old.serial { append(.between(old, new)) }
    }

    /// Forgets everything: the next version does not follow on the last.
    package func clear() {
        content.withLock { $0 = Content() }
    }

    /// The differences that lead from `serial` to `current`; nil when the history does not reach back that far.
    package func differences(from serial: Serial, to current: Serial) -> ArraySlice<ZoneDifference>? {
        content.withLock { content in
            let kept = content.differences[content.first...]
            guard let start = kept.lastIndex(where: { $0.from == serial }),
                let end = kept[start...].firstIndex(where: { $0.to == current })
            else { return nil }
            return kept[start...end]
        }
    }
}
