package import DNSCore

/// A place in the stream of a zone's records for AXFR: the SOA, every other record once, the SOA again
/// (RFC 5936 2.2).
///
/// Keeps its snapshot alive, so that a slow reader gets one version of the zone from beginning to end. Records come in
/// the order of the zone's memory, not in canonical order, and are copied from there: an owner takes its labels below
/// the apex and a pointer. Below 16 KB a message every name that can be is compressed; beyond, pointers do not reach.
@safe package struct TransferCursor: ~Copyable {
    private let snapshot: ZoneSnapshot
    private let added: [ZoneNode]
    private let scratch: LookupScratch
    private var phase = Phase.opening
    /// Offset of the next node in the table; then number of the next among `added`.
    private var place: Int
    /// How many records of that node have been written.
    private var written = 0

    private enum Phase { case opening, table, added, closing, finished }

    /// Starts at the zone's opening SOA.
    package init(_ snapshot: ZoneSnapshot) {
        self.snapshot = snapshot
        added = snapshot.addedNodes()
        scratch = LookupScratch()
        place = snapshot.table.firstNode
    }

    /// Whether every record has been written, the closing SOA included.
    package var isFinished: Bool { phase == .finished }

    /// Appends the next records to the answer section, as many as fit.
    ///
    /// - Returns: how many were written. 0 with ``isFinished`` false means that one record alone is too large for
    ///   the composer's limit.
    package mutating func fill(_ composer: inout MessageComposer) -> Int {
        let start = composer.recordCount(in: .answer)
        if phase == .opening, composer.append(snapshot.soa) { phase = .table }
        if phase == .table || phase == .added {
            unsafe withUnsafeMutablePointer(to: &composer) { composer in
                var page = unsafe TransferPage(composer, apex: snapshot.viewAddress.pointee.apex)
                copyNodes(&page)
                page.out.giveBack()
            }
        }
        if phase == .closing, composer.append(snapshot.soa) { phase = .finished }
        return composer.recordCount(in: .answer) - start
    }

    private mutating func copyNodes(_ page: inout TransferPage) {
        let end = snapshot.table.byteCount
        let view = unsafe snapshot.viewAddress
        let arena = unsafe view.pointee.arena
        while phase == .table {
            guard place < end else {
                phase = .added
                place = 0
                break
            }
            let node = unsafe ZoneNode(base: unsafe arena + place)
            if let now = unsafe view.pointee.current(node) {
                guard page.write(now, after: &written, scratch) else { return }
            }
            place += node.byteCount
            written = 0
        }
        while phase == .added {
            guard place < added.count else {
                phase = .closing
                return
            }
            guard page.write(added[place], after: &written, scratch) else { return }
            place += 1
            written = 0
        }
    }
}

/// One message of a transfer.
@safe private struct TransferPage {
    private static let farthest = 0x3fff

    var out: SectionWriter
    private let apex: ZoneNode
    private let apexLength: Int
    /// Where in this message the apex stands; 0 when it does not yet.
    private var apexAt = 0

    init(_ composer: UnsafeMutablePointer<MessageComposer>, apex: ZoneNode) {
        unsafe out = SectionWriter(composer)
        self.apex = apex
        apexLength = apex.ownerLength
    }

    /// Writes the records of `node` but for the first `written` of them and the apex SOA.
    ///
    /// - Returns: false when the message is full; `written` then says how far it came.
    mutating func write(_ node: ZoneNode, after written: inout Int, _ scratch: LookupScratch) -> Bool {
        var remaining = node.setCount
        guard remaining > 0 else { return true }
        let isApex = node.flags.contains(.apex)
        var number = 0
        var ownerAt = 0
        var set = node.firstSet
        while true {
            if isApex, set.typeNumber == TypeNumber.soa {
                // Counted as written: it opens and closes the transfer.
            } else if set.patchCount > 0 {
                guard writePatched(set, node, &number, &written, &ownerAt, scratch) else { return false }
            } else {
                guard
                    unsafe copy(set.records, set.recordCount, node, &number, &written, &ownerAt)
                else { return false }
            }
            if set.isSigned {
                let (records, count, _) = unsafe set.signatures
                guard unsafe copy(records, count, node, &number, &written, &ownerAt) else { return false }
            }
            remaining -= 1
            if remaining == 0 { return true }
            set = set.next
        }
    }

    /// Octets that the owner of `node` takes, given where it may already stand.
    @inline(__always)
    private func ownerSize(_ node: ZoneNode, _ ownerAt: Int) -> Int {
        if ownerAt > 0 { return 2 }
        return apexAt > 0 ? node.ownerLength - apexLength + 2 : node.ownerLength
    }

