import DNSCore
import DNSSecurity
import Testing

@testable import NTS

/// A negotiator on a clock of its own.
struct Script: ~Copyable {
    var negotiator: Negotiator
    let memory: TargetMemory
    var now = Duration.seconds(100)
    var actions: [NegotiationAction] = []

    init(_ adjust: (inout NTSConfiguration) -> Void = { _ in }, keys: TSIGKeyring = TSIGKeyring()) {
        var configuration = NTSConfiguration()
        configuration.isEnabled = true
        configuration.validateClient = .off
        adjust(&configuration)
        memory = TargetMemory(limits: configuration.limits)
        negotiator = Negotiator(configuration: configuration, memory: memory, keys: keys)
    }

    mutating func ask(
        _ token: UInt64, client: String = "192.0.2.10", name: String = "alice.example.net.",
        addresses: [String] = ["203.0.113.1"], marked: Bool = true, validated: Bool = false
    ) throws -> NegotiationVerdict {
        let host = try Name(name)
        let request = NegotiationRequest(
            token: token, client: try #require(IPAddress(client)), isClientValidated: validated,
            targets: addresses.compactMap { IPAddress($0) }.map { .init(host: host, address: $0) },
            zoneIsMarked: marked)
        return negotiator.begin(request, now: now, epoch: 1_800_000_000, actions: &actions)
    }

    /// The actions since the last call.
    mutating func taken() -> [NegotiationAction] {
        defer { actions = [] }
        return actions
    }

    /// Time passes; returns what was done and when, in milliseconds from now.
    mutating func pass(_ milliseconds: Int) -> [(Int, NegotiationAction)] {
        let start = now
        var done: [(Int, NegotiationAction)] = []
        let end = now + .milliseconds(milliseconds)
        while let due = negotiator.nextDeadline, due <= end {
            now = max(now, due)
            negotiator.advance(to: now, epoch: 1_800_000_000, actions: &actions)
            let at = Int((now - start) / .milliseconds(1))
            done += taken().map { (at, $0) }
        }
        now = end
        return done
    }

