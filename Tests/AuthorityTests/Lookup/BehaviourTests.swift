import DNSCore
import Testing

@testable import Authority

/// One behaviour of an RFC: a question, and what the sections must hold.
///
/// Records are zone-file text; nil is not compared.
struct Behaviour: Sendable, CustomTestStringConvertible {
    let title: String
    let name: String
    let type: RRType
    var code = "NOERROR"
    var isAuthoritative = true
    var answer: [String] = []
    var authority: [String]? = nil
    var additional: [String]? = nil

    var testDescription: String { title }
}

@Suite struct BehaviourTests {
    static let soa = "example. 300 SOA ns1.example. host.example. 1 7200 3600 1209600 300"
    static let longTarget =
        ["a", "b", "c"].map { String(repeating: $0, count: 63) }.joined(separator: ".") + ".dd."
    static let zone = """
        $TTL 3600
        @ SOA ns1 host 1 7200 3600 1209600 300
        @ NS ns1
        @ NS ns.other.test.
        @ MX 10 mail
        ns1 A 192.0.2.1
        mail A 192.0.2.2
        mail AAAA 2001:db8::2
        www CNAME web
        web A 192.0.2.3
        loop1 CNAME loop2
        loop2 CNAME loop1
        out CNAME www.outside.test.
        over CNAME host.other.test.
        dangling CNAME nothere
        into CNAME x.sub
        a.b.ent A 192.0.2.5
        *.wild A 192.0.2.6
        host.wild TXT "here"
        c.d.wild A 192.0.2.7
        *.cwild CNAME web
        dn DNAME web
        dn TXT "beside"
        dnsub DNAME ent
        sub NS ns1.sub
        sub NS ns.sib
        sub NS mail
        ns1.sub A 192.0.2.10
        sib NS ns.sib
        ns.sib A 192.0.2.12
        _s._tcp SRV 0 0 5060 mail
        alias HTTPS 0 web
        service HTTPS 1 . alpn=h2
        service A 192.0.2.20
        child NS ns1.child
        child DS 12345 13 2 0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20
        ns1.child A 192.0.2.30
        long DNAME \(longTarget)
        """
    static let other = """
        $TTL 60
        @ SOA ns host 1 7200 3600 1209600 60
        @ NS ns
        ns A 198.51.100.1
        host A 198.51.100.2
        """
    static let child = """
        $TTL 60
        @ SOA ns1 host 1 7200 3600 1209600 60
        @ NS ns1
        ns1 A 192.0.2.30
        """

