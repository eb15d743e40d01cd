internal import DNSCore
internal import Glibc
internal import Synchronization

/// The changes of a zone since its table was built: a hash index of names, each with its versions, newest first.
///
/// One writer appends; any number of readers search at the same time without waiting. A reader holds a *version*, the
/// number of the commit its snapshot shows, and passes over what is newer. Nothing is taken away before the whole
/// overlay goes, which happens when it has been merged into a new table and its last snapshot has died.
///
/// A version in memory: the one before it 8 | commit 8 | node. Its owner is the node's. An index slot holds 16 bits of
/// hash and 48 of the newest version's address; 0 is empty. A larger index replaces a full one; snapshots keep
/// to the one they were made with, which is frozen then and already knows everything they may see.
@safe final class ZoneOverlay: @unchecked Sendable {
    private static let chunkSize = 64 * 1024
    static let versionHeader = 16

    private let apexLength: Int
    /// The newest commit.
    ///
    /// Written by the writer under `writing`.
    private var newest: UInt64 = 0
    private var slots: UnsafeMutablePointer<Atomic<UInt64>>
    private var mask: Int
    private var used = 0
    private var indexes: [UnsafeMutableRawPointer] = unsafe []
    private var chunks: [Chunk] = []
    private var denialNames: OverlayOrder?
    /// Octets of all versions, of which the zone decides when to merge.
    private(set) var byteCount = 0
    private let writing = Mutex<Void>(())
    /// The merging of this overlay into a new table, which goes on beside further commits.
    let merging = Mutex<Merging>(.idle)

    /// How far the merging has come.
    enum Merging {
        case idle
        case running
        /// Everything up to commit `version` is in a new table, upon which this version rests.
        case ready(ZoneSnapshot, version: UInt64)
    }

    @safe private struct Chunk {
        let base: UnsafeMutableRawPointer
        let capacity: Int
        var count = 0
    }

    /// What a snapshot needs to search: the index as of its commit.
    @safe struct View {
        let slots: UnsafePointer<Atomic<UInt64>>
        let mask: Int
        let version: UInt64
        let order: Unmanaged<OverlayOrder>?

        /// The newest node with these octets that this view may see; a removed one too.
        @inline(__always)
        func find(hash: UInt64, name: UnsafePointer<UInt8>, length: Int) -> ZoneNode? {
            let tag = hash >> 48
            var index = Int(truncatingIfNeeded: hash) & mask
            while true {
                let slot = unsafe slots[index].load(ordering: .acquiring)
                if slot == 0 { return nil }
                if slot >> 48 == tag {
                    var place = slot & 0xffff_ffff_ffff
                    while let base = unsafe UnsafeRawPointer(bitPattern: UInt(place)) {
                        let node = unsafe ZoneNode(base: unsafe base + ZoneOverlay.versionHeader)
                        guard node.ownerLength == length, unsafe ZoneTable.isSame(node.owner, name, length)
                        else { break }
                        if unsafe base.load(fromByteOffset: 8, as: UInt64.self) <= version { return node }
                        place = unsafe base.load(as: UInt64.self)
                        if place == 0 { return nil }
                    }
                }
                index = (index + 1) & mask
            }
        }

        /// Calls `body` with the visible version of every name, removed ones too, in no particular order.
        func forEachNode(_ body: (ZoneNode) -> Void) {
            for index in 0...mask {
                var place = unsafe slots[index].load(ordering: .acquiring) & 0xffff_ffff_ffff
                while let base = unsafe UnsafeRawPointer(bitPattern: UInt(place)) {
                    if unsafe base.load(fromByteOffset: 8, as: UInt64.self) <= version {
                        unsafe body(ZoneNode(base: unsafe base + ZoneOverlay.versionHeader))
                        break
                    }
                    place = unsafe base.load(as: UInt64.self)
                }
            }
        }
    }

    init(apexLength: Int) {
        self.apexLength = apexLength
        mask = 63
        unsafe slots = ZoneOverlay.makeSlots(64)
        unsafe indexes.append(UnsafeMutableRawPointer(slots))
    }

    deinit {
        for index in unsafe indexes.indices { unsafe free(indexes[index]) }
        for chunk in chunks { unsafe free(chunk.base) }
    }

    private static func makeSlots(_ count: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        // All zero is the representation of an atomic zero.
        guard let memory = unsafe calloc(count, 8) else { preconditionFailure("out of memory") }
        return unsafe memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    }

