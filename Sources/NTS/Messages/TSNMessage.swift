package import DNSCore

/// The notification of the first paper ("TSN", nts.md 1.6): what an ICMP echo carries after its own 8 octets.
///
///     +---------------+-------------------------------+---------------+
///     | Type          | ID                            | Reserve (0)   |
///     +---------------+-------------------------------+---------------+
///     | Origin IP: GN's IPv4 address                                  |
///     +---------------------------------------------------------------+
///     | HN, 64 octets: host name, presentation format, zero padded    |
///     +---------------------------------------------------------------+
///
/// A host that knows nothing of the scheme returns the echo unchanged, so that the type is still `notification`.
package struct TSNMessage: Hashable, Sendable {
    /// Octets of the TSN header and data.
    package static let octetCount = 72
    /// Octets of the name field.
    package static let nameLimit = 64
    /// Octets of an ICMP message that carries it.
    package static let echoOctetCount = 8 + octetCount

    package var type: NegotiationType
    /// The server's transaction number, returned by the router.
    ///
    /// The papers use the DNS ID; ours is chosen at random.
    package var id: UInt16
    /// GN's address.
    ///
    /// IPv4.
    package var gn: IPAddress
    package var host: Name

    package init(type: NegotiationType, id: UInt16, gn: IPAddress, host: Name) {
        self.type = type
        self.id = id
        self.gn = gn
        self.host = host
    }

    /// The 72 octets of TSN header and data.
    ///
    /// - Throws: ``NTSError/unsupportedFamily``, ``NTSError/hostNameTooLong(limit:)``, ``NTSError/badHostName``.
    package func encoded() throws(NTSError) -> [UInt8] {
        guard gn.isIPv4 else { throw .unsupportedFamily }
        let text = try HostNameField.encode(host, limit: Self.nameLimit)
        var octets = [type.rawValue, UInt8(id >> 8), UInt8(id & 0xff), 0] + gn.octets + text
        octets.append(contentsOf: repeatElement(0, count: Self.octetCount - octets.count))
        return octets
    }

    /// Reads the 72 octets of TSN header and data.
    ///
    /// - Throws: ``NTSError``; the caller counts it and stays silent.
    package init(decoding octets: borrowing RawSpan) throws(NTSError) {
        guard octets.byteCount == Self.octetCount, let all = octets.copy(0..<Self.octetCount) else {
            throw .wrongLength(octets.byteCount)
        }
        guard let type = NegotiationType(rawValue: all[0]) else { throw .unknownType(all[0]) }
        guard all[3] == 0, let gn = IPAddress(octets: all[4..<8]) else { throw .badHostName }
        let field = all[8...]
        host = try HostNameField.decode(
            field, length: field.firstIndex(of: 0).map { $0 - 8 } ?? field.count)
        id = UInt16(all[1]) << 8 | UInt16(all[2])
        self.type = type
        self.gn = gn
    }

    /// Reads from an array.
    ///
    /// - Throws: ``NTSError``.
    package init(decoding octets: [UInt8]) throws(NTSError) {
        unsafe try self.init(decoding: octets.span.bytes)
    }
}

/// The ICMP echo around a TSN message (RFC 792).
package struct TSNEcho: Hashable, Sendable {
    /// Whether it is an echo reply (type 0) rather than a request (type 8).
    package var isReply: Bool
    package var identifier: UInt16
    package var sequence: UInt16
    package var message: TSNMessage

    package init(isReply: Bool, identifier: UInt16, sequence: UInt16, message: TSNMessage) {
        self.isReply = isReply
        self.identifier = identifier
        self.sequence = sequence
        self.message = message
    }

    /// The ICMP message with its checksum.
    ///
    /// - Throws: ``NTSError``, as ``TSNMessage/encoded()``.
    package func encoded() throws(NTSError) -> [UInt8] {
        var octets: [UInt8] = [isReply ? 0 : 8, 0, 0, 0]
        octets += [
            UInt8(identifier >> 8), UInt8(identifier & 0xff), UInt8(sequence >> 8),
            UInt8(sequence & 0xff),
        ]
        octets += try message.encoded()
        let sum = Self.checksum(octets)
        octets[2] = UInt8(sum >> 8)
        octets[3] = UInt8(sum & 0xff)
        return octets
    }

    /// Reads an ICMP message, without its IP header.
    ///
    /// - Throws: ``NTSError/badEcho`` for another ICMP type or a wrong checksum; else as ``TSNMessage``.
    package init(decoding octets: [UInt8]) throws(NTSError) {
        guard octets.count == TSNMessage.echoOctetCount else { throw .wrongLength(octets.count) }
        guard octets[0] == 0 || octets[0] == 8, octets[1] == 0, Self.checksum(octets) == 0 else {
            throw .badEcho
        }
        message = try TSNMessage(decoding: Array(octets[8...]))
        isReply = octets[0] == 0
        identifier = UInt16(octets[4]) << 8 | UInt16(octets[5])
        sequence = UInt16(octets[6]) << 8 | UInt16(octets[7])
    }

    /// The router's echo reply to a request that ``init(decoding:)`` has read: the same octets with another type.
    ///
    /// - Parameter host: for hairpin, the host's private address, in the place of GN's.
    package static func answer(
        to request: [UInt8], type: NegotiationType, host: IPAddress? = nil
    ) -> [UInt8] {
        var octets = request
        octets.replaceSubrange(0..<4, with: [0, 0, 0, 0])
        octets[8] = type.rawValue
        if let host, host.isIPv4 { octets.replaceSubrange(12..<16, with: host.octets) }
        let sum = checksum(octets)
        octets[2] = UInt8(sum >> 8)
        octets[3] = UInt8(sum & 0xff)
        return octets
    }

    /// The Internet checksum (RFC 1071); zero over octets that already hold a right one.
    package static func checksum(_ octets: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        var index = 0
        while index < octets.count {
            let low = index + 1 < octets.count ? UInt32(octets[index + 1]) : 0
            sum &+= UInt32(octets[index]) << 8 | low
            index += 2
        }
        while sum >> 16 != 0 { sum = sum & 0xffff &+ sum >> 16 }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}
