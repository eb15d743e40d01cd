internal import Authority
internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Resolver
internal import Synchronization
internal import Transport

/// The DNS server: puts the rooms together, and takes them through start, reload and stop.
///
/// Start: configuration, files, sockets, privileges, zones, workers, in this order; nothing is answered before all zones have
/// been tried. Reload: everything is built aside and checked; only then is it published, in one step each for
/// settings, zones and listeners. One thread at a time may call in.
final class Server: @unchecked Sendable {
    // Sendable: `lock` guards everything that changes after `init`.
    private let lock = Mutex(())
    /// Path of the configuration file, read again at each reload.
    let path: String
    private(set) var configuration: ServerConfiguration
    /// What we were started with: what needs a restart is still as it says.
    private let started: ServerConfiguration
    let core: ServerCore
    let zones: ZoneKeeper
    /// Which zones there are.
    let roster: ZoneRoster
    private var listeners: Listeners
    private var workerListeners: [WorkerListeners] = []
    private var https: HTTPSService?
    private var threads: [Thread] = []
    /// Response policy zones.
    let policies: PolicyKeeper
    private var resolverNumber = 1
    private var clientMap: ClientMapKeeper?
    /// When the server started, seconds since 1970.
    let startTime: Int64
    private(set) var reloadCount = 0
    private(set) var failedReloadCount = 0
    /// The control channel, for its figures; set before it starts.
    weak var control: ControlServer?

    /// Opens the sockets, loads the zones and makes the workers; no thread runs yet.
    ///
    /// - Throws: ``ServerError``: what the operator must change before the server can start.
    init(_ configuration: ServerConfiguration, path: String) throws(ServerError) {
        self.configuration = configuration
        started = configuration
        self.path = path
        startTime = WallClock.seconds
        let workerCount = configuration.server.workers ?? Machine.processors
        // All files first: what is wrong in them is told before a socket opens.
        let resolver = configuration.recursion.enabled ? try ResolverConfiguration(configuration) : nil
        let reading = try PolicyKeeper.read(configuration)
        listeners = Listeners()
        _ = try listeners.open(configuration.listen, workers: workerCount)
        listeners.trust(configuration.listen)
        try Server.prepareState(configuration.server, socket: configuration.control.socket)

        let cache: ResolverCache?
        do throws(ResolverError) {
            cache = try resolver.map { (settings) throws(ResolverError) in
                try ResolverCache(configuration: settings.cache) { ServiceThread.start("keys", $0) }
            }
        } catch {
            throw .noMemory(octets: configuration.cache.size)
        }
        var state = ServingState(configuration, cookies: ServerCookies(), resolvers: nil)
        let nts = state.nts ?? NTSConfiguration()
        zones = ZoneKeeper(
            stateDirectory: configuration.server.stateDirectory, limits: configuration.limits,
            workers: workerCount)
        let anchors = AnchorKeeper(stateDirectory: configuration.server.stateDirectory)
        anchors.configure(resolver)
        core = ServerCore(
            state: state, zones: zones, targetMemory: TargetMemory(limits: nts.limits), cache: cache,
            anchors: anchors, rememberedUpdates: configuration.limits.rememberedUpdates)
        roster = ZoneRoster(zones: zones, stateDirectory: configuration.server.stateDirectory)
        roster.configure(configuration, path: path)
        policies = PolicyKeeper(zones: zones)
        if resolver != nil {
            state.resolvers = ResolverSet(
                number: resolverNumber,
                try ResolverConfiguration.all(configuration, policies: policies.make(reading)))
            core.publication.publish(state)
        }
        try makeWorkers(workerCount)
        follow(reading)
        if let resolver, let cache, configuration.cache.persist {
            warm(cache, CacheFile(configuration, resolver))
        }
    }

    /// Makes the directories of state and control socket, gives them to the user that the server runs as, and becomes
    /// that user.
    private static func prepareState(_ section: DaemonSection, socket: String) throws(ServerError) {
        let path = section.stateDirectory
        let fault = Directories.make(path, mode: 0o750)
        if fault != 0 {
            Logs.server.error(
                "the state directory cannot be made: \(SystemError.text(fault))", ["directory": path])
        }
        do throws(Privileges.Failure) {
            if let user = section.user, Privileges.isRoot {
                let account = try Privileges.account(named: user)
                Directories.give(path, user: account.user, group: account.group)
                Directories.make(forFileAt: socket, owner: account)
                PortRights.keep()
            }
            try Privileges.drop(to: section.user)
            if section.user != nil, !PortRights.reduce() { throw .notDropped }
        } catch {
            throw .system(what: "server.user", reason: "\(error)")
        }
    }

