internal import Authority
internal import DNSCore
internal import DNSSecurity
internal import Glibc
internal import NTS
internal import Operations
internal import Resolver
internal import Transport

/// One thread that answers queries.
///
/// Everything a query touches belongs to it.
///
/// `Sendable` only so that closures posted to its own loop can carry it: nobody else touches what is inside.
@safe final class Worker: QueryHandler, TimerTarget, Flushable, @unchecked Sendable {
    let index: Int
    let loop: EventLoop
    let core: ServerCore
    let counters = ServerCounters()

    var state: ServingState
    var settings: ResponseSettings
    var cookies: ServerCookies
    private var seenState: UInt64 = 0
    /// What zones are answered from in this batch, and their settings.
    var catalog: ZoneCatalog
    var slots: ZoneSlots
    private var seenCatalog: UInt64 = 0

    var composer = MessageComposer()
    var lookup = ZoneLookup()
    var key = NameKey()
    var limiter: ResponseRateLimiter
    var pending: PendingQueries<Waiting>
    /// Where deferred responses are composed.
    let scratch: UnsafeMutableRawBufferPointer

    /// The time of this batch.
    var now = MonotonicTime.now()
    /// Seconds since 1970 of this batch.
    var wallSeconds: UInt64 = 0

    var plugins: [any AnswerPlugin] = []
    /// The negotiations with routers; only the first worker has them.
    var ntsDesk: NTSDesk?
    /// Keeps the negotiation sockets open.
    var ntsSockets: [DatagramSocket] = []
    var resolver: Resolver?
    var upstream: UpstreamDriver?
    /// Resolvers of former configurations that still have questions under way.
    private var retired: [Resolver] = []
    /// Questions of `toriictl trace` under way.
    var traces: [UInt64: @Sendable (ResolverAnswer) -> Void] = [:]
    var nextTrace: UInt64 = 0
    private var resolverTimer: TimerToken?
    private var resolverDeadline: UInt64 = .max
    private var isPumpRequested = false

    init(index: Int, core: ServerCore) throws {
        self.index = index
        self.core = core
        loop = try EventLoop()
        state = core.publication.state
        let served = core.zones.served.state
        catalog = served.catalog
        slots = served.slots
        settings = state.settings
        cookies = state.cookies
        limiter = ResponseRateLimiter(state.rate)
        pending = PendingQueries(capacity: state.pendingLimit)
        unsafe scratch = .allocate(byteCount: 65535, alignment: 16)
        readClocks(MonotonicTime.now())
    }

    deinit { unsafe scratch.deallocate() }

    // MARK: QueryHandler

    func batchBegins(at moment: MonotonicTime) {
        readClocks(moment)
        refreshState()
    }

    func receive(
        _ query: UnsafeRawBufferPointer, from peer: Peer, into response: UnsafeMutableRawBufferPointer
    )
        -> Disposition
    {
        count(peer)
        let disposition = unsafe answer(RawSpan(_unsafeBytes: query), from: peer, into: response)
        unsafe log(query, disposition, response, from: peer, since: now)
        return disposition
    }

    // MARK: State

    /// Takes over what has been published since the last batch.
    func refreshState() {
        let zones = core.zones.served.number
        if zones != seenCatalog {
            seenCatalog = zones
            let served = core.zones.served.state
            catalog = served.catalog
            slots = served.slots
        }
        let number = core.publication.number
        guard number != seenState else { return }
        seenState = number
        let rate = state.rate
        state = core.publication.state
        settings = state.settings
        cookies = state.cookies
        if rate != state.rate {
            limiter = ResponseRateLimiter(state.rate)
        }
    }

    /// Reads the wall clock; the monotonic one has been read by the loop.
    func readClocks(_ moment: MonotonicTime) {
        now = moment
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        wallSeconds = UInt64(clamping: time.tv_sec)
    }

    /// The time as the resolver wants it.
    var moment: Moment { Moment(monotonic: now.nanoseconds, wall: Int64(clamping: wallSeconds)) }

    private func count(_ peer: Peer) {
        counters.count(.queries)
        switch peer.transport {
        case .udp: counters.count(.queriesUDP)
        case .tcp: counters.count(.queriesTCP)
        case .tls: counters.count(.queriesTLS)
        case .https: counters.count(.queriesHTTPS)
        }
        if peer.address.family == .ipv6 { counters.count(.queriesIPv6) }
    }

    /// Takes over a new configuration of the resolver; the old one finishes what it has under way.
    func takeOver(_ configuration: ResolverConfiguration?) {
        guard let configuration, let cache = core.cache, let old = resolver else { return }
        resolver = Resolver(configuration: configuration, cache: cache)
        if old.pendingCount > 0 { retired.append(old) }
        plugins = PluginList.make(for: self)
    }

    // MARK: Resolver

    /// Has the resolver's actions carried out at the end of this round.
    func requestPump() {
        guard !isPumpRequested else { return }
        isPumpRequested = true
        loop.requestFlush(self)
    }

