internal import DNSCore

/// A question that is under way to one server.
struct Exchange {
    let id: UpstreamID
    let fetch: Int
    let candidate: Int
    let server: IPEndpoint
    let transport: UpstreamTransport
    let messageID: UInt16
    /// The question section as sent, its case included.
    let question: [UInt8]
    let usesEDNS: Bool
    let mixesCase: Bool
    let plainness: Plainness
    /// Our half of the cookie exchange with the server; 0 when no cookie was sent (RFC 7873).
    let cookie: UInt64
    /// Monotonic nanoseconds.
    let sentAt: UInt64
    let deadline: UInt64
    /// Messages that came and were no response to this question.
    var wrongResponses = 0
    /// The code of a response without question, or with letters in another case: the server's or anybody's.
    var doubtfulCode: ResponseCode?

    /// Whether a message with `layout` is the response to this question (RFC 5452 9.1).
    ///
    /// - Parameter anyCase: letters may have another case than was sent.
    func isAnswered(
        by bytes: borrowing RawSpan, layout: MessageLayout, from sender: IPEndpoint, anyCase: Bool = false
    ) -> Bool {
        guard layout.id == messageID, layout.flags.contains(.response), layout.flags.opcode == .query,
            sender == server, layout.questionCount == 1, layout.questionEnd - 12 == question.count
        else { return false }
        for (index, octet) in question.enumerated() {
            guard let theirs = bytes.octet(at: 12 + index) else { return false }
            if theirs == octet { continue }
            // Type and class are the last four octets; they have no case.
            guard anyCase || !mixesCase, index < question.count - 4,
                theirs.lowercasedASCII == octet.lowercasedASCII
            else {
                return false
            }
        }
        return true
    }

    /// The code of an error that came with nothing but a header, as from servers that could not read the question, or of
    /// a response that would be one but for the case of letters; nil for everything else.
    func doubtfulCode(
        of bytes: borrowing RawSpan, layout: MessageLayout, from sender: IPEndpoint
    ) -> ResponseCode? {
        if mixesCase, isAnswered(by: bytes, layout: layout, from: sender, anyCase: true) { return .noError }
        guard layout.id == messageID, layout.flags.contains(.response), sender == server,
            layout.questionCount == 0, layout.flags.responseCode != .noError
        else { return nil }
        return layout.flags.responseCode
    }

    /// A copy of a response with its question in lower case.
    ///
    /// Names of its records that point into the question would have our random case otherwise, for every client to see.
    func withPlainQuestion(_ bytes: borrowing RawSpan) -> [UInt8] {
        var octets = bytes.copy(0..<bytes.byteCount) ?? []
        for index in 12..<max(12, min(octets.count, 12 + question.count - 4)) {
            octets[index] = octets[index].lowercasedASCII
        }
        return octets
    }
}

extension Exchange {
    /// What a response says about cookies.
    enum CookieVerdict {
        /// The server does no cookies, or has not shown that it does.
        case none
        /// Ours came back, with the server's.
        case good([UInt8])
        /// Ours did not come back as it must: somebody else sent this.
        case forged
    }

    /// Judges the cookie of a response (RFC 7873 5.3).
    func cookieVerdict(
        _ bytes: borrowing RawSpan, layout: MessageLayout, serverDoesCookies: Bool
    ) -> CookieVerdict {
        guard cookie != 0 else { return .none }
        guard let range = layout.edns?.option(.cookie, in: bytes) else {
            return serverDoesCookies && transport == .udp ? .forged : .none
        }
        guard range.count >= 8, range.count <= 40,
            let high = bytes.uint32(at: range.lowerBound), let low = bytes.uint32(at: range.lowerBound + 4),
            UInt64(high) << 32 | UInt64(low) == cookie
        else { return .forged }
        return .good(range.count >= 16 ? bytes.copy((range.lowerBound + 8)..<range.upperBound) ?? [] : [])
    }
}

/// Writes questions to servers.
enum QuestionWriter {
    /// The message for a question.
    static func write(
        id: UInt16, question: [UInt8], recursionDesired: Bool, checkingDisabled: Bool, payloadSize: UInt16?,
        options: [UInt8]
    ) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(12 + question.count + 11 + options.count)
        octets.append(UInt8(id >> 8))
        octets.append(UInt8(id & 0xff))
        octets.append(recursionDesired ? 1 : 0)
        octets.append(checkingDisabled ? 0x10 : 0)
        octets.append(contentsOf: [0, 1, 0, 0, 0, 0, 0, payloadSize == nil ? 0 : 1])
        octets.append(contentsOf: question)
        if let payloadSize {
            octets.append(contentsOf: [
                0, 0, 41, UInt8(payloadSize >> 8), UInt8(payloadSize & 0xff), 0, 0, 0x80, 0,
            ])
            octets.append(UInt8(options.count >> 8 & 0xff))
            octets.append(UInt8(options.count & 0xff))
            octets.append(contentsOf: options)
        }
        return octets
    }

    /// The question section, its letters in random case when `random` is given.
    static func question(_ name: Name, _ type: RRType, random: inout RandomSource, mixesCase: Bool) -> [UInt8]
    {
        var octets = name.wire
        if mixesCase {
            var bits: UInt64 = 0
            for index in octets.indices {
                if index % 64 == 0 { bits = random.next64() }
                let letter = octets[index] | 0x20
                if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z"), octets[index] > 63 {
                    octets[index] = bits & 1 == 0 ? letter : letter & 0xdf
                }
                bits >>= 1
            }
        }
        octets.append(contentsOf: [UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xff), 0, 1])
        return octets
    }
}
