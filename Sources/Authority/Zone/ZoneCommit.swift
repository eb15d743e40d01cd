internal import DNSCore

/// Turns the touched names of an edit into nodes of an overlay: keeps the count of each name's children, makes and
/// removes empty non-terminals, and notes what the change does to cuts and to the chain of NSEC.
struct ZoneCommit: ~Copyable {
    /// An overlay smaller than this is never worth merging.
    static let smallestMerge = 256 * 1024
    /// A table up to this size is rebuilt within a commit: some ten milliseconds.
    static let largestInlineTable = 4 * 1024 * 1024

    /// What is known about a name that must be written.
    private struct Work {
        /// The new sets; nil leaves those of the old node.
        var sets: [RRset]?
        let old: ZoneNode?
        var children: Int
        var hasWildcard: Bool
        var isRemoved = false

        var hasData: Bool {
            if let sets { return !sets.isEmpty }
            return (old?.setCount ?? 0) > 0
        }
    }

    private let base: ZoneSnapshot
    private var work: [Name: Work] = [:]
    private var order: [Name] = []

    init(base: ZoneSnapshot) {
        self.base = base
    }

    /// Gives `name` these sets instead of those it has.
    mutating func set(_ name: Name, _ sets: [RRset]) {
        if open(name).old == nil, sets.isEmpty { return }
        work[name]?.sets = sets
    }

    /// The work on `name`, begun if need be.
    @discardableResult
    private mutating func open(_ name: Name) -> Work {
        if let known = work[name] { return known }
        let old = base.node(name)
        let made = Work(
            sets: nil, old: old, children: Int(old?.childCount ?? 0),
            hasWildcard: old?.flags.contains(.wildcardChild) ?? false)
        work[name] = made
        order.append(name)
        return made
    }

    /// Writes everything and returns the version that shows it.
    consuming func finish() -> ZoneSnapshot {
        let touched = order
        for name in touched where work[name]?.old == nil && work[name]?.hasData == true { attach(name) }
        for name in touched { detachIfEmpty(name) }
        return write()
    }

    /// Makes `name` a child of its parent, which is made if need be.
    private mutating func attach(_ name: Name) {
        guard let parent = name.parent, name != base.apex else { return }
        // The apex is always there: its children are not counted.
        if parent == base.apex {
            if name.isWildcard {
                open(parent)
                work[parent]?.hasWildcard = true
            }
            return
        }
        let isNew = open(parent).old == nil && work[parent]?.children == 0 && work[parent]?.hasData == false
        work[parent]?.children += 1
        if name.isWildcard { work[parent]?.hasWildcard = true }
        if isNew { attach(parent) }
    }

    /// Removes `name` if nothing keeps it, and its empty ancestors.
    private mutating func detachIfEmpty(_ name: Name) {
        guard let entry = work[name], !entry.isRemoved, entry.children == 0, !entry.hasData, name != base.apex
        else {
            return
        }
        work[name]?.isRemoved = true
        guard entry.old != nil, let parent = name.parent else { return }
        if parent == base.apex {
            if name.isWildcard {
                open(parent)
                work[parent]?.hasWildcard = false
            }
            return
        }
        open(parent)
        work[parent]?.children -= 1
        if name.isWildcard { work[parent]?.hasWildcard = false }
        detachIfEmpty(parent)
    }

    private consuming func write() -> ZoneSnapshot {
        var buffer = RawBuffer(capacity: 1024)
        var writer = ZoneNodeWriter(apexLength: base.view.apexLength)
        var addsDenial: [Int] = []
        var movesBarriers = false
        for name in order {
            guard let entry = work[name], entry.old != nil || !entry.isRemoved else { continue }
            let start = buffer.count
            if entry.sets == nil, !entry.isRemoved, let old = entry.old {
                ZoneCommit.copy(old, to: &buffer, children: entry.children, hasWildcard: entry.hasWildcard)
            } else {
                encode(name, entry, to: &buffer, with: &writer)
            }
            let node = unsafe ZoneNode(base: unsafe UnsafeRawPointer(buffer.base + start))
            let before = entry.old?.flags ?? []
            if before.intersection(.barrier) != node.flags.intersection(.barrier) { movesBarriers = true }
            let chain: ZoneNode.Flags = [.nsec, .nsec3]
            if !node.flags.isDisjoint(with: chain), before.isDisjoint(with: chain) {
                addsDenial.append(start)
            }
        }
        return base.appending(buffer, addsDenial: addsDenial, movesBarriers: movesBarriers)
    }

