import Foundation

/// RFC 6891, 7766, 7828, 7873, 8906, 8914: what surrounds the answer.
extension DigCase {
    private static let www = ["www.example.net. 3600 A 192.0.2.1", "www.example.net. 3600 A 192.0.2.2"]
    private static let apex = [soa.replacingOccurrences(of: " 300 SOA", with: " 3600 SOA")]

    static let extensions: [DigCase] = [
        DigCase(
            "RFC 6891 6.1.1: no OPT in the query, none in the response", "www.example.net A +norec +noedns",
            answer: www,
            absent: ["OPT PSEUDOSECTION"]),
        DigCase(
            "RFC 6891 6.1.1: OPT in the query, OPT in the response", "www.example.net A +norec", answer: www,
            pseudo: ["EDNS: version: 0"]),
        DigCase(
            "RFC 6891 6.1.1: OPT in the query, OPT in the response, also when the opcode is unknown",
            "www.example.net A +norec +opcode=15", rcode: "NOTIMP", flags: "qr",
            pseudo: ["EDNS: version: 0"]),
        DigCase(
            "RFC 6891 6.1.1: OPT in the query, OPT in the response, also when there is no question",
            "+norec +header-only +nocookie +edns=0", rcode: "FORMERR", flags: "qr",
            pseudo: ["EDNS: version: 0"]),
        DigCase(
            "RFC 6891 6.2.3: a size below 512 means 512", "www.example.net A +norec +bufsize=100", answer: www
        ),
        DigCase(
            "RFC 6891 6.2.5: a small size truncates", "big.example.net TXT +norec +bufsize=512 +ignore",
            flags: "qr aa tc"),
        DigCase(
            "RFC 1035 4.2.1: without EDNS the limit is 512", "big.example.net TXT +norec +noedns +ignore",
            flags: "qr aa tc"),
        DigCase(
            "RFC 2181 9: what does not fit is fetched over TCP", "big.example.net TXT +norec +bufsize=512",
            absent: [" tc"]),
        DigCase("RFC 7766 5: the same answer over TCP", "www.example.net A +norec +tcp", answer: www),
        DigCase(
            "RFC 7766 5: TCP without EDNS is not truncated", "big.example.net TXT +norec +tcp +noedns",
            flags: "qr aa"),
        DigCase(
            "RFC 7828 3.3.2: keepalive over TCP is answered", "www.example.net A +norec +tcp +keepalive",
            answer: www, pseudo: ["TCP KEEPALIVE"]),
        DigCase(
            "RFC 7828 3.2.2: keepalive over UDP is ignored", "www.example.net A +norec +notcp +keepalive",
            answer: www, absent: ["KEEPALIVE"]),
        DigCase(
            "RFC 7873 5.2.3: a client cookie gets a server cookie",
            "www.example.net A +norec +cookie=0123456789abcdef", answer: www,
            pseudo: ["COOKIE: 0123456789abcdef"]),
        DigCase(
            "RFC 7873 5.2.2: a cookie of the wrong length is a format error",
            "www.example.net A +norec +nocookie +ednsopt=10:0123", rcode: "FORMERR", flags: "qr"),
        DigCase(
            "RFC 7873 5.2.4: a wrong server cookie is answered with a good one",
            "www.example.net A +norec +cookie=0123456789abcdef00112233445566778899aabbccddeeff", answer: www,
            pseudo: ["COOKIE: 0123456789abcdef01"],
            absent: ["COOKIE: 0123456789abcdef0011"]),
        DigCase(
            "RFC 8914 4.21: a refusal carries an extended error", "www.example.com A +norec",
            rcode: "REFUSED", flags: "qr", pseudo: ["EDE: "]),
        DigCase(
            "RFC 9824 3.5: a question for NXNAME is a format error with extended error 30",
            "www.example.net TYPE128 +norec", rcode: "FORMERR", flags: "qr", pseudo: ["EDE: 30"]),
        DigCase(
            "RFC 8914 3: no EDNS, no extended error", "www.example.com A +norec +noedns", rcode: "REFUSED",
            flags: "qr", absent: ["EDE"]),
        DigCase(
            "RFC 1035 4.1.1: RD is copied, RA is not set without recursion", "www.example.net A +rec",
            answer: www),
        DigCase(
            "RFC 6840 5.7: AD in the query does not set AD in the response",
            "www.example.net A +norec +adflag", answer: www),
        DigCase(
            "RFC 4035 3.1.6: CD is cleared in an authoritative answer", "www.example.net A +norec +cdflag",
            flags: "qr aa", answer: www
        ),
        DigCase(
            "RFC 3225 3: DO is copied", "www.example.net A +norec +dnssec", answer: www,
            pseudo: ["EDNS: version: 0, flags: do"]),
    ]

