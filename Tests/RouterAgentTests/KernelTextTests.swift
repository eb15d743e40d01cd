import DNSCore
import NTS
import Operations
import Testing

@testable import RouterAgent

@Suite("What goes to the kernel and comes from it")
struct KernelTextTests {
    /// An IPv4 packet around `payload`.
    func packet(_ transport: UInt8, _ payload: [UInt8], fragment: UInt8 = 0) -> [UInt8] {
        let length = UInt8(20 + payload.count)
        return [
            0x45, 0, 0, length, 0, 0, fragment, 0, 64, transport, 0, 0, 192, 168, 1, 11, 198, 51, 100, 53,
        ] + payload
    }

    @Test("A logged packet gives addresses, ports and payload; later fragments and stubs give nothing")
    func packets() throws {
        let udp: [UInt8] = [0x13, 0x88, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]
        let octets = packet(17, udp)
        let logged = LoggedPacket(octets.span.bytes, group: 6, hook: 0, inInterface: 2)
        let read = try #require(logged)
        #expect(read.source.description == "192.168.1.11" && read.destination.description == "198.51.100.53")
        #expect(read.sourcePort == 5000 && read.destinationPort == 53 && read.payload == udp)
        var fragment = packet(17, udp)
        fragment[7] = 5
        let later = LoggedPacket(fragment.span.bytes, group: 6, hook: 0, inInterface: 2)
        #expect(later == nil)
        for length in 0..<20 {
            let short = Array(octets.prefix(length))
            let stub = LoggedPacket(short.span.bytes, group: 6, hook: 0, inInterface: 2)
            #expect(stub == nil)
        }
        for _ in 0..<5000 {
            let noise = (0..<Int.random(in: 0...80)).map { _ in UInt8.random(in: 0...255) }
            _ = LoggedPacket(noise.span.bytes, group: 6, hook: 0, inInterface: 2)
        }
    }