    static let cases: [Behaviour] = [
        Behaviour(
            title: "RFC 1034 4.3.2 3a: an exact match is answered, additional addresses with it",
            name: "example", type: .mx,
            answer: ["example. 3600 MX 10 mail.example."], authority: [],
            additional: ["mail.example. 3600 A 192.0.2.2", "mail.example. 3600 AAAA 2001:db8::2"]),
        Behaviour(
            title: "RFC 4343 3: names are matched in any case", name: "WeB.eXample", type: .a,
            answer: ["web.example. 3600 A 192.0.2.3"]),
        Behaviour(
            title: "RFC 1034 3.6.2: an alias is followed within the zone", name: "www.example", type: .a,
            answer: ["www.example. 3600 CNAME web.example.", "web.example. 3600 A 192.0.2.3"]),
        Behaviour(
            title: "RFC 1034 3.6.2: a question for CNAME gets the alias alone", name: "www.example",
            type: .cname,
            answer: ["www.example. 3600 CNAME web.example."]),
        Behaviour(
            title: "RFC 2308 2.2: NODATA behind an alias carries the SOA", name: "www.example", type: .txt,
            answer: ["www.example. 3600 CNAME web.example."], authority: [soa]),
        Behaviour(
            title: "RFC 6604 3: NXDOMAIN behind an alias is the response's code", name: "dangling.example",
            type: .a,
            code: "NXDOMAIN", answer: ["dangling.example. 3600 CNAME nothere.example."], authority: [soa]),
        Behaviour(
            title: "RFC 1034 3.6.2: aliases in a circle are given once", name: "loop1.example", type: .a,
            answer: ["loop1.example. 3600 CNAME loop2.example.", "loop2.example. 3600 CNAME loop1.example."],
            authority: []),
        Behaviour(
            title: "RFC 1034 4.3.2 3a: an alias out of our zones ends the answer", name: "out.example",
            type: .a,
            answer: ["out.example. 3600 CNAME www.outside.test."], authority: []),
        Behaviour(
            title: "RFC 1034 4.3.2 3a: an alias into another zone of ours is followed there",
            name: "over.example",
            type: .a,
            answer: ["over.example. 3600 CNAME host.other.test.", "host.other.test. 60 A 198.51.100.2"]),
        Behaviour(
            title: "RFC 1034 4.3.2 3b: an alias to below a cut ends in a referral, AA for the alias",
            name: "into.example", type: .a, answer: ["into.example. 3600 CNAME x.sub.example."],
            authority: [
                "sub.example. 3600 NS mail.example.", "sub.example. 3600 NS ns.sib.example.",
                "sub.example. 3600 NS ns1.sub.example.",
            ]),
        Behaviour(
            title: "RFC 2308 2.1 and 3: NXDOMAIN carries the SOA with the lesser TTL", name: "none.example",
            type: .a,
            code: "NXDOMAIN", authority: [soa]),
        Behaviour(
            title: "RFC 4592 2.2.2: an empty non-terminal exists", name: "b.ent.example", type: .a,
            authority: [soa]),
        Behaviour(
            title: "RFC 4592 3.3.1: a wildcard answers below the closest encloser", name: "x.y.wild.example",
            type: .a,
            answer: ["x.y.wild.example. 3600 A 192.0.2.6"]),
        Behaviour(
            title: "RFC 4592 3.3.1: a wildcard does not answer for a name that exists",
            name: "host.wild.example",
            type: .a, authority: [soa]),
        Behaviour(
            title: "RFC 4592 3.3.1: an empty non-terminal hides the wildcard from names below it",
            name: "x.d.wild.example", type: .a, code: "NXDOMAIN", authority: [soa]),
        Behaviour(
            title: "RFC 4592 2.3: the wildcard's own name can be asked", name: "*.wild.example", type: .a,
            answer: ["*.wild.example. 3600 A 192.0.2.6"]),
        Behaviour(
            title: "RFC 4592 3.3.3: a wildcard CNAME is followed", name: "q.cwild.example", type: .a,
            answer: ["q.cwild.example. 3600 CNAME web.example.", "web.example. 3600 A 192.0.2.3"]),
        Behaviour(
            title: "RFC 2308 2.2: a type that the wildcard has not is NODATA", name: "q.wild.example",
            type: .aaaa,
            authority: [soa]),
        Behaviour(
            title: "RFC 6672 3.1: a DNAME makes a CNAME with its TTL", name: "x.dn.example", type: .a,
            code: "NXDOMAIN",
            answer: ["dn.example. 3600 DNAME web.example.", "x.dn.example. 3600 CNAME x.web.example."],
            authority: [soa]),
        Behaviour(
            title: "RFC 6672 2.3: the DNAME's owner itself is not redirected", name: "dn.example", type: .txt,
            answer: ["dn.example. 3600 TXT \"beside\""]),
        Behaviour(
            title: "RFC 6672 3.2: the name made by a DNAME is looked up", name: "a.b.dnsub.example", type: .a,
            answer: [
                "a.b.dnsub.example. 3600 CNAME a.b.ent.example.", "a.b.ent.example. 3600 A 192.0.2.5",
                "dnsub.example. 3600 DNAME ent.example.",
            ]),
        Behaviour(
            title: "RFC 6672 3.2: a question for CNAME gets the made one and is done",
            name: "a.b.dnsub.example",
            type: .cname,
            answer: [
                "a.b.dnsub.example. 3600 CNAME a.b.ent.example.", "dnsub.example. 3600 DNAME ent.example.",
            ]),
        Behaviour(
            title: "RFC 6672 2.2: a name that becomes too long is YXDOMAIN",
            name: String(repeating: "x", count: 62) + ".long.example", type: .a, code: "YXDOMAIN",
            answer: ["long.example. 3600 DNAME " + longTarget]),
        Behaviour(
            title: "RFC 1034 4.3.2 3b, RFC 9471: a referral has glue; sibling glue and data of the zone too",
            name: "x.sub.example", type: .a, isAuthoritative: false,
            authority: [
                "sub.example. 3600 NS mail.example.", "sub.example. 3600 NS ns.sib.example.",
                "sub.example. 3600 NS ns1.sub.example.",
            ],
            additional: [
                "mail.example. 3600 A 192.0.2.2", "mail.example. 3600 AAAA 2001:db8::2",
                "ns.sib.example. 3600 A 192.0.2.12", "ns1.sub.example. 3600 A 192.0.2.10",
            ]),
        Behaviour(
            title: "RFC 2181 6.1: glue is not answered, but referred", name: "ns1.sub.example", type: .a,
            isAuthoritative: false,
            authority: [
                "sub.example. 3600 NS mail.example.", "sub.example. 3600 NS ns.sib.example.",
                "sub.example. 3600 NS ns1.sub.example.",
            ]),
        Behaviour(
            title: "RFC 4035 3.1.4.1: DS at a cut is the parent's to answer", name: "child.example",
            type: .ds,
            answer: [
                "child.example. 3600 DS 12345 13 2 0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
            ]),
        Behaviour(
            title: "RFC 4035 3.1.4.1: no DS at a cut is NODATA of the parent", name: "sub.example", type: .ds,
            authority: [soa]),
        Behaviour(
            title: "RFC 1034 4.2: the closest enclosing zone answers", name: "ns1.child.example", type: .a,
            answer: ["ns1.child.example. 60 A 192.0.2.30"]),
        Behaviour(
            title: "RFC 8482 4.1: ANY is answered with one set", name: "mail.example", type: .any,
            answer: ["mail.example. 3600 A 192.0.2.2"]),
        Behaviour(
            title: "RFC 2782: the addresses of an SRV record's target are additional",
            name: "_s._tcp.example",
            type: .srv, answer: ["_s._tcp.example. 3600 SRV 0 0 5060 mail.example."],
            additional: ["mail.example. 3600 A 192.0.2.2", "mail.example. 3600 AAAA 2001:db8::2"]),
        Behaviour(
            title: "RFC 9460 4.1: the addresses of an alias's target are additional", name: "alias.example",
            type: .https, answer: ["alias.example. 3600 HTTPS 0 web.example."],
            additional: ["web.example. 3600 A 192.0.2.3"]),
        Behaviour(
            title: "RFC 9460 2.5: a service at `.` has its own addresses", name: "service.example",
            type: .https,
            answer: ["service.example. 3600 HTTPS 1 . alpn=\"h2\""],
            additional: ["service.example. 3600 A 192.0.2.20"]),
        Behaviour(
            title: "RFC 3597 5: an unknown type is NODATA where it is not", name: "web.example",
            type: RRType(rawValue: 65280), authority: [soa]),
    ]