    /// The tests of RFC 8906 8 in its own words; `dig` options are those printed there.
    static let compliance: [DigCase] = [
        DigCase(
            "RFC 8906 8.1.1: is the server configured for the zone", "+noedns +noad +norec example.net SOA",
            answer: apex, absent: ["OPT"]),
        DigCase(
            "RFC 8906 8.1.2: unknown types", "+noedns +noad +norec example.net TYPE1000", answer: [],
            authority: [soa], absent: ["OPT"]),
        DigCase(
            "RFC 8906 8.1.3.1: CD=1", "+noedns +noad +norec +cd example.net SOA", flags: nil, answer: apex),
        DigCase("RFC 8906 8.1.3.2: AD=1", "+noedns +norec +ad example.net SOA", flags: nil, answer: apex),
        DigCase(
            "RFC 8906 8.1.3.3: the reserved bit", "+noedns +noad +norec +zflag example.net SOA", answer: apex,
            absent: ["MBZ"]),
        DigCase("RFC 8906 8.1.3.4: RD=1", "+noedns +noad +rec example.net SOA", answer: apex),
        DigCase(
            "RFC 8906 8.1.4: unknown opcodes", "+noedns +noad +opcode=15 +norec +header-only",
            rcode: "NOTIMP", flags: nil),
        DigCase("RFC 8906 8.1.5: TCP", "+noedns +noad +norec +tcp example.net SOA", answer: apex),
        DigCase(
            "RFC 8906 8.2.1: EDNS version 0", "+nocookie +edns=0 +noad +norec example.net SOA", answer: apex,
            pseudo: ["EDNS: version: 0"]),
        DigCase(
            "RFC 8906 8.2.2: EDNS version 1", "+nocookie +edns=1 +noednsneg +noad +norec example.net SOA",
            rcode: "BADVERS", flags: nil, answer: [], pseudo: ["EDNS: version: 0"]),
        DigCase(
            "RFC 8906 8.2.3: an unknown option",
            "+nocookie +edns=0 +noad +norec +ednsopt=100 example.net SOA", answer: apex,
            pseudo: ["EDNS: version: 0"], absent: ["OPT=100"]),
        DigCase(
            "RFC 8906 8.2.4: an unknown flag",
            "+nocookie +edns=0 +noad +norec +ednsflags=0x40 example.net SOA", answer: apex,
            pseudo: ["EDNS: version: 0"], absent: ["MBZ"]),
        DigCase(
            "RFC 8906 8.2.5: version 1 and an unknown flag",
            "+nocookie +edns=1 +noednsneg +noad +norec +ednsflags=0x40 example.net SOA", rcode: "BADVERS",
            flags: nil, answer: [], pseudo: ["EDNS: version: 0"], absent: ["MBZ"]),
        DigCase(
            "RFC 8906 8.2.6: version 1 and an unknown option",
            "+nocookie +edns=1 +noednsneg +noad +norec +ednsopt=100 example.net SOA", rcode: "BADVERS",
            flags: nil, answer: [], absent: ["OPT=100"]),
        DigCase(
            "RFC 8906 8.2.7: truncated responses carry OPT",
            "+norec +dnssec +bufsize=512 +ignore big.example.net TXT", flags: "qr aa tc",
            pseudo: ["EDNS: version: 0, flags: do"]),
        DigCase(
            "RFC 8906 8.2.8: DO=1", "+nocookie +edns=0 +noad +norec +dnssec example.net SOA", answer: apex,
            pseudo: ["EDNS: version: 0, flags: do"]),
        DigCase(
            "RFC 8906 8.2.9: version 1 and DO=1",
            "+nocookie +edns=1 +noednsneg +noad +norec +dnssec example.net SOA", rcode: "BADVERS", flags: nil,
            answer: []),
        DigCase(
            "RFC 8906 8.2.10: several defined options",
            "+edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0 example.net SOA", answer: apex,
            pseudo: ["EDNS: version: 0"]),
    ]
}
