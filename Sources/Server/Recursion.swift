internal import DNSCore
internal import DNSSecurity
internal import Operations
internal import Resolver
internal import Transport

extension Worker {
    /// What of the query matters to the resolver.
    func options(_ context: borrowing QueryContext, _ query: borrowing RawSpan) -> QueryOptions {
        var bits: UInt8 = 0
        if context.wantsDNSSEC { bits |= QueryOptions.wantsDNSSEC.rawValue }
        if context.layout.flags.contains(.checkingDisabled) { bits |= QueryOptions.checkingDisabled.rawValue }
        if context.layout.flags.contains(.recursionDesired) { bits |= QueryOptions.recursionDesired.rawValue }
        if context.isSourceProved { bits |= QueryOptions.isProved.rawValue }
        if context.isStream { bits |= QueryOptions.isStream.rawValue }
        // Family, then the length of the prefix: 0 hides the client.
        if let subnet = context.layout.edns?.option(.clientSubnet, in: query), subnet.count >= 4,
            query.octet(at: subnet.lowerBound + 2) == 0
        {
            bits |= QueryOptions.hidesSubnet.rawValue
        }
        return QueryOptions(rawValue: bits)
    }

    /// Whether the client wants to know that an answer was validated (RFC 6840 5.7).
    private func wantsAuthenticData(_ context: borrowing QueryContext) -> Bool {
        context.wantsDNSSEC || context.layout.flags.contains(.authenticData)
    }

    /// Answers from the cache, else starts resolving.
    func answerByRecursion(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        let type = context.layout.questionType
        guard let resolver = resolver(ofView: context.view) else {
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        let wanted = options(context, query)
        unsafe begin(query, &context, hasQuestion: true, into: response)
        let view = resolver.view(of: context.address)
        let hit = resolver.cache.answer(
            to: key, type: type, options: wanted, view: view, at: moment.seconds, into: &composer)
        if let hit {
            counters.count(.answersCached)
            context.extendedError = hit.extendedError
            if let code = hit.extendedError, code.isOfPolicy { counters.count(.answersPolicy) }
            if hit.responseCode == .serverFailure {
                failureReason = "remembered: \(hit.extendedError ?? .other)"
            }
            var flags = HeaderFlags(rawValue: 0)
            if hit.isTruncated { flags.insert(.truncated) }
            if hit.isAuthentic, wantsAuthenticData(context) { flags.insert(.authenticData) }
            if hit.wantsPrefetch, resolver.configuration.cache.prefetches, wanted.contains(.recursionDesired)
            {
                prefetch(type, wanted, view: context.view)
            }
            return unsafe complete(
                query, &context, hit.responseCode, flags: flags, zoneIsMarked: false, peer, into: response)
        }
        guard let name = try? MessageView.name(in: query, at: 12),
            let token = hold(query, peer, context.resumed)
        else {
            context.extendedError = .other
            failureReason = "too many queries wait: limits.pending-queries"
            return unsafe refuse(.serverFailure, query, hasQuestion: true, &context, peer, into: response)
        }
        resolve(
            Question(name: name, type: type), options: wanted, token: token,
            client: context.address,
            view: context.view)
        return .deferred
    }

    /// Refreshes what will soon expire; nobody waits for it.
    private func prefetch(_ type: RRType, _ options: QueryOptions, view: Int) {
        resolve(
            Question(name: key.name(), type: type),
            options: options.union(.isPrefetch),
            token: QueryToken(rawValue: 0), client: .anyIPv4, view: view)
    }

    /// Composes what the resolver found.
    func answerResolved(
        _ answer: ResolverAnswer, _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        counters.count(.answersRecursive)
        if let zone = answer.policy { note(policy: zone, answer, query, context) }
        if answer.errors.contains(where: { $0.code.isOfPolicy }) { counters.count(.answersPolicy) }
        switch answer.disposition {
        case .respond: break
        case .drop: return ignore(.accessList, peer)
        case .truncate:
            if !context.isStream { return unsafe truncateEmpty(query, &context, peer, into: response) }
        }
        if answer.responseCode == .serverFailure { failureReason = answer.failure }
        context.extendedError = answer.errors.first?.code
        context.extendedText = answer.errors.first?.text ?? ""
        unsafe begin(query, &context, hasQuestion: true, into: response)
        var flags: HeaderFlags = answer.isAuthoritative ? .authoritative : HeaderFlags(rawValue: 0)
        if answer.isAuthentic, wantsAuthenticData(context) { flags.insert(.authenticData) }
        if !append(answer.sections) { flags.insert(.truncated) }
        return unsafe complete(
            query, &context, answer.responseCode, flags: flags, zoneIsMarked: false, peer, into: response)
    }

    /// Logs that a policy zone has decided about an answer.
    private func note(
        policy zone: Name, _ answer: ResolverAnswer, _ query: borrowing RawSpan,
        _ context: borrowing QueryContext
    ) {
        let name = (try? MessageView.name(in: query, at: 12)).map { "\($0)" } ?? "?"
        let outcome: String
        switch answer.disposition {
        case .drop: outcome = "dropped"
        case .truncate: outcome = "sent to TCP"
        case .respond: outcome = "\(answer.responseCode), \(answer.sections.answerCount) records"
        }
        Logs.policy.limited(
            .info, "rpz \(zone)", "matched",
            [
                "zone": "\(zone)", "client": "\(context.address)", "name": name,
                "type": "\(context.layout.questionType)", "answer": outcome,
            ])
    }

    /// Appends ready-made sections: all of them, else without the additional section, else nothing.
    ///
    /// - Returns: false when the response must say TC.
    private func append(_ sections: PreparedSections) -> Bool {
        func written(_ byteCount: Int, additionals: UInt16) -> MessageComposer.WrittenSections {
            MessageComposer.WrittenSections(
                byteCount: byteCount, answers: sections.answerCount, authorities: sections.authorityCount,
                additionals: additionals)
        }
        func put(_ byteCount: Int, additionals: UInt16) -> Bool {
            guard byteCount <= composer.remaining else { return false }
            let result = unsafe composer.appendSections { room in
                unsafe sections.octets.withUnsafeBytes { source in
                    guard let target = room.baseAddress, let start = source.baseAddress, byteCount > 0 else {
                        return written(0, additionals: additionals)
                    }
                    unsafe target.copyMemory(from: start, byteCount: byteCount)
                    return written(byteCount, additionals: additionals)
                }
            }
            return result != nil
        }
        if put(sections.octets.count, additionals: sections.additionalCount) { return true }
        guard sections.additionalCount > 0 else { return false }
        let needed = Int(sections.answerCount) + Int(sections.authorityCount)
        return put(sections.length(ofRecords: needed), additionals: 0)
    }
}

extension PreparedSections {
    /// Octets that the first `count` records take.
    func length(ofRecords count: Int) -> Int {
        var position = 0
        for _ in 0..<count {
            while position < octets.count {
                let length = Int(octets[position])
                if length >= 0xc0 {
                    position += 2
                    break
                }
                position += 1 + length
                if length == 0 { break }
            }
            guard position + 10 <= octets.count else { return octets.count }
            position += 10 + (Int(octets[position + 8]) << 8 | Int(octets[position + 9]))
        }
        return min(position, octets.count)
    }
}

extension ExtendedError {
    /// Whether responses that a policy zone has changed are marked so.
    var isOfPolicy: Bool { (15...18).contains(rawValue) || self == .forgedAnswer }
}
