internal import DNSCore

/// From the zone file and the journal to the zone as it was when the last update was acknowledged.
///
/// The usual case: the file is the one that the journal builds on, and every difference fits. Otherwise the file was
/// edited; then the differences are condensed to their net effect, which is applied to the edited file as far as it
/// still has one, with a serial newer than both. An entry that fails its checksum ends the replay; the serial then
/// leaps ahead, so that none is used twice.
enum ZoneReplay {
    /// How far the serial leaps when entries were lost.
    static let leap: UInt32 = 1 << 20

    /// Opens the zone; called on the committer's thread with no batch under way.
    ///
    /// - Parameter loaded: the zone as its file has it.
    /// - Parameter hasLostLog: whether rows of any zone may be missing at the journal's end.
    static func open(
        _ options: JournaledZone, loaded: ZoneSnapshot, in store: JournalStore, historyLimit: Int,
        hasLostLog: Bool
    ) throws(JournalError) -> (ManagedZone, ZoneRecovery) {
        var row = try store.zone(options.apex)
        let isSameFile = matchesBase(options.file, &row)
        let history = ZoneHistory(limit: historyLimit)
        var edit = loaded.edit()
        var serial = loaded.serial
        var newest: Serial?
        var count = 0
        var fits = true
        let base = row.base
        var rows = try read(row, store) { number, difference in
            history.append(difference)
            newest = difference.to
            guard number > base else { return }
            count += 1
            fits = fits && difference.from == serial && difference.apply(to: &edit, strictly: true) == nil
            serial = difference.to
        }
        if rows.damagedFrom != nil { try store.delete(zone: row.id, upTo: 0, from: rows.damagedFrom) }
        var recovery = ZoneRecovery(snapshot: loaded, replayed: count, merged: false, damage: [])
        if rows.damagedFrom != nil {
            recovery.damage.append(JournalDamage(place: .entry(options.apex, after: newest ?? loaded.serial)))
        }
        var snapshot = loaded
        if isSameFile || count == 0, fits {
            snapshot = edit.commit()
            if count == 0, let newest, newest != loaded.serial { history.clear() }
            if count == 0, !isSameFile || !row.isStored {
                row.file = options.file.flatMap { ZoneFile.identity($0) }
                row.base = rows.lastNumber
                row.baseSerial = loaded.serial
                row.pending = nil
            }
        } else {
            var live: [ZoneDifference] = []
            _ = try read(row, store) { number, difference in
                if number > base { live.append(difference) }
            }
            (snapshot, row) = try merge(live, into: loaded, options, row, lastNumber: rows.lastNumber, store)
            rows.octets = 0
            recovery.merged = true
            history.clear()
            if snapshot.serial != loaded.serial { history.append(.between(loaded, snapshot)) }
        }
        let zone = ManagedZone(
            options: options, snapshot: snapshot, row: row, lastNumber: max(rows.lastNumber, row.base),
            history: history)
        zone.octetsSinceBase = rows.octets
        zone.octetsTotal = rows.total
        if recovery.merged, snapshot.serial != loaded.serial { zone.lastNumber = row.base + 1 }
        // A zone that takes updates may have lost all of its rows, the first included.
        let mayHaveLost = newest != nil || rows.damagedFrom != nil || !options.policy.rules.isEmpty
        if !recovery.damage.isEmpty || hasLostLog, mayHaveLost, !options.isReceived {
            try leapAhead(zone, store)
        }
        if !rows.mended.isEmpty {
            recovery.damage.append(JournalDamage(place: .mended(octets: rows.mended.count)))
        }
        let before = zone.row.highestSerial
        zone.row.note(zone.snapshot.serial)
        // What is only noted is no reason not to serve: a full disk must not keep a zone from being opened.
        if before != zone.row.highestSerial || !isSameFile { try? store.save(zone.row) }
        recovery.snapshot = zone.snapshot
        return (zone, recovery)
    }

    private struct Rows {
        var lastNumber: Int64 = 0
        /// Octets of the rows that are not in the file, and of all.
        var octets = 0
        var total = 0
        /// The first row that is to be deleted.
        var damagedFrom: Int64?
        /// Rows with one wrong octet, put right.
        var mended: [(number: Int64, entries: [UInt8])] = []
    }

    /// Calls `body` with the zone's differences in order, up to the first damaged entry.
    ///
    /// What is sound of that entry's row is kept under the same number.
    private static func read(
        _ row: JournalStore.ZoneRow, _ store: JournalStore, _ body: (Int64, ZoneDifference) -> Void
    ) throws(JournalError) -> Rows {
        var rows = Rows()
        rows.lastNumber = row.base
        var salvaged: (number: Int64, entries: [UInt8])?
        try store.forEachRow(of: row.id) { number, entries in
            var entries = entries
            var (differences, damagedAt) = DifferenceCoding.read(entries)
            if let place = damagedAt, let mended = DifferenceCoding.mend(entries, at: place) {
                entries = mended
                (differences, damagedAt) = DifferenceCoding.read(entries)
                rows.mended.append((number, entries))
            }
            for difference in differences { body(number, difference) }
            let kept = entries.prefix(damagedAt ?? entries.count)
            if !kept.isEmpty { rows.lastNumber = max(rows.lastNumber, number) }
            rows.total += kept.count
            if number > row.base { rows.octets += kept.count }
            guard damagedAt != nil else { return true }
            rows.damagedFrom = kept.isEmpty ? number : number + 1
            if !kept.isEmpty { salvaged = (number, Array(kept)) }
            return false
        }
        for (number, entries) in rows.mended { try store.rewrite(number, of: row.id, with: entries) }
        if let (number, entries) = salvaged {
            try store.delete(zone: row.id, upTo: 0, from: number)
            try store.append([(row.id, number, entries)])
        }
        return rows
    }

