internal import DNSCore
internal import Glibc

/// Making the table of what was gathered: one pass over the names writes their nodes, with the checks that need a whole
/// name or its ancestors; a second one resolves the targets of NS, MX, SRV and the like.
extension ZoneTableBuilder {
    /// Records of one set at most: the count has 16 bits, and no message holds more.
    static let setLimit = 0xffff

    /// Checks the zone and makes its table.
    ///
    /// - Throws: ``ZoneError``, with all faults that were found and noted.
    mutating func finish() throws(ZoneError) -> ZoneTable {
        var arena = RawBuffer(capacity: 64 + nodeCount * 48 + (records.count - recordCount * 4))
        // Offsets 0 and 8 mean other things, see `TargetReference`.
        _ = arena.extend(by: 16)
        unsafe arena.base.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
        var writer = ZoneNodeWriter(apexLength: apex.wire.count)
        var gathered: [UInt64] = []
        var referring: [Int] = []
        var hasBarriers = false
        // Where the records of names with NS records begin, for warnings about them.
        var delegations: [(node: UInt32, record: UInt32)] = []
        for index in 0..<UInt32(nodeCount) {
            let offset = write(
                index, to: &arena, with: &writer, gathered: &gathered, referring: &referring)
            let node = unsafe build(index)
            if unsafe node.pointee.flags & (BuildNode.hasNS | BuildNode.hasDNAME) != 0 { hasBarriers = true }
            if unsafe index == 0 || node.pointee.flags & BuildNode.hasNS != 0 {
                unsafe delegations.append((UInt32(truncatingIfNeeded: offset >> 3), node.pointee.firstRecord))
            }
            // The chain has been written: from here on this field is the node's place.
            unsafe node.pointee.firstRecord = UInt32(truncatingIfNeeded: offset >> 3)
        }
        // Searching reads whole words.
        _ = arena.extend(by: 8)
        unsafe (arena.base + arena.count - 8).initializeMemory(as: UInt8.self, repeating: 0, count: 8)
        let byteCount = arena.count - 8
        let (slots, mask) = unsafe takePlaces()
        let table = unsafe ZoneTable(
            adopting: arena.release(), byteCount: byteCount, slots: slots, mask: mask, firstNode: 16,
            nodeCount: nodeCount, recordCount: recordCount, apexLength: apex.wire.count,
            hasBarriers: hasBarriers)
        if table.apex.set(.soa) == nil, !faultyTypes.contains(.soa) { refuse(.noSOA(apex)) }
        if table.apex.set(.ns) == nil, !faultyTypes.contains(.ns) { refuse(.noApexNS(apex)) }
        if let error = faults.error { throw error }
        if let set = table.apex.set(.nsec3param), set.nextRecord(after: 0) >= 17 {
            let iterations = unsafe set.records.loadUnaligned(fromByteOffset: 14, as: UInt16.self)
            if UInt16(bigEndian: iterations) > ZoneView.iterationLimit {
                warn(.tooManyIterations(apex, limit: ZoneView.iterationLimit))
            }
        }
        var lonely: [(ZoneNode, Name)] = []
        table.resolveTargets(referring) { node, server in
            if lonely.count < ZoneTableBuilder.warningLimit { lonely.append((node, server)) }
        }
        for (node, server) in lonely {
            let offset = UInt32(truncatingIfNeeded: unsafe (node.base - UnsafeRawPointer(table.arena)) >> 3)
            let place = delegations.first { $0.node == offset }.flatMap { placeOfNS(server, from: $0.record) }
            warn(.nsWithoutAddress(node.ownerName, server: server, place ?? ZonePlace()))
        }
        return table
    }

    /// Where the NS record with this target stood, among the records of a name.
    private func placeOfNS(_ server: Name, from first: UInt32) -> ZonePlace? {
        var record = Int(first) << 2
        while record != 0 {
            let base = unsafe records.base + record
            if unsafe base.load(fromByteOffset: 8, as: UInt16.self) == RRType.ns.rawValue {
                let (octets, length) = unsafe data(record)
                let target = unsafe Name(
                    trustedWire: Array(UnsafeBufferPointer(start: octets, count: length)))
                if target == server { return place(ofRecord: record) }
            }
            record = Int(unsafe base.load(as: UInt32.self)) << 2
        }
        return nil
    }