    /// Fills the cache with what the last run left.
    private func warm(_ cache: ResolverCache, _ file: CacheFile) {
        do throws(CacheFile.Fault) {
            let count = try file.load(into: cache)
            Logs.resolver.notice("cache read", ["entries": "\(count)", "file": file.path])
        } catch .none {
        } catch {
            Logs.resolver.warning("cache not read: \(error)", ["file": file.path])
        }
    }

    /// Has the resolvers judge by policy zones as these change.
    private func follow(_ reading: PolicyKeeper.Reading) {
        guard let cache = core.cache else { return }
        let core = self.core
        policies.follow(reading) { renewed in
            core.publication.update { state in state.resolvers = state.resolvers?.with(renewed) }
            core.refreshWorkers()
            cache.flush(.answers)
        }
    }

    private func makeWorkers(_ count: Int) throws(ServerError) {
        var workers: [Worker] = []
        do {
            for index in 0..<count {
                let worker = try Worker(index: index, core: core)
                if core.cache != nil {
                    var limits = UpstreamLimits()
                    limits.outstanding = max(16, configuration.limits.outstandingQueries / count)
                    let sources = configuration.recursion.source.map {
                        SocketAddress(IPEndpoint($0, port: 0))
                    }
                    worker.upstream = UpstreamDriver(worker: worker, limits: limits, sources: sources)
                }
                workers.append(worker)
            }
            let desk = try TransferDesk(zones: zones, keys: core.publication.state.keys)
            core.adopt(workers, desk)
            zones.observe { [roster, policies] slot, snapshot in
                // Who tells nobody spares the desk's thread a wake-up for each update.
                if !slot.section.notify.isEmpty { desk.changed(slot.name, to: snapshot.serial) }
                roster.changed(slot)
                policies.changed(slot.name)
            }
            roster.observe { [zones, core] forgotten in
                desk.forget(forgotten)
                desk.configure(zones.slots, keys: core.publication.state.keys)
            }
            desk.configure(zones.slots, keys: core.publication.state.keys)
            if let nts = core.publication.state.nts, let first = workers.first {
                try first.openNTSDesk(nts, keys: core.publication.state.keys)
            }
            clientMap = try ClientMapKeeper { [core] map in
                core.workers.first?.loop.mailbox.post { core.workers.first?.ntsDesk?.adopt(map) }
            }
            clientMap?.configure(configuration.nts.clientMap)
            for worker in workers {
                worker.refreshState()
                worker.watchPending()
            }
            https = try HTTPSService(workers)
            let limits = StreamLimits(configuration.limits, workers: count)
            workerListeners = workers.map { _ in WorkerListeners() }
            for (way, sockets) in listeners.sockets {
                if way.transport == .https {
                    try serveHTTPS(way)
                    continue
                }
                for (index, worker) in workers.enumerated() {
                    try workerListeners[index].add(
                        sockets[index], way, worker: worker, limits: limits, proxies: listeners.proxies[way],
                        tls: listeners.contexts[way])
                }
            }
        } catch {
            throw .system(what: "workers", reason: "\(error)")
        }
    }

    /// Starts serving HTTPS on a way that has been opened.
    private func serveHTTPS(_ way: Listeners.Way) throws(TransportError) {
        guard let socket = listeners.sockets[way]?.first, let tls = listeners.contexts[way] else { return }
        try https?.add(way, socket, tls: tls, limits: configuration.limits)
    }

    /// The listeners of each worker, for their figures; to be read on the worker's thread.
    var listenersByWorker: [WorkerListeners] { workerListeners }

    /// What the HTTPS listeners have counted.
    var httpsStatistics: HTTPSStatistics? { https?.statistics }

    /// Starts the workers.
    ///
    /// - Throws: ``ServerError/system(what:reason:)``.
    func start() throws(ServerError) {
        do {
            for worker in core.workers {
                threads.append(try Thread(name: "worker-\(worker.index)") { worker.loop.run() })
            }
            try core.transferDesk?.start()
        } catch {
            throw .system(what: "threads", reason: "\(error)")
        }
    }

