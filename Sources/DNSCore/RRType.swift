/// A type of records (RFC 1035 3.2.2 and the IANA registry).
package struct RRType: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    @inlinable package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Written out, so that other rooms compare types without a call.
    @inlinable package static func == (left: RRType, right: RRType) -> Bool {
        left.rawValue == right.rawValue
    }

    /// The same for `switch`.
    @inlinable package static func ~= (pattern: RRType, value: RRType) -> Bool {
        pattern.rawValue == value.rawValue
    }

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
    @inlinable package static var a: RRType { RRType(rawValue: 1) }
    @inlinable package static var ns: RRType { RRType(rawValue: 2) }
    @inlinable package static var md: RRType { RRType(rawValue: 3) }
    @inlinable package static var mf: RRType { RRType(rawValue: 4) }
    @inlinable package static var cname: RRType { RRType(rawValue: 5) }
    @inlinable package static var soa: RRType { RRType(rawValue: 6) }
    @inlinable package static var mb: RRType { RRType(rawValue: 7) }
    @inlinable package static var mg: RRType { RRType(rawValue: 8) }
    @inlinable package static var mr: RRType { RRType(rawValue: 9) }
    @inlinable package static var null: RRType { RRType(rawValue: 10) }
    @inlinable package static var wks: RRType { RRType(rawValue: 11) }
    @inlinable package static var ptr: RRType { RRType(rawValue: 12) }
    @inlinable package static var hinfo: RRType { RRType(rawValue: 13) }
    @inlinable package static var minfo: RRType { RRType(rawValue: 14) }
    @inlinable package static var mx: RRType { RRType(rawValue: 15) }
    @inlinable package static var txt: RRType { RRType(rawValue: 16) }
    @inlinable package static var rp: RRType { RRType(rawValue: 17) }
    @inlinable package static var afsdb: RRType { RRType(rawValue: 18) }
    @inlinable package static var x25: RRType { RRType(rawValue: 19) }
    @inlinable package static var isdn: RRType { RRType(rawValue: 20) }
    @inlinable package static var rt: RRType { RRType(rawValue: 21) }
    @inlinable package static var nsap: RRType { RRType(rawValue: 22) }
    @inlinable package static var nsapPTR: RRType { RRType(rawValue: 23) }
    @inlinable package static var sig: RRType { RRType(rawValue: 24) }
    @inlinable package static var key: RRType { RRType(rawValue: 25) }
    @inlinable package static var px: RRType { RRType(rawValue: 26) }
    @inlinable package static var gpos: RRType { RRType(rawValue: 27) }
    @inlinable package static var aaaa: RRType { RRType(rawValue: 28) }
    @inlinable package static var loc: RRType { RRType(rawValue: 29) }
    @inlinable package static var nxt: RRType { RRType(rawValue: 30) }
    @inlinable package static var eid: RRType { RRType(rawValue: 31) }
    @inlinable package static var nimloc: RRType { RRType(rawValue: 32) }
    @inlinable package static var srv: RRType { RRType(rawValue: 33) }
    @inlinable package static var atma: RRType { RRType(rawValue: 34) }
    @inlinable package static var naptr: RRType { RRType(rawValue: 35) }
    @inlinable package static var kx: RRType { RRType(rawValue: 36) }
    @inlinable package static var cert: RRType { RRType(rawValue: 37) }
    @inlinable package static var a6: RRType { RRType(rawValue: 38) }
    @inlinable package static var dname: RRType { RRType(rawValue: 39) }
    @inlinable package static var sink: RRType { RRType(rawValue: 40) }
    @inlinable package static var opt: RRType { RRType(rawValue: 41) }
    @inlinable package static var apl: RRType { RRType(rawValue: 42) }
    @inlinable package static var ds: RRType { RRType(rawValue: 43) }
    @inlinable package static var sshfp: RRType { RRType(rawValue: 44) }
    @inlinable package static var ipseckey: RRType { RRType(rawValue: 45) }
    @inlinable package static var rrsig: RRType { RRType(rawValue: 46) }
    @inlinable package static var nsec: RRType { RRType(rawValue: 47) }
    @inlinable package static var dnskey: RRType { RRType(rawValue: 48) }
    @inlinable package static var dhcid: RRType { RRType(rawValue: 49) }
    @inlinable package static var nsec3: RRType { RRType(rawValue: 50) }
    @inlinable package static var nsec3param: RRType { RRType(rawValue: 51) }
    @inlinable package static var tlsa: RRType { RRType(rawValue: 52) }
    @inlinable package static var smimea: RRType { RRType(rawValue: 53) }
    @inlinable package static var hip: RRType { RRType(rawValue: 55) }
    @inlinable package static var ninfo: RRType { RRType(rawValue: 56) }
    @inlinable package static var rkey: RRType { RRType(rawValue: 57) }
    @inlinable package static var talink: RRType { RRType(rawValue: 58) }
    @inlinable package static var cds: RRType { RRType(rawValue: 59) }
    @inlinable package static var cdnskey: RRType { RRType(rawValue: 60) }
    @inlinable package static var openpgpkey: RRType { RRType(rawValue: 61) }
    @inlinable package static var csync: RRType { RRType(rawValue: 62) }
    @inlinable package static var zonemd: RRType { RRType(rawValue: 63) }
    @inlinable package static var svcb: RRType { RRType(rawValue: 64) }
    @inlinable package static var https: RRType { RRType(rawValue: 65) }
    @inlinable package static var dsync: RRType { RRType(rawValue: 66) }
    @inlinable package static var hhit: RRType { RRType(rawValue: 67) }
    @inlinable package static var brid: RRType { RRType(rawValue: 68) }
    @inlinable package static var spf: RRType { RRType(rawValue: 99) }
    @inlinable package static var uinfo: RRType { RRType(rawValue: 100) }
    @inlinable package static var uid: RRType { RRType(rawValue: 101) }
    @inlinable package static var gid: RRType { RRType(rawValue: 102) }
    @inlinable package static var unspec: RRType { RRType(rawValue: 103) }
    @inlinable package static var nid: RRType { RRType(rawValue: 104) }
    @inlinable package static var l32: RRType { RRType(rawValue: 105) }
    @inlinable package static var l64: RRType { RRType(rawValue: 106) }
    @inlinable package static var lp: RRType { RRType(rawValue: 107) }
    @inlinable package static var eui48: RRType { RRType(rawValue: 108) }
    @inlinable package static var eui64: RRType { RRType(rawValue: 109) }
    @inlinable package static var nxname: RRType { RRType(rawValue: 128) }
    @inlinable package static var tkey: RRType { RRType(rawValue: 249) }
    @inlinable package static var tsig: RRType { RRType(rawValue: 250) }
    @inlinable package static var ixfr: RRType { RRType(rawValue: 251) }
    @inlinable package static var axfr: RRType { RRType(rawValue: 252) }
    @inlinable package static var mailb: RRType { RRType(rawValue: 253) }
    @inlinable package static var maila: RRType { RRType(rawValue: 254) }
    @inlinable package static var any: RRType { RRType(rawValue: 255) }
    @inlinable package static var uri: RRType { RRType(rawValue: 256) }
    @inlinable package static var caa: RRType { RRType(rawValue: 257) }
    @inlinable package static var avc: RRType { RRType(rawValue: 258) }
    @inlinable package static var doa: RRType { RRType(rawValue: 259) }
    @inlinable package static var amtrelay: RRType { RRType(rawValue: 260) }
    @inlinable package static var resinfo: RRType { RRType(rawValue: 261) }
    @inlinable package static var wallet: RRType { RRType(rawValue: 262) }
    @inlinable package static var cla: RRType { RRType(rawValue: 263) }
    @inlinable package static var ipn: RRType { RRType(rawValue: 264) }
    @inlinable package static var ta: RRType { RRType(rawValue: 32768) }
    @inlinable package static var dlv: RRType { RRType(rawValue: 32769) }
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
