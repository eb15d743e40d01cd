internal import DNSCore

/// One question on its way through our zones: the name it has come to, and what is to be written in the end.
@safe struct LookupStep: ~Copyable {
    /// Proofs of non-existence that one response may carry.
    static let proofLimit = 12

    /// The effective name.
    private(set) var key: NameKeyView
    let type: UInt16
    let wantsDNSSEC: Bool
    private(set) var view: UnsafePointer<ZoneView>
    private(set) var zone: Int
    unowned(unsafe) let scratch: LookupScratch

    /// Where in the message the effective name stands.
    private(set) var nameOffset = 12
    /// Whether the effective name is the question's: then each of its suffixes has a known place in the message.
    private(set) var isDirect = true
    /// Whether the question's suffixes have been offered for compression.
    var offered = false

    var kind = ZoneAnswer.Kind.answer
    var isTruncated = false
    /// An alias has been written; its target is in the scratch memory.
    var wantsTarget = false
    private var visitedCount = 0
    private var substitutedCount = 0

    /// What the authority section begins with.
    enum Authority { case nothing, soa, referral(ZoneNode, label: Int) }
    var authority = Authority.nothing
    /// The set in the answer whose targets' addresses go into the additional section, and where it begins.
    var answered: (set: ZoneSet, node: ZoneNode, start: Int)?
    private(set) var proofs = InlineArray<12, UInt>(repeating: 0)
    private(set) var proofCount = 0

    init(
        key: NameKeyView, type: RRType, wantsDNSSEC: Bool, view: UnsafePointer<ZoneView>, zone: Int,
        scratch: LookupScratch
    ) {
        self.key = key
        self.type = type.rawValue
        self.wantsDNSSEC = wantsDNSSEC
        unsafe self.view = view
        self.zone = zone
        unsafe self.scratch = scratch
    }

    /// Moves on to an alias's target.
    mutating func goOn(with target: NameKeyView, view next: UnsafePointer<ZoneView>, zone number: Int) {
        key = target
        unsafe view = next
        zone = number
        isDirect = false
    }

    /// Notes where the alias's target stands in the message; it becomes the owner of what is written next.
    mutating func nameStands(at offset: Int) {
        nameOffset = offset
    }

    /// Notes a name that the chain comes to.
    ///
    /// - Returns: false when it has been there, or the chain is too long.
    mutating func notes(_ target: NameKeyView) -> Bool {
        if visitedCount == 0 {
            unsafe scratch.visited[0] = key.hashed(0)
            visitedCount = 1
        }
        let hash = target.hashed(0)
        for index in 0..<visitedCount where unsafe scratch.visited[index] == hash { return false }
        guard visitedCount <= ZoneLookup.aliasLimit else { return false }
        unsafe scratch.visited[visitedCount] = hash
        visitedCount += 1
        return true
    }

    /// Notes a node whose NSEC or NSEC3 record goes into the authority section; each once.
    mutating func prove(_ node: ZoneNode?) {
        guard let node, proofCount < LookupStep.proofLimit else { return }
        let address = unsafe UInt(bitPattern: node.base)
        for index in 0..<proofCount where proofs[index] == address { return }
        proofs[proofCount] = address
        proofCount += 1
    }

    /// Proof number `index`.
    func proof(_ index: Int) -> ZoneNode? {
        unsafe UnsafeRawPointer(bitPattern: proofs[index]).map { unsafe ZoneNode(base: $0) }
    }

    /// Whether the zone's proofs are wanted and there.
    @inline(__always) var provesDenial: Bool { unsafe wantsDNSSEC && view.pointee.denial != .none }

