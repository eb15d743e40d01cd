internal import DNSCore

/// One zone as its committer keeps it.
///
/// Belongs to the committer's thread, but for `history`.
final class ManagedZone {
    var options: JournaledZone
    /// The version that is on disk and published.
    var snapshot: ZoneSnapshot
    /// What the journal says of the zone.
    var row: JournalStore.ZoneRow
    /// Number of the last row.
    var lastNumber: Int64
    /// Octets of the rows that are not in the zone file.
    var octetsSinceBase = 0
    /// Octets of all rows.
    var octetsTotal = 0
    /// Whether an export is under way that makes room in the journal.
    var isShrinking = false
    var isFrozen = false
    /// Why the zone was opened without its journal; it takes no updates then.
    var detached: JournalError?
    let history: ZoneHistory

    /// Records of `of`, and by how many the batch so far has changed that; nil before they were counted.
    private var recordCount: (of: ZoneSnapshot, total: Int, pending: Int)?
    /// Limits from here on are beyond any memory and not worth the counting.
    private static let countedLimit = 100_000_000

    /// The batch under way: the zone with the changes so far, and their entries.
    var edit: ZoneEdit?
    var differences: [ZoneDifference] = []

    init(
        options: JournaledZone, snapshot: ZoneSnapshot, row: JournalStore.ZoneRow, lastNumber: Int64,
        history: ZoneHistory
    ) {
        self.options = options
        self.snapshot = snapshot
        self.row = row
        self.lastNumber = lastNumber
        self.history = history
    }

    /// Carries out one update on the batch's edit.
    ///
    /// - Throws: why not; the edit is as it was.
    func run(_ request: UpdateRequest, now: Int64) throws(UpdateReason) -> UpdateReason {
        guard !isFrozen else { throw .frozen }
        if let detached { throw .storage(detached) }
        var work = edit.take() ?? snapshot.edit()
        let result: Result<ZoneDifference?, UpdateReason>
        do throws(UpdateReason) {
            result = .success(
                try ZoneUpdate.run(
                    request, on: &work, apex: snapshot.apex, policy: options.policy,
                    settings: options.settings, room: room(), now: now))
        } catch {
            result = .failure(error)
        }
        let serial = work.rrset(at: snapshot.apex, type: .soa)?.data.first?.soaSerial ?? snapshot.serial
        edit = consume work
        guard let difference = try result.get() else { return .unchanged(serial) }
        differences.append(difference)
        recordCount?.pending += difference.added.count - difference.deleted.count
        return .applied(from: difference.from, to: difference.to)
    }

    /// Records by which the zone may still grow.
    private func room() -> Int {
        let limit = options.settings.recordsPerZone
        guard limit < ManagedZone.countedLimit else { return .max }
        let count: (of: ZoneSnapshot, total: Int, pending: Int)
        if let known = recordCount, known.of === snapshot {
            count = known
        } else {
            count = (snapshot, snapshot.counts.records, 0)
            recordCount = count
        }
        return limit - count.total - count.pending
    }

    /// The batch is on disk: `next` is the zone now.
    func advance(to next: ZoneSnapshot) {
        snapshot = next
        if let count = recordCount { recordCount = (next, count.total + count.pending, 0) }
    }

    /// Throws the batch away.
    func abandon() {
        edit = nil
        recordCount?.pending = 0
        differences.removeAll()
    }
}

extension JournalStore.ZoneRow {
    /// Notes a serial that was given out.
    mutating func note(_ serial: Serial) {
        if serial.isNewer(than: highestSerial) { highestSerial = serial }
    }
}
