import Testing

/// A script for `nsupdate`, and what the server must make of it.
struct UpdateCase: CustomTestStringConvertible, Sendable {
    let title: String
    let script: String
    /// The RCODE that `nsupdate` reports; nil = success.
    let refusal: String?
    /// Questions afterwards, and the record data expected.
    let then: [(name: String, type: String, data: [String])]
    /// Whether the serial moves.
    let moves: Bool
    var testDescription: String { title }

    init(
        _ title: String, _ script: String, refusal: String? = nil, moves: Bool? = nil,
        then: [(name: String, type: String, data: [String])] = []
    ) {
        self.title = title
        self.script = script
        self.refusal = refusal
        self.then = then
        self.moves = moves ?? (refusal == nil)
    }

    static let all: [UpdateCase] = [
        UpdateCase(
            "RFC 2136 3.4.2.2: add a record", "zone example.net\nupdate add new.example.net 60 A 192.0.2.80",
            then: [("new.example.net", "A", ["192.0.2.80"])]),
        UpdateCase(
            "RFC 2136 3.4.2.2: add to an RRset",
            "zone example.net\nupdate add www.example.net 3600 A 192.0.2.9",
            then: [("www.example.net", "A", ["192.0.2.1", "192.0.2.9"])]),
        UpdateCase(
            "RFC 2136 3.4.2.2: a duplicate changes nothing",
            "zone example.net\nupdate add www.example.net 3600 A 192.0.2.1",
            moves: false, then: [("www.example.net", "A", ["192.0.2.1"])]),
        UpdateCase(
            "RFC 2136 3.6: nor does one in another case",
            "zone example.net\nupdate add WWW.example.net 3600 A 192.0.2.1",
            moves: false, then: [("www.example.net", "A", ["192.0.2.1"])]),
        UpdateCase(
            "RFC 2136 3.4.2.2: a CNAME beside data is ignored",
            "zone example.net\nupdate add www.example.net 60 CNAME new.example.net", moves: false,
            then: [("www.example.net", "A", ["192.0.2.1"]), ("www.example.net", "CNAME", [])]),
        UpdateCase(
            "RFC 2136 3.4.2.2: data beside a CNAME is ignored",
            "zone example.net\nupdate add alias.example.net 60 A 192.0.2.5",
            moves: false, then: [("alias.example.net", "CNAME", ["www.example.net."])]),
        UpdateCase(
            "RFC 2136 3.4.2.2: a CNAME replaces a CNAME",
            "zone example.net\nupdate add alias.example.net 60 CNAME ns1.example.net",
            then: [("alias.example.net", "CNAME", ["ns1.example.net."])]),
        UpdateCase(
            "RFC 2136 3.4.2.3: delete an RRset", "zone example.net\nupdate delete several.example.net A",
            then: [("several.example.net", "A", []), ("several.example.net", "TXT", ["\"one\""])]),
        UpdateCase(
            "RFC 2136 3.4.2.3: delete a name", "zone example.net\nupdate delete several.example.net",
            then: [("several.example.net", "A", []), ("several.example.net", "TXT", [])]),
        UpdateCase(
            "RFC 2136 3.4.2.4: delete one record",
            "zone example.net\nupdate delete several.example.net A 192.0.2.2",
            then: [("several.example.net", "A", ["192.0.2.3"])]),
        UpdateCase(
            "RFC 4343 4.1: names in record data match without regard to case when deleting",
            "zone example.net\nupdate delete mixed.example.net MX 10 www.EXAMPLE.net",
            then: [("mixed.example.net", "MX", [])]),
        UpdateCase(
            "RFC 2136 3.4.2.4: deleting what is not there changes nothing",
            "zone example.net\nupdate delete several.example.net A 192.0.2.99", moves: false),
        UpdateCase(
            "RFC 2136 3.4.2.3: the apex SOA and NS survive their deletion",
            "zone example.net\nupdate delete example.net NS\nupdate delete example.net SOA", moves: false,
            then: [("example.net", "NS", ["ns1.example.net.", "ns2.example.net."])]),
        UpdateCase(
            "RFC 2136 3.4.2.4: the last apex NS stays",
            "zone example.net\nupdate delete example.net NS ns1.example.net\nupdate delete example.net NS ns2.example.net",
            then: [("example.net", "NS", ["ns2.example.net."])]),
        UpdateCase(
            "RFC 2181 5.2: another TTL changes that of the whole RRset",
            "zone example.net\nupdate add several.example.net 77 A 192.0.2.4",
            then: [("several.example.net", "A", ["192.0.2.2", "192.0.2.3", "192.0.2.4"])]),
        UpdateCase(
            "RFC 3597 3: a type without mnemonic",
            "zone example.net\nupdate add unknown.example.net 60 TYPE65280 \\# 3 010203",
            then: [("unknown.example.net", "TYPE65280", ["\\# 3 010203"])]),
        UpdateCase(
            "RFC 2136 3.4.2: the records of a message apply in their order",
            "zone example.net\nupdate add order.example.net 60 A 192.0.2.1\nupdate delete order.example.net\nupdate add order.example.net 60 A 192.0.2.2",
            then: [("order.example.net", "A", ["192.0.2.2"])]),
        UpdateCase(
            "RFC 2136 3.2.1: prerequisite yxdomain fails",
            "zone example.net\nprereq yxdomain nobody.example.net\nupdate add new.example.net 60 A 192.0.2.80",
            refusal: "NXDOMAIN", then: [("new.example.net", "A", [])]),
        UpdateCase(
            "RFC 2136 3.2.1: prerequisite nxdomain fails",
            "zone example.net\nprereq nxdomain www.example.net\nupdate add new.example.net 60 A 192.0.2.80",
            refusal: "YXDOMAIN", then: [("new.example.net", "A", [])]),
        UpdateCase(
            "RFC 2136 3.2.2: prerequisite yxrrset fails",
            "zone example.net\nprereq yxrrset www.example.net AAAA\nupdate add new.example.net 60 A 192.0.2.80",
            refusal: "NXRRSET", then: [("new.example.net", "A", [])]),
        UpdateCase(
            "RFC 2136 3.2.2: prerequisite nxrrset fails",
            "zone example.net\nprereq nxrrset www.example.net A\nupdate add new.example.net 60 A 192.0.2.80",
            refusal: "YXRRSET", then: [("new.example.net", "A", [])]),
        UpdateCase(
            "RFC 2136 3.2.3: the value of an RRset must match whole",
            "zone example.net\nprereq yxrrset several.example.net A 192.0.2.2\nupdate add new.example.net 60 A 192.0.2.80",
            refusal: "NXRRSET", then: [("new.example.net", "A", [])]),
        UpdateCase(
            "RFC 2136 3.2.3: and does when it is whole, in any order",
            "zone example.net\nprereq yxrrset several.example.net A 192.0.2.3\nprereq yxrrset several.example.net A 192.0.2.2\nupdate add new.example.net 60 A 192.0.2.80",
            then: [("new.example.net", "A", ["192.0.2.80"])]),
        UpdateCase(
            "RFC 2136 3.2: all prerequisites that hold",
            "zone example.net\nprereq yxdomain www.example.net\nprereq nxdomain nobody.example.net\nprereq yxrrset www.example.net A\nprereq nxrrset www.example.net TXT\nupdate add new.example.net 60 A 192.0.2.80",
            then: [("new.example.net", "A", ["192.0.2.80"])]),
        UpdateCase(
            "RFC 2136 3.1.1: a name outside the zone",
            "zone example.net\nupdate add www.example.org 60 A 192.0.2.80",
            refusal: "NOTZONE"),
        UpdateCase(
            "RFC 2136 3.1.2: a zone that is not ours",
            "zone example.com\nupdate add www.example.com 60 A 192.0.2.80",
            refusal: "NOTAUTH", moves: false),
        UpdateCase(
            "RFC 2136 3.4.1: a message without updates", "zone example.net\nprereq yxdomain www.example.net",
            moves: false),
    ]
}

