import DNSCore
import Resolver
import Testing

@Suite struct PolicyTests {
    static func zone(
        _ text: String, _ override: PolicyZoneConfiguration.Override = .given, name: String = "rpz.example."
    )
        throws -> PolicyZoneConfiguration
    {
        let origin = try Name(name)
        var records: [ResourceRecord] = []
        var scanner = ZoneTextScanner(
            text: Array((text + "\n").utf8), origin: origin, options: ZoneTextOptions(defaultTTL: 300))
        while try scanner.next() { records.append(scanner.record()) }
        return PolicyZoneConfiguration(origin: origin, override: override, records: records)
    }

    static func world(_ policies: [PolicyZoneConfiguration]) throws -> World {
        try IterationTests.world { $0.policyZones = policies }
    }

    @Test("Names, wildcards, addresses and clients trigger; every action does what it says")
    func actions() throws {
        let world = try Self.world([
            Self.zone(
                """
                www.shop.example CNAME .
                *.alias.shop.example CNAME *.
                alias.shop.example CNAME rpz-drop.
                big.shop.example TXT "replaced"
                walled.shop.example CNAME www2.shop.example.
                32.9.2.0.192.rpz-ip CNAME .
                32.5.113.0.203.rpz-client-ip CNAME rpz-passthru.
                24.0.113.0.203.rpz-client-ip CNAME *.
                tcp.shop.example CNAME rpz-tcp-only.
                """)
        ])
        #expect(try world.ask("www.shop.example.").responseCode == .nameError)
        let below = try world.ask("x.alias.shop.example.")
        #expect(below.responseCode == .noError && below.sections.answerCount == 0)
        #expect(try world.ask("alias.shop.example.").disposition == .drop)
        #expect(try world.ask("tcp.shop.example.").disposition == .truncate)
        #expect(world.asked.isEmpty)
        let stream = try world.ask("tcp.shop.example.", .a, [.recursionDesired, .isStream])
        #expect(stream.disposition == .respond && stream.sections.authorityCount == 1)
        #expect(!world.asked.isEmpty)
        #expect(try world.ask("tcp.shop.example.").disposition == .truncate)
        #expect(try world.records("big.shop.example.", .txt) == ["big.shop.example. TXT \"replaced\""])
        #expect(try world.ask("shop.example.").responseCode == .nameError)
        #expect(
            try world.ask("shop.example.", .a, .recursionDesired, client: IPAddress("203.0.113.5"))
                .responseCode == .noError)
        let other = try world.ask(
            "a.b.c.shop.example.", .a, .recursionDesired, client: IPAddress("203.0.113.6"))
        #expect(other.responseCode == .noError && other.sections.answerCount == 0)
        #expect(try world.records("a.b.c.shop.example.").count == 1)
    }

    @Test("The first zone with a match decides, even when its match needs the answer first")
    func order() throws {
        let world = try Self.world([
            Self.zone("32.9.2.0.192.rpz-ip CNAME rpz-passthru.", name: "first.example."),
            Self.zone("shop.example CNAME .\nwww.shop.example CNAME .", name: "second.example."),
        ])
        #expect(try world.records("shop.example.") == ["shop.example. A 192.0.2.9"])
        #expect(try world.ask("www.shop.example.").responseCode == .nameError)
    }

    @Test("A target of an alias is judged like a name asked for")
    func aliasTargets() throws {
        let world = try Self.world([Self.zone("www.shop.example CNAME .")])
        #expect(try world.ask("alias.shop.example.").responseCode == .nameError)
    }

    @Test("A zone's override replaces what the zone says; disabled zones do nothing")
    func overrides() throws {
        let world = try Self.world([
            Self.zone("www.shop.example CNAME .", .disabled, name: "off.example."),
            Self.zone("www.shop.example CNAME .", .passthru),
            Self.zone("*.shop.example CNAME .", name: "last.example."),
        ])
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(try world.ask("alias.shop.example.").responseCode == .nameError)
    }

    @Test("Local zones of every kind, local data, and special-use names are answered without asking")
    func localNames() throws {
        let world = try IterationTests.world {
            $0.localZones = [
                LocalZone(name: try! Name("lan."), kind: .static),
                LocalZone(name: try! Name("deny.example."), kind: .deny),
                LocalZone(name: try! Name("refuse.example."), kind: .refuse),
                LocalZone(name: try! Name("all.example."), kind: .redirect),
                LocalZone(name: try! Name("nodata.example."), kind: .nodata),
            ]
            $0.localData = [
                ResourceRecord(
                    owner: try! Name("gw.lan."), type: .a, ttl: 60, data: RecordData([192, 0, 2, 77])),
                ResourceRecord(
                    owner: try! Name("all.example."), type: .a, ttl: 60, data: RecordData([192, 0, 2, 78])),
            ]
        }
        #expect(try world.records("gw.lan.") == ["gw.lan. A 192.0.2.77"])
        #expect(try world.ask("gw.lan.", .aaaa).responseCode == .noError)
        #expect(try world.ask("other.lan.").responseCode == .nameError)
        #expect(try world.ask("x.deny.example.").disposition == .drop)
        #expect(try world.ask("x.refuse.example.").responseCode == .refused)
        #expect(try world.records("any.thing.all.example.") == ["any.thing.all.example. A 192.0.2.78"])
        #expect(try world.ask("x.nodata.example.").responseCode == .noError)
        #expect(try world.records("localhost.") == ["localhost. A 127.0.0.1"])
        #expect(try world.ask("www.invalid.").responseCode == .nameError)
        #expect(try world.ask("1.0.0.10.in-addr.arpa.", .ptr).responseCode == .nameError)
        #expect(world.asked.isEmpty)
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
    }
}
