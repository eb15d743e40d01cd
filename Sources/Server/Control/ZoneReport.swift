internal import Authority
internal import DNSCore
internal import Operations

/// All about one zone, as `zone status` shows it.
struct ZoneReport {
    private let slot: ZoneSlot
    private let snapshot: ZoneSnapshot?
    private let status: ZoneKeeper.Status
    private let primaries: [String]
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
            let counts = snapshot.counts
            lines.append(("names", .integer(counts.names)))
            lines.append(("records", .integer(counts.records)))
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
            if let lifetime = Self.lifetime(snapshot, slot.section) {
                lines.append(("expires", .integer(Int(status.confirmedAt) + lifetime)))
            }
        }
        let counters = slot.counters
        if counters !== server.zones.otherCounters {
            lines.append(("queries", .integer(Int(clamping: counters.queries))))
            for counter in ZoneCounters.Counter.allCases {
                lines.append((counter.label, .integer(Int(clamping: counters.value(counter)))))
            }
        }
        let attempts = status.attempts.sorted { $0.key < $1.key }.map(\.value)
        if !attempts.isEmpty {
            lines.append(("primaries", .array(attempts.map(\.data))))
            primaries = attempts.map { "primary \($0.line)" }
        } else {
            primaries = []
        }
        if let fault = status.fault ?? status.catalogFault { lines.append(("fault", .string(fault))) }
        if !status.faults.isEmpty { lines.append(("faults", .array(status.faults.map { .string($0) }))) }
        if !status.warnings.isEmpty {
            lines.append(("warnings", .array(status.warnings.map { .string($0) })))
        }
        self.lines = lines
    }

    /// Seconds that a secondary zone is served without a primary's word: the SOA's expiry, and no less than a refresh and
    /// a retry take.
    private static func lifetime(_ snapshot: ZoneSnapshot?, _ section: ZoneSection) -> Int? {
        guard let data = snapshot?.soa.data.first?.octets, data.count >= 22 else { return nil }
        func field(_ index: Int) -> Int {
            data.suffix(20).dropFirst(4 * index).prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }
        let shortest = Int(section.minRefresh.components.seconds)
        let longest = max(shortest, Int(section.maxRefresh.components.seconds))
        let pause = [field(1), field(2)].reduce(0) { $0 + min(max($1, shortest), longest) }
        return max(field(3), pause)
    }

    /// The report for programs.
    var data: JSONValue { .object(lines.map { .init($0.name, $0.value) }) }

    /// The report for people: one line on how it is, then one for each figure; an error when the zone is not served.
    var outcome: ControlOutcome {
        let serial = snapshot.map { "serial \($0.serial.rawValue)" } ?? "not loaded"
        let fault = (status.fault ?? status.catalogFault).map { "; \($0)" } ?? ""
        var text = ["\(slot.name) \(slot.section.kind.rawValue) \(serial)\(fault)"]
        for (name, value) in lines.dropFirst(4) where name != "fault" {
            switch value {
            case .integer(let seconds) where Self.times.contains(name):
                text.append("\(name): \(UTCTime(seconds: seconds).description(milliseconds: 0))")
            case .array where name == "primaries": text += primaries
            case .array(let list):
                text += list.map { "\(name == "warnings" ? "warning" : "fault"): \(Self.text($0))" }
            default: text.append("\(name): \(Self.text(value))")
            }
        }
        let all = text.joined(separator: "\n")
        return snapshot == nil ? .failed(all, data: data) : .done(all, data: data)
    }

    /// Lines that are seconds since 1970.
    private static let times: Set<String> = ["changed", "confirmed", "expires"]

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return value.text
    }
}