    private mutating func takePlaces() -> (UnsafeMutablePointer<UInt64>, Int) {
        let base = unsafe nodes.base
        return unsafe takeSlots { number in
            unsafe (base + Int(number) * MemoryLayout<BuildNode>.stride)
                .assumingMemoryBound(to: BuildNode.self).pointee.firstRecord
        }
    }

    /// Writes the node with number `index`.
    ///
    /// - Returns: its offset.
    private mutating func write(
        _ index: UInt32, to arena: inout RawBuffer, with writer: inout ZoneNodeWriter,
        gathered: inout [UInt64],
        referring: inout [Int]
    ) -> Int {
        let node = unsafe build(index)
        var flags: ZoneNode.Flags = index == 0 ? .apex : []
        if unsafe node.pointee.flags & BuildNode.wildcardChild != 0 { flags.insert(.wildcardChild) }
        if isOccluded(index) { flags.insert(.occluded) }
        unsafe writer.beginNode(
            &arena, owner: written(node), length: Int(node.pointee.length), labels: Int(node.pointee.labels),
            childCount: node.pointee.childCount, flags: flags)
        unsafe gather(node, &gathered)
        if gathered.count > 1 { checkCoexistence(index, gathered) }
        var position = 0
        var refers = false
        while position < gathered.count {
            let group = gathered[position] >> 48
            var end = position + 1
            while end < gathered.count, gathered[end] >> 48 == group { end += 1 }
            let isReferring = writeSet(index, gathered[position..<end], to: &arena, with: &writer)
            refers = refers || isReferring
            position = end
        }
        let offset = writer.endNode(&arena)
        if refers { referring.append(offset) }
        if flags.contains(.occluded), unsafe node.pointee.firstRecord != 0 {
            checkOccluded(index, gathered)
        }
        return offset
    }

    /// Lists the records of a name, sorted: set by set, SOA first, signatures behind the set they cover.
    ///
    /// An entry holds 16 bits of order, 1 for a signature, 47 of place.
    private func gather(_ node: UnsafeMutablePointer<BuildNode>, _ list: inout [UInt64]) {
        list.removeAll(keepingCapacity: true)
        var record = Int(unsafe node.pointee.firstRecord) << 2
        while record != 0 {
            let base = unsafe records.base + record
            var type = unsafe base.load(fromByteOffset: 8, as: UInt16.self)
            var signature: UInt64 = 0
            if type == RRType.rrsig.rawValue, unsafe base.load(fromByteOffset: 10, as: UInt16.self) >= 2 {
                type = UInt16(
                    bigEndian: unsafe base.loadUnaligned(
                        fromByteOffset: ZoneTableBuilder.recordHeader, as: UInt16.self))
                signature = 1
            }
            let order = type == RRType.soa.rawValue ? 0 : UInt64(type)
            let entry = order << 48 | signature << 47 | UInt64(record)
            // Mostly in order already; long lists are sorted by the library.
            list.append(entry)
            if list.count <= 16 {
                var at = list.count - 1
                while at > 0, list[at - 1] > entry {
                    list[at] = list[at - 1]
                    at -= 1
                }
                list[at] = entry
            }
            record = Int(unsafe base.load(as: UInt32.self)) << 2
        }
        if list.count > 16 { list.sort() }
    }

    private static func offset(_ entry: UInt64) -> Int { Int(entry & 0x7fff_ffff_ffff) }
    private static func isSignature(_ entry: UInt64) -> Bool { entry & 1 << 47 != 0 }
    private static func type(_ entry: UInt64) -> RRType {
        let order = UInt16(truncatingIfNeeded: entry >> 48)
        return order == 0 ? .soa : RRType(rawValue: order)
    }

