internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Transport

/// The server's side of the negotiation with routers: one desk for all workers, on the first one's thread.
///
/// Carries events from the negotiation socket and the clock to the ``Negotiator``, and does what it says.
final class NTSDesk: TimerTarget {
    private var negotiator: Negotiator
    private unowned let worker: Worker
    private let send: ([UInt8], IPEndpoint) -> Void
    private let sendEcho: ([UInt8], IPAddress) -> Void
    private var actions: [NegotiationAction] = []
    private var timer: TimerToken?
    private var deadline: Duration?

    /// - Parameters:
    ///   - send: sends a datagram from the negotiation socket.
    ///   - sendEcho: sends an ICMP echo request.
    init(
        _ negotiator: consuming Negotiator, worker: Worker, send: @escaping ([UInt8], IPEndpoint) -> Void,
        sendEcho: @escaping ([UInt8], IPAddress) -> Void
    ) {
        self.negotiator = negotiator
        self.worker = worker
        self.send = send
        self.sendEcho = sendEcho
    }

    /// What has been counted.
    var metrics: NTSMetrics { negotiator.metrics }
    /// Replies held at this moment.
    var holdCount: Int { negotiator.holdCount }

    private var now: Duration { .nanoseconds(Int64(clamping: worker.now.nanoseconds)) }

    /// Takes over another configuration.
    func adopt(_ configuration: NTSConfiguration, keys: TSIGKeyring) {
        let map = negotiator.configuration.clientMap
        negotiator.adopt(configuration, keys: keys)
        negotiator.adopt(map)
    }

    /// Takes over another list of clients' addresses.
    func adopt(_ map: ClientMap) { negotiator.adopt(map) }

    /// Addresses of clients that are known in the other family.
    var clientMapCount: Int { negotiator.configuration.clientMap.count }
    /// Notifications under way.
    var negotiationCount: Int { negotiator.negotiationCount }

    /// The notifications under way, oldest first.
    func pending(limit: Int) -> [Negotiator.Pending] {
        worker.readClocks(.now())
        return negotiator.pending(limit: limit, now: now)
    }

    /// Starts a negotiation.
    func begin(_ request: NegotiationRequest) -> NegotiationVerdict {
        let verdict = negotiator.begin(request, now: now, epoch: worker.wallSeconds, actions: &actions)
        work()
        return verdict
    }

    /// A datagram came to the negotiation socket.
    func receive(_ octets: borrowing RawSpan, from source: IPEndpoint) {
        worker.readClocks(.now())
        negotiator.receive(octets, from: source, now: now, epoch: worker.wallSeconds, actions: &actions)
        work()
    }

    /// An ICMP echo reply came.
    func receiveEcho(_ octets: [UInt8], from source: IPAddress) {
        worker.readClocks(.now())
        negotiator.receiveEcho(octets, from: source, now: now, actions: &actions)
        work()
    }

    /// The network reported that `target` cannot be reached.
    func unreachable(_ target: IPAddress) {
        worker.readClocks(.now())
        negotiator.unreachable(target, now: now, actions: &actions)
        work()
    }

    func timerFired(tag: UInt64, at moment: MonotonicTime) {
        worker.readClocks(moment)
        timer = nil
        deadline = nil
        negotiator.advance(to: now, epoch: worker.wallSeconds, actions: &actions)
        work()
    }

    /// Does what the negotiator wants done.
    ///
    /// Releases may answer other queries, which may begin negotiations: those append to the list that is
    /// being worked on.
    private func work() {
        let batch = actions
        actions.removeAll(keepingCapacity: true)
        var released: [(token: UInt64, outcome: NegotiationOutcome)] = []
        for action in batch {
            switch action {
            case .send(let octets, let target): send(octets, target)
            case .sendEcho(let octets, let target): sendEcho(octets, target)
            case .release(let token, let outcome): released.append((token, outcome))
            }
        }
        if !released.isEmpty { worker.release(released) }
        let next = negotiator.nextDeadline
        guard next != deadline else { return }
        if let timer { worker.loop.cancel(timer) }
        timer = nil
        deadline = next
        if let next {
            timer = worker.loop.arm(
                at: MonotonicTime(nanoseconds: next.wholeNanoseconds), target: self, tag: 0)
        }
    }
}