    /// The router answers the notification `octets`.
    mutating func answer(
        _ sent: [UInt8], type: NegotiationType, from: String = "203.0.113.1", gn: String? = nil
    ) throws {
        var message = try V1Message(decoding: sent)
        message.type = type
        if let gn { message.gn = try #require(IPAddress(gn)) }
        let reply = try message.encoded()
        negotiator.receive(
            reply.span.bytes, from: IPEndpoint(try #require(IPAddress(from)), port: 20053), now: now,
            actions: &actions)
    }
}

extension [NegotiationAction] {
    var sent: [(octets: [UInt8], to: String)] {
        compactMap { if case .send(let octets, let to) = $0 { (octets, to.description) } else { nil } }
    }
    var released: [(token: UInt64, outcome: NegotiationOutcome)] {
        compactMap { if case .release(let token, let outcome) = $0 { (token, outcome) } else { nil } }
    }
}

@Suite("The server's side of the negotiation")
struct NegotiatorTests {
    @Test("A response releases the held answer with the granted lifetime as TTL cap")
    func granted() throws {
        var script = Script()
        #expect(try script.ask(1) == .held)
        let sent = script.taken().sent
        #expect(sent.map(\.to) == ["203.0.113.1:20053"])
        let message = try V1Message(decoding: sent[0].octets)
        #expect(message.type == .notification)
        #expect(message.gn.description == "192.0.2.10")
        script.now += .milliseconds(2)
        try script.answer(sent[0].octets, type: .response)
        let released = script.taken().released
        #expect(released.map(\.token) == [1])
        #expect(released[0].outcome.ttlCap == 60)
        #expect(released[0].outcome.isGranted)
        #expect(released[0].outcome.heldFor == .milliseconds(2))
        #expect(script.negotiator.holdCount == 0)
        #expect(script.memory.holdCount == 0)
        #expect(script.negotiator.nextDeadline == nil)
        #expect(script.negotiator.metrics.holdTimes[4] == 1)
    }

    @Test("A silent target is asked at 0, 100 and 200 ms, given up at 300 ms and then left alone for 300 s")
    func silent() throws {
        var script = Script()
        #expect(try script.ask(1) == .held)
        _ = script.taken()
        let done = script.pass(1000)
        #expect(done.map(\.0) == [100, 200, 300])
        #expect(done.prefix(2).map(\.1).sent.count == 2)
        let released = done.map(\.1).released
        #expect(released.count == 1)
        #expect(
            released[0].outcome
                == {
                    var outcome = NegotiationOutcome()
                    outcome.heldFor = .milliseconds(300)
                    return outcome
                }())
        #expect(try script.ask(2) == .notNeeded)
        #expect(script.negotiator.metrics.negativeHits == 1)
        script.now += .seconds(300)
        #expect(try script.ask(3) == .held)
    }

    @Test("A router that has answered once is waited for 1 s")
    func known() throws {
        var script = Script()
        _ = try script.ask(1)
        try script.answer(script.taken().sent[0].octets, type: .refusal)
        let refused = script.taken().released
        #expect(refused.count == 1 && refused[0].outcome.ttlCap == nil && !refused[0].outcome.isGranted)
        #expect(try script.ask(2) == .held)
        _ = script.taken()
        #expect(script.pass(2000).map(\.0) == [100, 200, 1000])
        #expect(try script.ask(3) == .notNeeded)
        script.now += .seconds(10)
        #expect(try script.ask(4) == .held)
    }

    @Test("A pending message extends the hold to 3 s from its start; the final response still counts")
    func pending() throws {
        var script = Script()
        _ = try script.ask(1)
        let notification = script.taken().sent[0].octets
        script.now += .milliseconds(50)
        try script.answer(notification, type: .pending)
        #expect(script.taken().released.isEmpty)
        let early = script.pass(1000)
        #expect(early.map(\.1).released.isEmpty)
        try script.answer(notification, type: .response)
        #expect(script.taken().released.map(\.token) == [1])
        _ = try script.ask(2, name: "bob.example.net.")
        let other = script.taken().sent[0].octets
        try script.answer(other, type: .pending)
        let late = script.pass(5000)
        #expect(late.last?.0 == 3000)
        #expect(late.map(\.1).released.map(\.token) == [2])
        #expect(try script.ask(3) == .held)
    }

    @Test("Repeated queries of one client wait for one negotiation, other clients for their own")
    func coalescing() throws {
        var script = Script()
        #expect(try script.ask(1) == .held)
        #expect(try script.ask(2) == .joined)
        #expect(try script.ask(3, client: "192.0.2.20") == .held)
        #expect(try script.ask(4, name: "ALICE.example.net.") == .joined)
        let sent = script.taken().sent
        #expect(sent.count == 2)
        try script.answer(sent[0].octets, type: .response)
        #expect(script.taken().released.map(\.token) == [1, 2, 4])
        try script.answer(sent[1].octets, type: .response)
        #expect(script.taken().released.map(\.token) == [3])
    }

    @Test(
        "Several targets are notified side by side; the answer goes out when each has answered or timed out")
    func sideBySide() throws {
        var script = Script()
        #expect(try script.ask(1, addresses: ["203.0.113.1", "203.0.113.2", "203.0.113.1"]) == .held)
        let sent = script.taken().sent
        #expect(sent.map(\.to) == ["203.0.113.1:20053", "203.0.113.2:20053"])
        try script.answer(sent[0].octets, type: .response)
        #expect(script.taken().released.isEmpty)
        let done = script.pass(400)
        #expect(done.last?.0 == 300)
        let released = done.map(\.1).released
        #expect(released.count == 1)
        #expect(released.first?.outcome.ttlCap == 60)
    }

    @Test("An ICMP error ends the holds for that target at once and is remembered")
    func unreachable() throws {
        var script = Script()
        _ = try script.ask(1)
        _ = try script.ask(2, client: "192.0.2.20")
        _ = script.taken()
        script.negotiator.unreachable(
            try #require(IPAddress("203.0.113.1")), now: script.now, actions: &script.actions)
        #expect(Set(script.taken().released.map(\.token)) == [1, 2])
        #expect(try script.ask(3) == .notNeeded)
        #expect(script.memory.holdCount == 0)
    }

    @Test("A forged or stray response releases nothing")
    func stray() throws {
        var script = Script()
        _ = try script.ask(1)
        let notification = script.taken().sent[0].octets
        try script.answer(notification, type: .response, from: "203.0.113.9")
        var wrong = notification
        wrong[0] &+= 1
        try script.answer(wrong, type: .response)
        wrong = notification
        wrong[7] &+= 1
        try script.answer(wrong, type: .response)
        let short = Array(notification.dropLast())
        script.negotiator.receive(
            short.span.bytes, from: IPEndpoint(try #require(IPAddress("203.0.113.1")), port: 20053),
            now: script.now,
            actions: &script.actions)
        #expect(script.taken().isEmpty)
        #expect(script.negotiator.metrics.unexpected == 3)
        #expect(script.negotiator.metrics.malformed == 1)
        #expect(script.negotiator.holdCount == 1)
    }

    @Test("A client that has not proved its address is sent to TCP, unless the target is known to be silent")
    func validation() throws {
        var script = Script {
            $0.validateClient = .always
            $0.validatedClients = [IPPrefix("192.0.2.128/25")].compactMap(\.self)
        }
        #expect(try script.ask(1) == .validateFirst)
        #expect(script.taken().isEmpty)
        #expect(try script.ask(2, client: "192.0.2.130") == .held)
        #expect(try script.ask(3, validated: true) == .held)
        _ = script.pass(400)
        #expect(try script.ask(4) == .notNeeded)
    }

    @Test("Under pressure only, clients must prove their address")
    func pressure() throws {
        var script = Script {
            $0.validateClient = .pressure
            $0.limits.pressure = 2
        }
        #expect(try script.ask(1, client: "192.0.2.1") == .held)
        #expect(try script.ask(2, client: "192.0.2.2") == .held)
        #expect(try script.ask(3, client: "192.0.2.3") == .validateFirst)
        #expect(try script.ask(4, client: "192.0.2.4", validated: true) == .held)
    }

    @Test("Every bound releases the answer unheld and is counted by itself")
    func bounds() throws {
        var script = Script {
            $0.limits.holds = 4
            $0.limits.perClient = 2
            $0.limits.perRouter = 3
        }
        #expect(try script.ask(1, name: "a.example.") == .held)
        #expect(try script.ask(2, name: "b.example.") == .held)
        #expect(try script.ask(3, name: "c.example.") == .overLimit)
        #expect(script.negotiator.metrics.overPerClient == 1)
        #expect(try script.ask(4, client: "192.0.2.2") == .held)
        #expect(try script.ask(5, client: "192.0.2.3") == .overLimit)
        #expect(script.negotiator.metrics.overPerRouter == 1)
        #expect(try script.ask(6, client: "192.0.2.4", addresses: ["203.0.113.2"]) == .held)
        #expect(try script.ask(7, client: "192.0.2.5", addresses: ["203.0.113.2"]) == .overLimit)
        #expect(script.negotiator.metrics.overTotal == 1)
        #expect(script.memory.holdCount == 4)
        _ = script.pass(400)
        #expect(script.memory.holdCount == 0)
    }

    @Test("Only what the policy covers is negotiated")
    func policy() throws {
        var script = Script {
            $0.targets.prefixes = [IPPrefix("198.51.100.0/24")].compactMap(\.self)
            $0.targets.routers = [
                .init(
                    address: IPAddress(v4: 0xcb00_7105), port: 7000, form: .v1,
                    prefixes: [IPPrefix("203.0.113.64/26")].compactMap(\.self))
            ]
        }
        #expect(try script.ask(1, marked: false) == .notNeeded)
        #expect(try script.ask(2, addresses: ["198.51.100.7"], marked: false) == .held)
        #expect(try script.ask(3, addresses: ["203.0.113.5"], marked: false) == .held)
        #expect(try script.ask(4, addresses: ["203.0.113.70"], marked: false) == .joined)
        #expect(script.taken().sent.map(\.to) == ["198.51.100.7:20053", "203.0.113.5:7000"])
        #expect(try script.ask(5, addresses: ["224.0.0.1", "0.0.0.0", "ff02::1"]) == .notNeeded)
    }

    @Test("What belongs to this host or link is meant by a zone or prefix, not by `any`")
    func loopback() throws {
        var script = Script { $0.targets.any = true }
        #expect(
            try script.ask(1, addresses: ["127.0.0.2", "::1", "169.254.1.1"], marked: false) == .notNeeded)
        #expect(try script.ask(2, addresses: ["127.0.0.2"], marked: true) == .held)
    }

    @Test("Routers announce themselves by address and prefix, the first keeps a prefix, and silence ends it")
    func announcements() throws {
        let memory = TargetMemory(limits: .init())
        var configuration = NTSConfiguration()
        configuration.isEnabled = true
        var policy = TargetPolicy(configuration)
        let key = try Name("key.example.")
        func announce(
            _ router: String, _ prefixes: [String], _ lifetime: UInt32, key: Name, at now: Int,
            signedAt: Int? = nil
        ) throws -> Bool {
            memory.register(
                .init(
                    router: try #require(IPAddress(router)), port: 7000,
                    prefixes: prefixes.compactMap { IPPrefix($0) }, lifetime: lifetime),
                key: key, signedAt: UInt64(signedAt ?? now), now: .seconds(now))
        }
        #expect(!policy.mayApply(zoneIsMarked: false))
        #expect(try announce("203.0.113.1", ["2001:db8:1::/48"], 60, key: key, at: 1))
        policy.refresh(from: memory, now: .seconds(1))
        let inside = try #require(IPAddress("2001:db8:1:1::11"))
        #expect(policy.applies(to: inside, zoneIsMarked: false))
        #expect(policy.route(to: inside).endpoint.description == "203.0.113.1:7000")
        #expect(try !announce("203.0.113.1", [], 60, key: try Name("other.example."), at: 2))
        #expect(try announce("203.0.113.2", ["2001:db8:1::/48"], 60, key: key, at: 2))
        policy.refresh(from: memory, now: .seconds(2))
        #expect(policy.route(to: inside).endpoint.address.description == "203.0.113.1")
        let version = memory.registrationVersion
        #expect(try announce("203.0.113.2", ["2001:db8:1::/48"], 60, key: key, at: 60))
        #expect(memory.registrationVersion == version)
        // What was signed before the last one is a replay.
        #expect(try !announce("203.0.113.2", [], 0, key: key, at: 61, signedAt: 59))
        #expect(memory.registrationVersion == version)
        memory.sweepRegistrations(now: .seconds(62))
        policy.refresh(from: memory, now: .seconds(62))
        #expect(memory.registrationCount == 1)
        #expect(!policy.applies(to: inside, zoneIsMarked: false))
        #expect(try announce("203.0.113.2", [], 0, key: key, at: 63))
        policy.refresh(from: memory, now: .seconds(63))
        #expect(!policy.mayApply(zoneIsMarked: false))
    }

    @Test("A client of the other family is negotiated for only where its address is known")
    func families() throws {
        var script = Script {
            $0.clientMap.add(
                IPPrefix("2001:db8:5::/48") ?? IPPrefix(.loopbackIPv6), IPAddress(v4: 0xc000_0263))
        }
        #expect(try script.ask(1, client: "2001:db8:4::1") == .notNeeded)
        #expect(script.negotiator.metrics.unknownClientAddress == 1)
        #expect(try script.ask(2, client: "2001:db8:5::1") == .held)
        #expect(try V1Message(decoding: script.taken().sent[0].octets).gn.description == "192.0.2.99")
        #expect(try script.ask(3, client: "::ffff:192.0.2.7") == .held)
        #expect(try V1Message(decoding: script.taken().sent[0].octets).gn.description == "192.0.2.7")
        #expect(try script.ask(4, addresses: ["2001:db8:1:1::11"]) == .notNeeded)
    }

    @Test("A client behind the same router gets the host's private address")
    func hairpin() throws {
        var script = Script()
        #expect(try script.ask(1, client: "203.0.113.1") == .held)
        try script.answer(script.taken().sent[0].octets, type: .response, gn: "192.168.1.11")
        let released = script.taken().released
        #expect(
            released.first?.outcome.replacements == [
                .init(address: IPAddress(v4: 0xcb00_7101), replacement: IPAddress(v4: 0xc0a8_010b))
            ])
    }

    @Test("An echo that comes back unchanged releases at once and is remembered; an answered one opens")
    func echo() throws {
        var script = Script { $0.form = .icmp }
        #expect(try script.ask(1) == .held)
        guard case .sendEcho(let request, let to) = try #require(script.taken().first) else {
            Issue.record("no echo was sent")
            return
        }
        var echo = try TSNEcho(decoding: request)
        // Our own request, seen again by the socket, is nothing.
        script.negotiator.receiveEcho(request, from: to, now: script.now, actions: &script.actions)
        #expect(script.taken().isEmpty)
        echo.isReply = true
        script.negotiator.receiveEcho(try echo.encoded(), from: to, now: script.now, actions: &script.actions)
        #expect(script.taken().released.first?.outcome.isGranted == false)
        #expect(try script.ask(2) == .notNeeded)
        #expect(try script.ask(3, addresses: ["203.0.113.2"]) == .held)
        guard case .sendEcho(let second, let router) = try #require(script.taken().first) else { return }
        echo = try TSNEcho(decoding: second)
        echo.isReply = true
        echo.message.type = .response
        script.negotiator.receiveEcho(
            try echo.encoded(), from: router, now: script.now, actions: &script.actions)
        #expect(script.taken().released.first?.outcome.isGranted == true)
    }

