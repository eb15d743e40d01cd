package import DNSCore

/// What a lookup in our zones came to.
///
/// The sections have been written; the header is the caller's.
package struct ZoneAnswer: Sendable {
    /// The outcomes of RFC 1034 4.3.2, and what comes before it.
    package enum Kind: UInt8, Sendable {
        /// No zone of ours encloses the name: REFUSED, or a matter for recursion.
        case notOurs
        /// The zone is ours but has no contents now: SERVFAIL.
        case notLoaded
        /// The answer section answers the question.
        case answer
        /// The answer section ends in an alias whose target lies outside our zones; the effective name is in
        /// ``ZoneLookup/effectiveName``.
        case alias
        /// The name exists, the type does not (RFC 2308 2.2).
        case noData
        /// The name does not exist (RFC 2308 2.1).
        case nameError
        /// A zone cut: the authority section names the servers below it.
        case referral
        /// A DNAME would make the name longer than 255 octets (RFC 6672 2.2).
        case tooLong
    }

    package var kind: Kind
    /// The response code for the header.
    package var responseCode: ResponseCode
    /// Whether AA is to be set: the owner of the first answer, or the name that is denied, is ours (RFC 1035 4.1.1).
    package var isAuthoritative: Bool
    /// Whether TC is to be set: something that must be there did not fit (RFC 2181 9, RFC 9471).
    package var isTruncated: Bool
    /// The number in the catalog of the zone that the question's name belongs to; -1 without one.
    package var zone: Int
    /// The number of the zone that the end of the alias chain belongs to; mostly that of the question.
    package var lastZone: Int

    init(_ kind: Kind, _ responseCode: ResponseCode, zone: Int) {
        self.kind = kind
        self.responseCode = responseCode
        isAuthoritative = false
        isTruncated = false
        self.zone = zone
        lastZone = zone
    }
}
