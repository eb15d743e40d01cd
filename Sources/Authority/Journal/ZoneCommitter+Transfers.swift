internal import DNSCore

/// New versions that do not come from updates: transfers in, and catalogs of our own.
extension ZoneCommitter {
    /// Makes a transferred version the present one, durably, and publishes it.
    ///
    /// A whole zone is written to its file before it counts; differences go to the journal. Blocks: not for workers.
    ///
    /// - Parameter options: the zone, which need not be open yet.
    /// - Throws: ``JournalError``; the zone keeps its contents.
    package func install(_ outcome: TransferOutcome, _ options: JournaledZone) throws(JournalError) {
        switch outcome {
        case .upToDate: break
        case .full(let snapshot): try replace(snapshot, options)
        case .incremental(let snapshot, let differences): try extend(snapshot, differences, options)
        }
    }

    private func replace(_ snapshot: ZoneSnapshot, _ options: JournaledZone) throws(JournalError) {
        var written: (temporary: String, path: String, digest: [UInt8])?
        if let path = options.file {
            let (temporary, digest) = try ZoneFile.write(snapshot, beside: path)
            written = (temporary, path, digest)
        }
        let file = written
        try perform { [self] () throws(JournalError) in
            let zone: ManagedZone
            if let open = zones[options.apex] {
                zone = open
                zone.options = options
            } else {
                let row = try store.zone(options.apex)
                zone = ManagedZone(
                    options: options, snapshot: snapshot, row: row,
                    lastNumber: try store.lastNumber(of: row.id),
                    history: ZoneHistory(limit: settings.historyLimit))
            }
            if let (temporary, path, digest) = file {
                zone.row.pending = (zone.lastNumber, digest)
                try store.save(zone.row)
                try ZoneFile.publish(temporary, as: path)
                zone.row.file = ZoneFile.identity(path)
            }
            zone.row.base = zone.lastNumber
            zone.row.baseSerial = snapshot.serial
            zone.row.pending = nil
            zone.octetsSinceBase = 0
            zone.row.note(snapshot.serial)
            try store.save(zone.row)
            zone.history.clear()
            zone.snapshot = snapshot
            zones[options.apex] = zone
            announce(zone)
        }
    }

    private func extend(
        _ snapshot: ZoneSnapshot, _ differences: [ZoneDifference], _ options: JournaledZone
    ) throws(JournalError) {
        let isInOrder = try perform { [self] () throws(JournalError) -> Bool in
            guard let zone = zones[options.apex], zone.snapshot.serial == differences.first?.from else {
                return false
            }
            var entries: [UInt8] = []
            for difference in differences { DifferenceCoding.append(difference, to: &entries) }
            try store.append(
                [(zone.row.id, zone.lastNumber + 1, entries)],
                new: zone.row.isStored ? [] : [(options.apex, zone.row)])
            zone.row.isStored = true
            zone.lastNumber += 1
            zone.octetsSinceBase += entries.count
            for difference in differences { zone.history.append(difference) }
            zone.row.note(snapshot.serial)
            zone.snapshot = snapshot
            announce(zone)
            return true
        }
        // The zone has moved on since the transfer began: its result stands on its own.
        if !isInOrder { try replace(snapshot, options) }
    }
}
