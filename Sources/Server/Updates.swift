internal import Authority
internal import DNSCore
internal import DNSSecurity
internal import Operations
internal import Synchronization
internal import Transport

extension Worker {
    /// Takes an UPDATE apart and hands it to the zones' writer; the response follows when it is on disk (RFC 2136 3).
    func update(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        if context.keyName == nil, !state.unsignedUpdates.contains(peer.transport) {
            context.extendedError = .prohibited
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        let requestor = UpdateRequestor(
            source: context.address, key: context.keyName, algorithm: context.session?.key?.algorithm,
            isStream: context.isStream)
        let request: UpdateRequest
        switch UpdateRequest.parse(query, layout: context.layout, requestor: requestor) {
        case .success(let parsed): request = parsed
        case .failure(let reason):
            return unsafe refuse(reason, nil, query, &context, peer, into: response)
        }
        guard let slot = core.zones.slots[request.zone.name] else {
            return unsafe refuse(
                .notAuthoritative(request.zone.name, request.zone.recordClass), request, query, &context,
                peer, into: response)
        }
        count(.updates, slot: slot)
        guard !MemoryBudget.isShort else {
            return unsafe refuse(.outOfMemory, request, query, &context, peer, into: response)
        }
        guard slot.section.kind == .primary else {
            return unsafe forwardUpdate(request, slot, query, &context, peer, into: response)
        }
        guard let zone = core.zones.snapshot(of: slot.name) else {
            return unsafe refuse(.stopping, request, query, &context, peer, into: response)
        }
        let known: UpdateRequestor
        switch requestor.authenticated(by: query, layout: context.layout, in: zone, now: wallSeconds) {
        case .success(let found): known = found
        case .failure(let reason):
            return unsafe refuse(reason, request, query, &context, peer, into: response)
        }
        if case .failure(let reason) = UpdatePolicy(slot.section).admits(known) {
            return unsafe refuse(reason, request, query, &context, peer, into: response)
        }
        let signed = request.with(requestor: known)
        let signature = context.session?.signature
        if let signature {
            switch core.updateReplays.begin(
                signature, from: UpdateReplays.Sender(address: context.address, port: context.port))
            {
            case .new: break
            case .underWay: return .drop
            case .settled(let code):
                return unsafe refuse(code, query, hasQuestion: true, &context, peer, into: response)
            case .copied:
                context.session = context.session?.refusingTime()
                return unsafe refuse(.copied, signed, query, &context, peer, into: response)
            }
        }
        guard let committer = core.zones.committer,
            let token = hold(query, peer, context.resumed)
        else {
            if let signature { core.updateReplays.settle(signature, .serverFailure) }
            return unsafe refuse(.stopping, request, query, &context, peer, into: response)
        }
        let worker = self
        let mailbox = loop.mailbox
        let replays = core.updateReplays
        committer.submit(signed) { reason in
            UpdateLog.note(reason, signed)
            if let signature { replays.settle(signature, reason.responseCode) }
            mailbox.post {
                worker.readClocks(.now())
                worker.refreshState()
                worker.resume(token) {
                    $0.verdict = Resumption.Verdict(
                        code: reason.responseCode, extendedError: reason.extendedError, text: "\(reason)")
                }
            }
        }
        return .deferred
    }

    /// An update that ends here, before it reached a zone.
    func refuse(
        _ reason: UpdateReason, _ request: UpdateRequest?, _ query: borrowing RawSpan,
        _ context: inout QueryContext,
        _ peer: Peer, into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        UpdateLog.note(reason, request, source: context.address)
        context.extendedError = reason.extendedError
        context.extendedText = context.keyName != nil ? "\(reason)" : ""
        return unsafe refuse(reason.responseCode, query, hasQuestion: true, &context, peer, into: response)
    }
}

/// One log line for each update, with the reason; the last refusals are kept for `update explain`.
enum UpdateLog {
    /// Refusals that are kept.
    private static let limit = 200
    private static let refusals = Mutex<[(zone: String, line: String)]>([])

    /// The last `count` refusals, newest first.
    static func recent(_ count: Int, zone: Name? = nil) -> [String] {
        refusals.withLock { list in
            Array(
                list.reversed().filter { zone == nil || $0.zone == "\(zone ?? .root)" }.map(\.line).prefix(
                    count))
        }
    }

    private static func keep(_ zone: String, _ line: String) {
        refusals.withLock { list in
            if list.count >= limit { list.removeFirst(limit / 4) }
            list.append((zone, line))
        }
    }

    /// Keeps an update whose signature did not count; the log has it among the signatures.
    static func keep(_ rejection: TSIGRejection, _ query: borrowing RawSpan, _ peer: Peer) {
        let zone = (try? MessageView.name(in: query, at: 12)).map { "\($0)" } ?? "?"
        keep(
            zone,
            """
            \(zone) client \(peer.address) key \(rejection.key) NOTAUTH: signature refused, \(rejection.error): \
            \(rejection.cause) (algorithm \(rejection.algorithm))
            """)
    }

    static func note(_ reason: UpdateReason, _ request: UpdateRequest?, source: IPAddress? = nil) {
        let zone = request.map { "\($0.zone.name)" } ?? "?"
        let client = (request?.requestor.source ?? source).map { "\($0)" } ?? "?"
        let key = request?.requestor.key.map { "\($0)" } ?? "none"
        switch reason {
        case .applied, .unchanged:
            guard Log.isEnabled(.info) else { return }
            Logs.update.limited(.info, "update", "\(reason)", ["zone": zone, "client": client, "key": key])
        default:
            keep(zone, "\(zone) client \(client) key \(key) \(reason.responseCode): \(reason)")
            Logs.update.limited(
                .notice, "update refused", "\(reason.responseCode): \(reason)",
                ["zone": zone, "client": client, "key": key])
        }
    }
}
