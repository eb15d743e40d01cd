internal import DNSCore
internal import NTS
internal import Operations
internal import Transport

/// The negotiation stage: an address answer of the target policy waits until the router has opened the way.
///
/// One worker, the first, talks to the routers, through its ``NTSDesk``. The others hand their answers to it and
/// get word back; what is silent or outside the policy never leaves its own worker.
final class NTSPlugin: AnswerPlugin {
    let name = "nts"
    private var policy: TargetPolicy
    private let configuration: NTSConfiguration
    private let memory: TargetMemory

    init(_ configuration: NTSConfiguration, worker: Worker) {
        self.configuration = configuration
        memory = worker.core.targetMemory
        policy = TargetPolicy(configuration)
    }

    func consider(
        _ answer: ComposedAnswer, _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        worker: Worker, response: UnsafeMutableRawBufferPointer
    ) -> PluginVerdict {
        guard answer.code == .noError, !answer.flags.contains(.truncated) else { return .proceed }
        switch context.layout.questionType {
        case .a, .aaaa, .https, .svcb, .srv, .any: break
        default: return .proceed
        }
        if let resumed = context.resumed {
            if resumed.state.mustValidate { return .truncate }
            if let outcome = resumed.state.negotiated {
                return unsafe change(outcome, query, &context, worker: worker, response: response)
            }
        }
        let elapsed = Duration.nanoseconds(Int64(clamping: worker.now.nanoseconds))
        policy.refresh(from: memory, now: elapsed)
        guard policy.mayApply(zoneIsMarked: answer.zoneIsMarked) else { return .proceed }
        let message = unsafe RawSpan(
            _unsafeBytes: UnsafeRawBufferPointer(rebasing: response[..<worker.composer.count]))
        let layout = composed(worker, context)
        guard
            AnswerTargets.concern(policy, zoneIsMarked: answer.zoneIsMarked, in: message, layout: layout),
            let found = AnswerTargets(in: message, layout: layout)
        else { return .proceed }
        let covered = found.targets.filter {
            policy.applies(to: $0.address, zoneIsMarked: answer.zoneIsMarked)
        }
        guard !covered.isEmpty else { return .proceed }
        guard
            covered.contains(where: {
                !memory.isSilent(policy.route(to: $0.address).endpoint.address, now: elapsed)
            })
        else {
            worker.counters.count(.holdsSilent)
            return .proceed
        }
        var request = NegotiationRequest(
            token: 0, client: context.address, isClientValidated: context.isSourceProved, targets: covered,
            zoneIsMarked: answer.zoneIsMarked)
        switch subnet(query, &context) {
        case .absent: break
        case .prefix(let prefix): request.clientSubnet = prefix
        case .withheld:
            // The forwarder's client does not want to be known (RFC 7871 7.1.2): there is nobody to open for.
            worker.counters.count(.holdsUnknownClient)
            return .proceed
        }
        return worker.negotiate(request, query, context, peer)
    }

    /// The layout of what the composer holds, as far as it is needed.
    private func composed(_ worker: Worker, _ context: borrowing QueryContext) -> MessageLayout {
        var layout = MessageLayout()
        layout.questionEnd = context.layout.questionEnd
        layout.answerCount = UInt16(clamping: worker.composer.recordCount(in: .answer))
        layout.authorityCount = UInt16(clamping: worker.composer.recordCount(in: .authority))
        layout.additionalCount = UInt16(clamping: worker.composer.recordCount(in: .additional))
        return layout
    }

    /// Changes the answer as the outcome of its negotiations says.
    private func change(
        _ outcome: NegotiationOutcome, _ query: borrowing RawSpan, _ context: inout QueryContext,
        worker: Worker, response: UnsafeMutableRawBufferPointer
    ) -> PluginVerdict {
        if outcome.isServerFailure {
            context.extendedError = .noReachableAuthority
            return .refuse(.serverFailure)
        }
        _ = subnet(query, &context)
        let message = unsafe UnsafeMutableRawBufferPointer(rebasing: response[..<worker.composer.count])
        var octets = unsafe [UInt8](message)
        AnswerChange.apply(outcome, to: &octets, layout: composed(worker, context))
        unsafe message.copyBytes(from: octets)
        guard !outcome.ports.isEmpty, let parsed = try? Message(parsing: octets) else { return .proceed }
        var isChanged = false
        let answers = parsed.answers.map { record in
            guard let other = AnswerChange.carrying(outcome.ports, record) else { return record }
            isChanged = true
            return other
        }
        guard isChanged else { return .proceed }
        // A port may lengthen a record, and what follows points to names before it: the message is written anew.
        unsafe worker.begin(query, &context, hasQuestion: true, into: response)
        for (section, records) in [
            (Section.answer, answers), (.authority, parsed.authorities), (.additional, parsed.additionals),
        ] {
            worker.composer.start(section)
            for record in records where !worker.composer.append(record) && section == .answer {
                return .truncate
            }
        }
        return .proceed
    }

