internal import DNSCore

/// Addresses of the names that NS, MX, SRV, SVCB and HTTPS records lead to.
extension LookupStep {
    /// Targets of one set that are looked at.
    private static let targetLimit = 32

    /// Writes the additional section.
    ///
    /// Glue for name servers at or below the cut must be there, or TC is set (RFC 9471 3.1); it comes first. Of the
    /// rest goes in what fits.
    mutating func writeAdditional(_ out: inout SectionWriter) {
        guard let (set, node, start) = answered else { return }
        guard start + set.byteCount <= 0x3fff else { return }
        if kind == .referral {
            writeTargets(set, node, start, inDomain: true, &out)
            if !isTruncated { writeTargets(set, node, start, inDomain: false, &out) }
        } else {
            writeTargets(set, node, start, inDomain: nil, &out)
        }
    }

    private mutating func writeTargets(
        _ set: ZoneSet, _ node: ZoneNode, _ start: Int, inDomain wanted: Bool?,
        _ out: inout SectionWriter
    ) {
        guard let at = ZoneNodeWriter.targetOffset(set.typeNumber) else { return }
        var seen = InlineArray<32, UInt>(repeating: 0)
        var seenCount = 0
        // Walks the records in the message, where they may be compressed otherwise than in the zone's memory.
        var inMessage = start
        var inSet = 0
        for number in 0..<min(set.recordCount, LookupStep.targetLimit) {
            defer {
                inSet = set.nextRecord(after: inSet)
                inMessage += out.recordLength(at: inMessage)
            }
            let reference = set.reference(number)
            guard reference != TargetReference.outside,
                let target = target(of: set, node, reference, nameAt: inSet + 12 + at)
            else { continue }
            if let wanted, wanted != isInDomain(target, cut: node) { continue }
            let address = unsafe UInt(bitPattern: target.base)
            var isRepeated = false
            for index in 0..<seenCount where seen[index] == address { isRepeated = true }
            if isRepeated { continue }
            seen[seenCount] = address
            seenCount += 1
            let octets = unsafe out.base
            let name = inMessage + 12 + at
            let isOwner = unsafe octets.load(fromByteOffset: name, as: UInt8.self) == 0
            let ownerAt = out.offset(ofNameAt: isOwner ? inMessage : name, droppingLabels: 0)
            // An SVCB or HTTPS record that leads on is followed by the target's own (RFC 9460 4.1).
            let leadsOn = set.typeNumber == TypeNumber.svcb || set.typeNumber == TypeNumber.https
            let isItself = unsafe target.base == node.base
            let alike = leadsOn && !isItself ? set.typeNumber : TypeNumber.aaaa
            let fits = writeAddresses(of: target, alike: alike, ownerAt: ownerAt, &out)
            if !fits, wanted == true {
                isTruncated = true
                return
            }
        }
    }

    /// The node whose addresses are wanted; a wildcard's when the name exists only through it.
    private func target(of set: ZoneSet, _ node: ZoneNode, _ reference: UInt32, nameAt: Int) -> ZoneNode? {
        if reference != TargetReference.unknown {
            let known = unsafe ZoneNode(base: unsafe view.pointee.arena + Int(reference) << 3)
            if let current = unsafe view.pointee.current(known) { return current }
        }
        let name = unsafe scratch.name
        let length = unsafe set.expandName(at: nameAt, of: node, to: name)
        if length == 1 { return node }
        for index in 0..<length { unsafe name[index] = name[index].lowercasedASCII }
        if let found = unsafe view.pointee.find(
            hash: WireName.hash(lowercase: name), name: name, length: length)
        {
            return found
        }
        // What is below a cut is glue, and no wildcard makes that.
        return kind == .referral ? nil : unsafe wildcard(for: name, length)
    }

    /// The wildcard that a name which is not there exists through (RFC 1034 4.3.2 6, RFC 4592 3.3.1); the name is
    /// overwritten.
    private func wildcard(for name: UnsafeMutablePointer<UInt8>, _ length: Int) -> ZoneNode? {
        var start = 0
        while true {
            start += unsafe 1 + Int(name[start])
            guard unsafe length - start >= view.pointee.apexLength else { return nil }
            let above = unsafe name + start
            guard
                let encloser = unsafe view.pointee.find(
                    hash: WireName.hash(lowercase: above), name: above, length: length - start)
            else { continue }
            guard encloser.flags.contains(.wildcardChild), encloser.flags.isDisjoint(with: .covered) else {
                return nil
            }
            unsafe (name[start - 2], name[start - 1]) = (1, 0x2a)
            let own = unsafe name + start - 2
            return unsafe view.pointee.find(
                hash: WireName.hash(lowercase: own), name: own, length: length - start + 2)
        }
    }

    private func isInDomain(_ target: ZoneNode, cut: ZoneNode) -> Bool {
        let surplus = target.ownerLength - cut.ownerLength
        return unsafe surplus >= 0 && ZoneTable.isSame(target.owner + surplus, cut.owner, cut.ownerLength)
            && WireName.isLabelStart(target.owner, surplus)
    }

    /// Writes the A and AAAA records of a node, and its records of type `alike`, which is AAAA or beyond.
    ///
    /// - Returns: false when a set did not fit; signatures that do not fit are left out (RFC 4035 3.1.1).
    private mutating func writeAddresses(
        of node: ZoneNode, alike: UInt16, ownerAt: Int, _ out: inout SectionWriter
    ) -> Bool {
        var remaining = node.setCount
        guard remaining > 0 else { return true }
        var set = node.firstSet
        while true {
            let type = set.typeNumber
            if type == TypeNumber.a || type == TypeNumber.aaaa || type == alike, set.recordCount > 0 {
                guard writeRecords(set, of: node, ownerAt: ownerAt, &out) else { return false }
                if wantsDNSSEC, set.isSigned { _ = writeSignatures(of: set, ownerAt: ownerAt, &out) }
            }
            remaining -= 1
            if remaining == 0 || type >= alike { return true }
            set = set.next
        }
    }
}
