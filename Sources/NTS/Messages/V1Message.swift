package import DNSCore

/// The notification of the second paper ("NTS-Nego", nts.md 1.5), carried by UDP. Exactly 40 octets:
///
///      0                   1                   2                   3
///     +---------------+---------------+-------------------------------+
///     | Transaction ID| Type          | Length of FQDN                |
///     +---------------+---------------+-------------------------------+
///     | GN's IPv4 address                                             |
///     +---------------------------------------------------------------+
///     | FQDN, 32 octets, presentation format, zero padded             |
///     +---------------------------------------------------------------+
///
/// The response repeats the message with another Type. One deviation, for hairpin (nts.md 2.4): when GN's address is
/// the router's own, the response carries the host's private address in place of GN's.
package struct V1Message: Hashable, Sendable {
    /// Octets of every v1 message.
    package static let octetCount = 40
    /// Octets of the name field: longer names cannot be negotiated in this form.
    package static let nameLimit = 32

    /// Chosen by the server, returned by the router.
    package var transactionID: UInt8
    package var type: NegotiationType
    /// GN's address.
    ///
    /// IPv4.
    package var gn: IPAddress
    /// The host that GN asked for.
    package var host: Name

    package init(transactionID: UInt8, type: NegotiationType, gn: IPAddress, host: Name) {
        self.transactionID = transactionID
        self.type = type
        self.gn = gn
        self.host = host
    }

    /// The 40 octets.
    ///
    /// - Throws: ``NTSError/unsupportedFamily``, ``NTSError/hostNameTooLong(limit:)``, ``NTSError/badHostName``.
    package func encoded() throws(NTSError) -> [UInt8] {
        guard gn.isIPv4 else { throw .unsupportedFamily }
        let text = try HostNameField.encode(host, limit: Self.nameLimit)
        var octets = [transactionID, type.rawValue, 0, UInt8(text.count)] + gn.octets + text
        octets.append(contentsOf: repeatElement(0, count: Self.octetCount - octets.count))
        return octets
    }

    /// The router's answer to a notification that ``init(decoding:)`` has read: the same octets with another type.
    ///
    /// - Parameter host: for hairpin, the host's private address, in the place of GN's.
    package static func answer(
        to notification: [UInt8], type: NegotiationType, host: IPAddress? = nil
    ) -> [UInt8] {
        var octets = notification
        octets[1] = type.rawValue
        if let host, host.isIPv4 { octets.replaceSubrange(4..<8, with: host.octets) }
        return octets
    }

    /// Whether `octets` have the outer shape of v1 rather than that of a DNS message (nts.md 2.6): 40 octets,
    /// of which octet 2 is zero, as the name's length is at most 32.
    ///
    /// In an UPDATE that octet is 0x28 or 0xa8.
    package static func hasShape(_ octets: borrowing RawSpan) -> Bool {
        octets.byteCount == octetCount && octets.octet(at: 2) == 0
    }

    /// Reads a message.
    ///
    /// - Throws: ``NTSError``; the caller counts it and stays silent.
    package init(decoding octets: borrowing RawSpan) throws(NTSError) {
        guard octets.byteCount == Self.octetCount, let all = octets.copy(0..<Self.octetCount) else {
            throw .wrongLength(octets.byteCount)
        }
        guard let type = NegotiationType(rawValue: all[1]) else { throw .unknownType(all[1]) }
        guard all[2] == 0, let gn = IPAddress(octets: all[4..<8]) else { throw .badHostName }
        host = try HostNameField.decode(all[8...], length: Int(all[3]))
        transactionID = all[0]
        self.type = type
        self.gn = gn
    }

    /// Reads a message from an array.
    ///
    /// - Throws: ``NTSError``.
    package init(decoding octets: [UInt8]) throws(NTSError) {
        unsafe try self.init(decoding: octets.span.bytes)
    }
}
