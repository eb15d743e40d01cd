/// Presentation form to wire, for names and type mnemonics; an implementation independent of the product's.
enum Wire {
    static let types: [String: UInt16] = [
        "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "WKS": 11, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16,
        "RP": 17,
        "SIG": 24, "KEY": 25, "AAAA": 28, "LOC": 29, "SRV": 33, "NAPTR": 35, "DNAME": 39, "OPT": 41,
        "APL": 42,
        "DS": 43, "SSHFP": 44, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "DHCID": 49, "NSEC3": 50,
        "NSEC3PARAM": 51,
        "TLSA": 52, "HIP": 55, "CDS": 59, "CDNSKEY": 60, "CSYNC": 62, "SVCB": 64, "HTTPS": 65, "SPF": 99,
        "TKEY": 249, "TSIG": 250, "IXFR": 251, "AXFR": 252, "MAILB": 253, "MAILA": 254, "ANY": 255,
        "URI": 256,
        "CAA": 257,
    ]
    static let mnemonics: [UInt16: String] = Dictionary(uniqueKeysWithValues: types.map { ($1, $0) })
    static let rcodes = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
        "NOTAUTH", "NOTZONE",
    ]

    static func type(_ text: String) -> UInt16 {
        types[text] ?? UInt16(text.dropFirst(text.hasPrefix("TYPE") ? 4 : 0)) ?? 0
    }

    static func mnemonic(_ type: UInt16) -> String { mnemonics[type] ?? "TYPE\(type)" }

    static func rcode(_ code: UInt16) -> String {
        if code == 16 { return "BADVERS" }
        if code == 23 { return "BADCOOKIE" }
        return Int(code) < rcodes.count ? rcodes[Int(code)] : "RCODE\(code)"
    }

    /// The octets of a name; `\.` and `\DDD` are understood.
    ///
    /// "" and "." are the root.
    static func name(_ text: String) -> [UInt8] {
        var wire: [UInt8] = [], label: [UInt8] = []
        var octets = Array(text.utf8)[...]
        while let octet = octets.popFirst() {
            if octet == UInt8(ascii: "\\"), let next = octets.popFirst() {
                if next >= 48, next <= 57, octets.count >= 2 {
                    let digits = [next, octets.removeFirst(), octets.removeFirst()].map { Int($0) - 48 }
                    label.append(UInt8(truncatingIfNeeded: digits[0] * 100 + digits[1] * 10 + digits[2]))
                } else {
                    label.append(next)
                }
            } else if octet == UInt8(ascii: ".") {
                if !label.isEmpty { wire += [UInt8(label.count)] + label }
                label = []
            } else {
                label.append(octet)
            }
        }
        if !label.isEmpty { wire += [UInt8(label.count)] + label }
        return wire + [0]
    }

    static func u16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
    static func u32(_ value: UInt32) -> [UInt8] { u16(UInt16(value >> 16)) + u16(UInt16(value & 0xffff)) }

    /// One record from its parts.
    static func record(
        _ owner: [UInt8], type: UInt16, class klass: UInt16 = 1, ttl: UInt32 = 0, rdata: [UInt8] = []
    ) -> [UInt8] {
        owner + u16(type) + u16(klass) + u32(ttl) + u16(UInt16(rdata.count)) + rdata
    }
}

/// A query whose every octet can be bent.
struct WireQuery {
    var id = UInt16.random(in: 0...0xffff)
    /// The second 16 bits of the header: QR, opcode, flags, RCODE.
    var flags: UInt16 = 0
    var question: [UInt8]
    var questionCount: UInt16 = 1
    var answers: [[UInt8]] = []
    var authorities: [[UInt8]] = []
    var additionals: [[UInt8]] = []
    /// Counts that differ from what is there.
    var claimedCounts: (UInt16, UInt16, UInt16)?
    var trailing: [UInt8] = []
    var edns: EDNS?

    struct EDNS {
        var size: UInt16 = 1232
        var version: UInt8 = 0
        /// The 16 flag bits; DO is 0x8000.
        var flags: UInt16 = 0
        var options: [(code: UInt16, data: [UInt8])] = []
        var owner: [UInt8] = [0]

        var bytes: [UInt8] {
            let rdata = options.flatMap { Wire.u16($0.code) + Wire.u16(UInt16($0.data.count)) + $0.data }
            return owner + Wire.u16(41) + Wire.u16(size) + [0, version] + Wire.u16(flags)
                + Wire.u16(UInt16(rdata.count)) + rdata
        }
    }

    static let recursionDesired: UInt16 = 0x0100
    static let checkingDisabled: UInt16 = 0x0010
    static let authenticData: UInt16 = 0x0020

    init(_ name: String, _ type: String = "A", class klass: UInt16 = 1) {
        question = Wire.name(name) + Wire.u16(Wire.type(type)) + Wire.u16(klass)
    }

    var opcode: UInt16 {
        get { (flags >> 11) & 15 }
        set { flags = flags & ~(15 << 11) | newValue << 11 }
    }

    var bytes: [UInt8] {
        let additional = additionals + (edns.map { [$0.bytes] } ?? [])
        let counts =
            claimedCounts ?? (UInt16(answers.count), UInt16(authorities.count), UInt16(additional.count))
        return Wire.u16(id) + Wire.u16(flags) + Wire.u16(questionCount) + Wire.u16(counts.0)
            + Wire.u16(counts.1)
            + Wire.u16(counts.2) + question + (answers + authorities + additional).flatMap { $0 } + trailing
    }
}
