internal import DNSCore
internal import DNSSecurity
private import Glibc
internal import NTS
internal import Operations
internal import Transport

/// The router's side of the negotiation on a real machine: sockets, kernel tables and files around the state machines
/// of `NTS`.
///
/// One case, read aloud: PN's UPDATE passes and the kernel logs it (``observe(_:)``, RouterAgent+Observation.swift); the
/// server's NOERROR enters the name into the Private Host List. A notification arrives
/// (RouterAgent+Notifications.swift); ``NTS/RequestCache`` asks for a kernel transaction; all that were asked for in
/// this round of the loop are made at once (``flush()``), and then the acknowledgements go out. GN's first packet is
/// reported by the kernel as used.
///
/// Everything belongs to the thread of its loop; other threads reach it through ``onLoop(_:)`` only, which is what
/// makes it sendable.
final class RouterAgent: @unchecked Sendable, Flushable {
    var configuration: RouterConfiguration
    let loop: EventLoop
    let isDryRun: Bool
    let log = Log("router")
    var metrics = RouterMetrics()

    var hosts: PrivateHostList
    var observer: UpdateObserver
    var streams = UpdateStreams()
    var cache: RequestCache
    var keyring: TSIGKeyring
    var replays: ReplayMemory
    var recent = RecentReplies()

    private var kernel: KernelTable?
    private let connections: ConnectionTable?
    private var packetLog: PacketLog?
    private var interfaces: Interfaces?
    var inner: InnerNegotiation
    var innerTimer: TimerToken?
    var leaseFiles: [String: LeaseFileState] = [:]
    var vanishedLeases = VanishedLeases()
    /// Since when a lease file is being written, and when it will be read.
    var leaseChange: Duration?
    var leaseTimer: TimerToken?
    var registrar = Registrar()
    var early = EarlyFlows()
    var publisher = Publisher()
    var lastSave = Duration.zero
    private var lastLook: (moment: Duration, epoch: UInt64)?
    var saveTimer: TimerToken?
    var leaseWatch: FileWatch?
    var sockets: [DatagramSocket] = []
    var echoes: EchoSocket?
    var requesters: [UInt64: Requester] = [:]
    /// Requesters of forms without signature that were told *pending*: a repetition is no further one.
    var waiting: [Requester.Repetition: UInt64] = [:]
    var nextRequester: UInt64 = 1
    var rates: [IPAddress: (second: Int64, count: Int)] = [:]
    /// Our own addresses on the outside and on all interfaces.
    var outsideAddresses: Set<IPAddress> = []
    var ownAddresses: Set<IPAddress> = []
    var pendingActions: [RouterAction] = []
    private var isFlushRequested = false
    private var advanceTimer: TimerToken?
    private var advanceDue: Duration = .zero

    /// Reads interfaces, opens sockets, installs the table.
    ///
    /// Nothing is answered before the loop runs.
    ///
    /// - Throws: ``RouterError``, or `TransportError` for the notification sockets.
    init(configuration: RouterConfiguration, loop: EventLoop, isDryRun: Bool) throws {
        self.configuration = configuration
        self.loop = loop
        self.isDryRun = isDryRun
        for name in configuration.router.outside + configuration.router.inside
        where Interfaces.index(of: name) == nil {
            throw RouterError.noInterface(name)
        }
        replays = ReplayMemory(start: Self.epoch)
        keyring = TSIGKeyring(configuration.keys.compactMap(\.tsigKey))
        hosts = PrivateHostList(configuration: configuration.hostListConfiguration)
        observer = UpdateObserver(servers: configuration.hosts.ddnsServers)
        cache = RequestCache(configuration: configuration.requestCacheConfiguration)
        inner = InnerNegotiation(
            configuration.permissions.innerRouters,
            key: configuration.permissions.innerKey.flatMap { [keyring] in keyring[$0] })
        if isDryRun {
            connections = nil
            log.notice("dry run: nothing is put into the kernel")
            log.info("the table would be:\n\(configuration.ruleset.commands)")
        } else {
            connections = try ConnectionTable()
            kernel = try KernelTable(nftables: Nftables(), ruleset: configuration.ruleset)
            for feature in kernel?.missing ?? [] {
                log.warning("this kernel has no \(feature) for nftables; going on without")
            }
        }
        readInterfaces()
        enterStaticHosts()
        restoreHosts()
        restoreDecisions()
        let groups = [
            configuration.nftables.useGroup, configuration.nftables.snoopGroup,
            configuration.nftables.icmpGroup,
        ]
        if !isDryRun {
            packetLog = try PacketLog(groups: groups.map(UInt16.init), on: loop) { [unowned self] in
                observe($0)
            }
        }
        interfaces = Interfaces(on: loop) { [unowned self] in interfacesChanged() }
        try openSockets()
        try configurePublishing()
        watchLeases()
        tick()
    }

    /// Our time: a reading of the loop's clock.
    var now: Duration { .nanoseconds(Int64(clamping: loop.now.nanoseconds)) }

