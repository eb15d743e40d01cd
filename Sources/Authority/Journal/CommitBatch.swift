internal import DNSCore
internal import Foundation

/// The updates that share one transaction, on their way from the queue to their completions.
struct CommitBatch {
    struct Entry {
        let client: IPAddress
        let completion: @Sendable (UpdateReason) -> Void
    }

    private var entries: [(entry: Entry, reason: UpdateReason)] = []
    /// Zones that the batch has changed or looked at, in order.
    private var touched: [ManagedZone] = []
    private let now = Int64(time(nil))

    var isEmpty: Bool { entries.isEmpty }

    /// Carries out one update in memory.
    mutating func add(
        _ request: UpdateRequest, _ completion: @escaping @Sendable (UpdateReason) -> Void,
        zones: [Name: ManagedZone]
    ) {
        let entry = Entry(client: request.requestor.source, completion: completion)
        guard let zone = zones[request.zone.name] else {
            entries.append((entry, .notAuthoritative(request.zone.name, request.zone.recordClass)))
            return
        }
        if zone.edit == nil { touched.append(zone) }
        do throws(UpdateReason) {
            entries.append((entry, try zone.run(request, now: now)))
        } catch {
            entries.append((entry, error))
        }
        if zone.edit == nil { touched.removeLast() }
    }

    /// Makes the batch durable and publishes the new versions.
    ///
    /// - Returns: what to tell each client. When the journal failed, SERVFAIL to all that saw changes which now are
    ///   none.
    mutating func settle(
        _ store: JournalStore?, publish: (Name, ZoneSnapshot) -> Void
    ) -> (entries: [(entry: Entry, reason: UpdateReason)], didCommit: Bool, changed: [ManagedZone]) {
        var rows: [(zone: Int64, number: Int64, entries: [UInt8])] = []
        for zone in touched where !zone.differences.isEmpty {
            var octets: [UInt8] = []
            for difference in zone.differences { DifferenceCoding.append(difference, to: &octets) }
            rows.append((zone.row.id, zone.lastNumber + 1, octets))
        }
        // Without a journal no zone has taken an update (``ManagedZone/detached``).
        guard !rows.isEmpty, let store else {
            for zone in touched { zone.abandon() }
            return (entries, false, [])
        }
        do throws(JournalError) {
            try store.append(
                rows,
                new: touched.filter { !$0.row.isStored && !$0.differences.isEmpty }.map {
                    ($0.options.apex, $0.row)
                })
        } catch {
            for zone in touched { zone.abandon() }
            return (entries.map { ($0.entry, .storage(error)) }, false, [])
        }
        for zone in touched {
            guard !zone.differences.isEmpty, let edit = zone.edit.take() else {
                zone.abandon()
                continue
            }
            zone.lastNumber += 1
            zone.row.isStored = true
            for difference in zone.differences { zone.history.append(difference) }
            zone.differences.removeAll(keepingCapacity: true)
            zone.advance(to: edit.commit())
            zone.row.note(zone.snapshot.serial)
            publish(zone.options.apex, zone.snapshot)
        }
        var changed: [ManagedZone] = []
        for row in rows {
            guard let zone = touched.first(where: { $0.row.id == row.zone }) else { continue }
            zone.octetsSinceBase += row.entries.count
            zone.octetsTotal += row.entries.count
            changed.append(zone)
        }
        return (entries, true, changed)
    }
}
