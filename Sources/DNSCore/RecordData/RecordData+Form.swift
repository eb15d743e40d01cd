extension RecordData {
    /// The demands of single types beyond the list of their fields.
    func isDeeplyWellFormed(as type: RRType) -> Bool {
        switch type {
        case .svcb, .https:
            guard let parameters = SVCB(self)?.parameters else { return false }
            return parameters.allSatisfy(\.isWellFormed) && ServiceParameter.areConsistent(parameters)
        case .caa:
            guard let end = RDataReader(octets).stringEnd(1), end > 2 else { return false }
            return octets[2..<end].allSatisfy { $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 }
        case .nsec3:
            // The next owner's hash has at least one octet (RFC 5155 3.2).
            guard let saltEnd = RDataReader(octets).stringEnd(4) else { return false }
            return octets[saltEnd] > 0
        case .loc:
            return isLocation
        case .ipseckey:
            return endpointEnd(kind: Int(octets[1]), from: 3).map { $0 <= octets.count } ?? false
        case .amtrelay:
            return endpointEnd(kind: Int(octets[1] & 0x7f), from: 2).map { $0 == octets.count } ?? false
        case .hip:
            return isHostIdentity
        default:
            return true
        }
    }

    /// RFC 1876 2: version 0, sizes whose two digits are decimal, at most 90 degrees of latitude and 180 of longitude.
    private var isLocation: Bool {
        let reader = RDataReader(octets)
        guard octets.count == 16, octets[0] == 0, let latitude = reader.uint32(4),
            let longitude = reader.uint32(8)
        else { return false }
        // Thousandths of a second of arc, with the equator and the prime meridian at 2^31.
        func distance(_ angle: UInt32) -> Int64 { abs(Int64(angle) - 1 << 31) }
        return octets[1...3].allSatisfy { $0 >> 4 < 10 && $0 & 15 < 10 }
            && distance(latitude) <= 90 * 3_600_000 && distance(longitude) <= 180 * 3_600_000
    }

    /// Where the gateway (RFC 4025 2.5) or relay (RFC 8777 4.2.4) ends.
    private func endpointEnd(kind: Int, from start: Int) -> Int? {
        switch kind {
        case 0: start
        case 1: start + 4
        case 2: start + 16
        case 3: RDataReader(octets).nameEnd(start)
        default: nil
        }
    }

    /// RFC 8005 5: the lengths agree, and only whole names follow.
    private var isHostIdentity: Bool {
        let reader = RDataReader(octets)
        guard let keyCount = reader.uint16(2), octets[0] > 0, keyCount > 0 else { return false }
        var position = 4 + Int(octets[0]) + Int(keyCount)
        while position < octets.count {
            guard let end = reader.nameEnd(position) else { return false }
            position = end
        }
        return position == octets.count
    }
}
