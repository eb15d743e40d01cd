package import DNSCore
private import Synchronization

/// What all workers know of targets and clients together: who is no NTS router, who is one, and how many
/// holds there are.
///
/// The only thing in this room that is locked, and only for names within the target policy.
package final class TargetMemory: Sendable {
    private struct State {
        var negative: [IPAddress: Duration] = [:]
        var known: [IPAddress: Duration] = [:]
        var perClient: [IPAddress: Int] = [:]
        var perRouter: [IPAddress: Int] = [:]
        var total = 0
        var registered = RegisteredRouters()
        var swept = Duration.zero
        var limits: NTSConfiguration.Limits
    }

    /// Which bound a hold would exceed.
    enum Admission: Equatable { case admitted, overTotal, overPerClient }

    private let state: Mutex<State>
    private let version = Atomic<UInt64>(0)

    package init(limits: NTSConfiguration.Limits) {
        state = Mutex(State(limits: limits))
    }

    /// Takes over other bounds; what is above them now stays until it ends.
    package func adopt(_ limits: NTSConfiguration.Limits) {
        state.withLock { $0.limits = limits }
    }

    /// Replies held at this moment.
    package var holdCount: Int { state.withLock { $0.total } }
    /// Targets remembered as no NTS routers, expired ones included.
    package var negativeCount: Int { state.withLock { $0.negative.count } }
    /// Routers remembered from their answers.
    package var knownCount: Int { state.withLock { $0.known.count } }

    /// Forgets that `address` is no NTS router (`toriictl`, or its registration).
    package func forget(_ address: IPAddress) {
        state.withLock { _ = $0.negative.removeValue(forKey: address) }
    }

    /// Remembers `address` as an NTS router until `expiry`.
    package func noteRouter(_ address: IPAddress, until expiry: Duration) {
        state.withLock { state in
            state.negative[address] = nil
            if state.known[address] == nil, state.known.count >= state.limits.knownRouters {
                if let oldest = state.known.min(by: { $0.value < $1.value })?.key {
                    state.known[oldest] = nil
                }
            }
            state.known[address] = expiry
        }
    }

    /// Whether `address` is remembered as an NTS router.
    package func isKnownRouter(_ address: IPAddress, now: Duration) -> Bool {
        state.withLock { ($0.known[address] ?? .zero) > now }
    }

    // MARK: Registration (nts.md 2.6)

    /// Changes with ``registeredRouters``.
    ///
    /// Costs one read.
    package var registrationVersion: UInt64 { version.load(ordering: .acquiring) }
    /// Routers that have announced themselves.
    package var registeredRouters: RegisteredRouters { state.withLock { $0.registered } }
    /// How many they are.
    package var registrationCount: Int { state.withLock { $0.registered.count } }

    /// Enters, renews or (lifetime 0) takes back a router's announcement.
    ///
    /// - Parameter signedAt: when the announcement was signed, seconds since 1970.
    /// - Returns: false when another key announced it, a later announcement is known, or there is no room.
    func register(
        _ registration: V2Message.Registration, key: Name, signedAt: UInt64, now: Duration
    ) -> Bool {
        state.withLock { state in
            defer { version.store(state.registered.version, ordering: .releasing) }
            let held = state.registered.entries[registration.router].flatMap { $0.expiry > now ? $0 : nil }
            if let held, held.route.key != key || signedAt < held.signedAt { return false }
            guard registration.lifetime > 0 else {
                // Only who announced it takes it back.
                if held != nil { state.registered.remove(registration.router) }
                return true
            }
            if held == nil, state.registered.count >= state.limits.knownRouters {
                state.registered.sweep(now: now)
                guard state.registered.count < state.limits.knownRouters else { return false }
            }
            state.negative[registration.router] = nil
            let route = TargetPolicy.Route(
                endpoint: IPEndpoint(registration.router, port: registration.port), form: .v2, key: key,
                isListed: true)
            state.registered.enter(
                RegisteredRouters.Entry(
                    route: route, prefixes: registration.prefixes,
                    expiry: now + .seconds(Int(registration.lifetime)), signedAt: signedAt))
            return true
        }
    }

    /// Forgets announcements that were not renewed; looks at most every ten seconds.
    func sweepRegistrations(now: Duration) {
        guard registrationVersion != 0 else { return }
        state.withLock { state in
            guard now - state.swept >= .seconds(10) else { return }
            state.swept = now
            state.registered.sweep(now: now)
            version.store(state.registered.version, ordering: .releasing)
        }
    }

    // MARK: For the owner of the server

    /// What is known of a target.
    package struct Standing: Sendable {
        package var address: IPAddress
        /// Whether it is an NTS router, or none.
        package var isRouter: Bool
        /// Until when.
        package var expiry: Duration
    }

    /// Targets that are remembered, at most `limit` of them, in the order of their addresses.
    package func standings(limit: Int, now: Duration) -> [Standing] {
        let all = state.withLock { state in
            state.negative.filter { $0.value > now }.map {
                Standing(address: $0.key, isRouter: false, expiry: $0.value)
            }
                + state.known.filter { $0.value > now }.map {
                    Standing(address: $0.key, isRouter: true, expiry: $0.value)
                }
        }
        return Array(all.sorted { $0.address < $1.address }.prefix(limit))
    }

    /// Negotiations under way with each router.
    package var negotiationsByRouter: [IPAddress: Int] { state.withLock { $0.perRouter } }

    /// Remembers `address` as no NTS router until `expiry`.
    func noteSilence(_ address: IPAddress, until expiry: Duration, now: Duration) {
        state.withLock { state in
            if state.negative[address] == nil, state.negative.count >= state.limits.negativeEntries {
                // Rare and bounded: the expired ones first, then a quarter of the rest, those that expire soonest.
                state.negative = state.negative.filter { $0.value > now }
                if state.negative.count >= state.limits.negativeEntries {
                    let doomed = state.negative.sorted { $0.value < $1.value }.prefix(
                        state.limits.negativeEntries / 4 + 1)
                    for entry in doomed { state.negative[entry.key] = nil }
                }
            }
            state.negative[address] = expiry
        }
    }

    /// Whether `address` is remembered as no NTS router.
    package func isSilent(_ address: IPAddress, now: Duration) -> Bool {
        state.withLock { state in
            guard let expiry = state.negative[address] else { return false }
            if expiry > now { return true }
            state.negative[address] = nil
            return false
        }
    }

    func admitHold(for client: IPAddress) -> Admission {
        state.withLock { state in
            guard state.total < state.limits.holds else { return .overTotal }
            let mine = state.perClient[client, default: 0]
            guard mine < state.limits.perClient else { return .overPerClient }
            state.perClient[client] = mine + 1
            state.total += 1
            return .admitted
        }
    }

    func endHold(for client: IPAddress) {
        state.withLock { state in
            state.total -= 1
            let mine = state.perClient[client, default: 1] - 1
            state.perClient[client] = mine == 0 ? nil : mine
        }
    }

    func admitNegotiation(with router: IPAddress) -> Bool {
        state.withLock { state in
            let running = state.perRouter[router, default: 0]
            guard running < state.limits.perRouter else { return false }
            state.perRouter[router] = running + 1
            return true
        }
    }

    func endNegotiation(with router: IPAddress) {
        state.withLock { state in
            let running = state.perRouter[router, default: 1] - 1
            state.perRouter[router] = running == 0 ? nil : running
        }
    }
}
