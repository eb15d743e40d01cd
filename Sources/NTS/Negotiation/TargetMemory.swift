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
        var registered: [IPAddress: Registered] = [:]
    }

    /// A router that has announced itself.
    private struct Registered {
        var route: TargetPolicy.Route
        var prefixes: [IPPrefix]
        var expiry: Duration
    }

    /// Which bound a hold would exceed.
    enum Admission: Equatable { case admitted, overTotal, overPerClient }

    private let state = Mutex(State())
    private let limits: NTSConfiguration.Limits
    private let registeredCount = Atomic<Int>(0)

    package init(limits: NTSConfiguration.Limits) {
        self.limits = limits
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
            if state.known[address] == nil, state.known.count >= limits.knownRouters {
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

    /// Whether any router has announced itself.
    ///
    /// Costs one read.
    package var hasRegistrations: Bool { registeredCount.load(ordering: .relaxed) > 0 }
    /// Routers that have announced themselves.
    package var registrationCount: Int { registeredCount.load(ordering: .relaxed) }

    /// Enters, renews or (lifetime 0) takes back a router's announcement.
    ///
    /// - Returns: false when there is no room.
    func register(_ registration: V2Message.Registration, key: Name, now: Duration) -> Bool {
        state.withLock { state in
            defer { registeredCount.store(state.registered.count, ordering: .relaxed) }
            state.registered = state.registered.filter { $0.value.expiry > now }
            guard registration.lifetime > 0 else {
                // Only who announced it takes it back.
                if state.registered[registration.router]?.route.key == key {
                    state.registered[registration.router] = nil
                }
                return true
            }
            if let held = state.registered[registration.router], held.route.key != key { return false }
            guard state.registered[registration.router] != nil || state.registered.count < limits.knownRouters
            else {
                return false
            }
            state.negative[registration.router] = nil
            let route = TargetPolicy.Route(
                endpoint: IPEndpoint(registration.router, port: registration.port), form: .v2, key: key,
                isListed: true)
            state.registered[registration.router] = Registered(
                route: route, prefixes: registration.prefixes,
                expiry: now + .seconds(Int(registration.lifetime)))
            return true
        }
    }

    /// The way to the router that has announced itself for `address`; nil when none has.
    ///
    /// An announcement that was not renewed stays until the next one is made or looked for, which harms
    /// nobody: it is a place to ask.
    func registeredRoute(to address: IPAddress) -> TargetPolicy.Route? {
        guard hasRegistrations else { return nil }
        return state.withLock { state in
            if let found = state.registered[address] { return found.route }
            return state.registered.values.first { $0.prefixes.contains { $0.contains(address) } }?.route
        }
    }

    /// Remembers `address` as no NTS router until `expiry`.
    func noteSilence(_ address: IPAddress, until expiry: Duration, now: Duration) {
        state.withLock { state in
            if state.negative[address] == nil, state.negative.count >= limits.negativeEntries {
                // Rare and bounded: the expired ones first, then a quarter of the rest, those that expire soonest.
                state.negative = state.negative.filter { $0.value > now }
                if state.negative.count >= limits.negativeEntries {
                    let doomed = state.negative.sorted { $0.value < $1.value }.prefix(
                        limits.negativeEntries / 4 + 1)
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
            guard state.total < limits.holds else { return .overTotal }
            let mine = state.perClient[client, default: 0]
            guard mine < limits.perClient else { return .overPerClient }
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
            guard running < limits.perRouter else { return false }
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
