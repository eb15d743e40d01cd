import DNSCore
import Testing

@testable import NTS

@Suite("The Private Host List")
struct PrivateHostListTests {
    let alice = IPAddress(v4: 0xc0a8_010b)
    let bob = IPAddress(v4: 0xc0a8_010c)

    @Test("A name stays with its first holder until its entry ends")
    func firstHolder() throws {
        var list = PrivateHostList()
        list.configuration.lifetime = 100
        let name = try Name("Alice.example.net.")
        #expect(list.register(name, address: alice, source: .update, epoch: 1000) == .entered)
        #expect(list.register(name, address: bob, source: .update, epoch: 1050) == .conflict(holder: alice))
        #expect(list.register(name, address: alice, source: .update, epoch: 1050) == .refreshed)
        #expect(list.unregister(name, address: bob, source: .update) == false)
        #expect(list.lookup(try Name("aLICE.example.net."), epoch: 1149)?.ipv4 == alice)
        #expect(list.lookup(name, epoch: 1150) == nil)
        #expect(list.register(name, address: bob, source: .update, epoch: 1150) == .entered)
        #expect(list.names(of: alice).isEmpty)
    }

    @Test("A further name of a host is under the rules that the owner wrote for the host")
    func rulesOfTheHost() throws {
        let https = NTS.PortRange(transport: 6, ports: 443...443)
        let web = NTS.PortRange(transport: 6, ports: 80...81)
        let inside = try #require(IPPrefix("192.0.2.0/28"))
        var list = PrivateHostList()
        let further = try Name("further.example.net.")
        #expect(list.register(further, address: alice, source: .update, epoch: 1) == .entered)
        #expect(list.lookup(further, epoch: 2)?.policy == HostPolicy())
        let nas = HostPolicy(allow: [https], from: [inside])
        list.set(.init(name: try Name("nas.example.net."), ipv4: alice, source: .configured, policy: nas))
        #expect(list.lookup(further, epoch: 2)?.policy == nas)
        list.set(.init(name: try Name("added.example.net."), ipv4: alice, source: .local))
        #expect(try list.lookup(Name("added.example.net."), epoch: 2)?.policy == nas)
        // Two names with lists of their own: the host is reached by the ports of both, each under its other rules.
        let open = HostPolicy(allow: [web, web])
        list.set(.init(name: try Name("www.example.net."), ipv4: alice, source: .local, policy: open))
        #expect(try list.lookup(Name("nas.example.net."), epoch: 2)?.policy.allow == [web, https])
        #expect(try list.lookup(Name("nas.example.net."), epoch: 2)?.policy.from == [inside])
        #expect(try list.lookup(Name("www.example.net."), epoch: 2)?.policy.from == [])
        #expect(list.lookup(further, epoch: 2)?.policy == HostPolicy(allow: [web, https]))
        // Another host is not concerned.
        let other = try Name("other.example.net.")
        #expect(list.register(other, address: bob, source: .update, epoch: 1) == .entered)
        #expect(list.lookup(other, epoch: 2)?.policy == HostPolicy())
    }

