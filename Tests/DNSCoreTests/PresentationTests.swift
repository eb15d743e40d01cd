import Testing

@testable import DNSCore

@Suite struct PresentationTests {
    private func records(_ text: String) throws -> [ResourceRecord] {
        try ResourceRecord.parsing(text, origin: try Name("example.net"), defaultTTL: nil)
    }

    @Test("Every record reads back from its own presentation", arguments: [MixedZone.common, MixedZone.rare])
    func roundTrip(text: String) throws {
        for record in try records(MixedZone.head + text) {
            #expect(record.data.isWellFormed(as: record.type), "\(record)")
            #expect(try ResourceRecord(parsing: record.description) == record)
            #expect(
                !record.description.contains("\\#") || record.owner.description.hasPrefix("generic")
                    || record.type == .null || record.type == .uinfo, "\(record)")
        }
    }

    @Test("A written zone reads back the same, record for record")
    func writer() throws {
        let original = try records(MixedZone.head + MixedZone.common + MixedZone.rare)
        var writer = ZoneTextWriter(
            origin: try Name("example.net"), defaultTTL: 3600, comments: ["a\nb A 192.0.2.1"])
        for record in original { writer.write(record) }
        #expect(try records(String(decoding: writer.take(), as: UTF8.self)) == original)
    }

    @Test("Any type's well-formed octets survive text; other octets never crash")
    func property() throws {
        var random = SystemRandomNumberGenerator()
        let samples = try records(MixedZone.head + MixedZone.common + MixedZone.rare)
        for sample in samples {
            for _ in 0..<40 {
                var octets = sample.data.octets
                switch Int.random(in: 0..<4, using: &random) {
                case 0: octets = (0..<Int.random(in: 0..<40)).map { _ in UInt8.random(in: 0...255) }
                case 1: octets = Array(octets.dropLast(Int.random(in: 0...octets.count)))
                default: break
                }
                for _ in 0..<Int.random(in: 0..<3) where !octets.isEmpty {
                    octets[Int.random(in: 0..<octets.count)] = UInt8.random(in: 0...255)
                }
                let data = RecordData(octets)
                let text = data.presentation(as: sample.type)
                guard data.isWellFormed(as: sample.type) else { continue }
                #expect(try RecordData(parsing: text, as: sample.type) == data, "\(sample.type) \(text)")
            }
        }
    }

    @Test(
        "Service parameters follow RFC 9460 appendix D",
        arguments: [
            ("0 foo.example.com.", "000003666f6f076578616d706c6503636f6d00"),
            ("1 .", "000100"),
            ("16 foo.example.com. port=53", "001003666f6f076578616d706c6503636f6d00000300020035"),
            ("1 foo.example.com. key667=hello", "000103666f6f076578616d706c6503636f6d00029b000568656c6c6f"),
            (
                #"1 foo.example.com. key667="hello\210qoo""#,
                "000103666f6f076578616d706c6503636f6d00029b000968656c6c6fd2716f6f"
            ),
            (
                #"1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1""#,
                "000103666f6f076578616d706c6503636f6d0000060020"
                    + "20010db800000000000000000000000120010db8000000000000000000530001"
            ),
            (
                #"16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1"#,
                "001003666f6f076578616d706c65036f7267000000000400010004000100090268320568332d313900040004c0000201"
            ),
            (
                #"16 foo.example.org. alpn="f\\\\oo\\,bar,h2""#,
                "001003666f6f076578616d706c65036f726700000100" + "0c08665c6f6f2c626172026832"
            ),
            (
                #"16 foo.example.org. alpn=f\\\092oo\092,bar,h2"#,
                "001003666f6f076578616d706c65036f726700000100" + "0c08665c6f6f2c626172026832"
            ),
        ])
    func serviceParameters(text: String, wire: String) throws {
        let data = try RecordData(parsing: text, as: .svcb)
        #expect(data.octets.map { String(Int($0) + 256, radix: 16).dropFirst() }.joined() == wire)
    }

    @Test(
        "Broken service parameters are refused (RFC 9460 D.3)",
        arguments: [
            "1 foo.example.com. key123=abc key123=def", "1 foo.example.com. mandatory",
            "1 foo.example.com. alpn",
            "1 foo.example.com. port", "1 foo.example.com. ipv4hint",
            "1 foo.example.com. no-default-alpn=abc",
            "1 foo.example.com. mandatory=key123", "1 foo.example.com. mandatory=mandatory",
            "1 foo.example.com. mandatory=key123,key123 key123=abc", "1 foo.example.com. port=65536",
            "1 foo.example.com. key65535=x", "1 foo.example.com. alpn=h2,,h3", "1 foo.example.com. nosuch=1",
        ])
    func brokenServiceParameters(text: String) {
        #expect(throws: ZoneTextError.self) { try RecordData(parsing: text, as: .svcb) }
    }

    @Test(
        "Text that is not a record is refused",
        arguments: [
            "a A 192.0.2", "a A 192.0.2.01", "a AAAA 1::2::3", "a AAAA 12345::", "a AAAA ::1.2.3", "a MX a",
            "a MX 65536 a",
            "a SOA a b 1 2 3 4", "a NS a..b", "a NS \(String(repeating: "x", count: 64))", "a TXT",
            "a TXT \"x",
            "a TXT \\300", "a DS 1 8 2 0", "a DS 1 8 2",
            "a RRSIG A 8 2 1 20241301000000 20240101000000 1 . AA==",
            "a NSEC3 1 0 0 - 0 A", "a CAA 0 i-s x", "a EUI48 00-00-5e-00-53", "a LOC 91 N 0 E 0m",
            "a TYPE1234 x",
            "a TYPE1234 \\# 2 00", "a APL 1:192.0.2.0/33", "a HIP 2 0 AA==", "a DNSKEY 256 3 8 A",
            "a OPT \\# 0",
            "a ANY", "a TYPE0 \\# 0", "a TSIG \\# 0", "a ZONEMD 1 1 1 0011223344", "a DHCID AA==", "", "a",
            "a 60 IN", "a 99999999999 A 192.0.2.1",
            "a A 192.0.2.1 x",
        ])
    func refused(text: String) {
        #expect(throws: ZoneTextError.self) { try ResourceRecord(parsing: text) }
    }

    @Test("IPv6 addresses are shown as RFC 5952 says")
    func addresses() throws {
        for (text, shown) in [
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:0db8::0001", "2001:db8::1"),
            ("0:0:0:0:0:0:0:0", "::"),
            ("1:0:0:0:0:0:0:0", "1::"), ("1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
            ("::1.2.3.4", "::102:304"),
        ] {
            #expect(try RecordData(parsing: text, as: .aaaa).presentation(as: .aaaa) == shown)
        }
    }
}