    func flush() {
        isPumpRequested = false
        pumpResolver()
    }

    /// Carries out what the resolver wants done, and arranges for its next deadline.
    func pumpResolver() {
        guard let resolver else { return }
        for old in retired { pump(old) }
        retired.removeAll { $0.pendingCount == 0 }
        pump(resolver)
        let next = retired.reduce(resolver.nextDeadline ?? .max) { min($0, $1.nextDeadline ?? .max) }
        guard next != resolverDeadline else { return }
        if let timer = resolverTimer { loop.cancel(timer) }
        resolverTimer = nil
        resolverDeadline = next
        if next != .max {
            resolverTimer = loop.arm(at: MonotonicTime(nanoseconds: next), target: self, tag: 0)
        }
    }

    private func pump(_ resolver: Resolver) {
        repeat {
            resolver.drainActions { action in
                switch action {
                case .send(let query): upstream?.send(query)
                case .cancel(let id): upstream?.cancel(id)
                case .answer(let token, let answer): deliver(answer, to: token)
                }
            }
            let unsent = upstream?.takeUnsent() ?? []
            guard !unsent.isEmpty else { break }
            for id in unsent { resolver.failed(upstream: id, reason: .unreachable, at: moment) }
        } while true
    }

    /// Tells the resolver that asked of a message or a failure; the others do not know the question.
    func withResolvers(_ body: (Resolver) -> Void) {
        for old in retired { body(old) }
        if let resolver { body(resolver) }
        requestPump()
    }

    /// How long a query may wait for anything; longer ones were lost on the way, and are given up.
    private static let patience = Duration.seconds(30)

    /// Gives up lost queries from time to time, so that none waits for ever.
    ///
    /// Once, before the loop runs.
    func watchPending() {
        _ = loop.arm(after: Worker.patience / 3, target: self, tag: 1)
    }

    private func giveUpLost() {
        let limit = MonotonicTime(nanoseconds: now.nanoseconds &- 30_000_000_000)
        guard now.nanoseconds > 30_000_000_000, pending.count > 0 else { return }
        for waiting in pending.removeAll(where: { $0.since < limit }) {
            counters.count(.pendingLost)
            loop.dismiss(waiting.peer)
        }
    }

    func timerFired(tag: UInt64, at moment: MonotonicTime) {
        readClocks(moment)
        refreshState()
        if tag == 1 {
            giveUpLost()
            watchPending()
            return
        }
        resolverTimer = nil
        resolverDeadline = .max
        for old in retired { old.advance(to: self.moment) }
        resolver?.advance(to: self.moment)
        pumpResolver()
    }

    /// Brings a recursive answer to the worker whose client waits for it.
    private func deliver(_ answer: ResolverAnswer, to token: UInt64) {
        let owner = Int(token >> 56)
        if UInt64(owner) == Worker.traceOwner {
            traces.removeValue(forKey: token & 0xff_ffff)?(answer)
            return
        }
        let local = QueryToken(rawValue: token & 0x00ff_ffff_ffff_ffff)
        guard owner != index else {
            resume(local) { $0.accept(answer) }
            return
        }
        guard owner < core.workers.count else { return }
        let other = core.workers[owner]
        other.loop.mailbox.post {
            other.readClocks(MonotonicTime.now())
            other.refreshState()
            other.resume(local) { $0.accept(answer) }
        }
    }

    /// Has `question` resolved by the worker that its name belongs to, so that no two workers ask the same thing.
    func resolve(_ question: Question, options: QueryOptions, token: QueryToken, client: IPAddress) {
        let tag = UInt64(index) << 56 | token.rawValue
        let owner = self.owner(of: question.name)
        if owner == index {
            begin(question, options: options, tag: tag, client: client)
            return
        }
        let other = core.workers[owner]
        other.loop.mailbox.post {
            other.readClocks(MonotonicTime.now())
            other.refreshState()
            other.begin(question, options: options, tag: tag, client: client)
        }
    }

    /// The worker that resolves `name`: names of one registered domain belong together, since the way to them is the same.
    ///
    /// So a flood of names below one domain keeps one worker busy, not all.
    private func owner(of name: Name) -> Int {
        guard core.workers.count > 1 else { return index }
        // Below arpa, the address blocks are what registered domains are elsewhere.
        let hash = NameHash.hash(name.suffix(labels: name.isAtOrBelow(Self.arpa) ? 4 : 2))
        return Int(truncatingIfNeeded: (hash >> 7) % UInt64(core.workers.count))
    }

    private static let arpa = Name(trustedWire: [4, 0x61, 0x72, 0x70, 0x61, 0])

    private func begin(_ question: Question, options: QueryOptions, tag: UInt64, client: IPAddress) {
        guard let resolver else { return }
        resolver.start(
            question, options: options, token: tag, client: client, view: resolver.view(of: client),
            at: moment)
        requestPump()
    }
}
