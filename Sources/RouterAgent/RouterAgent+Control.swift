internal import DNSCore
internal import NTS
internal import Operations

/// What `toriictl` may ask of the agent.
extension RouterAgent {
    /// The commands, each answered on the loop's thread.
    ///
    /// - Parameters:
    ///   - reload: reads the configuration again and says what came of it.
    ///   - stop: ends the program.
    func controlCommands(
        reload: @escaping @Sendable () -> ControlOutcome, stop: @escaping @Sendable () -> Void
    ) -> CommandList {
        CommandList([
            ControlCommand("reload", summary: "Read the configuration again.") { _ in reload() },
            command("status", summary: "Say how the agent is.", isExclusive: false) { agent, _ in
                agent.status()
            },
            ControlCommand("stop", summary: "End the agent; nothing stays open.") { _ in
                stop()
                return .done("stopping")
            },
            command("stats", summary: "Print all figures.", isExclusive: false) { agent, _ in
                let collection = agent.collectMetrics()
                return .done(collection.statisticsText, data: collection.statisticsData)
            },
            command("router phl", summary: "List the Private Host List.", isExclusive: false) { agent, _ in
                agent.listHosts()
            },
            command(
                "router rc", usage: "router rc [--guide-table]",
                summary: "List who is let in, to what, until when.", isExclusive: false
            ) { agent, request in
                request.has("guide-table") ? agent.guideTable() : agent.listPermissions(agent.cache.open)
            },
            command("router sessions", summary: "List permissions that were used.", isExclusive: false) {
                agent, _ in
                agent.listPermissions(agent.cache.all.filter { $0.flows > 0 })
            },
            command(
                "router askers",
                summary: "List the networks of askers: permissions used, unused, seconds open.",
                isExclusive: false
            ) { agent, _ in agent.listAskers() },
            command(
                "router prefix", summary: "List published addresses and what their servers know.",
                isExclusive: false
            ) {
                agent, _ in
                agent.listPublished()
            },
            command(
                "router deny", usage: "router deny NAME|all [ADDRESS|PREFIX]",
                summary: "End what a host or an asker has, flows too, and let it in no more."
            ) { agent, request in agent.deny(request) },
            command("router denials", summary: "List what is denied.", isExclusive: false) { agent, _ in
                agent.listDenials()
            },
            command(
                "router allow", usage: "router allow NAME ADDRESS [--lifetime TIME]",
                summary: "Let an address in to a host now; takes a denial of the two back."
            ) { agent, request in agent.allow(request) },
            command(
                "router pause", usage: "router pause",
                summary: "Close everything and open nothing until resumed."
            ) { agent, _ in agent.pause() },
            command("router resume", summary: "Open again on notifications.") { agent, _ in
                agent.cache.isPaused = false
                return agent.kept("resumed")
            },
            command(
                "router host add", usage: "router host add NAME ADDRESS [--lifetime TIME] [--allow PORTS]",
                summary: "Enter a host into the Private Host List."
            ) { agent, request in agent.addHost(request) },
            command("router doctor", summary: "Look for what stops the agent.", isExclusive: false) {
                agent, _ in
                agent.runDoctor()
            },
            command(
                "router host remove", usage: "router host remove NAME",
                summary: "Take a host out of the list."
            ) { agent, request in agent.removeHost(request) },
        ])
    }

    private func command(
        _ name: String, usage: String? = nil, summary: String, isExclusive: Bool = true,
        _ body: @escaping @Sendable (RouterAgent, ControlRequest) -> ControlOutcome
    ) -> ControlCommand {
        ControlCommand(name, usage: usage, summary: summary, isExclusive: isExclusive) { [self] request in
            onLoop { body($0, request) } ?? .failed("the agent does not answer")
        }
    }

    // MARK: Changing

    /// What NAME and ADDRESS of a request mean; nil when they mean nothing.
    private func denial(_ request: ControlRequest) -> RequestCache.Denial? {
        var words = request.arguments[...]
        guard let first = words.popFirst(), words.count <= 1 else { return nil }
        var denial = RequestCache.Denial(gn: nil, host: nil)
        // An address alone is an asker; `all` is every host.
        if let prefix = IPPrefix(first), words.isEmpty {
            denial.gn = prefix
        } else if first != "all" {
            guard let name = try? Name(first) else { return nil }
            denial.host = name
        }
        if let second = words.first {
            guard let prefix = IPPrefix(second) else { return nil }
            denial.gn = prefix
        }
        return denial
    }

    /// The addresses that a name stands for now.
    private func addresses(of name: Name) -> [IPAddress] {
        hosts.lookup(name, epoch: epoch).map { [$0.ipv4, $0.ipv6].compactMap(\.self) } ?? []
    }

    private func deny(_ request: ControlRequest) -> ControlOutcome {
        guard let denial = denial(request) else { return .badUsage("router deny NAME|all [ADDRESS|PREFIX]") }
        guard cache.denied.count < Self.denialLimit || cache.denied.contains(denial) else {
            return .failed("there are \(Self.denialLimit) denials already")
        }
        let hosts = denial.host.map { name in addresses(of: name) }
        let ended = cache.deny(denial, now: now, actions: &pendingActions)
        endFlows(of: denial.gn, with: hosts)
        return kept("denied; \(ended) permissions ended")
    }

