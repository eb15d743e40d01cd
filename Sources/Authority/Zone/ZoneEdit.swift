package import DNSCore

/// A change of a zone in the making.
///
/// Throwing it away leaves no trace.
///
/// Names that are touched rest here as values; ``commit()`` writes their nodes behind those of the overlay.
package struct ZoneEdit: ~Copyable {
    let base: ZoneSnapshot
    private var changed: [Name: [RRset]] = [:]

    init(base: ZoneSnapshot) {
        self.base = base
    }

    /// The zone's name.
    package var apex: Name { base.apex }

    /// The set of `type` at `name` as this edit has it; see ``ZoneSnapshot/rrset(at:type:)``.
    package func rrset(at name: Name, type: RRType) -> RRset? {
        if let sets = changed[name] { return sets.first { $0.type == type } }
        return base.rrset(at: name, type: type)
    }

    /// All sets at `name` as this edit has them.
    package func rrsets(at name: Name) -> [RRset] {
        changed[name] ?? base.rrsets(at: name)
    }

    /// Whether `name` exists in this edit, empty non-terminals included.
    package func exists(_ name: Name) -> Bool {
        if let sets = changed[name], !sets.isEmpty { return true }
        if changed.contains(where: { $0.key.isBelow(name) && !$0.value.isEmpty }) { return true }
        guard base.exists(name) else { return false }
        return changed[name] == nil || base.hasChildren(name)
    }

    /// Puts a set in the place of the one of its owner and type.
    ///
    /// A set without data removes it.
    ///
    /// The owner must be at or below the apex; a set elsewhere is left out. The TTL of an RRSIG set counts only for
    /// signatures over sets that are not there: others get that of the set they cover (RFC 4034 3).
    package mutating func put(_ set: RRset) {
        guard set.owner.isAtOrBelow(base.apex) else { return }
        var sets = rrsets(at: set.owner)
        if let place = sets.firstIndex(where: { $0.type == set.type }) {
            if set.data.isEmpty { sets.remove(at: place) } else { sets[place] = set }
        } else if !set.data.isEmpty {
            sets.append(set)
        }
        changed[set.owner] = sets
    }

    /// Removes the set of `type` at `name`, if there is one.
    package mutating func remove(_ type: RRType, at name: Name) {
        guard rrset(at: name, type: type) != nil else { return }
        changed[name] = rrsets(at: name).filter { $0.type != type }
    }

    /// The zone with this change.
    ///
    /// Costs what the touched names cost, and now and then a new table, when the zone is small enough for that.
    package consuming func commit() -> ZoneSnapshot {
        guard !changed.isEmpty else { return base }
        var committer = ZoneCommit(base: base)
        for (name, sets) in changed { committer.set(name, sets) }
        return committer.finish()
    }
}

extension ZoneSnapshot {
    /// Whether the zone had names below `name` in this version.
    func hasChildren(_ name: Name) -> Bool {
        (node(name)?.childCount ?? 0) > 0
    }
}