    /// Looks the effective name up and writes what the answer section gets of it.
    mutating func resolve(_ out: inout SectionWriter) {
        if let node = unsafe view.pointee.find(key, from: 0) {
            if unsafe view.pointee.isOccluded(node, key, from: 0) {
                if let (above, label) = unsafe view.pointee.barrier(above: 0, key) {
                    meet(above, label, &out)
                }
            } else if node.flags.contains(.cut), type != TypeNumber.ds {
                refer(node, label: 0)
            } else {
                answer(from: node, closestEncloser: nil, &out)
            }
            return
        }
        let (encloser, label) = unsafe view.pointee.closestEncloser(key)
        if unsafe !encloser.flags.isDisjoint(with: .covered) || view.pointee.checksAncestors {
            if let (above, aboveLabel) = unsafe view.pointee.barrier(above: label, key) {
                return meet(above, aboveLabel, &out)
            }
            if !encloser.flags.isDisjoint(with: .barrier) { return meet(encloser, label, &out) }
        }
        if encloser.flags.contains(.wildcardChild), let wildcard = findWildcard(label) {
            return answer(from: wildcard, closestEncloser: label, &out)
        }
        kind = .nameError
        authority = .soa
        if provesDenial { proveNameError(closestEncloser: encloser, label) }
    }

    /// The node of `*` directly below the closest encloser, which is the effective name from `label` on.
    private func findWildcard(_ label: Int) -> ZoneNode? {
        let length = key.size(label)
        guard length + 2 <= 255 else { return nil }
        let name = unsafe scratch.name
        unsafe name[0] = 1
        unsafe name[1] = UInt8(ascii: "*")
        unsafe UnsafeMutableRawPointer(name + 2).copyMemory(from: key.name(label), byteCount: length)
        let hash = unsafe NameHash.extend(key.hashed(label), label: name)
        return unsafe view.pointee.find(hash: hash, name: name, length: length + 2)
    }

    /// A cut or DNAME stands above the effective name.
    private mutating func meet(_ node: ZoneNode, _ label: Int, _ out: inout SectionWriter) {
        if node.flags.contains(.cut) {
            refer(node, label: label)
        } else {
            substitute(node, label, &out)
        }
    }

    private mutating func refer(_ node: ZoneNode, label: Int) {
        kind = .referral
        authority = .referral(node, label: label)
        guard provesDenial, node.set(TypeNumber.ds) == nil else { return }
        proveNoDS(at: node, label)
    }

    /// The effective name is `node`'s, or a wildcard's that is below the closest encloser.
    private mutating func answer(
        from node: ZoneNode, closestEncloser: Int?, _ out: inout SectionWriter
    ) {
        if type == TypeNumber.any || type == TypeNumber.rrsig, answerMeta(node, closestEncloser, &out) {
            return
        }
        if let set = node.set(type) {
            kind = .answer
            let start = out.count
            guard write(set, of: node, ownerAt: nameOffset, &out) else {
                isTruncated = true
                return
            }
            if set.flags.contains(.references) { answered = (set, node, start) }
            if let closestEncloser, provesDenial { proveWildcard(closestEncloser: closestEncloser) }
            return
        }
        if node.flags.contains(.cname), let set = node.set(TypeNumber.cname) {
            kind = .answer
            let start = out.count
            guard write(set, of: node, ownerAt: nameOffset, &out) else {
                isTruncated = true
                return
            }
            if let closestEncloser, provesDenial { proveWildcard(closestEncloser: closestEncloser) }
            unsafe scratch.targetLength = unsafe set.expandName(at: 12, of: node, to: scratch.target)
            nameStands(at: out.offset(ofNameAt: recordData(at: start, out), droppingLabels: 0))
            wantsTarget = true
            return
        }
        kind = .noData
        authority = .soa
        if provesDenial { proveNoData(node, closestEncloser: closestEncloser) }
    }

    /// Where the data of the record at `offset` of the message begin.
    private func recordData(at offset: Int, _ out: borrowing SectionWriter) -> Int {
        // Owners are written as pointers, except far into a large message.
        let octets = unsafe out.base
        var position = offset
        while unsafe octets.load(fromByteOffset: position, as: UInt8.self) != 0 {
            let length = unsafe octets.load(fromByteOffset: position, as: UInt8.self)
            if length >= 0xc0 { return position + 12 }
            position += 1 + Int(length)
        }
        return position + 11
    }