    /// Writes the owner at `target`, which is octet `at` of the message, and notes where it stands.
    @inline(__always)
    private mutating func putOwner(
        _ node: ZoneNode, _ size: Int, to target: UnsafeMutableRawPointer, at: Int, _ ownerAt: inout Int
    ) {
        if ownerAt > 0 {
            unsafe target.storeBytes(
                of: UInt16(truncatingIfNeeded: 0xc000 | ownerAt).bigEndian, as: UInt16.self)
            return
        }
        let own = node.ownerLength - apexLength
        unsafe target.copyMemory(
            from: node.ownerAsWritten, byteCount: size == own + 2 && apexAt > 0 ? own : size)
        if apexAt > 0 {
            unsafe target.storeBytes(
                of: UInt16(truncatingIfNeeded: 0xc000 | apexAt).bigEndian, toByteOffset: own, as: UInt16.self)
        } else if at + own <= TransferPage.farthest {
            apexAt = at + own
        }
        if at <= TransferPage.farthest { ownerAt = at }
    }

    /// Copies records that hold no placeholders.
    @inline(__always)
    private mutating func copy(
        _ records: UnsafeRawPointer, _ count: Int, _ node: ZoneNode, _ number: inout Int,
        _ written: inout Int,
        _ ownerAt: inout Int
    ) -> Bool {
        var position = 0
        for _ in 0..<count {
            let rest =
                10
                + Int(
                    UInt16(
                        bigEndian: unsafe records.loadUnaligned(
                            fromByteOffset: position + 10, as: UInt16.self)))
            if number >= written {
                let size = ownerSize(node, ownerAt)
                guard let target = unsafe out.space(for: size + rest) else { return false }
                unsafe putOwner(node, size, to: target, at: out.count, &ownerAt)
                unsafe (target + size).copyMemory(from: records + position + 2, byteCount: rest)
                out.advance(by: size + rest, records: 1)
                written += 1
            }
            number += 1
            position += 2 + rest
        }
        return true
    }

    /// Writes a set whose names share suffixes with the owner or each other: as a whole with pointers where they
    /// reach, else record by record with whole names.
    private mutating func writePatched(
        _ set: ZoneSet, _ node: ZoneNode, _ number: inout Int, _ written: inout Int, _ ownerAt: inout Int,
        _ scratch: LookupScratch
    ) -> Bool {
        let size = ownerSize(node, ownerAt)
        let whole = size - 2 + set.byteCount
        let start = out.count
        if number >= written, start + whole <= TransferPage.farthest,
            let target = unsafe out.space(for: whole)
        {
            unsafe putOwner(node, size, to: target, at: start, &ownerAt)
            // From here on the set's records lie `shift` octets further on than in the zone's memory.
            let shift = size - 2
            let records = unsafe target + shift
            unsafe (records + 2).copyMemory(from: set.records + 2, byteCount: set.byteCount - 2)
            var position = set.nextRecord(after: 0)
            while position < set.byteCount {
                unsafe records.storeBytes(
                    of: UInt16(truncatingIfNeeded: 0xc000 | ownerAt).bigEndian, toByteOffset: position,
                    as: UInt16.self)
                position = set.nextRecord(after: position)
            }
            for index in 0..<set.patchCount {
                let at = set.patch(index)
                let value = Int(
                    UInt16(bigEndian: unsafe records.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
                let suffix = value & 0xff
                let place =
                    value & 0x2000 != 0
                    ? start + shift + (value & 0x1fff)
                    : suffix <= apexLength
                        ? apexAt + apexLength - suffix : ownerAt + node.ownerLength - suffix
                unsafe records.storeBytes(
                    of: UInt16(truncatingIfNeeded: 0xc000 | place).bigEndian, toByteOffset: at,
                    as: UInt16.self)
            }
            out.advance(by: whole, records: set.recordCount)
            number += set.recordCount
            written += set.recordCount
            return true
        }
        var position = 0
        for _ in 0..<set.recordCount {
            if number >= written {
                let length = unsafe set.expandData(of: position, node: node, to: scratch.data)
                let size = ownerSize(node, ownerAt)
                guard let target = unsafe out.space(for: size + 10 + length) else { return false }
                unsafe putOwner(node, size, to: target, at: out.count, &ownerAt)
                unsafe (target + size).copyMemory(from: set.records + position + 2, byteCount: 8)
                unsafe target.storeBytes(
                    of: UInt16(truncatingIfNeeded: length).bigEndian, toByteOffset: size + 8, as: UInt16.self)
                unsafe (target + size + 10).copyMemory(from: scratch.data, byteCount: length)
                out.advance(by: size + 10 + length, records: 1)
                written += 1
            }
            number += 1
            position = set.nextRecord(after: position)
        }
        return true
    }
}
