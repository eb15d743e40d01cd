internal import Authority
internal import DNSCore
internal import DNSSecurity
internal import Operations
internal import Synchronization
internal import Transport

/// Counts the transfers that are being sent, for the quotas (case U6: only after the right to transfer was checked).
final class TransferQuota: Sendable {
    private struct State {
        var total = 0
        var perClient: [IPAddress: Int] = [:]
    }

    private let state = Mutex(State())

    /// Takes a place for a client; false when there is none.
    func enter(_ client: IPAddress, limit: Int, limitPerClient: Int) -> Bool {
        state.withLock { state in
            guard state.total < limit, state.perClient[client, default: 0] < limitPerClient else {
                return false
            }
            state.total += 1
            state.perClient[client, default: 0] += 1
            return true
        }
    }

    /// Gives a place back.
    func leave(_ client: IPAddress) {
        state.withLock { state in
            state.total -= 1
            let left = state.perClient[client, default: 1] - 1
            state.perClient[client] = left > 0 ? left : nil
        }
    }
}

/// One transfer on its way to a client, pulled by the transport.
final class TransferSource: MessageSource {
    private var transfer: OutgoingTransfer
    private let zone: Name
    private let client: IPAddress
    private let quota: TransferQuota
    private var isOver = false

    init(_ transfer: consuming OutgoingTransfer, zone: Name, client: IPAddress, quota: TransferQuota) {
        self.zone = zone
        self.client = client
        self.quota = quota
        self.transfer = transfer
    }

    func nextMessage(into message: UnsafeMutableRawBufferPointer) -> Int {
        if let length = unsafe transfer.next(into: message, now: UInt64(clamping: WallClock.seconds)) {
            return length
        }
        end(transfer.isFinished ? "sent" : "broken off: a record fits in no message")
        return transfer.isFinished ? 0 : -1
    }

    func abandoned() { end("abandoned by the client") }

    private func end(_ how: String) {
        guard !isOver else { return }
        isOver = true
        quota.leave(client)
        Logs.transfer.limited(
            .info, "transfer out", how,
            [
                "zone": "\(zone)", "client": "\(client)", "form": transfer.form.rawValue,
                "serial": "\(transfer.serial.rawValue)", "messages": "\(transfer.messageCount)",
                "records": "\(transfer.recordCount)", "octets": "\(transfer.octetCount)",
            ])
    }
}

