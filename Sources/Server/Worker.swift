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
    var slots: ZoneSlots {
        didSet { zoneCells = slots.counterTable }
    }
    /// Where this batch's zones are counted; ``slots`` keeps it alive.
    private(set) var zoneCells: ZoneCounterTable
    private var seenCatalog: UInt64 = 0

    var composer = MessageComposer()
    var lookup = ZoneLookup()
    var key = NameKey()
    var limiter: ResponseRateLimiter
    var pending: PendingQueries<Waiting>
    /// The last queries, for `toriictl top`.
    let recent = RecentQueries()
    /// Answers that wait for routers.
    var held: PendingQueries<Waiting>
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
    /// The resolvers by view; the first is for everyone whom no view names.
    ///
    /// None without recursion.
    var resolvers: [Resolver] = []
    /// ``ResolverSet`` that they were made from.
    var installed: ResolverSet?
    var lastResolver = 0
    /// What brings their datagrams to the desk.
    var ntsHandler: NTSSocket?
    var upstream: UpstreamDriver?
    /// Resolvers of former configurations that still have questions under way.
    var retired: [Resolver] = []
    /// Why the response that is being made is SERVFAIL, for the log.
    var failureReason = ""
    /// Questions of `toriictl trace` under way.
    var traces: [UInt64: @Sendable (ResolverAnswer) -> Void] = [:]
    var nextTrace: UInt64 = 0
    var resolverTimer: TimerToken?
    var resolverDeadline: UInt64 = .max
    var isPumpRequested = false

    init(index: Int, core: ServerCore) throws {
        self.index = index
        self.core = core
        loop = try EventLoop()
        state = core.publication.state
        let served = core.zones.served.state
        catalog = served.catalog
        slots = served.slots
        zoneCells = served.slots.counterTable
        settings = state.settings
        cookies = state.cookies
        limiter = ResponseRateLimiter(state.rate)
        pending = PendingQueries(capacity: state.pendingLimit)
        held = PendingQueries(capacity: state.nts?.limits.holds ?? 0)
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
        if state.resolvers !== installed { takeOver(state.resolvers) }
        adoptNTS()
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
        guard now.nanoseconds > 30_000_000_000, pending.count + held.count > 0 else { return }
        let lost =
            pending.removeAll(where: { $0.since < limit }) + held.removeAll(where: { $0.since < limit })
        for waiting in lost {
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
        advanceResolvers()
    }
}
