internal import DNSCore
internal import Glibc
internal import Operations

/// Gathers records in any order, checks them, and makes a ``ZoneTable`` of them.
///
/// Records rest in one growing piece of memory, chained per name; names get a number when first seen, their missing
/// ancestors too, so that every empty non-terminal becomes a node.
@safe struct ZoneTableBuilder: ~Copyable {
    /// Warnings kept; more are only counted.
    static let warningLimit = 100

    /// A name on its way into the table.
    struct BuildNode {
        var hash: UInt64
        /// Of its octets, as written, in `names`.
        var name: UInt32
        var parent: UInt32
        /// Chain of its records in units of 4; 0 ends it.
        var firstRecord: UInt32
        var lastRecord: UInt32
        var childCount: UInt32
        var length: UInt8
        var labels: UInt8
        var flags: UInt16

        static let hasNS: UInt16 = 1
        static let hasDNAME: UInt16 = 2
        static let wildcardChild: UInt16 = 4
        static let occluded: UInt16 = 8
        static let occlusionKnown: UInt16 = 16
    }

    /// Octets before the data of a gathered record: next 4, TTL 4, type 2, octets 2, line 4.
    static let recordHeader = 16
    private static let lineLimit = 0xff_ffff

    let apex: Name
    private let recordLimit: Int
    var nodes: RawBuffer
    var names: RawBuffer
    var records: RawBuffer
    private(set) var nodeCount = 0
    private(set) var recordCount = 0
    private var slots: UnsafeMutablePointer<UInt64>
    private var mask: Int
    private var files: [String] = []
    /// The last owner seen, as written, and its number: records of one name mostly stand together.
    private var lastNode: UInt32 = 0
    private var lastOwner: Int
    private var lastLength = 0
    private let apexLower: UnsafeMutablePointer<UInt8>
    private let lower: UnsafeMutablePointer<UInt8>
    private let apexLabels: Int
    private var apexHash: UInt64
    private(set) var warnings: [ZoneWarning] = []
    private(set) var warningCount = 0
    /// What keeps the zone from being served; ``finish()`` throws it.
    private(set) var faults = ZoneFaults()
    /// Whether a faulty line was to be the SOA or an NS, so that their absence is no fault of its own.
    private(set) var faultyTypes: Set<RRType> = []

    /// A builder for the zone `apex`; `expected` records are a hint.
    init(apex: Name, expected: Int = 16, recordLimit: Int = .max) {
        self.apex = apex
        self.recordLimit = recordLimit
        let names = max(expected, 16)
        nodes = RawBuffer(capacity: names * 20)
        self.names = RawBuffer(capacity: names * 16)
        records = RawBuffer(capacity: names * 28)
        var capacity = 64
        while capacity < names { capacity *= 2 }
        mask = capacity - 1
        unsafe slots = ZoneTableBuilder.makeSlots(capacity)
        lastOwner = -1
        unsafe lower = .allocate(capacity: 264)
        unsafe lower.initialize(repeating: 0, count: 264)
        unsafe apexLower = .allocate(capacity: 264)
        unsafe apexLower.initialize(repeating: 0, count: 264)
        for (index, octet) in apex.wire.enumerated() { unsafe apexLower[index] = octet.lowercasedASCII }
        apexLabels = apex.labelCount
        unsafe apexHash = WireName.hash(lowercase: apexLower)
        _ = records.extend(by: 16)
        unsafe records.base.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
        _ = unsafe makeNode(hash: apexHash, apexLower, apex.wire.count, labels: apexLabels, parent: 0)
        unsafe apex.wire.withUnsafeBufferPointer { wire in
            guard let base = wire.baseAddress else { return }
            unsafe setWritten(0, base, wire.count)
        }
    }

    deinit {
        unsafe free(slots)
        unsafe lower.deallocate()
        unsafe apexLower.deallocate()
    }