    @Test("When the clock is set, learnt names live as long as they would have")
    func clockWasSet() throws {
        var list = PrivateHostList()
        list.configuration.lifetime = 100
        let young = try Name("young.example.net.")
        let old = try Name("old.example.net.")
        let restored = try Name("restored.example.net.")
        let static_ = try Name("static.example.net.")
        list.set(.init(name: static_, ipv4: bob, source: .configured))
        // A clock that begins at 1970, and a file that was kept from before.
        #expect(list.register(old, address: alice, source: .update, epoch: 10) == .entered)
        #expect(list.register(young, address: alice, source: .update, epoch: 60) == .entered)
        list.restore("restored.example.net. 192.168.1.12 - update 1800000050 1700000000 all - 1\n", epoch: 10)
        list.clockWasSet(from: 70, to: 1_800_000_000)
        #expect(
            list.lookup(old, epoch: 1_800_000_039) != nil && list.lookup(old, epoch: 1_800_000_040) == nil)
        #expect(
            list.lookup(young, epoch: 1_800_000_089) != nil && list.lookup(young, epoch: 1_800_000_090) == nil
        )
        #expect(list.lookup(restored, epoch: 1_800_000_099) != nil)
        #expect(list.lookup(restored, epoch: 1_800_000_100) == nil)
        #expect(list.lookup(static_, epoch: .max - 1) != nil)
        list.clockWasSet(from: 1_800_000_010, to: 1_799_000_000)
        #expect(
            list.lookup(young, epoch: 1_799_000_079) != nil && list.lookup(young, epoch: 1_799_000_080) == nil
        )
    }

    @Test("Granted ports belong to their name; flows to them pass the lists of the host's other names")
    func grantedPortsOfTheHost() throws {
        let https = NTS.PortRange(transport: 6, ports: 443...443)
        let web = NTS.PortRange(transport: 6, ports: 80...80)
        var list = PrivateHostList()
        let further = try Name("further.example.net.")
        #expect(list.register(further, address: alice, source: .update, epoch: 1) == .entered)
        let granted = HostPolicy(grantedPorts: [https])
        list.set(.init(name: try Name("one.example.net."), ipv4: alice, source: .configured, policy: granted))
        #expect(list.lookup(further, epoch: 2)?.policy == HostPolicy())
        let open = HostPolicy(allow: [web])
        list.set(.init(name: try Name("two.example.net."), ipv4: alice, source: .configured, policy: open))
        #expect(list.lookup(further, epoch: 2)?.policy == HostPolicy(allow: [web, https]))
        #expect(try list.lookup(Name("two.example.net."), epoch: 2)?.policy.allow == [web, https])
        #expect(
            try list.lookup(Name("one.example.net."), epoch: 2)?.policy
                == HostPolicy(allow: [web, https], grantedPorts: [https]))
    }

    @Test("Ranges of ports are put together, as the kernel takes none that overlap")
    func mergedPorts() {
        let ranges = [
            "udp/7", "tcp/80-90", "tcp/85-100", "tcp/101", "tcp/1-2", "udp/7", "tcp/65535", "udp/65535",
        ]
        let merged = NTS.PortRange.merged(ranges.compactMap { NTS.PortRange($0) })
        #expect(merged.map(\.description) == ["tcp/1-2", "tcp/80-101", "tcp/65535", "udp/7", "udp/65535"])
        #expect(NTS.PortRange.merged([]).isEmpty)
    }

    @Test("Configuration stands above what is learnt, and a lease is not taken back by an update")
    func sources() throws {
        var list = PrivateHostList()
        let name = try Name("nas.example.net.")
        list.set(.init(name: name, ipv4: alice, source: .configured))
        #expect(list.register(name, address: bob, source: .update, epoch: 1) == .conflict(holder: alice))
        #expect(list.register(name, address: alice, source: .update, epoch: 1) == .refreshed)
        #expect(list.unregister(name, address: alice, source: .update) == false)
        #expect(
            list.register(name, address: .loopbackIPv6, source: .update, epoch: 1) == .conflict(holder: alice)
        )
        #expect(list.lookup(name, epoch: .max - 1)?.source == .configured)
    }

    @Test("Only names below the suffixes count, only so many for one host and in all")
    func bounds() throws {
        var list = PrivateHostList()
        list.configuration.suffixes = [try Name("example.net.")]
        list.configuration.namesPerHost = 2
        list.configuration.entryLimit = 3
        #expect(
            try list.register(Name("a.example.com."), address: alice, source: .update, epoch: 1) == .foreign)
        #expect(list.register(.root, address: alice, source: .update, epoch: 1) == .foreign)
        for label in ["a", "b"] {
            #expect(
                try list.register(Name("\(label).example.net."), address: alice, source: .update, epoch: 1)
                    == .entered)
        }
        #expect(
            try list.register(Name("c.example.net."), address: alice, source: .update, epoch: 1) == .overLimit
        )
        #expect(
            try list.register(Name("c.example.net."), address: bob, source: .update, epoch: 1) == .entered)
        #expect(
            try list.register(Name("d.example.net."), address: bob, source: .update, epoch: 1) == .overLimit)
        list.expire(epoch: 1 + 86_400)
        #expect(list.count == 0)
    }

    @Test("What was learnt survives a restart; the rest comes from elsewhere")
    func keeping() throws {
        var list = PrivateHostList()
        list.set(.init(name: try Name("nas.example.net."), ipv4: bob, source: .configured))
        _ = try list.register(Name("alice.example.net."), address: alice, source: .update, epoch: 100)
        _ = try list.register(Name("six.example.net."), address: .loopbackIPv6, source: .update, epoch: 100)
        let limited = HostPolicy(allow: [NTS.PortRange(transport: 6, ports: 80...80)])
        list.set(.init(name: try Name("web.example.net."), ipv4: bob, source: .local, policy: limited))
        let text = list.text
        var restored = PrivateHostList()
        let result = restored.restore(text + "nonsense\nx y z\n", epoch: 200)
        #expect(result.taken == 3 && result.skipped == 2)
        #expect(try restored.lookup(Name("web.example.net."), epoch: 200)?.policy == limited)
        #expect(
            restored.all.map(\.name.description) == [
                "alice.example.net.", "six.example.net.", "web.example.net.",
            ])
        #expect(restored.lookup(try Name("alice.example.net."), epoch: 200)?.expiry == 86_500)
        #expect(!restored.isDirty)
        var late = PrivateHostList()
        #expect(late.restore(text, epoch: 86_500).taken == 1)
    }
}