extension Worker {
    /// Answers AXFR and IXFR (RFC 5936, RFC 1995).
    func transfer(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        guard let request = TransferRequest(query, layout: context.layout),
            let name = try? MessageView.name(in: query, at: 12), context.isStream || request != .full
        else {
            // AXFR is not defined over UDP (RFC 5936 4.2).
            return unsafe refuse(.formatError, query, hasQuestion: true, &context, peer, into: response)
        }
        guard let slot = slots[name] else {
            context.extendedError = .notAuthoritative
            return unsafe refuse(.notAuth, query, hasQuestion: true, &context, peer, into: response)
        }
        count(.transfers, slot: slot)
        guard slot.transferAccess.action(for: context.address, key: context.keyName) == .allow else {
            Logs.transfer.limited(
                .notice, "transfer refused", "refused",
                [
                    "zone": "\(name)", "client": "\(context.address)",
                    "key": context.keyName.map { "\($0)" } ?? "none",
                ])
            context.extendedError = .prohibited
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        guard let zone = catalog[slot.number] else {
            context.extendedError = .notReady
            return unsafe refuse(.serverFailure, query, hasQuestion: true, &context, peer, into: response)
        }
        let history = slot.section.ixfr ? core.zones.history(of: name) : nil
        let question = Question(name: name, type: context.layout.questionType)
        let opt = unsafe opt(query, context, into: response)
        guard context.isStream else {
            let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: response[..<context.limit])
            let length = unsafe OutgoingTransfer.datagram(
                request, id: context.layout.id, question: question, flags: context.layout.flags, zone: zone,
                history: history, session: context.session, opt: opt, into: memory, now: wallSeconds)
            guard let length else { return unsafe truncateEmpty(query, &context, peer, into: response) }
            return .respond(length)
        }
        let limits = core.zones.limits
        guard
            core.transferQuota.enter(
                context.address, limit: limits.transfersOut, limitPerClient: limits.transfersOutPerClient)
        else {
            context.extendedError = .other
            context.extendedText = "too many transfers"
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        let source = TransferSource(
            OutgoingTransfer(
                request, id: context.layout.id, question: question, flags: context.layout.flags, zone: zone,
                history: history, session: context.session, opt: opt),
            zone: name, client: context.address, quota: core.transferQuota)
        if !loop.transfer(source, to: peer) {
            source.abandoned()
            return .close
        }
        return .deferred
    }

    /// The OPT record that the answer to a transfer's query has, with all that the query asked for; nil without EDNS.
    private func opt(
        _ query: borrowing RawSpan, _ context: borrowing QueryContext,
        into memory: UnsafeMutableRawBufferPointer
    ) -> ResourceRecord? {
        guard context.layout.edns != nil else { return nil }
        unsafe composer.begin(in: memory, limit: context.limit)
        composer.writeHeader(id: context.layout.id, flags: .response)
        ResponseFinisher.finish(
            &composer, context, settings, cookies, query: query, code: .noError, wall: wallSeconds)
        let bytes = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: memory[..<composer.count]))
        guard let size = bytes.uint16(at: 15), let flags = bytes.uint32(at: 17), bytes.byteCount >= 23,
            let data = bytes.copy(23..<bytes.byteCount)
        else { return nil }
        return ResourceRecord(
            owner: .root, type: .opt, recordClass: RRClass(rawValue: size), ttl: flags, data: RecordData(data)
        )
    }

    /// Takes a NOTIFY in: the zone's primaries are asked soon (RFC 1996 3.11).
    func notified(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        guard let message = try? Message(parsing: query, layout: context.layout),
            let question = message.questions.first
        else { return unsafe refuse(.formatError, query, hasQuestion: true, &context, peer, into: response) }
        guard let slot = slots[question.name], slot.section.kind == .secondary else {
            return unsafe refuse(.notAuth, query, hasQuestion: true, &context, peer, into: response)
        }
        count(.notifies, slot: slot)
        let primaries = slot.section.primaries.map { NotifyMessage.Primary(address: $0.address, key: $0.key) }
        let isAllowed = slot.notifyAccess.action(for: context.address, key: context.keyName) == .allow
        switch NotifyMessage.judge(
            message, source: context.address, key: context.keyName, primaries: primaries, isAllowed: isAllowed
        )
        {
        case .accept(let serial, let primary):
            core.transferDesk?.notified(slot.name, serial: serial, primary: primary)
            unsafe begin(query, &context, hasQuestion: true, into: response)
            return unsafe finish(query, &context, .noError, flags: .authoritative, peer, into: response)
        case .refuse(let code, let cause):
            Logs.transfer.limited(
                .notice, "notify refused", "NOTIFY refused: \(cause)",
                ["zone": "\(slot.name)", "client": "\(context.address)"])
            context.extendedError = .prohibited
            return unsafe refuse(code, query, hasQuestion: true, &context, peer, into: response)
        }
    }

    /// Hands an update for a zone that we are a secondary of on to the primary (RFC 2136 6).
    func forwardUpdate(
        _ request: UpdateRequest, _ slot: ZoneSlot, _ query: borrowing RawSpan, _ context: inout QueryContext,
        _ peer: Peer, into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        guard slot.section.forwardUpdates, let desk = core.transferDesk else {
            return unsafe refuse(
                .notForwarded(slot.name), request, query, &context, peer, into: response)
        }
        if !slot.section.update.isEmpty,
            case .failure(let reason) = UpdatePolicy(slot.section).admits(request.requestor)
        {
            return unsafe refuse(reason, request, query, &context, peer, into: response)
        }
        guard let octets = query.copy(0..<query.byteCount), let token = hold(query, peer, context.resumed)
        else {
            return unsafe refuse(.stopping, request, query, &context, peer, into: response)
        }
        let worker = self
        desk.forward(octets, slot) { answer in
            worker.loop.mailbox.post { worker.relay(answer, to: token) }
        }
        return .deferred
    }

    /// Gives a client what its zone's primary answered; SERVFAIL when none did.
    private func relay(_ answer: [UInt8]?, to token: QueryToken) {
        readClocks(.now())
        guard let answer else {
            resume(token) {
                $0.verdict = Resumption.Verdict(code: .serverFailure, extendedError: .noReachableAuthority)
            }
            return
        }
        guard let waiting = pending.remove(token) else { return }
        unsafe answer.withUnsafeBytes { octets in
            _ = unsafe loop.send(octets, to: waiting.peer)
        }
    }
}
