/// A type of records (RFC 1035 3.2.2 and the IANA registry).
package struct RRType: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Whether this is a meta type or QTYPE, of which no zone holds records (RFC 6895 3.1).
    package var isMeta: Bool {
        rawValue == 0 || self == .opt || (128...255).contains(rawValue)
    }

    /// Whether a name that holds a CNAME may hold this type too (RFC 4034 3, RFC 4035 2.5, RFC 2181 10.1).
    package var mayStandBesideCNAME: Bool {
        switch self {
        case .cname, .rrsig, .nsec, .key, .sig, .nxt: true
        default: false
        }
    }
}

extension RRType {
    package static let a = RRType(rawValue: 1)
    package static let ns = RRType(rawValue: 2)
    package static let md = RRType(rawValue: 3)
    package static let mf = RRType(rawValue: 4)
    package static let cname = RRType(rawValue: 5)
    package static let soa = RRType(rawValue: 6)
    package static let mb = RRType(rawValue: 7)
    package static let mg = RRType(rawValue: 8)
    package static let mr = RRType(rawValue: 9)
    package static let null = RRType(rawValue: 10)
    package static let wks = RRType(rawValue: 11)
    package static let ptr = RRType(rawValue: 12)
    package static let hinfo = RRType(rawValue: 13)
    package static let minfo = RRType(rawValue: 14)
    package static let mx = RRType(rawValue: 15)
    package static let txt = RRType(rawValue: 16)
    package static let rp = RRType(rawValue: 17)
    package static let afsdb = RRType(rawValue: 18)
    package static let x25 = RRType(rawValue: 19)
    package static let isdn = RRType(rawValue: 20)
    package static let rt = RRType(rawValue: 21)
    package static let nsap = RRType(rawValue: 22)
    package static let nsapPTR = RRType(rawValue: 23)
    package static let sig = RRType(rawValue: 24)
    package static let key = RRType(rawValue: 25)
    package static let px = RRType(rawValue: 26)
    package static let gpos = RRType(rawValue: 27)
    package static let aaaa = RRType(rawValue: 28)
    package static let loc = RRType(rawValue: 29)
    package static let nxt = RRType(rawValue: 30)
    package static let eid = RRType(rawValue: 31)
    package static let nimloc = RRType(rawValue: 32)
    package static let srv = RRType(rawValue: 33)
    package static let atma = RRType(rawValue: 34)
    package static let naptr = RRType(rawValue: 35)
    package static let kx = RRType(rawValue: 36)
    package static let cert = RRType(rawValue: 37)
    package static let a6 = RRType(rawValue: 38)
    package static let dname = RRType(rawValue: 39)
    package static let sink = RRType(rawValue: 40)
    package static let opt = RRType(rawValue: 41)
    package static let apl = RRType(rawValue: 42)
    package static let ds = RRType(rawValue: 43)
    package static let sshfp = RRType(rawValue: 44)
    package static let ipseckey = RRType(rawValue: 45)
    package static let rrsig = RRType(rawValue: 46)
    package static let nsec = RRType(rawValue: 47)
    package static let dnskey = RRType(rawValue: 48)
    package static let dhcid = RRType(rawValue: 49)
    package static let nsec3 = RRType(rawValue: 50)
    package static let nsec3param = RRType(rawValue: 51)
    package static let tlsa = RRType(rawValue: 52)
    package static let smimea = RRType(rawValue: 53)
    package static let hip = RRType(rawValue: 55)
    package static let ninfo = RRType(rawValue: 56)
    package static let rkey = RRType(rawValue: 57)
    package static let talink = RRType(rawValue: 58)
    package static let cds = RRType(rawValue: 59)
    package static let cdnskey = RRType(rawValue: 60)
    package static let openpgpkey = RRType(rawValue: 61)
    package static let csync = RRType(rawValue: 62)
    package static let zonemd = RRType(rawValue: 63)
    package static let svcb = RRType(rawValue: 64)
    package static let https = RRType(rawValue: 65)
    package static let dsync = RRType(rawValue: 66)
    package static let hhit = RRType(rawValue: 67)
    package static let brid = RRType(rawValue: 68)
    package static let spf = RRType(rawValue: 99)
    package static let uinfo = RRType(rawValue: 100)
    package static let uid = RRType(rawValue: 101)
    package static let gid = RRType(rawValue: 102)
    package static let unspec = RRType(rawValue: 103)
    package static let nid = RRType(rawValue: 104)
    package static let l32 = RRType(rawValue: 105)
    package static let l64 = RRType(rawValue: 106)
    package static let lp = RRType(rawValue: 107)
    package static let eui48 = RRType(rawValue: 108)
    package static let eui64 = RRType(rawValue: 109)
    package static let nxname = RRType(rawValue: 128)
    package static let tkey = RRType(rawValue: 249)
    package static let tsig = RRType(rawValue: 250)
    package static let ixfr = RRType(rawValue: 251)
    package static let axfr = RRType(rawValue: 252)
    package static let mailb = RRType(rawValue: 253)
    package static let maila = RRType(rawValue: 254)
    package static let any = RRType(rawValue: 255)
    package static let uri = RRType(rawValue: 256)
    package static let caa = RRType(rawValue: 257)
    package static let avc = RRType(rawValue: 258)
    package static let doa = RRType(rawValue: 259)
    package static let amtrelay = RRType(rawValue: 260)
    package static let resinfo = RRType(rawValue: 261)
    package static let wallet = RRType(rawValue: 262)
    package static let cla = RRType(rawValue: 263)
    package static let ipn = RRType(rawValue: 264)
    package static let ta = RRType(rawValue: 32768)
    package static let dlv = RRType(rawValue: 32769)
}

