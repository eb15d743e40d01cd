import DNSCore
import DNSSecurity
import Testing

@testable import RouterAgent

@Suite("Addresses that are published")
struct PublishingTests {
    static let epoch: UInt64 = 1_800_000_000
    static let key = TSIGKey(
        name: Name(trustedWire: [1, 0x6b, 0]), algorithm: .hmacSHA256, secret: Array(repeating: 7, count: 32))

    static func zone() throws -> PublishedZone {
        PublishedZone(
            PublishedZone.Target(
                zone: try Name("example.net."),
                server: try #require(IPEndpoint("198.51.100.54:53")), key: key, ttl: 60,
                hasIPv4: true, hasIPv6: true))
    }

    /// What a server that holds the key says to `request`.
    static func answer(_ request: [UInt8], _ code: ResponseCode) throws -> [UInt8] {
        let layout = try MessageView.survey(request.span.bytes)
        let verdict = TSIGSession.verify(
            request.span.bytes, layout: layout, keys: TSIGKeyring([key]), now: epoch)
        guard case .verified(var session) = verdict else {
            Issue.record("\(verdict)")
            return []
        }
        let message = Message(
            id: layout.id, flags: HeaderFlags.response.with(opcode: .update, responseCode: code),
            questions: [Question(name: try Name("example.net."), type: .soa)])
        var octets = message.encoded()
        session.sign(&octets, now: epoch)
        return octets
    }

    static func take(
        _ octets: [UInt8], _ zone: inout PublishedZone, _ now: Duration
    ) throws -> PublishedZone.Outcome? {
        let layout = try MessageView.survey(octets.span.bytes)
        return zone.receive(octets.span.bytes, layout: layout, now: now, epoch: epoch)
    }

    @Test("A change is one signed update, confirmed by a signed answer and by nothing else")
    func update() throws {
        var zone = try Self.zone()
        let alice = try Name("alice.example.net.")
        let addresses = PublishedAddresses(ipv4: IPAddress("203.0.113.1"), ipv6: IPAddress("2001:db8:1::11"))
        #expect(zone.nextDeadline == nil)
        zone.want([alice: addresses], now: .zero)
        let first = zone.request(now: .zero, epoch: Self.epoch)
        let request = try #require(first)
        let message = try Message(parsing: request)
        #expect(message.flags.opcode == .update && message.tsig != nil)
        #expect(
            message.authorities.map { "\($0.type) \($0.recordClass.rawValue) \($0.ttl)" } == [
                "A 255 0", "A 1 60", "AAAA 255 0", "AAAA 1 60",
            ])
        let second = zone.request(now: .zero, epoch: Self.epoch)
        #expect(second == nil)
        var forged = try Self.answer(request, .noError)
        forged[forged.count - 20] ^= 1
        let ignored = try Self.take(forged, &zone, .zero)
        #expect(ignored == nil)
        let taken = try Self.take(Self.answer(request, .noError), &zone, .zero)
        #expect(taken == .published([alice]))
        #expect(zone.isCurrent && zone.nextDeadline == nil)
        zone.want([alice: addresses], now: .seconds(1))
        let none = zone.request(now: .seconds(1), epoch: Self.epoch)
        #expect(none == nil)
    }

    @Test(
        "A server that is down, or refuses, is tried again after longer and longer pauses; news do not wait")
    func retries() throws {
        var zone = try Self.zone()
        let alice = try Name("alice.example.net.")
        zone.want([alice: PublishedAddresses(ipv4: IPAddress("203.0.113.1"))], now: .zero)
        var now = Duration.zero
        var pauses: [Int64] = []
        for round in 0..<11 {
            let sent = zone.request(now: now, epoch: Self.epoch)
            let request = try #require(sent)
            if round.isMultiple(of: 2) {
                now += PublishedZone.patience
                let outcome = zone.expire(now: now)
                #expect(outcome == .failed("no answer"))
            } else {
                let outcome = try Self.take(Self.answer(request, .refused), &zone, now)
                #expect(outcome != nil)
            }
            let next = try #require(zone.nextDeadline)
            pauses.append((next - now).components.seconds)
            let early = zone.request(now: next - .milliseconds(1), epoch: Self.epoch)
            #expect(early == nil)
            now = next
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
        zone.want([alice: PublishedAddresses(ipv4: IPAddress("203.0.113.2"))], now: now - .seconds(100))
        let news = zone.request(now: now - .seconds(100), epoch: Self.epoch)
        #expect(news != nil)
    }

    @Test("Of several prefixes the newest counts that is global and not about to go")
    func prefixes() throws {
        func address(_ text: String, created: UInt32, deprecated: Bool = false) throws -> InterfaceAddress {
            let address = try #require(IPAddress(text))
            return InterfaceAddress(
                address: address, network: IPPrefix(address, length: 64), isGlobal: !address.isLinkLocal,
                isDeprecated: deprecated, created: created)
        }
        let prefixes = DelegatedPrefixes([
            (
                "lan",
                [
                    try address("2001:db8:1:1::1", created: 10), try address("2001:db8:2:1::1", created: 20),
                    try address("2001:db8:3:1::1", created: 30, deprecated: true),
                    try address("fd00::1", created: 40), try address("fe80::1", created: 50),
                ]
            ), ("guest", []),
        ])
        #expect(prefixes.prefix(of: "lan")?.description == "2001:db8:2:1::/64")
        #expect(prefixes.prefix(of: nil)?.description == "2001:db8:2:1::/64")
        #expect(prefixes.prefix(of: "guest") == nil)
        let identifier = try #require(IPAddress("2001:db8:1:1:5054:ff:fe00:11"))
        #expect(
            prefixes.prefix(of: "lan")?.address(with: identifier).description
                == "2001:db8:2:1:5054:ff:fe00:11")
        let odd = IPPrefix(try #require(IPAddress("2001:db8:2:1f00::")), length: 60)
        #expect(odd.address(with: identifier).description == "2001:db8:2:1f01:5054:ff:fe00:11")
    }

    @Test("Ports that the machine listens on are read from what the kernel shows")
    func listening() {
        let tcp = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
               1: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2
               2: 017100CB:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3
               3: 00000000:1F90 0A0200C0:C000 01 00000000:00000000 00:00000000 00000000     0        0 4
            """
        let udp = """
              sl  local_address rem_address   st
               0: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1
               1: 00000000:C350 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2
            """
        let ports = ListeningPorts(
            read: { ["/proc/net/tcp": tcp, "/proc/net/udp": udp][$0] }, addresses: ["017100CB"])
        #expect(ports.all().sorted().map(\.description) == ["tcp/22", "tcp/8443", "udp/53"])
        #expect(IPAddress(v4: 0xcb00_7101).procText == "017100CB")
    }
}
