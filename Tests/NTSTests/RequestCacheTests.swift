import DNSCore
import Testing

@testable import NTS

/// A request cache on a clock of its own, whose kernel accepts everything unless told otherwise.
struct RouterScript {
    var cache = RequestCache()
    var hosts = PrivateHostList()
    var now = Duration.seconds(1000)
    var kernelWorks = true
    var changes: [[KernelChange]] = []
    var replies: [UInt64: [RouterReply]] = [:]
    var events: [RouterEvent] = []
    var forgotten: [IPAddress] = []
    static let alice = IPAddress(v4: 0xc0a8_010b)
    static let bob = IPAddress(v4: 0xc0a8_010c)
    static let gn = IPAddress(v4: 0xc000_020a)

    init() {
        for (name, address) in [
            ("alice", Self.alice), ("bob", Self.bob), ("carol", IPAddress(v4: 0xc0a8_010d)),
        ] {
            let host = Name(trustedWire: [UInt8(name.utf8.count)] + name.utf8 + [7] + "example".utf8 + [0])
            hosts.set(
                PrivateHostList.Entry(
                    name: host, ipv4: address, ipv6: IPAddress(high: 0x2001_0db8_0001_0001, low: address.low),
                    source: .local))
        }
    }

    mutating func notify(
        _ requester: UInt64, _ host: String, gn: String = "192.0.2.10", server: String = "198.51.100.53",
        lifetime: UInt32? = nil
    ) throws {
        let request = GrantRequest(
            requester: requester, server: try #require(IPAddress(server)), gn: try #require(IPPrefix(gn)),
            host: try Name(host), lifetime: lifetime)
        var actions: [RouterAction] = []
        cache.notify(request, hosts: hosts, now: now, epoch: 1, actions: &actions)
        perform(actions)
    }

    mutating func perform(_ list: [RouterAction]) {
        var queue = list
        while !queue.isEmpty {
            var following: [RouterAction] = []
            for action in queue {
                switch action {
                case .apply(let ticket, let list):
                    changes.append(list)
                    cache.applied(ticket: ticket, succeeded: kernelWorks, now: now, actions: &following)
                case .reply(let requester, let reply): replies[requester, default: []].append(reply)
                case .forgetFlows(let gn, _), .forgetUntranslated(let gn): forgotten.append(gn.address)
                case .record(let event): events.append(event)
                }
            }
            queue = following
        }
    }

    mutating func use(_ gn: IPAddress = RouterScript.gn, host: IPAddress? = nil) {
        var actions: [RouterAction] = []
        cache.used(gn: gn, host: host, now: now, actions: &actions)
        perform(actions)
    }

    mutating func pass(_ milliseconds: Int) {
        let end = now + .milliseconds(milliseconds)
        while let due = cache.nextDeadline, due <= end {
            now = max(now, due)
            var actions: [RouterAction] = []
            cache.advance(to: now, actions: &actions)
            perform(actions)
        }
        now = end
    }
}

