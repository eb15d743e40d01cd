internal import DNSCore
internal import Glibc
internal import Synchronization

/// Keeping overlays small: merging them into new tables.
///
/// A small zone is merged within the commit that makes its overlay large enough. For a large one that commit starts a
/// task, which makes a new table of the zone as it is then; commits go on meanwhile. The first commit after the task
/// has ended moves over to the new table and takes along what has changed since.
extension ZoneSnapshot {
    /// Whether the overlay has grown to more than a quarter of the table.
    package var wantsCompaction: Bool {
        guard let overlay else { return false }
        return overlay.byteCount > max(ZoneCommit.smallestMerge, table.byteCount / 4)
    }

    /// The same version with everything in one new table.
    ///
    /// Takes about 0.2 us a name; call it off the packet path.
    package func compacted() -> ZoneSnapshot {
        guard overlay != nil else { return self }
        return ZoneSnapshot(apex: apex, table: merged())
    }

    /// This version upon the table of `compacted`, which was made from `source`, an earlier version in the same line.
    package func rebased(onto compacted: ZoneSnapshot, from source: ZoneSnapshot) -> ZoneSnapshot {
        guard overlay != nil, source.overlay === overlay, let old = source.view.overlay else {
            return self.compacted()
        }
        return rebased(onto: compacted, fromVersion: old.version)
    }

    /// This version upon the table of `compacted`, which holds all commits of this overlay up to `version`.
    private func rebased(onto compacted: ZoneSnapshot, fromVersion version: UInt64) -> ZoneSnapshot {
        guard let overlayView = view.overlay, overlayView.version > version else { return compacted }
        var buffer = RawBuffer(capacity: 4096)
        var addsDenial: [Int] = []
        var movesBarriers = false
        overlayView.forEachNode { node in
            let header = unsafe node.base - ZoneOverlay.versionHeader
            guard unsafe header.load(fromByteOffset: 8, as: UInt64.self) > version else { return }
            let start = ZoneSnapshot.copyForgettingTargets(node, to: &buffer)
            let chain: ZoneNode.Flags = [.nsec, .nsec3]
            let before =
                unsafe compacted.view.find(
                    hash: WireName.hash(lowercase: node.owner), name: node.owner, length: node.ownerLength)?
                .flags ?? []
            if !node.flags.isDisjoint(with: chain), before.isDisjoint(with: chain) {
                addsDenial.append(start)
            }
            if before.intersection(.barrier) != node.flags.intersection(.barrier) { movesBarriers = true }
        }
        return compacted.appending(buffer, addsDenial: addsDenial, movesBarriers: movesBarriers)
    }

    /// Appends nodes to the overlay, one being made if there is none, and returns the version that shows them.
    func appending(_ nodes: borrowing RawBuffer, addsDenial: [Int], movesBarriers: Bool) -> ZoneSnapshot {
        var target = overlay ?? ZoneOverlay(apexLength: view.apexLength)
        var shown = target.append(upon: view.overlay?.version ?? 0, nodes: nodes, addsDenial: addsDenial)
        if shown == nil {
            // Somebody else has committed upon this version before: this line goes on in an overlay of its own.
            target = forkedOverlay()
            shown = target.append(upon: 1, nodes: nodes, addsDenial: addsDenial)
        }
        var offset = 0
        while offset < nodes.count {
            let node = unsafe ZoneNode(base: UnsafeRawPointer(nodes.base + offset))
            unsafe table.find(
                hash: WireName.hash(lowercase: node.owner), name: node.owner, length: node.ownerLength)?
                .supersede()
            offset += node.byteCount
        }
        let result = ZoneSnapshot(
            apex: apex, table: table, overlay: target, overlayView: shown,
            checksAncestors: view.checksAncestors || movesBarriers)
        // The table's chain of NSEC is not the one that counts any more: lookups need a new one at once.
        return result.view.denial != view.denial ? result.compacted() : result.merging()
    }

    /// This version, or the same upon a newer table when one is due or ready.
    private func merging() -> ZoneSnapshot {
        guard let overlay, wantsCompaction else { return self }
        if table.byteCount <= ZoneCommit.largestInlineTable { return compacted() }
        let state = overlay.merging.withLock { state in
            let found = state
            if case .idle = found { state = .running }
            return found
        }
        switch state {
        case .idle:
            Task.detached(priority: .utility) {
                guard let version = self.view.overlay?.version else { return }
                let done = self.compacted()
                overlay.merging.withLock { $0 = .ready(done, version: version) }
            }
            return self
        case .running:
            // A task that starves must not let the overlay outgrow the table.
            return overlay.byteCount > 2 * table.byteCount ? compacted() : self
        case .ready(let done, let version):
            return rebased(onto: done, fromVersion: version)
        }
    }

    /// Whether `name` lies below a cut or a DNAME in this version.
    func isBelowBarrier(_ name: Name) -> Bool {
        var ancestor = name.parent
        while let above = ancestor, above.wire.count >= view.apexLength {
            if let node = node(above), !node.flags.isDisjoint(with: .barrier) { return true }
            if above.wire.count == view.apexLength { return false }
            ancestor = above.parent
        }
        return false
    }

