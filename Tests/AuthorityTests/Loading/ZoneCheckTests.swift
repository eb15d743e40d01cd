import DNSCore
import Testing

@testable import Authority

@Suite struct ZoneCheckTests {
    static let head = "$TTL 300\n@ SOA ns1 host 1 7200 3600 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n"

    private func load(_ text: String, head: String = head) throws -> ZoneLoader.Loaded {
        try ZoneLoader.load(text: Array((head + text).utf8), name: "zone", apex: .of("example.org"))
    }

    @Test(
        "What makes a zone unservable is refused with its line",
        arguments: [
            (
                "@ SOA ns1 host 2 7200 3600 1209600 60",
                ZoneError.repeatedSOA(.of("example.org"), ZonePlace(file: "zone", line: 5))
            ),
            (
                "sub SOA ns1 host 2 7200 3600 1209600 60",
                .repeatedSOA(.of("sub.example.org"), ZonePlace(file: "zone", line: 5))
            ),
            (
                "www.example.net. A 192.0.2.1",
                .outsideZone(.of("www.example.net"), ZonePlace(file: "zone", line: 5))
            ),
            (
                "www A 192.0.2.1\nwww CNAME ns1",
                .cnameBesideData(.of("www.example.org"), ZonePlace(file: "zone", line: 6))
            ),
            (
                "www CNAME a\nwww CNAME b",
                .repeatedCNAME(.of("www.example.org"), ZonePlace(file: "zone", line: 6))
            ),
            (
                "www DNAME a\nwww DNAME b",
                .repeatedDNAME(.of("www.example.org"), ZonePlace(file: "zone", line: 6))
            ),
            (
                "d DNAME a\nx.y.d A 192.0.2.1",
                .belowDNAME(
                    .of("x.y.d.example.org"), dname: .of("d.example.org"), ZonePlace(file: "zone", line: 6))
            ),
        ])
    func refused(text: String, error: ZoneError) throws {
        #expect(throws: error) { try load(text) }
    }

    @Test("All faults of a file are told, in the order of its lines")
    func severalFaults() throws {
        let text = """
            www A 192.0.2.1
            www CNAME ns1
            b A 192.0.2.300
            b..c A 192.0.2.1
              A 192.0.2.400
              A 192.0.2.4
            f FROB 1
            www.example.net. A 192.0.2.1
            @ SOA ns1 host 2 7200 3600 1209600 60
            t TXT "open
            q CH A 192.0.2.1
            c CNAME a
            c CNAME b

            """
        let error = #expect(throws: ZoneError.self) { try load(text) }
        let lines = try #require(error).lines.map {
            $0.split(separator: ":").prefix(2).joined(separator: ":")
        }
        #expect(lines == [6, 7, 8, 9, 11, 12, 13, 14, 15, 17].map { "zone:\($0)" }, "\(error?.lines ?? [])")
        #expect("\(try #require(error))".hasSuffix("(and 9 more)"))
    }

    @Test("A hundred faults are told, more are counted")
    func manyFaults() throws {
        let text = String(repeating: "b A 192.0.2.300\n", count: 250)
        let lines = try #require(#expect(throws: ZoneError.self) { try load(text) }).lines
        #expect(lines.count == 101 && lines.last == "and 150 more")
    }

    @Test("One fault is told once: no SOA is missing where its line is wrong, no TTL on every line")
    func consequences() throws {
        let soa = "$TTL 5\n@ SOA ns1 host x 7200 3600 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n"
        #expect(try #require(#expect(throws: ZoneError.self) { try load("", head: soa) }).lines.count == 1)
        let ttl = "@ NS ns1\nns1 A 192.0.2.1\n@ 5 SOA ns1 host 1 7200 3600 1209600 60\n"
        #expect(try #require(#expect(throws: ZoneError.self) { try load("", head: ttl) }).lines.count == 1)
    }

    @Test("A zone needs a SOA and NS at its apex")
    func apex() throws {
        #expect(throws: ZoneError.noSOA(.of("example.org"))) { try load("$TTL 5\n@ NS ns1\n", head: "") }
        #expect(throws: ZoneError.noApexNS(.of("example.org"))) {
            try load("$TTL 5\n@ SOA ns1 host 1 7200 3600 1209600 60\n", head: "")
        }
    }

    @Test(
        "What is odd is served with a warning",
        arguments: [
            (
                "d DNAME a\nd NS ns1",
                ZoneWarning.nsBesideDNAME(.of("d.example.org"), ZonePlace(file: "zone", line: 6))
            ),
            (
                "sub NS ns1\nx.sub TXT a",
                .belowCut(.of("x.sub.example.org"), .txt, ZonePlace(file: "zone", line: 6))
            ),
            (
                "sub NS nobody",
                .nsWithoutAddress(
                    .of("sub.example.org"), server: .of("nobody.example.org"),
                    ZonePlace(file: "zone", line: 5))
            ),
            (
                "w 5 A 192.0.2.1\nw 6 A 192.0.2.2",
                .ttlDiffers(.of("w.example.org"), .a, ZonePlace(file: "zone", line: 6))
            ),
            (
                "w A 192.0.2.1\nw A 192.0.2.1",
                .repeatedRecord(.of("w.example.org"), .a, ZonePlace(file: "zone", line: 6))
            ),
            (
                "w MX 1 a\nw MX 1 A",
                .repeatedRecord(.of("w.example.org"), .mx, ZonePlace(file: "zone", line: 6))
            ),
        ])
    func warned(text: String, warning: ZoneWarning) throws {
        #expect(try load(text).warnings == [warning])
    }

    @Test("A clean zone has no warnings, and signatures may stand beside an alias")
    func clean() throws {
        let loaded = try load("www CNAME ns1\nwww NSEC x CNAME NSEC\nsub NS a.sub\na.sub A 192.0.2.4\n")
        #expect(loaded.warnings.isEmpty)
        #expect(loaded.recordCount == 7)
    }

    @Test("The smallest TTL of a set counts")
    func smallestTTL() throws {
        let zone = try load("w 5 A 192.0.2.1\nw 6 A 192.0.2.2").snapshot
        #expect(zone.rrset(at: .of("w.example.org"), type: .a)?.ttl == 5)
    }

    @Test("More records than allowed are refused")
    func limit() throws {
        let text = Array((Self.head + "a A 192.0.2.1\n").utf8)
        #expect(throws: ZoneError.tooManyRecords(limit: 3)) {
            try ZoneLoader.load(text: text, apex: .of("example.org"), recordLimit: 3)
        }
    }

    @Test("A large set is stored whole and without repetition")
    func largeSet() throws {
        var text = ""
        for number in 0..<3000 { text += "w TXT t\(number % 2990)\n" }
        let loaded = try load(text)
        #expect(loaded.snapshot.rrset(at: .of("w.example.org"), type: .txt)?.data.count == 2990)
        #expect(loaded.warningCount == 10)
    }
}
