internal import Authority
internal import DNSCore
internal import Operations
internal import Synchronization
internal import Transport

/// `zone set` and `zone unset`: the operator's changes, which go the way of every update.
enum ZoneEditing {
    /// Adds the record that the arguments after the zone spell out.
    static func set(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        ZoneCommands.withZone(request, server) { slot in
            let text = request.arguments.dropFirst().joined(separator: " ")
            let parts = text.split(separator: " ", maxSplits: 1)
            let owner = parts.first.flatMap { ZoneCommands.owner(String($0), slot) }
            let line = owner.map { "\($0) " + (parts.count > 1 ? String(parts[1]) : "") } ?? text
            switch record(line, slot) {
            case .success(let record): return apply([record], slot, server)
            case .failure(let problem): return .badUsage(problem.text)
            }
        }
    }

    /// Removes what the arguments after the zone name: a name, a set, or one record.
    static func unset(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        ZoneCommands.withZone(request, server) { slot in
            let words = Array(request.arguments.dropFirst())
            guard let first = words.first, let owner = ZoneCommands.owner(first, slot) else {
                return .badUsage("usage: zone unset ZONE NAME [TYPE [DATA...]]")
            }
            let nothing = RecordData([])
            guard words.count > 1 else {
                return apply(
                    [ResourceRecord(owner: owner, type: .any, recordClass: .any, ttl: 0, data: nothing)],
                    slot, server)
            }
            guard let type = RRType(mnemonic: words[1]) else { return .badUsage("\(words[1]) is not a type") }
            guard words.count > 2 else {
                return apply(
                    [ResourceRecord(owner: owner, type: type, recordClass: .any, ttl: 0, data: nothing)],
                    slot, server)
            }
            let line = "\(owner) 0 IN \(type) " + words[2...].joined(separator: " ")
            switch record(line, slot) {
            case .success(var record):
                record.recordClass = .none
                record.ttl = 0
                return apply([record], slot, server)
            case .failure(let problem): return .badUsage(problem.text)
            }
        }
    }

    /// Changes that wait for `zone edit ZONE commit`, by zone.
    private static let gathered = Mutex<[Name: [ResourceRecord]]>([:])

    /// `zone edit ZONE begin|commit|abort`.
    static func edit(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        ZoneCommands.withZone(request, server) { slot in
            let step = request.arguments.count > 1 ? request.arguments[1] : ""
            switch step {
            case "begin":
                let isNew = gathered.withLock { list in
                    guard list[slot.name] == nil else { return false }
                    list[slot.name] = []
                    return true
                }
                return isNew
                    ? .done("changes are gathered") : .failed("an edit of \(slot.name) is open already")
            case "commit":
                guard let records = gathered.withLock({ $0.removeValue(forKey: slot.name) }) else {
                    return .failed("no edit of \(slot.name) is open")
                }
                return records.isEmpty ? .done("nothing to change") : submit(records, slot, server)
            case "abort":
                let had = gathered.withLock { $0.removeValue(forKey: slot.name) }
                return had == nil ? .failed("no edit of \(slot.name) is open") : .done("forgotten")
            default: return .badUsage("usage: zone edit ZONE begin|commit|abort")
            }
        }
    }

    /// `zone diff ZONE`: what has been gathered; without an open edit, how the served zone differs from its file.
    static func difference(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        ZoneCommands.withZone(request, server) { slot in
            if let records = gathered.withLock({ $0[slot.name] }) {
                let lines = records.map { record in
                    if record.recordClass == .internet { return "+ \(record)" }
                    let type = record.type == .any ? "" : " \(record.type)"
                    let data =
                        record.data.octets.isEmpty ? "" : " " + record.data.presentation(as: record.type)
                    return "- \(record.owner)\(type)\(data)"
                }
                return .done(lines.isEmpty ? "nothing gathered" : lines.joined(separator: "\n"))
            }
            guard let snapshot = server.zones.snapshot(of: slot.name) else {
                return .failed("\(slot.name) is not loaded")
            }
            guard let file = slot.section.file else { return .failed("\(slot.name) has no file") }
            do throws(ZoneError) {
                let loaded = try ZoneLoader.load(file: file, apex: slot.name)
                let lines = compare(loaded.snapshot, snapshot)
                return .done(lines.isEmpty ? "the file is up to date" : lines.joined(separator: "\n"))
            } catch {
                return .failed(error.lines.joined(separator: "\n"))
            }
        }
    }

    /// What turns `old` into `new`, in zone-file lines.
    private static func compare(_ old: ZoneSnapshot, _ new: ZoneSnapshot) -> [String] {
        var removed: Set<ResourceRecord> = []
        var added: Set<ResourceRecord> = []
        old.forEachRRset { removed.formUnion($0.records) }
        new.forEachRRset { set in
            for record in set.records where removed.remove(record) == nil { added.insert(record) }
        }
        return removed.map { "- \($0)" }.sorted() + added.map { "+ \($0)" }.sorted()
    }

    private struct Problem: Error {
        let text: String
    }

    private static func record(_ text: String, _ slot: ZoneSlot) -> Result<ResourceRecord, Problem> {
        do throws(ZoneTextError) {
            var scanner = ZoneTextScanner(
                text: Array(text.utf8), name: "record", origin: slot.name,
                options: ZoneTextOptions(defaultTTL: 3600, allowsInclude: false))
            guard try scanner.next() else { return .failure(Problem(text: "which record?")) }
            return .success(scanner.record())
        } catch {
            return .failure(Problem(text: error.reason.description))
        }
    }

    private static func apply(
        _ records: [ResourceRecord], _ slot: ZoneSlot, _ server: Server
    ) -> ControlOutcome {
        let isGathered = gathered.withLock { list in
            guard list[slot.name] != nil else { return false }
            list[slot.name]?.append(contentsOf: records)
            return true
        }
        return isGathered ? .done("gathered") : submit(records, slot, server)
    }

    private static func submit(
        _ records: [ResourceRecord], _ slot: ZoneSlot, _ server: Server
    ) -> ControlOutcome {
        guard slot.section.kind == .primary else { return .failed("\(slot.name) is a secondary zone") }
        guard let committer = server.zones.committer else { return .failed("the server is stopping") }
        let requestor = UpdateRequestor(source: .loopbackIPv4, isStream: true, isOperator: true)
        switch UpdateRequest.make(zone: Question(name: slot.name, type: .soa), [], records, requestor) {
        case .failure(let reason): return .failed("\(reason)")
        case .success(let request):
            let reply = Handover<UpdateReason>()
            committer.submit(request) { reply.give($0) }
            guard let reason = reply.wait(seconds: 60) else {
                return .failed("no answer from the zone's writer")
            }
            return reason.responseCode == .noError ? .done("\(reason)") : .failed("\(reason)")
        }
    }
}
