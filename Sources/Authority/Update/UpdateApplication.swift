package import DNSCore

/// The update section of RFC 2136, applied to one zone (RFC 2136 3.4.2).
///
/// Prerequisites have been checked and every record has been pre-scanned, so nothing here can fail on the *form* of a
/// record. Works on the batch's `ZoneEdit` and remembers each set as it was: ``undo(_:)`` puts them back when a limit
/// is hit, ``difference(_:)`` compares them at the end.
struct UpdateApplication {
    private let apex: Name
    private let settings: UpdateSettings
    /// Each set that was touched, as it was before; nil for one that was not there.
    private var before: [RRsetKey: RRset?] = [:]
    private var order: [RRsetKey] = []
    /// Whether the update itself brought a newer serial.
    private(set) var setsSerial = false

    /// Whether what RFC 2136 has ignored is an error: for the operator, who wants to know.
    private let isStrict: Bool

    init(apex: Name, settings: UpdateSettings, isStrict: Bool = false) {
        self.isStrict = isStrict
        self.apex = apex
        self.settings = settings
    }

    /// Applies one record of the update section.
    ///
    /// Silently ignored, as RFC 2136 3.4.2 demands: a CNAME beside other data and other data beside a CNAME; an SOA
    /// that is not at the apex or whose serial is not newer; deletion of the apex SOA; deletion of the last apex NS.
    ///
    /// - Throws: ``UpdateReason/tooManyRecords(_:_:limit:)``, ``UpdateReason/belowDNAME(_:dname:)`` and, instead of that
    ///   silence, ``UpdateReason/withoutEffect(_:_:_:)`` to the operator.
    mutating func apply(_ record: ResourceRecord, to edit: inout ZoneEdit) throws(UpdateReason) {
        switch (record.recordClass, record.type) {
        case (.any, .any): deleteName(record.owner, &edit)  // 3.4.2.3
        case (.any, _): try deleteSet(record.type, at: record.owner, &edit)  // 3.4.2.3
        case (.none, _): try delete(record, &edit)  // 3.4.2.4
        default:
            var record = record
            // A TTL with the top bit set counts as zero (RFC 2181 8).
            record.ttl = TTL(rawValue: record.ttl).rawValue
            try add(record, &edit)  // 3.4.2.2
        }
    }

    /// Puts every touched set back.
    consuming func undo(_ edit: inout ZoneEdit) {
        for (key, set) in before {
            if let set { edit.put(set) } else { edit.remove(key.type, at: key.owner) }
        }
    }

    /// How many records more the zone has than before.
    func growth(_ edit: borrowing ZoneEdit) -> Int {
        var growth = 0
        for key in order {
            growth += edit.rrset(at: key.owner, type: key.type)?.data.count ?? 0
            growth -= (before[key] ?? nil)?.data.count ?? 0
        }
        return growth
    }

    /// What has changed on the whole; empty when nothing has.
    func difference(_ edit: borrowing ZoneEdit) -> (deleted: [ResourceRecord], added: [ResourceRecord]) {
        var deleted: [ResourceRecord] = []
        var added: [ResourceRecord] = []
        for key in order {
            let old = before[key] ?? nil
            let new = edit.rrset(at: key.owner, type: key.type)
            if let old, let new, old.ttl == new.ttl {
                let oldData = Set(old.data.map { $0.canonical(as: key.type) })
                let newData = Set(new.data.map { $0.canonical(as: key.type) })
                deleted += old.records.filter { !newData.contains($0.data.canonical(as: key.type)) }
                added += new.records.filter { !oldData.contains($0.data.canonical(as: key.type)) }
            } else {
                deleted += old?.records ?? []
                added += new?.records ?? []
            }
        }
        return (deleted, added)
    }

