internal import DNSCore
internal import NTS
internal import Transport

/// The negotiation stage: an address answer of the target policy waits until the router has opened the way.
///
/// One worker, the first, talks to the routers, through its ``NTSDesk``. The others hand their answers to it and
/// get word back; what is silent or outside the policy never leaves its own worker.
final class NTSPlugin: AnswerPlugin {
    let name = "nts"
    private let policy: TargetPolicy
    private let configuration: NTSConfiguration
    private let memory: TargetMemory

    init(_ configuration: NTSConfiguration, worker: Worker) {
        self.configuration = configuration
        memory = worker.core.targetMemory
        policy = TargetPolicy(configuration, memory: memory)
    }

    func consider(
        _ answer: ComposedAnswer, _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        worker: Worker, response: UnsafeMutableRawBufferPointer
    ) -> PluginVerdict {
        guard answer.code == .noError, policy.mayApply(zoneIsMarked: answer.zoneIsMarked),
            !answer.flags.contains(.truncated)
        else { return .proceed }
        switch context.layout.questionType {
        case .a, .aaaa, .https, .svcb, .srv, .any: break
        default: return .proceed
        }
        if context.resumption.mustValidate { return .truncate }
        let message = unsafe UnsafeMutableRawBufferPointer(rebasing: response[..<worker.composer.count])
        if let outcome = context.resumption.negotiated {
            if outcome.isServerFailure {
                context.extendedError = .noReachableAuthority
                return .refuse(.serverFailure)
            }
            var octets = unsafe [UInt8](message)
            AnswerTargets.apply(outcome, to: &octets, layout: composed(worker, context))
            unsafe message.copyBytes(from: octets)
            return .proceed
        }
        guard
            let found = unsafe AnswerTargets(
                in: RawSpan(_unsafeBytes: UnsafeRawBufferPointer(message)), layout: composed(worker, context))
        else { return .proceed }
        let elapsed = Duration.nanoseconds(Int64(clamping: worker.now.nanoseconds))
        guard
            found.addresses.contains(where: {
                policy.applies(to: $0, zoneIsMarked: answer.zoneIsMarked)
                    && !memory.isSilent(policy.route(to: $0).endpoint.address, now: elapsed)
            })
        else { return .proceed }
        var request = NegotiationRequest(
            token: 0, client: context.address, isClientValidated: context.isSourceProved, owner: found.owner,
            addresses: found.addresses, zoneIsMarked: answer.zoneIsMarked)
        request.clientSubnet = subnet(query, context)
        return worker.negotiate(request, query, context, peer)
    }

    /// The layout of what the composer holds, as far as it is needed.
    private func composed(_ worker: Worker, _ context: borrowing QueryContext) -> MessageLayout {
        var layout = MessageLayout()
        layout.questionEnd = context.layout.questionEnd
        layout.answerCount = UInt16(clamping: worker.composer.recordCount(in: .answer))
        return layout
    }

    /// Who GN is when a trusted forwarder asks: the subnet that it names (RFC 7871 6, nts.md 2.3).
    private func subnet(_ query: borrowing RawSpan, _ context: borrowing QueryContext) -> IPPrefix? {
        guard !configuration.ecsFrom.isEmpty, let edns = context.layout.edns,
            let option = edns.option(.clientSubnet, in: query),
            configuration.ecsFrom.contains(where: { $0.contains(context.address) }),
            let octets = query.copy(option), octets.count >= 4, octets[0] == 0,
            octets[1] == 1 || octets[1] == 2
        else { return nil }
        let width = octets[1] == 2 ? 16 : 4
        guard Int(octets[2]) <= width * 8, octets.count - 4 <= width, octets[2] > 0 else { return nil }
        let address = Array(octets[4...]) + [UInt8](repeating: 0, count: width - (octets.count - 4))
        return IPAddress(octets: address).map { IPPrefix($0, length: Int(octets[2])) }
    }
}

extension Worker {
    /// Holds a query while its routers are asked.
    func negotiate(
        _ request: NegotiationRequest, _ query: borrowing RawSpan, _ context: borrowing QueryContext,
        _ peer: Peer
    ) -> PluginVerdict {
        guard let token = hold(query, peer, context.resumption) else {
            counters.count(.holdsOverLimit)
            return .proceed
        }
        var request = request
        request.token = UInt64(index) << 56 | token.rawValue
        if let desk = ntsDesk {
            switch desk.begin(request) {
            case .held: counters.count(.holds)
            case .joined: counters.count(.holdsJoined)
            case .notNeeded:
                _ = pending.remove(token)
                return .proceed
            case .overLimit:
                _ = pending.remove(token)
                counters.count(.holdsOverLimit)
                return .proceed
            case .validateFirst:
                _ = pending.remove(token)
                counters.count(.holdsValidation)
                return .truncate
            }
            return .hold
        }
        counters.count(.holds)
        let first = core.workers[0]
        let posted = request
        let delivered = first.loop.mailbox.post {
            first.readClocks(MonotonicTime.now())
            first.beginForeign(posted)
        }
        guard delivered else {
            _ = pending.remove(token)
            return .proceed
        }
        return .hold
    }

    /// Begins a negotiation for another worker and sends its verdict back when nothing is to be waited for.
    private func beginForeign(_ request: NegotiationRequest) {
        let verdict = ntsDesk?.begin(request) ?? .notNeeded
        switch verdict {
        case .held, .joined: break
        case .notNeeded, .overLimit:
            release(request.token) { $0.negotiated = NegotiationOutcome() }
        case .validateFirst:
            release(request.token) { $0.mustValidate = true }
        }
    }

    /// Lets a held query go on, on the worker that holds it.
    func release(_ token: UInt64, _ change: @escaping @Sendable (inout Resumption) -> Void) {
        let owner = Int(token >> 56)
        let local = QueryToken(rawValue: token & 0x00ff_ffff_ffff_ffff)
        counters.count(.holdsReleased)
        guard owner != index else { return resume(local, change) }
        guard owner < core.workers.count else { return }
        let other = core.workers[owner]
        other.loop.mailbox.post {
            other.readClocks(MonotonicTime.now())
            other.refreshState()
            other.resume(local, change)
        }
    }
}