    /// RFC 8482 4.1: one set stands for all in answer to ANY.
    ///
    /// RRSIG has no set of its own: all signatures are given.
    ///
    /// - Returns: false when there is nothing of the kind.
    private mutating func answerMeta(
        _ node: ZoneNode, _ closestEncloser: Int?, _ out: inout SectionWriter
    ) -> Bool {
        var isFound = false
        var fits = true
        let wanted = type
        let owner = nameOffset
        var remaining = node.setCount
        if remaining > 0 {
            var set = node.firstSet
            while remaining > 0, fits {
                if wanted == TypeNumber.any {
                    if set.recordCount > 0, !isFound {
                        fits = write(set, of: node, ownerAt: owner, &out)
                        isFound = true
                    }
                } else if set.isSigned {
                    fits = writeSignatures(of: set, ownerAt: owner, &out)
                    isFound = true
                }
                remaining -= 1
                if remaining > 0 { set = set.next }
            }
        }
        guard fits else {
            kind = .answer
            isTruncated = true
            return true
        }
        guard isFound else { return false }
        kind = .answer
        if let closestEncloser, provesDenial { proveWildcard(closestEncloser: closestEncloser) }
        return true
    }

    /// RFC 6672 3.2 step 3C: the DNAME, the CNAME made of it, and on to that one's target.
    private mutating func substitute(_ node: ZoneNode, _ label: Int, _ out: inout SectionWriter) {
        kind = .answer
        guard let set = node.set(TypeNumber.dname) else { return }
        let ownerAt = out.offset(ofNameAt: nameOffset, droppingLabels: label)
        guard isSubstituted(node) || write(set, of: node, ownerAt: ownerAt, &out) else {
            isTruncated = true
            return
        }
        // The labels in front of the DNAME's owner, in the case of the message, before the DNAME's target.
        let prefix = key.start(label)
        let target = unsafe scratch.target
        var position = nameOffset
        var count = 0
        while count < prefix {
            position = out.offset(ofNameAt: position, droppingLabels: 0)
            let length = 1 + Int(unsafe out.base.load(fromByteOffset: position, as: UInt8.self))
            unsafe UnsafeMutableRawPointer(target + count)
                .copyMemory(from: out.base + position, byteCount: length)
            position += length
            count += length
        }
        let suffixLength = set.nextRecord(after: 0) - 12
        guard prefix + suffixLength <= 255 else {
            kind = .tooLong
            return
        }
        unsafe UnsafeMutableRawPointer(target + prefix).copyMemory(
            from: set.records + 12, byteCount: suffixLength)
        unsafe scratch.targetLength = prefix + suffixLength
        let start = out.count
        let (question, isOffered, ownerAt2, length) = unsafe (
            key, offersQuestion(), nameOffset, scratch.targetLength
        )
        guard nameOffset <= 0x3fff,
            out.lend({ composer in
                if isOffered { composer.offerQuestion(question) }
                return unsafe composer.append(
                    ownerOffset: ownerAt2, type: .cname, recordClass: .internet, ttl: set.ttl,
                    data: UnsafeBufferPointer(start: target, count: length))
            })
        else {
            isTruncated = true
            return
        }
        guard type != TypeNumber.cname, type != TypeNumber.any else { return }
        nameStands(at: out.offset(ofNameAt: recordData(at: start, out), droppingLabels: 0))
        wantsTarget = true
    }

    /// Whether the node's DNAME has been written for an earlier name of the chain; notes it.
    private mutating func isSubstituted(_ node: ZoneNode) -> Bool {
        let address = unsafe UInt(bitPattern: node.base)
        for index in 0..<substitutedCount where unsafe scratch.substituted[index] == address { return true }
        guard substitutedCount <= ZoneLookup.aliasLimit else { return false }
        unsafe scratch.substituted[substitutedCount] = address
        substitutedCount += 1
        return false
    }

    /// Whether the question's suffixes are to be offered now for names that the composer writes; once a message.
    mutating func offersQuestion() -> Bool {
        guard !offered, isDirect else { return false }
        offered = true
        return true
    }
}