    /// RFC 2136 3.4.2.2.
    private mutating func add(_ record: ResourceRecord, _ edit: inout ZoneEdit) throws(UpdateReason) {
        let type = record.type
        let present = edit.rrsets(at: record.owner)
        if type == .cname {
            guard present.allSatisfy({ $0.type == .cname || $0.type.mayStandBesideCNAME }) else {
                return try ignore(record, .otherData)
            }
        } else if !type.mayStandBesideCNAME {
            guard !present.contains(where: { $0.type == .cname }) else { return try ignore(record, .cname) }
        }
        let old = present.first { $0.type == type }
        if type == .soa {
            guard record.owner == apex, let old, let serial = record.data.soaSerial,
                serial.isNewer(than: old.data.first?.soaSerial ?? serial)
            else { return try ignore(record, .serial) }
            setsSerial = true
        } else {
            try checkDNAME(record, &edit)
        }
        var set = old ?? RRset(owner: record.owner, type: type, ttl: record.ttl, data: [])
        set.ttl = record.ttl
        if type == .cname || type == .soa || type == .dname {
            // 3.4.2.2 for CNAME and SOA, RFC 6672 2.4 for DNAME: there is one only, and the new one replaces it.
            guard old?.ttl != record.ttl || !Self.contains(old, record.data, type) else { return }
            set.data = [record.data]
        } else if type == .wks, let place = Self.place(ofService: record.data, in: set) {
            set.data[place] = record.data
        } else if Self.contains(old, record.data, type) {
            guard old?.ttl != record.ttl else { return }
        } else {
            guard set.data.count < settings.recordsPerSet else {
                throw .tooManyRecords(record.owner, type, limit: settings.recordsPerSet)
            }
            guard old != nil || present.count < settings.typesPerName else {
                throw .tooManyRecords(record.owner, .any, limit: settings.typesPerName)
            }
            set.data.append(record.data)
        }
        note(RRsetKey(owner: record.owner, type: type), old)
        edit.put(set)
    }

    /// RFC 6672 2.4 and 5.2: nothing stands below a DNAME.
    private func checkDNAME(_ record: ResourceRecord, _ edit: inout ZoneEdit) throws(UpdateReason) {
        var ancestor = record.owner
        while ancestor != apex, let parent = ancestor.parent {
            ancestor = parent
            if edit.rrset(at: ancestor, type: .dname) != nil {
                throw .belowDNAME(record.owner, dname: ancestor)
            }
        }
        guard record.type == .dname, edit.rrset(at: record.owner, type: .dname) == nil,
            let name = nameBelow(record.owner, &edit)
        else { return }
        throw .belowDNAME(name, dname: record.owner)
    }

    /// A name below `owner` that has records; nil when there is none.
    private func nameBelow(_ owner: Name, _ edit: inout ZoneEdit) -> Name? {
        // Without its own records the name exists only for those below it.
        let sets = edit.rrsets(at: owner)
        for set in sets { edit.remove(set.type, at: owner) }
        let mayHave = edit.exists(owner)
        for set in sets { edit.put(set) }
        guard mayHave else { return nil }
        // What the edit has deleted still counts above: look closely. Rare enough for a walk through the zone.
        var owners: Set<Name> = []
        edit.base.forEachRRset { set in
            if set.owner.isBelow(owner) { owners.insert(set.owner) }
        }
        return owners.first { !edit.rrsets(at: $0).isEmpty }
            ?? order.first { $0.owner.isBelow(owner) && !edit.rrsets(at: $0.owner).isEmpty }?.owner
    }

    /// RFC 2136 3.4.2.3, all sets of a name; SOA and NS of the apex stay.
    private mutating func deleteName(_ owner: Name, _ edit: inout ZoneEdit) {
        for set in edit.rrsets(at: owner) {
            guard owner != apex || set.type != .soa && set.type != .ns else { continue }
            note(RRsetKey(owner: owner, type: set.type), set)
            edit.remove(set.type, at: owner)
        }
    }

    /// Passes over a record that cannot take effect.
    private func ignore(
        _ record: ResourceRecord, _ obstacle: UpdateReason.Obstacle
    ) throws(UpdateReason) {
        if isStrict { throw .withoutEffect(record.owner, record.type, obstacle) }
    }

    /// RFC 2136 3.4.2.3, one set; SOA and NS of the apex stay.
    private mutating func deleteSet(
        _ type: RRType, at owner: Name, _ edit: inout ZoneEdit
    ) throws(UpdateReason) {
        guard owner != apex || type != .soa && type != .ns else {
            if isStrict { throw .withoutEffect(owner, type, .neededAtApex) }
            return
        }
        guard let old = edit.rrset(at: owner, type: type) else { return }
        note(RRsetKey(owner: owner, type: type), old)
        edit.remove(type, at: owner)
    }

