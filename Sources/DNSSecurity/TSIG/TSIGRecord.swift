internal import DNSCore

/// Where the fields of a TSIG record stand in a message (RFC 8945 4.2); found without allocation.
struct TSIGRecord {
    /// Where the record begins.
    var start: Int
    /// The algorithm's name, uncompressed.
    var algorithm: Range<Int>
    /// Seconds since 1970.
    var timeSigned: UInt64
    var fudge: UInt16
    var mac: Range<Int>
    var originalID: UInt16
    var error: UInt16
    var other: Range<Int>

    /// Reads the record at `start`; nil when it does not have the form of RFC 8945 4.2.
    init?(_ bytes: borrowing RawSpan, at start: Int) {
        guard let fixed = try? MessageView.skipName(bytes, at: start),
            bytes.uint16(at: fixed) == RRType.tsig.rawValue,
            bytes.uint16(at: fixed + 2) == RRClass.any.rawValue,
            bytes.uint32(at: fixed + 4) == 0, let length = bytes.uint16(at: fixed + 8)
        else { return nil }
        let end = fixed + 10 + Int(length)
        guard end <= bytes.byteCount else { return nil }
        self.start = start
        var position = fixed + 10
        let algorithmStart = position
        while true {
            guard position < end, let label = bytes.octet(at: position), label < 64 else { return nil }
            position += 1 + Int(label)
            if label == 0 { break }
        }
        guard position - algorithmStart <= 255 else { return nil }
        algorithm = algorithmStart..<position
        guard position + 10 <= end, let high = bytes.uint16(at: position),
            let low = bytes.uint32(at: position + 2),
            let fudge = bytes.uint16(at: position + 6), let macSize = bytes.uint16(at: position + 8)
        else { return nil }
        timeSigned = UInt64(high) << 32 | UInt64(low)
        self.fudge = fudge
        mac = (position + 10)..<(position + 10 + Int(macSize))
        position = mac.upperBound
        guard position + 6 <= end, let id = bytes.uint16(at: position),
            let error = bytes.uint16(at: position + 2),
            let otherSize = bytes.uint16(at: position + 4)
        else { return nil }
        originalID = id
        self.error = error
        other = (position + 6)..<(position + 6 + Int(otherSize))
        guard other.upperBound == end else { return nil }
    }

    /// The key of `keyring` that the record names.
    func key(in keyring: TSIGKeyring, _ bytes: borrowing RawSpan) -> TSIGKey? {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 256) { buffer in
            var used = 0
            var position = start
            while let octet = bytes.octet(at: position), octet != 0 {
                if octet >= 0xc0 {
                    position = Int((bytes.uint16(at: position) ?? 0) & 0x3fff)
                    continue
                }
                for index in 0...Int(octet) where used < 255 {
                    // Length octets are below 64 and so stay as they are.
                    unsafe buffer[used] = (bytes.octet(at: position + index) ?? 0).lowercasedASCII
                    used += 1
                }
                position += 1 + Int(octet)
            }
            unsafe buffer[used] = 0
            return unsafe keyring.key(lowercasedWire: UnsafeBufferPointer(rebasing: buffer[...used]))
        }
    }

    /// Whether the record names `algorithm`.
    func names(_ algorithm: TSIGAlgorithm, _ bytes: borrowing RawSpan) -> Bool {
        let wire = algorithm.name.wire
        guard wire.count == self.algorithm.count else { return false }
        for index in wire.indices
        where bytes.octet(at: self.algorithm.lowerBound + index)?.lowercasedASCII != wire[index] {
            return false
        }
        return true
    }
}

/// An error in the TSIG record (RFC 8945 3), in messages whose response code is NOTAUTH.
package enum TSIGError: UInt16, Error, Sendable {
    case badSignature = 16
    case badKey = 17
    case badTime = 18
    case badTruncation = 22
}

extension TSIGError: CustomStringConvertible {
    /// The mnemonic, as in `BADSIG`.
    package var description: String {
        switch self {
        case .badSignature: "BADSIG"
        case .badKey: "BADKEY"
        case .badTime: "BADTIME"
        case .badTruncation: "BADTRUNC"
        }
    }
}
