internal import DNSCore
internal import DNSSecurity
internal import NTS

/// The notification that goes on to a router inside us, before ours is acknowledged (double NAT, nts.md 1.7): each
/// router has its own entry, and the acknowledgements come back in the opposite order.
///
/// Toward the inside we are an NTS server: the inner router lists our inside address under its servers. With a key
/// (`permissions.inner-key`) we speak v2; without one v1, which any neighbour of the inner router can forge.
struct InnerNegotiation: ~Copyable {
    private var negotiator: Negotiator
    private let memory: TargetMemory
    private let only: Set<IPAddress>?

    /// - Parameter key: what listed routers are notified with, in form v2.
    init(_ routers: InnerRouters, key: TSIGKey? = nil, port: UInt16 = 20053) {
        var configuration = NTSConfiguration()
        configuration.isEnabled = routers != .none
        configuration.validateClient = .off
        configuration.form = .v1
        configuration.targetPort = port
        // A host that is no router answers with an ICMP error at once, or costs its first asker this long.
        configuration.hold.unknown = .milliseconds(120)
        configuration.hold.known = .milliseconds(600)
        configuration.hold.pending = .milliseconds(2500)
        configuration.hold.retransmit = [.zero, .milliseconds(40), .milliseconds(80)]
        configuration.isHairpinAnswered = false
        if case .only(let list) = routers { only = Set(list) } else { only = nil }
        if let key {
            configuration.targets.routers = (only ?? []).map {
                NTSConfiguration.Router(address: $0, port: port, form: .v2, key: key.name)
            }
        }
        memory = TargetMemory(limits: configuration.limits)
        negotiator = Negotiator(
            configuration: configuration, memory: memory, keys: TSIGKeyring(key.map { [$0] } ?? []))
    }

    /// Asks the router at `host`, if it may be one.
    ///
    /// - Returns: whether the acknowledgement has to wait for the release of `token`.
    mutating func begin(
        _ token: UInt64, gn: IPAddress, name: Name, host: IPAddress, now: Duration, epoch: UInt64,
        actions: inout [NegotiationAction]
    ) -> Bool {
        guard host.isIPv4, gn.isIPv4, only?.contains(host) ?? true else { return false }
        let request = NegotiationRequest(
            token: token, client: gn, isClientValidated: true, owner: name, addresses: [host],
            zoneIsMarked: true)
        switch negotiator.begin(request, now: now, epoch: epoch, actions: &actions) {
        case .held, .joined: return true
        default: return false
        }
    }

    /// Whether `octets` from `source` may be a reply to one of our notifications.
    func mayBeReply(_ octets: borrowing RawSpan, from source: IPAddress) -> Bool {
        if V1Message.hasShape(octets) { return octets.octet(at: 1) != NegotiationType.notification.rawValue }
        return only?.contains(source) == true && octets.octet(at: 2).map { $0 & 0xf8 == 0xa8 } == true
    }

    /// A datagram from the inside that is no notification.
    mutating func receive(
        _ octets: borrowing RawSpan, from source: IPEndpoint, now: Duration, epoch: UInt64,
        actions: inout [NegotiationAction]
    ) {
        negotiator.receive(octets, from: source, now: now, epoch: epoch, actions: &actions)
    }

    mutating func unreachable(_ host: IPAddress, now: Duration, actions: inout [NegotiationAction]) {
        negotiator.unreachable(host, now: now, actions: &actions)
    }

    mutating func advance(to now: Duration, actions: inout [NegotiationAction]) {
        negotiator.advance(to: now, actions: &actions)
    }

    /// When ``advance(to:actions:)`` has something to do.
    var nextDeadline: Duration? { negotiator.nextDeadline }
}
