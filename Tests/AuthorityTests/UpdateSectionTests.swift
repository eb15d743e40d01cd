import DNSCore
import Testing

@testable import Authority

/// RFC 2136 section 3, point by point.
@Suite struct UpdateSectionTests {
    private func outcome(
        _ lines: [String], prerequisites: [String] = [], extra: [String] = []
    ) throws -> (code: ResponseCode, zone: ZoneSnapshot, before: ZoneSnapshot) {
        let zone = try Sample.zone(extra)
        let (reason, after, _) = try Sample.run(
            zone, prerequisites: prerequisites.map { Sample.prerequisite($0) },
            lines.map { Sample.change($0) })
        if reason.responseCode != .noError {
            #expect(after.contents == zone.contents, "a refused update left traces")
        }
        return (reason.responseCode, after, zone)
    }

    private func addresses(_ zone: ZoneSnapshot, _ name: String) -> Set<String> {
        Set(
            (zone.rrset(at: Sample.name(name), type: .a)?.data ?? []).compactMap {
                IPAddress(octets: $0.octets)?.description
            })
    }

    @Test(
        "Prerequisites (RFC 2136 2.4, 3.2)",
        arguments: [
            ("yxdomain www", ResponseCode.noError), ("yxdomain nope", .nameError),
            ("nxdomain nope", .noError),
            ("nxdomain www", .yxDomain), ("yxrrset www A", .noError), ("yxrrset www AAAA", .nxRRset),
            ("nxrrset www AAAA", .noError), ("nxrrset www A", .yxRRset),
            // An empty non-terminal is not a name in use (2.4.4).
            ("yxdomain deep", .nameError), ("nxdomain deep", .noError),
            // One record of two is not the set.
            ("yxrrset www A 192.0.2.80", .nxRRset), ("yxrrset text TXT hello", .noError),
            // Names in data in any case.
            ("yxrrset alias CNAME WWW", .noError), ("yxdomain WwW", .noError),
        ])
    func prerequisites(line: String, expected: ResponseCode) throws {
        #expect(try outcome(["add new 60 A 192.0.2.7"], prerequisites: [line]).code == expected)
    }