@Suite("Observed updates")
struct UpdateObserverTests {
    let client = IPEndpoint(IPAddress(v4: 0xc0a8_010b), port: 5000)
    let server = IPAddress(v4: 0xc633_6435)

    func update(
        _ id: UInt16, add: [String] = [], delete: [String] = [], zone: String = "example.net."
    ) throws -> [UInt8] {
        var records: [ResourceRecord] = []
        for name in delete {
            records.append(
                ResourceRecord(
                    owner: try Name(name), type: .a, recordClass: .any, ttl: 0, data: RecordData([])))
        }
        for name in add {
            records.append(
                ResourceRecord(owner: try Name(name), type: .a, ttl: 60, data: RecordData([203, 0, 113, 1])))
        }
        return Message(
            id: id, flags: HeaderFlags().with(opcode: .update, responseCode: .noError),
            questions: [Question(name: try Name(zone), type: .soa)], authorities: records
        ).encoded()
    }

    func response(_ id: UInt16, _ code: ResponseCode = .noError) -> [UInt8] {
        Message(id: id, flags: HeaderFlags.response.with(opcode: .update, responseCode: code)).encoded()
    }

    @Test("A registration counts when the server that was asked says NOERROR, and only then")
    func confirmed() throws {
        var observer = UpdateObserver()
        let now = Duration.seconds(5)
        let sent = try update(
            7, add: ["alice.example.net."], delete: ["alice.example.net.", "old.example.net."])
        let isKept = observer.request(sent, client: client, server: server, now: now)
        #expect(isKept)
        let good = response(7)
        let other = IPAddress(v4: 0xc633_6436)
        #expect(observer.response(good, client: client, server: other, now: now) == nil)
        let wrongID = response(8)
        #expect(observer.response(wrongID, client: client, server: server, now: now) == nil)
        let elsewhere = IPEndpoint(client.address, port: 5001)
        #expect(observer.response(good, client: elsewhere, server: server, now: now) == nil)
        let answered = observer.response(good, client: client, server: server, now: now)
        let found = try #require(answered)
        #expect(found.additions.map(\.key.description) == ["alice.example.net."])
        #expect(found.deletions.map(\.key.description) == ["old.example.net."])
        #expect(observer.response(good, client: client, server: server, now: now) == nil)
    }

    @Test("A refused update and a late response register nothing")
    func refused() throws {
        var observer = UpdateObserver()
        let sent = try update(7, add: ["alice.example.net."])
        observer.request(sent, client: client, server: server, now: .seconds(5))
        let refused = response(7, .refused)
        #expect(observer.response(refused, client: client, server: server, now: .seconds(5)) == nil)
        observer.request(sent, client: client, server: server, now: .seconds(5))
        let good = response(7)
        #expect(observer.response(good, client: client, server: server, now: .seconds(16)) == nil)
    }

    @Test("Queries, responses, names out of the zone and foreign servers are not remembered")
    func ignored() throws {
        var observer = UpdateObserver(servers: [IPPrefix(server)])
        let sent = try update(7, add: ["alice.example.net."])
        #expect(observer.request(sent, client: client, server: IPAddress(v4: 1), now: .zero) == false)
        let foreign = try update(7, add: ["alice.example.com."])
        #expect(observer.request(foreign, client: client, server: server, now: .zero) == false)
        let query = Message(id: 7, questions: [Question(name: try Name("alice.example.net."), type: .a)])
            .encoded()
        #expect(observer.request(query, client: client, server: server, now: .zero) == false)
        let answer = response(7)
        #expect(observer.request(answer, client: client, server: server, now: .zero) == false)
        let cut = Array(sent.dropLast(3))
        #expect(observer.request(cut, client: client, server: server, now: .zero) == false)
    }

