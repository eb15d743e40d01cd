package import DNSCore

/// What an answer offers to negotiate, and how it is changed afterwards; both work on the octets of a whole response.
package struct AnswerTargets: Sendable, Equatable {
    /// The owner of the last address record in the answer section: the name after CNAME and DNAME.
    package var owner: Name
    /// The addresses of A and AAAA records and of HTTPS and SVCB hints, in order, without repetition.
    package var addresses: [IPAddress]

    /// Reads the answer section of a response; nil when it holds no address.
    ///
    /// - Parameter limit: addresses beyond this number are left out.
    package init?(in response: borrowing RawSpan, layout: MessageLayout, limit: Int = 32) {
        var found: [IPAddress] = []
        var ownerOffset: Int?
        Self.walk(response, layout) { record in
            switch record.type {
            case .a, .aaaa:
                guard let address = IPAddress(octets: record.octets) else { return }
                if !found.contains(address), found.count < limit { found.append(address) }
                ownerOffset = record.owner
            case .https, .svcb:
                for hint in Self.hints(in: record.octets) where !found.contains(hint) && found.count < limit {
                    found.append(hint)
                    ownerOffset = record.owner
                }
            default: break
            }
        }
        guard let ownerOffset, let name = try? MessageView.name(in: response, at: ownerOffset) else {
            return nil
        }
        owner = name
        addresses = found
    }

    /// Applies an outcome to a response that is ready to be sent, before it is signed: caps TTLs, replaces addresses,
    /// puts granted ports into HTTPS, SVCB and SRV records that have room for them.
    ///
    /// The length never changes: an HTTPS or SVCB record gets a granted port only where it carries a `port` parameter.
    package static func apply(
        _ outcome: NegotiationOutcome, to response: inout [UInt8], layout: MessageLayout
    ) {
        guard outcome.ttlCap != nil || !outcome.replacements.isEmpty else { return }
        var patches: [(offset: Int, octets: [UInt8])] = []
        unsafe walk(response.span.bytes, layout) { record in
            guard [.a, .aaaa, .https, .svcb, .srv].contains(record.type) else { return }
            if let cap = outcome.ttlCap, record.ttl > cap {
                let octets = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: cap >> UInt32($0)) }
                patches.append((record.data.lowerBound - 6, octets))
            }
            if record.type == .a || record.type == .aaaa {
                let address = IPAddress(octets: record.octets)
                if let change = outcome.replacements.first(where: { $0.address == address }),
                    change.replacement.isIPv6 == (record.type == .aaaa)
                {
                    patches.append((record.data.lowerBound, change.replacement.octets))
                }
            } else if !outcome.ports.isEmpty {
                patches.append(contentsOf: portPatches(record, outcome.ports))
            }
        }
        for patch in patches {
            response.replaceSubrange(
                patch.offset..<(patch.offset + patch.octets.count), with: patch.octets)
        }
    }

    // MARK: Reading

    private struct Record {
        var owner: Int
        var type: RRType
        var ttl: UInt32
        var data: Range<Int>
        var octets: [UInt8]
    }

    /// Calls `body` with each record of the answer section whose type can carry an address or port.
    private static func walk(
        _ bytes: borrowing RawSpan, _ layout: MessageLayout, _ body: (Record) -> Void
    ) {
        var position = layout.questionEnd
        for _ in 0..<Int(layout.answerCount) {
            guard let fixed = try? MessageView.skipName(bytes, at: position),
                let type = bytes.uint16(at: fixed),
                let ttl = bytes.uint32(at: fixed + 4), let length = bytes.uint16(at: fixed + 8)
            else { return }
            let data = (fixed + 10)..<(fixed + 10 + Int(length))
            switch RRType(rawValue: type) {
            case .a, .aaaa, .https, .svcb, .srv:
                guard let octets = bytes.copy(data) else { return }
                body(
                    Record(
                        owner: position, type: RRType(rawValue: type), ttl: ttl, data: data, octets: octets))
            default: break
            }
            position = data.upperBound
        }
    }

    /// Where the service parameters of an HTTPS or SVCB record stand: key and value range (RFC 9460 2.2).
    private static func parameters(of octets: [UInt8]) -> [(key: Int, value: Range<Int>)] {
        var position = 2
        while position < octets.count, octets[position] != 0 {
            guard octets[position] < 64 else { return [] }
            position += 1 + Int(octets[position])
        }
        position += 1
        var result: [(key: Int, value: Range<Int>)] = []
        while position + 4 <= octets.count {
            let key = Int(octets[position]) << 8 | Int(octets[position + 1])
            let end = position + 4 + (Int(octets[position + 2]) << 8 | Int(octets[position + 3]))
            guard end <= octets.count else { return result }
            result.append((key, (position + 4)..<end))
            position = end
        }
        return result
    }

    /// The `ipv4hint` (4) and `ipv6hint` (6) addresses.
    private static func hints(in octets: [UInt8]) -> [IPAddress] {
        var result: [IPAddress] = []
        for parameter in parameters(of: octets) where parameter.key == 4 || parameter.key == 6 {
            let width = parameter.key == 4 ? 4 : 16
            var position = parameter.value.lowerBound
            while position + width <= parameter.value.upperBound {
                if let address = IPAddress(octets: octets[position..<(position + width)]) {
                    result.append(address)
                }
                position += width
            }
        }
        return result
    }

    /// The `port` (3) parameter of HTTPS and SVCB, or the port of SRV, replaced where a grant names it.
    private static func portPatches(
        _ record: Record, _ ports: [NegotiationOutcome.PortGrant]
    ) -> [(offset: Int, octets: [UInt8])] {
        let octets = record.octets
        var place: Int?
        if record.type == .srv {
            place = 4
        } else {
            place = parameters(of: octets).first { $0.key == 3 && $0.value.count == 2 }?.value.lowerBound
        }
        guard let place, place + 2 <= octets.count else { return [] }
        let port = UInt16(octets[place]) << 8 | UInt16(octets[place + 1])
        guard let grant = ports.first(where: { $0.privatePort == port }) else { return [] }
        return [
            (
                record.data.lowerBound + place,
                [UInt8(grant.publicPort >> 8), UInt8(grant.publicPort & 0xff)]
            )
        ]
    }
}
