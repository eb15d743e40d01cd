package import DNSCore

/// Writes the sections of answers with one composer and one piece of memory that a worker keeps.
@safe final class AnswerWriter {
    private var composer = MessageComposer()
    private let memory: UnsafeMutableRawBufferPointer

    init() {
        unsafe memory = .allocate(byteCount: 65535, alignment: 16)
    }

    deinit {
        unsafe memory.deallocate()
    }

    /// The sections as they stand behind `question`, as far as 65,535 octets hold them.
    ///
    /// - Parameter withSignatures: whether the sets' signatures are written too.
    func write(
        _ question: Question, answer: [RecordSet], authority: [RecordSet] = [], additional: [RecordSet] = [],
        withSignatures: Bool
    ) -> PreparedSections {
        unsafe composer.begin(in: memory, limit: 65535)
        composer.writeHeader(id: 0, flags: HeaderFlags(rawValue: 0))
        composer.append(question)
        let start = composer.count
        composer.start(.answer)
        for set in answer { append(set, question.name, withSignatures) }
        composer.start(.authority)
        for set in authority { append(set, question.name, withSignatures) }
        composer.start(.additional)
        for set in additional { append(set, question.name, withSignatures) }
        let octets = unsafe Array(memory[start..<composer.count])
        return PreparedSections(
            octets: octets, answerCount: UInt16(composer.recordCount(in: .answer)),
            authorityCount: UInt16(composer.recordCount(in: .authority)),
            additionalCount: UInt16(composer.recordCount(in: .additional)))
    }

    private func append(_ set: RecordSet, _ asked: Name, _ withSignatures: Bool) {
        // Mostly the name asked for, which stands behind the header; the root is shorter than a pointer to it.
        let offset = set.owner == asked && !asked.isRoot ? 12 : nil
        append(set, at: offset, set.type, set.data)
        if withSignatures, !set.signatures.isEmpty { append(set, at: offset, .rrsig, set.signatures) }
    }

    private func append(_ set: RecordSet, at offset: Int?, _ type: RRType, _ data: PackedData) {
        var ownerOffset = offset
        unsafe data.octets.withUnsafeBufferPointer { octets in
            data.forEach { range in
                let record = unsafe UnsafeBufferPointer(rebasing: octets[range])
                if let ownerOffset {
                    return unsafe composer.append(
                        ownerOffset: ownerOffset, type: type, recordClass: .internet, ttl: set.ttl,
                        data: record)
                }
                let start = composer.count
                let fits = unsafe composer.append(
                    owner: set.owner, type: type, recordClass: .internet, ttl: set.ttl, data: record)
                ownerOffset = composer.pointerTarget(ofNameAt: start)
                return fits
            }
        }
    }

    /// Where the TTL fields of prepared records stand.
    static func ttlOffsets(_ sections: PreparedSections) -> [UInt16] {
        let octets = sections.octets
        let records = Int(sections.answerCount) + Int(sections.authorityCount) + Int(sections.additionalCount)
        var result: [UInt16] = []
        result.reserveCapacity(records)
        var position = 0
        for _ in 0..<records {
            while position < octets.count, octets[position] != 0, octets[position] < 0xc0 {
                position += 1 + Int(octets[position])
            }
            guard position < octets.count else { break }
            position += octets[position] == 0 ? 1 : 2
            guard position + 10 <= octets.count else { break }
            result.append(UInt16(truncatingIfNeeded: position + 4))
            position += 10 + (Int(octets[position + 8]) << 8 | Int(octets[position + 9]))
        }
        return result
    }
}

extension PreparedSections {
    /// Takes `seconds` off every TTL; none goes below zero.
    mutating func countDownTTLs(by seconds: UInt32) {
        for offset in AnswerWriter.ttlOffsets(self) {
            let start = Int(offset)
            let ttl = octets[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let left = ttl > seconds ? ttl - seconds : 0
            for index in 0..<4 { octets[start + index] = UInt8(left >> UInt32(24 - 8 * index) & 0xff) }
        }
    }

    /// Overwrites every TTL.
    mutating func setTTLs(_ ttl: UInt32) {
        for offset in AnswerWriter.ttlOffsets(self) {
            for index in 0..<4 {
                octets[Int(offset) + index] = UInt8(ttl >> UInt32(24 - 8 * index) & 0xff)
            }
        }
    }

    /// The records as values, for those who need to look at them: `question` is the one they were prepared for.
    package func message(for question: Question) throws(MessageError) -> Message {
        var wire: [UInt8] = [0, 0, 0x80, 0, 0, 1]
        for count in [answerCount, authorityCount, additionalCount] {
            wire.append(UInt8(count >> 8))
            wire.append(UInt8(count & 0xff))
        }
        wire.append(contentsOf: question.name.wire)
        for value in [question.type.rawValue, question.recordClass.rawValue] {
            wire.append(UInt8(value >> 8))
            wire.append(UInt8(value & 0xff))
        }
        return try Message(parsing: wire + octets)
    }
}