    @Test("A second family joins only from the same machine, and deletions count by record type")
    func families() throws {
        var list = PrivateHostList()
        let name = try Name("alice.example.net.")
        let four = IPAddress(v4: 0xc0a8_010b)
        let six = IPAddress(high: 0x2001_0db8_0001_0001, low: 0x11)
        var outcome = list.register(name, address: four, source: .update, link: 1, types: .a, epoch: 1)
        #expect(outcome == .entered)
        outcome = list.register(name, address: six, source: .update, link: 2, types: .aaaa, epoch: 1)
        #expect(outcome == .conflict(holder: four))
        outcome = list.register(name, address: six, source: .update, link: 1, types: .aaaa, epoch: 1)
        #expect(outcome == .entered)
        let text = list.text
        var restored = PrivateHostList()
        let taken = restored.restore(text, epoch: 2).taken
        #expect(taken == 1)
        #expect(restored.lookup(name, epoch: 2)?.link == 1)
        var isGone = restored.unregister(name, address: four, source: .update, types: .aaaa)
        #expect(!isGone)
        isGone = restored.unregister(name, address: four, source: .update, types: .a)
        #expect(isGone)
        #expect(restored.lookup(name, epoch: 2) == nil)
    }

    @Test("The oldest request gives way when too many wait")
    func bounded() throws {
        var observer = UpdateObserver(limit: 2)
        for id in UInt16(1)...3 {
            let sent = try update(id, add: ["alice.example.net."])
            observer.request(sent, client: client, server: server, now: .zero)
        }
        #expect(observer.waitingCount == 2)
        let first = response(1)
        #expect(observer.response(first, client: client, server: server, now: .zero) == nil)
        let third = response(3)
        #expect(observer.response(third, client: client, server: server, now: .zero) != nil)
    }

    @Test("Signatures are remembered; when memory is full the past is refused instead")
    func replays() {
        var memory = ReplayMemory(limit: 3)
        let macs = (0..<5).map { [UInt8](repeating: UInt8($0), count: 32) }
        #expect(memory.note(macs[0], signedAt: 100, now: 100) == .fresh)
        #expect(memory.note(macs[0], signedAt: 100, now: 100) == .replayed)
        #expect(memory.note(macs[1], signedAt: 101, now: 101) == .fresh)
        #expect(memory.note(macs[2], signedAt: 102, now: 102) == .fresh)
        #expect(memory.note(macs[3], signedAt: 103, now: 103) == .fresh)
        #expect(memory.count == 3)
        #expect(memory.note(macs[0], signedAt: 100, now: 103) == .tooOld)
        #expect(memory.note(macs[1], signedAt: 101, now: 103) == .replayed)
        #expect(memory.note(macs[4], signedAt: 104, now: 405) == .tooOld)
        // What was signed before we began may have been seen by whoever was here before.
        var later = ReplayMemory(start: 200)
        #expect(later.note(macs[0], signedAt: 199, now: 200) == .tooOld)
        #expect(later.note(macs[0], signedAt: 200, now: 200) == .fresh)
        #expect(later.note(macs[1], signedAt: 199, now: 210) == .tooOld)
        // Our clock was ahead then, and has been set.
        #expect(later.note(macs[1], signedAt: 150, now: 150) == .fresh)
        #expect(later.note(macs[1], signedAt: 150, now: 150) == .replayed)
    }
}

@Suite("Answers and prefixes")
struct AnswerTests {
    @Test("The targets of an answer are its addresses, hints included, and its last owner")
    func targets() throws {
        let alias = ResourceRecord(
            owner: try Name("www.example.net."), type: .cname, ttl: 300,
            data: RecordData(try Name("alice.example.net.").wire))
        let address = ResourceRecord(
            owner: try Name("alice.example.net."), type: .a, ttl: 300, data: RecordData([203, 0, 113, 1]))
        // SvcPriority 1, target ".", port 8080, ipv4hint 203.0.113.2.
        let service = ResourceRecord(
            owner: try Name("alice.example.net."), type: .https, ttl: 300,
            data: RecordData([0, 1, 0, 0, 3, 0, 2, 0x1f, 0x90, 0, 4, 0, 4, 203, 0, 113, 2]))
        let response = Message(
            id: 1, flags: .response, questions: [Question(name: try Name("www.example.net."), type: .a)],
            answers: [alias, address, service, address]
        ).encoded()
        let layout = try MessageView.survey(response)
        let targets = try #require(AnswerTargets(in: response, layout: layout))
        #expect(targets.targets.map(\.host.description) == ["alice.example.net.", "alice.example.net."])
        #expect(targets.targets.map(\.address.description) == ["203.0.113.1", "203.0.113.2"])
        var outcome = NegotiationOutcome()
        outcome.ttlCap = 30
        outcome.replacements = [
            .init(address: IPAddress(v4: 0xcb00_7101), replacement: IPAddress(v4: 0xc0a8_010b))
        ]
        var changed = response
        AnswerChange.apply(outcome, to: &changed, layout: layout)
        let read = try Message(parsing: changed)
        #expect(read.answers.map(\.ttl) == [300, 30, 30, 30])
        #expect(read.answers[1].data.octets == [192, 168, 1, 11])
        #expect(changed.count == response.count)
    }

