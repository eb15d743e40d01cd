internal import DNSCore

/// The names that hold NSEC or NSEC3 records, in canonical order: finds the record that covers a name which
/// is not there.
///
/// The order of NSEC3 owners is that of their hashes (RFC 5155 1.3).
///
/// Searching goes by the first octets of each place in the order, which lie together, and looks at the names
/// themselves only where those are equal.
@safe final class DenialIndex: @unchecked Sendable {
    /// How the zone proves that something does not exist.
    enum Method: UInt8, Sendable { case none, nsec, nsec3 }

    let method: Method
    let keys: UnsafePointer<UInt64>
    let nodes: UnsafePointer<UInt32>
    let count: Int

    struct Entry {
        let key: UInt64
        let node: UInt32

        init(_ node: ZoneNode, arena: UnsafeRawPointer, apexLength: Int) {
            unsafe key = CanonicalOrder.prefix(node.owner, length: node.ownerLength, apexLength: apexLength)
            self.node = UInt32(truncatingIfNeeded: unsafe (node.base - arena) >> 3)
        }
    }

    /// Gathers the chain of the zone in `arena`; nil when it has none.
    init?(arena: UnsafeRawPointer, from first: Int, to end: Int, apexLength: Int) {
        let apex = unsafe ZoneNode(base: unsafe arena + first)
        if apex.flags.contains(.nsec) {
            method = .nsec
        } else if apex.set(.nsec3param) != nil {
            method = .nsec3
        } else {
            return nil
        }
        let wanted: ZoneNode.Flags = method == .nsec ? .nsec : .nsec3
        var entries: [Entry] = []
        var offset = first
        while offset < end {
            let node = unsafe ZoneNode(base: unsafe arena + offset)
            if node.flags.contains(wanted) {
                unsafe entries.append(Entry(node, arena: arena, apexLength: apexLength))
            }
            offset += node.byteCount
        }
        guard !entries.isEmpty else { return nil }
        unsafe DenialIndex.sort(&entries, arena: arena)
        count = entries.count
        let keys = UnsafeMutablePointer<UInt64>.allocate(capacity: entries.count)
        let nodes = UnsafeMutablePointer<UInt32>.allocate(capacity: entries.count)
        for (index, entry) in entries.enumerated() {
            unsafe (keys + index).initialize(to: entry.key)
            unsafe (nodes + index).initialize(to: entry.node)
        }
        unsafe self.keys = UnsafePointer(keys)
        unsafe self.nodes = UnsafePointer(nodes)
    }

    deinit {
        unsafe keys.deallocate()
        unsafe nodes.deallocate()
    }

    /// Sorts by place in the canonical order.
    static func sort(_ entries: inout [Entry], arena: UnsafeRawPointer) {
        func isBefore(_ left: Entry, _ right: Entry) -> Bool {
            if left.key != right.key { return left.key < right.key }
            let a = unsafe ZoneNode(base: unsafe arena + Int(left.node) << 3)
            let b = unsafe ZoneNode(base: unsafe arena + Int(right.node) << 3)
            return unsafe CanonicalOrder.compare(a.owner, b.owner) < 0
        }
        // Signers write their zones in order: then one pass is all.
        var isSorted = true
        var index = 1
        while isSorted, index < entries.count {
            if isBefore(entries[index], entries[index - 1]) { isSorted = false }
            index += 1
        }
        if !isSorted { entries.sort(by: isBefore) }
    }
}
