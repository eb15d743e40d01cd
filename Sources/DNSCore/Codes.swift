/// A class of records (RFC 1035 3.2.4, RFC 2136 2.4, 2.5).
package struct RRClass: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable package static func == (left: RRClass, right: RRClass) -> Bool {
        left.rawValue == right.rawValue
    }

    @inlinable package static var internet: RRClass { RRClass(rawValue: 1) }
    @inlinable package static var chaos: RRClass { RRClass(rawValue: 3) }
    @inlinable package static var hesiod: RRClass { RRClass(rawValue: 4) }
    @inlinable package static var none: RRClass { RRClass(rawValue: 254) }
    @inlinable package static var any: RRClass { RRClass(rawValue: 255) }
}

extension RRClass: CustomStringConvertible {
    /// The mnemonic, or `CLASSn` (RFC 3597 5).
    package var description: String {
        switch self {
        case .internet: "IN"
        case .chaos: "CH"
        case .hesiod: "HS"
        case .none: "NONE"
        case .any: "ANY"
        default: "CLASS\(rawValue)"
        }
    }

    /// Reads a mnemonic or `CLASSn`, in any case.
    package init?(mnemonic: String) {
        switch mnemonic.uppercased() {
        case "IN": self = .internet
        case "CH": self = .chaos
        case "HS": self = .hesiod
        case "NONE": self = .none
        case "ANY": self = .any
        case let text where text.hasPrefix("CLASS"):
            guard let value = UInt16(text.dropFirst(5)) else { return nil }
            self.init(rawValue: value)
        default: return nil
        }
    }
}

/// What a message asks for (RFC 1035 4.1.1, RFC 2136, RFC 1996).
///
/// Four bits.
package struct Opcode: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt8
    @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable package static func == (left: Opcode, right: Opcode) -> Bool {
        left.rawValue == right.rawValue
    }

    @inlinable package static var query: Opcode { Opcode(rawValue: 0) }
    @inlinable package static var inverseQuery: Opcode { Opcode(rawValue: 1) }
    @inlinable package static var status: Opcode { Opcode(rawValue: 2) }
    @inlinable package static var notify: Opcode { Opcode(rawValue: 4) }
    @inlinable package static var update: Opcode { Opcode(rawValue: 5) }
    @inlinable package static var statefulOperations: Opcode { Opcode(rawValue: 6) }
}

/// A response code, the extended ones included (RFC 6895 2.3).
///
/// Twelve bits; only four of them stand in the header.
package struct ResponseCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable package static func == (left: ResponseCode, right: ResponseCode) -> Bool {
        left.rawValue == right.rawValue
    }

    @inlinable package static var noError: ResponseCode { ResponseCode(rawValue: 0) }
    @inlinable package static var formatError: ResponseCode { ResponseCode(rawValue: 1) }
    @inlinable package static var serverFailure: ResponseCode { ResponseCode(rawValue: 2) }
    @inlinable package static var nameError: ResponseCode { ResponseCode(rawValue: 3) }
    @inlinable package static var notImplemented: ResponseCode { ResponseCode(rawValue: 4) }
    @inlinable package static var refused: ResponseCode { ResponseCode(rawValue: 5) }
    @inlinable package static var yxDomain: ResponseCode { ResponseCode(rawValue: 6) }
    @inlinable package static var yxRRset: ResponseCode { ResponseCode(rawValue: 7) }
    @inlinable package static var nxRRset: ResponseCode { ResponseCode(rawValue: 8) }
    @inlinable package static var notAuth: ResponseCode { ResponseCode(rawValue: 9) }
    @inlinable package static var notZone: ResponseCode { ResponseCode(rawValue: 10) }
    @inlinable package static var badVersion: ResponseCode { ResponseCode(rawValue: 16) }
    @inlinable package static var badCookie: ResponseCode { ResponseCode(rawValue: 23) }

    /// The low four bits, as the header carries them.
    package var header: UInt8 { UInt8(truncatingIfNeeded: rawValue & 0xf) }
    /// The high eight bits, as the OPT record carries them (RFC 6891 6.1.3).
    package var extended: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 4) }
}

extension ResponseCode: CustomStringConvertible {
    /// The mnemonic as `dig` prints it, or `RCODEn`.
    package var description: String {
        let names = [
            "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
            "NXRRSET",
            "NOTAUTH", "NOTZONE",
        ]
        if rawValue < names.count { return names[Int(rawValue)] }
        return switch self {
        case .badVersion: "BADVERS"
        case .badCookie: "BADCOOKIE"
        default: "RCODE\(rawValue)"
        }
    }
}