    private func allow(_ request: ControlRequest) -> ControlOutcome {
        guard let denial = denial(request) else {
            return .badUsage("router allow NAME ADDRESS [--lifetime TIME]")
        }
        let wasDenied = cache.allow(denial)
        let failure = wasDenied ? saveDecisions() : nil
        guard let gn = denial.gn, let host = denial.host else {
            guard wasDenied else { return .failed("that was not denied") }
            return .done("allowed again" + (failure.map { ", " + $0 } ?? ""))
        }
        var lifetime: UInt32?
        if let text = request.options["lifetime"] {
            guard let seconds = seconds(text) else { return .badUsage("\(text) is not a time such as 60s") }
            lifetime = UInt32(clamping: seconds)
        }
        let before = metrics.opened
        let grant = GrantRequest(
            requester: 0, server: .loopbackIPv4, gn: gn, host: host, lifetime: lifetime)
        cache.notify(grant, hosts: hosts, now: now, epoch: epoch, actions: &pendingActions)
        flush()
        if cache.all.contains(where: { $0.gn == gn && $0.host == host }) {
            return .done(metrics.opened > before ? "opened" : "open")
        }
        return .failed("not opened: the host is not in the list, or its rules refuse the address")
    }

    /// Seconds of `90s`, `5m`, `24h`, `7d` or a bare number.
    private func seconds(_ text: String) -> UInt64? {
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last else { return nil }
        let factor = units[last]
        guard let value = UInt64(factor == nil ? text[...] : text.dropLast()), value > 0, value < 1 << 32
        else {
            return nil
        }
        return value * (factor ?? 1)
    }

    private func runDoctor() -> ControlOutcome {
        do throws(RouterError) {
            let findings = try Doctor.here(configuration).examine()
            let text = findings.map(\.description).joined(separator: "\n")
            return findings.contains { $0.grade == .problem } ? .failed(text) : .done(text)
        } catch {
            return .failed("\(error)")
        }
    }

    private func pause() -> ControlOutcome {
        cache.isPaused = true
        let ended = cache.revoke(now: now, actions: &pendingActions) { _ in true }
        endFlows(of: nil, with: nil)
        return kept("paused; \(ended) permissions ended")
    }

    /// Denials at one time.
    private static var denialLimit: Int { 4096 }

    /// A decision was made and holds: also over a restart, unless the answer says otherwise.
    private func kept(_ text: String) -> ControlOutcome {
        .done(text + (saveDecisions().map { ", " + $0 } ?? ""))
    }

    private func addHost(_ request: ControlRequest) -> ControlOutcome {
        guard request.arguments.count == 2, let name = try? Name(request.arguments[0]),
            let address = IPAddress(request.arguments[1])
        else { return .badUsage("router host add NAME ADDRESS") }
        guard isInside(address) else { return .failed("\(address) is not the address of a host behind us") }
        var entry = PrivateHostList.Entry(
            name: name, source: .local, policy: hosts.configuration.policy, since: epoch)
        if let old = hosts.lookup(name, epoch: epoch) {
            guard old.source != .configured else { return .failed("\(name) stands in the configuration") }
            if old.source == .local { entry = old }
        }
        if let text = request.options["lifetime"] {
            guard let seconds = seconds(text) else { return .badUsage("\(text) is not a time such as 24h") }
            entry.expiry = epoch + seconds
        }
        if let text = request.options["allow"] {
            let ports = text.split(separator: ",").map { NTS.PortRange($0) }
            guard ports.allSatisfy({ $0 != nil }) else {
                return .badUsage("\(text) is not a list such as tcp/80")
            }
            entry.policy.allow = ports.compactMap(\.self)
        }
        if address.isIPv6 { entry.ipv6 = address } else { entry.ipv4 = address }
        hosts.set(entry)
        cache.rulesChanged(hosts, now: now, epoch: epoch, actions: &pendingActions)
        requestFlush()
        saveHosts()
        return .done("\(name) is \(address)")
    }

    private func removeHost(_ request: ControlRequest) -> ControlOutcome {
        guard request.arguments.count == 1, let name = try? Name(request.arguments[0]) else {
            return .badUsage("router host remove NAME")
        }
        guard let entry = hosts.lookup(name, epoch: epoch) else {
            return .failed("\(name) is not in the list")
        }
        guard entry.source != .configured else { return .failed("\(name) stands in the configuration") }
        let addresses = addresses(of: name)
        hosts.remove(name)
        let ended = cache.revoke(now: now, actions: &pendingActions) { $0.host == name }
        // A host that has other names is reached by them, and a flow does not say by which name it came.
        endFlows(of: nil, with: addresses.filter { hosts.names(of: $0).isEmpty })
        cache.rulesChanged(hosts, now: now, epoch: epoch, actions: &pendingActions)
        saveHosts()
        return .done("\(name) removed; \(ended) permissions ended")
    }

    // MARK: Figures

    /// All figures; call on the loop's thread.
    func collectMetrics() -> MetricsCollection {
        var collection = MetricsCollection()
        metrics.add(to: &collection)
        collection.gauge("torii_router_permissions", "Permissions now.", Double(cache.count))
        collection.gauge(
            "torii_router_waiting", "Notifications that wait for another asker's first flow.",
            Double(cache.waitingCount))
        for source in PrivateHostList.Source.allCases {
            collection.gauge(
                "torii_router_hosts", "Entries of the Private Host List, by source.",
                Double(hosts.all.count { $0.source == source }), ["source": source.rawValue])
        }
        return collection
    }
}