    @Test("A router that is known, and whose agent is gone for a moment, is asked again soon")
    func unchangedEchoOfKnownRouter() throws {
        var script = Script { $0.form = .icmp }
        func echo(_ type: NegotiationType, _ script: inout Script) throws {
            guard case .sendEcho(let request, let router) = try #require(script.taken().first) else { return }
            script.negotiator.receiveEcho(
                TSNEcho.answer(to: request, type: type), from: router, now: script.now,
                actions: &script.actions)
            #expect(script.taken().released.count == 1)
        }
        _ = try script.ask(1)
        try echo(.response, &script)
        _ = try script.ask(2)
        try echo(.notification, &script)
        #expect(try script.ask(3) == .notNeeded)
        _ = script.pass(10_000)
        #expect(try script.ask(4) == .held)
    }

    @Test("`on-timeout: servfail` fails only what nobody answered")
    func serverFailure() throws {
        var script = Script { $0.hold.onTimeout = .servfail }
        _ = try script.ask(1)
        let notification = script.taken().sent[0].octets
        _ = try script.ask(2, name: "bob.example.net.")
        try script.answer(notification, type: .refusal)
        #expect(script.taken().released.first?.outcome.isServerFailure == false)
        #expect(script.pass(2000).map(\.1).released.first?.outcome.isServerFailure == true)
    }

