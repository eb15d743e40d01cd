internal import Operations
internal import Transport

/// The program `torii-router`: what its `main` calls.
package enum RouterProgram {
    /// Runs the agent until it is told to stop.
    ///
    /// - Parameters:
    ///   - path: the configuration file.
    ///   - dryRun: log what would be done, without touching the kernel.
    /// - Returns: the exit code: 0 done, 1 error.
    package static func run(configuration path: String, dryRun: Bool) -> Int32 {
        SignalWatcher.block()
        let log = Log("router")
        guard let configuration = load(path) else { return 1 }
        Log.configure(configuration.log)
        do {
            let loop = try EventLoop()
            let agent = try RouterAgent(configuration: configuration, loop: loop, isDryRun: dryRun)
            let mailbox = loop.mailbox
            let control = try ControlServer(
                path: configuration.control.socket, commands: agent.controlCommands { mailbox.stop() })
            try control.start()
            let metrics = try serveMetrics(configuration, agent)
            SignalWatcher.start { signal in
                if signal == .stop { mailbox.stop() }
            }
            log.notice("running", ["outside": configuration.router.outside.joined(separator: ",")])
            ServiceManager.notify(.ready)
            loop.run()
            ServiceManager.notify(.stopping)
            metrics?.close()
            control.stop()
            agent.close()
            log.notice("stopped")
            return 0
        } catch {
            log.critical("\(error)")
            StandardStream(isError: true).write("torii-router: \(error)\n")
            return 1
        }
    }

    /// Says whether the configuration is right; exit code 0 or 1.
    package static func check(configuration path: String) -> Int32 {
        load(path) == nil ? 1 : 0
    }

    static func load(_ path: String) -> RouterConfiguration? {
        do throws(ConfigurationErrors) {
            return try RouterConfiguration.load(from: path)
        } catch {
            StandardStream(isError: true).write("\(error)\n")
            return nil
        }
    }

    private static func serveMetrics(
        _ configuration: RouterConfiguration, _ agent: RouterAgent
    ) throws -> MetricsListener? {
        guard let metrics = configuration.metrics,
            let address = SocketAddress(metrics.listen.host, port: metrics.listen.port)
        else { return nil }
        let registry = MetricsRegistry(version: ProgramVersion.current)
        registry.register { collection in
            guard let own = agent.onLoop({ $0.collectMetrics() }) else { return }
            for family in own.families { collection.add(family) }
        }
        return try MetricsListener(address) { registry.renderPrometheus() }
    }
}
