import DNSCore
import NTS
import Testing

@testable import RouterAgent

/// Our table in a real kernel, in a network namespace of its own.
@Suite("The kernel's table", .enabled(if: canUnshare, "needs root: network namespaces"))
struct KernelTableTests {
    static let gn = IPAddress(v4: 0xc000_020a)  // 192.0.2.10
    static let gn2 = IPAddress(v4: 0xc000_0214)  // 192.0.2.20
    static let alice = IPAddress(v4: 0xc0a8_010b)  // 192.168.1.11
    static let bob = IPAddress(v4: 0xc0a8_010c)
    static let now = Duration.seconds(100)

    static func ruleset(_ more: String = "") throws -> Ruleset {
        try RouterConfiguration.parse(
            "router: { outside: lo, inside: [ eth0 ] }\n" + more, file: "test.yaml"
        ).ruleset
    }

    /// A table, and the context that owns it.
    struct Kernel {
        let nftables: Nftables
        var table: KernelTable

        init(_ more: String = "") throws {
            nftables = try Nftables()
            table = try KernelTable(nftables: nftables, ruleset: try KernelTableTests.ruleset(more))
        }

        mutating func apply(_ lists: [KernelChange]...) -> [Bool] { table.apply(lists, now: now) }

        /// What `nft list set|map` prints, in one line.
        func list(_ kind: String, _ set: String) -> String {
            (nftables.list("list \(kind) inet torii \(set)") ?? "gone").split { $0 == "\n" || $0 == "\t" }
                .joined(separator: " ")
        }
    }

    static func open(
        _ gn: IPAddress, _ host: IPAddress, _ gate: Gate = .window, lifetime: UInt32 = 60
    ) -> KernelChange {
        .open(gn: gn, host: host, gate: gate, lifetime: lifetime, previous: nil)
    }

