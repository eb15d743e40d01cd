package import DNSCore
internal import Foundation

/// Exports and the operator's holds on a zone.
extension ZoneCommitter {
    /// Writes the zone's file anew from its present version (`zone flush`): beside it first, synced, then renamed.
    ///
    /// A crash at any moment leaves either file, and the journal knows both. Blocks; updates go on meanwhile.
    ///
    /// - Throws: ``JournalError``.
    package func flush(_ apex: Name) throws(JournalError) {
        let (snapshot, path, number, octets) = try perform {
            [self] () throws(JournalError) -> (ZoneSnapshot, String, Int64, Int) in
            _ = try store
            guard let zone = zones[apex], let path = zone.options.file else { throw .notOpen(apex) }
            return (zone.snapshot, path, zone.lastNumber, zone.octetsSinceBase)
        }
        let (temporary, digest) = try ZoneFile.write(snapshot, beside: path)
        try perform { [self] () throws(JournalError) in
            guard let zone = zones[apex] else { throw .notOpen(apex) }
            zone.row.pending = (number, digest)
            try store.save(zone.row)
            try ZoneFile.publish(temporary, as: path)
            zone.row.file = ZoneFile.identity(path)
            zone.row.base = number
            zone.row.baseSerial = snapshot.serial
            zone.row.pending = nil
            zone.octetsSinceBase = zone.octetsSinceBase - octets
            try store.save(zone.row)
        }
    }

    /// Keeps a zone's journal within its size: rows that are in the zone file go first; when the others alone are too
    /// many the file is written anew, on a thread of its own.
    func keepSmall(_ zone: ManagedZone) {
        let limit = zone.options.journalSize
        guard zone.octetsTotal > limit, !zone.isShrinking else { return }
        if zone.octetsTotal > zone.octetsSinceBase,
            (try? store.delete(zone: zone.row.id, upTo: zone.row.base)) != nil
        {
            zone.octetsTotal = zone.octetsSinceBase
        }
        guard zone.octetsSinceBase > limit, zone.options.file != nil else { return }
        zone.isShrinking = true
        let apex = zone.options.apex
        Thread.detachNewThread { [weak self] in
            guard let self else { return }
            let flushed = (try? flush(apex)) != nil
            enqueue { [self] in
                guard let zone = zones[apex] else { return }
                zone.isShrinking = false
                // After a failure the journal must grow by as much again before the next attempt.
                if !flushed { zone.octetsTotal = zone.octetsSinceBase - limit }
                keepSmall(zone)
            }
        }
    }

    /// Refuses updates to the zone until ``thaw(_:)``, after its file was written, so that it can be edited by hand.
    ///
    /// - Throws: ``JournalError``; the zone is then not frozen.
    package func freeze(_ apex: Name) throws(JournalError) {
        try perform { [self] () throws(JournalError) in
            guard let zone = zones[apex] else { throw .notOpen(apex) }
            zone.isFrozen = true
        }
        do throws(JournalError) {
            try flush(apex)
        } catch {
            try thaw(apex)
            throw error
        }
    }

    /// Takes updates again.
    ///
    /// A file that was edited meanwhile is to be loaded with ``open(_:loaded:)`` first.
    ///
    /// - Throws: ``JournalError/notOpen(_:)``.
    package func thaw(_ apex: Name) throws(JournalError) {
        try perform { [self] () throws(JournalError) in
            guard let zone = zones[apex] else { throw .notOpen(apex) }
            zone.isFrozen = false
        }
    }

    /// Whether updates to the zone are refused for now.
    package func isFrozen(_ apex: Name) -> Bool {
        (try? perform { [self] () throws(JournalError) in zones[apex]?.isFrozen }) ?? false
    }
}
