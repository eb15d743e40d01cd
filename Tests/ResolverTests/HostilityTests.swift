import DNSCore
import Resolver
import Testing

/// What strangers may try: every case ends, costs no more than stated, and leaves nothing false behind.
@Suite struct HostilityTests {
    static let evil = IPAddress(v4: 0xcb00_7142)

    /// Root and example., which delegates evil.example.
    ///
    /// to 203.0.113.66 and victim.example. to a good server.
    static func world(_ configure: (inout ResolverConfiguration) -> Void = { _ in }) throws -> World {
        let world = try World(configure)
        try world.serve("198.51.100.1", zone: ".", "example. NS ns.example.\nns.example. A 198.51.100.2")
        try world.serve(
            "198.51.100.2", zone: "example.",
            """
            evil NS ns.evil
            ns.evil A 203.0.113.66
            victim NS ns.victim
            ns.victim A 198.51.100.4
            """)
        try world.serve(
            "198.51.100.4", zone: "victim.example.", "www A 192.0.2.4\nns A 198.51.100.4\n@ NS ns")
        return world
    }

    static func record(
        _ owner: String, _ type: RRType, _ name: String, ttl: UInt32 = 3600
    ) throws -> ResourceRecord {
        ResourceRecord(owner: try Name(owner), type: type, ttl: ttl, data: RecordData(try Name(name).wire))
    }

    static func address(_ owner: String, _ text: String, ttl: UInt32 = 3600) throws -> ResourceRecord {
        ResourceRecord(
            owner: try Name(owner), type: .a, ttl: ttl, data: RecordData(IPAddress(text)?.octets ?? []))
    }

    /// A response to `query`.
    static func response(_ query: Message, _ flags: HeaderFlags = [.response, .authoritative]) -> Message {
        Message(id: query.id, flags: flags, questions: query.questions, edns: EDNS())
    }

