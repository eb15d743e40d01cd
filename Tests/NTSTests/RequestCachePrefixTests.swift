import DNSCore
import Testing

@testable import NTS

@Suite("Permissions for prefixes, hosts that move")
struct RequestCachePrefixTests {
    @Test("A prefix is let in to one host; it is told from its addresses, and no second host takes its place")
    func prefix() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.", gn: "192.0.2.0/24")
        #expect(script.replies[1] == [.granted(lifetime: 60, ports: [])])
        let prefix = try #require(IPPrefix("192.0.2.0/24"))
        #expect(script.changes == [[.openPrefix(gn: prefix, host: RouterScript.alice, lifetime: 60)]])
        // Among the many behind it, those who were let in to alice would end at bob.
        try script.notify(2, "bob.example.", gn: "192.0.2.0/24")
        #expect(script.replies[2] == [.refused(.contended)])
        script.use()
        #expect(script.cache.all.map(\.flows) == [1])
        try script.notify(3, "bob.example.", gn: "192.0.2.0/24")
        #expect(script.replies[3] == [.refused(.contended)])
        // One address of it has a permission of its own.
        try script.notify(4, "bob.example.")
        #expect(script.replies[4] == [.granted(lifetime: 60, ports: [])])
        script.pass(2000)
        try script.notify(5, "alice.example.", gn: "192.0.2.0/24")
        #expect(script.replies[5] == [.granted(lifetime: 60, ports: [])])
        script.pass(61_000)
        #expect(script.cache.count == 0)
    }

    @Test("Prefixes are bounded in size and number, and do not overlap")
    func bounds() throws {
        var script = RouterScript()
        script.cache.configuration.prefixes = 2
        try script.notify(1, "alice.example.", gn: "192.0.0.0/23")
        try script.notify(2, "alice.example.", gn: "192.0.2.0/24")
        try script.notify(3, "alice.example.", gn: "192.0.2.128/25")
        try script.notify(4, "alice.example.", gn: "198.51.100.0/24")
        try script.notify(5, "alice.example.", gn: "203.0.113.0/24")
        #expect(
            (1...5).map { script.replies[$0] } == [
                [.refused(.prefix)], [.granted(lifetime: 60, ports: [])], [.refused(.contended)],
                [.granted(lifetime: 60, ports: [])], [.refused(.overLimit)],
            ])
        var entry = try #require(script.hosts.lookup(Name("bob.example."), epoch: 1))
        entry.policy.grantedPorts = [PortRange(transport: 6, ports: 8080...8080)]
        script.hosts.set(entry)
        try script.notify(6, "bob.example.", gn: "203.0.113.0/24")
        #expect(script.replies[6] == [.refused(.prefix)])
        // Revoked, it is blocked as a whole.
        script.changes = []
        var actions: [RouterAction] = []
        script.cache.revoke(now: script.now, actions: &actions) {
            $0.gn.address == IPAddress(v4: 0xc633_6400)
        }
        let prefix = try #require(IPPrefix("198.51.100.0/24"))
        #expect(actions.contains(.forgetFlows(gn: prefix, host: RouterScript.alice)))
        let block = KernelChange.blockPrefix(gn: prefix, host: RouterScript.alice, seconds: 10)
        #expect(actions.contains { if case .apply(_, let list) = $0 { list == [block] } else { false } })
    }

    @Test("Who is let in again does not run into the block of its prefix, nor of an address in it")
    func unblocked() throws {
        var script = RouterScript()
        try script.notify(1, "alice.example.", gn: "192.0.2.0/24")
        try script.notify(2, "alice.example.", gn: "192.0.2.10")
        var actions: [RouterAction] = []
        let ended = script.cache.revoke(now: script.now, actions: &actions) { _ in true }
        #expect(ended == 2)
        script.changes = []
        try script.notify(3, "alice.example.", gn: "192.0.2.20")
        let prefix = try #require(IPPrefix("192.0.2.0/24"))
        #expect(script.changes.first?.first == .unblockPrefix(gn: prefix, host: RouterScript.alice))
        script.changes = []
        try script.notify(4, "alice.example.", gn: "192.0.2.0/24")
        #expect(script.changes.first?.first == .unblock(gn: RouterScript.gn, host: RouterScript.alice))
    }

    @Test("A host that moves takes its pinholes along, for what is left of them")
    func move() throws {
        var script = RouterScript()
        let name = try Name("alice.example.")
        let old = try #require(IPAddress("2001:db8:1:1::11"))
        let new = try #require(IPAddress("2001:db8:2:2::11"))
        let gn = try #require(IPAddress("2001:db8::10"))
        var entry = try #require(script.hosts.lookup(name, epoch: 1))
        entry.ipv6 = old
        entry.policy.allow = [PortRange(transport: 6, ports: 80...80)]
        script.hosts.set(entry)
        try script.notify(1, "alice.example.", gn: "2001:db8::10")
        #expect(script.replies[1] == [.granted(lifetime: 60, ports: [])])
        script.pass(20_000)
        let isMoved = script.hosts.move(name, to: new)
        #expect(isMoved)
        var actions: [RouterAction] = []
        let moved = try #require(script.hosts.lookup(name, epoch: 1))
        script.cache.move(moved, from: old, to: new, now: script.now, actions: &actions)
        #expect(actions.count == 1)
        guard case .apply(_, let changes)? = actions.first else { return }
        #expect(
            changes == [
                .limit(host: new, ports: [PortRange(transport: 6, ports: 80...80)]),
                .closePinhole(gn: gn, host: old), .openPinhole(gn: gn, host: new, lifetime: 40),
            ])
        #expect(script.cache.all.map(\.address) == [new])
        #expect(script.hosts.names(of: new) == [name] && script.hosts.names(of: old).isEmpty)
        script.use(gn, host: new)
        #expect(script.cache.all.map(\.flows) == [1])
        script.pass(41_000)
        #expect(script.cache.count == 0)
    }

    @Test("A flow to a granted port is counted for the host that it belongs to")
    func grantedUse() throws {
        var script = RouterScript()
        for host in ["alice", "bob"] {
            var entry = try #require(script.hosts.lookup(Name("\(host).example."), epoch: 1))
            entry.policy.grantedPorts = [PortRange(transport: 6, ports: 8080...8080)]
            script.hosts.set(entry)
        }
        try script.notify(1, "alice.example.")
        try script.notify(2, "bob.example.")
        guard case .granted(_, let ports)? = script.replies[2]?.first, let port = ports.first else {
            Issue.record("\(script.replies)")
            return
        }
        var actions: [RouterAction] = []
        script.cache.used(
            gn: RouterScript.gn, host: nil, transport: 6, port: port.publicPort, now: script.now,
            actions: &actions)
        #expect(script.cache.all.filter { $0.flows > 0 }.map(\.address) == [RouterScript.bob])
    }
}