    @Test("A set with data is compared as a set: order and repetition do not count, TTLs must be zero")
    func valueSets() throws {
        let both = ["yxrrset www A 192.0.2.81", "yxrrset www A 192.0.2.80", "yxrrset www A 192.0.2.81"]
        #expect(try outcome(["add new 60 A 192.0.2.7"], prerequisites: both).code == .noError)
        #expect(
            try outcome(["add new 60 A 192.0.2.7"], prerequisites: both + ["yxrrset www A 192.0.2.99"]).code
                == .nxRRset)
    }

    /// Runs with one hand-made prerequisite record and a good update.
    private func code(prerequisite: ResourceRecord, _ more: [ResourceRecord] = []) throws -> ResponseCode {
        try Sample.run(
            Sample.zone(), prerequisites: [prerequisite] + more, [Sample.change("add new 60 A 192.0.2.7")]
        ).0.responseCode
    }

    private func raw(
        _ owner: String, _ type: RRType, _ rclass: RRClass, ttl: UInt32 = 0, _ data: [UInt8] = []
    ) -> ResourceRecord {
        ResourceRecord(
            owner: (try? Name(owner, origin: Sample.apex)) ?? .root, type: type, recordClass: rclass,
            ttl: ttl,
            data: RecordData(data))
    }

    @Test("Malformed prerequisites (RFC 2136 3.2.5)")
    func malformedPrerequisites() throws {
        #expect(try code(prerequisite: raw("www", .a, .any, ttl: 1)) == .formatError)
        #expect(try code(prerequisite: raw("www", .a, .none, ttl: 1)) == .formatError)
        #expect(try code(prerequisite: raw("www", .a, .internet, ttl: 1, [192, 0, 2, 80])) == .formatError)
        #expect(try code(prerequisite: raw("www", .a, .any, [1, 2, 3, 4])) == .formatError)
        #expect(try code(prerequisite: raw("www", .a, .none, [1, 2, 3, 4])) == .formatError)
        #expect(try code(prerequisite: raw("www", .any, .internet)) == .formatError)
        #expect(try code(prerequisite: raw("www", .a, .chaos)) == .formatError)
        #expect(try code(prerequisite: raw("www.example.org.", .a, .any)) == .notZone)
        #expect(try code(prerequisite: raw("www.badexample.net.", .a, .any)) == .notZone)
    }

    @Test("The first fault in the order of the records decides")
    func prerequisiteOrder() throws {
        let outside = raw("www.example.org.", .a, .any)
        let missing = Sample.prerequisite("yxdomain nope")
        #expect(try code(prerequisite: outside, [missing]) == .notZone)
        #expect(try code(prerequisite: missing, [outside]) == .nameError)
        // Sets with data are compared after all others (3.2.5).
        let wrongSet = Sample.prerequisite("yxrrset www A 192.0.2.99")
        #expect(try code(prerequisite: wrongSet, [missing]) == .nameError)
    }

    @Test("Prerequisites come before the prescan (RFC 2136 3.2, then 3.4.1)")
    func prerequisitesFirst() throws {
        let (reason, _, _) = try Sample.run(
            Sample.zone(), prerequisites: [Sample.prerequisite("yxdomain nope")],
            [raw("www.example.org.", .a, .internet, ttl: 60, [192, 0, 2, 1])])
        #expect(reason.responseCode == .nameError)
    }

    @Test("The prescan judges every record in order before any is applied (RFC 2136 3.4.1)")
    func prescan() throws {
        func code(_ records: ResourceRecord...) throws -> ResponseCode {
            let zone = try Sample.zone()
            let (reason, after, _) = try Sample.run(
                zone, [Sample.change("add first 60 A 192.0.2.7")] + records)
            #expect(after.contents == zone.contents)
            return reason.responseCode
        }
        #expect(try code(raw("x", .any, .internet, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .axfr, .internet, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .maila, .internet, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .mailb, .internet, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .opt, .internet, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .tsig, .internet, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .a, .internet, ttl: 1, [1, 2, 3])) == .formatError)
        #expect(try code(raw("x", .a, .any, ttl: 1)) == .formatError)
        #expect(try code(raw("x", .a, .any, [1, 2, 3, 4])) == .formatError)
        #expect(try code(raw("x", .maila, .any)) == .formatError)
        #expect(try code(raw("x", .axfr, .any)) == .formatError)
        #expect(try code(raw("x", .a, .none, ttl: 1, [1, 2, 3, 4])) == .formatError)
        #expect(try code(raw("x", .any, .none)) == .formatError)
        #expect(try code(raw("x", .a, .chaos, ttl: 1, [1, 2, 3, 4])) == .formatError)
        #expect(try code(raw("www.example.org.", .a, .internet, ttl: 1, [1, 2, 3, 4])) == .notZone)
        let outside = raw("www.example.org.", .a, .internet, ttl: 1, [1, 2, 3, 4])
        let malformed = raw("x", .any, .internet, ttl: 1)
        #expect(try code(outside, malformed) == .notZone)
        #expect(try code(malformed, outside) == .formatError)
    }

    @Test("Unknown types are stored as they are (RFC 3597)")
    func unknownType() throws {
        let type = RRType(rawValue: 65280)
        let (reason, after, _) = try Sample.run(
            Sample.zone(), [raw("x", type, .internet, ttl: 60, [1, 2, 3])])
        #expect(reason == .applied(from: Serial(rawValue: 100), to: Serial(rawValue: 101)))
        #expect(after.rrset(at: Sample.name("x"), type: type)?.data == [RecordData([1, 2, 3])])
    }

    @Test("An addition makes or extends a set and moves the serial by one (RFC 2136 3.4.2.2, 3.6)")
    func addition() throws {
        let result = try outcome(["add www 300 A 192.0.2.82", "add new 60 A 192.0.2.7"])
        #expect(addresses(result.zone, "www") == ["192.0.2.80", "192.0.2.81", "192.0.2.82"])
        #expect(addresses(result.zone, "new") == ["192.0.2.7"])
        #expect(result.zone.serial == Serial(rawValue: 101))
    }

    @Test(
        "What changes nothing leaves the serial alone (RFC 2136 3.6)",
        arguments: [
            ["add www 300 A 192.0.2.80"], ["add WWW 300 A 192.0.2.80"], ["add alias 300 CNAME WWW"],
            ["delete nope"], ["delete www AAAA"], ["delete www A 192.0.2.99"],
            ["add new 60 A 192.0.2.7", "delete new A 192.0.2.7"],
            ["delete www A 192.0.2.80", "add www 300 A 192.0.2.80"],
            ["add alias 60 A 192.0.2.1"], ["add www 60 CNAME other"], ["add @ 3600 SOA 100"],
            ["add @ 3600 SOA 99"],
            ["add www 3600 SOA 200"], ["delete @ SOA"], ["delete @ NS"], ["delete @ SOA 100"], [],
        ])
    func noChange(lines: [String]) throws {
        let result = try outcome(lines)
        #expect(result.code == .noError)
        #expect(result.zone.contents == result.before.contents)
        #expect(result.zone.serial == Serial(rawValue: 100))
    }

    @Test("A record that is there with another TTL changes the TTL of the whole set (RFC 2181 5.2)")
    func changeOfTTL() throws {
        let result = try outcome(["add www 77 A 192.0.2.80"])
        #expect(result.zone.rrset(at: Sample.name("www"), type: .a)?.ttl == 77)
        #expect(addresses(result.zone, "www") == ["192.0.2.80", "192.0.2.81"])
        #expect(result.zone.serial == Serial(rawValue: 101))
    }

    @Test("A TTL with the top bit set counts as zero (RFC 2181 8)")
    func hugeTTL() throws {
        let result = try outcome(["add new 2147483648 A 192.0.2.7"])
        #expect(result.zone.rrset(at: Sample.name("new"), type: .a)?.ttl == 0)
    }

    @Test("A CNAME replaces a CNAME; beside other data, and other data beside it, it is ignored")
    func canonicalName() throws {
        #expect(
            try outcome(["add alias 300 CNAME text"]).zone.rrset(at: Sample.name("alias"), type: .cname)?.data
                == [RecordData(Sample.name("text").wire)])
        let result = try outcome(["add www 300 CNAME text", "add alias 300 TXT x", "add other 60 CNAME www"])
        #expect(result.code == .noError)
        #expect(result.zone.rrset(at: Sample.name("www"), type: .cname) == nil)
        #expect(result.zone.rrset(at: Sample.name("alias"), type: .txt) == nil)
        #expect(result.zone.rrset(at: Sample.name("other"), type: .cname) != nil)
        // Deleted first, it makes room.
        let swapped = try outcome(["delete www", "add www 300 CNAME text"])
        #expect(swapped.zone.rrset(at: Sample.name("www"), type: .cname) != nil)
    }

    @Test("A second DNAME replaces the first (RFC 6672 2.4); nothing is added below one (RFC 6672 5.2)")
    func delegationName() throws {
        let replaced = try outcome(["add old 300 DNAME text"])
        #expect(
            replaced.zone.rrset(at: Sample.name("old"), type: .dname)?.data
                == [RecordData(Sample.name("text").wire)])
        #expect(try outcome(["add new 60 A 192.0.2.7", "add x.old 60 A 192.0.2.7"]).code == .refused)
        #expect(try outcome(["delete old", "add x.old 60 A 192.0.2.7"]).code == .noError)
        #expect(try outcome(["add old 60 A 192.0.2.7"]).code == .noError)
        // Nor is one put above names that exist.
        #expect(try outcome(["add deep 60 DNAME www"]).code == .refused)
        #expect(try outcome(["add x.y 60 A 192.0.2.7", "add y 60 DNAME www"]).code == .refused)
        #expect(try outcome(["delete a.deep", "add deep 60 DNAME www"]).code == .noError)
    }

    @Test("A newer SOA replaces the old, and its serial stands; the circle of serials decides (RFC 1982)")
    func startOfAuthority() throws {
        #expect(
            try outcome(["add @ 3600 SOA 200", "add new 60 A 192.0.2.7"]).zone.serial == Serial(rawValue: 200)
        )
        #expect(try outcome(["add @ 3600 SOA 2147483747"]).zone.serial == Serial(rawValue: 2_147_483_747))
        // At a distance of 2^31 neither is newer.
        #expect(try outcome(["add @ 3600 SOA 2147483748"]).zone.serial == Serial(rawValue: 100))
        #expect(
            try outcome(["add @ 3600 SOA 50", "add new 60 A 192.0.2.7"]).zone.serial == Serial(rawValue: 101))
    }

    @Test("The serial skips zero when it wraps")
    func wrappingSerial() throws {
        let records = Sample.records.dropFirst() + [Sample.record("@ 3600 SOA 4294967295")]
        let zone = try ZoneSnapshot(apex: Sample.apex, records: Array(records))
        let (_, after, _) = try Sample.run(zone, [Sample.change("add new 60 A 192.0.2.7")])
        #expect(after.serial == Serial(rawValue: 1))
    }

    @Test("Deletion of sets and names (RFC 2136 3.4.2.3)")
    func deletion() throws {
        #expect(try outcome(["delete www A"]).zone.rrset(at: Sample.name("www"), type: .a) == nil)
        let gone = try outcome(["add www 300 TXT x", "delete www"])
        #expect(gone.zone.rrsets(at: Sample.name("www")).isEmpty)
        let apex = try outcome(["delete @"])
        #expect(apex.zone.rrset(at: Sample.apex, type: .mx) == nil)
        #expect(apex.zone.rrset(at: Sample.apex, type: .ns)?.data.count == 2)
        #expect(apex.zone.rrset(at: Sample.apex, type: .soa) != nil)
    }

    @Test("Deletion of records; the last NS of the apex stays, the first goes (RFC 2136 3.4.2.4)")
    func deletionOfRecords() throws {
        #expect(try addresses(outcome(["delete www A 192.0.2.80"]).zone, "www") == ["192.0.2.81"])
        let servers = try outcome(["delete @ NS ns1", "delete @ NS ns2"])
        #expect(
            servers.zone.rrset(at: Sample.apex, type: .ns)?.data == [RecordData(Sample.name("ns2").wire)])
        // Names in data in any case (RFC 4343).
        #expect(try outcome(["delete @ MX 10 MAIL"]).zone.rrset(at: Sample.apex, type: .mx) == nil)
        // Elsewhere the last NS may go.
        let cut = try outcome(["delete sub NS ns1"], extra: ["sub 300 NS ns1"])
        #expect(cut.zone.rrset(at: Sample.name("sub"), type: .ns) == nil)
    }

    @Test("Limits on records of a set, types of a name and records of a message; nothing is applied then")
    func limits() throws {
        var settings = UpdateSettings()
        settings.recordsPerSet = 3
        settings.typesPerName = 2
        settings.recordsPerUpdate = 4
        func code(_ lines: [String]) throws -> ResponseCode {
            let zone = try Sample.zone()
            let (reason, after, _) = try Sample.run(zone, lines.map { Sample.change($0) }, settings: settings)
            if reason.responseCode != .noError { #expect(after.contents == zone.contents) }
            return reason.responseCode
        }
        #expect(try code(["add www 300 A 192.0.2.1"]) == .noError)
        #expect(
            try code(["add x 1 A 192.0.2.9", "add www 1 A 192.0.2.1", "add www 1 A 192.0.2.2"])
                == .serverFailure)
        #expect(try code(["add www 300 TXT a"]) == .noError)
        #expect(try code(["add www 300 TXT a", "add www 300 AAAA 2001:db8::1"]) == .serverFailure)
        #expect(try code((1...5).map { "add n\($0) 60 A 192.0.2.1" }) == .serverFailure)
    }

    @Test("The difference holds what changed on the whole, between the two SOAs")
    func difference() throws {
        let lines = ["add www 300 A 192.0.2.82", "delete www A 192.0.2.80", "add new 60 TXT a", "delete new"]
        let zone = try Sample.zone()
        let (_, after, difference) = try Sample.run(zone, lines.map { Sample.change($0) })
        let found = try #require(difference)
        #expect(found.deleted.map(\.type) == [.soa, .a])
        #expect(found.added.map(\.type) == [.soa, .a])
        #expect(found == ZoneDifference.between(zone, after))
        var edit = zone.edit()
        #expect(found.apply(to: &edit, strictly: true) == nil)
        #expect(edit.commit().contents == after.contents)
    }

    @Test("The serial may follow the clock or the calendar, and never goes back")
    func serialPolicies() {
        let serial = Serial(rawValue: 100)
        let now: Int64 = 1_709_210_000  // 2024-02-29 12:33:20 UTC
        #expect(SerialPolicy.increment.next(after: serial, now: now).rawValue == 101)
        #expect(SerialPolicy.unixtime.next(after: serial, now: now).rawValue == 1_709_210_000)
        #expect(SerialPolicy.date.next(after: serial, now: now).rawValue == 2_024_022_900)
        #expect(
            SerialPolicy.date.next(after: Serial(rawValue: 2_024_022_900), now: now).rawValue == 2_024_022_901
        )
        #expect(
            SerialPolicy.unixtime.next(after: Serial(rawValue: 1_709_210_001), now: now).rawValue
                == 1_709_210_002)
        #expect(SerialPolicy.date.next(after: serial, now: 0).rawValue == 1_970_010_100)
    }

    @Test("With the switch on, the last address of the zone's own name server stays")
    func nameServerCheck() throws {
        var settings = UpdateSettings()
        settings.checksNameServers = true
        let zone = try Sample.zone()
        let (reason, after, _) = try Sample.run(zone, [Sample.change("delete ns1")], settings: settings)
        #expect(reason == .nameServerAddress(Sample.name("ns1")))
        #expect(after.contents == zone.contents)
        #expect(try Sample.run(zone, [Sample.change("delete ns1")]).0.responseCode == .noError)
        let moved = ["delete ns1", "add ns1 60 A 192.0.2.3"].map { Sample.change($0) }
        #expect(try Sample.run(zone, moved, settings: settings).0.responseCode == .noError)
    }
}
