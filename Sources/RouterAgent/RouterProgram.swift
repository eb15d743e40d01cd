internal import CShims
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
            try prepareDirectories(configuration)
            let reload: @Sendable () -> ControlOutcome = { Self.reload(path, agent) }
            let control = try ControlServer(
                path: configuration.control.socket,
                commands: agent.controlCommands(reload: reload) { mailbox.stop() })
            try dropRights(to: configuration.router.user, control)
            try control.start()
            let metrics = try serveMetrics(configuration, agent)
            SignalWatcher.start { signal in
                switch signal {
                case .stop: mailbox.stop()
                case .reload: _ = reload()
                case .reopen: break
                }
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
            StandardStream(isError: true).write("torii-router: \(error)\n")
            return 1
        }
    }

    /// Says whether the configuration is right; exit code 0 or 1.
    package static func check(configuration path: String) -> Int32 {
        guard load(path) != nil else { return 1 }
        StandardStream(isError: false).write("OK")
        return 0
    }

    static func load(_ path: String) -> RouterConfiguration? {
        do throws(ConfigurationErrors) {
            return try RouterConfiguration.load(from: path)
        } catch {
            StandardStream(isError: true).write("\(error)\n")
            return nil
        }
    }

    /// Makes the directories of state and control socket, and gives them to the configured account.
    private static func prepareDirectories(_ configuration: RouterConfiguration) throws {
        let state = configuration.router.stateDirectory
        Directories.make(state, mode: 0o750)
        guard let user = configuration.router.user else { return }
        let account = try Privileges.account(named: user)
        for path in [state, state + "/private-hosts.new", state + "/decisions.new"] {
            Directories.give(path, user: account.user, group: account.group)
        }
        Directories.make(forFileAt: configuration.control.socket, owner: account)
    }

    /// Becomes the configured account, with no rights but those over the network.
    private static func dropRights(to user: String?, _ control: ControlServer) throws {
        guard let user else { return }
        let account = try Privileges.account(named: user)
        control.changeOwner(user: account.user, group: account.group)
        guard torii_rights_keep() == 0 else { throw RouterError.rights }
        try Privileges.drop(to: account)
        guard torii_rights_reduce() == 0 else { throw RouterError.rights }
    }

    private static func reload(_ path: String, _ agent: RouterAgent) -> ControlOutcome {
        let log = Log("router")
        let new: RouterConfiguration
        do throws(ConfigurationErrors) {
            new = try RouterConfiguration.load(from: path)
        } catch {
            log.error("the configuration has errors, the old one stays: \(error)")
            return .failed("\(error)")
        }
        ServiceManager.notify(.reloading)
        defer { ServiceManager.notify(.ready) }
        let result = agent.onLoop { agent -> Result<String?, RouterError> in
            do throws(RouterError) { return .success(try agent.reload(new)) } catch { return .failure(error) }
        }
        switch result {
        case .success(let note)?:
            log.notice("reloaded", ["note": note ?? ""])
            return .done(note.map { "reloaded; \($0)" } ?? "reloaded")
        case .failure(let error)?: return .failed("\(error)")
        case nil: return .failed("the agent does not answer")
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
