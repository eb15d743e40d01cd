internal import DNSCore
internal import Glibc
internal import Synchronization

/// All names of a zone in flat memory, with a hash index: what a ``ZoneSnapshot`` rests on.
///
/// Immutable but for the octet that says whether an overlay holds something newer.
///
/// An index slot is 8 octets: the upper half of the name's hash, and the node's offset in units of 8. 0 is empty.
@safe final class ZoneTable: @unchecked Sendable {
    let arena: UnsafeMutableRawPointer
    /// Octets of the arena.
    let byteCount: Int
    let slots: UnsafeMutablePointer<UInt64>
    let mask: Int
    /// Offset of the apex node; nodes follow each other from here to the end.
    let firstNode: Int
    let nodeCount: Int
    let recordCount: Int
    let apexLength: Int
    /// The names with NSEC or NSEC3 records in order; nil when there are none.
    let denial: DenialIndex?
    /// Whether any name but the apex holds NS, or any name DNAME.
    let hasBarriers: Bool
    private let order = Mutex<[UInt32]?>(nil)

    init(
        adopting arena: UnsafeMutableRawPointer, byteCount: Int, slots: UnsafeMutablePointer<UInt64>,
        mask: Int,
        firstNode: Int, nodeCount: Int, recordCount: Int, apexLength: Int, hasBarriers: Bool
    ) {
        unsafe self.arena = arena
        self.byteCount = byteCount
        unsafe self.slots = slots
        self.mask = mask
        self.firstNode = firstNode
        self.nodeCount = nodeCount
        self.recordCount = recordCount
        self.apexLength = apexLength
        self.hasBarriers = hasBarriers
        denial = unsafe DenialIndex(arena: arena, from: firstNode, to: byteCount, apexLength: apexLength)
    }

    deinit {
        unsafe free(arena)
        unsafe free(slots)
    }

    /// The apex as the table has it.
    var apex: ZoneNode { unsafe ZoneNode(base: unsafe UnsafeRawPointer(arena + firstNode)) }

    /// The node with these lower-case octets, 7 more than `length` of which must be readable.
    @inline(__always)
    static func find(
        slots: UnsafePointer<UInt64>, mask: Int, arena: UnsafeRawPointer, hash: UInt64,
        name: UnsafePointer<UInt8>,
        length: Int
    ) -> ZoneNode? {
        let tag = hash >> 32
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = unsafe slots[index]
            if slot == 0 { return nil }
            if slot >> 32 == tag {
                let node = unsafe ZoneNode(base: unsafe arena + Int(slot & 0xffff_ffff) << 3)
                if node.ownerLength == length, unsafe ZoneTable.isSame(node.owner, name, length) {
                    return node
                }
            }
            index = (index + 1) & mask
        }
    }

    /// Whether the first `length` octets agree; 7 more of both must be readable.
    @inline(__always)
    static func isSame(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        let a = unsafe UnsafeRawPointer(left)
        let b = unsafe UnsafeRawPointer(right)
        var position = 0
        while length - position >= 8 {
            if unsafe a.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                != b.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            {
                return false
            }
            position += 8
        }
        let rest = length - position
        if rest == 0 { return true }
        let difference =
            unsafe a.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            ^ b.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        return difference << UInt64(64 - 8 * rest) == 0
    }

    /// Searches the table alone.
    func find(hash: UInt64, name: UnsafePointer<UInt8>, length: Int) -> ZoneNode? {
        unsafe ZoneTable.find(slots: slots, mask: mask, arena: arena, hash: hash, name: name, length: length)
    }

    /// Calls `body` with every node, apex first, in no particular order.
    func forEachNode(_ body: (ZoneNode) -> Void) {
        var offset = firstNode
        while offset < byteCount {
            let node = unsafe ZoneNode(base: unsafe UnsafeRawPointer(arena + offset))
            body(node)
            offset += node.byteCount
        }
    }

    /// Offsets of all nodes in units of 8, in canonical order.
    ///
    /// Made when first asked for, then kept.
    func canonicalOrder() -> [UInt32] {
        order.withLock { kept in
            if let kept { return kept }
            var entries: [DenialIndex.Entry] = []
            entries.reserveCapacity(nodeCount)
            forEachNode { node in
                unsafe entries.append(DenialIndex.Entry(node, arena: arena, apexLength: apexLength))
            }
            unsafe DenialIndex.sort(&entries, arena: arena)
            let made = entries.map(\.node)
            kept = made
            return made
        }
    }
}