    /// What a trusted forwarder says of its client.
    private enum Subnet {
        case absent
        case prefix(IPPrefix)
        case withheld
    }

    /// Who GN is when a trusted forwarder asks: the subnet that it names (RFC 7871 6, nts.md 2.3).
    ///
    /// The response then says that it is for this subnet alone.
    private func subnet(_ query: borrowing RawSpan, _ context: inout QueryContext) -> Subnet {
        guard !configuration.ecsFrom.isEmpty, let edns = context.layout.edns,
            let option = edns.option(.clientSubnet, in: query),
            configuration.ecsFrom.contains(where: { [address = context.address] in $0.contains(address) }),
            let octets = query.copy(option), octets.count >= 4, octets[0] == 0,
            octets[1] == 1 || octets[1] == 2
        else { return .absent }
        let width = octets[1] == 2 ? 16 : 4
        guard Int(octets[2]) <= width * 8, octets.count - 4 <= width else { return .absent }
        guard octets[2] > 0 else { return .withheld }
        let address = Array(octets[4...]) + [UInt8](repeating: 0, count: width - (octets.count - 4))
        context.answeredSubnet = option
        return IPAddress(octets: address).map { .prefix(IPPrefix($0, length: Int(octets[2]))) } ?? .absent
    }
}

extension Worker {
    /// Holds a query while its routers are asked.
    func negotiate(
        _ request: NegotiationRequest, _ query: borrowing RawSpan, _ context: borrowing QueryContext,
        _ peer: Peer
    ) -> PluginVerdict {
        guard let token = holdForRouters(query, peer, context.resumed) else {
            noteOverLimit(request)
            return .proceed
        }
        var request = request
        request.token = UInt64(index) << 56 | token.rawValue
        if let desk = ntsDesk {
            switch desk.begin(request) {
            case .held: counters.count(.holds)
            case .joined: counters.count(.holdsJoined)
            case .notNeeded:
                _ = held.remove(token)
                return .proceed
            case .overLimit:
                _ = held.remove(token)
                noteOverLimit(request)
                return .proceed
            case .validateFirst:
                _ = held.remove(token)
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
            _ = held.remove(token)
            noteOverLimit(request)
            return .proceed
        }
        return .hold
    }

    /// Counts and logs that a bound let an answer out unheld.
    private func noteOverLimit(_ request: NegotiationRequest) {
        counters.count(.holdsOverLimit)
        Logs.nts.limited(
            .warning, "over-limit", "an answer went out unheld: a bound of nts.limits is reached",
            [
                "client": "\(request.client)",
                "host": request.targets.first.map { "\($0.host)" } ?? "",
                "router": request.targets.first.map { "\($0.address)" } ?? "",
            ])
    }

    /// Begins a negotiation for another worker and sends its verdict back when nothing is to be waited for.
    private func beginForeign(_ request: NegotiationRequest) {
        let verdict = ntsDesk?.begin(request) ?? .notNeeded
        switch verdict {
        case .held, .joined: break
        case .notNeeded: release(request.token) { $0.negotiated = NegotiationOutcome() }
        case .overLimit:
            noteOverLimit(request)
            release(request.token) { $0.negotiated = NegotiationOutcome() }
        case .validateFirst:
            release(request.token) { $0.mustValidate = true }
        }
    }

    /// Lets held queries go on, each on the worker that holds it; one letter for each worker, however many there are.
    func release(_ batch: [(token: UInt64, outcome: NegotiationOutcome)]) {
        var letters: [Int: [(QueryToken, NegotiationOutcome)]] = [:]
        for (token, outcome) in batch {
            counters.count(.holdsReleased)
            let local = QueryToken(rawValue: token & 0x00ff_ffff_ffff_ffff)
            letters[Int(token >> 56), default: []].append((local, outcome))
        }
        for (owner, letter) in letters where owner < core.workers.count {
            if owner == index {
                for (token, outcome) in letter { resumeHeld(token) { $0.negotiated = outcome } }
                continue
            }
            let other = core.workers[owner]
            other.loop.mailbox.post {
                other.readClocks(MonotonicTime.now())
                other.refreshState()
                for (token, outcome) in letter { other.resumeHeld(token) { $0.negotiated = outcome } }
            }
        }
    }

    /// Lets a held query go on, on the worker that holds it.
    func release(_ token: UInt64, _ change: @escaping @Sendable (inout Resumption) -> Void) {
        let owner = Int(token >> 56)
        let local = QueryToken(rawValue: token & 0x00ff_ffff_ffff_ffff)
        counters.count(.holdsReleased)
        guard owner != index else { return resumeHeld(local, change) }
        guard owner < core.workers.count else { return }
        let other = core.workers[owner]
        other.loop.mailbox.post {
            other.readClocks(MonotonicTime.now())
            other.refreshState()
            other.resumeHeld(local, change)
        }
    }
}