/// An extended DNS error code (RFC 8914 4 and the IANA registry).
package struct ExtendedError: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let other = ExtendedError(rawValue: 0)
    package static let unsupportedDNSKEYAlgorithm = ExtendedError(rawValue: 1)
    package static let unsupportedDSDigest = ExtendedError(rawValue: 2)
    package static let staleAnswer = ExtendedError(rawValue: 3)
    package static let forgedAnswer = ExtendedError(rawValue: 4)
    package static let dnssecIndeterminate = ExtendedError(rawValue: 5)
    package static let dnssecBogus = ExtendedError(rawValue: 6)
    package static let signatureExpired = ExtendedError(rawValue: 7)
    package static let signatureNotYetValid = ExtendedError(rawValue: 8)
    package static let dnskeyMissing = ExtendedError(rawValue: 9)
    package static let rrsigsMissing = ExtendedError(rawValue: 10)
    package static let noZoneKeyBit = ExtendedError(rawValue: 11)
    package static let nsecMissing = ExtendedError(rawValue: 12)
    package static let cachedError = ExtendedError(rawValue: 13)
    package static let notReady = ExtendedError(rawValue: 14)
    package static let blocked = ExtendedError(rawValue: 15)
    package static let censored = ExtendedError(rawValue: 16)
    package static let filtered = ExtendedError(rawValue: 17)
    package static let prohibited = ExtendedError(rawValue: 18)
    package static let staleNXDomain = ExtendedError(rawValue: 19)
    package static let notAuthoritative = ExtendedError(rawValue: 20)
    package static let notSupported = ExtendedError(rawValue: 21)
    package static let noReachableAuthority = ExtendedError(rawValue: 22)
    package static let networkError = ExtendedError(rawValue: 23)
    package static let invalidData = ExtendedError(rawValue: 24)
    package static let signatureExpiredBeforeValid = ExtendedError(rawValue: 25)
    package static let tooEarly = ExtendedError(rawValue: 26)
    package static let unsupportedNSEC3Iterations = ExtendedError(rawValue: 27)
    package static let synthesized = ExtendedError(rawValue: 29)
    /// A question for a type that no question may have (RFC 9824 3.5).
    package static let invalidQueryType = ExtendedError(rawValue: 30)
}

/// Seconds that a record may be kept.
///
/// A value with the top bit set counts as zero (RFC 2181 8).
package struct TTL: RawRepresentable, Hashable, Comparable, Sendable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue > 0x7fff_ffff ? 0 : rawValue }

    package static let zero = TTL(rawValue: 0)
    package static func < (left: TTL, right: TTL) -> Bool { left.rawValue < right.rawValue }
}

/// An SOA serial number with the circular order of RFC 1982.
package struct Serial: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Whether this serial is newer than `other`.
    ///
    /// Neither is newer at a distance of exactly 2^31 (RFC 1982 3.2).
    package func isNewer(than other: Serial) -> Bool {
        let distance = rawValue &- other.rawValue
        return distance != 0 && distance < 0x8000_0000
    }

    /// The serial `count` steps on.
    ///
    /// Zero is skipped, which some secondaries take for "unset" (RFC 2136 4.2).
    package func advanced(by count: UInt32 = 1) -> Serial {
        let next = rawValue &+ count
        return Serial(rawValue: next == 0 ? 1 : next)
    }
}

/// The header's flag bits (RFC 1035 4.1.1, RFC 4035 3), as the second 16-bit word of the header holds them.
package struct HeaderFlags: OptionSet, Hashable, Sendable {
    package var rawValue: UInt16
    @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }

    @inlinable package static var response: HeaderFlags { HeaderFlags(rawValue: 0x8000) }
    @inlinable package static var authoritative: HeaderFlags { HeaderFlags(rawValue: 0x0400) }
    @inlinable package static var truncated: HeaderFlags { HeaderFlags(rawValue: 0x0200) }
    @inlinable package static var recursionDesired: HeaderFlags { HeaderFlags(rawValue: 0x0100) }
    @inlinable package static var recursionAvailable: HeaderFlags { HeaderFlags(rawValue: 0x0080) }
    @inlinable package static var authenticData: HeaderFlags { HeaderFlags(rawValue: 0x0020) }
    @inlinable package static var checkingDisabled: HeaderFlags { HeaderFlags(rawValue: 0x0010) }

    // The operations of `OptionSet`, written out: generic code of another module does not know this type's parts and
    // would look each of them up for every packet.

    /// The union of `elements`.
    package init(arrayLiteral elements: HeaderFlags...) {
        rawValue = 0
        for element in elements { rawValue |= element.rawValue }
    }

    /// Whether all bits of `other` are set.
    package func contains(_ other: HeaderFlags) -> Bool {
        rawValue & other.rawValue == other.rawValue
    }

    /// Sets the bits of `other`.
    @discardableResult
    package mutating func insert(_ other: HeaderFlags) -> (inserted: Bool, memberAfterInsert: HeaderFlags) {
        let isNew = !contains(other)
        rawValue |= other.rawValue
        return (isNew, other)
    }

    /// Sets the bits of `other`.
    package mutating func formUnion(_ other: HeaderFlags) { rawValue |= other.rawValue }

    /// The bits that are set in either.
    package func union(_ other: HeaderFlags) -> HeaderFlags {
        HeaderFlags(rawValue: rawValue | other.rawValue)
    }

    /// The bits that are set in both.
    package func intersection(_ other: HeaderFlags) -> HeaderFlags {
        HeaderFlags(rawValue: rawValue & other.rawValue)
    }

    /// The opcode among the bits.
    package var opcode: Opcode { Opcode(rawValue: UInt8((rawValue >> 11) & 0xf)) }
    /// The header's part of the response code.
    package var responseCode: ResponseCode { ResponseCode(rawValue: rawValue & 0xf) }

    /// These bits with the opcode and the low four bits of the response code set.
    package func with(opcode: Opcode, responseCode: ResponseCode) -> HeaderFlags {
        HeaderFlags(
            rawValue: rawValue & 0x87f0 | UInt16(opcode.rawValue & 0xf) << 11 | UInt16(responseCode.header))
    }
}
