internal import DNSCore

/// Proofs that something does not exist, by NSEC (RFC 4035 3.1.3) or NSEC3 (RFC 5155 7.2). Each proof is a node whose
/// record is written into the authority section in the end.
extension LookupStep {
    /// The name does not exist, and no wildcard matches it (RFC 4035 3.1.3.2, RFC 5155 7.2.2).
    mutating func proveNameError(closestEncloser: ZoneNode, _ label: Int) {
        if unsafe view.pointee.denial == .nsec {
            unsafe prove(covering(key.name(0), key.length))
            proveNoWildcard(label)
        } else {
            let from = proveClosestEncloser(from: label)
            if from > 0 { unsafe prove(hashed((key.name(from - 1), key.size(from - 1)), matching: false)) }
            proveNoWildcardHashed(from)
        }
    }

    /// The name exists without the type (RFC 4035 3.1.3.1 and 3.1.3.4, RFC 5155 7.2.3 to 7.2.5).
    mutating func proveNoData(_ node: ZoneNode, closestEncloser: Int?) {
        if unsafe view.pointee.denial == .nsec {
            if node.flags.contains(.nsec) {
                prove(node)
            } else {
                // An empty non-terminal: the record before it shows that there is nothing at it.
                unsafe prove(covering(node.owner, node.ownerLength))
            }
            if closestEncloser != nil { unsafe prove(covering(key.name(0), key.length)) }
            return
        }
        if let closestEncloser {
            let from = proveClosestEncloser(from: closestEncloser)
            if from > 0 { unsafe prove(hashed((key.name(from - 1), key.size(from - 1)), matching: false)) }
            unsafe prove(hashed(wildcard(below: from), matching: true))
            return
        }
        if let match = unsafe hashed((unsafe node.owner, node.ownerLength), matching: true) {
            prove(match)
        } else {
            proveUncovered(0)
        }
    }

    /// An answer came from a wildcard: the name itself does not exist (RFC 4035 3.1.3.3, RFC 5155 7.2.6).
    mutating func proveWildcard(closestEncloser label: Int) {
        if unsafe view.pointee.denial == .nsec {
            unsafe prove(covering(key.name(0), key.length))
        } else if label > 0 {
            unsafe prove(hashed((key.name(label - 1), key.size(label - 1)), matching: false))
        }
    }

    /// A delegation without DS (RFC 4035 3.1.4.1, RFC 5155 7.2.7).
    mutating func proveNoDS(at node: ZoneNode, _ label: Int) {
        if unsafe view.pointee.denial == .nsec {
            unsafe prove(node.flags.contains(.nsec) ? node : covering(node.owner, node.ownerLength))
        } else if let match = unsafe hashed((unsafe node.owner, node.ownerLength), matching: true) {
            prove(match)
        } else {
            proveUncovered(label)
        }
    }

    /// The name from `label` on exists but has no NSEC3 of its own: it lies in an opt-out span (RFC 5155 7.2.4).
    private mutating func proveUncovered(_ label: Int) {
        let from = proveClosestEncloser(from: label + 1)
        if from > 0 { unsafe prove(hashed((key.name(from - 1), key.size(from - 1)), matching: false)) }
    }

    private mutating func proveNoWildcard(_ label: Int) {
        let (name, length) = unsafe wildcard(below: label)
        unsafe prove(covering(name, length))
    }

    private mutating func proveNoWildcardHashed(_ label: Int) {
        unsafe prove(hashed(wildcard(below: label), matching: false))
    }

    /// Proves the closest provable encloser of the effective name: that at or above `label` which has an NSEC3.
    ///
    /// - Returns: the label it starts at.
    private mutating func proveClosestEncloser(from label: Int) -> Int {
        var from = label
        let apex = unsafe key.labelCount - view.pointee.apexLabels
        while from <= apex {
            if let match = unsafe hashed((key.name(from), key.size(from)), matching: true) {
                prove(match)
                return from
            }
            from += 1
        }
        return apex
    }

    /// The node whose NSEC covers the lower-case `name`.
    private func covering(_ name: UnsafePointer<UInt8>, _ length: Int) -> ZoneNode? {
        unsafe view.pointee.denialNode(atOrBefore: name, length: length)
    }

    /// `*` below the effective name from `label` on, in scratch memory.
    private func wildcard(below label: Int) -> (UnsafePointer<UInt8>, Int) {
        let length = key.size(label)
        let name = unsafe scratch.name
        unsafe name[0] = 1
        unsafe name[1] = UInt8(ascii: "*")
        unsafe UnsafeMutableRawPointer(name + 2).copyMemory(from: key.name(label), byteCount: length)
        return unsafe (UnsafePointer(name), length + 2)
    }

    /// The node whose NSEC3 matches the hash of `name`, or the one that covers it.
    private func hashed(_ name: (UnsafePointer<UInt8>, Int), matching: Bool) -> ZoneNode? {
        let zone = unsafe view.pointee
        // The hashed owner goes behind the name, which may stand in the same memory.
        let owner = unsafe scratch.name + 264
        unsafe NSEC3Hash.owner(
            of: name.0, name.1, salt: zone.nsec3Salt, zone.nsec3SaltLength, iterations: zone.nsec3Iterations,
            to: owner)
        let length = 33 + zone.apexLength
        guard length <= 255 else { return nil }
        unsafe UnsafeMutableRawPointer(owner + 33).copyMemory(
            from: zone.apex.owner, byteCount: zone.apexLength)
        guard matching else { return unsafe zone.denialNode(atOrBefore: owner, length: length) }
        let found = unsafe zone.find(hash: WireName.hash(lowercase: owner), name: owner, length: length)
        return found?.flags.contains(.nsec3) == true ? found : nil
    }
}
