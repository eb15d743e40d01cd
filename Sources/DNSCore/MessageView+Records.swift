extension MessageView {
    /// The records of one section, OPT and TSIG not among them, names in their data uncompressed.
    ///
    /// Each record's data lies within the length it gives, field by field as ``RDataRegistry`` has it: a name that runs
    /// over the end, or octets that are left over, make the message malformed. So what is read here are the records that
    /// ``survey(_:)-(RawSpan)`` counted, no others. Data may be empty where an update leaves it out (RFC 2136 2.4, 2.5).
    ///
    /// - Throws: ``MessageError/malformed(_:at:)``.
    static func records(
        in bytes: borrowing RawSpan, from start: Int, count: Int
    ) throws(MessageError) -> [ResourceRecord] {
        var records: [ResourceRecord] = []
        records.reserveCapacity(min(count, 512))
        var position = start
        // The owner of the record before, and the pointer it stood as: sets repeat their owner.
        var last: (pointer: UInt16, name: Name)?
        for _ in 0..<count {
            let fixed = try skipName(bytes, at: position)
            guard let type = bytes.uint16(at: fixed), let rclass = bytes.uint16(at: fixed + 2),
                let ttl = bytes.uint32(at: fixed + 4), let length = bytes.uint16(at: fixed + 8),
                fixed + 10 + Int(length) <= bytes.byteCount
            else { throw .malformed(.shortRecord, at: fixed) }
            let range = (fixed + 10)..<(fixed + 10 + Int(length))
            let recordType = RRType(rawValue: type)
            let recordClass = RRClass(rawValue: rclass)
            if recordType != .opt, recordType != .tsig {
                let pointer = fixed == position + 2 ? bytes.uint16(at: position) ?? 0 : 0
                let owner: Name
                if let last, pointer >= 0xc000, last.pointer == pointer {
                    owner = last.name
                } else {
                    owner = try name(in: bytes, at: position)
                    last = (pointer, owner)
                }
                let data = try recordData(in: bytes, at: range, type: recordType, recordClass: recordClass)
                records.append(
                    ResourceRecord(
                        owner: owner, type: recordType, recordClass: recordClass, ttl: ttl, data: data))
            }
            position = range.upperBound
        }
        return records
    }

    /// The questions, which start behind the header.
    ///
    /// - Throws: ``MessageError/malformed(_:at:)``.
    static func questions(in bytes: borrowing RawSpan, count: Int) throws(MessageError) -> [Question] {
        var questions: [Question] = []
        var position = 12
        for _ in 0..<count {
            let end = try skipName(bytes, at: position)
            guard let type = bytes.uint16(at: end), let qclass = bytes.uint16(at: end + 2) else {
                throw .malformed(.shortQuestion, at: end)
            }
            questions.append(
                Question(
                    name: try name(in: bytes, at: position), type: RRType(rawValue: type),
                    recordClass: RRClass(rawValue: qclass)))
            position = end + 4
        }
        return questions
    }

    /// The data of one record, names uncompressed.
    private static func recordData(
        in bytes: borrowing RawSpan, at range: Range<Int>, type: RRType, recordClass: RRClass
    ) throws(MessageError) -> RecordData {
        guard !range.isEmpty || !(recordClass == .any || recordClass == .none) else { return RecordData([]) }
        guard var fields = RDataRegistry.fields(of: type)?[...], isKnown(type, in: recordClass) else {
            return RecordData(bytes.copy(range) ?? [])
        }
        var data: [UInt8] = []
        data.reserveCapacity(range.count + 32)
        var position = range.lowerBound
        while let field = fields.popFirst() {
            switch field {
            case .compressibleName, .name, .exactName:
                let end = try skipName(bytes, at: position)
                guard end <= range.upperBound else { throw .malformed(.badRecordData, at: position) }
                appendName(in: bytes, at: position, to: &data)
                position = end
            default:
                guard let end = fieldEnd(field, in: bytes, from: position, to: range.upperBound),
                    let octets = bytes.copy(position..<end)
                else { throw .malformed(.badRecordData, at: position) }
                data.append(contentsOf: octets)
                position = end
            }
        }
        guard position == range.upperBound, data.count <= 65535 else {
            throw .malformed(.badRecordData, at: position)
        }
        return RecordData(data)
    }

    /// Addresses have another form in classes other than IN (RFC 1035 3.4; Chaosnet's A).
    private static func isKnown(_ type: RRType, in recordClass: RRClass) -> Bool {
        guard type == .a || type == .wks else { return true }
        return recordClass == .internet || recordClass == .any || recordClass == .none
    }

    /// Where a field without names ends; nil when it does not fit.
    ///
    /// The finer rules of a field are ``RecordData/isWellFormed(as:)``'s.
    private static func fieldEnd(
        _ field: RDataField, in bytes: borrowing RawSpan, from start: Int, to limit: Int
    ) -> Int? {
        switch field {
        case .octets(let count): return start + count <= limit ? start + count : nil
        case .characterString:
            guard start < limit, let count = bytes.octet(at: start), start + 1 + Int(count) <= limit else {
                return nil
            }
            return start + 1 + Int(count)
        case .rest(let minimum): return limit - start >= minimum ? limit : nil
        default: return limit
        }
    }

    /// Copies the name at `start`, which ``skipName(_:at:)`` has checked, to memory for 255 octets; returns its length.
    static func copyName(
        in bytes: borrowing RawSpan, at start: Int, to target: UnsafeMutablePointer<UInt8>?
    ) -> Int {
        guard let target = unsafe target else { return 0 }
        return unsafe bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return 0 }
            var position = start
            var count = 0
            while position < source.count {
                let octet = unsafe source[position]
                if octet >= 0xc0 {
                    guard position + 1 < source.count else { break }
                    position = unsafe Int(octet & 0x3f) << 8 | Int(source[position + 1])
                    continue
                }
                let length = Int(octet) + 1
                guard count + length <= 255, position + length <= source.count else { break }
                unsafe UnsafeMutableRawPointer(target + count).copyMemory(
                    from: base + position, byteCount: length)
                count += length
                position += length
                if octet == 0 { break }
            }
            return count
        }
    }

    /// Appends the name at `start`, which ``skipName(_:at:)`` has checked.
    private static func appendName(in bytes: borrowing RawSpan, at start: Int, to data: inout [UInt8]) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 255) { buffer in
            let count = unsafe copyName(in: bytes, at: start, to: buffer.baseAddress)
            unsafe data.append(contentsOf: UnsafeBufferPointer(rebasing: buffer[..<count]))
        }
    }
}
