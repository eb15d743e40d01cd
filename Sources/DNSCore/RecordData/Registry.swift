/// One field of a record's data, as far as the server must know it: where names stand, and how long the rest is.
package enum RDataField: Sendable, Equatable {
    /// A name that a sender may compress (the types of RFC 1035 only; RFC 3597 4).
    case compressibleName
    /// A name that counts in lower case in canonical form (RFC 4034 6.2, RFC 6840 5.1).
    case name
    /// A name whose case is kept even in canonical form.
    case exactName
    /// This many octets.
    case octets(Int)
    /// A length octet and as many octets (RFC 1035 3.3 `<character-string>`).
    case characterString
    /// All octets that remain, at least this many.
    case rest(atLeast: Int)
    /// One or more character-strings up to the end.
    case characterStrings
    /// An NSEC type bitmap up to the end (RFC 4034 4.1.2); may be empty.
    case typeBitmap
    /// Address prefixes up to the end (RFC 3123).
    case addressPrefixes
    /// Service parameters up to the end (RFC 9460 2.2).
    case serviceParameters
}

/// What the server knows of each record type's data.
///
/// One line a type; other types are opaque (RFC 3597).
package enum RDataRegistry {
    /// The fields of `type`'s data in order; nil when the type is opaque.
    package static func fields(of type: RRType) -> [RDataField]? {
        let index = Int(type.rawValue)
        return index < table.count ? table[index] : nil
    }

    /// Whether `type`'s data may hold a name that is compressed in a response.
    package static func hasCompressibleName(_ type: RRType) -> Bool {
        switch type {
        case .ns, .cname, .soa, .ptr, .mx, .md, .mf, .mb, .mg, .mr, .minfo: true
        default: false
        }
    }

    private static let table: [[RDataField]?] = {
        var fields: [[RDataField]?] = Array(repeating: nil, count: 264)
        func set(_ type: RRType, _ list: RDataField...) { fields[Int(type.rawValue)] = list }
        set(.a, .octets(4))
        set(.ns, .compressibleName)
        set(.md, .compressibleName)
        set(.mf, .compressibleName)
        set(.cname, .compressibleName)
        set(.soa, .compressibleName, .compressibleName, .octets(20))
        set(.mb, .compressibleName)
        set(.mg, .compressibleName)
        set(.mr, .compressibleName)
        set(.null, .rest(atLeast: 0))
        set(.wks, .octets(5), .rest(atLeast: 0))
        set(.ptr, .compressibleName)
        set(.hinfo, .characterString, .characterString)
        set(.minfo, .compressibleName, .compressibleName)
        set(.mx, .octets(2), .compressibleName)
        set(.txt, .characterStrings)
        set(.rp, .name, .name)
        set(.afsdb, .octets(2), .name)
        set(.x25, .characterString)
        set(.isdn, .characterStrings)
        set(.rt, .octets(2), .name)
        set(.nsap, .rest(atLeast: 1))
        set(.nsapPTR, .name)
        set(.sig, .octets(18), .name, .rest(atLeast: 1))
        set(.key, .octets(4), .rest(atLeast: 0))
        set(.px, .octets(2), .name, .name)
        set(.gpos, .characterString, .characterString, .characterString)
        set(.aaaa, .octets(16))
        set(.loc, .octets(16))
        set(.nxt, .name, .rest(atLeast: 0))
        set(.eid, .rest(atLeast: 1))
        set(.nimloc, .rest(atLeast: 1))
        set(.srv, .octets(6), .name)
        set(.atma, .rest(atLeast: 1))
        set(.naptr, .octets(4), .characterString, .characterString, .characterString, .name)
        set(.kx, .octets(2), .name)
        set(.cert, .octets(5), .rest(atLeast: 1))
        set(.a6, .rest(atLeast: 1))
        set(.dname, .name)
        set(.sink, .rest(atLeast: 1))
        set(.apl, .addressPrefixes)
        set(.ds, .octets(4), .rest(atLeast: 1))
        set(.sshfp, .octets(2), .rest(atLeast: 1))
        set(.ipseckey, .rest(atLeast: 3))
        set(.rrsig, .octets(18), .name, .rest(atLeast: 1))
        set(.nsec, .exactName, .typeBitmap)
        set(.dnskey, .octets(4), .rest(atLeast: 0))
        set(.dhcid, .rest(atLeast: 3))
        set(.nsec3, .octets(4), .characterString, .characterString, .typeBitmap)
        set(.nsec3param, .octets(4), .characterString)
        set(.tlsa, .octets(3), .rest(atLeast: 1))
        set(.smimea, .octets(3), .rest(atLeast: 1))
        set(.hip, .rest(atLeast: 4))
        set(.ninfo, .characterStrings)
        set(.rkey, .octets(4), .rest(atLeast: 0))
        set(.talink, .exactName, .exactName)
        set(.cds, .octets(4), .rest(atLeast: 1))
        set(.cdnskey, .octets(4), .rest(atLeast: 1))
        set(.openpgpkey, .rest(atLeast: 1))
        set(.csync, .octets(6), .typeBitmap)
        set(.zonemd, .octets(6), .rest(atLeast: 12))
        set(.svcb, .octets(2), .exactName, .serviceParameters)
        set(.https, .octets(2), .exactName, .serviceParameters)
        set(.dsync, .octets(5), .exactName)
        set(.hhit, .rest(atLeast: 1))
        set(.brid, .rest(atLeast: 1))
        set(.spf, .characterStrings)
        set(.nid, .octets(10))
        set(.l32, .octets(6))
        set(.l64, .octets(10))
        set(.lp, .octets(2), .exactName)
        set(.eui48, .octets(6))
        set(.eui64, .octets(8))
        set(.uri, .octets(4), .rest(atLeast: 1))
        set(.caa, .octets(1), .characterString, .rest(atLeast: 0))
        set(.avc, .characterStrings)
        set(.amtrelay, .rest(atLeast: 2))
        set(.resinfo, .characterStrings)
        set(.wallet, .characterStrings)
        return fields
    }()
}
