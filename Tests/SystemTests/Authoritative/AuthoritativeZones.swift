import Foundation

/// The zones of the authoritative suites, and the daemon that serves them all.
enum AuthoritativeZones {
    static let net = """
        $ORIGIN example.net.
        $TTL 3600
        @           SOA   ns1 hostmaster 2026010101 7200 900 1209600 300
                    NS    ns1
                    NS    ns2.example.org.
                    MX    10 mail
                    TXT   "v=spf1 -all"
                    CAA   0 issue "ca.example.net"
        ns1         A     192.0.2.53
                    AAAA  2001:db8::53
        mail        A     192.0.2.25
        www         A     192.0.2.1
                    A     192.0.2.2
                    AAAA  2001:db8::1
        MixedCase   A     192.0.2.11
        alias       CNAME www
        alias2      CNAME alias
        outside     CNAME www.example.invalid.
        nowhere     CNAME missing
        loop1       CNAME loop2
        loop2       CNAME loop1
        tocut       CNAME host.child
        towild      CNAME abc.wild
        a.b.ent     A     192.0.2.9
        *.wild      A     192.0.2.7
                    TXT   "from the wildcard"
        exact.wild  A     192.0.2.8
        *.cnamewild CNAME www
        mxwild      MX    10 some.wild
                    MX    20 ghost.ns1
        child       NS    ns.child
                    NS    ns2.example.org.
                    DS    12345 13 2 ( 49FD46E6C4B45C55D4AC69CBD3CD34AC1AFE51DE
                                       49FD46E6C4B45C55D4AC69CB )
        ns.child    A     192.0.2.54
                    AAAA  2001:db8::54
        sibling     NS    ns.child
        deep.child  A     192.0.2.99
        old         DNAME new
        host.new    A     192.0.2.20
        new         TXT   "the target of a DNAME"
        away        DNAME example.invalid.
        long        DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.net.
        unknown     TYPE731 \\# 6 abcdef012345
        generic     TYPE1 \\# 4 c0000205
        empty       TYPE65280 \\# 0
        _sip._tcp   SRV   10 20 5060 sip
        sip         A     192.0.2.60
        _8443._https.www HTTPS 1 svc alpn="h2"
        https       HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.61
                    A     192.0.2.61
        svcalias    HTTPS 0 https
        svc         SVCB  1 mail port=8443
        zerottl  0  A     192.0.2.30
        big         TXT   "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "5123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "6123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "7123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "8123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "9123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "a123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "b123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                    TXT   "c123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        e\\.scaped  A     192.0.2.31
        sp\\032ace  A     192.0.2.32
        hinfo       HINFO "RISC" "UNIX"

        """

    /// The zone of RFC 4592 2.2.1.
    static let wildcards = """
        $ORIGIN example.
        $TTL 3600
        @                      SOA ns.example.com. hostmaster.example.com. 1 7200 900 1209600 300
                               NS  ns.example.com.
                               NS  ns.example.net.
        *                      TXT "this is a wildcard"
        *                      MX  10 host1.example.
        sub.*                  TXT "this is not a wildcard"
        host1                  A   192.0.2.1
        _ssh._tcp.host1        SRV 0 0 22 host1.example.
        _ssh._tcp.host2        SRV 0 0 22 host2.example.
        subdel                 NS  ns.example.com.
        subdel                 NS  ns.example.net.

        """

    /// A delegation whose glue does not fit into 512 octets.
    static let glue: String = {
        let servers = (1...13).map {
            "big NS ns\($0).a-name-server-with-a-long-name-so-that-it-fills-the-message.big"
        }
        let addresses = (1...13).map {
            "ns\($0).a-name-server-with-a-long-name-so-that-it-fills-the-message.big AAAA 2001:db8::\($0)"
        }
        return """
            $ORIGIN glue.example.org.
            $TTL 3600
            @ SOA ns.example.com. hostmaster.example.com. 1 7200 900 1209600 300
            @ NS ns.example.com.
            \((servers + addresses).joined(separator: "\n"))

            """
    }()

    /// A zone with a child zone that the same server has.
    static let parent = """
        $ORIGIN parent.example.org.
        $TTL 3600
        @       SOA ns hostmaster 1 7200 900 1209600 300
                NS  ns
        ns      A   192.0.2.53
        kid     NS  ns
        tokid   CNAME www.kid

        """
    static let kid = """
        $ORIGIN kid.parent.example.org.
        $TTL 3600
        @       SOA ns.parent.example.org. hostmaster 7 7200 900 1209600 300
                NS  ns.parent.example.org.
        www     A   192.0.2.71

        """

    static let configuration = """
        server: { workers: 1, state-directory: state, identity: ns1.example.net, version: "a test", nsid: "torii-test" }
        listen:
          - { address: 127.0.0.1, port: $PORT }
          - { address: "::1", port: $PORT }
        control: { socket: torii.sock }
        recursion: { enabled: false }
        zones:
          - { name: example.net, kind: primary, file: net.zone, transfer: [ { from: 127.0.0.0/8 } ] }
          - { name: example, kind: primary, file: wildcards.zone }
          - { name: glue.example.org, kind: primary, file: glue.zone }
          - { name: parent.example.org, kind: primary, file: parent.zone }
          - { name: kid.parent.example.org, kind: primary, file: kid.zone }

        """

    static let files = [
        "net.zone": net, "wildcards.zone": wildcards, "glue.zone": glue, "parent.zone": parent,
        "kid.zone": kid,
    ]

    /// The server that every suite here asks; it stops with the test program.
    ///
    /// `TORII_SUBJECT` may name `nsd`, `knotd` or `named` instead: then the cases themselves are on trial.
    static let subject = Result { () throws -> Subject in
        guard let name = ProcessInfo.processInfo.environment["TORII_SUBJECT"] else {
            let daemon = try Daemon(configuration, files: files)
            return Subject(port: daemon.port, owner: daemon)
        }
        let peer = try Self.peer(name)
        return Subject(port: peer.port, owner: peer)
    }

    private static func peer(_ name: String) throws -> Peer {
        let directory = try TemporaryDirectory()
        let zones = [
            "example.net": net, "example": wildcards, "glue.example.org": glue, "parent.example.org": parent,
            "kid.parent.example.org": kid,
        ]
        switch name {
        case "nsd": return try Peer.nsd(zones: zones, in: directory)
        case "named":
            let blocks = zones.keys.map { "zone \"\($0)\" { type primary; file \"\($0).zone\"; };" }
            return try Peer.named(
                options: "recursion no; check-names primary ignore;",
                rest: blocks.joined(separator: "\n"),
                files: Dictionary(uniqueKeysWithValues: zones.map { ("\($0).zone", $1) }), in: directory)
        case "knotd":
            let blocks = zones.keys.map { "  - domain: \($0)\n    file: \(directory.path)/\($0).zone" }
            return try Peer.knotd(
                "zone:\n" + blocks.joined(separator: "\n"),
                files: Dictionary(uniqueKeysWithValues: zones.map { ("\($0).zone", $1) }), in: directory)
        default: throw HarnessError.missing(name)
        }
    }
}

/// The server that answers the cases, whichever it is.
struct Subject: Sendable {
    let port: UInt16
    let owner: any Sendable

    func dig(_ words: [String], server: String = "127.0.0.1") throws -> DigResult {
        try DigResult(
            Tool.run("dig", ["-r", "@\(server)", "-p", String(port), "+tries=1", "+time=5"] + words))
    }
}
