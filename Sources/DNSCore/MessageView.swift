/// Where the parts of a message stand; every offset lies within the octets it was made from.
package struct MessageLayout: Sendable {
    /// The message ID.
    package var id: UInt16 = 0
    /// Flags, opcode and response code.
    package var flags: HeaderFlags = []
    package var questionCount: UInt16 = 0
    package var answerCount: UInt16 = 0
    package var authorityCount: UInt16 = 0
    package var additionalCount: UInt16 = 0
    /// Offset of the octet after the question section.
    package var questionEnd = 12
    package var answerEnd = 12
    package var authorityEnd = 12
    /// Offset of the octet after the last record: octets beyond it belong to no record.
    package var end = 12
    /// Type and class of the first question, when there is one.
    package var questionType = RRType(rawValue: 0)
    package var questionClass = RRClass(rawValue: 0)
    /// The OPT record, when there is one.
    package var edns: EDNSLayout?
    /// Offset of the TSIG record, when there is one.
    ///
    /// It is the last record.
    package var tsigStart: Int?
    /// Offset of a SIG record that covers type 0 at the end of the message (RFC 2931), when there is one.
    package var sig0Start: Int?

    /// A layout of nothing but a header of zeros.
    package init() {}
}

/// What the OPT record says (RFC 6891 6.1).
package struct EDNSLayout: Sendable {
    /// The sender's UDP payload size as sent, in octets.
    package var payloadSize: UInt16
    package var extendedResponseCode: UInt8
    package var version: UInt8
    /// The 16 flag bits; the top one is DO.
    package var flags: UInt16
    /// Where the options stand in the message.
    package var options: Range<Int>

    /// Whether the sender wants DNSSEC records (RFC 3225).
    package var wantsDNSSEC: Bool { flags & 0x8000 != 0 }
}

