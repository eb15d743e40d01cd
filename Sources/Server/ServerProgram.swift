internal import DNSCore
internal import Operations
internal import Resolver
internal import Transport

/// `toriid` from its command line to its exit code.
package enum ServerProgram {
    /// Runs the server until it is told to stop.
    ///
    /// - Returns: exit code: 0 after a clean stop, 1 when the server could not start.
    package static func run(configurationPath path: String) -> Int32 {
        SignalWatcher.block()
        let configuration: ServerConfiguration
        do throws(ConfigurationErrors) {
            configuration = try ServerConfiguration.load(from: path)
        } catch {
            report(error)
            return 1
        }
        Log.configure(configuration.log.common, linesPerSecond: configuration.limits.logRate)
        _ = ResourceLimits.raiseOpenFiles(to: 1 << 20)
        do throws(ServerError) {
            let server = try Server(configuration, path: path)
            return try serve(server, configuration)
        } catch {
            StandardStream(isError: true).write("toriid: \(error)")
            return 1
        }
    }

    private static func serve(
        _ server: Server, _ configuration: ServerConfiguration
    ) throws(ServerError) -> Int32 {
        let control: ControlServer
        do throws(ControlError) {
            Directories.make(forFileAt: configuration.control.socket)
            control = try ControlServer(
                path: configuration.control.socket, commands: ServerCommands.list(server),
                maximumClients: configuration.limits.controlClients)
            server.control = control
            try control.start()
        } catch {
            throw .system(what: "control socket \(configuration.control.socket)", reason: "\(error)")
        }
        defer { control.stop() }
        let metrics = try ServerMetrics.listen(server, configuration.metrics)
        defer { metrics?.close() }
        try server.start()
        LogSink.standardError.startQueueing()
        if WallClock.seconds < WallClock.earliest {
            Logs.server.error("the clock is before 2026: signatures and keys will look not yet valid")
        }
        for section in configuration.listen {
            Logs.server.info(
                "listening",
                [
                    "address": "\(section.address)", "port": "\(section.port)",
                    "protocols": section.protocols.map(\.rawValue).sorted().joined(separator: ","),
                ])
        }
        MemoryBudget.settle()
        Logs.server.notice(
            "ready", ["version": ProgramVersion.current, "zones": "\(configuration.zones.count)"])
        _ = ServiceManager.notify(.ready)
        while true {
            switch SignalWatcher.next() {
            case .stop:
                Logs.server.notice("stopping")
                _ = ServiceManager.notify(.stopping)
                server.stop()
                LogSink.standardError.flush()
                return 0
            case .reload:
                _ = ServiceManager.notify(.reloading)
                _ = reload(server)
                _ = ServiceManager.notify(.ready)
            case .reopen: break
            }
        }
    }

    /// Reloads and logs how it went.
    ///
    /// - Returns: whether the new configuration was taken, and what there is to say about it.
    static func reload(_ server: Server) -> (isTaken: Bool, lines: [String]) {
        var errors: [String] = []
        guard let notes = server.reload(errors: &errors) else {
            for line in errors { Logs.server.error("reload refused: \(line)") }
            return (false, errors)
        }
        for line in notes { Logs.server.warning("\(line)") }
        Logs.server.notice("reloaded")
        return (true, notes)
    }

    /// Checks a configuration and its zones.
    ///
    /// - Returns: 0 when the server would start with it and all zones load, else 1.
    package static func check(configurationPath path: String) -> Int32 {
        let configuration: ServerConfiguration
        do throws(ConfigurationErrors) {
            configuration = try ServerConfiguration.load(from: path)
        } catch {
            report(error)
            return 1
        }
        do throws(ServerError) {
            if configuration.recursion.enabled { _ = try ResolverConfiguration(configuration) }
            _ = try PolicyKeeper.read(configuration)
            _ = try Listeners().renewal(configuration.listen)
        } catch {
            StandardStream(isError: true).write("\(error)")
            return 1
        }
        var isGood = true
        for section in configuration.zones {
            guard let file = section.file, section.kind == .primary else { continue }
            do throws(FileContents.Failure) {
                try FileContents.probe(file)
            } catch {
                StandardStream(isError: true).write("\(section.filePlace): \(file) \(error)")
                isGood = false
                continue
            }
            isGood =
                ZoneCheck.run(
                    apex: section.name, file: file, recordLimit: section.maxRecords, zonemd: section.zonemd)
                && isGood
        }
        if isGood { StandardStream(isError: false).write("OK") }
        return isGood ? 0 : 1
    }

    /// Checks a zone file; the last line is `OK` when it can be served.
    ///
    /// - Parameters:
    ///   - isQuiet: whether only the exit code tells.
    ///   - output: a file that the zone is written to; `-`: standard output, without the `OK`.
    /// - Returns: 0 or 1.
    package static func checkZone(
        origin text: String, file: String, isQuiet: Bool = false, output: String? = nil
    ) -> Int32 {
        guard let apex = try? Name(text) else {
            if !isQuiet { StandardStream(isError: true).write("\(text) is not a domain name") }
            return 1
        }
        let isGood = ZoneCheck.run(
            apex: apex, file: file, recordLimit: .max, zonemd: .check, isQuiet: isQuiet, output: output)
        if isGood, !isQuiet, output != "-" { StandardStream(isError: false).write("OK") }
        return isGood ? 0 : 1
    }

    private static func report(_ errors: ConfigurationErrors) {
        for error in errors.errors { StandardStream(isError: true).write("\(error)") }
    }
}
