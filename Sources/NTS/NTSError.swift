/// Why octets or a request are not usable in a negotiation.
///
/// The peer sees nothing for a message that is not a negotiation message at all (it may be a scan or a forgery);
/// every case has a counter in ``NTSMetrics`` or `RouterMetrics`.
package enum NTSError: Error, Equatable {
    /// The message is shorter or longer than its form; the payload is the length seen.
    case wrongLength(Int)
    /// The Type octet is none of nts.md 2.8.
    case unknownType(UInt8)
    /// The host name field is empty, too long, not padded with zeros, or not a host name.
    case badHostName
    /// The host name does not fit the form's field (32 octets in v1, 64 in TSN). The server uses no negotiation then.
    case hostNameTooLong(limit: Int)
    /// The form carries IPv4 only and the address is IPv6.
    case unsupportedFamily
    /// An ICMP message whose checksum or type is wrong.
    case badEcho
    /// A v2 message that is no UPDATE of the form of nts.md 2.6. The peer sees FORMERR.
    case badUpdate
    /// A v2 message without a TSIG record. The peer sees REFUSED.
    case unsigned
}
