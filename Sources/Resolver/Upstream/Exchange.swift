internal import DNSCore

/// A question that is under way to one server.
struct Exchange {
    let id: UpstreamID
    let fetch: Int
    let candidate: Int
    let server: IPEndpoint
    let transport: UpstreamTransport
    let messageID: UInt16
    /// The message as sent, the case of its question included.
    let message: [UInt8]
    /// Octets of its question section, which stands behind the header.
    let questionLength: Int
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
            sender == server, layout.questionCount == 1, layout.questionEnd - 12 == questionLength,
            layout.questionEnd <= bytes.byteCount
        else { return false }
        // Type and class are the last four octets; they have no case.
        let nameEnd = 12 + questionLength - 4
        return unsafe bytes.withUnsafeBytes { theirs in
            unsafe message.withUnsafeBufferPointer { ours in
                for index in 12..<(12 + questionLength) where unsafe theirs[index] != ours[index] {
                    guard anyCase || !mixesCase, index < nameEnd,
                        unsafe theirs[index].lowercasedASCII == ours[index].lowercasedASCII
                    else { return false }
                }
                return true
            }
        }
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

    /// Makes `copy` one of a response with its question in lower case.
    ///
    /// Names of its records that point into the question would have our random case otherwise, for every client to see.
    func copyWithPlainQuestion(_ bytes: borrowing RawSpan, to copy: inout [UInt8]) {
        copy.removeAll(keepingCapacity: true)
        unsafe bytes.withUnsafeBytes { unsafe copy.append(contentsOf: $0) }
        for index in 12..<max(12, min(copy.count, 12 + questionLength - 4)) {
            copy[index] = copy[index].lowercasedASCII
        }
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

/// A question to a server, about to be written.
struct OutgoingQuestion {
    let name: Name
    let type: RRType
    let id: UInt16
    let recursionDesired: Bool
    let checkingDisabled: Bool
    /// Nil: without EDNS.
    let payloadSize: UInt16?
    /// The cookie (RFC 7873 5.1); a client's half of 0: none.
    var clientCookie: UInt64 = 0
    var serverCookie: [UInt8] = []
    /// The client's subnet (RFC 7871 7.1).
    var subnet: IPPrefix?

    /// Octets of the question section.
    var questionLength: Int { name.wire.count + 4 }

    /// The message, its letters in random case if wanted.
    ///
    /// In one piece of memory: it is made for every question.
    func message(random: inout RandomSource, mixesCase: Bool) -> [UInt8] {
        let subnetOption = subnet.map(OutgoingQuestion.option) ?? []
        let cookieLength = clientCookie == 0 ? 0 : 12 + serverCookie.count
        let optionsLength = cookieLength + subnetOption.count
        let size = 12 + questionLength + (payloadSize == nil ? 0 : 11 + optionsLength)
        var octets = [UInt8](repeating: 0, count: size)
        unsafe octets.withUnsafeMutableBytes { target in
            var position = 0
            func put(_ value: UInt16) {
                unsafe target.storeBytes(of: value.bigEndian, toByteOffset: position, as: UInt16.self)
                position += 2
            }
            func put(_ octets: [UInt8]) {
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyBytes(from: octets)
                position += octets.count
            }
            put(id)
            put((recursionDesired ? 0x0100 : 0) | (checkingDisabled ? 0x0010 : 0))
            put(1)
            position += 4
            put(payloadSize == nil ? 0 : 1)
            put(name.wire)
            put(type.rawValue)
            put(1)
            if mixesCase {
                let letters = unsafe UnsafeMutableRawBufferPointer(rebasing: target[12..<(position - 4)])
                unsafe OutgoingQuestion.mixCase(letters, random: &random)
            }
            guard let payloadSize else { return }
            position += 1
            put(RRType.opt.rawValue)
            put(payloadSize)
            put(0)
            put(0x8000)  // DO
            put(UInt16(truncatingIfNeeded: optionsLength))
            if cookieLength > 0 {
                put(EDNSOptionCode.cookie.rawValue)
                put(UInt16(truncatingIfNeeded: cookieLength - 4))
                unsafe target.storeBytes(
                    of: clientCookie.bigEndian, toByteOffset: position, as: UInt64.self)
                position += 8
                put(serverCookie)
            }
            put(subnetOption)
        }
        return octets
    }

    private static func mixCase(_ name: UnsafeMutableRawBufferPointer, random: inout RandomSource) {
        var bits: UInt64 = 0
        for index in 0..<name.count {
            if index % 64 == 0 { bits = random.next64() }
            let octet = unsafe name[index]
            let letter = octet | 0x20
            if letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z"), octet > 63 {
                unsafe name[index] = bits & 1 == 0 ? letter : letter & 0xdf
            }
            bits >>= 1
        }
    }

    private static func option(_ subnet: IPPrefix) -> [UInt8] {
        let address = subnet.address.octets.prefix((subnet.length + 7) / 8)
        return [0, 8, 0, UInt8(4 + address.count), 0, subnet.address.isIPv6 ? 2 : 1, UInt8(subnet.length), 0]
            + address
    }
}
