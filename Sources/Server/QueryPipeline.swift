internal import DNSCore
internal import DNSSecurity
internal import Resolver
internal import Transport

// The page to know by heart. One query goes straight down: intake, cookie, signature, access, dispatch, plugins,
// finish. What must wait is kept as a value (`Deferral.swift`) and comes down here once more with what it waited for.

extension Worker {
    /// Answers one message, or takes it in to be answered later.
    func answer(
        _ query: borrowing RawSpan, from peer: Peer, into response: UnsafeMutableRawBufferPointer,
        resumed: ResumedQuery? = nil
    ) -> Disposition {
        guard !isReflection(peer) else { return ignore(.reflection, peer) }
        let layout: MessageLayout
        switch Intake.judge(query) {
        case .ignore(let reason):
            return ignore(reason, peer)
        case .refuse(let code, let found, let repeatsQuestion, let extendedError):
            var context = QueryContext(
                layout: found ?? MessageLayout(), peer: peer, capacity: response.count, settings)
            context.extendedError = extendedError
            return unsafe refuse(code, query, hasQuestion: repeatsQuestion, &context, peer, into: response)
        case .accept(let found):
            layout = found
        }
        var context = QueryContext(layout: layout, peer: peer, capacity: response.count, settings)
        context.resumed = resumed

        // EDNS: cookie (RFC 7873 5.2).
        if let edns = layout.edns {
            counters.count(.queriesEDNS)
            if edns.options.count > 0 {
                guard hasFewOptions(edns, query) else {
                    counters.count(.limitEDNSOptions)
                    context.extendedError = .other
                    context.extendedText = "too many EDNS options"
                    return unsafe refuse(
                        .formatError, query, hasQuestion: true, &context, peer, into: response)
                }
                context.cookieOption = edns.option(.cookie, in: query)
                context.cookie = cookies.verify(
                    query, option: context.cookieOption, address: context.address,
                    now: UInt32(truncatingIfNeeded: wallSeconds))
            }
            if case .malformed = context.cookie {
                context.cookieOption = nil
                context.extendedError = .other
                context.extendedText = "malformed cookie"
                return unsafe refuse(.formatError, query, hasQuestion: true, &context, peer, into: response)
            }
        }

        // TSIG (RFC 8945 5.2), before anything else is believed.
        if layout.tsigStart != nil {
            counters.count(.queriesTSIG)
            switch TSIGSession.verify(query, layout: layout, keys: state.keys, now: wallSeconds) {
            case .unsigned: break
            case .verified(let session): context.session = session
            case .rejected(let rejection, let session):
                context.session = session
                note(rejection, peer)
                if layout.flags.opcode == .update { UpdateLog.keep(rejection, query, peer) }
                return unsafe refuse(.notAuth, query, hasQuestion: true, &context, peer, into: response)
            case .malformed:
                return unsafe refuse(.formatError, query, hasQuestion: true, &context, peer, into: response)
            }
        }

        // Access, as the client's view has it.
        if !state.views.isEmpty { context.view = view(of: context, peer) }
        switch queryAction(context) {
        case .allow: break
        case .drop: return ignore(.accessList, peer)
        case .refuse:
            counters.count(.refusedAccess)
            context.extendedError = .prohibited
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        context.recursionAllowed = mayUseRecursion(context)

        // A client that could have a cookie and does not is asked to get one (RFC 7873 5.2.3).
        if state.cookieMode == .require, !context.isSourceProved {
            return unsafe demandCookie(query, &context, peer, into: response)
        }
        return unsafe dispatch(query, &context, peer, into: response)
    }

    /// Whether a query has no more EDNS options than it may.
    @inline(__always)
    private func hasFewOptions(_ edns: EDNSLayout, _ query: borrowing RawSpan) -> Bool {
        // No option takes fewer than four octets.
        guard edns.options.count / 4 > state.ednsOptions else { return true }
        var position = edns.options.lowerBound
        var count = 0
        while position + 4 <= edns.options.upperBound, let length = query.uint16(at: position + 2) {
            position += 4 + Int(length)
            count += 1
        }
        return count <= state.ednsOptions
    }

    /// RFC 7873 5.2.3: BADCOOKIE to a client that speaks cookies, TC to one that does not.
    private func demandCookie(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        counters.count(.badCookies)
        if context.cookieOption != nil {
            return unsafe refuse(.badCookie, query, hasQuestion: true, &context, peer, into: response)
        }
        return unsafe truncateEmpty(query, &context, peer, into: response)
    }

    /// An empty response with TC set: "ask again over TCP".
    ///
    /// AA stands where RA does not: the C library takes an empty response with neither for a lame server's, and goes
    /// on to the next server instead of asking again.
    func truncateEmpty(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        unsafe begin(query, &context, hasQuestion: true, into: response)
        return unsafe finish(
            query, &context, .noError,
            flags: context.recursionAllowed ? .truncated : [.truncated, .authoritative], peer,
            into: response)
    }

    /// Starts a response: memory, limit, header, question.
    func begin(
        _ query: borrowing RawSpan, _ context: inout QueryContext, hasQuestion: Bool,
        into response: UnsafeMutableRawBufferPointer
    ) {
        let reserve = ResponseFinisher.reserve(context, settings, query)
        unsafe composer.begin(in: response, limit: max(12, context.limit - reserve))
        composer.writeHeader(id: context.layout.id, flags: HeaderFlags(rawValue: 0))
        if hasQuestion {
            composer.copyQuestions(
                from: query, end: context.layout.questionEnd, count: context.layout.questionCount)
        }
    }

    /// Ends a response: OPT and options, flags, TSIG, rate limit.
    ///
    /// - Parameter flags: AA, TC and AD as the answer has them; the others are set here.
    func finish(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ code: ResponseCode, flags: HeaderFlags,
        _ peer: Peer, into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        ResponseFinisher.finish(
            &composer, context, settings, cookies, query: query, code: code, wall: wallSeconds)
        // The header's own ID and flags are read again: a message too odd to survey has no layout.
        let asked = HeaderFlags(rawValue: query.uint16(at: 2) ?? 0)
        var bits: HeaderFlags = flags.union(.response).union(asked.intersection(.recursionDesired))
        if context.recursionAllowed { bits.formUnion(.recursionAvailable) }
        if !flags.contains(.authoritative) { bits.formUnion(asked.intersection(.checkingDisabled)) }
        composer.setFlags(bits.with(opcode: asked.opcode, responseCode: code))
        counters.count(code: code)
        if flags.contains(.truncated) { counters.count(.answersTruncated) }
        if limiter.isOn, !context.isSourceProved,
            let limited = unsafe limitRate(query, &context, code, peer, into: response)
        {
            return limited
        }
        var length = composer.count
        if context.session != nil {
            length = unsafe context.session?.sign(response, count: length, now: wallSeconds) ?? length
        }
        return .respond(length)
    }

    /// A response without records.
    func refuse(
        _ code: ResponseCode, _ query: borrowing RawSpan, hasQuestion: Bool, _ context: inout QueryContext,
        _ peer: Peer, into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        unsafe begin(query, &context, hasQuestion: hasQuestion, into: response)
        composer.writeID(query.uint16(at: 0) ?? 0)
        return unsafe finish(query, &context, code, flags: [], peer, into: response)
    }

    /// No response; over a stream that sent no DNS the connection ends.
    func ignore(_ reason: DropReason, _ peer: Peer) -> Disposition {
        counters.count(.dropped)
        switch reason {
        case .shortHeader: counters.count(.droppedShort)
        case .isResponse: counters.count(.droppedResponse)
        case .accessList: counters.count(.droppedAccess)
        case .rateLimit: counters.count(.droppedRate)
        case .reflection: counters.count(.droppedReflection)
        case .overload: counters.count(.droppedOverload)
        }
        return reason == .shortHeader && peer.transport.isConnected ? .close : .drop
    }

    /// A response would go to a service that answers anything, or back to ourselves (case W8).
    private func isReflection(_ peer: Peer) -> Bool {
        guard peer.transport == .udp else { return false }
        switch peer.address.port {
        case 0, 7, 13, 17, 19: return true
        default: return peer.address.port == peer.local.port && peer.address.sameAddress(as: peer.local)
        }
    }

    /// Applies the response rate limit; nil sends the response as it is.
    private func limitRate(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ code: ResponseCode, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition? {
        for prefix in state.rateExempt where prefix.contains(context.address) { return nil }
        let kind: ResponseRateLimiter.Kind
        switch code {
        case .noError: kind = composer.recordCount(in: .answer) > 0 ? .positive : .noData
        case .nameError: kind = .nameError
        default: kind = .error
        }
        // Names that do not exist are counted together for their zone, as forged floods vary the first label.
        let hash =
            kind == .positive
            ? key.hash(ofSuffixAt: 0)
            : kind == .error ? 0 : key.hash(ofSuffixAt: key.labelCount > 2 ? key.labelCount - 2 : 0)
        switch limiter.decide(
            client: context.address, kind: kind, nameHash: hash, second: moment.seconds)
        {
        case .send: return nil
        case .drop: return ignore(.rateLimit, peer)
        case .slip:
            counters.count(.slipped)
            unsafe begin(query, &context, hasQuestion: context.layout.questionCount == 1, into: response)
            // For AA see ``truncateEmpty(_:_:_:into:)``.
            var bits = HeaderFlags([
                .response, .truncated, context.recursionAllowed ? .recursionAvailable : .authoritative,
            ])
            let asked = context.layout.flags
            bits.formUnion(asked.intersection(.recursionDesired))
            composer.setFlags(bits.with(opcode: asked.opcode, responseCode: .noError))
            return .respond(composer.count)
        }
    }
}
