package import DNSCore

/// How an outcome changes the answer that was held: TTLs, addresses, ports.
package enum AnswerChange {
    /// Changes a response in place, before it is signed: caps TTLs, replaces addresses.
    ///
    /// The length stays.
    package static func apply(
        _ outcome: NegotiationOutcome, to response: inout [UInt8], layout: MessageLayout
    ) {
        guard outcome.ttlCap != nil || !outcome.replacements.isEmpty else { return }
        var patches: [(offset: Int, octets: [UInt8])] = []
        unsafe AnswerRecords.walk(response.span.bytes, layout) { bytes, _, record in
            guard Self.types.contains(record.type) else { return }
            if let cap = outcome.ttlCap, record.ttl > cap, concerns(outcome, record, bytes) {
                let octets = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: cap >> UInt32($0)) }
                patches.append((record.data.lowerBound - 6, octets))
            }
            if let address = record.address(bytes),
                let change = outcome.replacements.first(where: { $0.address == address }),
                change.replacement.isIPv6 == address.isIPv6
            {
                patches.append((record.data.lowerBound, change.replacement.octets))
            }
        }
        for patch in patches {
            response.replaceSubrange(
                patch.offset..<(patch.offset + patch.octets.count), with: patch.octets)
        }
    }

    /// Whether a record leads to what was granted: an address of such a host, or any service record.
    private static func concerns(
        _ outcome: NegotiationOutcome, _ record: AnswerRecords.Record, _ bytes: borrowing RawSpan
    ) -> Bool {
        guard record.type == .a || record.type == .aaaa, !outcome.hosts.isEmpty else { return true }
        guard let owner = try? MessageView.name(in: bytes, at: record.owner) else { return true }
        return outcome.hosts.contains(owner)
    }

    /// The record with the public port that the router granted for its host and port, or nil when none is meant.
    ///
    /// - Parameter record: HTTPS, SVCB or SRV; anything else stays.
    package static func carrying(
        _ ports: [NegotiationOutcome.PortGrant], _ record: ResourceRecord
    ) -> ResourceRecord? {
        switch record.type {
        case .srv: service(ports, record)
        case .https, .svcb: binding(ports, record)
        default: nil
        }
    }

    private static let types: [RRType] = [.a, .aaaa, .https, .svcb, .srv]

    private static func service(
        _ ports: [NegotiationOutcome.PortGrant], _ record: ResourceRecord
    ) -> ResourceRecord? {
        let octets = record.data.octets
        guard octets.count > 6, let target = try? Name(wire: Array(octets[6...])) else { return nil }
        let port = UInt16(octets[4]) << 8 | UInt16(octets[5])
        let labels = record.owner.labels
        let isUDP = labels.count > 1 && labels[1].map(\.lowercasedASCII) == Array("_udp".utf8)
        guard
            let grant = ports.first(where: {
                $0.host == target && $0.privatePort == port && $0.transport == (isUDP ? 17 : 6)
            }), grant.publicPort != port
        else { return nil }
        var changed = record
        var data = octets
        data[4] = UInt8(grant.publicPort >> 8)
        data[5] = UInt8(grant.publicPort & 0xff)
        changed.data = RecordData(data)
        return changed
    }

    private static func binding(
        _ ports: [NegotiationOutcome.PortGrant], _ record: ResourceRecord
    ) -> ResourceRecord? {
        let octets = record.data.octets
        // An alias (priority 0) has no parameters.
        guard octets.count > 2, octets[0] | octets[1] != 0, let (name, _) = leadingName(octets) else {
            return nil
        }
        let host = name.isRoot ? record.owner : name
        let stated = ServiceParameters.list(in: octets).first {
            $0.key == ServiceParameters.port && $0.value.count == 2
        }
        let port =
            stated.map { UInt16(octets[$0.value.lowerBound]) << 8 | UInt16(octets[$0.value.lowerBound + 1]) }
            ?? ServiceParameters.defaultPort(owner: record.owner, type: record.type)
        let candidates = ports.filter { $0.host == host && $0.privatePort == port }
        guard let grant = candidates.first(where: { $0.transport == 6 }) ?? candidates.first,
            grant.publicPort != port
        else { return nil }
        var changed = record
        changed.data = RecordData(ServiceParameters.setting(port: grant.publicPort, in: octets))
        return changed
    }

    private static func leadingName(_ octets: [UInt8]) -> (name: Name, end: Int)? {
        var end = 2
        while end < octets.count, octets[end] != 0 {
            guard octets[end] < 64 else { return nil }
            end += 1 + Int(octets[end])
        }
        guard end < octets.count, let name = try? Name(wire: Array(octets[2...end])) else { return nil }
        return (name, end + 1)
    }
}