    /// Ends everything: what has been acknowledged is on disk already.
    func stop() {
        lock.withLock { _ in
            https?.close()
            core.transferDesk?.stop()
            clientMap?.stop()
            zones.stop()
            for worker in core.workers { worker.loop.mailbox.stop() }
            for thread in threads { thread.join() }
            threads = []
            saveCache(within: .seconds(2))
        }
    }

    private func saveCache(within patience: Duration) {
        guard configuration.cache.persist, let cache = core.cache, let file = cacheFile() else { return }
        do {
            let size = try file.save(cache, within: patience)
            Logs.resolver.notice("cache written", ["octets": "\(size)", "file": file.path])
        } catch {
            Logs.resolver.error("cache not written: \(error)")
        }
    }

    /// Where the cache is kept on disk; nil without recursion.
    func cacheFile() -> CacheFile? {
        core.publication.state.resolvers?.configurations.first.map { CacheFile(configuration, $0) }
    }

    /// Puts other negative trust anchors in force, until the next reload.
    ///
    /// - Throws: ``ServerError``.
    func replaceNegativeAnchors(_ names: [Name]) throws(ServerError) {
        let reading = try PolicyKeeper.read(configuration)
        let configurations = try ResolverConfiguration.all(
            configuration, policies: policies.make(reading), negativeAnchors: names)
        resolverNumber += 1
        let set = ResolverSet(number: resolverNumber, configurations)
        core.publication.update { $0.resolvers = set }
        core.refreshWorkers()
    }

    /// Reads the configuration again and takes it over as a whole, or keeps the old one.
    ///
    /// - Returns: what an operator should know, one line each; nil when the new configuration was refused, with the
    ///   reasons in `errors`.
    func reload(errors: inout [String]) -> [String]? {
        let result: Result<[String], ReloadFailure> = lock.withLock { _ in
            do throws(ReloadFailure) {
                return .success(try takeOver())
            } catch {
                failedReloadCount += 1
                return .failure(error)
            }
        }
        switch result {
        case .success(let notes): return notes
        case .failure(let failure):
            errors = failure.lines
            return nil
        }
    }

    /// Why a configuration is not taken over.
    struct ReloadFailure: Error {
        let lines: [String]
    }

    /// Reads the configuration file again and checks all that it names but the zones' contents.
    ///
    /// - Returns: the configuration, and what in it needs a restart.
    func examine() throws(ReloadFailure) -> (ServerConfiguration, notes: [String]) {
        let next: ServerConfiguration
        do throws(ConfigurationErrors) {
            next = try ServerConfiguration.load(from: path)
        } catch {
            throw ReloadFailure(lines: error.errors.map { "\($0)" })
        }
        do throws(ServerError) {
            if next.recursion.enabled { _ = try ResolverConfiguration(next) }
            _ = try PolicyKeeper.read(next)
            let waiting = next.waitingForRestart(since: started).map {
                "\($0) has changed; it takes effect at the next start"
            }
            return (next, waiting + (try listeners.renewal(next.listen)).notes)
        } catch {
            throw ReloadFailure(lines: ["\(error)"])
        }
    }

