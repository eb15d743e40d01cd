package import DNSCore
internal import DNSSecurity

/// One worker's recursive resolver: events go in, actions come out; it opens no socket and reads no clock.
///
/// The story of one question: `start` looks for a local answer, then for cached records; what is missing becomes a
/// ``Fetch``, which finds the closest delegation, chooses a server, and emits ``ResolverAction/send(_:)``. `receive`
/// matches the response to its question, `Classification` says what it means: a referral leads to other servers, an
/// alias to another fetch, an answer wakes everyone who waited. The ``Request`` then puts the parts of the chain
/// together, has them validated, stores the finished answer for the fast path, and emits an answer for each client.
///
/// Not `Sendable`: belongs to its worker's thread. After each call the caller carries out ``drainActions(_:)`` and
/// arranges to call ``advance(to:)`` at ``nextDeadline``.
package final class Resolver {
    package let configuration: ResolverConfiguration
    let spans: ConfiguredSpans
    package let cache: ResolverCache
    package internal(set) var metrics = ResolverMetrics()

    /// Names on the way that are no zone cuts.
    var stones = SteppingStones()
    var actions: [ResolverAction] = []
    /// What fetches brought and to whom it is to be told: handled in a loop, never by recursion.
    var ready: [(waiter: Waiter, outcome: Outcome)] = []
    var deadlines = DeadlineQueue<Deadline>()
    /// When each request has to end.
    var requestEnds = DeadlineLine()
    /// When each request's clients get expired data, if there are any.
    var staleTurns = DeadlineLine()
    var random = RandomSource()

    var requests = NumberTable<Int, Request>()
    var requestKeys = NumberTable<UInt64, Int>()
    /// Late answers to addresses in the tenth of a second that ``lateWindow`` counts.
    var lateAnswers: [IPAddress: Int] = [:]
    var lateWindow: UInt64 = 0
    var fetches = NumberTable<Int, Fetch>()
    var fetchKeys = NumberTable<UInt64, Int>()
    var exchanges = NumberTable<UInt64, Exchange>()
    var nextID: Int
    /// See ``init(configuration:cache:number:)``.
    package let number: Int
    /// Where the resolver's number begins in the bits of an ``UpstreamID``.
    package static let numberShift = 40

    /// Shared with the resolver that takes over from this one.
    private(set) var servers: ServerTable
    /// Stub and forward zones by the hash of their names.
    let configuredZones: NumberTable<UInt64, Delegation>
    let hints: Delegation
    /// Delegations decoded from the cache, by the hash of their zones.
    var zones = NumberTable<UInt64, Delegation>()
    var cacheGeneration: UInt64
    var isPriming = false
    /// Fetches under way by the hash of the zone that they have come to.
    var zoneLoads = NumberTable<UInt64, Int>()

    var trustAnchors: TrustAnchors
    let validator: Validator
    var trackedAnchors: [Name: TrackedAnchors] = [:]
    var anchorChanges: [AnchorChange] = []
    /// Anchors that are followed, in no order.
    var followedAnchors: [Name] = []
    /// When each followed anchor is looked at next.
    var anchorChecks: [Name: UInt64] = [:]
    var zoneStates: ZoneStates
    var absences: AbsenceTable
    /// Hashes of names at which a secure DNAME has been cached.
    var renamedTrees: Set<UInt64> = []
    var subnetAnswers: SubnetAnswers
    var chains: [Int: KeyChain] = [:]
    var chainKeys: [UInt64: Int] = [:]
    /// Chains that have ended and the requests to be told.
    var chainEnds: [(request: Int, target: Name, result: ChainResult)] = []

    let localNames: LocalNames
    var policies: Policies
    let writer = AnswerWriter()
    /// Room for the response that is being read.
    var plainMessage: [UInt8] = []
    /// For looking into the cache; see ``load(_:)``.
    private(set) var key = NameKey()
    /// What ``key`` holds.
    private var loadedName = Name.root

    /// What is due at some time.
    enum Deadline {
        case exchange(UInt64)
        /// A server reported an error in a way that anyone could: the true response has had its chance.
        case doubt(UInt64)
        case fetch(Int)
        /// Index into ``followedAnchors``.
        case anchor(Int)
    }

    /// - Parameter number: tells this resolver apart from the others of its worker, former ones included: it stands in
    ///   the bits of every ``UpstreamID`` from ``numberShift`` on.
    package init(configuration: ResolverConfiguration, cache: ResolverCache, number: Int = 0) {
        self.configuration = configuration
        spans = ConfiguredSpans(configuration)
        self.number = number
        nextID = number << Resolver.numberShift | 1
        self.cache = cache
        servers = ServerTable(
            limit: configuration.limits.rememberedServers, patience: configuration.limits.serverPatience)
        hints = Delegation(hints: configuration.rootHints)
        var configured = NumberTable<UInt64, Delegation>()
        for zone in configuration.stubZones {
            configured[NameHash.hash(zone.name)] = Delegation(zone, source: .stub)
        }
        for zone in configuration.forwardZones {
            configured[NameHash.hash(zone.name)] = Delegation(zone, source: .forward)
        }
        configuredZones = configured
        localNames = LocalNames(configuration)
        policies = configuration.policies ?? Policies(configuration.policyZones)
        let validation = configuration.validation
        trustAnchors =
            validation.isEnabled
            ? TrustAnchors(validation.trustAnchors, negative: validation.negativeTrustAnchors)
            : TrustAnchors()
        validator = Validator(
            cache: cache.signatures, publicKeys: cache.publicKeys,
            preparedKeys: configuration.limits.preparedKeys)
        zoneStates = ZoneStates(limit: configuration.limits.rememberedZones)
        absences = AbsenceTable(limit: configuration.limits.rememberedAbsences)
        subnetAnswers = SubnetAnswers(limit: configuration.limits.rememberedSubnetAnswers)
        cacheGeneration = cache.generation
    }

    /// Takes on a client's question.
    ///
    /// The answer comes as ``ResolverAction/answer(token:_:)``, often at once.
    ///
    /// - Parameters:
    ///   - token: given back with the answer.
    ///   - client: the client's address, for policies that look at it.
    ///   - view: the set of policies that the client is under; part of the cache's key.
    package func start(
        _ question: Question, options: QueryOptions, token: UInt64, client: IPAddress? = nil,
        view: UInt16 = 0,
        at now: Moment
    ) {
        metrics.queries += 1
        forgetAfterFlush()
        let one = Request.Client(token: token, options: options, address: client, since: now.monotonic)
        accept(question, one, view: view, at: now)
        settle(at: now)
    }

    /// Forgets a client: no answer for this token will come any more.
    package func abandon(token: UInt64) {
        for request in requests.values {
            request.clients.removeAll { $0.token == token }
        }
    }

    /// A message came on the socket of `upstream`.
    ///
    /// Whether it is the response is judged here; junk does not end the wait.
    package func receive(
        upstream: UpstreamID, octets: borrowing RawSpan, from server: IPEndpoint, at now: Moment
    ) {
        handleMessage(upstream, octets, from: server, at: now)
        settle(at: now)
    }

    /// A message came on the socket of `upstream`; see ``receive(upstream:octets:from:at:)-(_,RawSpan,_,_)``.
    package func receive(upstream: UpstreamID, octets: [UInt8], from server: IPEndpoint, at now: Moment) {
        unsafe receive(upstream: upstream, octets: octets.span.bytes, from: server, at: now)
    }

    /// A question failed without a message.
    package func failed(upstream: UpstreamID, reason: UpstreamFailure, at now: Moment) {
        handleFailure(upstream, reason, at: now)
        settle(at: now)
    }

    /// Handles every deadline up to `now`.
    package func advance(to now: Moment) {
        while let due = deadlines.popDue(at: now.monotonic) {
            switch due {
            case .exchange(let id): handleTimeout(id, at: now)
            case .doubt(let id): believeError(id, at: now)
            case .fetch(let id): endOfPatience(fetch: id, at: now)
            case .anchor(let index): checkAnchor(followedAnchors[index], at: now)
            }
            settle(at: now)
        }
        while let id = staleTurns.popDue(at: now.monotonic) {
            offerStale(id, at: now)
        }
        while let id = requestEnds.popDue(at: now.monotonic) {
            endOfPatience(id, at: now)
            settle(at: now)
        }
    }

    /// Judges by other policy zones from now on.
    ///
    /// Flush the answers from the cache afterwards.
    package func replacePolicies(_ policies: Policies) {
        self.policies = policies
    }

    /// Goes on with what another resolver has learnt of servers, and counts on from where it is.
    ///
    /// Once, before the first question.
    package func inherit(from other: Resolver) {
        metrics = other.metrics
        let (now, before) = (configuration.limits, other.configuration.limits)
        guard now.rememberedServers == before.rememberedServers, now.serverPatience == before.serverPatience
        else { return }
        servers = other.servers
    }

    /// When ``advance(to:)`` must be called next, in nanoseconds of the monotonic clock; nil when nothing waits.
    package var nextDeadline: UInt64? {
        let next = min(deadlines.next ?? .max, requestEnds.next ?? .max, staleTurns.next ?? .max)
        return next == .max ? nil : next
    }

    /// Questions of clients and of the resolver itself that wait for something.
    package var pendingCount: Int { requests.count + fetches.count }

    /// Hands over what is to be done, in order, and forgets it.
    package func drainActions(_ body: (ResolverAction) -> Void) {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { body(action) }
        }
    }

    /// Tells everyone what has become known, and whatever follows from that.
    func settle(at now: Moment) {
        var index = 0
        var chainIndex = 0
        while index < ready.count || chainIndex < chainEnds.count {
            guard index < ready.count else {
                let end = chainEnds[chainIndex]
                chainIndex += 1
                resume(request: end.request, chain: end.target, end.result, at: now)
                continue
            }
            let (waiter, outcome) = ready[index]
            index += 1
            switch waiter {
            case .request(let id): resume(request: id, with: outcome, at: now)
            case .server(let id, let server, let type):
                resume(fetch: id, server: server, type: type, with: outcome, at: now)
            case .keyChain(let id): resume(chain: id, with: outcome, at: now)
            case .nobody: break
            }
        }
        ready.removeAll(keepingCapacity: true)
        chainEnds.removeAll(keepingCapacity: true)
        // Nobody need wake for the time limits of questions that have been answered.
        deadlines.dropFirst { due in
            switch due {
            case .exchange(let id), .doubt(let id): exchanges[id] == nil
            case .fetch(let id): fetches[id] == nil
            case .anchor: false
            }
        }
    }

    /// A flush of the shared cache empties what this worker has decoded from it.
    private func forgetAfterFlush() {
        let generation = cache.generation
        guard generation != cacheGeneration else { return }
        cacheGeneration = generation
        zones.removeAll()
        zoneStates.removeAll()
        subnetAnswers.removeAll()
        absences.removeAll()
        servers.forgetLameness()
    }

    /// Makes ``key`` that of `name`: at once when it holds it already, as it mostly does along the way of one question.
    func load(_ name: Name) {
        guard name.wire != loadedName.wire else { return }
        loadedName = name
        key.load(name)
    }

    func takeID() -> Int {
        nextID += 1
        return nextID
    }

    /// The table key of a name with hash `nameHash` and a type.
    func tableKey(_ nameHash: UInt64, _ type: RRType, salt: UInt64 = 0) -> UInt64 {
        NameHash.mix(nameHash ^ (UInt64(type.rawValue) << 40 | salt) &* 0xd6e8_feb8_6659_fd93)
    }
}
