internal import DNSCore

/// One UPDATE from its prerequisites to its effect (RFC 2136 3.2 to 3.7), on the state that the update before it left.
enum ZoneUpdate {
    /// Carries `request` out on `edit`, wholly or not at all.
    ///
    /// Whoever has no rule at all was turned away before (``UpdatePolicy/admits(_:)``), so that prerequisites tell
    /// nothing of the zone to strangers; for everybody else the order is that of RFC 2136: prerequisites (3.2), then
    /// permissions (3.3), then the form of the updates (3.4.1).
    ///
    /// - Parameter room: records by which the zone may grow.
    /// - Returns: the difference with its serials; nil when nothing changes.
    /// - Throws: why not; `edit` is then as it was.
    static func run(
        _ request: UpdateRequest, on edit: inout ZoneEdit, apex: Name, policy: UpdatePolicy,
        settings: UpdateSettings, room: Int = .max,
        now: Int64
    ) throws(UpdateReason) -> ZoneDifference? {
        guard request.prerequisites.count + request.updates.count <= settings.recordsPerUpdate else {
            throw .tooManyRecords(apex, .any, limit: settings.recordsPerUpdate)
        }
        try Prerequisites.check(request.prerequisites, apex: apex, in: edit)
        let updates = try permitted(request, apex: apex, policy, edit)
        try Prescan.check(updates, apex: apex)
        var application = UpdateApplication(
            apex: apex, settings: settings, isStrict: request.requestor.isOperator)
        do throws(UpdateReason) {
            for record in updates { try application.apply(record, to: &edit) }
            guard room == .max || application.growth(edit) <= max(0, room) else {
                throw UpdateReason.tooManyRecords(apex, .any, limit: settings.recordsPerZone)
            }
            if settings.checksNameServers { try checkNameServers(updates, apex: apex, edit) }
        } catch {
            application.undo(&edit)
            throw error
        }
        return finish(&application, &edit, apex: apex, settings.serial, now: now)
    }

    /// Numbers the change (RFC 2136 3.6, 3.7): the serial goes up by one unless the update brought its own; a change
    /// that changes nothing on the whole leaves the zone as it was.
    static func finish(
        _ application: inout UpdateApplication, _ edit: inout ZoneEdit, apex: Name, _ policy: SerialPolicy,
        now: Int64
    ) -> ZoneDifference? {
        let changes = application.difference(edit)
        guard !changes.deleted.isEmpty || !changes.added.isEmpty, let soa = edit.rrset(at: apex, type: .soa),
            let data = soa.data.first, let serial = data.soaSerial
        else { return nil }
        var opening = soa
        var closing = soa
        if application.setsSerial {
            guard let old = changes.deleted.first(where: { $0.type == .soa }) else { return nil }
            opening = RRset(owner: old.owner, type: .soa, ttl: old.ttl, data: [old.data])
        } else {
            closing.data = [data.withSOASerial(policy.next(after: serial, now: now))]
            edit.put(closing)
        }
        guard let first = opening.records.first, let last = closing.records.first else { return nil }
        return ZoneDifference(
            deleted: [first] + changes.deleted.filter { $0.type != .soa },
            added: [last] + changes.added.filter { $0.type != .soa })
    }

    /// The update section as far as the policy allows it, private addresses dealt with (RFC 2136 3.3).
    private static func permitted(
        _ request: UpdateRequest, apex: Name, _ policy: UpdatePolicy, _ edit: borrowing ZoneEdit
    ) throws(UpdateReason) -> [ResourceRecord] {
        let requestor = request.requestor
        var updates = request.updates
        var counts: [RRsetKey: Int] = [:]
        for (index, record) in updates.enumerated() {
            if record.recordClass == .any, record.type == .any {
                try checkDeletion(ofName: record.owner, apex: apex, policy, requestor, edit)
                for set in edit.rrsets(at: record.owner) {
                    counts[RRsetKey(owner: record.owner, type: set.type)] = 0
                }
                continue
            }
            let key = RRsetKey(owner: record.owner, type: record.type)
            let set = edit.rrset(at: record.owner, type: record.type)
            let present = counts[key] ?? set?.data.count ?? 0
            let isAddition = record.recordClass == .internet
            // What is there already makes no new record.
            let isNew = isAddition && !(set?.data.contains(record.data) ?? false)
            if let denial = policy.check(
                owner: record.owner, type: record.type, adding: isNew, present: present, requestor: requestor)
            {
                throw .refused(denial)
            }
            switch record.recordClass {
            case .internet: counts[key] = isNew ? present + 1 : present
            case .any: counts[key] = 0
            default: counts[key] = max(0, present - 1)
            }
            if isAddition, policy.privateAddresses != .accept, !requestor.isOperator,
                let replacement = try replacement(for: record, policy, requestor)
            {
                updates[index] = replacement
            }
        }
        return updates
    }

    /// Deletion of a name is judged for every type that it has and that would go.
    private static func checkDeletion(
        ofName owner: Name, apex: Name, _ policy: UpdatePolicy, _ requestor: UpdateRequestor,
        _ edit: borrowing ZoneEdit
    ) throws(UpdateReason) {
        let sets = edit.rrsets(at: owner)
        if sets.isEmpty, let denial = policy.check(nameWithoutRecords: owner, requestor: requestor) {
            throw .refused(denial)
        }
        for set in sets where owner != apex || set.type != .soa && set.type != .ns {
            let denial = policy.check(
                owner: owner, type: set.type, adding: false, present: 0, requestor: requestor)
            if let denial { throw .refused(denial) }
        }
    }

    /// What takes the place of an addition of a private address that comes from outside; nil when it stays.
    private static func replacement(
        for record: ResourceRecord, _ policy: UpdatePolicy, _ requestor: UpdateRequestor
    ) throws(UpdateReason) -> ResourceRecord? {
        let source = requestor.source.unmapped
        guard record.type == .a || record.type == .aaaa, let address = IPAddress(octets: record.data.octets),
            address.isPrivate || address.isLoopback || address.isLinkLocal, !source.isPrivate,
            !source.isLoopback,
            !source.isLinkLocal
        else { return nil }
        guard policy.privateAddresses == .replace, source.isIPv6 == (record.type == .aaaa) else {
            throw .privateAddress(record.owner, address)
        }
        var result = record
        result.data = RecordData(source.octets)
        return result
    }

    /// Whether every name server of the zone that lies within it still has an address, as far as the update touched it.
    private static func checkNameServers(
        _ updates: [ResourceRecord], apex: Name, _ edit: borrowing ZoneEdit
    ) throws(UpdateReason) {
        let touched = Set(updates.lazy.filter { $0.recordClass != .internet }.map(\.owner))
        guard !touched.isEmpty, let servers = edit.rrset(at: apex, type: .ns) else { return }
        for data in servers.data {
            for name in data.names(as: .ns) where touched.contains(name) {
                guard edit.rrset(at: name, type: .a) != nil || edit.rrset(at: name, type: .aaaa) != nil else {
                    throw .nameServerAddress(name)
                }
            }
        }
    }
}