extension RRType: CustomStringConvertible {
    /// The mnemonic, or `TYPEn` (RFC 3597 5).
    package var description: String {
        RRType.mnemonics[rawValue] ?? "TYPE\(rawValue)"
    }

    /// Reads a mnemonic or `TYPEn`, in any case.
    package init?(mnemonic: some StringProtocol) {
        let text = mnemonic.uppercased()
        if let value = RRType.values[text] {
            self.init(rawValue: value)
        } else if text.hasPrefix("TYPE"), let value = UInt16(text.dropFirst(4)) {
            self.init(rawValue: value)
        } else {
            return nil
        }
    }

    private static let values = Dictionary(uniqueKeysWithValues: mnemonics.map { ($1, $0) })

    static let mnemonics: [UInt16: String] = [
        1: "A", 2: "NS", 3: "MD", 4: "MF", 5: "CNAME", 6: "SOA", 7: "MB", 8: "MG", 9: "MR", 10: "NULL",
        11: "WKS", 12: "PTR", 13: "HINFO", 14: "MINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB",
        19: "X25", 20: "ISDN", 21: "RT", 22: "NSAP", 23: "NSAP-PTR", 24: "SIG", 25: "KEY", 26: "PX",
        27: "GPOS", 28: "AAAA", 29: "LOC", 30: "NXT", 31: "EID", 32: "NIMLOC", 33: "SRV", 34: "ATMA",
        35: "NAPTR", 36: "KX", 37: "CERT", 38: "A6", 39: "DNAME", 40: "SINK", 41: "OPT", 42: "APL",
        43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID",
        50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 56: "NINFO", 57: "RKEY",
        58: "TALINK", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB",
        65: "HTTPS", 66: "DSYNC", 67: "HHIT", 68: "BRID", 99: "SPF", 100: "UINFO", 101: "UID", 102: "GID",
        103: "UNSPEC", 104: "NID", 105: "L32", 106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64",
        128: "NXNAME", 249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 253: "MAILB", 254: "MAILA",
        255: "ANY", 256: "URI", 257: "CAA", 258: "AVC", 259: "DOA", 260: "AMTRELAY", 261: "RESINFO",
        262: "WALLET", 263: "CLA", 264: "IPN", 32768: "TA", 32769: "DLV",
    ]
}
