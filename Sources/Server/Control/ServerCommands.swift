internal import Authority
internal import DNSCore
internal import Operations

/// The commands of `toriid`'s control channel.
///
/// One line each.
enum ServerCommands {
    static func list(_ server: Server) -> CommandList {
        CommandList(
            StatusCommand.commands(server) + ZoneCommands.commands(server) + CacheCommands.commands(server)
                + TraceCommand.commands(server)
                + UpdateCommands.commands(server)
                + LogCommands.commands(server) + KeyCommands.commands(server)
                + DNSSECCommands.commands(server) + TopCommands.commands(server)
                + NTSCommands.commands(server))
    }
}

/// `status`, `stop`, `reload`, `stats`.
enum StatusCommand {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand("status", usage: "status", summary: "Tells how the server is.", isExclusive: false)
            { _ in status(server) },
            ControlCommand("stop", usage: "stop", summary: "Stops the server.", isExclusive: false) { _ in
                SignalWatcher.raise(.stop)
                return .done("stopping")
            },
            ControlCommand(
                "reload", usage: "reload [--dry-run]",
                summary: "Reads configuration and zones again, or only says whether it would be taken.",
                isExclusive: true
            ) { request in
                if request.has("dry-run") { return dryRun(server) }
                let result = ServerProgram.reload(server)
                let text = result.lines.joined(separator: "\n")
                guard result.isTaken else { return .failed(text) }
                let faulty = server.zones.faultyCount
                guard faulty == 0 else {
                    return .failed("\(text)\nreloaded, but for the files of \(faulty) zones")
                }
                return .done(text.isEmpty ? "reloaded" : text)
            },
            ControlCommand("stats", usage: "stats", summary: "Prints all figures.", isExclusive: false) { _ in
                let figures = ServerMetrics.registry(server).collect()
                return .done(figures.statisticsText, data: figures.statisticsData)
            },
        ]
    }

    private static func dryRun(_ server: Server) -> ControlOutcome {
        do throws(Server.ReloadFailure) {
            let (next, notes) = try server.examine()
            let faults = server.zones.examine(next.zones)
            let text = (["the configuration would be taken"] + notes + faults).joined(separator: "\n")
            return faults.isEmpty ? .done(text) : .failed(text)
        } catch {
            return .failed(error.lines.joined(separator: "\n"))
        }
    }

    private static func status(_ server: Server) -> ControlOutcome {
        let uptime = WallClock.seconds - server.startTime
        let zones = server.zones.slots.all
        let faulty = zones.filter { server.zones.snapshot(of: $0.name) == nil }.count
        let queries = server.core.sum(.queries)
        let text = """
            version: \(ProgramVersion.current)
            running for: \(uptime) s
            workers: \(server.core.workers.count)
            zones: \(zones.count) (\(faulty) not loaded)
            queries: \(queries)
            recursion: \(server.core.cache == nil ? "off" : "on")
            """
        return .done(
            text,
            data: .object([
                .init("version", .string(ProgramVersion.current)), .init("uptime", .integer(Int(uptime))),
                .init("workers", .integer(server.core.workers.count)), .init("zones", .integer(zones.count)),
                .init("zonesNotLoaded", .integer(faulty)), .init("queries", .integer(Int(clamping: queries))),
                .init("recursion", .bool(server.core.cache != nil)),
            ]))
    }
}