@Suite("The router's Request Cache")
struct RequestCacheTests {
    @Test("A notification for a known host opens a window and is acknowledged after the kernel")
    func opens() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.")
        #expect(script.replies[1] == [.granted(lifetime: 60, ports: [])])
        #expect(
            script.changes == [
                [
                    .open(
                        gn: RouterScript.gn, host: RouterScript.alice, gate: .window, lifetime: 60,
                        previous: nil)
                ]
            ])
        #expect(script.forgotten == [RouterScript.gn])
        script.pass(59_999)
        #expect(script.cache.count == 1)
        script.pass(1)
        #expect(script.cache.count == 0)
        guard case .ended(_, _, _, let flows, let after, let reason)? = script.events.last else {
            Issue.record("no end was recorded")
            return
        }
        #expect(flows == 0 && reason == .expired && after == .seconds(60))
        #expect(script.cache.nextDeadline == nil)
    }

    @Test("What the kernel refuses is refused, and nothing stays behind")
    func kernelRefuses() throws {
        var script = RouterScript()
        script.kernelWorks = false
        try script.notify(1, "alice.example.")
        #expect(script.replies[1] == [.refused(.kernel)])
        #expect(script.cache.count == 0)
    }

    @Test("A list of ports that the kernel refused comes with the next permission")
    func kernelRefusesPorts() throws {
        var script = RouterScript()
        var entry = try #require(script.hosts.lookup(try Name("alice.example."), epoch: 1))
        entry.policy.allow = [PortRange(transport: 6, ports: 443...443)]
        script.hosts.set(entry)
        let limit = KernelChange.limit(
            host: RouterScript.alice, ports: [PortRange(transport: 6, ports: 443...443)])
        script.kernelWorks = false
        try script.notify(1, "alice.example.")
        script.kernelWorks = true
        script.changes = []
        try script.notify(2, "alice.example.")
        #expect(script.replies[2] == [.granted(lifetime: 60, ports: [])])
        #expect(script.changes.first?.contains(limit) == true)
        script.changes = []
        try script.notify(3, "alice.example.", gn: "192.0.2.11")
        #expect(script.changes.first?.contains(limit) == false)
    }

    @Test("A host whose list of ports changes has the new list alone, without ranges that overlap")
    func changedPorts() throws {
        var script = RouterScript()
        var entry = try #require(script.hosts.lookup(try Name("alice.example."), epoch: 1))
        func ask(_ requester: UInt64, _ ports: [String]?) throws -> [KernelChange] {
            entry.policy.allow = ports.map { $0.compactMap { PortRange($0) } }
            script.hosts.set(entry)
            script.changes = []
            try script.notify(requester, "alice.example.", gn: "192.0.2.\(requester)")
            return (script.changes.first ?? []).filter {
                if case .open = $0 { false } else { true }
            }
        }
        func limit(_ text: String...) -> KernelChange {
            .limit(host: RouterScript.alice, ports: text.compactMap { PortRange($0) })
        }
        #expect(try ask(1, ["tcp/80-90", "tcp/85"]) == [limit("tcp/80-90")])
        #expect(try ask(2, ["tcp/85", "tcp/80-90"]) == [])
        #expect(try ask(3, ["tcp/85-99"]) == [.unlimitAll, limit("tcp/85-99")])
        #expect(try ask(4, nil) == [.unlimitAll])
        #expect(try ask(5, nil) == [])
    }

    @Test("No public port is handed out that the router keeps for itself")
    func reservedPublicPorts() throws {
        var script = RouterScript()
        script.cache.configuration.publicPorts = 40_000...40_005
        script.cache.configuration.reserved = [try #require(PortRange("tcp/40000-40002"))]
        script.cache.listening = [try #require(PortRange("tcp/40004")), try #require(PortRange("udp/40005"))]
        var entry = try #require(script.hosts.lookup(try Name("alice.example."), epoch: 1))
        entry.policy.grantedPorts = [PortRange(transport: 6, ports: 1...2)]
        script.hosts.set(entry)
        try script.notify(1, "alice.example.")
        guard case .granted(60, let ports)? = script.replies[1]?.last else {
            Issue.record("not granted")
            return
        }
        #expect(Set(ports.map(\.publicPort)) == [40_003, 40_005])
    }

    @Test("When too few public ports are left nothing is taken, neither ports nor the host's list")
    func tooFewPublicPorts() throws {
        var script = RouterScript()
        script.cache.configuration.publicPorts = 40_000...40_001
        var entry = try #require(script.hosts.lookup(try Name("alice.example."), epoch: 1))
        entry.policy.allow = [PortRange(transport: 6, ports: 1...9)]
        entry.policy.grantedPorts = [PortRange(transport: 6, ports: 1...3)]
        script.hosts.set(entry)
        try script.notify(1, "alice.example.")
        #expect(script.replies[1] == [.refused(.overLimit)] && script.changes.isEmpty)
        entry.policy.grantedPorts = [PortRange(transport: 6, ports: 1...2)]
        script.hosts.set(entry)
        try script.notify(2, "alice.example.")
        guard case .granted(60, let ports)? = script.replies[2]?.last else {
            Issue.record("not granted")
            return
        }
        #expect(Set(ports.map(\.publicPort)) == [40_000, 40_001])
        #expect(
            script.changes.first?.contains(.limit(host: RouterScript.alice, ports: entry.policy.allow ?? []))
                == true)
    }

    @Test("A block counts from when it was made, however long nothing had happened before")
    func blockAfterQuiet() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.", lifetime: 300)
        script.now += .seconds(60)
        var actions: [RouterAction] = []
        script.cache.revoke(now: script.now, actions: &actions) { _ in true }
        script.perform(actions)
        script.now += .seconds(9)
        script.changes = []
        try script.notify(2, "alice.example.")
        #expect(
            script.changes.first?.contains(.unblock(gn: RouterScript.gn, host: RouterScript.alice)) == true)
    }

    @Test("Whoever waits for the kernel when a permission is taken back is told so")
    func revokedWhileOpening() throws {
        var script = RouterScript()
        let request = GrantRequest(
            requester: 7, server: IPAddress(v4: 0xc633_6435), gn: IPPrefix(RouterScript.gn),
            host: try Name("alice.example."))
        var actions: [RouterAction] = []
        script.cache.notify(request, hosts: script.hosts, now: script.now, epoch: 1, actions: &actions)
        actions = []
        script.cache.revoke(now: script.now, actions: &actions) { _ in true }
        #expect(actions.contains(.reply(requester: 7, .refused(.policy))))
    }

    @Test("The owner's decisions survive a restart; what cannot be read is passed over")
    func decisions() throws {
        var script = RouterScript()
        var actions: [RouterAction] = []
        let all: [RequestCache.Denial] = [
            .init(gn: nil, host: try Name("alice.example.")), .init(gn: IPPrefix("2001:db8::/32"), host: nil),
            .init(gn: IPPrefix("192.0.2.10"), host: try Name("bob.example.")),
        ]
        for denial in all { script.cache.deny(denial, now: script.now, actions: &actions) }
        script.cache.isPaused = true
        var other = RequestCache()
        #expect(other.restoreDecisions(script.cache.decisions) == 0)
        #expect(other.denied == Set(all) && other.isPaused)
        #expect(other.restoreDecisions("deny - -\nallow\ndeny x y\ndeny 192.0.2.1 a..b\n") == 4)
        #expect(other.denied == Set(all))
    }

    @Test("Ended permissions are counted by the asker's network, within a bound")
    func askers() throws {
        var figures = AskerFigures(limit: 2)
        for (gn, isUsed) in [
            ("192.0.2.1", true), ("192.0.2.9", false), ("2001:db8:1::5", false), ("2001:db8:1:2::6", false),
            ("198.51.100.1", true),
        ] {
            figures.count(try #require(IPPrefix(gn)), isUsed: isUsed, after: .seconds(10))
        }
        let all = figures.all
        #expect(all.map(\.network.description) == ["2001:db8:1::/48", "192.0.2.0/24"])
        #expect(all.map(\.figure.unused) == [2, 1] && all.map(\.figure.used) == [0, 1])
        #expect(figures.others == AskerFigures.Figure(used: 1, unused: 0, open: .seconds(10)))
        #expect(figures.total == AskerFigures.Figure(used: 2, unused: 3, open: .seconds(50)))
    }

    @Test("Names, families, senders and askers that are not let in are refused, each for its reason")
    func refusals() throws {
        var script = RouterScript()
        try script.notify(1, "dave.example.")
        #expect(script.replies[1] == [.refused(.unknownName)])
        var entry = PrivateHostList.Entry(
            name: try Name("old.example."), ipv4: IPAddress(v4: 0xc0a8_0114), source: .local)
        script.hosts.set(entry)
        try script.notify(2, "old.example.", gn: "2001:db8::10")
        #expect(script.replies[2] == [.refused(.noAddress)])
        entry.policy.servers = [IPAddress(v4: 0xc633_6436)]
        entry.policy.from = [try #require(IPPrefix("192.0.2.0/28"))]
        script.hosts.set(entry)
        try script.notify(3, "old.example.")
        #expect(script.replies[3] == [.refused(.policy)])
        try script.notify(4, "old.example.", gn: "192.0.2.16", server: "198.51.100.54")
        #expect(script.replies[4] == [.refused(.policy)])
        try script.notify(5, "old.example.", server: "198.51.100.54")
        #expect(script.replies[5] == [.granted(lifetime: 60, ports: [])])
        try script.notify(6, "alice.example.", gn: "192.0.0.0/16")
        #expect(script.replies[6] == [.refused(.prefix)])
        for (index, gn) in ["0.0.0.0", "127.0.0.1", "224.0.0.1", "169.254.1.1"].enumerated() {
            try script.notify(UInt64(10 + index), "alice.example.", gn: gn)
            #expect(script.replies[UInt64(10 + index)] == [.refused(.policy)])
        }
        script.cache.isPaused = true
        try script.notify(20, "alice.example.")
        #expect(script.replies[20] == [.refused(.paused)])
    }

    @Test("The lifetime asked for is granted up to the largest")
    func lifetimes() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.", gn: "192.0.2.1", lifetime: 10)
        try script.notify(2, "alice.example.", gn: "192.0.2.2", lifetime: 86_400)
        try script.notify(3, "alice.example.", gn: "192.0.2.3", lifetime: 0)
        #expect(script.replies[1] == [.granted(lifetime: 10, ports: [])])
        #expect(script.replies[2] == [.granted(lifetime: 300, ports: [])])
        #expect(script.replies[3] == [.granted(lifetime: 1, ports: [])])
    }

    @Test("The same host again is acknowledged at once; after a second it is opened anew")
    func refresh() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.")
        try script.notify(2, "alice.example.")
        #expect(script.replies[2] == [.granted(lifetime: 60, ports: [])])
        #expect(script.changes.count == 1)
        script.pass(30_000)
        try script.notify(3, "alice.example.")
        #expect(script.changes.count == 2)
        script.pass(59_000)
        #expect(script.cache.count == 1)
        script.pass(1000)
        #expect(script.cache.count == 0)
    }

    @Test("A used permission gives way to another host at once, an unused one after its first use")
    func contention() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.")
        script.use()
        try script.notify(2, "bob.example.")
        #expect(script.replies[2] == [.granted(lifetime: 60, ports: [])])
        guard case .open(_, let host, let gate, _, let previous)? = script.changes.last?.first else { return }
        #expect(host == RouterScript.bob && gate == .window && previous == RouterScript.alice)
        try script.notify(3, "alice.example.")
        #expect(script.replies[3] == [.pending])
        #expect(script.changes.last == [.narrow(gn: RouterScript.gn, lifetime: 60)])
        // The same again, from another who asks, and by another server: all are told, and all at once.
        try script.notify(3, "alice.example.")
        try script.notify(4, "alice.example.")
        try script.notify(5, "alice.example.", server: "198.51.100.54")
        #expect(script.replies[4] == [.pending] && script.replies[5] == [.pending])
        script.pass(100)
        script.use()
        #expect(script.replies[3] == [.pending, .pending, .granted(lifetime: 60, ports: [])])
        #expect(script.replies[4] == [.pending, .granted(lifetime: 60, ports: [])])
        #expect(script.replies[5] == [.pending, .granted(lifetime: 60, ports: [])])
        #expect(script.cache.waitingCount == 0)
        guard case .open(_, let last, .once, _, _)? = script.changes.last?.first else {
            Issue.record("\(script.changes)")
            return
        }
        #expect(last == RouterScript.alice)
    }

    @Test("Whoever waits together is refused together, and beyond a bound at once")
    func contentionRefused() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.")
        for requester in UInt64(2)...18 { try script.notify(requester, "bob.example.") }
        #expect((2...17).allSatisfy { script.replies[$0] == [.pending] })
        #expect(script.replies[18] == [.refused(.overLimit)])
        var actions: [RouterAction] = []
        script.cache.revoke(now: script.now, actions: &actions) { _ in true }
        script.perform(actions)
        #expect((2...17).allSatisfy { script.replies[$0] == [.pending, .refused(.policy)] })
    }

    @Test("An unused permission gives way after the conflict wait; each waiter has its own")
    func contentionTimeout() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.")
        try script.notify(2, "bob.example.")
        try script.notify(3, "carol.example.")
        #expect(script.replies[2] == [.pending] && script.replies[3] == [.pending])
        script.pass(699)
        #expect(script.replies[2] == [.pending])
        script.pass(1)
        #expect(script.replies[2] == [.pending, .granted(lifetime: 60, ports: [])])
        #expect(script.replies[3] == [.pending])
        script.pass(700)
        #expect(script.replies[3] == [.pending, .granted(lifetime: 60, ports: [])])
        #expect(script.cache.all.map(\.address.description) == ["192.168.1.13"])
        #expect(script.cache.waitingCount == 0)
    }

    @Test("No more wait for one asker than are allowed")
    func waiters() throws {
        var script = RouterScript()
        script.cache.configuration.conflictQueue = 1
        try script.notify(1, "alice.example.")
        try script.notify(2, "bob.example.")
        try script.notify(3, "carol.example.")
        #expect(script.replies[3] == [.refused(.overLimit)])
    }

    @Test("In mode `once` the first flow uses a permission up, and asking again opens it anew")
    func once() throws {
        var script = RouterScript()
        script.cache.configuration.mode = .once
        try script.notify(1, "alice.example.")
        guard case .open(_, _, .once, _, _)? = script.changes.last?.first else {
            Issue.record("not once")
            return
        }
        script.use()
        try script.notify(2, "alice.example.")
        #expect(script.changes.count == 2)
        #expect(script.replies[2] == [.granted(lifetime: 60, ports: [])])
    }

    @Test("IPv6 pinholes of one asker do not conflict")
    func pinholes() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.", gn: "2001:db8::10")
        try script.notify(2, "bob.example.", gn: "2001:db8::10")
        #expect(script.replies[1] == [.granted(lifetime: 60, ports: [])])
        #expect(script.replies[2] == [.granted(lifetime: 60, ports: [])])
        #expect(script.cache.count == 2)
        script.use(
            try #require(IPAddress("2001:db8::10")),
            host: IPAddress(high: 0x2001_0db8_0001_0001, low: RouterScript.bob.low))
        #expect(script.cache.all.map(\.flows) == [0, 1])
    }

    @Test("Every bound refuses what goes beyond it, and what is open stays")
    func bounds() throws {
        var script = RouterScript()
        script.cache.configuration.entries = 6
        script.cache.configuration.perGN = 2
        script.cache.configuration.perServer = 3
        script.cache.configuration.perHost = 2
        for (index, host) in ["alice", "bob", "carol"].enumerated() {
            try script.notify(UInt64(index), "\(host).example.", gn: "2001:db8::10")
        }
        #expect(script.replies[2] == [.refused(.overLimit)])
        try script.notify(3, "alice.example.", gn: "192.0.2.1")
        try script.notify(4, "alice.example.", gn: "192.0.2.2")
        #expect(script.replies[3] == [.granted(lifetime: 60, ports: [])])
        #expect(script.replies[4] == [.refused(.overLimit)])
        try script.notify(5, "alice.example.", gn: "192.0.2.3", server: "198.51.100.1")
        try script.notify(6, "alice.example.", gn: "192.0.2.4", server: "198.51.100.1")
        #expect(script.replies[6] == [.refused(.overLimit)])
        try script.notify(7, "bob.example.", gn: "192.0.2.5", server: "198.51.100.2")
        #expect(script.replies[7] == [.granted(lifetime: 60, ports: [])])
        script.pass(60_000)
        #expect(script.cache.count == 0)
        try script.notify(8, "alice.example.", gn: "192.0.2.2")
        #expect(script.replies[8] == [.granted(lifetime: 60, ports: [])])
    }

    @Test("An asker with the router's own address is told the private address, and nothing is opened")
    func hairpin() throws {
        var script = RouterScript()
        script.cache.configuration.outside = [IPAddress(v4: 0xcb00_7101)]
        try script.notify(1, "alice.example.", gn: "203.0.113.1")
        #expect(script.replies[1] == [.hairpin(address: RouterScript.alice, lifetime: 60)])
        #expect(script.changes.isEmpty)
    }

    @Test("A denial closes the gate, blocks the pair, then deletes the flows, and lasts")
    func denial() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.")
        script.changes = []
        script.forgotten = []
        var actions: [RouterAction] = []
        let denial = RequestCache.Denial(gn: IPPrefix("192.0.2.0/24"), host: try Name("alice.example."))
        #expect(script.cache.deny(denial, now: script.now, actions: &actions) == 1)
        let order = actions.compactMap { action -> String? in
            switch action {
            case .apply(_, let list): list.first.map { "\($0)".prefix { $0 != "(" }.description }
            case .forgetFlows: "forget"
            default: nil
            }
        }
        #expect(order == ["close", "block", "forget"])
        try script.notify(2, "alice.example.")
        #expect(script.replies[2] == [.refused(.policy)])
        try script.notify(3, "bob.example.")
        #expect(script.replies[3] == [.granted(lifetime: 60, ports: [])])
        #expect(script.cache.allow(denial) == true)
        script.pass(60_000)
        try script.notify(4, "alice.example.")
        #expect(script.replies[4] == [.granted(lifetime: 60, ports: [])])
    }

    @Test("Granted ports differ between hosts, do not conflict, and are given back")
    func ports() throws {
        var script = RouterScript()
        script.cache.configuration.publicPorts = 40000...40001
        for host in ["alice", "bob"] {
            var entry = try #require(script.hosts.lookup(Name("\(host).example."), epoch: 1))
            entry.policy.grantedPorts = [NTS.PortRange(transport: 6, ports: 8080...8080)]
            script.hosts.set(entry)
        }
        try script.notify(1, "alice.example.")
        try script.notify(2, "bob.example.")
        guard case .granted(_, let first)? = script.replies[1]?.first,
            case .granted(_, let second)? = script.replies[2]?.first
        else {
            Issue.record("\(script.replies)")
            return
        }
        #expect(Set([first[0].publicPort, second[0].publicPort]) == [40000, 40001])
        #expect(first[0].privatePort == 8080)
        script.pass(60_000)
        try script.notify(3, "alice.example.")
        guard case .granted(_, let again)? = script.replies[3]?.first else { return }
        #expect(again.count == 1)
    }

    @Test("Many refreshes leave no deadlines behind")
    func heap() throws {
        var script = RouterScript()
        for round in 0..<5000 {
            try script.notify(UInt64(round), "alice.example.")
            script.pass(1500)
        }
        #expect(script.cache.count == 1)
        #expect(script.replies.count == 5000)
    }
}
