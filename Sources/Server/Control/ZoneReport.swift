internal import Authority
internal import DNSCore
internal import Operations

/// All about one zone, as `zone status` shows it.
struct ZoneReport {
    private let slot: ZoneSlot
    private let snapshot: ZoneSnapshot?
    private let status: ZoneKeeper.Status
    private let lines: [(name: String, value: JSONValue)]

    init(_ slot: ZoneSlot, _ server: Server) {
        self.slot = slot
        snapshot = server.zones.snapshot(of: slot.name)
        status = server.zones.status(of: slot.name)
        var lines: [(String, JSONValue)] = [
            ("name", .string("\(slot.name)")), ("kind", .string(slot.section.kind.rawValue)),
            ("serial", snapshot.map { .integer(Int($0.serial.rawValue)) } ?? .null),
            ("loaded", .bool(snapshot != nil)),
        ]
        if let snapshot {
            lines.append(("names", .integer(snapshot.nameCount)))
            lines.append(("memory", .integer(snapshot.memorySize)))
            lines.append(("signed", .bool(snapshot.isSigned)))
            lines.append(("changed", .integer(Int(status.changedAt))))
        }
        lines.append(("frozen", .bool(server.zones.committer?.isFrozen(slot.name) ?? false)))
        lines.append(("origin", .string(server.roster.origin(of: slot.name))))
        if let role = slot.section.catalog?.role { lines.append(("catalog", .string(role.rawValue))) }
        if let file = slot.section.file { lines.append(("file", .string(file))) }
        if slot.section.kind == .secondary, snapshot != nil {
            lines.append(("confirmed", .integer(Int(status.confirmedAt))))
        }
        let counters = slot.counters
        if counters !== server.zones.otherCounters {
            lines.append(("queries", .integer(Int(clamping: counters.queries))))
            for counter in ZoneCounters.Counter.allCases {
                lines.append((counter.label, .integer(Int(clamping: counters.value(counter)))))
            }
        }
        if let fault = status.fault { lines.append(("fault", .string(fault))) }
        if !status.warnings.isEmpty {
            lines.append(("warnings", .array(status.warnings.map { .string($0) })))
        }
        self.lines = lines
    }

    /// The report for programs.
    var data: JSONValue { .object(lines.map { .init($0.name, $0.value) }) }

    /// The report for people: one line on how it is, then one for each figure; an error when the zone is not served.
    var outcome: ControlOutcome {
        let serial = snapshot.map { "serial \($0.serial.rawValue)" } ?? "not loaded"
        let fault = status.fault.map { "; \($0)" } ?? ""
        var text = ["\(slot.name) \(slot.section.kind.rawValue) \(serial)\(fault)"]
        for (name, value) in lines.dropFirst(4) where name != "fault" {
            switch value {
            case .array(let list): text += list.map { "warning: \(Self.text($0))" }
            default: text.append("\(name): \(Self.text(value))")
            }
        }
        let all = text.joined(separator: "\n")
        return snapshot == nil ? .failed(all, data: data) : .done(all, data: data)
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return value.text
    }
}
