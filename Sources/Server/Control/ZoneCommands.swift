internal import Authority
internal import DNSCore
internal import Operations

/// `zone ...`.
enum ZoneCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand("zone list", usage: "zone list", summary: "Lists the zones.") { _ in list(server) },
            ControlCommand("zone status", usage: "zone status ZONE", summary: "Tells how a zone is.") { request in
                withZone(request, server) { slot in .done(describe(slot, server)) }
            },
            ControlCommand(
                "zone reload", usage: "zone reload [ZONE]...", summary: "Reads zone files again.", isExclusive: true
            ) { request in reload(request, server) },
            ControlCommand("zone show", usage: "zone show ZONE [NAME]", summary: "Prints a zone's records.") {
                (request: ControlRequest, reply: ControlReply) in show(request, reply, server)
            },
        ]
    }

    private static func list(_ server: Server) -> ControlOutcome {
        let slots = server.zones.slots.all
        let lines = slots.map { describe($0, server) }
        let data = slots.map { slot -> JSONValue in
            .object([
                .init("name", .string("\(slot.name)")), .init("kind", .string(slot.section.kind.rawValue)),
                .init("serial", server.zones.snapshot(of: slot.name).map { .integer(Int($0.serial.rawValue)) } ?? .null),
            ])
        }
        return .done(lines.joined(separator: "\n"), data: .array(data))
    }

    private static func describe(_ slot: ZoneSlot, _ server: Server) -> String {
        let status = server.zones.status(of: slot.name)
        let serial = server.zones.snapshot(of: slot.name).map { "serial \($0.serial.rawValue)" } ?? "not loaded"
        let fault = status.fault.map { "; \($0)" } ?? ""
        return "\(slot.name) \(slot.section.kind.rawValue) \(serial)\(fault)"
    }

    private static func reload(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        var slots = server.zones.slots.all
        if !request.arguments.isEmpty {
            slots = []
            for text in request.arguments {
                guard let name = try? Name(text), let slot = server.zones.slots[name] else {
                    return .failed("no zone \(text)")
                }
                slots.append(slot)
            }
        }
        let faults = slots.compactMap { slot in server.zones.load(slot.section, isForced: true).map { "zone \(slot.name): \($0)" } }
        return faults.isEmpty ? .done("reloaded \(slots.count) zones") : .failed(faults.joined(separator: "\n"))
    }

    private static func show(_ request: ControlRequest, _ reply: ControlReply, _ server: Server) -> ControlOutcome {
        withZone(request, server) { slot in
            guard let snapshot = server.zones.snapshot(of: slot.name) else { return .failed("zone \(slot.name) is not loaded") }
            let only = request.arguments.count > 1 ? try? Name(request.arguments[1], origin: slot.name) : nil
            if request.arguments.count > 1, only == nil { return .badUsage("\(request.arguments[1]) is not a name") }
            var goesOn = true
            snapshot.forEachRRset { set in
                guard goesOn, only == nil || set.owner == only else { return }
                for record in set.records where goesOn { goesOn = reply.line("\(record)") }
            }
            return .done()
        }
    }

    private static func withZone(
        _ request: ControlRequest, _ server: Server, _ body: (ZoneSlot) -> ControlOutcome
    ) -> ControlOutcome {
        guard let text = request.arguments.first else { return .badUsage("which zone?") }
        guard let name = try? Name(text) else { return .badUsage("\(text) is not a name") }
        guard let slot = server.zones.slots[name] else { return .failed("no zone \(name)") }
        return body(slot)
    }
}