    /// Writes one set and its signatures.
    ///
    /// - Returns: whether its records refer to names of this zone.
    private mutating func writeSet(
        _ index: UInt32, _ entries: ArraySlice<UInt64>, to arena: inout RawBuffer,
        with writer: inout ZoneNodeWriter
    ) -> Bool {
        guard let first = entries.first else { return false }
        let type = ZoneTableBuilder.type(first)
        guard entries.count <= ZoneTableBuilder.setLimit else {
            refuse(.tooManyInSet(name(index), type, limit: ZoneTableBuilder.setLimit))
            return false
        }
        writer.beginSet(&arena, type)
        let ttl = commonTTL(index, entries)
        var seen = RepeatedData(type: type)
        var records = 0
        var signatures = entries.endIndex
        for position in entries.indices {
            if ZoneTableBuilder.isSignature(entries[position]) {
                signatures = position
                break
            }
            let offset = ZoneTableBuilder.offset(entries[position])
            let (data, length) = unsafe self.data(offset)
            if entries.count > 1, unsafe seen.isRepeated(data, length) {
                warn(.repeatedRecord(name(index), type, place(ofRecord: offset)))
                continue
            }
            checkSingle(index, type, already: records, offset)
            unsafe writer.addRecord(&arena, ttl: ttl, data: data, length: length)
            records += 1
        }
        writer.endRecords(&arena)
        if signatures < entries.endIndex {
            writer.beginSignatures(&arena)
            for entry in entries[signatures...] {
                let offset = ZoneTableBuilder.offset(entry)
                let (data, length) = unsafe self.data(offset)
                let own = unsafe self.records.base.load(fromByteOffset: offset + 4, as: UInt32.self)
                unsafe writer.addSignature(&arena, ttl: own, data: data, length: length)
            }
            writer.endSignatures(&arena)
        }
        return ZoneNodeWriter.targetOffset(type.rawValue) != nil
    }

    private func data(_ record: Int) -> (UnsafePointer<UInt8>, Int) {
        let base = unsafe records.base + record
        return unsafe (
            UnsafePointer((base + ZoneTableBuilder.recordHeader).assumingMemoryBound(to: UInt8.self)),
            Int(base.load(fromByteOffset: 10, as: UInt16.self))
        )
    }

    /// The smallest TTL of the records (RFC 2181 5.2).
    private mutating func commonTTL(_ index: UInt32, _ entries: ArraySlice<UInt64>) -> UInt32 {
        var smallest = UInt32.max
        var differs: Int?
        for entry in entries where !ZoneTableBuilder.isSignature(entry) {
            let offset = ZoneTableBuilder.offset(entry)
            let ttl = unsafe records.base.load(fromByteOffset: offset + 4, as: UInt32.self)
            if smallest != .max, ttl != smallest { differs = offset }
            smallest = min(smallest, ttl)
        }
        if let differs, let first = entries.first {
            warn(.ttlDiffers(name(index), ZoneTableBuilder.type(first), place(ofRecord: differs)))
        }
        return smallest
    }

    /// Refuses what may stand only once.
    private mutating func checkSingle(_ index: UInt32, _ type: RRType, already: Int, _ offset: Int) {
        switch type {
        case .soa where index != 0 || already > 0: refuse(.repeatedSOA(name(index), place(ofRecord: offset)))
        case .cname where already > 0: refuse(.repeatedCNAME(name(index), place(ofRecord: offset)))
        case .dname where already > 0: refuse(.repeatedDNAME(name(index), place(ofRecord: offset)))
        default: break
        }
    }

    /// Refuses a CNAME beside other data; warns of NS beside DNAME.
    private mutating func checkCoexistence(_ index: UInt32, _ entries: [UInt64]) {
        // Where each kind first stood in the file: entries of a set are in that order, sets are not.
        var cname = Int.max
        var other = Int.max
        var dname = false
        var ns: Int?
        for entry in entries where !ZoneTableBuilder.isSignature(entry) {
            let type = ZoneTableBuilder.type(entry)
            switch type {
            case .cname: cname = min(cname, ZoneTableBuilder.offset(entry))
            case .dname: dname = true
            case .ns: ns = ZoneTableBuilder.offset(entry)
            default: break
            }
            if !type.mayStandBesideCNAME { other = min(other, ZoneTableBuilder.offset(entry)) }
        }
        if cname != .max, other != .max {
            refuse(.cnameBesideData(name(index), place(ofRecord: max(cname, other))))
        }
        if dname, index != 0, let ns { warn(.nsBesideDNAME(name(index), place(ofRecord: ns))) }
    }

