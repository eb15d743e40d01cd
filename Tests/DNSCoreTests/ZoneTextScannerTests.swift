import Testing

@testable import DNSCore

@Suite struct ZoneTextScannerTests {
    /// Every record of `text`, as owner, TTL, type and data in hexadecimal; errors as their description.
    private func scan(
        _ text: String, options: ZoneTextOptions = ZoneTextOptions(allowsInclude: false)
    ) throws -> [String] {
        var scanner = ZoneTextScanner(
            text: Array(text.utf8), origin: try Name("example.net"), options: options)
        var result: [String] = []
        while true {
            do {
                guard try scanner.next() else { return result }
                let record = scanner.record()
                let data = record.data.octets.map { String(Int($0) + 0x100, radix: 16).dropFirst() }.joined()
                result.append("\(scanner.line) \(record.owner) \(record.ttl) \(record.type) \(data)")
            } catch {
                result.append(error.description)
            }
        }
    }

    @Test("Directives, relative names, blank owners, parentheses and comments are understood")
    func grammar() throws {
        let records = try scan(
            """
            $TTL 1h
            @ IN SOA ns1 host ( 1 ; serial
                2h 3m 4w 5 )
              NS ns1
            ns1 60 A 192.0.2.1 ; comment
                IN 1m AAAA 2001:db8::1
            $ORIGIN sub
            a\\.b TXT "x;y" z\\"\\065
            $ORIGIN sub.example.net.
            w MX 10 @

            """)
        #expect(
            records == [
                "2 example.net. 3600 SOA 036e7331076578616d706c65036e65740004686f7374076578616d706c65036e65740000000001"
                    + "00001c20000000b40024ea0000000005",
                "4 example.net. 3600 NS 036e7331076578616d706c65036e657400",
                "5 ns1.example.net. 60 A c0000201",
                "6 ns1.example.net. 60 AAAA 20010db8000000000000000000000001",
                "8 a\\.b.sub.example.net. 3600 TXT 03783b79037a2241",
                "10 w.sub.example.net. 3600 MX 000a03737562076578616d706c65036e657400",
            ])
    }

    @Test("A reader goes on behind each error, which names its line and column")
    func errors() throws {
        let records = try scan(
            """
            a A 192.0.2.1
            a 60 A 192.0.2.1 7
            b A 192.0.2.256
            c FOO x
            d CH A 192.0.2.1
            e TXT "open
            f A ( 192.0.2.2
            ) )
            $NOPE
            g A \\# 3 010203
            h A 192.0.2.3
            i ANY
            """)
        #expect(
            records == [
                "text:1: no TTL, and no $TTL before",
                "text:2:18: unexpected '7' after the record",
                "text:3:5: '192.0.2.256' is not an IPv4 address",
                "text:4:3: unknown record type 'FOO'",
                "text:5:3: class CH is not the zone's",
                "text:6:8: unbalanced quotation mark",
                "text:8:3: unbalanced parenthesis",
                "text:9:1: unknown directive '$NOPE'",
                "text:10: malformed A record data",
                "11 h.example.net. 60 A c0000203",
                "text:12:3: class ANY is not the zone's",
            ])
    }
}
