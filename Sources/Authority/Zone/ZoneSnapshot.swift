package import DNSCore

/// One version of one zone: immutable, shared by all workers, replaced by a whole new one when the zone changes.
package final class ZoneSnapshot: Sendable {
    /// The zone's name, in the case of its SOA.
    package let apex: Name
    private let sets: [Name: [RRset]]
    private let emptyNonTerminals: Set<Name>

    /// Builds a zone from records in any order.
    ///
    /// - Throws: ``ZoneError`` when they do not make a zone.
    package convenience init(apex: Name, records: [ResourceRecord]) throws(ZoneError) {
        var sets: [Name: [RRset]] = [:]
        for set in RRset.grouping(records) {
            guard set.owner.isAtOrBelow(apex) else { throw .outsideZone(set.owner, ZonePlace()) }
            sets[set.owner, default: []].append(set)
        }
        guard let soa = sets[apex]?.first(where: { $0.type == .soa }) else { throw .noSOA(apex) }
        guard soa.data.count == 1 else { throw .repeatedSOA(apex, ZonePlace()) }
        self.init(apex: soa.owner, sets: sets)
    }

    fileprivate init(apex: Name, sets: [Name: [RRset]]) {
        self.apex = apex
        self.sets = sets
        var between: Set<Name> = []
        for owner in sets.keys {
            var ancestor = owner.parent
            while let name = ancestor, name.isBelow(apex), between.insert(name).inserted {
                ancestor = name.parent
            }
        }
        emptyNonTerminals = between.subtracting(sets.keys)
    }

    /// The SOA's serial number.
    package var serial: Serial {
        let octets = soa.data[0].octets
        let start = octets.count - 20
        return Serial(rawValue: octets[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// The apex SOA.
    package var soa: RRset {
        rrset(at: apex, type: .soa) ?? RRset(owner: apex, type: .soa, ttl: 0, data: [])
    }

    /// The set of `type` at `name`, as it stands there: neither wildcards nor cuts are looked at.
    ///
    /// All RRSIG records of a name count as one set here.
    package func rrset(at name: Name, type: RRType) -> RRset? {
        sets[name]?.first { $0.type == type }
    }

    /// All sets at `name`.
    package func rrsets(at name: Name) -> [RRset] {
        sets[name] ?? []
    }

    /// Whether `name` exists: it has records, or names below it have (RFC 4592 2.2.2).
    package func exists(_ name: Name) -> Bool {
        sets[name] != nil || emptyNonTerminals.contains(name)
    }

    /// Calls `body` with every set: the SOA first, then in canonical order of owners.
    package func forEachRRset(_ body: (RRset) -> Void) {
        body(soa)
        for owner in sets.keys.sorted() {
            for set in rrsets(at: owner) where set.type != .soa { body(set) }
        }
    }

    /// Starts a change. Any number of edits may be open; only what is committed and published counts.
    package func edit() -> ZoneEdit {
        ZoneEdit(base: self)
    }

    fileprivate var allSets: [Name: [RRset]] { sets }
}

/// A change of a zone in the making. Throwing it away leaves no trace.
package struct ZoneEdit: ~Copyable {
    private let base: ZoneSnapshot
    private var changed: [Name: [RRset]] = [:]

    fileprivate init(base: ZoneSnapshot) {
        self.base = base
    }

    /// The set of `type` at `name` as this edit has it; see ``ZoneSnapshot/rrset(at:type:)``.
    package func rrset(at name: Name, type: RRType) -> RRset? {
        rrsets(at: name).first { $0.type == type }
    }

    /// All sets at `name` as this edit has them.
    package func rrsets(at name: Name) -> [RRset] {
        changed[name] ?? base.rrsets(at: name)
    }

    /// Whether `name` exists in this edit, empty non-terminals included.
    package func exists(_ name: Name) -> Bool {
        if let sets = changed[name], !sets.isEmpty { return true }
        if changed.contains(where: { $0.key.isBelow(name) && !$0.value.isEmpty }) { return true }
        return base.exists(name)
    }

    /// Puts a set in the place of the one of its owner and type. A set without data removes it.
    package mutating func put(_ set: RRset) {
        var sets = rrsets(at: set.owner)
        sets.removeAll { $0.type == set.type }
        if !set.data.isEmpty { sets.append(set) }
        changed[set.owner] = sets
    }

    /// Removes the set of `type` at `name`, if there is one.
    package mutating func remove(_ type: RRType, at name: Name) {
        changed[name] = rrsets(at: name).filter { $0.type != type }
    }

    /// The zone with this change.
    package consuming func commit() -> ZoneSnapshot {
        let all = base.allSets.merging(changed) { $1 }.filter { !$0.value.isEmpty }
        return ZoneSnapshot(apex: base.apex, sets: all)
    }
}
