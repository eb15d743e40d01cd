internal import Authority
internal import DNSCore
internal import Operations

/// `zone ...`.
enum ZoneCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand("zone list", usage: "zone list", summary: "Lists the zones.") { _ in list(server)
            },
            ControlCommand("zone status", usage: "zone status ZONE", summary: "Tells how a zone is.") {
                request in
                withZone(request, server) { slot in ZoneReport(slot, server).outcome }
            },
            ControlCommand(
                "zone reload", usage: "zone reload [ZONE]...", summary: "Reads zone files again.",
                isExclusive: true
            ) { request in reload(request, server) },
            ControlCommand("zone flush", usage: "zone flush [ZONE]...", summary: "Writes zone files anew.") {
                request in
                onZones(request, server, skipping: { $0.section.file == nil }) {
                    (slot, committer) throws(JournalError) -> String? in
                    try committer.flush(slot.name)
                    return nil
                }
            },
            ControlCommand(
                "zone freeze", usage: "zone freeze ZONE...",
                summary: "Writes the file and refuses updates, so that it can be edited."
            ) { request in
                onZones(request, server) { (slot, committer) throws(JournalError) -> String? in
                    if committer.isFrozen(slot.name) { return "frozen already" }
                    try committer.freeze(slot.name)
                    return nil
                }
            },
            ControlCommand(
                "zone thaw", usage: "zone thaw ZONE...", summary: "Reads the file again and takes updates."
            ) {
                request in
                onZones(request, server, telling: { warnings(of: $0, server) }) {
                    (slot, committer) throws(JournalError) -> String? in
                    let faults = server.zones.reload(slot.section)
                    // A file that is refused is to be edited on: until then no updates.
                    guard faults.isEmpty else { return faults.joined(separator: "\n") }
                    try committer.thaw(slot.name)
                    return nil
                }
            },
            ControlCommand("zone notify", usage: "zone notify ZONE...", summary: "Tells the secondaries.") {
                request in
                eachZone(request, server) { slot in
                    guard server.zones.snapshot(of: slot.name) != nil else {
                        return .failure("is not loaded")
                    }
                    server.core.transferDesk?.renotify(slot.name)
                    return .success("NOTIFY is on its way to \(slot.section.notify.count) servers")
                }
            },
            ControlCommand("zone refresh", usage: "zone refresh ZONE...", summary: "Asks the primaries now.")
            {
                request in
                secondary(request, server, full: false)
            },
            ControlCommand(
                "zone retransfer", usage: "zone retransfer ZONE...", summary: "Fetches the whole zone anew."
            ) {
                request in secondary(request, server, full: true)
            },
            ControlCommand("zone set", usage: "zone set ZONE RECORD...", summary: "Adds a record.") {
                request in
                ZoneEditing.set(request, server)
            },
            ControlCommand(
                "zone unset", usage: "zone unset ZONE NAME [TYPE [DATA...]]", summary: "Removes records."
            ) {
                request in ZoneEditing.unset(request, server)
            },
            ControlCommand(
                "zone edit", usage: "zone edit ZONE begin|commit|abort",
                summary: "Gathers the changes of zone set and unset, to be made together."
            ) { request in ZoneEditing.edit(request, server) },
            ControlCommand(
                "zone diff", usage: "zone diff ZONE",
                summary: "Shows gathered changes, else how the zone differs from its file."
            ) { request in ZoneEditing.difference(request, server) },
            ControlCommand(
                "zone add", usage: "zone add ZONE OPTIONS...",
                summary:
                    "Adds a zone; its options as in the configuration, e.g. kind: secondary, primaries: [...]."
            ) { request in add(request, server) },
            ControlCommand(
                "zone delete", usage: "zone delete ZONE [--clean]",
                summary: "Removes a zone that zone add has added; --clean: with its journal."
            ) { request in delete(request, server) },
            ControlCommand("zone show", usage: "zone show ZONE [NAME]", summary: "Prints a zone's records.") {
                (request: ControlRequest, reply: ControlReply) in show(request, reply, server)
            },
        ]
    }

    private static func list(_ server: Server) -> ControlOutcome {
        let slots = server.zones.slots.all
        let lines = slots.map { slot in
            let status = server.zones.status(of: slot.name)
            let serial =
                server.zones.snapshot(of: slot.name).map { "serial \($0.serial.rawValue)" } ?? "not loaded"
            let fault = (status.fault ?? status.catalogFault).map { "; \($0)" } ?? ""
            return "\(slot.name) \(slot.section.kind.rawValue) \(serial)\(fault)"
        }
        return .done(
            lines.joined(separator: "\n"), data: .array(slots.map { ZoneReport($0, server).data }))
    }

    private static func add(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let text = request.arguments.first, let name = try? Name(text) else {
            return .badUsage("usage: zone add ZONE OPTIONS...")
        }
        var options = request.arguments.dropFirst().joined(separator: " ")
        options = String(options.map { $0.isNewline || $0 == "\t" ? " " : $0 })
        options = options.drop { $0 == " " }.description
        if options.hasPrefix("{"), options.hasSuffix("}") { options = String(options.dropFirst().dropLast()) }
        switch server.roster.add(name, options, path: server.path) {
        case .added(let notes): return .done((["zone \(name) added"] + notes).joined(separator: "\n"))
        case .refused(let reasons): return .failed(reasons.joined(separator: "\n"))
        }
    }

    private static func delete(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let text = request.arguments.first else { return .badUsage("which zone?") }
        guard let name = try? Name(text) else { return .badUsage("\(text) is not a name") }
        if let problem = server.roster.delete(name, cleans: request.has("clean")) { return .failed(problem) }
        return .done("zone \(name) removed")
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
        let faults = slots.flatMap { slot in
            server.zones.reload(slot.section).map { "zone \(slot.name): \($0)" }
        }
        let notes = slots.count > 10 ? [] : slots.flatMap { warnings(of: $0, server) }
        return faults.isEmpty
            ? .done((["reloaded \(slots.count) zones"] + notes).joined(separator: "\n"))
            : .failed(faults.joined(separator: "\n"))
    }

    /// What loading had to say of a zone that is served all the same.
    private static func warnings(of slot: ZoneSlot, _ server: Server) -> [String] {
        server.zones.status(of: slot.name).warnings.map { "zone \(slot.name): warning: \($0)" }
    }

    private static func show(
        _ request: ControlRequest, _ reply: ControlReply, _ server: Server
    ) -> ControlOutcome {
        withZone(request, server) { slot in
            guard let snapshot = server.zones.snapshot(of: slot.name) else {
                return .failed("zone \(slot.name) is not loaded")
            }
            let only = request.arguments.count > 1 ? owner(request.arguments[1], slot) : nil
            if request.arguments.count > 1, only == nil {
                return .badUsage("\(request.arguments[1]) is not a name")
            }
            var goesOn = true
            snapshot.forEachRecord { record in
                guard goesOn, only == nil || record.owner == only else { return }
                goesOn = reply.line("\(record)")
            }
            return .done()
        }
    }

    private static func secondary(_ request: ControlRequest, _ server: Server, full: Bool) -> ControlOutcome {
        eachZone(request, server) { slot in
            guard slot.section.kind == .secondary else { return .failure("is not a secondary zone") }
            server.core.transferDesk?.request(slot.name, full: full)
            return .success("the primaries are being asked")
        }
    }

    /// What is said of one zone.
    private enum Verdict {
        case success(String)
        case failure(String)
    }

    /// Does something with each zone that is named; one at least must be.
    private static func eachZone(
        _ request: ControlRequest, _ server: Server, _ body: (ZoneSlot) -> Verdict
    ) -> ControlOutcome {
        guard !request.arguments.isEmpty else { return .badUsage("which zone?") }
        var slots: [ZoneSlot] = []
        for text in request.arguments {
            guard let name = try? Name(text), let slot = server.zones.slots[name] else {
                return .failed("no zone \(text)")
            }
            slots.append(slot)
        }
        var lines: [String] = []
        var isDone = true
        for slot in slots {
            switch body(slot) {
            case .success(let text): lines.append(slots.count > 1 ? "\(slot.name): \(text)" : text)
            case .failure(let text):
                isDone = false
                lines.append("\(slot.name) \(text)")
            }
        }
        let text = lines.joined(separator: "\n")
        return isDone ? .done(text) : .failed(text)
    }

    /// Does something with the journals of the zones that are named; of all but those skipped, when none is.
    private static func onZones(
        _ request: ControlRequest, _ server: Server, skipping isSkipped: (ZoneSlot) -> Bool = { _ in false },
        telling notes: (ZoneSlot) -> [String] = { _ in [] },
        _ body: (ZoneSlot, ZoneCommitter) throws(JournalError) -> String?
    ) -> ControlOutcome {
        guard let committer = server.zones.committer else { return .failed("the server is stopping") }
        var slots: [ZoneSlot] = []
        for text in request.arguments {
            guard let name = try? Name(text), let slot = server.zones.slots[name] else {
                return .failed("no zone \(text)")
            }
            slots.append(slot)
        }
        if request.arguments.isEmpty { slots = server.zones.slots.all.filter { !isSkipped($0) } }
        var faults: [String] = []
        for slot in slots {
            do throws(JournalError) {
                let found = try body(slot, committer)?.split(separator: "\n") ?? []
                faults += found.map { "zone \(slot.name): \($0)" }
            } catch {
                faults.append("zone \(slot.name): \(ZoneKeeper.text(of: error))")
            }
        }
        let done = ["done: \(slots.count) zones"] + (slots.count > 10 ? [] : slots.flatMap(notes))
        return faults.isEmpty
            ? .done(done.joined(separator: "\n")) : .failed(faults.joined(separator: "\n"))
    }

    /// A name as an operator writes it: relative to the zone, or whole, with or without the dot at its end.
    static func owner(_ text: String, _ slot: ZoneSlot) -> Name? {
        if !text.hasSuffix("."), let whole = try? Name(text + "."),
            whole == slot.name || whole.isBelow(slot.name)
        {
            return whole
        }
        return try? Name(text, origin: slot.name)
    }

    static func withZone(
        _ request: ControlRequest, _ server: Server, _ body: (ZoneSlot) -> ControlOutcome
    ) -> ControlOutcome {
        guard let text = request.arguments.first else { return .badUsage("which zone?") }
        guard let name = try? Name(text) else { return .badUsage("\(text) is not a name") }
        guard let slot = server.zones.slots[name] else { return .failed("no zone \(name)") }
        return body(slot)
    }
}