    /// Whether the file is the one the journal builds on; an export that was cut short by a crash is completed.
    private static func matchesBase(_ file: String?, _ row: inout JournalStore.ZoneRow) -> Bool {
        guard let file else { return true }
        guard row.isStored else {
            row.file = ZoneFile.identity(file)
            return true
        }
        guard let status = ZoneFile.status(file) else { return row.file == nil }
        if let known = row.file, known.size == status.size, known.modified == status.modified { return true }
        guard let found = ZoneFile.identity(file) else { return false }
        guard !found.digest.isEmpty else {
            // A large file that an export cut short by a crash has left: its size must do.
            guard let pending = row.pending, pending.digest == [] else { return false }
            row.base = pending.base
            row.file = found
            row.pending = nil
            return true
        }
        if let known = row.file, known.digest == found.digest {
            row.file = found
            return true
        }
        if let pending = row.pending, pending.digest == found.digest {
            row.base = pending.base
            row.file = found
            row.pending = nil
            return true
        }
        return false
    }

    /// Applies the net effect of `differences` to an edited file and writes that as the only row.
    private static func merge(
        _ differences: [ZoneDifference], into loaded: ZoneSnapshot, _ options: JournaledZone,
        _ row: JournalStore.ZoneRow, lastNumber: Int64, _ store: JournalStore
    ) throws(JournalError) -> (ZoneSnapshot, JournalStore.ZoneRow) {
        let net = ZoneDifference.condensing(differences) ?? ZoneDifference(deleted: [], added: [])
        let changes = ZoneDifference(
            deleted: net.deleted.filter { $0.type != .soa }, added: net.added.filter { $0.type != .soa })
        let last = differences.last?.to ?? loaded.serial
        let isOlder = row.baseSerial.isNewer(than: loaded.serial)
        if options.fileChanges == .refuse || isOlder {
            throw .fileChanged(
                options.apex,
                ZoneFileConflict(
                    known: row.baseSerial, found: loaded.serial, journal: last,
                    difference: text(of: changes, against: loaded)))
        }
        var edit = loaded.edit()
        _ = changes.apply(to: &edit, strictly: false)
        var newest = loaded.serial.isNewer(than: last) ? loaded.serial : last
        if row.highestSerial.isNewer(than: newest) { newest = row.highestSerial }
        var soa = loaded.soa
        soa.data = soa.data.map { $0.withSOASerial(newest.advanced()) }
        edit.put(soa)
        let merged = edit.commit()
        var result = row
        result.base = lastNumber + 1
        result.file = options.file.flatMap { ZoneFile.identity($0) }
        result.pending = nil
        result.baseSerial = loaded.serial
        result.note(merged.serial)
        var entries: [UInt8] = []
        DifferenceCoding.append(.between(loaded, merged), to: &entries)
        try store.replace(with: entries, number: result.base + 1, of: result)
        return (merged, result)
    }

    /// Moves the serial far enough that none of the lost updates' serials comes again.
    private static func leapAhead(_ zone: ManagedZone, _ store: JournalStore) throws(JournalError) {
        var edit = zone.snapshot.edit()
        var soa = zone.snapshot.soa
        var start = zone.snapshot.serial
        if zone.row.highestSerial.isNewer(than: start) { start = zone.row.highestSerial }
        soa.data = soa.data.map { $0.withSOASerial(start.advanced(by: leap)) }
        edit.put(soa)
        let next = edit.commit()
        let difference = ZoneDifference.between(zone.snapshot, next)
        var entries: [UInt8] = []
        DifferenceCoding.append(difference, to: &entries)
        try store.append(
            [(zone.row.id, zone.lastNumber + 1, entries)],
            new: zone.row.isStored ? [] : [(zone.options.apex, zone.row)])
        zone.row.isStored = true
        zone.lastNumber += 1
        zone.octetsSinceBase += entries.count
        zone.history.append(difference)
        zone.snapshot = next
    }

    /// What `changes` would still do to `zone`, as lines for people.
    private static func text(of changes: ZoneDifference, against zone: ZoneSnapshot) -> [String] {
        func has(_ record: ResourceRecord) -> Bool {
            let wanted = record.data.canonical(as: record.type)
            let set = zone.rrset(at: record.owner, type: record.type)
            return set?.data.contains { $0.canonical(as: record.type) == wanted } ?? false
        }
        func line(_ sign: String, _ record: ResourceRecord) -> String {
            return
                "\(sign) \(record.owner) \(record.ttl) \(record.type) \(record.data.presentation(as: record.type))"
        }
        let lines =
            changes.deleted.filter(has).map { line("-", $0) }
            + changes.added.filter { !has($0) }.map { line("+", $0) }
        return Array(lines.prefix(100))
    }
}
