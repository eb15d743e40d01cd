internal import DNSCore
internal import Resolver
internal import Transport

// One resolver for each view: they share the cache, and each asks for itself.

extension Worker {
    /// The resolver for clients in no view.
    var resolver: Resolver? { resolvers.first }

    /// The resolver of a view, counted from 1; 0: of none.
    @inline(__always)
    func resolver(ofView view: Int) -> Resolver? { view < resolvers.count ? resolvers[view] : nil }

    /// Takes over a new configuration of the resolvers; the old ones finish what they have under way.
    func takeOver(_ set: ResolverSet?) {
        guard let set, let cache = core.cache else { return }
        if let installed, installed.number == set.number {
            for (resolver, configuration) in zip(resolvers, set.configurations) {
                if let policies = configuration.policies { resolver.replacePolicies(policies) }
            }
            self.installed = set
            return
        }
        let old = resolvers
        resolvers = set.configurations.enumerated().map { index, configuration in
            lastResolver += 1
            let resolver = Resolver(configuration: configuration, cache: cache, number: lastResolver)
            if old.indices.contains(index) { resolver.inherit(from: old[index]) }
            return resolver
        }
        installed = set
        core.anchors?.restore(to: self)
        retired += old.filter { $0.pendingCount > 0 }
        requestPump()
    }

    /// Has the resolvers' actions carried out at the end of this round.
    func requestPump() {
        guard !isPumpRequested else { return }
        isPumpRequested = true
        loop.requestFlush(self)
    }

    func flush() {
        isPumpRequested = false
        pumpResolver()
    }

    /// Handles every deadline of the resolvers that has come.
    func advanceResolvers() {
        for old in retired { old.advance(to: moment) }
        for resolver in resolvers { resolver.advance(to: moment) }
        pumpResolver()
    }

    /// Carries out what the resolvers want done, and arranges for their next deadline.
    private func pumpResolver() {
        guard !resolvers.isEmpty else { return }
        for old in retired { pump(old) }
        retired.removeAll { $0.pendingCount == 0 }
        var next = UInt64.max
        for resolver in resolvers {
            pump(resolver)
            next = min(next, resolver.nextDeadline ?? .max)
        }
        for old in retired { next = min(next, old.nextDeadline ?? .max) }
        // A timer that is too early looks again; that is rarer than deadlines that move back.
        guard next < resolverDeadline else { return }
        if let timer = resolverTimer { loop.cancel(timer) }
        resolverDeadline = next
        resolverTimer = loop.arm(at: MonotonicTime(nanoseconds: next), target: self, tag: 0)
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
        if resolver.hasAnchorChanges { core.anchors?.keep(resolver.takeAnchorChanges(), from: self) }
    }

    /// The resolver that sent question `tag`; nil when it has finished.
    func resolver(thatSent tag: UInt64) -> Resolver? {
        let number = Int(truncatingIfNeeded: tag >> UInt64(Resolver.numberShift))
        for resolver in resolvers where resolver.number == number { return resolver }
        return retired.first { $0.number == number }
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
    func resolve(_ question: Question, options: QueryOptions, token: QueryToken, client: IPAddress, view: Int)
    {
        let tag = UInt64(index) << 56 | token.rawValue
        let owner = self.owner(of: question.name)
        if owner == index {
            begin(question, options: options, tag: tag, client: client, view: view)
            return
        }
        let other = core.workers[owner]
        other.loop.mailbox.post {
            other.readClocks(MonotonicTime.now())
            other.refreshState()
            other.begin(question, options: options, tag: tag, client: client, view: view)
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

    private func begin(_ question: Question, options: QueryOptions, tag: UInt64, client: IPAddress, view: Int)
    {
        guard let resolver = resolver(ofView: view) ?? resolver else { return }
        resolver.start(
            question, options: options, token: tag, client: client, view: resolver.view(of: client),
            at: moment)
        requestPump()
    }
}