    /// Copies a node whose records stay as they are.
    private static func copy(_ node: ZoneNode, to buffer: inout RawBuffer, children: Int, hasWildcard: Bool) {
        let start = buffer.count
        unsafe buffer.append(node.base, node.byteCount)
        var flags = node.flags
        if hasWildcard { flags.insert(.wildcardChild) } else { flags.remove(.wildcardChild) }
        let base = unsafe buffer.base + start
        unsafe base.storeBytes(of: flags.rawValue, as: UInt16.self)
        unsafe base.storeBytes(of: 0, toByteOffset: 2, as: UInt8.self)
        unsafe base.storeBytes(of: UInt32(truncatingIfNeeded: children), toByteOffset: 8, as: UInt32.self)
    }

    /// Writes a node from values.
    private func encode(
        _ name: Name, _ entry: Work, to buffer: inout RawBuffer, with writer: inout ZoneNodeWriter
    ) {
        var flags: ZoneNode.Flags = name == base.apex ? .apex : []
        if entry.hasWildcard { flags.insert(.wildcardChild) }
        if entry.isRemoved { flags.insert(.removed) }
        if base.isBelowBarrier(name) { flags.insert(.occluded) }
        let sets = entry.sets ?? entry.old?.values() ?? []
        let written = sets.first?.owner ?? name
        // The writer keeps addresses of what it is given until the node ends: all data lies in one buffer meanwhile.
        var data = ZoneCommit.NodeData(owner: written, sets: entry.isRemoved ? [] : sets)
        data.write(
            to: &buffer, with: &writer, labels: name.labelCount,
            children: UInt32(truncatingIfNeeded: entry.children),
            flags: flags)
    }
}

extension ZoneCommit {
    /// The octets of one name's owner and records, side by side.
    @safe struct NodeData: ~Copyable {
        private var octets: [UInt8]
        private let ownerLength: Int
        private var sets: [(type: RRType, records: [Piece], signatures: [Piece])] = []

        struct Piece {
            let start: Int
            let length: Int
            let ttl: UInt32
        }

        init(owner: Name, sets given: [RRset]) {
            octets = owner.wire
            ownerLength = owner.wire.count
            for set in given where set.type != .rrsig {
                let pieces = set.data.prefix(ZoneTableBuilder.setLimit).map { add($0, ttl: set.ttl) }
                sets.append((set.type, pieces, []))
            }
            for set in given where set.type == .rrsig {
                for data in set.data.prefix(ZoneTableBuilder.setLimit) where data.octets.count >= 2 {
                    let covered = RRType(rawValue: UInt16(data.octets[0]) << 8 | UInt16(data.octets[1]))
                    if let place = sets.firstIndex(where: { $0.type == covered }) {
                        let ttl = sets[place].records.first?.ttl ?? set.ttl
                        sets[place].signatures.append(add(data, ttl: ttl))
                    } else {
                        sets.append((covered, [], [add(data, ttl: set.ttl)]))
                    }
                }
            }
            sets.sort { ($0.type == .soa ? 0 : $0.type.rawValue) < ($1.type == .soa ? 0 : $1.type.rawValue) }
        }

        private mutating func add(_ data: RecordData, ttl: UInt32) -> Piece {
            let start = octets.count
            octets.append(contentsOf: data.octets)
            return Piece(start: start, length: data.octets.count, ttl: ttl > 0x7fff_ffff ? 0 : ttl)
        }

        /// Writes the node.
        mutating func write(
            to buffer: inout RawBuffer, with writer: inout ZoneNodeWriter, labels: Int, children: UInt32,
            flags: ZoneNode.Flags
        ) {
            unsafe octets.withUnsafeBufferPointer { all in
                guard let base = all.baseAddress else { return }
                unsafe writer.beginNode(
                    &buffer, owner: base, length: ownerLength, labels: labels, childCount: children,
                    flags: flags)
                for set in sets {
                    writer.beginSet(&buffer, set.type)
                    for piece in set.records {
                        unsafe writer.addRecord(
                            &buffer, ttl: piece.ttl, data: base + piece.start, length: piece.length)
                    }
                    writer.endRecords(&buffer)
                    guard !set.signatures.isEmpty else { continue }
                    writer.beginSignatures(&buffer)
                    for piece in set.signatures {
                        unsafe writer.addSignature(
                            &buffer, ttl: piece.ttl, data: base + piece.start, length: piece.length)
                    }
                    writer.endSignatures(&buffer)
                }
                _ = writer.endNode(&buffer)
            }
        }
    }
}
