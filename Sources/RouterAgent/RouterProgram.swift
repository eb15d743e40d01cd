private import Glibc
internal import Operations
internal import Transport

/// The program `torii-router`: what its `main` calls.
package enum RouterProgram {
    /// Runs the agent until it is told to stop.
    ///
    /// - Parameters:
    ///   - check: only say whether the configuration is right.
    ///   - dryRun: log what would be done, without touching the kernel.
    /// - Returns: the exit code: 0 done, 1 error.
    package static func run(configurationPath: String, check: Bool, dryRun: Bool) -> Int32 {
        SignalWatcher.block()
        let log = Log("router")
        let configuration: RouterConfiguration
        do throws(ConfigurationErrors) {
            configuration = try RouterConfiguration.load(from: configurationPath)
        } catch {
            StandardError.write("\(error)\n")
            return 1
        }
        guard !check else { return 0 }
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
            StandardError.write("torii-router: \(error)\n")
            return 1
        }
    }

    private static func serveMetrics(
        _ configuration: RouterConfiguration, _ agent: RouterAgent
    ) throws -> MetricsListener? {
        guard let metrics = configuration.metrics,
            let address = SocketAddress(metrics.listen.host, port: metrics.listen.port)
        else { return nil }
        let registry = MetricsRegistry(version: "1")
        registry.register { collection in
            guard let own = agent.onLoop({ $0.collectMetrics() }) else { return }
            for family in own.families { collection.add(family) }
        }
        return try MetricsListener(address) { registry.renderPrometheus() }
    }
}

/// Standard error, for what must be read even when the log is not yet configured.
enum StandardError {
    static func write(_ text: String) {
        let octets = Array(text.utf8)
        _ = unsafe Glibc.write(2, octets, octets.count)
    }
}
