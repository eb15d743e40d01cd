internal import DNSCore

/// The sections behind the answer: authority with its proofs, then what is useful besides.
extension LookupStep {
    /// Writes the authority and additional sections and sums up.
    mutating func finish(_ out: inout SectionWriter, asked: Int) -> ZoneAnswer {
        let code: ResponseCode =
            switch kind {
            case .nameError: .nameError
            case .tooLong: .yxDomain
            default: .noError
            }
        var result = ZoneAnswer(kind, code, zone: asked)
        result.lastZone = zone
        result.isAuthoritative = kind != .referral || out.answers > 0
        if !isTruncated {
            out.start(.authority)
            writeAuthority(&out)
        }
        if !isTruncated {
            out.start(.additional)
            writeAdditional(&out)
        }
        result.isTruncated = isTruncated
        return result
    }

    private mutating func writeAuthority(_ out: inout SectionWriter) {
        switch authority {
        case .nothing: break
        case .soa: writeSOA(&out)
        case .referral(let node, let label): writeReferral(node, label, &out)
        }
        var index = 0
        while index < proofCount, !isTruncated {
            if let node = proof(index), let set = node.set(TypeNumber.nsec) ?? node.set(TypeNumber.nsec3) {
                if writeWithOwner(set, of: node, &out) == nil { isTruncated = true }
            }
            index += 1
        }
    }

    /// The SOA with the TTL of a negative answer (RFC 2308 3).
    private mutating func writeSOA(_ out: inout SectionWriter) {
        let apex = unsafe view.pointee.apex
        guard let set = apex.set(TypeNumber.soa) else { return }
        let place = unsafe key.length - view.pointee.apexLength
        let ownerAt =
            isDirect
            ? 12 + place
            : out.offset(
                ofNameAt: nameOffset, droppingLabels: unsafe key.labelCount - view.pointee.apexLabels)
        let start = out.count
        guard write(set, of: apex, ownerAt: ownerAt, &out) else {
            isTruncated = true
            return
        }
        let ttl = unsafe view.pointee.negativeTTL
        guard set.ttl != ttl, ownerAt <= 0x3fff else { return }
        let octets = unsafe out.base
        var position = start
        while position < out.count {
            unsafe octets.storeBytes(of: ttl.bigEndian, toByteOffset: position + 6, as: UInt32.self)
            let length = UInt16(
                bigEndian: unsafe octets.loadUnaligned(fromByteOffset: position + 10, as: UInt16.self))
            position += 12 + Int(length)
        }
    }

    /// The NS set of a cut, and the DS set if there is one (RFC 4035 3.1.4).
    private mutating func writeReferral(_ node: ZoneNode, _ label: Int, _ out: inout SectionWriter) {
        guard let servers = node.set(TypeNumber.ns) else { return }
        let ownerAt =
            isDirect
            ? 12 + key.start(label)
            : out.offset(ofNameAt: nameOffset, droppingLabels: label)
        let start = out.count
        guard writeRecords(servers, of: node, ownerAt: ownerAt, &out) else {
            isTruncated = true
            return
        }
        answered = (servers, node, start)
        if wantsDNSSEC, let ds = node.set(TypeNumber.ds), !write(ds, of: node, ownerAt: ownerAt, &out) {
            isTruncated = true
        }
    }
}
