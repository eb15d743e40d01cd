package import DNSCore

/// One version of one zone: immutable, shared by all workers, replaced by a whole new one when the zone changes.
///
/// It rests on a ``ZoneTable``, flat memory with all names, and shows of a ``ZoneOverlay`` the changes made since that
/// table up to its own commit. A commit thus costs the names it touches, whatever the size of the zone, and readers of
/// older versions are not disturbed. When an overlay has become large, ``wantsCompaction`` asks for a new table.
@safe package final class ZoneSnapshot: @unchecked Sendable {
    /// The zone's name, in the case of its file.
    package let apex: Name
    let table: ZoneTable
    let overlay: ZoneOverlay?
    /// Where the view stands, for readers that hold this snapshot alive but do not count references.
    let viewAddress: UnsafePointer<ZoneView>
    var view: ZoneView { unsafe viewAddress.pointee }

    /// Builds a zone from records in any order.
    ///
    /// - Throws: ``ZoneError`` when they do not make a zone.
    package convenience init(apex: Name, records: [ResourceRecord]) throws(ZoneError) {
        var builder = ZoneTableBuilder(apex: apex, expected: records.count)
        for record in records { try builder.add(record) }
        self.init(apex: apex, table: try builder.finish())
    }

    /// A version that is all in its table.
    convenience init(apex: Name, table: ZoneTable) {
        self.init(apex: apex, table: table, overlay: nil, overlayView: nil, checksAncestors: false)
    }

    init(
        apex: Name, table: ZoneTable, overlay: ZoneOverlay?, overlayView: ZoneOverlay.View?,
        checksAncestors: Bool
    ) {
        self.apex = apex
        self.table = table
        self.overlay = overlay
        let place = UnsafeMutablePointer<ZoneView>.allocate(capacity: 1)
        unsafe place.initialize(
            to: ZoneView(table: table, overlay: overlayView, checksAncestors: checksAncestors))
        unsafe viewAddress = UnsafePointer(place)
    }

    deinit {
        unsafe viewAddress.deallocate()
    }

    /// The SOA's serial number.
    package var serial: Serial {
        let octets = soa.data.first?.octets ?? []
        guard octets.count >= 20 else { return Serial(rawValue: 0) }
        let start = octets.count - 20
        return Serial(rawValue: octets[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// The apex SOA.
    package var soa: RRset {
        view.apex.value(.soa) ?? RRset(owner: apex, type: .soa, ttl: 0, data: [])
    }

    /// Whether the zone has a chain of NSEC or NSEC3: it is served as a signed one.
    package var isSigned: Bool { view.denial != .none }

    /// Names in the zone's table, empty non-terminals included; those of the overlay are not counted.
    package var nameCount: Int { table.nodeCount }

    /// Names that have records, and their records, signatures left out; takes a walk over all names.
    package var counts: (names: Int, records: Int) {
        var counts = (names: 0, records: 0)
        forEachNodeInOrder { node in
            var records = 0
            node.forEachSet { records += $0.recordCount }
            if records > 0 { counts.names += 1 }
            counts.records += records
        }
        return counts
    }

    /// Octets of memory that the zone takes.
    package var memorySize: Int { table.memorySize + (overlay?.byteCount ?? 0) }

    /// The set of `type` at `name`, as it stands there: neither wildcards nor cuts are looked at.
    ///
    /// All RRSIG records of a name count as one set here.
    package func rrset(at name: Name, type: RRType) -> RRset? {
        node(name)?.value(type)
    }

    /// All sets at `name`.
    package func rrsets(at name: Name) -> [RRset] {
        node(name)?.values() ?? []
    }

    /// Whether `name` exists: it has records, or names below it have (RFC 4592 2.2.2).
    package func exists(_ name: Name) -> Bool {
        node(name) != nil
    }

    /// Calls `body` with every set: the SOA first, then in canonical order of owners.
    package func forEachRRset(_ body: (RRset) -> Void) {
        forEachNodeInOrder { node in
            for set in node.values() { body(set) }
        }
    }

    /// Calls `body` with every record: the SOA first, then in canonical order of owners; signatures follow the set
    /// that they cover and have their own TTL.
    package func forEachRecord(_ body: (ResourceRecord) -> Void) {
        forEachNodeInOrder { node in
            let owner = node.ownerName
            node.forEachSet { set in
                if let value = set.value(of: node) { for record in value.records { body(record) } }
                unsafe set.forEachSignature { ttl, data in
                    let octets = unsafe RecordData(Array(data))
                    body(ResourceRecord(owner: owner, type: .rrsig, ttl: ttl, data: octets))
                }
            }
        }
    }

    /// The first name that has more records in a set, or more types, than it may have; nil when there is none.
    ///
    /// - Parameter names: the names to look at; nil: all of the zone's table.
    package func excess(records: Int, types: Int, at names: Set<Name>? = nil) -> ZoneError? {
        func excess(_ node: ZoneNode) -> ZoneError? {
            guard node.setCount <= types else { return .tooManyTypes(node.ownerName, limit: types) }
            var found: ZoneError?
            node.forEachSet { set in
                if found == nil, set.recordCount > records {
                    found = .tooManyInSet(node.ownerName, set.type, limit: records)
                }
            }
            return found
        }
        if let names { return names.lazy.compactMap { self.node($0).flatMap(excess) }.first }
        var place = table.firstNode
        while place < table.byteCount {
            let node = unsafe ZoneNode(base: view.arena + place)
            if let fault = excess(node) { return fault }
            place += node.byteCount
        }
        return nil
    }

    /// Starts a change.
    ///
    /// Any number of edits may be open; only what is committed and published counts.
    package func edit() -> ZoneEdit {
        ZoneEdit(base: self)
    }

    /// A cursor over all records for AXFR.
    package func transferCursor() -> TransferCursor {
        TransferCursor(self)
    }

    /// The node with `name`, whatever its case.
    func node(_ name: Name) -> ZoneNode? {
        guard name.wire.count >= view.apexLength else { return nil }
        return unsafe withLowercase(name) { octets, length in
            unsafe view.find(hash: WireName.hash(lowercase: octets), name: octets, length: length)
        }
    }

    /// Calls `body` with every node of this version, the apex first, then in canonical order.
    func forEachNodeInOrder(_ body: (ZoneNode) -> Void) {
        var added = addedNodes()
        added.sort { unsafe CanonicalOrder.compare($0.owner, $1.owner) < 0 }
        var next = 0
        for number in table.canonicalOrder() {
            let node = unsafe ZoneNode(base: unsafe view.arena + Int(number) << 3)
            while next < added.count, unsafe CanonicalOrder.compare(added[next].owner, node.owner) < 0 {
                body(added[next])
                next += 1
            }
            if let now = view.current(node) { body(now) }
        }
        for node in added[next...] { body(node) }
    }

    /// The nodes that the overlay has and the table has not.
    func addedNodes() -> [ZoneNode] {
        var result: [ZoneNode] = []
        view.overlay?.forEachNode { node in
            guard !node.flags.contains(.removed) else { return }
            let isKnown = unsafe table.find(
                hash: WireName.hash(lowercase: node.owner), name: node.owner, length: node.ownerLength)
            if isKnown == nil { result.append(node) }
        }
        return result
    }
}

/// Lends the name in lower case, with room for reading past its end in words.
func withLowercase<Result>(_ name: Name, _ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 264) { scratch in
        unsafe scratch.initialize(repeating: 0)
        for (index, octet) in name.wire.enumerated() { unsafe scratch[index] = octet.lowercasedASCII }
        // A temporary of 264 octets has an address.
        return unsafe body(UnsafePointer(scratch.baseAddress.unsafelyUnwrapped), name.wire.count)
    }
}

extension ZoneView {
    /// The view of `table` with the changes that `overlay` shows.
    init(table: ZoneTable, overlay: ZoneOverlay.View?, checksAncestors: Bool) {
        let base = table.apex
        var apex = base
        if let overlay,
            let newer = unsafe overlay.find(
                hash: WireName.hash(lowercase: base.owner), name: base.owner, length: base.ownerLength)
        {
            apex = newer
        }
        var negativeTTL: UInt32 = 0
        if let set = apex.set(.soa) {
            let minimum = UInt32(
                bigEndian: unsafe set.records.loadUnaligned(
                    fromByteOffset: set.nextRecord(after: 0) - 4, as: UInt32.self))
            negativeTTL = min(set.ttl, minimum > 0x7fff_ffff ? 0 : minimum)
        }
        var iterations = 0
        var salt: UnsafePointer<UInt8>?
        var saltLength = 0
        if let set = apex.set(.nsec3param), set.nextRecord(after: 0) >= 12 + 5 {
            let data = unsafe (set.records + 12).assumingMemoryBound(to: UInt8.self)
            iterations = unsafe Int(data[2]) << 8 | Int(data[3])
            saltLength = unsafe min(Int(data[4]), set.nextRecord(after: 0) - 17)
            unsafe salt = data + 5
        }
        let isCountable = iterations <= ZoneView.iterationLimit
        let denial: DenialIndex.Method =
            apex.flags.contains(.nsec) ? .nsec : apex.set(.nsec3param) != nil && isCountable ? .nsec3 : .none
        let chain = table.denial?.method == denial ? table.denial : nil
        unsafe self.init(
            slots: UnsafePointer(table.slots), mask: table.mask, arena: UnsafeRawPointer(table.arena),
            overlay: overlay,
            apex: apex, apexLength: table.apexLength, apexLabels: base.labelCount, negativeTTL: negativeTTL,
            checksAncestors: checksAncestors, denial: denial, denialKeys: chain?.keys,
            denialNodes: chain?.nodes,
            denialCount: chain?.count ?? 0, nsec3Iterations: iterations, nsec3Salt: salt,
            nsec3SaltLength: saltLength)
    }
}
