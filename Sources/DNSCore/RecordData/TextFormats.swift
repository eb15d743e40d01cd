/// One field of a record's data in presentation format.
///
/// Read by `ZoneText/ReadField*.swift`, shown by `RecordData/Show*.swift`; the two switches over this enum
/// are each other's inverse.
enum RDataTextField: UInt8, Sendable {
    /// Ends a type's list.
    case end
    case uint8, uint16, uint32, uint64
    /// Seconds, with BIND's units when read.
    case period
    case name, ipv4, ipv6
    /// One character-string.
    case string
    /// One or more character-strings up to the end.
    case strings
    /// The rest as one string without a length octet (CAA, URI).
    case text
    /// The rest as hexadecimal digits, at least one octet.
    case hex
    /// The rest as base64, at least one octet.
    case base64
    /// The rest as base64, perhaps nothing.
    case base64OrNothing
    /// The rest as base64, or `-` for nothing (DOA).
    case base64OrDash
    case type, algorithm, time, typeBitmap
    /// Hexadecimal digits behind a length octet, or `-` (NSEC3).
    case salt
    /// base32hex behind a length octet (NSEC3).
    case hashedName
    case serviceParameters
    /// Letters and digits behind a length octet (CAA).
    case tag
    case locator64, eui48, eui64
    case certificateType, scheme
    case addressPrefixes, location, ipsecGateway, amtRelay, hostIdentity, nsap, atma, a6, nxtBitmap
    /// The whole data, left to ldns.
    case ldns
}

/// The presentation format of each record type: one line a type.
///
/// Other types have only the form of RFC 3597.
@safe enum RDataTextFormats {
    /// The fields of `type` up to ``RDataTextField/end``; nil when only `\#` can say it.
    @inline(__always)
    static func fields(of type: RRType) -> UnsafePointer<RDataTextField>? {
        let value = Int(type.rawValue)
        if value < 272 { return unsafe table[value] }
        return unsafe value == 32768 || value == 32769 ? table[Int(RRType.ds.rawValue)] : nil
    }

    nonisolated(unsafe) private static let table: UnsafePointer<UnsafePointer<RDataTextField>?> = {
        let table = UnsafeMutablePointer<UnsafePointer<RDataTextField>?>.allocate(capacity: 272)
        unsafe table.initialize(repeating: nil, count: 272)
        func set(_ types: [RRType], _ fields: RDataTextField...) {
            let list = UnsafeMutablePointer<RDataTextField>.allocate(capacity: fields.count + 1)
            for (index, field) in fields.enumerated() { unsafe (list + index).initialize(to: field) }
            unsafe (list + fields.count).initialize(to: .end)
            for type in types { unsafe table[Int(type.rawValue)] = UnsafePointer(list) }
        }
        set([.a], .ipv4)
        set([.ns, .md, .mf, .cname, .mb, .mg, .mr, .ptr, .nsapPTR, .dname], .name)
        set([.soa], .name, .name, .uint32, .period, .period, .period, .period)
        set([.wks], .ldns)
        set([.loc], .location)
        set([.hinfo], .string, .string)
        set([.minfo, .rp, .talink], .name, .name)
        set([.mx, .afsdb, .rt, .kx, .lp], .uint16, .name)
        set([.txt, .spf, .ninfo, .avc, .resinfo, .wallet, .cla, .isdn], .strings)
        set([.x25], .string)
        set([.nsap], .nsap)
        set([.sig, .rrsig], .type, .algorithm, .uint8, .uint32, .time, .time, .uint16, .name, .base64)
        set([.key, .rkey, .dnskey], .uint16, .uint8, .algorithm, .base64OrNothing)
        set([.cdnskey], .uint16, .uint8, .algorithm, .base64)
        set([.px], .uint16, .name, .name)
        set([.gpos], .string, .string, .string)
        set([.aaaa], .ipv6)
        set([.nxt], .name, .nxtBitmap)
        set([.eid, .nimloc], .hex)
        set([.srv], .uint16, .uint16, .uint16, .name)
        set([.atma], .atma)
        set([.naptr], .uint16, .uint16, .string, .string, .string, .name)
        set([.cert], .certificateType, .uint16, .algorithm, .base64)
        set([.a6], .a6)
        set([.sink], .uint8, .uint8, .uint8, .base64OrNothing)
        set([.apl], .addressPrefixes)
        set([.ds, .cds], .uint16, .algorithm, .uint8, .hex)
        set([.sshfp], .uint8, .uint8, .hex)
        set([.ipseckey], .ipsecGateway, .base64OrNothing)
        set([.nsec], .name, .typeBitmap)
        set([.dhcid, .openpgpkey, .hhit, .brid], .base64)
        set([.nsec3], .uint8, .uint8, .uint16, .salt, .hashedName, .typeBitmap)
        set([.nsec3param], .uint8, .uint8, .uint16, .salt)
        set([.tlsa, .smimea], .uint8, .uint8, .uint8, .hex)
        set([.hip], .hostIdentity)
        set([.csync], .uint32, .uint16, .typeBitmap)
        set([.zonemd], .uint32, .uint8, .uint8, .hex)
        set([.svcb, .https], .uint16, .name, .serviceParameters)
        set([.dsync], .type, .scheme, .uint16, .name)
        set([.nid, .l64], .uint16, .locator64)
        set([.l32], .uint16, .ipv4)
        set([.eui48], .eui48)
        set([.eui64], .eui64)
        set([.uri], .uint16, .uint16, .text)
        set([.caa], .uint8, .tag, .text)
        set([.doa], .uint32, .uint32, .uint8, .string, .base64OrDash)
        set([.amtrelay], .amtRelay)
        set([.ipn], .uint64)
        return unsafe UnsafePointer(table)
    }()
}