    /// Appends one commit.
    ///
    /// - Parameters:
    ///   - base: the commit that the change was made upon.
    ///   - nodes: a piece of memory with one node behind another.
    ///   - addsDenial: the nodes among them, by offset in ascending order, that are new to the chain of NSEC or NSEC3.
    /// - Returns: the view of the new commit; nil when others have been appended since `base`.
    func append(upon base: UInt64, nodes: borrowing RawBuffer, addsDenial: [Int]) -> View? {
        writing.withLock { _ in
            guard base == newest else { return nil }
            let version = newest + 1
            var offset = 0
            var next = 0
            while offset < nodes.count {
                let source = unsafe ZoneNode(base: UnsafeRawPointer(nodes.base + offset))
                let size = source.byteCount
                // Seven octets more: searching reads whole words.
                let place = unsafe reserve(ZoneOverlay.versionHeader + size + 8)
                unsafe (place + ZoneOverlay.versionHeader).copyMemory(from: source.base, byteCount: size)
                unsafe place.storeBytes(of: version, toByteOffset: 8, as: UInt64.self)
                unsafe insert(place)
                if next < addsDenial.count, addsDenial[next] == offset {
                    next += 1
                    if denialNames == nil { denialNames = OverlayOrder(apexLength: apexLength) }
                    unsafe denialNames?.insert(
                        ZoneNode(base: unsafe UnsafeRawPointer(place + ZoneOverlay.versionHeader)))
                }
                offset += size
            }
            newest = version
            return unsafe View(
                slots: UnsafePointer(slots), mask: mask, version: version,
                order: denialNames.map { unsafe Unmanaged.passUnretained($0) })
        }
    }

    private func reserve(_ octets: Int) -> UnsafeMutableRawPointer {
        let size = (octets + 7) & ~7
        byteCount += size
        if let last = chunks.indices.last, chunks[last].count + size <= chunks[last].capacity {
            let start = chunks[last].count
            chunks[last].count += size
            return unsafe chunks[last].base + start
        }
        let smallest = chunks.isEmpty ? 4096 : ZoneOverlay.chunkSize
        let capacity = max(smallest, size)
        guard let memory = unsafe calloc(1, capacity) else { preconditionFailure("out of memory") }
        unsafe chunks.append(Chunk(base: memory, capacity: capacity, count: size))
        return unsafe memory
    }

    private func insert(_ version: UnsafeMutableRawPointer) {
        if used * 10 >= (mask + 1) * 6 { grow() }
        let node = unsafe ZoneNode(base: unsafe UnsafeRawPointer(version + ZoneOverlay.versionHeader))
        let hash = unsafe WireName.hash(lowercase: node.owner)
        let address = UInt64(UInt(bitPattern: version))
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = unsafe slots[index].load(ordering: .relaxed)
            if slot == 0 {
                used += 1
                break
            }
            if slot >> 48 == hash >> 48,
                let older = unsafe UnsafeRawPointer(bitPattern: UInt(slot & 0xffff_ffff_ffff))
            {
                let other = unsafe ZoneNode(base: unsafe older + ZoneOverlay.versionHeader)
                if other.ownerLength == node.ownerLength,
                    unsafe ZoneTable.isSame(other.owner, node.owner, node.ownerLength)
                {
                    unsafe version.storeBytes(of: slot & 0xffff_ffff_ffff, as: UInt64.self)
                    break
                }
            }
            index = (index + 1) & mask
        }
        unsafe slots[index].store(hash & 0xffff_0000_0000_0000 | address, ordering: .releasing)
    }

    private func grow() {
        let capacity = (mask + 1) * 2
        let larger = unsafe ZoneOverlay.makeSlots(capacity)
        for index in 0...mask {
            let slot = unsafe slots[index].load(ordering: .relaxed)
            guard let base = unsafe UnsafeRawPointer(bitPattern: UInt(slot & 0xffff_ffff_ffff)) else {
                continue
            }
            let node = unsafe ZoneNode(base: unsafe base + ZoneOverlay.versionHeader)
            var target = Int(truncatingIfNeeded: unsafe WireName.hash(lowercase: node.owner)) & (capacity - 1)
            while unsafe larger[target].load(ordering: .relaxed) != 0 {
                target = (target + 1) & (capacity - 1)
            }
            unsafe larger[target].store(slot, ordering: .relaxed)
        }
        unsafe slots = larger
        mask = capacity - 1
        unsafe indexes.append(UnsafeMutableRawPointer(larger))
    }
}