    /// A logged TCP segment.
    func segment(_ sequence: UInt32, _ data: [UInt8], flags: UInt8 = 0x18) throws -> LoggedPacket {
        let bytes = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sequence >> UInt32($0)) }
        let header = [0x13, 0x88, 0, 53] + bytes + [0, 0, 0, 0, 0x50, flags, 0, 0, 0, 0, 0, 0]
        let octets = packet(6, header + data)
        let logged = LoggedPacket(octets.span.bytes, group: 6, hook: 0, inInterface: 2)
        return try #require(logged)
    }

    @Test("Segments are joined in order, repeated and early ones included")
    func streams() throws {
        var streams = UpdateStreams()
        let message: [UInt8] = Array(1...9)
        let octets = [0, 9] + message + [0, 2, 7, 8]
        #expect(streams.append(try segment(1000, [], flags: 0x02), isResponse: false, now: .zero).isEmpty)
        func send(_ range: Range<Int>) throws -> [[UInt8]] {
            streams.append(
                try segment(1001 + UInt32(range.lowerBound), Array(octets[range])), isResponse: false,
                now: .zero)
        }
        #expect(try send(0..<3).isEmpty)
        #expect(try send(6..<9).isEmpty)
        #expect(try send(1..<4).isEmpty)
        #expect(try send(9..<15).isEmpty)
        #expect(try send(4..<6) == [message, [7, 8]])
        // Without its opening, a stream is not followed: it could begin anywhere.
        var late = UpdateStreams()
        #expect(late.append(try segment(5, octets), isResponse: false, now: .zero).isEmpty)
    }

    @Test("Lease files of the three servers; what is no host name is left out")
    func leases() throws {
        let file = LeaseFile(suffix: try Name("lan.example."))
        let dnsmasq = """
            1800000000 02:00:00:00:00:01 192.168.1.20 printer 01:02
            0 02:00:00:00:00:02 192.168.1.21 tv *
            1700000000 02:00:00:00:00:03 192.168.1.22 old *
            1800000000 02:00:00:00:00:04 192.168.1.23 * *
            1800000000 02:00:00:00:00:05 192.168.1.24 evil.example.com *
            1800000000 02:00:00:00:00:06 192.168.1.25 a$b *
            duid 00:01
            """
        #expect(
            file.read(dnsmasq, format: .dnsmasq, epoch: 1_750_000_000) == [
                Lease(
                    name: try Name("printer.lan.example."), address: IPAddress(v4: 0xc0a8_0114),
                    expiry: 1_800_000_000),
                Lease(name: try Name("tv.lan.example."), address: IPAddress(v4: 0xc0a8_0115), expiry: .max),
            ])
        let odhcpd = """
            # br-lan 00010001 0 laptop 1800000000 5 128 2001:db8:1:1::5/128
            # br-lan 020000000001 ipv4 phone -1 1e 32 192.168.1.30/32
            # br-lan 00010002 1 inner 1800000000 6 56 2001:db8:1:100::/56
            2001:db8:1:1::5 laptop.lan.example laptop
            """
        #expect(
            file.read(odhcpd, format: .odhcpd, epoch: 1_750_000_000).map { "\($0.name) \($0.address)" } == [
                "laptop.lan.example. 2001:db8:1:1::5", "phone.lan.example. 192.168.1.30",
            ])
        let kea = """
            address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context
            192.168.1.40,02:00:00:00:00:01,,3600,1800000000,1,0,0,box,0,
            192.168.1.41,02:00:00:00:00:02,,3600,1800000000,1,0,0,gone,0,
            192.168.1.41,02:00:00:00:00:02,,3600,1800000000,1,0,0,gone,2,
            192.168.1.42,02:00:00:00:00:03,,3600,1800000000,1,1,1,full.lan.example.,0,
            """
        #expect(
            file.read(kea, format: .kea, epoch: 1_750_000_000).map { "\($0.name) \($0.address)" } == [
                "box.lan.example. 192.168.1.40", "full.lan.example. 192.168.1.42",
            ])
        let kea6 = """
            address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,hostname,state
            2001:db8:1:200::,00:01,3600,1800000000,1,1800,2,7,56,inner,0
            2001:db8:1:1::40,00:02,3600,1800000000,1,1800,0,8,128,box.,0
            """
        #expect(
            file.read(kea6, format: .kea, epoch: 1_750_000_000).map { "\($0.name) \($0.address)" } == [
                "box.lan.example. 2001:db8:1:1::40"
            ])
    }

    @Test("A hostile stream keeps a bounded number of octets")
    func hostileStream() throws {
        var streams = UpdateStreams()
        _ = streams.append(try segment(1000, [], flags: 0x02), isResponse: false, now: .zero)
        let piece = [UInt8](repeating: 0xff, count: 200)
        for index in 0..<5000 {
            // Never the next one, each far ahead of the others, then all of them again.
            let sequence = UInt32(1100 + index % 330 * 200)
            _ = streams.append(try segment(sequence, piece), isResponse: false, now: .zero)
        }
        #expect(streams.octetCount <= 2 * UpdateStreams.octetLimit)
        for port in 0..<1000 {
            var opening = try segment(1, [], flags: 0x02)
            opening.sourcePort = UInt16(port)
            _ = streams.append(opening, isResponse: false, now: .seconds(port))
        }
        #expect(streams.count <= UpdateStreams.connectionLimit)
    }

    @Test("A lease that is missing for a moment is not gone: its file may just be written anew")
    func vanishedLeases() throws {
        let box = try Name("box.lan.example.")
        let printer = try Name("printer.lan.example.")
        var vanished = VanishedLeases()
        let start = Duration.seconds(100)
        #expect(vanished.note([box], now: start).isEmpty)
        #expect(vanished.due == start + .milliseconds(500))
        // It is back, and goes again: that counts anew.
        #expect(vanished.note([], now: start + .milliseconds(100)).isEmpty)
        #expect(vanished.due == nil)
        #expect(vanished.note([box], now: start + .milliseconds(400)).isEmpty)
        #expect(vanished.note([box, printer], now: start + .milliseconds(600)).isEmpty)
        #expect(vanished.count == 2)
        #expect(vanished.note([box, printer], now: start + .milliseconds(900)) == [box])
        #expect(vanished.due == start + .milliseconds(1100))
        #expect(vanished.note([printer], now: start + .seconds(10)) == [printer])
        #expect(vanished.count == 0 && vanished.due == nil)
    }

    @Test("Noise in lease files gives nothing, and whatever it gives is a name below the suffix")
    func hostileLeases() throws {
        let suffix = try Name("lan.example.")
        let file = LeaseFile(suffix: suffix)
        let words = [
            "1800000000", "-1", "#", "192.168.1.9", "::1", "a", "a.b", "*", ",", "address", "expire", "\0",
            "\n",
        ]
        for round in 0..<2000 {
            let noise = (0..<Int.random(in: 0...200)).map { _ in UInt8.random(in: 0...255) }
            let text =
                round.isMultiple(of: 2)
                ? String(decoding: noise, as: UTF8.self)
                : (0..<40).map { _ in
                    (words.randomElement() ?? "") + ([" ", ",", "\n"].randomElement() ?? "")
                }.joined()
            for format in [LeaseFormat.dnsmasq, .odhcpd, .kea] {
                let leases = file.read(text, format: format, epoch: 1_750_000_000)
                #expect(leases.allSatisfy { $0.name.isBelow(suffix) && $0.expiry > 1_750_000_000 })
            }
        }
        let many = (0..<40_000).map { "1800000000 02 10.0.\($0 / 256 % 256).\($0 % 256) h\($0) *" }
        let leases = file.read(many.joined(separator: "\n"), format: .dnsmasq, epoch: 1_750_000_000)
        #expect(leases.count <= LeaseFile.limit)
    }

    @Test("The doctor names what keeps packets out, and the line that lets them in")
    func doctor() throws {
        let configuration = try RouterConfiguration.parse(
            "router: { outside: wan, inside: [ lan ] }\n", file: "test.yaml")
        let closed = """
            table inet fw {
            \tchain input {
            \t\ttype filter hook input priority filter; policy drop;
            \t\tct state established,related accept
            \t}
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy drop;
            \t}
            }
            """
        func examine(_ ruleset: String, forwards: Bool = true) -> [Doctor.Finding] {
            Doctor(
                configuration: configuration, ruleset: ruleset,
                read: { $0.contains("/sys/") ? (forwards ? "1\n" : "0\n") : "" },
                hasInterface: { $0 != "gone" }, hasHelper: { $0.kind == .ftp }
            ).examine().filter { $0.grade == .problem }
        }
        let found = examine(closed, forwards: false)
        #expect(found.count == 3)
        #expect(found.compactMap(\.remedy).contains { $0.contains("udp dport 20053 accept") })
        #expect(
            found.compactMap(\.remedy).contains { $0.contains("ct mark and 0x10000000 == 0x10000000 accept") }
        )
        #expect(found.compactMap(\.remedy).contains { $0.contains("sysctl -w net.ipv4.ip_forward=1") })
        let open = closed.replacing("related accept", with: "related accept\n\t\tudp dport 20053 accept")
            .replacing(
                "policy drop;\n\t}\n}", with: "policy drop;\n\t\tct status dnat accept\n\t}\n}")
        #expect(examine(open).isEmpty)
        #expect(examine("").isEmpty)
        // What concerns some packets, another hook, or another interface keeps nothing out.
        let harmless = """
            table inet fw {
            \tchain input {
            \t\ttype filter hook input priority filter; policy drop;
            \t\tudp dport { 53, 20000-20100 } accept
            \t}
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy accept;
            \t\tip saddr 192.0.2.1 drop
            \t\tct state invalid drop
            \t\tiifname "guest" drop
            \t\tiifname { "guest", "dmz" } reject
            \t\tiifname "guest" jump unused
            \t\tiifname != { "wan", "lan" } drop
            \t}
            \tchain unused {
            \t\tdrop
            \t}
            }
            """
        #expect(examine(harmless).isEmpty)
        for rule in [
            "drop", "iifname \"wan\" drop", "iifname != \"lan\" drop",
            "iifname { \"guest\", \"w*\" } counter packets 1 bytes 2 drop",
            "goto unused",
            "meta l4proto { tcp, udp } log prefix \"x\" reject with icmpx admin-prohibited",
        ] {
            let text = harmless.replacing("ct state invalid drop", with: rule)
            #expect(examine(text).count == 1, "\(rule)")
            let trusting = text.replacing(
                "ip saddr 192.0.2.1 drop", with: "ct mark & 0x10000000 == 0x10000000 accept")
            #expect(examine(trusting).isEmpty, "\(rule)")
        }
        for rule in ["udp dport 20053 drop", "tcp dport 20053 accept", "udp dport 20000-20052 accept"] {
            let text = harmless.replacing("udp dport { 53, 20000-20100 } accept", with: rule)
            #expect(examine(text).count == 1, "\(rule)")
        }
        let all = Doctor(
            configuration: configuration, ruleset: "", read: { _ in nil }, hasInterface: { _ in true },
            hasHelper: { $0.kind == .ftp }
        ).examine()
        #expect(all.compactMap(\.remedy).contains("modprobe nf_nat_sip"))
        #expect(!all.compactMap(\.remedy).contains("modprobe nf_nat_ftp"))
    }
}
