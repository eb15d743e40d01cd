/// Readers of the fields of DNSSEC and certificate records.
extension ZoneTextLexer {
    /// The token as the number or mnemonic of a DNSSEC algorithm (RFC 4034 A.1 and the IANA registry).
    func algorithm() throws(ZoneTextError.Reason) -> UInt8 {
        if tokenCount > 0, tokenStart[0] &- 48 < 10 {
            return UInt8(truncatingIfNeeded: try number(upTo: 255, .algorithm))
        }
        let names: [(StaticString, UInt8)] = [
            ("RSAMD5", 1), ("DH", 2), ("DSA", 3), ("RSASHA1", 5), ("DSA-NSEC3-SHA1", 6), ("NSEC3DSA", 6),
            ("RSASHA1-NSEC3-SHA1", 7), ("NSEC3RSASHA1", 7), ("RSASHA256", 8), ("RSASHA512", 10),
            ("ECC-GOST", 12),
            ("ECDSAP256SHA256", 13), ("ECDSAP384SHA384", 14), ("ED25519", 15), ("ED448", 16), ("SM2SM3", 17),
            ("ECC-GOST12", 23), ("INDIRECT", 252), ("PRIVATEDNS", 253), ("PRIVATEOID", 254),
        ]
        guard let found = names.first(where: { tokenIs($0.0) }) else { throw bad(.algorithm) }
        return found.1
    }

    /// The token as a certificate type (RFC 4398 2.1).
    func certificateType() throws(ZoneTextError.Reason) -> UInt16 {
        if tokenCount > 0, tokenStart[0] &- 48 < 10 {
            return UInt16(truncatingIfNeeded: try number(upTo: 65535, .certificateType))
        }
        let names: [(StaticString, UInt16)] = [
            ("PKIX", 1), ("SPKI", 2), ("PGP", 3), ("IPKIX", 4), ("ISPKI", 5), ("IPGP", 6), ("ACPKIX", 7),
            ("IACPKIX", 8), ("URI", 253), ("OID", 254),
        ]
        guard let found = names.first(where: { tokenIs($0.0) }) else { throw bad(.certificateType) }
        return found.1
    }

    /// The token as a scheme of a DSYNC record (RFC 9859 2.2).
    func scheme() throws(ZoneTextError.Reason) -> UInt8 {
        if tokenIs("NOTIFY") { return 1 }
        return UInt8(truncatingIfNeeded: try number(upTo: 255, .scheme))
    }

    /// The token as a signature's time: `YYYYMMDDHHmmSS` in UTC or seconds since 1970 (RFC 4034 3.2).
    func time() throws(ZoneTextError.Reason) -> UInt32 {
        guard tokenCount == 14 else {
            return UInt32(truncatingIfNeeded: try number(upTo: 0xffff_ffff, .time))
        }
        let value = Int(truncatingIfNeeded: try number(upTo: .max, .time))
        let date = value / 1_000_000
        let clock = value % 1_000_000
        let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100)
        let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100)
        guard year >= 1970, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            second < 61
        else { throw bad(.time) }
        let seconds =
            CivilTime.days(year: year, month: month, day: day) * 86_400 + hour * 3_600 + minute * 60 + second
        return UInt32(truncatingIfNeeded: seconds)
    }

    /// Appends this and all further tokens, which are types, as a bitmap (RFC 4034 4.1.2).
    mutating func readTypeBitmap(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        var bitmap = TypeBitmap()
        repeat { bitmap.insert(try recordType()) } while try nextToken()
        try data.append(bitmap.octets)
    }

    /// Appends this and all further tokens as the plain bitmap of an NXT record (RFC 2535 5.2).
    mutating func readNXTBitmap(into data: inout RDataBuffer) throws(ZoneTextError.Reason) {
        var bits: [UInt8] = []
        repeat {
            let type = Int(try recordType().rawValue)
            guard type < 128 else { throw bad(.type) }
            while bits.count <= type / 8 { bits.append(0) }
            bits[type / 8] |= 0x80 >> UInt8(type % 8)
        } while try nextToken()
        try data.append(bits)
    }
}

/// The proleptic Gregorian calendar in days since 1970, for signature times.
enum CivilTime {
    /// Days from 1970-01-01 to a date.
    static func days(year: Int, month: Int, day: Int) -> Int {
        // Years are counted from March, so that the leap day is the last one.
        let y = month <= 2 ? year - 1 : year
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// `YYYYMMDDHHmmSS` of seconds since 1970.
    static func digits(_ seconds: UInt32) -> Int {
        let z = Int(seconds) / 86_400 + 719_468
        let era = z / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let second = Int(seconds) % 86_400
        let date = year * 10_000 + month * 100 + day
        return date * 1_000_000 + second / 3_600 * 10_000 + second / 60 % 60 * 100 + second % 60
    }
}