/// The outer shape of a message, from its octets alone, without allocation.
package enum MessageView {
    /// Reads the header and walks every record once.
    ///
    /// Accepts what RFC 1035 4, RFC 6891 6.1.1 and RFC 8945 5.1 allow: compression pointers only backwards, at most
    /// one OPT, owned by the root, in the additional section; at most one TSIG, last. Octets after the last record
    /// are not judged here: see ``MessageLayout/end``.
    ///
    /// - Throws: ``MessageError/malformed(_:at:)`` with the offset where reading stopped.
    package static func survey(_ bytes: borrowing RawSpan) throws(MessageError) -> MessageLayout {
        var layout = MessageLayout()
        guard bytes.byteCount >= 12, let id = bytes.uint16(at: 0), let flags = bytes.uint16(at: 2),
            let questions = bytes.uint16(at: 4), let answers = bytes.uint16(at: 6),
            let authorities = bytes.uint16(at: 8), let additionals = bytes.uint16(at: 10)
        else { throw .malformed(.shortHeader, at: bytes.byteCount) }
        layout.id = id
        layout.flags = HeaderFlags(rawValue: flags)
        layout.questionCount = questions
        layout.answerCount = answers
        layout.authorityCount = authorities
        layout.additionalCount = additionals

        var position = 12
        for index in 0..<Int(questions) {
            position = try skipName(bytes, at: position)
            guard let type = bytes.uint16(at: position), let qclass = bytes.uint16(at: position + 2) else {
                throw .malformed(.shortQuestion, at: position)
            }
            position += 4
            if index == 0 {
                layout.questionType = RRType(rawValue: type)
                layout.questionClass = RRClass(rawValue: qclass)
                layout.questionEnd = position
            }
        }
        if questions > 1 { layout.questionEnd = position }
        for _ in 0..<Int(answers) {
            position = try walkRecord(bytes, at: position, isAdditional: false, isLast: false, into: &layout)
        }
        layout.answerEnd = position
        for _ in 0..<Int(authorities) {
            position = try walkRecord(bytes, at: position, isAdditional: false, isLast: false, into: &layout)
        }
        layout.authorityEnd = position
        for index in 0..<Int(additionals) {
            let isLast = index == Int(additionals) - 1
            position = try walkRecord(bytes, at: position, isAdditional: true, isLast: isLast, into: &layout)
        }
        layout.end = position
        return layout
    }

    /// Surveys a message in an array; see ``survey(_:)-(RawSpan)``.
    ///
    /// - Throws: ``MessageError/malformed(_:at:)``.
    package static func survey(_ octets: [UInt8]) throws(MessageError) -> MessageLayout {
        try survey(unsafe octets.span.bytes)
    }

    /// The offset after the name at `start`, pointers checked but not expanded into a copy.
    ///
    /// - Throws: ``MessageError/malformed(_:at:)``.
    package static func skipName(_ bytes: borrowing RawSpan, at start: Int) throws(MessageError) -> Int {
        var position = start
        var length = 0
        var end: Int?
        var lowest = start
        while true {
            guard let octet = bytes.octet(at: position) else { throw .malformed(.shortName, at: position) }
            switch octet {
            case 0:
                guard length + 1 <= 255 else { throw .malformed(.nameTooLong, at: start) }
                return end ?? position + 1
            case 1...63:
                length += 1 + Int(octet)
                guard length < 255 else { throw .malformed(.nameTooLong, at: start) }
                position += 1 + Int(octet)
            case 0xc0...0xff:
                guard let pointer = bytes.uint16(at: position) else {
                    throw .malformed(.shortName, at: position)
                }
                let target = Int(pointer & 0x3fff)
                guard target >= 12, target < lowest else { throw .malformed(.badPointer, at: position) }
                if end == nil { end = position + 2 }
                lowest = target
                position = target
            default:
                throw .malformed(.badLabel, at: position)
            }
        }
    }

    /// A copy of the name at `start`, pointers followed.
    ///
    /// - Throws: ``MessageError/malformed(_:at:)``.
    package static func name(in bytes: borrowing RawSpan, at start: Int) throws(MessageError) -> Name {
        _ = try skipName(bytes, at: start)
        return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 255) { target in
            let count = unsafe copyName(in: bytes, at: start, to: target.baseAddress)
            return unsafe Name(trustedWire: Array(UnsafeBufferPointer(rebasing: target[..<count])))
        }
    }

    /// Checks the record at `start`, notes OPT, TSIG and SIG(0), and returns the offset after it.
    private static func walkRecord(
        _ bytes: borrowing RawSpan, at start: Int, isAdditional: Bool, isLast: Bool,
        into layout: inout MessageLayout
    ) throws(MessageError) -> Int {
        let fixed = try skipName(bytes, at: start)
        guard let type = bytes.uint16(at: fixed), let rclass = bytes.uint16(at: fixed + 2),
            let ttl = bytes.uint32(at: fixed + 4), let length = bytes.uint16(at: fixed + 8)
        else { throw .malformed(.shortRecord, at: fixed) }
        let dataStart = fixed + 10
        let end = dataStart + Int(length)
        guard end <= bytes.byteCount else { throw .malformed(.shortRecord, at: dataStart) }
        switch RRType(rawValue: type) {
        case .opt:
            guard isAdditional else { throw .malformed(.misplacedOPT, at: start) }
            guard layout.edns == nil else { throw .malformed(.repeatedOPT, at: start) }
            guard fixed == start + 1 else { throw .malformed(.ownedOPT, at: start) }
            var position = dataStart
            while position < end {
                guard position + 4 <= end, let size = bytes.uint16(at: position + 2),
                    position + 4 + Int(size) <= end
                else { throw .malformed(.badOPT, at: position) }
                position += 4 + Int(size)
            }
            layout.edns = EDNSLayout(
                payloadSize: rclass, extendedResponseCode: UInt8(ttl >> 24), version: UInt8(ttl >> 16 & 0xff),
                flags: UInt16(ttl & 0xffff), options: dataStart..<end)
        case .tsig:
            guard layout.tsigStart == nil else { throw .malformed(.repeatedTSIG, at: start) }
            guard isAdditional, isLast else { throw .malformed(.misplacedTSIG, at: start) }
            layout.tsigStart = start
        case .sig where isAdditional && isLast && length >= 18 && bytes.uint16(at: dataStart) == 0:
            layout.sig0Start = start
        default:
            break
        }
        return end
    }
}
