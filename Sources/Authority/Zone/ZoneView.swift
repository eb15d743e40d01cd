internal import DNSCore

/// Everything that answering from one version of a zone needs, as plain addresses: no reference is counted on
/// the way of a query.
///
/// Valid as long as the ``ZoneSnapshot`` it belongs to.
@safe struct ZoneView {
    /// NSEC3 iterations up to which a chain is used.
    ///
    /// Validators give up far below (RFC 9276 3.2), and each question for a name that is not there costs
    /// several hashes of as many rounds.
    static let iterationLimit = 500

    let slots: UnsafePointer<UInt64>
    let mask: Int
    let arena: UnsafeRawPointer
    let overlay: ZoneOverlay.View?
    let apex: ZoneNode
    let apexLength: Int
    let apexLabels: Int
    /// What negative answers may be kept for: the least of the SOA's TTL and its MINIMUM (RFC 2308 3).
    let negativeTTL: UInt32
    /// Whether a node's word on being occluded cannot be trusted, since cuts have come or gone.
    let checksAncestors: Bool
    let denial: DenialIndex.Method
    let denialKeys: UnsafePointer<UInt64>?
    let denialNodes: UnsafePointer<UInt32>?
    let denialCount: Int
    /// Iterations and salt of the NSEC3 chain (RFC 5155 3.1).
    let nsec3Iterations: Int
    let nsec3Salt: UnsafePointer<UInt8>?
    let nsec3SaltLength: Int

    /// The node with these lower-case octets as this version has it.
    @inline(__always)
    func find(hash: UInt64, name: UnsafePointer<UInt8>, length: Int) -> ZoneNode? {
        let found = unsafe ZoneTable.find(
            slots: slots, mask: mask, arena: arena, hash: hash, name: name, length: length)
        guard let overlay else { return found }
        if let found, !found.isSuperseded { return found }
        guard let newer = unsafe overlay.find(hash: hash, name: name, length: length) else { return found }
        return newer.flags.contains(.removed) ? nil : newer
    }

    /// `node`, which the table holds, as this version has it.
    @inline(__always)
    func current(_ node: ZoneNode) -> ZoneNode? {
        guard let overlay, node.isSuperseded else { return node }
        guard
            let newer = unsafe overlay.find(
                hash: WireName.hash(lowercase: node.owner), name: node.owner, length: node.ownerLength)
        else { return node }
        return newer.flags.contains(.removed) ? nil : newer
    }

    /// The node with the name of `key` from label `index` on.
    @inline(__always)
    func find(_ key: NameKeyView, from index: Int) -> ZoneNode? {
        unsafe find(
            hash: key.hashed(index), name: key.name(index), length: key.size(index))
    }

    /// Whether `node`, found under `key` from label `index` on, lies below a cut or a DNAME.
    @inline(__always)
    func isOccluded(_ node: ZoneNode, _ key: NameKeyView, from index: Int) -> Bool {
        checksAncestors ? barrier(above: index, key) != nil : node.flags.contains(.occluded)
    }

    /// The cut or DNAME nearest to the apex among the proper ancestors of the name from label `index` on.
    ///
    /// - Returns: the node and the label it starts at.
    func barrier(above index: Int, _ key: NameKeyView) -> (node: ZoneNode, label: Int)? {
        var label = key.labelCount - apexLabels
        while label > index {
            guard let node = find(key, from: label) else { return nil }
            if !node.flags.isDisjoint(with: .barrier) { return (node, label) }
            label -= 1
        }
        return nil
    }

    /// The closest encloser of the name of `key`, of which it is known that it does not exist (RFC 4592 3.3.1).
    ///
    /// Every ancestor of a name that exists, exists; so deep names are searched by halving.
    ///
    /// - Returns: the node and the label it starts at.
    func closestEncloser(_ key: NameKeyView) -> (node: ZoneNode, label: Int) {
        var high = key.labelCount - apexLabels
        var found = apex
        // Labels 1 to `high`: the apex, at `high`, exists. First the parent, which mostly does.
        var low = 1
        while low < high {
            let middle = high - low > 3 && low > 1 ? (low + high) >> 1 : low
            if let node = find(key, from: middle) {
                found = node
                high = middle
            } else {
                low = middle + 1
            }
        }
        return (found, high)
    }

    /// The last name of the denial chain at or before the lower-case `name`; the chain is circular.
    func denialNode(atOrBefore name: UnsafePointer<UInt8>, length: Int) -> ZoneNode? {
        var place = unsafe lastPlace(atOrBefore: name, length: length)
        let wanted: ZoneNode.Flags = denial == .nsec ? .nsec : .nsec3
        var fromTable: ZoneNode?
        var steps = denialCount
        while steps > 0 {
            if place < 0 {
                // Only the hashes of NSEC3 go round; before the apex there is no NSEC.
                guard denial == .nsec3 else { break }
                place = denialCount - 1
            }
            guard let nodes = unsafe denialNodes else { break }
            let node = unsafe ZoneNode(base: unsafe arena + Int(nodes[place]) << 3)
            if let now = current(node), now.flags.contains(wanted) {
                fromTable = now
                break
            }
            place -= 1
            steps -= 1
        }
        guard let overlay, let order = unsafe overlay.order else { return fromTable }
        return unsafe order._withUnsafeGuaranteedRef { order in
            unsafe newerDenialNode(fromTable, order, name, wanted)
        }
    }

    /// The better of what the table has and what the overlay adds.
    private func newerDenialNode(
        _ fromTable: ZoneNode?, _ order: OverlayOrder, _ name: UnsafePointer<UInt8>, _ wanted: ZoneNode.Flags
    ) -> ZoneNode? {
        func visible(_ found: ZoneNode?) -> ZoneNode? {
            var found = found
            while let candidate = found {
                if let now = unsafe find(
                    hash: WireName.hash(lowercase: candidate.owner), name: candidate.owner,
                    length: candidate.ownerLength), now.flags.contains(wanted)
                {
                    return now
                }
                found = unsafe order.last(before: candidate.owner, orAt: false)
            }
            return nil
        }
        let added = visible(unsafe order.last(before: name, orAt: true))
        guard let fromTable else { return added ?? (denial == .nsec3 ? visible(order.last) : nil) }
        let tableWraps = unsafe CanonicalOrder.compare(fromTable.owner, name) > 0
        guard let added else {
            guard tableWraps, let last = visible(order.last) else { return fromTable }
            return unsafe CanonicalOrder.compare(last.owner, fromTable.owner) > 0 ? last : fromTable
        }
        if tableWraps { return added }
        return unsafe CanonicalOrder.compare(added.owner, fromTable.owner) > 0 ? added : fromTable
    }

    /// The place in the table's chain of the last name at or before `name`; -1 when all sort after it.
    private func lastPlace(atOrBefore name: UnsafePointer<UInt8>, length: Int) -> Int {
        guard let keys = unsafe denialKeys, let nodes = unsafe denialNodes else { return -1 }
        let key = unsafe CanonicalOrder.prefix(name, length: length, apexLength: apexLength)
        var low = 0
        var high = denialCount
        while low < high {
            let middle = (low + high) >> 1
            let other = unsafe keys[middle]
            let isAfter: Bool
            if other != key {
                isAfter = other > key
            } else {
                let node = unsafe ZoneNode(base: unsafe arena + Int(nodes[middle]) << 3)
                isAfter = unsafe CanonicalOrder.compare(node.owner, name) > 0
            }
            if isAfter { high = middle } else { low = middle + 1 }
        }
        return low - 1
    }
}