    private func forkedOverlay() -> ZoneOverlay {
        let fork = ZoneOverlay(apexLength: view.apexLength)
        var buffer = RawBuffer(capacity: 4096)
        var addsDenial: [Int] = []
        view.overlay?.forEachNode { node in
            let start = buffer.count
            unsafe buffer.append(node.base, node.byteCount)
            let chain: ZoneNode.Flags = [.nsec, .nsec3]
            let before = unsafe table.find(
                hash: WireName.hash(lowercase: node.owner), name: node.owner, length: node.ownerLength)
            if !node.flags.isDisjoint(with: chain), before?.flags.isDisjoint(with: chain) ?? true {
                addsDenial.append(start)
            }
        }
        _ = fork.append(upon: 0, nodes: buffer, addsDenial: addsDenial)
        return fork
    }

    /// Copies a node; its references, which mean places in another table, become unknown.
    private static func copyForgettingTargets(_ node: ZoneNode, to buffer: inout RawBuffer) -> Int {
        let start = buffer.count
        unsafe buffer.append(node.base, node.byteCount)
        let copy = unsafe ZoneNode(base: unsafe UnsafeRawPointer(buffer.base + start))
        unsafe UnsafeMutableRawPointer(mutating: copy.base).storeBytes(of: 0, toByteOffset: 2, as: UInt8.self)
        copy.forEachSet { set in
            guard set.flags.contains(.references) else { return }
            for number in 0..<set.recordCount where set.reference(number) != TargetReference.outside {
                unsafe UnsafeMutableRawPointer(mutating: set.base).storeBytes(
                    of: TargetReference.unknown, toByteOffset: set.referencesOffset + 4 * number,
                    as: UInt32.self)
            }
        }
        return start
    }

    /// A table of everything this version shows.
    private func merged() -> ZoneTable {
        var arena = RawBuffer(capacity: table.byteCount + (overlay?.byteCount ?? 0) / 2 + 64)
        _ = arena.extend(by: 16)
        unsafe arena.base.initializeMemory(as: UInt8.self, repeating: 0, count: 16)
        var places: [UInt32] = []
        places.reserveCapacity(table.nodeCount + 64)
        var recordCount = 0
        var referring: [Int] = []
        var hasBarriers = false
        var kept: [ZoneNode] = []
        kept.reserveCapacity(table.nodeCount + 64)
        table.forEachNode { node in
            if let now = view.current(node) { kept.append(now) }
        }
        kept.append(contentsOf: addedNodes())
        for node in kept {
            let start = ZoneSnapshot.copyForgettingTargets(node, to: &arena)
            places.append(UInt32(truncatingIfNeeded: start >> 3))
            var refers = false
            node.forEachSet { set in
                recordCount += set.recordCount + (set.isSigned ? unsafe set.signatures.count : 0)
                if set.flags.contains(.references) { refers = true }
            }
            if refers { referring.append(start) }
            if !node.flags.isDisjoint(with: .barrier) { hasBarriers = true }
        }
        _ = arena.extend(by: 8)
        unsafe (arena.base + arena.count - 8).initializeMemory(as: UInt8.self, repeating: 0, count: 8)
        let byteCount = arena.count - 8
        var capacity = 8
        while capacity * 6 < places.count * 10 { capacity *= 2 }
        guard let memory = unsafe calloc(capacity, 8) else { preconditionFailure("out of memory") }
        let slots = unsafe memory.bindMemory(to: UInt64.self, capacity: capacity)
        for place in places {
            let node = unsafe ZoneNode(base: unsafe UnsafeRawPointer(arena.base + Int(place) << 3))
            let hash = unsafe WireName.hash(lowercase: node.owner)
            var index = Int(truncatingIfNeeded: hash) & (capacity - 1)
            while unsafe slots[index] != 0 { index = (index + 1) & (capacity - 1) }
            unsafe slots[index] = hash & 0xffff_ffff_0000_0000 | UInt64(place)
        }
        if view.checksAncestors {
            unsafe ZoneSnapshot.markOccluded(places, arena.base, slots, capacity - 1, view)
        }
        let result = unsafe ZoneTable(
            adopting: arena.release(), byteCount: byteCount, slots: slots, mask: capacity - 1, firstNode: 16,
            nodeCount: places.count, recordCount: recordCount, apexLength: view.apexLength,
            hasBarriers: hasBarriers)
        result.resolveTargets(referring) { _, _ in }
        return result
    }

    /// Sets every node's word on being below a cut or a DNAME anew.
    private static func markOccluded(
        _ places: [UInt32], _ arena: UnsafeMutableRawPointer, _ slots: UnsafePointer<UInt64>, _ mask: Int,
        _ view: ZoneView
    ) {
        for place in places {
            let node = unsafe ZoneNode(base: unsafe UnsafeRawPointer(arena + Int(place) << 3))
            var flags = node.flags
            flags.remove(.occluded)
            var position = unsafe Int(node.owner[0]) + 1
            while node.ownerLength - position >= view.apexLength {
                let name = unsafe node.owner + position
                if let above = unsafe ZoneTable.find(
                    slots: slots, mask: mask, arena: UnsafeRawPointer(arena),
                    hash: WireName.hash(lowercase: name),
                    name: name, length: node.ownerLength - position), !above.flags.isDisjoint(with: .barrier)
                {
                    flags.insert(.occluded)
                    break
                }
                position += unsafe Int(name[0]) + 1
            }
            unsafe UnsafeMutableRawPointer(mutating: node.base).storeBytes(
                of: flags.rawValue, as: UInt16.self)
        }
    }
}
