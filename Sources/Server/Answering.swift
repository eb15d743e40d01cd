internal import Authority
internal import DNSCore
internal import Resolver
internal import Transport

extension Worker {
    /// Answers from our zones; nil when the name is not ours, or is below a cut and the client wants recursion.
    @inline(__always)
    func answerFromZones(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition? {
        if context.view > 0, !seesZone(inView: context.view) { return nil }
        unsafe begin(query, &context, hasQuestion: true, into: response)
        let answer = lookup.answer(
            key, type: context.layout.questionType, in: catalog, wantsDNSSEC: context.wantsDNSSEC,
            into: &composer)
        switch answer.kind {
        case .answer, .noData, .nameError: break
        case .notOurs: return nil
        case .notLoaded:
            count(answer)
            context.extendedError = .notReady
            return unsafe refuse(.serverFailure, query, hasQuestion: true, &context, peer, into: response)
        case .referral:
            if mayRecurse(context) { return nil }
        case .alias:
            if mayRecurse(context), let disposition = unsafe follow(query, &context, peer, into: response) {
                return disposition
            }
        case .tooLong: break
        }
        counters.count(.answersAuthoritative)
        count(answer)
        var flags: HeaderFlags = []
        // An answer for class ANY is never authoritative (RFC 1034 6.2.2).
        if answer.isAuthoritative, context.layout.questionClass == .internet { flags.insert(.authoritative) }
        if answer.isTruncated { flags.insert(.truncated) }
        let isMarked = !plugins.isEmpty && slots.isMarked(answer.lastZone)
        return unsafe complete(
            query, &context, answer.responseCode, flags: flags, zoneIsMarked: isMarked, peer, into: response)
    }

    private func mayRecurse(_ context: borrowing QueryContext) -> Bool {
        context.recursionAllowed && context.layout.flags.contains(.recursionDesired)
    }

    /// Goes on by recursion where an alias of ours leads out of our zones.
    ///
    /// The chain stands in the composer.
    ///
    /// - Returns: nil when the chain must be answered as it is.
    private func follow(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition? {
        guard resolver != nil else { return nil }
        guard let resolved = context.resumption.target else {
            var resumption = context.resumption
            resumption.waitsForTarget = true
            guard let token = hold(query, peer, ResumedQuery(resumption)) else { return nil }
            let target = lookup.effectiveName()
            resolve(
                Question(name: target, type: context.layout.questionType),
                options: options(context, query), token: token, client: context.address,
                view: context.view)
            return .deferred
        }
        counters.count(.answersRecursive)
        composer.start(.answer)
        let target = lookup.effectiveName()
        var flags: HeaderFlags = context.layout.questionClass == .internet ? .authoritative : []
        for section in [Section.answer, .authority] {
            composer.start(section)
            for record in resolved.sections.records(
                section, question: Question(name: target, type: context.layout.questionType))
            {
                guard !flags.contains(.truncated) else { break }
                if !composer.append(record) { flags.insert(.truncated) }
            }
        }
        context.extendedError = resolved.errors.first?.code
        context.extendedText = resolved.errors.first?.text ?? ""
        return unsafe complete(
            query, &context, resolved.responseCode, flags: flags, zoneIsMarked: false, peer, into: response)
    }
}

extension PreparedSections {
    /// The records of a section as values; the octets' pointers hold in a message that asks `question`.
    func records(_ section: Section, question: Question) -> [ResourceRecord] {
        var message = Message(flags: .response, questions: [question]).encoded()
        for (offset, count) in [(6, answerCount), (8, authorityCount), (10, additionalCount)] {
            message[offset] = UInt8(count >> 8)
            message[offset + 1] = UInt8(count & 0xff)
        }
        guard let parsed = try? Message(parsing: message + octets) else { return [] }
        switch section {
        case .answer: return parsed.answers
        case .authority: return parsed.authorities
        case .additional: return parsed.additionals
        case .question: return []
        }
    }
}
