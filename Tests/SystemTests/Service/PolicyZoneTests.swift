import Foundation
import Testing

@Suite("Response policy zones")
struct PolicyZoneTests {
    static let policy = """
        $TTL 60
        @ SOA ns h 1 3600 900 604800 60
        @ NS ns
        nx.up.example CNAME .
        nodata.up.example CNAME *.
        pass.www.up.example CNAME rpz-passthru.
        drop.up.example CNAME rpz-drop.
        tcp.up.example CNAME rpz-tcp-only.
        data.up.example A 203.0.113.1
        data.up.example TXT "walled"
        alias.up.example CNAME www.other.example.
        *.wild.up.example CNAME .
        *.garden.up.example CNAME *.other.example.
        32.2.2.0.192.rpz-ip A 203.0.113.2
        32.9.0.0.127.rpz-client-ip CNAME .
        ns.other.example.rpz-nsdname CNAME .

        """

    @Test("Every trigger and action, from a zone of ours")
    func triggers() throws {
        let pair = try ResolverPair(
            """
            zones: [ { name: rpz.example, file: rpz.zone } ]
            rpz: [ { zone: rpz.example, log: true } ]
            """, files: ["rpz.zone": Self.policy])
        for _ in 0..<2 {
            #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
            #expect(try pair.ask("nx.up.example") == "NXDOMAIN")
            #expect(try pair.ask("nodata.up.example") == "NOERROR")
            #expect(try pair.ask("data.up.example") == "NOERROR 203.0.113.1")
            #expect(try pair.ask("data.up.example", "TXT") == "NOERROR \"walled\"")
            #expect(try pair.ask("a.b.wild.up.example") == "NXDOMAIN")
            #expect(try pair.ask("also.up.example") == "NOERROR 203.0.113.2")
            #expect(try pair.ask("www.up.example", from: "127.0.0.9") == "NXDOMAIN")
        }
        let blocked = try pair.resolver.dig("nx.up.example", "A")
        #expect(blocked.pseudo("EDE: 15") != nil, "\(blocked)")
        let truncated = try pair.resolver.dig("tcp.up.example", "A", "+ignore")
        #expect(truncated.hasFlag("tc") && truncated.answer.isEmpty, "\(truncated)")
        let dropped = try pair.resolver.dig("drop.up.example", "A", "+time=1")
        #expect(dropped.rcode.isEmpty, "\(dropped)")
        try pair.resolver.process.waitForError("[policy] matched")
    }

    @Test(
        "policy replaces every action of the zone",
        arguments: [
            ("nxdomain", "NXDOMAIN"), ("nodata", "NOERROR"), ("passthru", "NXDOMAIN"),
            ("disabled", "NXDOMAIN"),
            ("cname, target: www.other.example.", "NOERROR www.other.example. 198.51.100.1"),
        ])
    func override(_ policy: String, _ expected: String) throws {
        let pair = try ResolverPair(
            "rpz: [ { zone: rpz.example, file: rpz.zone, policy: \(policy), extended-error: filtered } ]",
            files: ["rpz.zone": "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nx.up.example A 203.0.113.1\n"])
        #expect(try pair.ask("x.up.example") == expected)
        let result = try pair.resolver.dig("x.up.example", "A")
        if policy == "nxdomain" || policy == "nodata" {
            #expect(result.pseudo("EDE: 17") != nil, "\(result)")
        }
    }

    @Test("An update of the policy zone takes effect without reload, cached answers included")
    func updates() throws {
        let pair = try ResolverPair(
            """
            zones:
              - { name: rpz.example, file: rpz.zone, update: [ { from: 127.0.0.1, action: allow } ] }
            rpz: [ { zone: rpz.example } ]
            """, files: ["rpz.zone": Self.policy])
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        let added = try pair.resolver.nsupdate(
            "zone rpz.example\nupdate add www.up.example.rpz.example 60 CNAME .")
        #expect(added.status == .exited(0), "\(added)")
        try pair.resolver.process.eventually("the new policy", within: 10) {
            (try? pair.ask("www.up.example")) == "NXDOMAIN"
        }
        _ = try pair.resolver.nsupdate(
            "zone rpz.example\nupdate delete www.up.example.rpz.example CNAME")
        try pair.resolver.process.eventually("the old policy", within: 10) {
            (try? pair.ask("www.up.example")) == "NOERROR 192.0.2.1"
        }
    }
}