    @Test(
        "SRV and HTTPS records lead to hosts whose addresses stand in the additional section, and to no others"
    )
    func services() throws {
        let response = Message(
            id: 1, flags: .response,
            questions: [Question(name: try Name("_ssh._tcp.example.net."), type: .srv)],
            answers: [
                try ResourceRecord(parsing: "_ssh._tcp.example.net. 60 IN SRV 0 0 22 alice.example.net."),
                try ResourceRecord(parsing: "_ssh._tcp.example.net. 60 IN SRV 0 0 22 bob.example.net."),
            ],
            authorities: [try ResourceRecord(parsing: "example.net. 60 IN NS ns1.example.net.")],
            additionals: [
                try ResourceRecord(parsing: "alice.example.net. 60 IN A 203.0.113.1"),
                try ResourceRecord(parsing: "bob.example.net. 60 IN A 203.0.113.1"),
                try ResourceRecord(parsing: "ns1.example.net. 60 IN A 198.51.100.53"),
            ]
        ).encoded()
        let layout = try MessageView.survey(response)
        let targets = try #require(AnswerTargets(in: response, layout: layout)).targets
        #expect(
            targets.map { "\($0.host) \($0.address)" } == [
                "alice.example.net. 203.0.113.1", "bob.example.net. 203.0.113.1",
            ])
        var outcome = NegotiationOutcome()
        outcome.ttlCap = 7
        var changed = response
        AnswerChange.apply(outcome, to: &changed, layout: layout)
        #expect(try Message(parsing: changed).additionals.map(\.ttl) == [7, 7, 7])
        // Other names keep their TTL.
        outcome.hosts = [try Name("ALICE.example.net.")]
        changed = response
        AnswerChange.apply(outcome, to: &changed, layout: layout)
        #expect(try Message(parsing: changed).additionals.map(\.ttl) == [7, 60, 60])
        #expect(try Message(parsing: changed).answers.map(\.ttl) == [7, 7])
    }

    @Test(
        "A granted port goes where a client looks for it",
        arguments: [
            (
                "_https._tcp.a.example. 60 IN SRV 0 0 443 h.example.",
                "_https._tcp.a.example. 60 IN SRV 0 0 40001 h.example."
            ),
            ("_https._udp.a.example. 60 IN SRV 0 0 443 h.example.", nil),
            ("_https._tcp.a.example. 60 IN SRV 0 0 443 other.example.", nil),
            ("h.example. 60 IN HTTPS 1 . alpn=h2", "h.example. 60 IN HTTPS 1 . alpn=h2 port=40001"),
            (
                "a.example. 60 IN HTTPS 1 h.example. port=443",
                "a.example. 60 IN HTTPS 1 h.example. port=40001"
            ),
            (
                "h.example. 60 IN HTTPS 1 . alpn=h2 ipv4hint=203.0.113.1",
                "h.example. 60 IN HTTPS 1 . alpn=h2 port=40001 ipv4hint=203.0.113.1"
            ),
            (
                "_443._foo.h.example. 60 IN SVCB 1 h.example.",
                "_443._foo.h.example. 60 IN SVCB 1 h.example. port=40001"
            ),
            ("h.example. 60 IN HTTPS 1 . port=8443", nil), ("h.example. 60 IN HTTPS 0 h.example.", nil),
            ("h.example. 60 IN A 203.0.113.1", nil), ("h.example. 60 IN SVCB 1 .", nil),
        ])
    func ports(text: String, expected: String?) throws {
        let grant = NegotiationOutcome.PortGrant(
            host: try Name("H.example."), address: IPAddress(v4: 0xcb00_7101), transport: 6, privatePort: 443,
            publicPort: 40001)
        let changed = AnswerChange.carrying([grant], try ResourceRecord(parsing: text))
        #expect(changed == (try expected.map { try ResourceRecord(parsing: $0) }))
    }

    @Test("The longest prefix of a table decides, and what is taken out is gone")
    func table() throws {
        var table = PrefixTable<Int>()
        for (index, text) in ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32"]
            .enumerated()
        {
            table[try #require(IPPrefix(text))] = index
        }
        func look(_ text: String) throws -> Int? { table.longest(try #require(IPAddress(text))) }
        #expect(try look("10.1.2.3") == 3)
        #expect(try look("10.1.2.4") == 2)
        #expect(try look("10.9.9.9") == 1)
        #expect(try look("192.0.2.1") == 0)
        #expect(try look("2001:db8::1") == 4)
        #expect(try look("2001:db9::1") == nil)
        table[try #require(IPPrefix("10.1.0.0/16"))] = nil
        #expect(try look("10.1.2.4") == 1)
        #expect(table.count == 4)
    }

    @Test(
        "Clients' addresses from a list and from the lease files of dnsmasq and Kea; ended leases do not count"
    )
    func clientMaps() throws {
        func read(_ text: String, _ format: ClientMap.Format, _ second: String = "") -> [String] {
            ClientMap.read(Array(text.utf8), second: Array(second.utf8), format: format, now: 1000).mappings
                .map { "\($0.prefix) \($0.address)" }.sorted()
        }
        #expect(
            read(
                "# ours\n2001:db8:1::/48 192.0.2.1\nnonsense\n2001:db8:2::/48 2001:db8::1\n192.0.2.9 2001:db8::9 # v4\n",
                .plain)
                == ["192.0.2.9/32 2001:db8::9", "2001:db8:1::/48 192.0.2.1"])
        #expect(
            read(
                """
                2000 02:00:00:00:00:01 192.0.2.1 one *
                2000 02:00:00:00:00:02 192.0.2.2 * ff:01:02:03:04:00:01:00:02
                500 02:00:00:00:00:03 192.0.2.3 three *
                duid 00:01:00:01
                2000 17 2001:db8::1 one 00:01:00:01
                2000 18 2001:db8::2 * 00:01:00:02
                2000 19 2001:db8::3 three 00:01:00:03
                """, .dnsmasq) == ["2001:db8::1/128 192.0.2.1", "2001:db8::2/128 192.0.2.2"])
        #expect(
            read(
                "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n"
                    + "192.0.2.1,02:00:00:00:00:01,,60,2000,1,0,0,,0\n192.0.2.2,02:00:00:00:00:02,,60,500,1,0,0,,0\n",
                .kea,
                "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state\n"
                    + "2001:db8:1::,00:01,60,2000,1,60,2,1,56,0,0,,02:00:00:00:00:01,0\n"
                    + "2001:db8:2::,00:02,60,2000,1,60,2,1,56,0,0,,02:00:00:00:00:02,0\n") == [
                    "2001:db8:1::/56 192.0.2.1"
                ])
    }

    @Test("A set of prefixes agrees with asking each prefix")
    func prefixes() throws {
        let prefixes = [
            "10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "0.0.0.0/32", "2001:db8::/32", "::1/128",
        ]
        .compactMap { IPPrefix($0) }
        let set = PrefixSet(prefixes)
        #expect(set.count == 5)
        for text in [
            "9.255.255.255", "10.0.0.0", "10.1.2.3", "10.255.255.255", "11.0.0.0", "0.0.0.0", "0.0.0.1",
            "192.0.2.255", "::1", "::2", "2001:db8::5", "2001:db9::",
        ] {
            let address = try #require(IPAddress(text))
            #expect(set.contains(address) == prefixes.contains { $0.contains(address) }, "\(text)")
        }
    }
}

extension UpdateObserver {
    @discardableResult
    mutating func request(_ octets: [UInt8], client: IPEndpoint, server: IPAddress, now: Duration) -> Bool {
        request(octets.span.bytes, client: client, server: server, now: now)
    }

    mutating func response(
        _ octets: [UInt8], client: IPEndpoint, server: IPAddress, now: Duration
    ) -> ObservedUpdate? {
        response(octets.span.bytes, client: client, server: server, now: now)?.update
    }
}

extension AnswerTargets {
    init?(in response: [UInt8], layout: MessageLayout) {
        self.init(in: response.span.bytes, layout: layout)
    }
}