    /// Whether the name lies below a cut or a DNAME.
    private func isOccluded(_ index: UInt32) -> Bool {
        guard index != 0 else { return false }
        let node = unsafe build(index)
        if unsafe node.pointee.flags & BuildNode.occlusionKnown != 0 {
            return unsafe node.pointee.flags & BuildNode.occluded != 0
        }
        let above = unsafe node.pointee.parent
        let isBarrier = unsafe build(above).pointee.flags & (BuildNode.hasNS | BuildNode.hasDNAME) != 0
        let result = isBarrier || isOccluded(above)
        unsafe node.pointee.flags |= BuildNode.occlusionKnown | (result ? BuildNode.occluded : 0)
        return result
    }

    /// Judges data below a cut (a warning, unless it can be glue) or below a DNAME (refused, RFC 6672 2.4).
    private mutating func checkOccluded(_ index: UInt32, _ entries: [UInt64]) {
        guard let other = entries.first(where: { ZoneTableBuilder.type($0) != .nsec3 }) else { return }
        let offset = ZoneTableBuilder.offset(other)
        var above = unsafe build(index).pointee.parent
        var topCut = false
        var topDNAME: UInt32?
        // The barrier nearest to the apex decides: below a cut nothing is this zone's.
        while true {
            let flags = unsafe build(above).pointee.flags
            if flags & BuildNode.hasNS != 0 {
                topCut = true
                topDNAME = nil
            } else if flags & BuildNode.hasDNAME != 0 {
                topDNAME = above
                topCut = false
            }
            if above == 0 { break }
            above = unsafe build(above).pointee.parent
        }
        if let topDNAME {
            refuse(.belowDNAME(name(index), dname: name(topDNAME), place(ofRecord: offset)))
        }
        guard topCut else { return }
        let odd = entries.first { entry in
            switch ZoneTableBuilder.type(entry) {
            case .a, .aaaa: false
            default: !ZoneTableBuilder.isSignature(entry)
            }
        }
        if let odd {
            warn(
                .belowCut(
                    name(index), ZoneTableBuilder.type(odd), place(ofRecord: ZoneTableBuilder.offset(odd))))
        }
    }
}

/// Finds data that a set already has: a few are compared with each other, many go by their hashes.
@safe private struct RepeatedData {
    let type: RRType
    private var seen: [UnsafeBufferPointer<UInt8>] = unsafe []
    private var hashes: Set<RecordData> = []

    init(type: RRType) {
        self.type = type
    }

    /// Whether the same data was given before; names count in any case (RFC 4343).
    mutating func isRepeated(_ data: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        if unsafe seen.count < 16 {
            for index in unsafe seen.indices {
                let other = unsafe seen[index]
                guard other.count == length, let base = other.baseAddress,
                    unsafe WireName.isSame(base, data, length)
                else {
                    continue
                }
                if unsafe WireName.isIdentical(base, data, length) { return true }
                let left = unsafe RecordData(Array(other)).canonical(as: type)
                let right = unsafe RecordData(Array(UnsafeBufferPointer(start: data, count: length)))
                    .canonical(as: type)
                if left == right { return true }
            }
            unsafe seen.append(UnsafeBufferPointer(start: data, count: length))
            return false
        }
        if hashes.isEmpty {
            for index in unsafe seen.indices {
                let other = unsafe seen[index]
                hashes.insert(unsafe RecordData(Array(other)).canonical(as: type))
            }
        }
        let value = unsafe RecordData(Array(UnsafeBufferPointer(start: data, count: length))).canonical(
            as: type)
        return !hashes.insert(value).inserted
    }
}