    @Test("A referral with a thousand servers without addresses costs few questions (NXNSAttack)")
    func manyServers() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query, [.response])
            for index in 0..<200 {
                let record = try? Self.record("sub.evil.example.", .ns, "ns\(index).victim.example.")
                if let record { response.authorities.append(record) }
            }
            return [(.milliseconds(1), response)]
        }
        #expect(try world.ask("x.sub.evil.example.").responseCode == .serverFailure)
        #expect(world.asked.count <= 20)
        #expect(world.asked.filter { $0.server.address == IPAddress("198.51.100.4") }.count <= 8)
        #expect(world.resolver.metrics.limitServerNames > 0)
    }

    @Test("Zones that name each other's servers end in a failure (TsuNAME)")
    func mutualServers() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query, [.response])
            let isLeft = (try? query.questions[0].name.isAtOrBelow(Name("a.evil.example."))) == true
            let zone = isLeft ? "a.evil.example." : "b.evil.example."
            let server = isLeft ? "ns.b.evil.example." : "ns.a.evil.example."
            response.authorities = [try? Self.record(zone, .ns, server)].compactMap { $0 }
            return [(.milliseconds(1), response)]
        }
        #expect(try world.ask("x.a.evil.example.").responseCode == .serverFailure)
        #expect(world.asked.count < 20)
        #expect(world.resolver.pendingCount == 0)
    }

    @Test("An endless chain of aliases stops at the limit")
    func aliasChain() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query)
            let name = query.questions[0].name
            let number = Int(String(decoding: name.labels[0].dropFirst(), as: UTF8.self)) ?? 0
            response.answers = [try? Self.record(name.description, .cname, "n\(number + 1).evil.example.")]
                .compactMap { $0 }
            return [(.milliseconds(1), response)]
        }
        #expect(try world.ask("n1.evil.example.").responseCode == .serverFailure)
        #expect(world.asked.count <= 15)
        #expect(world.resolver.metrics.limitAliasRestarts == 1)
    }

    @Test("Referrals that go on for ever stop at the limit")
    func endlessReferrals() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query, [.response])
            let name = query.questions[0].name
            let depth = min(name.labelCount, 3 + world.asked.count)
            let zone = name.suffix(labels: depth).description
            response.authorities = [try? Self.record(zone, .ns, "ns.evil.example.")].compactMap { $0 }
            response.additionals = [try? Self.address("ns.evil.example.", "203.0.113.66")].compactMap { $0 }
            return [(.milliseconds(1), response)]
        }
        let name = (0..<100).map { "l\($0)" }.joined(separator: ".") + ".evil.example."
        #expect(
            try world.ask(
                name.utf8.count < 250 ? name : String(name.suffix(230).drop { $0 != "." }.dropFirst())
            )
            .responseCode == .serverFailure)
        #expect(world.asked.count <= 45)
    }

    @Test("Records about other zones are neither served nor remembered, in whatever section they come")
    func poisoning() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query)
            let false1 = try? Self.address("www.victim.example.", "203.0.113.99")
            let false2 = try? Self.address("ns.victim.example.", "203.0.113.66")
            let own = try? Self.address("x.evil.example.", "192.0.2.66")
            let servers = try? Self.record("victim.example.", .ns, "ns.evil.example.")
            let upper = try? Self.record("example.", .ns, "ns.evil.example.")
            response.answers = [own, false1].compactMap { $0 }
            response.authorities = [servers, upper, false1].compactMap { $0 }
            response.additionals = [false1, false2, try? Self.address("ns.evil.example.", "203.0.113.66")]
                .compactMap { $0 }
            return [(.milliseconds(1), response)]
        }
        #expect(try world.records("x.evil.example.") == ["x.evil.example. A 192.0.2.66"])
        #expect(try world.records("www.victim.example.") == ["www.victim.example. A 192.0.2.4"])
        #expect(world.asked.last?.server == World.endpoint("198.51.100.4"))
        #expect(world.resolver.metrics.outOfBailiwick > 0)
    }

    @Test("An alias into another zone is followed there, whatever the sender says stands behind it")
    func aliasPoisoning() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query)
            response.answers = [
                try? Self.record("x.evil.example.", .cname, "www.victim.example."),
                try? Self.address("www.victim.example.", "203.0.113.99"),
            ].compactMap { $0 }
            return [(.milliseconds(1), response)]
        }
        #expect(
            try world.records("x.evil.example.") == [
                "x.evil.example. CNAME www.victim.example.", "www.victim.example. A 192.0.2.4",
            ])
    }

    @Test("Junk does not end the wait: the true response 50 ms later counts (TuDoor)")
    func junkFirst() throws {
        let world = try Self.world()
        world.servers[IPAddress("198.51.100.4")!] = { _, _ in [] }
        let token = try world.start("www.victim.example.")
        world.run(for: .milliseconds(50))
        let query = try #require(world.open.last)
        #expect(query.server == World.endpoint("198.51.100.4"))
        let question = try Message(parsing: query.octets)
        var wrongName = Self.response(question)
        wrongName.questions = [Question(name: try Name("other.example."), type: .a)]
        var wrongID = Self.response(question)
        wrongID.id ^= 1
        let noQuestion = Message(id: question.id, flags: [.response])
        for junk in [
            [], [1, 2, 3], query.octets, wrongName.encoded(), wrongID.encoded(), noQuestion.encoded(),
        ] {
            world.deliver(junk, to: query.id, from: query.server)
        }
        var forged = Self.response(question)
        forged.answers = [try Self.address("www.victim.example.", "203.0.113.99")]
        world.deliver(forged.encoded(), to: query.id, from: World.endpoint("203.0.113.66"))
        #expect(world.answer(token) == nil)
        var good = Self.response(question)
        good.answers = [try Self.address("www.victim.example.", "192.0.2.4")]
        world.deliver(good.encoded(), to: query.id, from: query.server)
        #expect(world.answer(token)?.sections.answerCount == 1)
        #expect(world.resolver.metrics.wrongResponses == 7)
    }

    @Test("Many wrong responses move the question to TCP, and nothing of theirs is kept")
    func spoofFlood() throws {
        let world = try Self.world()
        let good = world.servers[IPAddress("198.51.100.4")!]!
        world.servers[IPAddress("198.51.100.4")!] = { query, transport in
            transport == .tcp ? good(query, transport) : []
        }
        let token = try world.start("www.victim.example.")
        world.run(for: .milliseconds(50))
        let query = try #require(world.open.last)
        var forged = Self.response(try Message(parsing: query.octets))
        forged.answers = [try Self.address("www.victim.example.", "203.0.113.99")]
        for index in 1...20 {
            forged.id &+= UInt16(index)
            world.deliver(forged.encoded(), to: query.id, from: query.server)
        }
        world.run(for: .seconds(5)) { world.answer(token) != nil }
        #expect(world.asked.last?.transport == .tcp)
        #expect(world.resolver.metrics.spoofingSuspicions == 1)
        #expect(try world.records("www.victim.example.") == ["www.victim.example. A 192.0.2.4"])
    }

    @Test("A zone cannot keep itself alive after its parent has dropped it (ghost domain)")
    func ghostDomain() throws {
        let world = try Self.world()
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query)
            response.answers = [
                try? Self.address(query.questions[0].name.description, "192.0.2.66", ttl: 86400)
            ].compactMap { $0 }
            response.authorities = [try? Self.record("evil.example.", .ns, "ns.evil.example.", ttl: 86400)]
                .compactMap { $0 }
            response.additionals = [try? Self.address("ns.evil.example.", "203.0.113.66", ttl: 86400)]
                .compactMap { $0 }
            return [(.milliseconds(1), response)]
        }
        #expect(try world.ask("a.evil.example.").responseCode == .noError)
        try world.serve("198.51.100.2", zone: "example.", "victim NS ns.victim\nns.victim A 198.51.100.4")
        for minute in 1..<10 {
            world.pass(.seconds(40))
            let code = try world.ask("n\(minute).evil.example.").responseCode
            if minute * 40 > 300 { #expect(code == .nameError) }
        }
    }

    @Test("Addresses that lead nowhere are not asked, and private ones are taken out of answers")
    func addresses() throws {
        let world = try Self.world {
            $0.privateAddresses = [IPPrefix("192.0.2.0/24")!]
            $0.neverAsked = [IPPrefix("203.0.113.0/24")!]
        }
        world.servers[Self.evil] = { query, _ in [(.milliseconds(1), Self.response(query))] }
        #expect(try world.ask("x.evil.example.").responseCode == .serverFailure)
        #expect(!world.asked.contains { $0.server.address == Self.evil })
        let answer = try world.ask("www.victim.example.")
        #expect(answer.responseCode == .noError && answer.sections.answerCount == 0)
        #expect(world.resolver.metrics.privateAddressesRemoved == 1)
    }

    @Test("A response with too many records is useless, and cheap")
    func hugeResponse() throws {
        let world = try Self.world()
        let long = (0..<60).map { _ in "a" }.joined(separator: ".") + ".evil.example."
        world.servers[Self.evil] = { query, _ in
            var response = Self.response(query)
            for index in 0..<4000 {
                let record = try? Self.address(long, "192.0.\(index / 256).\(index % 256)")
                if let record { response.answers.append(record) }
            }
            if query.edns != nil { response.flags.insert(.truncated) }
            return [(.milliseconds(1), response)]
        }
        #expect(try world.ask(long).responseCode == .serverFailure)
        #expect(world.resolver.metrics.limitRecordsPerResponse > 0)
    }

    @Test("The number of clients that wait for one question is bounded")
    func tooManyClients() throws {
        let world = try Self.world { $0.limits.clientsPerQuestion = 10 }
        world.servers[IPAddress("198.51.100.4")!] = { _, _ in [] }
        let tokens = try (0..<20).map { _ in try world.start("www.victim.example.") }
        #expect(tokens.filter { world.answer($0) != nil }.count == 10)
        #expect(world.resolver.metrics.limitClientsPerQuestion == 10)
    }

    @Test("The number of questions under resolution is bounded, and all of them end in time")
    func tooManyQuestions() throws {
        let world = try Self.world { $0.limits.concurrentQuestions = 50 }
        world.servers[Self.evil] = { _, _ in [] }
        let tokens = try (0..<200).map { try world.start("n\($0).evil.example.") }
        #expect(world.resolver.metrics.limitConcurrentQuestions == 150)
        world.run(for: .seconds(9))
        #expect(tokens.allSatisfy { world.answer($0) != nil })
        #expect(world.resolver.pendingCount == 0)
    }

    @Test("Message IDs look random (chi-square over 16 bins)")
    func randomIDs() throws {
        let world = try Self.world()
        var low = [Int](repeating: 0, count: 16)
        var high = [Int](repeating: 0, count: 16)
        for index in 0..<2000 {
            try world.start("n\(index).victim.example.")
            world.run(for: .milliseconds(100))
        }
        for entry in world.asked {
            low[Int(entry.query.id & 15)] += 1
            high[Int(entry.query.id >> 12)] += 1
        }
        for bins in [low, high] {
            let expected = Double(world.asked.count) / 16
            let chi = bins.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
            #expect(chi < 45)  // 15 degrees of freedom: beyond it once in ten thousand runs
        }
    }

    @Test("Random octets as responses never do harm")
    func noise() throws {
        let world = try Self.world { $0.limits.wrongResponses = 1_000_000 }
        world.servers.removeValue(forKey: IPAddress("198.51.100.4")!)
        try world.start("www.victim.example.")
        world.run(for: .milliseconds(50))
        let query = try #require(world.open.last)
        var generator = SystemRandomNumberGenerator()
        let question = try Message(parsing: query.octets)
        var good = Self.response(question)
        good.answers = [
            try Self.address("www.victim.example.", "192.0.2.4"),
            try Self.record("www.victim.example.", .mx, "a."),
        ]
        let template = good.encoded()
        for _ in 0..<5000 {
            var octets = template
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                octets[Int.random(in: 2..<octets.count, using: &generator)] = .random(
                    in: 0...255, using: &generator)
            }
            if Bool.random(using: &generator) {
                octets.removeLast(Int.random(in: 0..<octets.count, using: &generator))
            }
            let target = world.open.last ?? query
            if octets.count > 2 {
                octets[0] = target.octets[0]
                octets[1] = target.octets[1]
            }
            world.deliver(octets, to: target.id, from: target.server)
            if world.open.isEmpty {
                world.pass(.seconds(6))
                try world.start("www.victim.example.", .a, [.recursionDesired, .isPrefetch])
                world.run(for: .milliseconds(50))
            }
        }
    }
}

@Suite struct SlowZoneTests {
    @Test("A zone with slow servers takes only its share of places; other names resolve")
    func slowZone() throws {
        let world = try HostilityTests.world { $0.limits.questionsPerZone = 20 }
        world.servers[HostilityTests.evil] = { _, _ in [] }
        try world.ask("first.evil.example.", .a, [.recursionDesired])
        world.pass(.seconds(30))
        for index in 0..<100 { try world.start("n\(index).evil.example.") }
        world.run(for: .milliseconds(100))
        #expect(world.resolver.metrics.limitQuestionsPerZone >= 75)
        #expect(try world.records("www.victim.example.") == ["www.victim.example. A 192.0.2.4"])
        world.run(for: .seconds(20))
        #expect(world.resolver.pendingCount == 0)
    }
}