    private func takeOver() throws(ReloadFailure) -> [String] {
        let (next, restart) = try examine()
        var notes = restart
        let opened: Set<Listeners.Way>
        let renewed: [Listeners.Way: TLSContext]
        let resolver: ResolverConfiguration?
        let reading: PolicyKeeper.Reading
        do throws(ServerError) {
            resolver = next.recursion.enabled ? try ResolverConfiguration(next) : nil
            reading = try PolicyKeeper.read(next)
            let renewal = try listeners.renewal(next.listen)
            opened = try listeners.open(next.listen, workers: core.workers.count)
            renewed = listeners.adopt(renewal.contexts.filter { !opened.contains($0.key) })
        } catch {
            throw ReloadFailure(lines: ["\(error)"])
        }
        // From here on nothing can fail.
        let before = configuration
        configuration = next
        Log.configure(next.log.common, linesPerSecond: next.limits.logRate)
        listeners.trust(next.listen)
        zones.adopt(next.limits)
        notes += roster.configure(next, path: path)
        var set: ResolverSet?
        if core.cache != nil, resolver != nil {
            resolverNumber += 1
            core.anchors?.configure(resolver)
            set = (try? ResolverConfiguration.all(next, policies: policies.make(reading))).map {
                ResolverSet(number: resolverNumber, $0)
            }
        }
        core.publication.publish(
            ServingState(next, cookies: core.publication.state.cookies, resolvers: set))
        core.refreshWorkers()
        follow(reading)
        forget(from: before, to: next)
        let gone = listeners.close(exceptFor: next.listen)
        let limits = StreamLimits(next.limits, workers: core.workers.count)
        for worker in core.workers {
            let sockets = opened.filter { $0.transport != .https }.compactMap { way in
                listeners.sockets[way].map {
                    (way, $0[worker.index], listeners.proxies[way], listeners.contexts[way])
                }
            }
            let own = workerListeners[worker.index]
            let box = ListenerChange(
                listeners: own, added: sockets, gone: gone, renewed: renewed, limits: limits,
                proxies: listeners.proxies)
            _ = worker.ask { box.apply(to: $0) }
        }
        https?.adopt(next.limits)
        for way in gone where way.transport == .https { https?.remove(way) }
        for (way, context) in renewed where way.transport == .https { https?.replace(way, tls: context) }
        for way in opened where way.transport == .https {
            do throws(TransportError) {
                try serveHTTPS(way)
            } catch {
                notes.append("cannot serve https on \(way.address): \(error)")
            }
        }
        clientMap?.configure(next.nts.clientMap)
        reloadCount += 1
        return notes
    }

    /// Forgets what was learnt under settings that have changed; the rest of the cache stays.
    private func forget(from old: ServerConfiguration, to new: ServerConfiguration) {
        guard let cache = core.cache else { return }
        if old.dnssec.trustAnchors != new.dnssec.trustAnchors
            || old.dnssec.validation != new.dnssec.validation
        {
            let count = cache.flush(.everything)
            Logs.resolver.notice("trust has changed: cache flushed", ["entries": "\(count)"])
            return
        }
        let (before, after) = (
            Set(old.dnssec.negativeTrustAnchors.map(\.lowercased)),
            Set(new.dnssec.negativeTrustAnchors.map(\.lowercased))
        )
        for name in before.symmetricDifference(after) { cache.flush(.tree(name)) }
        let (was, now) = (old.recursion, new.recursion)
        // Private addresses are taken out as records come in.
        if was.privateAddresses != now.privateAddresses || was.privateDomains != now.privateDomains {
            cache.flush(.everything)
        }
        // What the servers of before said does not count for those that are asked now.
        for zone in Set(was.stub + was.forward).symmetricDifference(now.stub + now.forward).map(\.zone) {
            cache.flush(.tree(zone.lowercased))
        }
        // A file of policies may have changed without the configuration.
        if PolicyFacts(old) != PolicyFacts(new) || !new.rpz.isEmpty { cache.flush(.answers) }
    }
}

/// A change of listeners on its way to a worker's thread.
private final class ListenerChange: @unchecked Sendable {
    // Sendable: handed to one thread, which is the only one to use it from then on.
    let listeners: WorkerListeners
    let added: [(Listeners.Way, ListeningSocket, ProxyTrust?, TLSContext?)]
    let gone: Set<Listeners.Way>
    let renewed: [Listeners.Way: TLSContext]
    let limits: StreamLimits
    let proxies: [Listeners.Way: ProxyTrust]

    init(
        listeners: WorkerListeners, added: [(Listeners.Way, ListeningSocket, ProxyTrust?, TLSContext?)],
        gone: Set<Listeners.Way>, renewed: [Listeners.Way: TLSContext],
        limits: StreamLimits, proxies: [Listeners.Way: ProxyTrust]
    ) {
        self.proxies = proxies
        self.listeners = listeners
        self.added = added
        self.gone = gone
        self.renewed = renewed
        self.limits = limits
    }

    func apply(to worker: Worker) {
        for (way, socket, proxies, tls) in added {
            do throws(TransportError) {
                try listeners.add(socket, way, worker: worker, limits: limits, proxies: proxies, tls: tls)
            } catch {
                Logs.server.error("cannot listen on \(way.address): \(error)")
            }
        }
        for way in gone { listeners.remove(way) }
        listeners.adopt(limits, proxies: proxies)
        for (way, tls) in renewed { listeners.replace(way, tls: tls) }
    }
}