@Suite("nsupdate")
struct NsupdateTests {
    @Test("Update", arguments: UpdateCase.all)
    func update(_ one: UpdateCase) throws {
        let daemon = try UpdateFixture.start()
        let before = try daemon.serial("example.net")
        let result = try daemon.nsupdate(one.script, key: UpdateFixture.key)
        if let refusal = one.refusal {
            #expect(result.errors.contains("update failed: \(refusal)"), "\(result)")
        } else {
            #expect(result.succeeded, "\(result)")
        }
        for (name, type, data) in one.then {
            #expect(try daemon.ask(name, type).data(type) == data, "\(name) \(type)")
        }
        #expect((try daemon.serial("example.net") != before) == one.moves, "the serial")
    }

    @Test(
        "RFC 8945 6: each algorithm signs an update and its response",
        arguments: ["hmac-sha1:sha1", "hmac-sha256:update", "hmac-sha512:sha512"])
    func algorithms(_ pair: String) throws {
        let daemon = try UpdateFixture.start()
        let key = "\(pair).example:\(UpdateFixture.secret)"
        #expect(
            try daemon.nsupdate("zone example.net\nupdate add k.example.net 60 A 192.0.2.1", key: key)
                .succeeded)
        #expect(try daemon.ask("k.example.net").data("A") == ["192.0.2.1"])
    }

    @Test("Over TCP")
    func tcp() throws {
        let daemon = try UpdateFixture.start()
        let script = "zone example.net\nupdate add t.example.net 60 A 192.0.2.1"
        #expect(try daemon.nsupdate(script, key: UpdateFixture.key, tcp: true).succeeded)
        #expect(try daemon.ask("t.example.net").data("A") == ["192.0.2.1"])
    }

    @Test("nsupdate finds the zone by itself")
    func discovery() throws {
        let daemon = try UpdateFixture.start()
        #expect(
            try daemon.nsupdate("update add d.example.net 60 A 192.0.2.1", key: UpdateFixture.key).succeeded)
        #expect(try daemon.ask("d.example.net").data("A") == ["192.0.2.1"])
    }

    @Test(
        "RFC 8945 5.2: keys that do not fit",
        arguments: [
            ("hmac-sha256:update.example:d3Jvbmcgc2VjcmV0IHdyb25nIHNlY3JldCB3cm9uZyE=", "NOTAUTH(BADSIG)"),
            ("hmac-sha256:nobody.example:\(UpdateFixture.secret)", "NOTAUTH(BADKEY)"),
            ("hmac-sha512:update.example:\(UpdateFixture.secret)", "NOTAUTH(BADKEY)"),
            ("hmac-sha256:useless.example:\(UpdateFixture.secret)", "REFUSED"),
            ("", "REFUSED"),
        ])
    func wrongKeys(_ key: String, _ refusal: String) throws {
        let daemon = try UpdateFixture.start()
        let result = try daemon.nsupdate(
            "zone example.net\nupdate add w.example.net 60 A 192.0.2.1", key: key.isEmpty ? nil : key)
        #expect(result.errors.contains("update failed: \(refusal)"), "\(result)")
        let explained = try daemon.control("update", "explain", "example.net").output
        let cause = refusal.split(separator: "(").last.map { $0.filter(\.isLetter) } ?? ""
        #expect(explained.contains(cause) && explained.hasPrefix("example.net. client"), "\(explained)")
        #expect(try daemon.ask("w.example.net").rcode == "NXDOMAIN")
        #expect(try daemon.serial("example.net") == 100)
    }

    @Test(
        "A rule for names and types lets nothing else through",
        arguments: [
            ("update add a.dyn.example.net 60 A 192.0.2.1", true),
            ("update add a.b.dyn.example.net 60 AAAA 2001:db8::1", true),
            ("update add a.dyn.example.net 60 TXT hello", false),
            ("update add dyn.example.net 60 A 192.0.2.1", false),
            ("update add www.example.net 60 A 192.0.2.1", false),
            ("update add a.dyn.example.net 60 A 192.0.2.1\nupdate add www.example.net 60 A 192.0.2.7", false),
        ])
    func rules(_ update: String, _ allowed: Bool) throws {
        let daemon = try UpdateFixture.start()
        let result = try daemon.nsupdate(
            "zone example.net\n\(update)", key: "hmac-sha256:narrow.example:\(UpdateFixture.secret)")
        #expect(result.succeeded == allowed, "\(result)")
        if !allowed {
            #expect(result.errors.contains("REFUSED"), "\(result)")
            #expect(try daemon.serial("example.net") == 100, "nothing of a refused message applies")
        }
    }

    @Test("What an update did is there after a clean stop and start")
    func restart() throws {
        let daemon = try UpdateFixture.start()
        let script =
            "zone example.net\nupdate add stay.example.net 60 A 192.0.2.1\nupdate delete several.example.net A 192.0.2.2"
        #expect(try daemon.nsupdate(script, key: UpdateFixture.key).succeeded)
        let before = try Peer.transfer("example.net", port: daemon.port)
        #expect(try daemon.stop() == .exited(0))
        try daemon.restart()
        #expect(try Peer.transfer("example.net", port: daemon.port) == before)
        #expect(try daemon.ask("stay.example.net").data("A") == ["192.0.2.1"])
    }
}
