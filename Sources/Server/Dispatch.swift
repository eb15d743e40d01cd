internal import DNSCore
internal import DNSSecurity
internal import Resolver
internal import Transport

extension Worker {
    /// Sends an accepted message to the room that handles it.
    func dispatch(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        if let verdict = context.resumed?.state.verdict {
            context.extendedError = verdict.extendedError
            context.extendedText = context.keyName != nil ? verdict.text : ""
            return unsafe refuse(verdict.code, query, hasQuestion: true, &context, peer, into: response)
        }
        switch context.layout.flags.opcode {
        case .query:
            break
        case .update:
            counters.count(.updates)
            return unsafe update(query, &context, peer, into: response)
        case .notify:
            counters.count(.notifies)
            return unsafe notified(query, &context, peer, into: response)
        default:
            return unsafe refuse(.notImplemented, query, hasQuestion: false, &context, peer, into: response)
        }
        guard context.layout.questionCount == 1, key.load(query, at: 12) else {
            // Only a cookie was asked for (RFC 7873 5.4).
            return unsafe refuse(.noError, query, hasQuestion: false, &context, peer, into: response)
        }
        if context.resumed == nil {
            counters.count(type: context.layout.questionType)
            recent.note(key, context.layout.questionType, from: context.address)
        }
        switch context.layout.questionClass {
        case .internet, .any:
            switch context.layout.questionType {
            case .axfr, .ixfr:
                counters.count(.transfers)
                return unsafe transfer(query, &context, peer, into: response)
            default:
                return unsafe answerInternet(query, &context, peer, into: response)
            }
        case .chaos:
            return unsafe answerChaos(query, &context, peer, into: response)
        default:
            context.extendedError = .notSupported
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
    }

    /// `id.server.` and its kin (RFC 4892); everything else of class CH is refused.
    private func answerChaos(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        let text: String?
        switch key.name() {
        case ChaosName.idServer, ChaosName.hostnameBind: text = state.identity
        case ChaosName.versionBind, ChaosName.versionServer: text = state.version
        default: text = nil
        }
        guard let text else {
            context.extendedError = .prohibited
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        unsafe begin(query, &context, hasQuestion: true, into: response)
        composer.start(.answer)
        let type = context.layout.questionType
        if type == .txt || type == .any, let owner = try? MessageView.name(in: query, at: 12) {
            let octets = Array(text.utf8.prefix(255))
            composer.append(
                ResourceRecord(
                    owner: owner, type: .txt, recordClass: .chaos, ttl: 0,
                    data: RecordData([UInt8(octets.count)] + octets)))
        }
        return unsafe finish(query, &context, .noError, flags: .authoritative, peer, into: response)
    }

    /// Answers a question of class IN: from a zone of ours, from the cache, or by recursion.
    private func answerInternet(
        _ query: borrowing RawSpan, _ context: inout QueryContext, _ peer: Peer,
        into response: UnsafeMutableRawBufferPointer
    ) -> Disposition {
        if let resolved = context.resumed?.state.resolved {
            return unsafe answerResolved(resolved, query, &context, peer, into: response)
        }
        if let answered = unsafe answerFromZones(query, &context, peer, into: response) { return answered }
        guard context.recursionAllowed else {
            // Not ours, and no recursion for this client (RFC 8906 3.1.1, RFC 8914 4.21, 4.19).
            context.extendedError = state.recursionEnabled ? .prohibited : .notAuthoritative
            return unsafe refuse(.refused, query, hasQuestion: true, &context, peer, into: response)
        }
        return unsafe answerByRecursion(query, &context, peer, into: response)
    }
}

/// The names of class CH that are answered.
private enum ChaosName {
    static let idServer = Name(trustedWire: [2, 0x69, 0x64, 6, 0x73, 0x65, 0x72, 0x76, 0x65, 0x72, 0])
    static let versionServer = chaos("version", "server")
    static let versionBind = chaos("version", "bind")
    static let hostnameBind = chaos("hostname", "bind")

    private static func chaos(_ first: String, _ second: String) -> Name {
        Name(
            trustedWire: [UInt8(first.utf8.count)] + first.utf8 + [UInt8(second.utf8.count)] + second.utf8 + [
                0
            ])
    }
}
