/// The four sections of a message, in the order in which they are written.
package enum Section: UInt8, Sendable, Comparable {
    case question, answer, authority, additional

    package static func < (left: Section, right: Section) -> Bool { left.rawValue < right.rawValue }
}

/// Writes one message at a time into memory that its caller owns, with name compression (RFC 1035 4.1.4).
///
/// Nothing is allocated after `init`. A record that does not fit within the limit leaves the message as it was. The
/// sections are written in order; going back traps in debug builds only, since no packet can cause it.
@safe package struct MessageComposer: ~Copyable {
    static let slotCount = 512
    static let largestPointer = 0x3fff

    var base: UnsafeMutablePointer<UInt8>
    private var capacity = 0
    /// Octets that the message may take, room reserved for OPT and TSIG not included.
    package private(set) var limit = 0
    /// Octets written so far.
    package internal(set) var count = 0
    private var section = Section.question
    /// Where the options of the OPT record that was begun start; 0 when there is none.
    private var optStart = 0

    /// Direct-mapped: 16 bits of epoch, 16 bits of offset, 32 bits of hash.
    let slots: UnsafeMutablePointer<UInt64>
    var epoch: UInt64 = 0

    /// A composer with no memory to write to yet.
    package init() {
        unsafe slots = .allocate(capacity: MessageComposer.slotCount)
        unsafe slots.initialize(repeating: 0, count: MessageComposer.slotCount)
        unsafe base = UnsafeMutablePointer(bitPattern: 1).unsafelyUnwrapped
    }

    deinit {
        unsafe slots.deallocate()
    }

    /// Starts a message in `memory`, of at most `limit` octets.
    ///
    /// `memory` must stay valid until the caller has taken the message out of it.
    package mutating func begin(in memory: UnsafeMutableRawBufferPointer, limit: Int) {
        if let start = memory.baseAddress {
            unsafe base = start.assumingMemoryBound(to: UInt8.self)
        }
        capacity = memory.count
        self.limit = min(limit, memory.count)
        count = 0
        section = .question
        epoch &+= 1
        if epoch > 0xffff {
            unsafe slots.update(repeating: 0, count: MessageComposer.slotCount)
            epoch = 1
        }
    }

    /// Changes how many octets the message may take from here on; never above the memory's size.
    package mutating func setLimit(_ newLimit: Int) {
        limit = min(newLimit, capacity)
    }

    /// Writes the header with all counts zero.
    ///
    /// Must come first.
    package mutating func writeHeader(id: UInt16, flags: HeaderFlags) {
        guard capacity >= 12 else { return }
        store(id, at: 0)
        store(flags.rawValue, at: 2)
        store(UInt16(0), at: 4)
        store(UInt16(0), at: 6)
        store(UInt16(0), at: 8)
        store(UInt16(0), at: 10)
        count = 12
    }

    /// Replaces the header's message ID.
    package mutating func writeID(_ id: UInt16) {
        guard count >= 12 else { return }
        store(id, at: 0)
    }

    /// Replaces the header's flags word.
    package mutating func setFlags(_ flags: HeaderFlags) {
        guard count >= 12 else { return }
        store(flags.rawValue, at: 2)
    }

    /// The header's flags word as it stands.
    package var flags: HeaderFlags {
        count >= 4 ? HeaderFlags(rawValue: load(at: 2)) : []
    }

    /// Copies the question section of a query octet by octet, so that its case is preserved.
    package mutating func copyQuestions(from query: borrowing RawSpan, end: Int, count questions: UInt16) {
        let length = end - 12
        guard length > 0, end <= query.byteCount, count + length <= capacity else { return }
        let target = unsafe base + count
        unsafe query.extracting(12..<end).withUnsafeBytes { raw in
            guard let source = raw.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: length)
        }
        count += length
        store(questions, at: 4)
    }

    /// Writes a question.
    ///
    /// - Returns: false when it does not fit.
    @discardableResult
    package mutating func append(_ question: Question) -> Bool {
        let mark = count
        guard writeName(question.name, compressing: true), ensure(4) else {
            count = mark
            return false
        }
        store(question.type.rawValue, at: count)
        store(question.recordClass.rawValue, at: count + 2)
        count += 4
        bump(4)
        return true
    }

    /// Lets later names point into the question's name, whose key the caller has at hand.
    ///
    /// Worth calling only before names that may share its suffixes are written.
    package mutating func offerQuestion(_ key: borrowing NameKey) {
        for index in 0..<key.labelCount {
            offer(hash: key.hash(ofSuffixAt: index), offset: 12 + key.offset(ofLabel: index))
        }
    }

    /// Lets later names point into the question's name; see ``offerQuestion(_:)-(NameKey)``.
    package mutating func offerQuestion(_ key: NameKeyView) {
        for index in 0..<key.labelCount {
            offer(hash: key.hash(from: index), offset: 12 + key.offset(ofLabel: index))
        }
    }

    /// Goes on to a later section.
    package mutating func start(_ next: Section) {
        assert(next >= section)
        section = next
    }

    /// Octets that still fit.
    package var remaining: Int { limit - count }

    /// Where the message stands now, for ``rollBack(to:)``.
    package struct Mark: Sendable {
        fileprivate let count: Int
        fileprivate let section: Section
        fileprivate let answers: UInt16
        fileprivate let authorities: UInt16
        fileprivate let additionals: UInt16
    }

    /// Notes the present state.
    package func mark() -> Mark {
        Mark(
            count: count, section: section, answers: load(at: 6), authorities: load(at: 8),
            additionals: load(at: 10))
    }

    /// Takes back everything written since `mark`.
    package mutating func rollBack(to mark: Mark) {
        count = mark.count
        section = mark.section
        store(mark.answers, at: 6)
        store(mark.authorities, at: 8)
        store(mark.additionals, at: 10)
        // Offsets beyond `count` may still be in the table; `matches` never trusts an offset it has not checked.
    }

    /// Number of records in `section` so far.
    package func recordCount(in section: Section) -> Int {
        Int(load(at: 4 + 2 * Int(section.rawValue)))
    }

    /// Appends a record.
    ///
    /// - Returns: false when it does not fit; nothing is written then.
    @discardableResult
    package mutating func append(_ record: ResourceRecord) -> Bool {
        unsafe record.data.octets.withUnsafeBufferPointer { data in
            unsafe append(
                owner: record.owner, type: record.type, recordClass: record.recordClass, ttl: record.ttl,
                data: data)
        }
    }

    /// Appends all records of a set or none (RFC 2181 9).
    ///
    /// - Returns: false when they do not fit.
    @discardableResult
    package mutating func append(_ set: RRset) -> Bool {
        let start = mark()
        for data in set.data {
            let fits = unsafe data.octets.withUnsafeBufferPointer { octets in
                unsafe append(
                    owner: set.owner, type: set.type, recordClass: set.recordClass, ttl: set.ttl, data: octets
                )
            }
            guard fits else {
                rollBack(to: start)
                return false
            }
        }
        return true
    }

    /// Appends a record whose data stand elsewhere in memory, uncompressed.
    ///
    /// - Returns: false when it does not fit; nothing is written then.
    @unsafe package mutating func append(
        owner: Name, type: RRType, recordClass: RRClass, ttl: UInt32, data: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let start = count
        guard writeName(owner, compressing: type != .opt && type != .tsig),
            unsafe appendAfterOwner(type: type, recordClass: recordClass, ttl: ttl, data: data)
        else {
            count = start
            return false
        }
        return true
    }

    /// Appends a record whose owner already stands at `ownerOffset` in this message.
    ///
    /// The flat tables' way in.
    ///
    /// - Returns: false when it does not fit.
    @unsafe package mutating func append(
        ownerOffset: Int, type: RRType, recordClass: RRClass, ttl: UInt32, data: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let start = count
        guard ensure(2) else { return false }
        store(UInt16(truncatingIfNeeded: 0xc000 | ownerOffset), at: count)
        count += 2
        guard unsafe appendAfterOwner(type: type, recordClass: recordClass, ttl: ttl, data: data) else {
            count = start
            return false
        }
        return true
    }

    /// Appends a record whose owner stands elsewhere in memory as uncompressed octets, as its data do.
    ///
    /// - Returns: false when it does not fit; nothing is written then.
    @unsafe package mutating func append(
        ownerOctets: UnsafePointer<UInt8>, ownerLength: Int, type: RRType, recordClass: RRClass, ttl: UInt32,
        data: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let start = count
        guard unsafe writeName(ownerOctets, length: ownerLength, compressing: true),
            unsafe appendAfterOwner(type: type, recordClass: recordClass, ttl: ttl, data: data)
        else {
            count = start
            return false
        }
        return true
    }

    /// Where a pointer to the name that was written at `start` may lead; nil when that is too far away.
    package func pointerTarget(ofNameAt start: Int) -> Int? {
        guard start + 1 < count else { return nil }
        let first = unsafe base[start]
        // Never a pointer to a pointer.
        if first >= 0xc0 { return Int(first & 0x3f) << 8 | Int(unsafe base[start + 1]) }
        return start <= MessageComposer.largestPointer ? start : nil
    }

    /// A message in the making, as plain values: for rooms that write many records themselves.
    @safe package struct Raw {
        /// The message's first octet.
        package var base: UnsafeMutableRawPointer
        /// Octets written.
        package var count: Int
        /// Octets that the message may take.
        package var limit: Int
        package var answers: UInt16
        package var authorities: UInt16
        package var additionals: UInt16
        package var section: Section
    }

    /// The present state.
    ///
    /// What the holder writes counts after ``adopt(_:)``; until then nothing may be appended here.
    @unsafe package func raw() -> Raw {
        unsafe Raw(
            base: UnsafeMutableRawPointer(base), count: count, limit: limit, answers: load(at: 6),
            authorities: load(at: 8), additionals: load(at: 10), section: section)
    }

    /// Goes on from a state that began with ``raw()``.
    package mutating func adopt(_ raw: Raw) {
        count = raw.count
        section = raw.section
        store(raw.answers, at: 6)
        store(raw.authorities, at: 8)
        store(raw.additionals, at: 10)
    }

    /// Copies records that are already in wire format, with pointers that hold in this message.
    ///
    /// - Returns: false when they do not fit.
    @unsafe package mutating func append(prepared: UnsafeRawPointer, byteCount: Int, records: Int) -> Bool {
        guard ensure(byteCount) else { return false }
        unsafe UnsafeMutableRawPointer(base + count).copyMemory(from: prepared, byteCount: byteCount)
        count += byteCount
        bump(4 + 2 * Int(section.rawValue), by: UInt16(truncatingIfNeeded: records))
        return true
    }

    /// Starts the OPT record (RFC 6891 6.1.2); options follow, then ``endOPT()``.
    ///
    /// Must be in the additional section.
    ///
    /// - Returns: false when it does not fit.
    package mutating func beginOPT(
        payloadSize: UInt16, extendedResponseCode: UInt8, wantsDNSSEC: Bool
    ) -> Bool {
        guard ensure(11) else { return false }
        unsafe base[count] = 0
        store(RRType.opt.rawValue, at: count + 1)
        store(payloadSize, at: count + 3)
        store(UInt32(extendedResponseCode) << 24 | (wantsDNSSEC ? 0x8000 : 0), at: count + 5)
        store(UInt16(0), at: count + 9)
        count += 11
        optStart = count
        bump(4 + 2 * Int(section.rawValue))
        return true
    }

    /// Adds an option to the OPT record that was begun; left out when it does not fit.
    package mutating func appendOption(_ code: EDNSOptionCode, _ data: borrowing RawSpan) {
        let length = data.byteCount
        guard ensure(4 + length) else { return }
        store(code.rawValue, at: count)
        store(UInt16(truncatingIfNeeded: length), at: count + 2)
        let target = unsafe UnsafeMutableRawPointer(base + count + 4)
        unsafe data.withUnsafeBytes { raw in
            guard let source = raw.baseAddress, length > 0 else { return }
            unsafe target.copyMemory(from: source, byteCount: length)
        }
        count += 4 + length
    }

    /// Ends the OPT record: writes how long its options are.
    package mutating func endOPT() {
        guard optStart >= 2 else { return }
        store(UInt16(truncatingIfNeeded: count - optStart), at: optStart - 2)
        optStart = 0
    }

    /// Lends the free memory to `write`, which puts the records of all three sections there, already in wire
    /// format and with pointers that hold in this message.
    ///
    /// Nothing may have been appended before.
    ///
    /// - Returns: what `write` returns; nil, and nothing written, when that is nil.
    @unsafe package mutating func appendSections(
        _ write: (UnsafeMutableRawBufferPointer) -> WrittenSections?
    ) -> WrittenSections? {
        let room = unsafe UnsafeMutableRawBufferPointer(start: base + count, count: max(0, limit - count))
        guard let written = unsafe write(room), written.byteCount <= room.count else { return nil }
        count += written.byteCount
        store(written.answers, at: 6)
        store(written.authorities, at: 8)
        store(written.additionals, at: 10)
        section = .additional
        return written
    }

    /// What a writer of whole sections has written.
    package struct WrittenSections: Sendable {
        package var byteCount: Int
        package var answers: UInt16
        package var authorities: UInt16
        package var additionals: UInt16

        package init(byteCount: Int, answers: UInt16, authorities: UInt16, additionals: UInt16) {
            self.byteCount = byteCount
            self.answers = answers
            self.authorities = authorities
            self.additionals = additionals
        }
    }

    private mutating func appendAfterOwner(
        type: RRType, recordClass: RRClass, ttl: UInt32, data: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard ensure(10) else { return false }
        store(type.rawValue, at: count)
        store(recordClass.rawValue, at: count + 2)
        store(ttl, at: count + 4)
        let lengthAt = count + 8
        count += 10
        if RDataRegistry.hasCompressibleName(type), let first = data.baseAddress, data.count > 0 {
            guard unsafe writeCompressing(type, first, data.count) else { return false }
        } else {
            guard ensure(data.count) else { return false }
            if let source = data.baseAddress {
                unsafe UnsafeMutableRawPointer(base + count).copyMemory(from: source, byteCount: data.count)
            }
            count += data.count
        }
        store(UInt16(truncatingIfNeeded: count - lengthAt - 2), at: lengthAt)
        bump(4 + 2 * Int(section.rawValue))
        return true
    }

    /// Writes data of the RFC 1035 types, whose names may be compressed.
    private mutating func writeCompressing(
        _ type: RRType, _ data: UnsafePointer<UInt8>, _ length: Int
    ) -> Bool {
        var position = type == .mx ? 2 : 0
        if position > 0 {
            guard length > position, unsafe copy(data, position) else { return false }
        }
        let names = type == .soa || type == .minfo ? 2 : 1
        for _ in 0..<names {
            guard position < length else { return false }
            let size = unsafe MessageComposer.nameLength(data + position, atMost: length - position)
            guard size > 0, unsafe writeName(data + position, length: size, compressing: true) else {
                return false
            }
            position += size
        }
        return unsafe copy(data + position, length - position)
    }

    mutating func copy(_ source: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        guard ensure(length) else { return false }
        unsafe (base + count).update(from: source, count: length)
        count += length
        return true
    }

    static func nameLength(_ name: UnsafePointer<UInt8>, atMost limit: Int) -> Int {
        var position = 0
        while position < limit {
            let length = Int(unsafe name[position])
            guard length < 64 else { return 0 }
            position += 1 + length
            if length == 0 { return position <= limit ? position : 0 }
        }
        return 0
    }

    func ensure(_ octets: Int) -> Bool { count + octets <= limit }

    func store(_ value: UInt16, at offset: Int) {
        unsafe UnsafeMutableRawPointer(base).storeBytes(
            of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    private func store(_ value: UInt32, at offset: Int) {
        unsafe UnsafeMutableRawPointer(base).storeBytes(
            of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    func load(at offset: Int) -> UInt16 {
        UInt16(
            bigEndian: unsafe UnsafeRawPointer(base).loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// Adds to the 16-bit count at `offset` of the header.
    private func bump(_ offset: Int, by amount: UInt16 = 1) {
        store(load(at: offset) &+ amount, at: offset)
    }
}
