internal import DNSCore

/// The sections behind the answer: authority with its proofs, then what is useful besides.
extension LookupStep {
    /// Writes the authority and additional sections and sums up.
    consuming func finish(_ composer: inout MessageComposer, asked: Int) -> ZoneAnswer {
        let code: ResponseCode =
            switch kind {
            case .nameError: .nameError
            case .tooLong: .yxDomain
            default: .noError
            }
        var result = ZoneAnswer(kind, code, zone: asked)
        result.lastZone = zone
        result.isAuthoritative = kind != .referral || composer.recordCount(in: .answer) > 0
        if !isTruncated {
            composer.start(.authority)
            writeAuthority(&composer)
        }
        if !isTruncated {
            composer.start(.additional)
            writeAdditional(&composer)
        }
        result.isTruncated = isTruncated
        return result
    }

    private mutating func writeAuthority(_ composer: inout MessageComposer) {
        switch authority {
        case .nothing: break
        case .soa: writeSOA(&composer)
        case .referral(let node, let label): writeReferral(node, label, &composer)
        }
        var index = 0
        while index < proofCount, !isTruncated {
            if let node = proof(index), let set = node.set(.nsec) ?? node.set(.nsec3) {
                if writeWithOwner(set, of: node, &composer) == nil { isTruncated = true }
            }
            index += 1
        }
    }

    /// The SOA with the TTL of a negative answer (RFC 2308 3).
    private mutating func writeSOA(_ composer: inout MessageComposer) {
        let apex = unsafe view.pointee.apex
        guard let set = apex.set(.soa) else { return }
        let place = unsafe key.length - view.pointee.apexLength
        let ownerAt =
            isDirect
            ? 12 + place
            : composer.offset(
                ofNameAt: nameOffset, droppingLabels: unsafe key.labelCount - view.pointee.apexLabels)
        let start = composer.count
        guard write(set, of: apex, ownerAt: ownerAt, &composer) else {
            isTruncated = true
            return
        }
        let ttl = unsafe view.pointee.negativeTTL
        guard set.ttl != ttl, ownerAt <= 0x3fff else { return }
        let octets = unsafe composer.written
        var position = start
        while position < composer.count {
            unsafe octets.storeBytes(of: ttl.bigEndian, toByteOffset: position + 6, as: UInt32.self)
            let length = UInt16(
                bigEndian: unsafe octets.loadUnaligned(fromByteOffset: position + 10, as: UInt16.self))
            position += 12 + Int(length)
        }
    }

    /// The NS set of a cut, and the DS set if there is one (RFC 4035 3.1.4).
    private mutating func writeReferral(_ node: ZoneNode, _ label: Int, _ composer: inout MessageComposer) {
        guard let servers = node.set(.ns) else { return }
        let ownerAt =
            isDirect
            ? 12 + key.offset(ofLabel: label)
            : composer.offset(ofNameAt: nameOffset, droppingLabels: label)
        let start = composer.count
        guard writeRecords(servers, of: node, ownerAt: ownerAt, &composer) else {
            isTruncated = true
            return
        }
        answered = (servers, node, start)
        if wantsDNSSEC, let ds = node.set(.ds), !write(ds, of: node, ownerAt: ownerAt, &composer) {
            isTruncated = true
        }
    }
}