    @Test(
        "A permission is a gate and a target with timeouts; another target takes its place in one transaction"
    )
    func opening() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel()
            #expect(kernel.table.missing.isEmpty)
            #expect(kernel.apply([Self.open(Self.gn, Self.alice)]) == [true])
            #expect(kernel.list("map", "rc4").contains("192.0.2.10 timeout 1m5s"))
            #expect(kernel.list("map", "rc4").contains(": 192.168.1.11"))
            #expect(
                kernel.list("set", "win4").contains("192.0.2.10 limit rate 1/day burst 64 packets timeout 1m")
            )
            #expect(kernel.apply([Self.open(Self.gn, Self.bob, .once)]) == [true])
            #expect(kernel.list("map", "rc4").contains(": 192.168.1.12"))
            #expect(!kernel.list("map", "rc4").contains(": 192.168.1.11"))
            #expect(!kernel.list("set", "win4").contains("192.0.2.10"))
            #expect(kernel.list("set", "once4").contains("192.0.2.10"))
            #expect(kernel.apply([.close(gn: Self.gn, host: Self.bob)]) == [true])
            for (kind, name) in [("map", "rc4"), ("set", "win4"), ("set", "once4")] {
                #expect(!kernel.list(kind, name).contains("192.0.2.10"))
            }
        }
    }

    @Test("The same target again is extended, though the kernel would not extend an element that is there")
    func extending() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel()
            #expect(kernel.apply([Self.open(Self.gn, Self.alice, lifetime: 20)]) == [true])
            // Used up in part, as time passes: the kernel's own clock is not ours to move.
            #expect(kernel.nftables.run("delete element inet torii win4 { 192.0.2.10 }") == nil)
            #expect(
                kernel.nftables.run("add element inet torii win4 { 192.0.2.10 timeout 20s expires 3s }")
                    == nil)
            #expect(kernel.list("set", "win4").contains(#"expires "#))
            #expect(kernel.apply([Self.open(Self.gn, Self.alice, lifetime: 20)]) == [true])
            let text = kernel.list("set", "win4")
            #expect(text.contains("expires 19s") || text.contains("expires 20s"), "\(text)")
        }
    }

    @Test("An element that its timeout or the packet path has removed does not fail the transaction")
    func goneBefore() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel()
            #expect(
                kernel.apply([Self.open(Self.gn, Self.alice, .once)], [Self.open(Self.gn2, Self.bob)]) == [
                    true, true,
                ])
            #expect(kernel.nftables.run("delete element inet torii once4 { 192.0.2.10 }") == nil)
            #expect(kernel.nftables.run("delete element inet torii rc4 { 192.0.2.20 }") == nil)
            #expect(
                kernel.apply(
                    [.close(gn: Self.gn, host: Self.alice)], [Self.open(Self.gn2, Self.alice)],
                    [.closePinhole(gn: IPAddress("2001:db8::1")!, host: IPAddress("2001:db8:1::1")!)])
                    == [true, true, true])
            #expect(kernel.list("map", "rc4").contains("192.0.2.20"))
        }
    }

    @Test("What the kernel refuses is left out, and the others of the transaction are made")
    func refused() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel()
            // Not ours: the element is there with another value.
            #expect(kernel.nftables.run("add element inet torii rc4 { 192.0.2.20 : 192.168.1.99 }") == nil)
            let others = (1...50).map { Self.open(IPAddress(v4: 0xcb00_7100 + UInt32($0)), Self.alice) }
            let lists =
                others[..<25].map { [$0] } + [[Self.open(Self.gn2, Self.alice)]] + others[25...].map { [$0] }
            let results = kernel.table.apply(lists, now: Self.now)
            #expect(results.count == 51 && !results[25] && results.count { $0 } == 50)
            #expect(kernel.table.failures == 1 && kernel.table.commits == 1)
            #expect(!kernel.list("set", "win4").contains("192.0.2.20"))
            #expect(kernel.list("set", "win4").contains("203.0.113.50"))
            // A full table refuses the next one, and those that are in it stay.
            #expect(kernel.apply([Self.open(Self.gn, Self.alice)]) == [true])
        }
    }

    @Test("A full table refuses what comes, and keeps what it has")
    func full() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel("permissions: { limits: { entries: 512 } }\n")
            let lists = (0..<1400).map { [Self.open(IPAddress(v4: 0x0b00_0000 + UInt32($0)), Self.alice)] }
            let results = kernel.table.apply(lists, now: Self.now)
            #expect(results.count { $0 } == 1024)
            #expect(results[0] && !results[1399])
            #expect(kernel.list("map", "rc4").contains("11.0.0.0 "))
        }
    }

    @Test("More changes than one transaction takes go into several")
    func many() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel()
            let lists = (0..<20_000).map { [Self.open(IPAddress(v4: 0x0b00_0000 + UInt32($0)), Self.alice)] }
            #expect(kernel.table.apply(lists, now: Self.now).allSatisfy { $0 })
            #expect(kernel.table.commits == 10)
            let closing = lists.flatMap { $0 }.map { change -> [KernelChange] in
                guard case .open(let gn, let host, _, _, _) = change else { return [] }
                return [.close(gn: gn, host: host)]
            }
            #expect(kernel.table.apply(closing, now: Self.now).allSatisfy { $0 })
            #expect(!kernel.list("map", "rc4").contains("elements"))
        }
    }

    @Test("Ports, pinholes, prefixes, blocks, port lists and reserved ports")
    func kinds() async throws {
        try await inOwnNamespace {
            var kernel = try Kernel()
            let gn6 = try #require(IPAddress("2001:db8:0:2::10"))
            let host6 = try #require(IPAddress("2001:db8:1:1::11"))
            let prefix = try #require(IPPrefix("192.0.2.0/24"))
            let prefix6 = try #require(IPPrefix("2001:db8:0:2::/64"))
            let changes: [KernelChange] = [
                .openPort(
                    gn: Self.gn, transport: 6, port: 40_001, host: Self.alice, hostPort: 80, lifetime: 60),
                .openPinhole(gn: gn6, host: host6, lifetime: 60),
                .openPrefix(gn: prefix, host: Self.bob, lifetime: 60),
                .openPrefix(gn: prefix6, host: host6, lifetime: 60),
                .block(gn: Self.gn, host: Self.alice, seconds: 10),
                .blockPrefix(gn: prefix, host: Self.bob, seconds: 10),
                .limit(host: Self.alice, ports: [PortRange(transport: 6, ports: 80...90)]),
            ]
            #expect(kernel.table.apply([changes], now: Self.now) == [true])
            #expect(kernel.list("map", "port4").contains("192.0.2.10 . tcp . 40001"))
            #expect(kernel.list("map", "port4").contains(": 192.168.1.11 . 80"))
            #expect(kernel.list("set", "pin6").contains("2001:db8:0:2::10 . 2001:db8:1:1::11"))
            #expect(kernel.list("map", "wideto4").contains("192.0.2.0/24 . 0-255"))
            #expect(kernel.list("set", "wide4").contains("192.0.2.0/24 . 0-255"))
            #expect(kernel.list("set", "wide6").contains("2001:db8:0:2::/64 . 2001:db8:1:1::11"))
            #expect(kernel.list("set", "revoked4").contains("192.168.1.11 . 192.0.2.10"))
            #expect(kernel.list("set", "revokedwide4").contains("192.168.1.12 . 192.0.2.0/24"))
            #expect(kernel.list("set", "open4").contains("192.168.1.11 . tcp . 80-90"))
            // Again, and then everything away.
            #expect(kernel.table.apply([Array(changes[..<6])], now: Self.now) == [true])
            #expect(
                kernel.apply([
                    .closePort(gn: Self.gn, transport: 6, port: 40_001, host: Self.alice, hostPort: 80),
                    .closePinhole(gn: gn6, host: host6), .closePrefix(gn: prefix, host: Self.bob),
                    .closePrefix(gn: prefix6, host: host6), .unblock(gn: Self.gn, host: Self.alice),
                    .unblockPrefix(gn: prefix, host: Self.bob), .unlimitAll,
                ]) == [true])
            for (kind, name) in [
                ("map", "port4"), ("set", "pin6"), ("map", "wideto4"), ("set", "wide4"), ("set", "wide6"),
                ("set", "revoked4"), ("set", "revokedwide4"), ("set", "open4"), ("set", "limited4"),
            ] {
                #expect(!kernel.list(kind, name).contains("elements"), "\(name)")
            }
            let ports: Set<ListeningPorts.Port> = [
                .init(transport: 6, port: 8443), .init(transport: 17, port: 53),
            ]
            for _ in 0..<2 {
                let isReserved = kernel.table.reserve(ports)
                #expect(isReserved)
            }
            #expect(kernel.list("set", "listening").contains("tcp . 8443"))
            let isEmptied = kernel.table.reserve([])
            #expect(isEmptied)
            #expect(!kernel.list("set", "listening").contains("8443"))
        }
    }

    @Test("What is only tried leaves nothing behind; the doctor tries the helpers so")
    func tried() async throws {
        try await inOwnNamespace {
            let nftables = try Nftables()
            #expect(nftables.isPossible("add table inet probe\n"))
            #expect(!nftables.isPossible("add rule inet probe missing accept\n"))
            #expect(nftables.list("list tables") == "")
            let configuration = try RouterConfiguration.parse(
                "router: { outside: lo, inside: [ lo0 ] }\n", file: "test.yaml")
            let doctor = try Doctor.here(configuration)
            let table = try KernelTable(nftables: nftables, ruleset: configuration.ruleset)
            // Where the table has them, the doctor finds them.
            let hasAll = configuration.ruleset.helpers.allSatisfy { doctor.hasHelper($0) }
            #expect(hasAll == table.missing.isEmpty)
        }
    }

    @Test("The table is ours: others can neither change nor flush it, and it goes with its owner")
    func owner() async throws {
        try await inOwnNamespace {
            let other = try Nftables()
            do {
                var kernel = try Kernel()
                #expect(kernel.apply([Self.open(Self.gn, Self.alice)]) == [true])
                #expect(other.run("add element inet torii win4 { 192.0.2.99 timeout 60s }") != nil)
                #expect(other.run("flush ruleset") == nil)
                #expect(other.list("list map inet torii rc4")?.contains("192.0.2.10") == true)
                // A second agent cannot have it.
                #expect(throws: RouterError.self) { _ = try Kernel() }
            }
            #expect(other.list("list tables") == "")
        }
    }
}
