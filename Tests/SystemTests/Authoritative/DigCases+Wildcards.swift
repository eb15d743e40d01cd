/// RFC 4592: wildcards; 3597, 8482, 9460, 9471, 5001, CHAOS: record types and names that are special.
extension DigCase {
    private static let wildSOA =
        "example. 300 SOA ns.example.com. hostmaster.example.com. 1 7200 900 1209600 300"

    static let wildcards: [DigCase] = [
        DigCase(
            "RFC 4592 2.2.1: host3.example MX is synthesised", "host3.example MX +norec",
            answer: ["host3.example. 3600 MX 10 host1.example."]),
        DigCase(
            "RFC 4592 2.2.1: host3.example A is NODATA, for the wildcard exists", "host3.example A +norec",
            answer: [],
            authority: [wildSOA]),
        DigCase(
            "RFC 4592 2.2.1: foo.bar.example TXT is synthesised over two labels",
            "foo.bar.example TXT +norec",
            answer: ["foo.bar.example. 3600 TXT \"this is a wildcard\""]),
        DigCase(
            "RFC 4592 2.2.1: host1.example MX exists, so no synthesis", "host1.example MX +norec", answer: [],
            authority: [wildSOA]),
        DigCase(
            "RFC 4592 2.2.1: sub.*.example MX exists, so no synthesis", "sub.*.example MX +norec", answer: [],
            authority: [wildSOA]),
        DigCase(
            "RFC 4592 2.2.1: _telnet._tcp.host1.example has a closer encloser without wildcard",
            "_telnet._tcp.host1.example SRV +norec", rcode: "NXDOMAIN", answer: [], authority: [wildSOA]),
        DigCase(
            "RFC 4592 2.2.1: host.subdel.example is below a cut", "host.subdel.example A +norec", flags: "qr",
            answer: [],
            authority: ["subdel.example. 3600 NS ns.example.com.", "subdel.example. 3600 NS ns.example.net."]),
        DigCase(
            "RFC 4592 2.2.1: ghost.*.example MX: the asterisk label is the closest encloser",
            "ghost.*.example MX +norec",
            rcode: "NXDOMAIN", answer: [], authority: [wildSOA]),
        DigCase(
            "RFC 4592 2.2.1: the wildcard itself can be asked", "*.example TXT +norec",
            answer: ["*.example. 3600 TXT \"this is a wildcard\""]),
        DigCase(
            "RFC 4592 2.2.2: _tcp.host2.example is an empty non-terminal", "_tcp.host2.example A +norec",
            answer: [],
            authority: [wildSOA]),
        DigCase(
            "RFC 4592 3.3.1: a name that exists beside the wildcard is not synthesised",
            "exact.wild.example.net TXT +norec",
            answer: [], authority: [soa]),
        DigCase(
            "RFC 4592 3.3.1: below a name that exists there is no synthesis",
            "x.exact.wild.example.net A +norec",
            rcode: "NXDOMAIN", authority: [soa]),
        DigCase(
            "RFC 4592 4.3: a wildcard CNAME is followed", "any.cnamewild.example.net AAAA +norec",
            answer: [
                "any.cnamewild.example.net. 3600 CNAME www.example.net.",
                "www.example.net. 3600 AAAA 2001:db8::1",
            ]),
        DigCase(
            "RFC 4592 2.1.1: the owner of a synthesised record is the name asked, as asked",
            "FoO.wild.example.net A +norec",
            answer: ["FoO.wild.example.net. 3600 A 192.0.2.7"]),
    ]

    static let types: [DigCase] = [
        DigCase(
            "RFC 3597 5: a type without mnemonic", "unknown.example.net TYPE731 +norec",
            answer: ["unknown.example.net. 3600 TYPE731 \\# 6 ABCDEF012345"]),
        DigCase(
            "RFC 3597 5: a known type in generic form", "generic.example.net A +norec",
            answer: ["generic.example.net. 3600 A 192.0.2.5"]),
        DigCase(
            "RFC 3597 5: record data of length zero", "empty.example.net TYPE65280 +norec",
            answer: ["empty.example.net. 3600 TYPE65280 \\# 0"]),
        DigCase(
            "RFC 3597 3: an unknown type asked is NODATA", "www.example.net TYPE1000 +norec", answer: [],
            authority: [soa]),
        DigCase(
            "RFC 8659 4.1: CAA", "example.net CAA +norec",
            answer: ["example.net. 3600 CAA 0 issue \"ca.example.net\""]),
        DigCase(
            "RFC 8482 4: ANY over UDP is minimal", "www.example.net ANY +norec +notcp +ignore",
            flags: "qr aa",
            absent: ["2001:db8::1\nwww.example.net. 3600 IN A"]),
        DigCase(
            "RFC 8482 4: ANY for a name that does not exist stays NXDOMAIN",
            "missing.example.net ANY +norec +notcp",
            rcode: "NXDOMAIN", answer: [], authority: [soa]),
        DigCase(
            "RFC 9460 4.1: HTTPS in ServiceMode with the owner as target brings its addresses",
            "https.example.net HTTPS +norec",
            answer: ["https.example.net. 3600 HTTPS 1 . alpn=\"h2,h3\" ipv4hint=192.0.2.61"],
            additional: ["https.example.net. 3600 A 192.0.2.61"]),
        DigCase(
            "RFC 9460 4.1: SVCB brings the target's addresses", "svc.example.net SVCB +norec",
            answer: ["svc.example.net. 3600 SVCB 1 mail.example.net. port=8443"],
            additional: ["mail.example.net. 3600 A 192.0.2.25"]),
        DigCase(
            "RFC 9460 4.1: AliasMode brings the target's HTTPS and addresses",
            "svcalias.example.net HTTPS +norec",
            answer: ["svcalias.example.net. 3600 HTTPS 0 https.example.net."],
            additional: [
                "https.example.net. 3600 HTTPS 1 . alpn=\"h2,h3\" ipv4hint=192.0.2.61",
                "https.example.net. 3600 A 192.0.2.61",
            ]),
        DigCase(
            "RFC 9471 3.1: a referral whose in-domain glue does not fit is truncated",
            "x.big.glue.example.org A +norec +noedns +ignore", flags: "qr tc"),
        DigCase(
            "RFC 9471 3.1: over TCP all of the glue comes", "x.big.glue.example.org A +norec +tcp",
            flags: "qr",
            additional: (1...13).map {
                "ns\($0).a-name-server-with-a-long-name-so-that-it-fills-the-message.big.glue.example.org. 3600 AAAA 2001:db8::\($0)"
            }),
        DigCase(
            "RFC 5001: NSID when asked", "www.example.net A +norec +nsid",
            pseudo: ["NSID: 74 6f 72 69 69 2d 74 65 73 74"]),
        DigCase("RFC 5001: no NSID when not asked", "www.example.net A +norec", absent: ["NSID"]),
        DigCase(
            "RFC 4892: id.server CH TXT", "CH TXT id.server +norec", flags: nil,
            answer: ["id.server. 0 TXT \"ns1.example.net\""]),
        DigCase(
            "RFC 4892: hostname.bind CH TXT", "CH TXT hostname.bind +norec", flags: nil,
            answer: ["hostname.bind. 0 TXT \"ns1.example.net\""]),
        DigCase(
            "version.bind CH TXT says what the configuration says", "CH TXT version.bind +norec",
            flags: nil,
            answer: ["version.bind. 0 TXT \"a test\""]),
        DigCase(
            "Another name in class CH is refused", "CH TXT www.example.net +norec", rcode: "REFUSED",
            flags: nil, answer: []),
    ]
}