    private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        guard let memory = unsafe calloc(count, 8) else { preconditionFailure("out of memory") }
        return unsafe memory.bindMemory(to: UInt64.self, capacity: count)
    }

    /// Gives the number under which records name `file`.
    mutating func file(_ file: String) -> Int {
        if let known = files.firstIndex(of: file) { return known }
        guard files.count < 255 else { return 254 }
        files.append(file)
        return files.count - 1
    }

    /// Where a record stood.
    private func place(_ packed: UInt32) -> ZonePlace {
        let file = Int(packed >> 24)
        return ZonePlace(file: file < files.count ? files[file] : "", line: Int(packed & 0xff_ffff))
    }

    private static func pack(file: Int, line: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: min(file, 254) << 24 | min(line, lineLimit))
    }

    /// Adds a record whose class has been checked and whose data has its type's form.
    ///
    /// - Throws: ``ZoneError`` when the record alone shows that the zone cannot be served.
    mutating func add(
        owner: UnsafePointer<UInt8>, length: Int, type: RRType, ttl: UInt32, data: UnsafePointer<UInt8>,
        dataLength: Int, file: Int = 255, line: Int = 0
    ) throws(ZoneError) {
        let node: UInt32
        if lastOwner >= 0, length == lastLength,
            unsafe WireName.isIdentical(
                owner, (names.base + lastOwner).assumingMemoryBound(to: UInt8.self), length)
        {
            node = lastNode
        } else {
            guard let found = unsafe findOrMake(owner, length) else {
                throw .outsideZone(
                    unsafe ZoneTableBuilder.name(owner, length),
                    place(ZoneTableBuilder.pack(file: file, line: line)))
            }
            node = found
            lastNode = node
            lastOwner = Int(unsafe build(node).pointee.name)
            lastLength = length
        }
        if type.isMeta {
            throw .metaType(
                unsafe ZoneTableBuilder.name(owner, length), type,
                place(ZoneTableBuilder.pack(file: file, line: line)))
        }
        recordCount += 1
        guard recordCount <= recordLimit else { throw .tooManyRecords(limit: recordLimit) }
        // The table takes about what has been gathered once more, and what was gathered grows by halves.
        if recordCount & 0xffff == 0,
            !MemoryBudget.hasRoom(for: (nodes.count + names.count + records.count) * 2)
        {
            throw .outOfMemory(records: recordCount)
        }
        let size = (ZoneTableBuilder.recordHeader + dataLength + 3) & ~3
        let at = records.extend(by: size)
        let record = unsafe records.base + at
        unsafe record.storeBytes(of: 0, as: UInt32.self)
        unsafe record.storeBytes(of: ttl > 0x7fff_ffff ? 0 : ttl, toByteOffset: 4, as: UInt32.self)
        unsafe record.storeBytes(of: type.rawValue, toByteOffset: 8, as: UInt16.self)
        unsafe record.storeBytes(
            of: UInt16(truncatingIfNeeded: dataLength), toByteOffset: 10, as: UInt16.self)
        unsafe record.storeBytes(
            of: ZoneTableBuilder.pack(file: file, line: line), toByteOffset: 12, as: UInt32.self)
        unsafe (record + ZoneTableBuilder.recordHeader).copyMemory(from: data, byteCount: dataLength)
        let entry = unsafe build(node)
        let number = UInt32(truncatingIfNeeded: at >> 2)
        if unsafe entry.pointee.firstRecord == 0 {
            unsafe entry.pointee.firstRecord = number
        } else {
            unsafe records.base.storeBytes(
                of: number, toByteOffset: Int(entry.pointee.lastRecord) << 2, as: UInt32.self)
        }
        unsafe entry.pointee.lastRecord = number
        switch type {
        case .ns where node != 0: unsafe entry.pointee.flags |= BuildNode.hasNS
        case .dname: unsafe entry.pointee.flags |= BuildNode.hasDNAME
        default: break
        }
    }

    /// Adds a record.
    ///
    /// - Throws: ``ZoneError`` when the record alone shows that the zone cannot be served.
    mutating func add(_ record: ResourceRecord, file: Int = 255, line: Int = 0) throws(ZoneError) {
        let packed = ZoneTableBuilder.pack(file: file, line: line)
        guard record.recordClass == .internet else {
            throw .wrongClass(record.owner, record.recordClass, place(packed))
        }
        guard record.data.octets.count <= 0xffff, record.data.isWellFormed(as: record.type) else {
            throw .malformedData(record.owner, record.type, place(packed))
        }
        var failure: ZoneError?
        unsafe record.owner.wire.withUnsafeBufferPointer { owner in
            unsafe record.data.octets.withUnsafeBufferPointer { data in
                guard let ownerBase = owner.baseAddress else { return }
                // An empty array may have no address; nothing is read then.
                let dataBase = unsafe data.baseAddress ?? ownerBase
                do throws(ZoneError) {
                    try unsafe add(
                        owner: ownerBase, length: owner.count, type: record.type, ttl: record.ttl,
                        data: dataBase,
                        dataLength: data.count, file: file, line: line)
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    /// Notes a fault; the record that has it is left out or stays, the zone is not served either way.
    ///
    /// - Parameter type: of the record that could not be read, where that much is known.
    mutating func refuse(_ fault: ZoneError, type: RRType? = nil) {
        faults.note(fault)
        if type == .soa || type == .ns, let type { faultyTypes.insert(type) }
    }

    /// Notes a warning.
    mutating func warn(_ warning: ZoneWarning) {
        warningCount += 1
        if warnings.count < ZoneTableBuilder.warningLimit { warnings.append(warning) }
    }

    /// Where the record at `offset` stood.
    func place(ofRecord offset: Int) -> ZonePlace {
        place(unsafe records.base.load(fromByteOffset: offset + 12, as: UInt32.self))
    }

    /// The node with number `index`; valid until the next node is made.
    @inline(__always)
    func build(_ index: UInt32) -> UnsafeMutablePointer<BuildNode> {
        unsafe (nodes.base + Int(index) * MemoryLayout<BuildNode>.stride).assumingMemoryBound(
            to: BuildNode.self)
    }

    /// The octets of a node's name as written.
    func written(_ node: UnsafeMutablePointer<BuildNode>) -> UnsafePointer<UInt8> {
        unsafe UnsafePointer((names.base + Int(node.pointee.name)).assumingMemoryBound(to: UInt8.self))
    }

    /// The name of a node.
    func name(_ index: UInt32) -> Name {
        let node = unsafe build(index)
        return unsafe ZoneTableBuilder.name(written(node), Int(node.pointee.length))
    }

    private static func name(_ octets: UnsafePointer<UInt8>, _ length: Int) -> Name {
        unsafe Name(trustedWire: Array(UnsafeBufferPointer(start: octets, count: length)))
    }

    /// Hands over the index with each node's number replaced by what `place` gives for it.
    mutating func takeSlots(_ place: (UInt32) -> UInt32) -> (UnsafeMutablePointer<UInt64>, Int) {
        resize(forAtMost: nodeCount)
        for index in 0...mask {
            let slot = unsafe slots[index]
            if slot != 0 {
                unsafe slots[index] =
                    slot & 0xffff_ffff_0000_0000
                    | UInt64(place(UInt32(truncatingIfNeeded: (slot & 0xffff_ffff) - 1)))
            }
        }
        let taken = unsafe slots
        let takenMask = mask
        unsafe slots = ZoneTableBuilder.makeSlots(1)
        mask = 0
        return unsafe (taken, takenMask)
    }

    /// Rebuilds the index when it is much too large or too small for `count` names.
    private mutating func resize(forAtMost count: Int) {
        var capacity = 8
        while capacity * 6 < count * 10 { capacity *= 2 }
        guard capacity != mask + 1 else { return }
        unsafe free(slots)
        mask = capacity - 1
        unsafe slots = ZoneTableBuilder.makeSlots(capacity)
        for index in 0..<UInt32(nodeCount) { unsafe insert(build(index).pointee.hash, index) }
    }

    private func insert(_ hash: UInt64, _ number: UInt32) {
        var index = Int(truncatingIfNeeded: hash) & mask
        while unsafe slots[index] != 0 { index = (index + 1) & mask }
        unsafe slots[index] = hash & 0xffff_ffff_0000_0000 | UInt64(number + 1)
    }

    private func find(_ hash: UInt64, _ name: UnsafePointer<UInt8>, _ length: Int) -> UInt32? {
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = unsafe slots[index]
            if slot == 0 { return nil }
            if slot >> 32 == hash >> 32 {
                let number = UInt32(truncatingIfNeeded: (slot & 0xffff_ffff) - 1)
                let node = unsafe build(number)
                if unsafe node.pointee.hash == hash, unsafe Int(node.pointee.length) == length,
                    unsafe WireName.isSame(written(node), name, length)
                {
                    return number
                }
            }
            index = (index + 1) & mask
        }
    }

    /// The number of the name, made with its missing ancestors if need be; nil when it is not in the zone.
    private mutating func findOrMake(_ owner: UnsafePointer<UInt8>, _ length: Int) -> UInt32? {
        let apexLength = apex.wire.count
        guard length >= apexLength else { return nil }
        var offsets = InlineArray<128, UInt8>(repeating: 0)
        var labels = 0
        var position = 0
        let end = length - apexLength
        var hasCapitals = false
        while position < end {
            offsets[labels] = UInt8(truncatingIfNeeded: position)
            let next = position + 1 + Int(unsafe owner[position])
            while position < next {
                let octet = unsafe owner[position]
                let low = octet.lowercasedASCII
                if low != octet { hasCapitals = true }
                unsafe lower[position] = low
                position += 1
            }
            labels += 1
        }
        guard position == end, unsafe WireName.isSame(owner + end, apexLower, apexLength) else { return nil }
        unsafe UnsafeMutableRawPointer(lower + end).copyMemory(from: apexLower, byteCount: apexLength)
        var hashes = InlineArray<128, UInt64>(repeating: 0)
        var hash = apexHash
        var index = labels - 1
        while index >= 0 {
            hash = unsafe NameHash.extend(hash, label: lower + Int(offsets[index]))
            hashes[index] = hash
            index -= 1
        }
        if labels == 0 { return 0 }
        if let known = unsafe find(hash, lower, length) {
            if hasCapitals, unsafe build(known).pointee.firstRecord == 0 {
                unsafe setWritten(known, owner, length)
            }
            return known
        }
        // The nearest ancestor that is known; then everything below it is made.
        var parent: UInt32 = 0
        var missing = labels - 1
        index = 1
        while index < labels {
            let start = Int(offsets[index])
            if let known = unsafe find(hashes[index], lower + start, length - start) {
                parent = known
                missing = index - 1
                break
            }
            index += 1
        }
        while missing >= 0 {
            let start = Int(offsets[missing])
            unsafe parent = makeNode(
                hash: hashes[missing], owner + start, length - start, labels: apexLabels + labels - missing,
                parent: parent)
            missing -= 1
        }
        return parent
    }

    /// Replaces the octets of a name by the same in another case.
    private mutating func setWritten(_ number: UInt32, _ owner: UnsafePointer<UInt8>, _ length: Int) {
        let target = unsafe names.base + Int(build(number).pointee.name)
        unsafe target.copyMemory(from: owner, byteCount: length)
    }

    private mutating func makeNode(
        hash: UInt64, _ name: UnsafePointer<UInt8>, _ length: Int, labels: Int, parent: UInt32
    ) -> UInt32 {
        if nodeCount * 10 >= (mask + 1) * 7 { resize(forAtMost: max(nodeCount * 2, 64)) }
        let number = UInt32(truncatingIfNeeded: nodeCount)
        nodeCount += 1
        let at = names.count
        unsafe names.append(name, length)
        _ = nodes.extend(by: MemoryLayout<BuildNode>.stride)
        unsafe build(number).initialize(
            to: BuildNode(
                hash: hash, name: UInt32(truncatingIfNeeded: at), parent: parent, firstRecord: 0,
                lastRecord: 0,
                childCount: 0, length: UInt8(truncatingIfNeeded: length),
                labels: UInt8(truncatingIfNeeded: labels), flags: 0))
        if number != parent {
            let above = unsafe build(parent)
            unsafe above.pointee.childCount += 1
            if unsafe name[0] == 1, unsafe name[1] == UInt8(ascii: "*") {
                unsafe above.pointee.flags |= BuildNode.wildcardChild
            }
        }
        insert(hash, number)
        return number
    }
}
