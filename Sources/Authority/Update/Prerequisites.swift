package import DNSCore

/// The prerequisite section, checked against one state of the zone (RFC 2136 3.2).
///
/// Nothing is matched by wildcards or synthesized, and an empty non-terminal is not a name in use (RFC 2136 2.4.4).
enum Prerequisites {
    /// Checks all prerequisites in their order, then the sets with data (RFC 2136 3.2.5).
    static func check(
        _ records: [ResourceRecord], apex: Name, in edit: borrowing ZoneEdit
    ) throws(UpdateReason) {
        guard !records.isEmpty else { return }
        var valued: [(record: ResourceRecord, index: Int)] = []
        for (offset, record) in records.enumerated() {
            let index = offset + 1
            guard record.ttl == 0 else { throw .malformed(.ttl, .answer, record: index) }
            guard record.owner.isAtOrBelow(apex) else {
                throw .outsideZone(record.owner, .answer, record: index)
            }
            switch record.recordClass {
            case .any:
                guard record.data.octets.isEmpty else {
                    throw .malformed(.unexpectedData, .answer, record: index)
                }
                try checkExistence(of: record, index, in: edit)
            case .none:
                guard record.data.octets.isEmpty else {
                    throw .malformed(.unexpectedData, .answer, record: index)
                }
                try checkAbsence(of: record, index, in: edit)
            case .internet:
                guard !record.type.isMeta else { throw .malformed(.type, .answer, record: index) }
                guard record.data.isWellFormed(as: record.type) else {
                    throw .malformed(.recordData, .answer, record: index)
                }
                valued.append((record, index))
            default:
                throw .malformed(.recordClass, .answer, record: index)
            }
        }
        try checkSets(valued, in: edit)
    }

    /// RFC 2136 2.4.1 and 2.4.4.
    private static func checkExistence(
        of record: ResourceRecord, _ index: Int, in edit: borrowing ZoneEdit
    ) throws(UpdateReason) {
        if record.type == .any {
            guard !edit.rrsets(at: record.owner).isEmpty else {
                throw .prerequisite(
                    PrerequisiteFailure(demand: .nameInUse, name: record.owner, type: .any, record: index))
            }
        } else if edit.rrset(at: record.owner, type: record.type) == nil {
            throw .prerequisite(
                PrerequisiteFailure(
                    demand: .rrsetExists, name: record.owner, type: record.type, record: index))
        }
    }

    /// RFC 2136 2.4.3 and 2.4.5.
    private static func checkAbsence(
        of record: ResourceRecord, _ index: Int, in edit: borrowing ZoneEdit
    ) throws(UpdateReason) {
        if record.type == .any {
            guard edit.rrsets(at: record.owner).isEmpty else {
                throw .prerequisite(
                    PrerequisiteFailure(demand: .nameNotInUse, name: record.owner, type: .any, record: index))
            }
        } else if edit.rrset(at: record.owner, type: record.type) != nil {
            throw .prerequisite(
                PrerequisiteFailure(
                    demand: .rrsetDoesNotExist, name: record.owner, type: record.type, record: index))
        }
    }

    /// RFC 2136 2.4.2: the set must be the same, without TTLs.
    ///
    /// It is a set: a record given twice counts once.
    private static func checkSets(
        _ valued: [(record: ResourceRecord, index: Int)], in edit: borrowing ZoneEdit
    ) throws(UpdateReason) {
        var wanted: [RRsetKey: (data: Set<RecordData>, index: Int)] = [:]
        var order: [RRsetKey] = []
        for (record, index) in valued {
            let key = RRsetKey(owner: record.owner, type: record.type)
            if wanted[key] == nil { order.append(key) }
            wanted[key, default: ([], index)].data.insert(record.data.canonical(as: record.type))
        }
        for key in order {
            guard let (data, index) = wanted[key] else { continue }
            let present =
                edit.rrset(at: key.owner, type: key.type)?.data.map { $0.canonical(as: key.type) } ?? []
            guard Set(present) == data else {
                throw .prerequisite(
                    PrerequisiteFailure(
                        demand: .rrsetExistsWithData, name: key.owner, type: key.type, record: index))
            }
        }
    }
}

/// What identifies a set within a zone.
package struct RRsetKey: Hashable, Sendable {
    package var owner: Name
    package var type: RRType

    package init(owner: Name, type: RRType) {
        self.owner = owner
        self.type = type
    }
}