    @Test("A v2 response counts only when signed for this request; the granted lifetime is taken from it")
    func v2() throws {
        let key = try #require(
            TSIGKey(
                name: Name("router1.example."), algorithm: .hmacSHA256, base64: "MDEyMzQ1Njc4OWFiY2RlZg=="))
        let other = try #require(
            TSIGKey(
                name: Name("router1.example."), algorithm: .hmacSHA256, base64: "AAECAwQFBgcICQoLDA0ODw=="))
        var script = Script(
            {
                $0.targets.routers = [
                    .init(address: IPAddress(v4: 0xcb00_7101), form: .v2, key: key.name),
                    .init(address: IPAddress(v4: 0xcb00_7102), form: .v2, key: nil),
                ]
            }, keys: TSIGKeyring([key]))
        #expect(try script.ask(9, addresses: ["203.0.113.2"]) == .notNeeded)
        #expect(try script.ask(1) == .held)
        let request = script.taken().sent[0].octets
        let router = IPEndpoint(IPAddress(v4: 0xcb00_7101), port: 20053)
        let layout = try MessageView.survey(request)
        let body = try V2Message.decode(request.span.bytes, layout: layout)
        func reply(_ key: TSIGKey, _ lifetime: UInt32) throws -> [UInt8] {
            var session: TSIGSession?
            if case .verified(let found) = TSIGSession.verify(
                request.span.bytes, layout: layout, keys: TSIGKeyring([key]), now: 1_800_000_000)
            {
                session = found
            }
            var permission = body.permissions[0]
            permission.lifetime = lifetime
            return V2Message.response(
                to: body, code: .noError, permissions: [permission], session: session, epoch: 1_800_000_000)
        }
        let forged = try reply(other, 30)
        script.negotiator.receive(
            forged.span.bytes, from: router, now: script.now, epoch: 1_800_000_000, actions: &script.actions)
        #expect(script.taken().isEmpty)
        #expect(script.negotiator.metrics.badSignatures == 1)
        let pending = try reply(key, 0)
        script.negotiator.receive(
            pending.span.bytes, from: router, now: script.now, epoch: 1_800_000_000, actions: &script.actions)
        #expect(script.taken().isEmpty)
        #expect(script.negotiator.metrics.pendings == 1)
        let good = try reply(key, 30)
        script.negotiator.receive(
            good.span.bytes, from: router, now: script.now, epoch: 1_800_000_000, actions: &script.actions)
        #expect(script.taken().released.first?.outcome.ttlCap == 30)
    }

    @Test("A signed error counts without the request's sections; a permission for another asker does not")
    func v2Sparse() throws {
        let key = try #require(
            TSIGKey(
                name: Name("router1.example."), algorithm: .hmacSHA256, base64: "MDEyMzQ1Njc4OWFiY2RlZg=="))
        let router = IPEndpoint(IPAddress(v4: 0xcb00_7101), port: 20053)
        var script = Script(
            { $0.targets.routers = [.init(address: router.address, form: .v2, key: key.name)] },
            keys: TSIGKeyring([key]))
        func answer(_ script: inout Script, _ change: (V2Message.Body) -> Message) throws {
            let request = script.taken().sent[0].octets
            let layout = try MessageView.survey(request)
            let body = try V2Message.decode(request.span.bytes, layout: layout)
            guard
                case .verified(var session) = TSIGSession.verify(
                    request.span.bytes, layout: layout, keys: TSIGKeyring([key]), now: 1_800_000_000)
            else { return }
            var octets = change(body).encoded()
            session.sign(&octets, now: 1_800_000_000)
            script.negotiator.receive(
                octets.span.bytes, from: router, now: script.now, epoch: 1_800_000_000,
                actions: &script.actions)
        }
        _ = try script.ask(1)
        try answer(&script) { body in
            Message(id: body.id, flags: HeaderFlags.response.with(opcode: .update, responseCode: .refused))
        }
        #expect(script.taken().released.first?.outcome.isGranted == false)
        #expect(script.negotiator.metrics.refusedPolicy == 1)
        _ = try script.ask(2)
        try answer(&script) { body in
            Message(
                id: body.id, flags: HeaderFlags.response.with(opcode: .update, responseCode: .noError),
                questions: [Question(name: V2Message.zone, type: .soa)],
                authorities: [
                    ResourceRecord(
                        owner: body.permissions[0].host, type: .a, ttl: 60,
                        data: RecordData([198, 51, 100, 9]))
                ])
        }
        #expect(script.taken().isEmpty)
        #expect(script.negotiator.metrics.unexpected == 1)
    }

    @Test("A hundred thousand holds end on time and leave nothing behind")
    func many() throws {
        var script = Script { $0.limits.perRouter = 1_000_000 }
        for index in 0..<100_000 {
            let client = IPAddress(v4: 0x0a00_0000 + UInt32(index))
            let request = NegotiationRequest(
                token: UInt64(index), client: client, isClientValidated: true,
                owner: try Name("alice.example."),
                addresses: [IPAddress(v4: 0xcb00_7101)], zoneIsMarked: true)
            _ = script.negotiator.begin(request, now: script.now, actions: &script.actions)
        }
        #expect(script.negotiator.holdCount == 100_000)
        #expect(try script.ask(1_000_000) == .overLimit)
        _ = script.taken()
        #expect(script.pass(400).map(\.1).released.count == 100_000)
        #expect(script.memory.holdCount == 0)
        #expect(script.negotiator.negotiationCount == 0)
    }
}
