package import DNSCore

/// What validation found out about a record set or an answer (RFC 4033 5).
package enum Security: UInt8, Sendable, Comparable {
    /// Not looked at yet.
    case unchecked
    /// Proved not to be signed, or no trust anchor covers it.
    case insecure
    /// A chain of signatures leads to a trust anchor.
    case secure
    /// It should have been signed, and is not, or wrongly.
    case bogus

    package static func < (left: Security, right: Security) -> Bool { left.rawValue < right.rawValue }
}

/// How much a record set is to be believed (RFC 2181 5.4.1): more replaces less, never the other way while it lives.
package enum Credibility: UInt8, Sendable, Comparable {
    /// From the additional section.
    case additional = 1
    /// Glue and delegations of the parent.
    case referral
    /// From the authority section of an authoritative response.
    case authority
    /// From a non-authoritative answer, as forwarders give them.
    case answer
    /// From the answer section of an authoritative response.
    case authoritative
    /// Validated.
    case validated

    package static func < (left: Credibility, right: Credibility) -> Bool { left.rawValue < right.rawValue }
}

/// What kind of thing a cache entry holds.
package enum CacheKind: UInt8, Sendable {
    /// A whole answer in wire format, negative answers and failures included.
    case answer = 1
    /// One record set with its signatures, as the zone itself gave it.
    case set
    /// A delegation as the parent gave it: server names, glue, DS.
    case delegation
    /// A proof that a name or a type does not exist: the authority section's sets.
    case negative
    /// What is known of a zone's keys.
    case zoneKeys
    /// A question that failed (RFC 9520).
    case failure
}

/// For which clients a whole answer is good: one bit for each combination of DO and CD.
package struct AnswerAudience: OptionSet, Hashable, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let plain = AnswerAudience(rawValue: 1)
    package static let wantsDNSSEC = AnswerAudience(rawValue: 2)
    package static let checkingDisabled = AnswerAudience(rawValue: 4)
    package static let wantsDNSSECUnchecked = AnswerAudience(rawValue: 8)
    package static let all: AnswerAudience = [.plain, .wantsDNSSEC, .checkingDisabled, .wantsDNSSECUnchecked]

    /// The one bit of a client with these options.
    package init(_ options: QueryOptions) {
        self.init(rawValue: 1 << (options.rawValue & 3))
    }
}

/// The fixed start of every entry in the arena.
///
/// 48 octets; then the owner's lower-case name, the offsets of TTL fields (two octets each), and the payload.
struct CacheHeader {
    /// Octets of the entry, a multiple of 8.
    ///
    /// The top bit marks filler at the arena's end.
    var size: UInt32
    /// Seconds of the monotonic clock when the records were received.
    var storedAt: UInt32
    var hash: UInt64
    /// Seconds of the monotonic clock when the shortest TTL ends.
    var expiresAt: UInt32
    var type: UInt16
    var nameLength: UInt8
    var kind: UInt8
    var payloadLength: UInt32
    var audience: UInt8
    var security: UInt8
    var responseCode: UInt16
    var answers: UInt16
    var authorities: UInt16
    var additionals: UInt16
    var ttlCount: UInt16
    var extendedError: UInt16
    var view: UInt16
    var credibility: UInt8
    var flags: UInt8
    var reserved: UInt16

    static let byteCount = 48
    static let filler: UInt32 = 0x8000_0000
    static let noExtendedError: UInt16 = 0xffff
}

/// What is stored with an entry besides its name, type and payload.
package struct CacheMeta: Sendable {
    package var expiresAt: UInt32
    package var storedAt: UInt32
    package var security: Security = .unchecked
    package var credibility: Credibility = .answer
    package var responseCode: ResponseCode = .noError
    package var audience: AnswerAudience = .all
    package var extendedError: ExtendedError?
    package var answers: UInt16 = 0
    package var authorities: UInt16 = 0
    package var additionals: UInt16 = 0
    package var view: UInt16 = 0
    package var flags: UInt8 = 0

    package init(storedAt: UInt32, ttl: UInt32) {
        self.storedAt = storedAt
        let (sum, overflow) = storedAt.addingReportingOverflow(ttl)
        expiresAt = overflow ? .max : sum
    }

    init(_ header: CacheHeader) {
        expiresAt = header.expiresAt
        storedAt = header.storedAt
        security = Security(rawValue: header.security) ?? .unchecked
        credibility = Credibility(rawValue: header.credibility) ?? .additional
        responseCode = ResponseCode(rawValue: header.responseCode)
        audience = AnswerAudience(rawValue: header.audience)
        extendedError =
            header.extendedError == CacheHeader.noExtendedError
            ? nil : ExtendedError(rawValue: header.extendedError)
        answers = header.answers
        authorities = header.authorities
        additionals = header.additionals
        view = header.view
        flags = header.flags
    }

    /// Seconds left at `now`; zero when expired.
    package func remaining(at now: UInt32) -> UInt32 { expiresAt > now ? expiresAt - now : 0 }
}
