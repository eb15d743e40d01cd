package import DNSCore
package import DNSSecurity

/// The server's side of the negotiation: which answers wait, for whom, and until when (nts.md 1.3, 2.1 to 2.3).
///
/// The story of one case. GN asks for `alice.example.net`; the server has the answer, GA2, and calls ``begin(_:now:actions:)``.
/// The policy covers GA2 and nothing speaks against a notification: the verdict is `held` and the actions tell the
/// caller to send 40 octets to GA2. The router's 40 octets come back through ``receive(_:from:now:actions:)``, whose
/// actions say to release the answer with a TTL of at most the granted lifetime. Had the router been silent,
/// ``advance(to:actions:)`` would have repeated the notification at 100 and 200 ms, released the answer unchanged at
/// 300 ms, and remembered GA2 as no NTS router.
///
/// No I/O, no clock: events and the time go in, actions come out. Each worker has its own; what they must know
/// together is in ``TargetMemory``. `now` is a reading of a monotonic clock since any fixed moment.
package struct Negotiator: ~Copyable {
    /// One notification under way; several held answers may wait for it.
    struct Negotiation {
        var key: Key
        var route: TargetPolicy.Route
        var octets: [UInt8]
        var transaction: UInt16
        var start: Duration
        var attempts = 1
        var limit: Duration
        var isKnown: Bool
        var isPending = false
        var waiters: [UInt64] = []
        /// Which deadline in the heap is the current one.
        var alarm: UInt64 = 0
        /// What a v2 response must be verified with.
        var signature: V2Message.RequestSignature?
    }

    /// What makes two notifications the same.
    struct Key: Hashable {
        var router: IPAddress
        /// One address, or the prefix of a trusted forwarder's EDNS Client Subnet.
        var gn: IPPrefix
        /// Wire octets in lower case.
        var host: [UInt8]
    }

    /// An answer that waits, and what has come of its negotiations so far.
    struct Hold {
        var client: IPAddress
        var start: Duration
        var remaining: Int
        var outcome = NegotiationOutcome()
        var hasTimedOut = false
    }

    /// One negotiation that an answer needs.
    private struct Wanted: Equatable {
        var route: TargetPolicy.Route
        var gn: IPPrefix
        var host: Name
    }

    /// How a negotiation with one target ended.
    enum Ending {
        case granted(lifetime: UInt32, hairpin: IPAddress?, ports: [NegotiationOutcome.PortGrant])
        case refused(NTSMetrics.Refusal)
        case timedOut
        case unsupported
    }

    package private(set) var configuration: NTSConfiguration
    package private(set) var policy: TargetPolicy
    /// What has been counted so far.
    package internal(set) var metrics = NTSMetrics()

    let memory: TargetMemory
    private(set) var keys: TSIGKeyring
    private var validated: PrefixSet
    var negotiations: [Key: Negotiation] = [:]
    var byRouter: [IPAddress: Set<Key>] = [:]
    var holds: [UInt64: Hold] = [:]
    private var alarms = DeadlineHeap<(key: Key, alarm: UInt64)>()
    private var alarmCount: UInt64 = 0
    private var nextTransaction = UInt16.random(in: .min ... .max)

    /// A negotiator with nothing under way.
    ///
    /// - Parameter memory: the one that all workers share.
    package init(
        configuration: NTSConfiguration, memory: TargetMemory, keys: TSIGKeyring = TSIGKeyring()
    ) {
        self.configuration = configuration
        self.memory = memory
        self.keys = keys
        policy = TargetPolicy(configuration)
        validated = PrefixSet(configuration.validatedClients)
    }

    /// Takes over another configuration; what is under way ends by the old one's times.
    package mutating func adopt(_ configuration: NTSConfiguration, keys: TSIGKeyring) {
        self.configuration = configuration
        self.keys = keys
        policy = TargetPolicy(configuration)
        validated = PrefixSet(configuration.validatedClients)
        memory.adopt(configuration.limits)
    }

    /// Takes over another list of clients' addresses.
    package mutating func adopt(_ map: ClientMap) {
        configuration.clientMap = map
    }

    /// Answers held by this negotiator.
    package var holdCount: Int { holds.count }
    /// Notifications under way.
    package var negotiationCount: Int { negotiations.count }
    /// When ``advance(to:actions:)`` has something to do; nil while nothing is under way.
    package var nextDeadline: Duration? { negotiations.isEmpty ? nil : alarms.soonest }

    // MARK: Events

    /// Decides about one answer.
    ///
    /// Call it only where ``TargetPolicy/mayApply(zoneIsMarked:)`` says so. Targets remembered as silent are passed
    /// over before the client is asked to prove anything, so that only a real opening costs it a second query.
    ///
    /// - Parameter epoch: the time of day in seconds since 1970, for signatures; only v2 reads it.
    package mutating func begin(
        _ request: NegotiationRequest, now: Duration, epoch: UInt64 = 0,
        actions: inout [NegotiationAction]
    ) -> NegotiationVerdict {
        memory.sweepRegistrations(now: now)
        policy.refresh(from: memory, now: now)
        var targets: [Wanted] = []
        for target in request.targets
        where policy.applies(to: target.address, zoneIsMarked: request.zoneIsMarked) {
            guard targets.count < configuration.limits.addressesPerAnswer else {
                metrics.overPerAnswer &+= 1
                break
            }
            let route = policy.route(to: target.address)
            guard !memory.isSilent(route.endpoint.address, now: now) else {
                metrics.negativeHits &+= 1
                continue
            }
            guard let gn = subject(of: request, isIPv6: target.address.isIPv6) else {
                metrics.unknownClientAddress &+= 1
                continue
            }
            let wanted = Wanted(route: route, gn: gn, host: target.host)
            if !targets.contains(wanted) { targets.append(wanted) }
        }
        guard !targets.isEmpty else { return .notNeeded }
        if mustValidate(request) {
            metrics.validations &+= 1
            return .validateFirst
        }
        return hold(request, for: targets, now: now, epoch: epoch, actions: &actions)
    }

    /// A datagram arrived at the negotiation socket.
    package mutating func receive(
        _ octets: borrowing RawSpan, from source: IPEndpoint, now: Duration, epoch: UInt64 = 0,
        actions: inout [NegotiationAction]
    ) {
        if V1Message.hasShape(octets) {
            guard let message = try? V1Message(decoding: octets) else {
                metrics.malformed &+= 1
                return
            }
            settle(
                type: message.type, transaction: UInt16(message.transactionID), gn: message.gn,
                host: message.host,
                source: source, form: .v1, now: now, actions: &actions)
        } else {
            receiveV2(octets, from: source, now: now, epoch: epoch, actions: &actions)
        }
    }

    /// An ICMP echo or echo reply arrived, without its IP header.
    ///
    /// The caller need not look at it first.
    package mutating func receiveEcho(
        _ octets: [UInt8], from source: IPAddress, now: Duration, actions: inout [NegotiationAction]
    ) {
        guard let echo = try? TSNEcho(decoding: octets) else {
            metrics.malformed &+= 1
            return
        }
        // Our own requests come by too where the socket sees what the host sends to itself.
        guard echo.isReply else { return }
        settle(
            type: echo.message.type, transaction: echo.message.id, gn: echo.message.gn,
            host: echo.message.host,
            source: IPEndpoint(source, port: 0), form: .icmp, now: now, actions: &actions)
    }

    /// The system reported an ICMP error for a notification to `target`: every hold for it ends.
    package mutating func unreachable(
        _ target: IPAddress, now: Duration, actions: inout [NegotiationAction]
    ) {
        guard let keys = byRouter[target] else { return }
        metrics.unreachables &+= 1
        for key in keys {
            guard let negotiation = negotiations[key] else { continue }
            // An error is easily forged: a router that is known keeps its good name.
            if !negotiation.isKnown {
                memory.noteSilence(target, until: now + configuration.negativeTTL, now: now)
            }
            finish(key, .unsupported, now: now, actions: &actions)
        }
    }

    /// Repeats and gives up what is due at `now`.
    package mutating func advance(
        to now: Duration, epoch: UInt64 = 0, actions: inout [NegotiationAction]
    ) {
        while let (key, alarm) = alarms.pop(dueAt: now) {
            guard var negotiation = negotiations[key], negotiation.alarm == alarm else { continue }
            guard now < negotiation.limit else {
                giveUp(negotiation, now: now, actions: &actions)
                continue
            }
            negotiation.attempts += 1
            metrics.retransmissions &+= 1
            send(negotiation, actions: &actions)
            negotiations[key] = negotiation
            schedule(key, now: now)
        }
        if alarms.count > 1024, alarms.count > 4 * negotiations.count {
            let current = negotiations.mapValues(\.alarm)
            alarms.compact { current[$0.key] == $0.alarm }
        }
    }

    /// The held query is gone (its connection was closed); no release will name it.
    package mutating func cancel(token: UInt64) {
        guard let hold = holds.removeValue(forKey: token) else { return }
        memory.endHold(for: hold.client)
    }

    // MARK: Starting

    private func mustValidate(_ request: NegotiationRequest) -> Bool {
        if request.isClientValidated || validated.contains(request.client.unmapped) { return false }
        switch configuration.validateClient {
        case .always: return true
        case .pressure: return memory.holdCount >= configuration.limits.pressure
        case .off: return false
        }
    }

    /// GN in the target's family; nil when its address there is not known (nts.md 2.3).
    private func subject(of request: NegotiationRequest, isIPv6: Bool) -> IPPrefix? {
        if let subnet = request.clientSubnet { return subnet.address.isIPv6 == isIPv6 ? subnet : nil }
        let client = request.client.unmapped
        if client.isIPv6 == isIPv6 { return IPPrefix(client) }
        guard !configuration.clientMap.isEmpty else { return nil }
        return configuration.clientMap.address(of: client).map { IPPrefix($0) }
    }

    private mutating func hold(
        _ request: NegotiationRequest, for targets: [Wanted], now: Duration,
        epoch: UInt64, actions: inout [NegotiationAction]
    ) -> NegotiationVerdict {
        // A forwarder's clients are counted each for itself.
        let client = request.clientSubnet?.address ?? request.client
        switch memory.admitHold(for: client) {
        case .admitted: break
        case .overTotal:
            metrics.overTotal &+= 1
            return .overLimit
        case .overPerClient:
            metrics.overPerClient &+= 1
            return .overLimit
        }
        var waiting = 0
        var hasJoined = false
        var isOverLimit = false
        for target in targets {
            let host = target.host.lowercased
            let key = Key(router: target.route.endpoint.address, gn: target.gn, host: host.wire)
            if negotiations[key] != nil {
                negotiations[key]?.waiters.append(request.token)
                hasJoined = true
                waiting += 1
                continue
            }
            guard var negotiation = prepare(key, target.route, host: host, now: now, epoch: epoch) else {
                metrics.unsuitableNames &+= 1
                continue
            }
            guard memory.admitNegotiation(with: key.router) else {
                metrics.overPerRouter &+= 1
                isOverLimit = true
                continue
            }
            negotiation.waiters = [request.token]
            negotiations[key] = negotiation
            byRouter[key.router, default: []].insert(key)
            send(negotiation, actions: &actions)
            schedule(key, now: now)
            waiting += 1
        }
        guard waiting > 0 else {
            memory.endHold(for: client)
            return isOverLimit ? .overLimit : .notNeeded
        }
        holds[request.token] = Hold(client: client, start: now, remaining: waiting)
        metrics.held &+= 1
        if hasJoined { metrics.joined &+= 1 }
        return hasJoined && waiting == 1 ? .joined : .held
    }

    /// The message for a target; nil when its form cannot carry the name or the family, or its key is missing.
    private mutating func prepare(
        _ key: Key, _ route: TargetPolicy.Route, host: Name, now: Duration, epoch: UInt64
    ) -> Negotiation? {
        let transaction = nextTransaction
        nextTransaction &+= 1
        let isKnown = route.isListed || memory.isKnownRouter(key.router, now: now)
        var negotiation = Negotiation(
            key: key, route: route, octets: [], transaction: transaction, start: now,
            limit: now + (isKnown ? configuration.hold.known : configuration.hold.unknown),
            isKnown: isKnown)
        // A prefix as GN fits into v2 only.
        guard route.form == .v2 || key.gn.length == key.gn.address.bitWidth else { return nil }
        switch route.form {
        case .v1:
            negotiation.transaction = transaction & 0xff
            let message = V1Message(
                transactionID: UInt8(transaction & 0xff), type: .notification, gn: key.gn.address,
                host: host)
            guard let octets = try? message.encoded() else { return nil }
            negotiation.octets = octets
        case .icmp:
            let message = TSNMessage(type: .notification, id: transaction, gn: key.gn.address, host: host)
            let echo = TSNEcho(isReply: false, identifier: transaction, sequence: 1, message: message)
            guard let octets = try? echo.encoded() else { return nil }
            negotiation.octets = octets
        case .v2:
            guard signV2(&negotiation, host: host, epoch: epoch) else { return nil }
        }
        return negotiation
    }

    private mutating func send(_ negotiation: Negotiation, actions: inout [NegotiationAction]) {
        metrics.notifications &+= 1
        if negotiation.route.form == .icmp {
            actions.append(.sendEcho(negotiation.octets, to: negotiation.key.router))
        } else {
            actions.append(.send(negotiation.octets, to: negotiation.route.endpoint))
        }
    }

    /// Sets the alarm for the next repetition or the end, whichever comes first.
    mutating func schedule(_ key: Key, now: Duration) {
        guard var negotiation = negotiations[key] else { return }
        var due = negotiation.limit
        let times = configuration.hold.retransmit
        if negotiation.isPending {
            due = min(due, now + .milliseconds(500))
        } else if negotiation.attempts < times.count {
            due = min(due, negotiation.start + times[negotiation.attempts])
        }
        alarmCount &+= 1
        negotiation.alarm = alarmCount
        negotiations[key] = negotiation
        alarms.push((key, alarmCount), due: due)
    }
}

extension Negotiator {
    /// One notification under way, for the owner of the server.
    package struct Pending: Sendable {
        package var router: IPEndpoint
        package var form: NTSConfiguration.Form
        package var gn: IPPrefix
        package var host: Name
        /// Since when.
        package var age: Duration
        /// Notifications sent.
        package var attempts: Int
        /// Whether the router has asked for patience.
        package var isPending: Bool
        /// Answers that wait for it.
        package var waiting: Int
    }

    /// The notifications under way, at most `limit`, oldest first.
    package func pending(limit: Int, now: Duration) -> [Pending] {
        negotiations.values.sorted { $0.start < $1.start }.prefix(limit).map { one in
            Pending(
                router: one.route.endpoint, form: one.route.form, gn: one.key.gn,
                host: Name(trustedWire: one.key.host), age: now - one.start, attempts: one.attempts,
                isPending: one.isPending, waiting: one.waiters.count)
        }
    }
}
