/// A whole message as values: for what is not on the fast path (updates, transfers, upstream traffic, tests).
package struct Message: Sendable, Equatable {
    package var id: UInt16
    package var flags: HeaderFlags
    package var questions: [Question]
    package var answers: [ResourceRecord]
    package var authorities: [ResourceRecord]
    /// The additional section without OPT and TSIG.
    package var additionals: [ResourceRecord]
    package var edns: EDNS?
    /// The TSIG record, when there was one.
    ///
    /// Verification works on the octets, see `DNSSecurity`.
    package var tsig: ResourceRecord?

    package init(
        id: UInt16 = 0, flags: HeaderFlags = [], questions: [Question] = [], answers: [ResourceRecord] = [],
        authorities: [ResourceRecord] = [], additionals: [ResourceRecord] = [], edns: EDNS? = nil,
        tsig: ResourceRecord? = nil
    ) {
        self.id = id
        self.flags = flags
        self.questions = questions
        self.answers = answers
        self.authorities = authorities
        self.additionals = additionals
        self.edns = edns
        self.tsig = tsig
    }

    /// The response code with its extended bits (RFC 6891 6.1.3).
    package var responseCode: ResponseCode {
        ResponseCode(rawValue: flags.responseCode.rawValue | UInt16(edns?.extendedResponseCode ?? 0) << 4)
    }

    /// Reads a message: surveys the octets, then decodes the records.
    ///
    /// Octets after the last record are ignored; a caller that minds compares ``MessageLayout/end``.
    ///
    /// - Throws: ``MessageError``.
    package init(parsing bytes: borrowing RawSpan) throws(MessageError) {
        let layout = try MessageView.survey(bytes)
        try self.init(parsing: bytes, layout: layout)
    }

    /// Reads a message that has been surveyed.
    ///
    /// - Throws: ``MessageError``.
    package init(parsing bytes: borrowing RawSpan, layout: MessageLayout) throws(MessageError) {
        id = layout.id
        flags = layout.flags
        questions = try MessageView.questions(in: bytes, count: Int(layout.questionCount))
        answers = try MessageView.records(in: bytes, from: layout.questionEnd, count: Int(layout.answerCount))
        authorities = try MessageView.records(
            in: bytes, from: layout.answerEnd, count: Int(layout.authorityCount))
        additionals = try MessageView.records(
            in: bytes, from: layout.authorityEnd, count: Int(layout.additionalCount))
        edns = nil
        tsig = nil
        if let found = layout.edns {
            edns = EDNS(layout: found, in: bytes)
        }
        if let start = layout.tsigStart {
            // Its own fields are read from the octets: ldns keeps it apart from the other records.
            tsig = try MessageView.record(in: bytes, at: start)
        }
    }

    /// Reads a message from an array.
    ///
    /// - Throws: ``MessageError``.
    package init(parsing octets: [UInt8]) throws(MessageError) {
        unsafe try self.init(parsing: octets.span.bytes)
    }

    /// The message in wire format with name compression, as far as it fits in `limit` octets.
    ///
    /// Records that do not fit are left out from the end and TC is set. OPT and TSIG are always kept.
    package func encoded(limit: Int = 65535) -> [UInt8] {
        var composer = MessageComposer()
        return unsafe [UInt8](unsafeUninitializedCapacity: 65535) { buffer, initialized in
            let reserve =
                (edns?.encodedLength ?? 0)
                + (tsig.map { $0.owner.wire.count + 10 + $0.data.octets.count } ?? 0)
            unsafe composer.begin(in: UnsafeMutableRawBufferPointer(buffer), limit: max(12, limit - reserve))
            composer.writeHeader(id: id, flags: flags)
            for question in questions { composer.append(question) }
            var isComplete = true
            let sections: [(Section, [ResourceRecord])] = [
                (.answer, answers), (.authority, authorities), (.additional, additionals),
            ]
            for (section, records) in sections {
                composer.start(section)
                for record in records where isComplete {
                    isComplete = composer.append(record)
                }
            }
            if !isComplete { composer.setFlags(flags.union(.truncated)) }
            composer.setLimit(limit)
            if let edns { composer.append(edns.record) }
            if let tsig { composer.append(tsig) }
            initialized = composer.count
        }
    }
}

/// The OPT record as values (RFC 6891 6.1).
package struct EDNS: Hashable, Sendable {
    package var payloadSize: UInt16
    package var extendedResponseCode: UInt8
    package var version: UInt8
    package var flags: UInt16
    package var options: [EDNSOption]

    package init(
        payloadSize: UInt16 = 1232, extendedResponseCode: UInt8 = 0, version: UInt8 = 0,
        wantsDNSSEC: Bool = false,
        options: [EDNSOption] = []
    ) {
        self.payloadSize = payloadSize
        self.extendedResponseCode = extendedResponseCode
        self.version = version
        flags = wantsDNSSEC ? 0x8000 : 0
        self.options = options
    }

    /// The OPT record that `layout` found in `bytes`.
    package init(layout: EDNSLayout, in bytes: borrowing RawSpan) {
        payloadSize = layout.payloadSize
        extendedResponseCode = layout.extendedResponseCode
        version = layout.version
        flags = layout.flags
        options = []
        var position = layout.options.lowerBound
        while position + 4 <= layout.options.upperBound,
            let code = bytes.uint16(at: position), let size = bytes.uint16(at: position + 2),
            let data = bytes.copy((position + 4)..<(position + 4 + Int(size)))
        {
            options.append(EDNSOption(code: EDNSOptionCode(rawValue: code), data: data))
            position += 4 + Int(size)
        }
    }

    /// Whether DO is set.
    package var wantsDNSSEC: Bool { flags & 0x8000 != 0 }

    /// The data of the first option with `code`.
    package func option(_ code: EDNSOptionCode) -> [UInt8]? {
        options.first { $0.code == code }?.data
    }

    /// Octets that the record takes.
    package var encodedLength: Int { options.reduce(11) { $0 + 4 + $1.data.count } }

    /// The record.
    package var record: ResourceRecord {
        var data: [UInt8] = []
        for option in options {
            data.append(contentsOf: [UInt8(option.code.rawValue >> 8), UInt8(option.code.rawValue & 0xff)])
            data.append(contentsOf: [UInt8(option.data.count >> 8 & 0xff), UInt8(option.data.count & 0xff)])
            data.append(contentsOf: option.data)
        }
        return ResourceRecord(
            owner: .root, type: .opt, recordClass: RRClass(rawValue: payloadSize),
            ttl: UInt32(extendedResponseCode) << 24 | UInt32(version) << 16 | UInt32(flags),
            data: RecordData(data))
    }
}

extension MessageView {
    /// The record at `start`, its data copied octet by octet: right only for types whose data holds no compressed name.
    ///
    /// - Throws: ``MessageError/malformed(_:at:)``.
    package static func record(
        in bytes: borrowing RawSpan, at start: Int
    ) throws(MessageError) -> ResourceRecord {
        let owner = try name(in: bytes, at: start)
        let fixed = try skipName(bytes, at: start)
        guard let type = bytes.uint16(at: fixed), let rclass = bytes.uint16(at: fixed + 2),
            let ttl = bytes.uint32(at: fixed + 4), let length = bytes.uint16(at: fixed + 8),
            let data = bytes.copy((fixed + 10)..<(fixed + 10 + Int(length)))
        else { throw .malformed(.shortRecord, at: fixed) }
        return ResourceRecord(
            owner: owner, type: RRType(rawValue: type), recordClass: RRClass(rawValue: rclass), ttl: ttl,
            data: RecordData(data))
    }
}
