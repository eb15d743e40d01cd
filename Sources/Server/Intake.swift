internal import DNSCore

/// Why a message gets no response at all.
enum DropReason: Int, Sendable, CaseIterable {
    /// Fewer than the twelve header octets.
    case shortHeader
    /// The QR bit is set: answering a response could start a loop between servers.
    case isResponse
    /// The access list says `drop`.
    case accessList
    /// The client's rate is above its limit.
    case rateLimit
    /// The source is a port or an address that would answer back: 0, 7, 13, 17, 19, or our own.
    case reflection
    /// A bound of the server was reached.
    case overload
}

/// What the outer shape of a message leads to.
enum IntakeVerdict {
    /// Send nothing. Counted by reason.
    case ignore(DropReason)
    /// Answer with this code.
    ///
    /// With a layout, nil for what cannot be read, the response has OPT where the message has it (RFC 6891 6.1.1); a
    /// question is repeated when it is the only one and the message is otherwise as it must be.
    case refuse(ResponseCode, MessageLayout?, repeatsQuestion: Bool, ExtendedError?)
    /// Go on with it.
    case accept(MessageLayout)
}

/// Judges a message from its raw octets, before anything else looks at it.
enum Intake {
    /// The verdict on `bytes` (RFC 1035 4.1.1, RFC 6891 6.1.3 and 7, RFC 7873 5.4, RFC 8906 3, RFC 9619).
    static func judge(_ bytes: borrowing RawSpan) -> IntakeVerdict {
        guard let word = bytes.uint16(at: 2), bytes.byteCount >= 12 else { return .ignore(.shortHeader) }
        let flags = HeaderFlags(rawValue: word)
        guard !flags.contains(.response) else { return .ignore(.isResponse) }
        let layout: MessageLayout
        let isKnown = flags.opcode == .query || flags.opcode == .notify || flags.opcode == .update
        do {
            layout = try MessageView.survey(bytes)
        } catch {
            // What another opcode's messages look like we do not know.
            return isKnown
                ? .refuse(.formatError, nil, repeatsQuestion: false, nil)
                : .refuse(.notImplemented, nil, repeatsQuestion: false, .notSupported)
        }
        guard isKnown else {
            return .refuse(.notImplemented, layout, repeatsQuestion: false, .notSupported)
        }
        let hasOneQuestion = layout.questionCount == 1
        guard layout.end == bytes.byteCount else {
            return .refuse(.formatError, layout, repeatsQuestion: hasOneQuestion, .other)
        }
        if let edns = layout.edns, edns.version != 0 {
            return .refuse(.badVersion, layout, repeatsQuestion: hasOneQuestion, nil)
        }
        if flags.opcode == .query { return judgeQuery(layout, bytes) }
        guard hasOneQuestion else { return .refuse(.formatError, layout, repeatsQuestion: false, .other) }
        return .accept(layout)
    }

    private static func judgeQuery(_ layout: MessageLayout, _ bytes: borrowing RawSpan) -> IntakeVerdict {
        if layout.questionCount == 0, layout.answerCount == 0, layout.authorityCount == 0,
            let edns = layout.edns, edns.option(.cookie, in: bytes) != nil
        {
            return .accept(layout)  // asks for a server cookie only (RFC 7873 5.4)
        }
        guard layout.questionCount == 1 else {
            return .refuse(.formatError, layout, repeatsQuestion: false, .other)
        }
        // An IXFR query carries its SOA in the authority section (RFC 1995 3); nothing else has records there.
        guard layout.answerCount == 0, layout.authorityCount == 0 || layout.questionType == .ixfr else {
            return .refuse(.formatError, layout, repeatsQuestion: true, .other)
        }
        switch layout.questionType {
        case .opt, .tsig, .nxname, RRType(rawValue: 0):
            return .refuse(.formatError, layout, repeatsQuestion: true, .invalidQueryType)
        case .maila, .mailb, .tkey:
            return .refuse(.notImplemented, layout, repeatsQuestion: true, .notSupported)
        default: return .accept(layout)
        }
    }
}