    static func bench() throws -> LookupBench {
        try LookupBench(("example", zone), ("other.test", other), ("child.example", child))
    }

    @Test("Answers from zones follow the RFCs", arguments: cases)
    func behaviour(expected: Behaviour) throws {
        let (message, _) = try Self.bench().ask(expected.name, expected.type)
        #expect(message.responseCode.description == expected.code)
        #expect(message.flags.contains(.authoritative) == expected.isAuthoritative)
        #expect(!message.flags.contains(.truncated))
        #expect(texts(message.answers) == expected.answer.map { lowered($0) }.sorted())
        if let authority = expected.authority {
            #expect(texts(message.authorities) == authority.map { lowered($0) }.sorted())
        }
        if let additional = expected.additional {
            #expect(texts(message.additionals) == additional.map { lowered($0) }.sorted())
        }
    }

    /// Lower case but for the type, as ``texts(_:)`` has it.
    private func lowered(_ text: String) -> String {
        var parts = text.split(separator: " ", maxSplits: 3).map(String.init)
        parts[0] = parts[0].lowercased()
        parts[3] = parts[3].lowercased()
        return parts.joined(separator: " ")
    }

    @Test("A name in no zone of ours is none of our business")
    func notOurs() throws {
        #expect(try Self.bench().ask("elsewhere.invalid", .a).answer.kind == .notOurs)
    }

