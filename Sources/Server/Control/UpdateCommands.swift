internal import Authority
internal import DNSCore
internal import Operations

/// `update explain`: which rule decides, and why updates were refused.
enum UpdateCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "update explain",
                usage:
                    "update explain [ZONE] [--key KEY] [--from ADDRESS] [--name NAME] [--type TYPE] [--count N]",
                summary: "Says which rule decides on an update, or why the last ones were refused.",
                isExclusive: false
            ) { request in explain(request, server) }
        ]
    }

    private static func explain(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let text = request.arguments.first else { return recent(request) }
        guard let name = try? Name(text), let slot = server.zones.slots[name] else {
            return .failed("no zone \(text)")
        }
        guard
            request.options["name"] != nil || request.options["key"] != nil || request.options["from"] != nil
        else {
            return recent(request, zone: slot.name)
        }
        guard let owner = ZoneCommands.owner(request.options["name"] ?? "@", slot) else {
            return .badUsage("\(request.options["name"] ?? "") is not a name")
        }
        guard let type = RRType(mnemonic: request.options["type"] ?? "A") else {
            return .badUsage("\(request.options["type"] ?? "") is not a type")
        }
        guard let source = IPAddress(request.options["from"] ?? "127.0.0.1") else {
            return .badUsage("\(request.options["from"] ?? "") is not an address")
        }
        let key = request.options["key"].flatMap { try? Name($0) }
        let present = server.zones.snapshot(of: slot.name)?.rrset(at: owner, type: type)?.data.count ?? 0
        let explanation = UpdatePolicy(slot.section).explain(
            owner: owner, type: type, present: present,
            requestor: UpdateRequestor(source: source, key: key, isStream: true))
        let verdict = explanation.isAllowed ? "allowed" : "refused"
        return .done((explanation.lines + ["\(owner) \(type): \(verdict)"]).joined(separator: "\n"))
    }

    private static func recent(_ request: ControlRequest, zone: Name? = nil) -> ControlOutcome {
        let count = request.options["count"].flatMap { Int($0) } ?? 10
        let lines = UpdateLog.recent(count, zone: zone)
        return .done(lines.isEmpty ? "no update was refused since the start" : lines.joined(separator: "\n"))
    }
}