    /// Seconds since 1970.
    var epoch: UInt64 { Self.epoch }

    private static var epoch: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec))
    }

    // MARK: Kernel

    /// Has the gathered actions carried out at the end of this round.
    func requestFlush() {
        guard !isFlushRequested else { return }
        isFlushRequested = true
        loop.requestFlush(self)
    }

    /// Carries out what the state machine asked for: kernel first, acknowledgements after it.
    func flush() {
        isFlushRequested = false
        // An applied transaction may bring replies, and a failed one further changes; both end.
        var rounds = 0
        while !pendingActions.isEmpty, rounds < 16 {
            var actions: [RouterAction] = []
            swap(&actions, &pendingActions)
            perform(actions)
            rounds += 1
        }
        scheduleAdvance()
    }

    private func perform(_ actions: [RouterAction]) {
        var tickets: [UInt64] = []
        var lists: [[KernelChange]] = []
        var untranslated: Set<IPPrefix> = []
        var forgotten: [(gn: IPPrefix, host: IPAddress?)] = []
        for action in actions {
            switch action {
            case .apply(let ticket, let changes):
                tickets.append(ticket)
                lists.append(changes)
            case .reply(let requester, let reply): send(reply, to: requester)
            case .forgetUntranslated(let gn): untranslated.insert(gn)
            case .forgetFlows(let gn, let host): forgotten.append((gn, host))
            case .record(let event): record(event)
            }
        }
        guard !lists.isEmpty else { return }
        let results = apply(lists)
        for asker in untranslated {
            for flow in early.take(asker, now: now) { connections?.forget(flow) }
        }
        // One walk of the kernel's table for each; what another covers needs none of its own.
        let wide = forgotten.filter { $0.host == nil }
        for flow in forgotten where flow.host == nil || !wide.contains(where: { $0.gn.contains(flow.gn) }) {
            connections?.forgetFlows(of: flow.gn, to: flow.host, mark: UInt32(configuration.nftables.mark))
        }
        for (ticket, succeeded) in zip(tickets, results) {
            cache.applied(ticket: ticket, succeeded: succeeded, now: now, actions: &pendingActions)
        }
    }

    private func apply(_ lists: [[KernelChange]]) -> [Bool] {
        guard kernel != nil else {
            for list in lists { log.info("would change the kernel", ["changes": "\(list)"]) }
            return lists.map { _ in true }
        }
        let start = MonotonicTime.now()
        let results = kernel?.apply(lists, now: now) ?? []
        metrics.recordKernelTime(MonotonicTime.now() - start)
        if results.contains(false) {
            log.limited(
                .error, "kernel", "the kernel refused a change", ["reason": kernel?.lastError ?? ""])
        }
        return results
    }

    /// Keeps the router's own services off translation.
    func reserveListening() {
        guard kernel != nil else { return }
        var ports: Set<ListeningPorts.Port> = []
        if configuration.permissions.reserveListening {
            let addresses = Set(outsideAddresses.filter(\.isIPv4).map(\.procText))
            ports = ListeningPorts(
                read: { path in
                    (try? FileContents.read(path, limit: 4 << 20)).map { String(decoding: $0, as: UTF8.self) }
                }, addresses: addresses
            ).all()
        }
        cache.listening = Set(
            ports.map { NTS.PortRange(transport: $0.transport, ports: $0.port...$0.port) })
        if kernel?.reserve(ports) == false {
            log.limited(.error, "listening", "the router's own ports cannot be reserved")
        }
    }

    /// Puts the table back when somebody has deleted it.
    private func checkTable() {
        guard let kernel, !kernel.isPresent() else { return }
        log.error("our table is gone; installing it again, open permissions are lost")
        cache.revoke(now: now, actions: &pendingActions) { _ in true }
        pendingActions.removeAll { action in
            if case .apply = action { return true }
            return false
        }
        do throws(RouterError) {
            try self.kernel?.reinstall()
        } catch {
            log.error("\(error)")
        }
        requestFlush()
    }

    /// Puts another table in the place of ours; what was open is closed.
    ///
    /// - Throws: ``RouterError/ruleset(_:)``; the old table stays.
    func replaceTable(_ ruleset: Ruleset) throws(RouterError) {
        try kernel?.replace(with: ruleset)
        cache.revoke(now: now, actions: &pendingActions) { _ in true }
    }

    private func scheduleAdvance() {
        guard let due = cache.nextDeadline else { return }
        if advanceTimer != nil, advanceDue <= due, advanceDue > now { return }
        if let advanceTimer { loop.cancel(advanceTimer) }
        advanceDue = due
        advanceTimer = loop.schedule(after: max(.zero, due - now)) { [unowned self] in
            advanceTimer = nil
            cache.advance(to: now, actions: &pendingActions)
            requestFlush()
        }
    }

    /// What has to be looked at now and then.
    private func tick() {
        noticeClock()
        hosts.expire(epoch: epoch)
        saveHosts()
        readLeases()
        checkTable()
        reserveListening()
        publish()
        forgetOldRequesters()
        register()
        loop.schedule(after: .seconds(2)) { [unowned self] in tick() }
    }

    /// Ends the flows of `gn`, or of everybody, with these hosts, or with all: also those that outlived their permission.
    func endFlows(of gn: IPPrefix?, with hosts: [IPAddress]?) {
        let everybody = [IPPrefix("0.0.0.0/0"), IPPrefix("::/0")].compactMap(\.self)
        for asker in gn.map({ [$0] }) ?? everybody {
            let mark = UInt32(configuration.nftables.mark)
            let found = connections?.pairs(of: asker, mark: mark) ?? []
            // A host behind us may have begun a flow itself, for a helper: that is no way in.
            let ours = Set(Set(found.map(\.host)).filter(isInside))
            let pairs = found.filter { ours.contains($0.host) && hosts?.contains($0.host) ?? true }
            guard !pairs.isEmpty else { continue }
            cache.block(pairs, now: now, actions: &pendingActions)
            let ended: [IPAddress?] =
                hosts.map { hosts in hosts.filter { host in pairs.contains { $0.host == host } } } ?? [nil]
            for host in ended { pendingActions.append(.forgetFlows(gn: asker, host: host)) }
        }
        requestFlush()
    }

    /// Looks whether the time of day has been set since the last look.
    private func noticeClock() {
        let time = epoch
        defer { lastLook = (now, time) }
        guard let (moment, old) = lastLook else { return }
        let expected = old + UInt64(max(0, (now - moment).components.seconds))
        let step = time > expected ? time - expected : expected - time
        guard step > 30 else { return }
        log.notice("the clock was set", ["by": "\(step)s", "forward": "\(time > expected)"])
        hosts.clockWasSet(from: expected, to: time)
        // Leases that had ended by the wrong time may be good, and the other way round.
        leaseFiles = [:]
    }

    // MARK: Addresses

    /// Reads our addresses; who has one of the outside ones is behind us.
    func readInterfaces() {
        let outside = configuration.router.outside.flatMap { Interfaces.addresses(of: $0) }
        let inside = configuration.router.inside.flatMap { Interfaces.addresses(of: $0) }
        outsideAddresses = Set(outside.filter(\.isGlobal).map(\.address))
        ownAddresses = Set((outside + inside).map(\.address))
        cache.configuration.outside = configuration.permissions.hairpin ? outsideAddresses : []
    }

    /// The kernel says that addresses or links have changed.
    private func interfacesChanged() {
        let before = outsideAddresses
        readInterfaces()
        // The servers must know at once where we are now.
        if outsideAddresses != before { registrar.due = [:] }
        publish()
        register()
    }

    // MARK: The record

    private func record(_ event: RouterEvent) {
        switch event {
        case .opened(let gn, let host, let address, let gate, let lifetime, let server):
            metrics.opened &+= 1
            log.info(
                "opened",
                [
                    "gn": gn.subjectText, "name": "\(host)", "host": "\(address)", "mode": gate.rawValue,
                    "lifetime": "\(lifetime)s", "server": "\(server)",
                ])
        case .ended(let gn, let host, let address, let flows, let open, let reason):
            metrics.askers.count(gn, isUsed: flows > 0, after: open)
            log.info(
                "closed",
                [
                    "gn": gn.subjectText, "name": "\(host)", "host": "\(address)", "reason": reason.rawValue,
                    "used": flows > 0 ? "yes" : "no", "flows": "\(flows)",
                ])
        case .limited(let bound): metrics.limited[bound, default: 0] &+= 1
        case .refused(let gn, let host, let server, let refusal):
            metrics.refusals[refusal, default: 0] &+= 1
            log.limited(
                .notice, "refused", "refused",
                [
                    "gn": gn.subjectText, "name": "\(host)", "server": "\(server)",
                    "reason": refusal.rawValue,
                ])
        }
    }

    // MARK: Other threads

    /// Runs `body` on the loop's thread and waits for its result; nil when the loop is gone or too busy for 5 s.
    func onLoop<Result: Sendable>(_ body: @escaping @Sendable (RouterAgent) -> Result) -> Result? {
        loop.mailbox.ask(seconds: 5) { body(self) }
    }

    /// Closes everything; the table goes with its context.
    func close() {
        saveHosts()
        packetLog?.close()
        for socket in sockets + publisher.sockets { socket.close() }
        kernel?.remove()
        kernel = nil
    }
}

extension IPPrefix {
    /// The address alone where the prefix holds nothing else.
    var subjectText: String { length == address.bitWidth ? "\(address)" : "\(self)" }
}

extension IPAddress {
    /// An IPv4 address as `/proc/net` writes it: four octets in the machine's order.
    var procText: String {
        let text = octets.reversed().map { octet in
            let digits = String(octet, radix: 16, uppercase: true)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }
        return text.joined()
    }

    /// The address of a socket address.
    init(_ address: SocketAddress) {
        self =
            address.family == .ipv6
            ? IPAddress(high: address.high, low: address.low) : IPAddress(v4: address.ipv4)
    }
}
