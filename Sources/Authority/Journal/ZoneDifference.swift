package import DNSCore

/// What leads from one version of a zone to the next (RFC 1995 4): the records that go, then those that come, each
/// list beginning with the SOA of its version.
package struct ZoneDifference: Sendable, Equatable {
    /// The old SOA, then the other records that go.
    package var deleted: [ResourceRecord]
    /// The new SOA, then the other records that come.
    package var added: [ResourceRecord]

    /// Both lists must begin with an SOA.
    package init(deleted: [ResourceRecord], added: [ResourceRecord]) {
        self.deleted = deleted
        self.added = added
    }

    /// The serial before.
    package var from: Serial { deleted.first?.data.soaSerial ?? Serial(rawValue: 0) }
    /// The serial after.
    package var to: Serial { added.first?.data.soaSerial ?? Serial(rawValue: 0) }

    /// Records on both sides, the SOAs included.
    package var recordCount: Int { deleted.count + added.count }

    /// Octets that the records take uncompressed: what a transfer of the difference costs at most.
    package var octetCount: Int {
        (deleted + added).reduce(0) { $0 + $1.owner.wire.count + 10 + $1.data.octets.count }
    }
}

extension ZoneDifference {
    /// What leads from `old` to `new`, set by set.
    package static func between(_ old: ZoneSnapshot, _ new: ZoneSnapshot) -> ZoneDifference {
        var deleted = old.soa.records
        var added = new.soa.records
        old.forEachRRset { set in
            guard set.type != .soa else { return }
            let counterpart = new.rrset(at: set.owner, type: set.type)
            deleted += set.records(missingFrom: counterpart)
        }
        new.forEachRRset { set in
            guard set.type != .soa else { return }
            added += set.records(missingFrom: old.rrset(at: set.owner, type: set.type))
        }
        return ZoneDifference(deleted: deleted, added: added)
    }

    /// One difference that does what `differences` do one after another (condensation, RFC 1995 5); nil for none.
    package static func condensing(_ differences: some Sequence<ZoneDifference>) -> ZoneDifference? {
        var first: ResourceRecord?
        var last: ResourceRecord?
        // +1: present now and not before; -1: the other way round.
        var balance: [BalanceKey: (sign: Int, record: ResourceRecord)] = [:]
        func key(_ record: ResourceRecord) -> BalanceKey {
            BalanceKey(
                owner: record.owner, type: record.type, ttl: record.ttl,
                data: record.data.canonical(as: record.type))
        }
        for difference in differences {
            if first == nil { first = difference.deleted.first }
            last = difference.added.first ?? last
            for record in difference.deleted.dropFirst() {
                let place = key(record)
                if balance[place]?.sign == 1 { balance[place] = nil } else { balance[place] = (-1, record) }
            }
            for record in difference.added.dropFirst() {
                let place = key(record)
                if balance[place]?.sign == -1 { balance[place] = nil } else { balance[place] = (1, record) }
            }
        }
        guard let first, let last else { return nil }
        let records = balance.values.sorted {
            $0.record.owner == $1.record.owner
                ? $0.record.type.rawValue < $1.record.type.rawValue : $0.record.owner < $1.record.owner
        }
        return ZoneDifference(
            deleted: [first] + records.filter { $0.sign < 0 }.map(\.record),
            added: [last] + records.filter { $0.sign > 0 }.map(\.record))
    }

    /// Carries the difference out on `edit`.
    ///
    /// - Parameter strictly: whether every deleted record must be there and no added one; otherwise what is there, or
    ///   gone, already is passed over.
    /// - Returns: the record that did not fit; nil when all did. The edit is then to be thrown away.
    package func apply(to edit: inout ZoneEdit, strictly: Bool) -> ResourceRecord? {
        for record in deleted {
            guard var set = edit.rrset(at: record.owner, type: record.type) else {
                if strictly { return record }
                continue
            }
            let wanted = record.data.canonical(as: record.type)
            let count = set.data.count
            set.data.removeAll { $0.canonical(as: record.type) == wanted }
            // Signatures of several sets, each with its own TTL, count as one set here.
            if strictly, set.data.count == count || set.ttl != record.ttl && record.type != .rrsig {
                return record
            }
            edit.put(set)
        }
        for record in added {
            if var set = edit.rrset(at: record.owner, type: record.type) {
                let wanted = record.data.canonical(as: record.type)
                set.ttl = record.ttl
                if !set.data.contains(where: { $0.canonical(as: record.type) == wanted }) {
                    set.data.append(record.data)
                } else if strictly {
                    return record
                }
                edit.put(set)
            } else {
                edit.put(
                    RRset(owner: record.owner, type: record.type, ttl: record.ttl, data: [record.data]))
            }
        }
        return nil
    }
}

extension RRset {
    /// The records that `other` does not have with the same TTL.
    func records(missingFrom other: RRset?) -> [ResourceRecord] {
        guard let other, other.ttl == ttl else { return records }
        let theirs = Set(other.data.map { $0.canonical(as: type) })
        return records.filter { !theirs.contains($0.data.canonical(as: type)) }
    }
}

/// What makes two records the same in a condensation.
private struct BalanceKey: Hashable {
    let owner: Name
    let type: RRType
    let ttl: UInt32
    let data: RecordData
}