    /// RFC 2136 3.4.2.4; the SOA and the last NS of the apex stay.
    private mutating func delete(_ record: ResourceRecord, _ edit: inout ZoneEdit) throws(UpdateReason) {
        let type = record.type
        guard type != .soa else { return try ignore(record, .neededAtApex) }
        guard let old = edit.rrset(at: record.owner, type: type) else { return }
        let wanted = record.data.canonical(as: type)
        var set = old
        set.data.removeAll { $0.canonical(as: type) == wanted }
        guard set.data.count < old.data.count else { return }
        guard !set.data.isEmpty || type != .ns || record.owner != apex else {
            return try ignore(record, .neededAtApex)
        }
        note(RRsetKey(owner: record.owner, type: type), old)
        edit.put(set)
    }

    /// Remembers a set before its first change.
    mutating func note(_ key: RRsetKey, _ set: RRset?) {
        guard before[key] == nil else { return }
        before[key] = .some(set)
        order.append(key)
    }

    private static func contains(_ set: RRset?, _ data: RecordData, _ type: RRType) -> Bool {
        guard let set else { return false }
        let wanted = data.canonical(as: type)
        return set.data.contains { $0.canonical(as: type) == wanted }
    }

    /// The WKS record with the same address and protocol (RFC 2136 1.1.5).
    private static func place(ofService data: RecordData, in set: RRset) -> Int? {
        set.data.firstIndex { $0.octets.prefix(5) == data.octets.prefix(5) }
    }
}

/// How a zone's serial moves with an update that does not set it.
package enum SerialPolicy: String, Sendable {
    /// By one.
    case increment
    /// To the seconds since 1970 where that is newer, else by one.
    case unixtime
    /// To YYYYMMDD00 (UTC) where that is newer, else by one.
    case date

    /// The serial after `serial`.
    ///
    /// - Parameter now: seconds since 1970.
    func next(after serial: Serial, now: Int64) -> Serial {
        let candidate: Serial
        switch self {
        case .increment: return serial.advanced()
        case .unixtime: candidate = Serial(rawValue: UInt32(truncatingIfNeeded: now))
        case .date: candidate = Serial(rawValue: SerialPolicy.date(now))
        }
        return candidate.isNewer(than: serial) ? candidate : serial.advanced()
    }

    /// YYYYMMDD00 of the day that `now` lies in, by the civil calendar.
    private static func date(_ now: Int64) -> UInt32 {
        // Days since 0000-03-01, so that the leap day ends the year.
        let days = now / 86400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return UInt32(truncatingIfNeeded: ((year * 100 + month) * 100 + day) * 100)
    }
}

/// How much an update may bring, and how the serial follows.
package struct UpdateSettings: Sendable {
    /// Records of one type at one name; more is SERVFAIL.
    package var recordsPerSet = 100
    /// Types at one name; more is SERVFAIL.
    package var typesPerName = 100
    /// Records that the zone may have; one more is SERVFAIL.
    package var recordsPerZone = Int.max
    /// Records in prerequisite and update section together; more is SERVFAIL.
    package var recordsPerUpdate = 5000
    /// Whether the last address of a name server of the zone itself may be deleted.
    package var checksNameServers = false
    /// How the serial moves.
    package var serial = SerialPolicy.increment

    package init() {}
}

extension RecordData {
    /// The serial of SOA data; nil when it is too short to have one.
    package var soaSerial: Serial? {
        guard octets.count >= 22 else { return nil }
        let start = octets.count - 20
        return Serial(rawValue: octets[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// SOA data with another serial.
    package func withSOASerial(_ serial: Serial) -> RecordData {
        guard octets.count >= 22 else { return self }
        var result = octets
        let start = result.count - 20
        for index in 0..<4 {
            result[start + index] = UInt8(truncatingIfNeeded: serial.rawValue >> UInt32(24 - 8 * index))
        }
        return RecordData(result)
    }
}