    @Test("RFC 6672 3.3: a DNAME that a chain comes by again is given once")
    func repeatedDNAME() throws {
        let text = Self.zone + "\nd1 DNAME x.d2\nd2 DNAME d1\n"
        let (message, _) = try LookupBench(("example", text)).ask("a.d1.example", .a)
        #expect(message.answers.count { $0.type == .dname } == 2)
        #expect(message.answers.count { $0.type == .cname } == ZoneLookup.aliasLimit + 1)
        #expect(Set(message.answers).count == message.answers.count)
    }

    @Test("The root zone refers, denies and answers")
    func root() throws {
        let bench = try LookupBench(
            (
                ".",
                """
                $TTL 60
                . SOA a.root. host. 1 7200 3600 1209600 60
                . NS a.root.
                a.root. A 192.0.2.1
                test. NS ns.test.
                ns.test. A 192.0.2.2
                """
            ))
        let (referral, _) = try bench.ask("www.example.test", .a)
        #expect(texts(referral.authorities) == ["test. 60 NS ns.test."])
        #expect(texts(referral.additionals) == ["ns.test. 60 A 192.0.2.2"])
        let (denial, _) = try bench.ask("nothing", .a)
        #expect(denial.responseCode == .nameError)
        #expect(texts(denial.authorities) == [". 60 SOA a.root. host. 1 7200 3600 1209600 60"])
        let (answer, _) = try bench.ask(".", .ns)
        #expect(texts(answer.answers) == [". 60 NS a.root."])
        #expect(texts(answer.additionals) == ["a.root. 60 A 192.0.2.1"])
    }

    @Test("A zone without contents cannot be served, its neighbours can")
    func notLoaded() throws {
        var bench = try Self.bench()
        let number = try #require(bench.catalog.number(of: .of("OTHER.test")))
        bench.catalog = bench.catalog.replacing(number, with: nil)
        #expect(try bench.ask("host.other.test", .a).answer.kind == .notLoaded)
        #expect(try bench.ask("web.example", .a).answer.kind == .answer)
    }

    @Test("RFC 9471 3.1: in-domain glue that does not fit sets TC")
    func truncatedGlue() throws {
        var text = Self.zone
        for number in 0..<20 { text += "\nbig NS ns\(number).big\nns\(number).big AAAA 2001:db8::\(number)" }
        let bench = try LookupBench(("example", text))
        let (whole, _) = try bench.ask("x.big.example", .a, limit: 1232)
        #expect(!whole.flags.contains(.truncated))
        #expect(whole.additionals.count == 20)
        let (cut, _) = try bench.ask("x.big.example", .a, limit: 512)
        #expect(cut.flags.contains(.truncated))
        #expect(cut.authorities.count == 20)
    }

    @Test("RFC 2181 9: an answer that does not fit sets TC, and no part of a set is given")
    func truncatedAnswer() throws {
        var text = Self.zone
        for number in 0..<60 { text += "\nmany A 192.0.2.\(number)" }
        let (message, _) = try LookupBench(("example", text)).ask("many.example", .a, limit: 512)
        #expect(message.flags.contains(.truncated))
        #expect(message.answers.isEmpty)
    }

    @Test("Additional data that does not fit is left out without TC")
    func optionalAdditional() throws {
        let (message, _) = try Self.bench().ask("example", .mx, limit: 12 + 13 + 21)
        #expect(!message.flags.contains(.truncated))
        #expect(message.answers.count == 1)
        #expect(message.additionals.isEmpty)
    }

    @Test("The same answers come from an overlay as from a table", arguments: cases)
    func overlay(expected: Behaviour) throws {
        // Every record but SOA and NS of the apex arrives by a change.
        let whole = try #require(try Self.bench().catalog[0])
        var start: [ResourceRecord] = []
        whole.forEachRRset { if $0.owner == Name.of("example") { start.append(contentsOf: $0.records) } }
        var edit = try ZoneSnapshot(apex: .of("example"), records: start).edit()
        whole.forEachRRset { edit.put($0) }
        var bench = try Self.bench()
        bench.catalog = bench.catalog.replacing(0, with: edit.commit())
        let (message, _) = try bench.ask(expected.name, expected.type)
        let (reference, _) = try Self.bench().ask(expected.name, expected.type)
        #expect(message.flags == reference.flags)
        #expect(texts(message.answers) == texts(reference.answers))
        #expect(texts(message.authorities) == texts(reference.authorities))
        #expect(texts(message.additionals) == texts(reference.additionals))
    }
}
