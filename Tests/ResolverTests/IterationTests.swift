import DNSCore
import Resolver
import Testing

@Suite struct IterationTests {
    /// Root, example., and example.example.
    ///
    /// with a few names.
    static func world(_ configure: (inout ResolverConfiguration) -> Void = { _ in }) throws -> World {
        let world = try World(configure)
        try world.serve("198.51.100.1", zone: ".", "example. NS ns.example.\nns.example. A 198.51.100.2")
        try world.serve(
            "198.51.100.2", zone: "example.",
            "shop NS ns.shop\nns.shop A 198.51.100.3\nlost NS ns.lost.example.")
        try world.serve(
            "198.51.100.3", zone: "shop.example.",
            "www A 192.0.2.1\nalias CNAME www\n@ A 192.0.2.9\nbig TXT \"x\"\na.b.c A 192.0.2.5")
        return world
    }

    @Test("A name is found from the root, and the second one without asking the root again")
    func referrals() throws {
        let world = try Self.world()
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(
            world.asked.map(\.server.description) == [
                "198.51.100.1:53", "198.51.100.2:53", "198.51.100.3:53",
            ])
        #expect(try world.records("shop.example.") == ["shop.example. A 192.0.2.9"])
        #expect(world.asked.count == 4)
        #expect(try world.isCached("www.shop.example."))
    }

    @Test("An alias is followed, and both records come")
    func alias() throws {
        let world = try Self.world()
        #expect(
            try world.records("alias.shop.example.") == [
                "alias.shop.example. CNAME www.shop.example.", "www.shop.example. A 192.0.2.1",
            ])
    }

    @Test(
        "An alias made from a DNAME comes with it, also when the alias itself was asked for before (RFC 6672)"
    )
    func substitution() throws {
        let world = try Self.world()
        let address = IPAddress("198.51.100.3")!
        let inner = world.servers[address]!
        let dname = ResourceRecord(
            owner: try Name("old.shop.example."), type: .dname, ttl: 300,
            data: RecordData(try Name("shop.example.").wire))
        world.servers[address] = { query, transport in
            guard query.questions[0].name.isBelow(dname.owner) else { return inner(query, transport) }
            var response = Message(
                id: query.id, flags: [.response, .authoritative], questions: query.questions)
            let target = query.questions[0].name.replacingSuffix(
                dname.owner, with: try! Name("shop.example."))
            response.answers = [
                dname,
                ResourceRecord(
                    owner: query.questions[0].name, type: .cname, ttl: 300,
                    data: RecordData(target?.wire ?? [0])),
            ]
            return [(.milliseconds(1), response)]
        }
        let alias = [
            "old.shop.example. DNAME shop.example.", "www.old.shop.example. CNAME www.shop.example.",
        ]
        #expect(try world.records("www.old.shop.example.", .cname) == alias)
        #expect(try world.records("www.old.shop.example.") == alias + ["www.shop.example. A 192.0.2.1"])
    }

    @Test("What does not exist is cached for the SOA's time and no longer (RFC 2308)")
    func negative() throws {
        let world = try Self.world()
        #expect(try world.ask("nope.shop.example.").responseCode == .nameError)
        #expect(try world.ask("www.shop.example.", .aaaa).responseCode == .noError)
        let count = world.asked.count
        #expect(try world.ask("nope.shop.example.", .txt).responseCode == .nameError)
        #expect(world.asked.count == count)
        world.pass(.seconds(61))
        #expect(try world.ask("nope.shop.example.").responseCode == .nameError)
        #expect(world.asked.count == count + 1)
    }

    @Test("Two clients with one question cost one question to each server")
    func joining() throws {
        let world = try Self.world()
        let first = try world.start("www.shop.example.")
        let second = try world.start("WWW.shop.example.", .a, [.recursionDesired, .wantsDNSSEC])
        let third = try world.start("www.shop.example.", .a, [.recursionDesired, .checkingDisabled])
        world.run(for: .seconds(5))
        for token in [first, second, third] { #expect(world.answer(token)?.sections.answerCount == 1) }
        #expect(world.asked.count == 3)
        #expect(world.resolver.metrics.joined == 2)
    }

    @Test(
        "A second of silence while many questions are under way fails none of them, and is forgotten at once")
    func stall() throws {
        let world = try Self.world()
        _ = try world.records("www.shop.example.")
        let address = IPAddress("198.51.100.3")!
        let inner = world.servers[address]!
        let end = world.now.monotonic + 1_000_000_000
        world.servers[address] = { query, transport in
            world.now.monotonic < end ? [] : inner(query, transport)
        }
        let tokens = try (0..<40).map { try world.start("n\($0).shop.example.") }
        world.run(for: .seconds(20)) { tokens.allSatisfy { world.answer($0) != nil } }
        #expect(tokens.map { world.answer($0)?.responseCode } == tokens.map { _ in .nameError })
        let count = world.asked.count
        #expect(try world.ask("later.shop.example.").responseCode == .nameError)
        #expect(world.asked.count == count + 1)
    }

    @Test("Without a route for IPv6, servers are asked over IPv4 and IPv6 is left alone for a while")
    func noRoute() throws {
        let world = try Self.world { $0.usesIPv6 = true }
        let parent = world.servers[IPAddress("198.51.100.2")!]!
        let names = try (0..<6).map { try Name("ns\($0).shop.example.") }
        world.servers[IPAddress("198.51.100.2")!] = { query, transport in
            parent(query, transport).map { after, message in
                var message = message
                for (number, name) in names.enumerated() {
                    message.authorities.append(
                        ResourceRecord(
                            owner: try! Name("shop.example."), type: .ns, ttl: 300,
                            data: RecordData(name.wire)))
                    message.additionals.append(
                        ResourceRecord(
                            owner: name, type: .aaaa, ttl: 300,
                            data: RecordData(
                                [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: UInt8(number), count: 12))))
                }
                return (after, message)
            }
        }
        func ask(_ name: String) throws -> ResponseCode? {
            let token = try world.start(name)
            for _ in 0..<100 where world.answer(token) == nil {
                if let open = world.open.last(where: { $0.server.address.isIPv6 }) {
                    world.fail(open.id, .noRoute)
                } else {
                    world.run(for: .milliseconds(50)) { world.open.contains { $0.server.address.isIPv6 } }
                }
            }
            return world.answer(token)?.responseCode
        }
        for number in 0..<20 { #expect(try ask("n\(number).shop.example.") == .nameError) }
        #expect(world.asked.filter { $0.server.address.isIPv6 }.count <= 1)
        world.pass(.seconds(31))
        for number in 0..<40 { #expect(try ask("m\(number).shop.example.") == .nameError) }
        #expect(world.asked.filter { $0.server.address.isIPv6 }.count >= 1)
    }

    @Test("Servers see one label more at a time, and the whole name only at the end (RFC 9156)")
    func minimisation() throws {
        let world = try Self.world { $0.minimisation = .strict }
        #expect(try world.records("a.b.c.shop.example.") == ["a.b.c.shop.example. A 192.0.2.5"])
        #expect(
            world.asked.map(\.question.name.description) == [
                "example.", "shop.example.", "c.shop.example.", "b.c.shop.example.", "a.b.c.shop.example.",
            ])
    }

    @Test("With relaxed minimisation a server that stumbles over the parent is asked the whole name")
    func relaxedMinimisation() throws {
        let world = try Self.world { $0.minimisation = .relaxed }
        let inner = world.servers[IPAddress("198.51.100.3")!]!
        world.servers[IPAddress("198.51.100.3")!] = { query, transport in
            guard query.questions.first?.name.labelCount == 5 else {
                let flags = HeaderFlags([.response, .authoritative]).with(
                    opcode: .query, responseCode: .nameError)
                return [(.milliseconds(1), Message(id: query.id, flags: flags, questions: query.questions))]
            }
            return inner(query, transport)
        }
        #expect(try world.records("a.b.c.shop.example.") == ["a.b.c.shop.example. A 192.0.2.5"])
    }

    @Test("A truncated response is asked for again over TCP")
    func truncation() throws {
        let world = try Self.world()
        let inner = world.servers[IPAddress("198.51.100.3")!]!
        world.servers[IPAddress("198.51.100.3")!] = { query, transport in
            var result = inner(query, transport)
            if transport == .udp {
                result[0].message.flags.insert(.truncated)
                result[0].message.answers = []
            }
            return result
        }
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(world.asked.last?.transport == .tcp)
    }

    @Test("A server that fails on EDNS is asked without, and stays so")
    func withoutEDNS() throws {
        let world = try Self.world()
        let inner = world.servers[IPAddress("198.51.100.3")!]!
        world.servers[IPAddress("198.51.100.3")!] = { query, transport in
            guard query.edns == nil else {
                let flags = HeaderFlags([.response]).with(opcode: .query, responseCode: .formatError)
                return [(.milliseconds(1), Message(id: query.id, flags: flags, questions: query.questions))]
            }
            var result = inner(query, transport)
            result[0].message.edns = nil
            return result
        }
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(world.asked.count == 4)
        #expect(try world.records("shop.example.") == ["shop.example. A 192.0.2.9"])
        #expect(world.asked.count == 5)
        #expect(world.asked.last?.query.edns == nil)
    }

    @Test(
        "An error without question ends the wait soon, not at once: without EDNS, or over TCP",
        arguments: [1, 2])
    func errorWithoutQuestion(_ code: UInt16) throws {
        let world = try Self.world()
        let inner = world.servers[IPAddress("198.51.100.3")!]!
        world.servers[IPAddress("198.51.100.3")!] = { query, transport in
            // FORMERR because of EDNS, SERVFAIL because of UDP; with nothing but a header.
            guard query.edns == nil || code == 2 && transport == .tcp else {
                let flags = HeaderFlags([.response]).with(
                    opcode: .query, responseCode: ResponseCode(rawValue: code))
                return [(.milliseconds(1), Message(id: query.id, flags: flags, questions: []))]
            }
            var result = inner(query, transport)
            if query.edns == nil { result[0].message.edns = nil }
            return result
        }
        let start = world.now
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(world.now.monotonic - start.monotonic < 400_000_000)
        #expect(world.asked.last?.transport == (code == 1 ? .udp : .tcp))
    }

    @Test(
        "Over a stream another question's answer is the server's own fault, and the next server is asked at once"
    )
    func wrongQuestionOverStream() throws {
        let world = try Self.world()
        world.servers[IPAddress("198.51.100.3")!] = { query, transport in
            let flags: HeaderFlags = [.response, .authoritative]
            if transport == .udp {
                return [
                    (
                        .milliseconds(1),
                        Message(id: query.id, flags: flags.union(.truncated), questions: query.questions)
                    )
                ]
            }
            let other = (try? Name("other.shop.example.")).map { [Question(name: $0, type: .a)] } ?? []
            return [(.milliseconds(1), Message(id: query.id, flags: flags, questions: other))]
        }
        let start = world.now
        #expect(try world.ask("www.shop.example.").responseCode == .serverFailure)
        #expect(world.now.monotonic - start.monotonic < 1_000_000_000)
    }

    @Test("Mixed case must come back; a server that changes it is asked over TCP from then on judged by that")
    func mixedCase() throws {
        let world = try Self.world { $0.mixesCase = true }
        let inner = world.servers[IPAddress("198.51.100.3")!]!
        world.servers[IPAddress("198.51.100.3")!] = { query, transport in
            var result = inner(query, transport)
            result[0].message.questions = query.questions.map {
                Question(name: $0.name.lowercased, type: $0.type)
            }
            return result
        }
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(world.asked.last?.transport == .tcp)
        #expect(world.resolver.metrics.wrongResponses > 0)
        #expect(try world.records("shop.example.") == ["shop.example. A 192.0.2.9"])
        #expect(world.asked.last?.transport == .udp)
    }

    @Test("Names that point into a question have none of its random case")
    func mixedCaseStays() throws {
        let world = try Self.world { $0.mixesCase = true }
        // 2^-8 that the letters of "shop" and "example" come out small without our doing, eight times over.
        for _ in 0..<8 {
            let records = try world.records("alias.shop.example.")
            #expect(
                records == ["alias.shop.example. CNAME www.shop.example.", "www.shop.example. A 192.0.2.1"])
            world.pass(.seconds(100_000))
        }
        let names = world.asked.flatMap { $0.query.questions.map(\.name.description) }
        #expect(names.contains { name in name.contains { $0.isUppercase } })
    }

    @Test("A silent server gives way to the next, and a failure is cached for its time (RFC 9520)")
    func failures() throws {
        let world = try Self.world()
        world.servers[IPAddress("198.51.100.3")!] = { _, _ in [] }
        let answer = try world.ask("www.shop.example.")
        #expect(answer.responseCode == .serverFailure)
        #expect(answer.errors.map(\.code) == [.noReachableAuthority])
        #expect(answer.failure.contains("did not respond"))
        #expect(try world.isCached("www.shop.example."))
        let count = world.asked.count
        #expect(try world.ask("www.shop.example.").responseCode == .serverFailure)
        #expect(world.asked.count == count)
        try world.serve("198.51.100.3", zone: "shop.example.", "www A 192.0.2.1")
        world.pass(.seconds(10))
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
    }

    @Test("A forward zone is asked with RD; with fallback a dead forwarder is gone around")
    func forwarding() throws {
        let zone = ConfiguredZone(
            name: try Name("shop.example."), servers: [.address(World.endpoint("198.51.100.7"))],
            fallsBack: true)
        let world = try Self.world { $0.forwardZones = [zone] }
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(world.asked.first?.query.flags.contains(.recursionDesired) == true)
        #expect(world.asked.first?.server == World.endpoint("198.51.100.7"))
        #expect(world.asked.last?.query.flags.contains(.recursionDesired) == false)
    }

    @Test("Expired data are served when servers are silent, and no client waits longer than told (RFC 8767)")
    func stale() throws {
        let world = try Self.world()
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        world.servers.removeAll()
        world.pass(.seconds(400))
        let before = world.now
        let answer = try world.ask("www.shop.example.")
        #expect(answer.isStale && answer.responseCode == .noError)
        #expect(answer.errors.map(\.code) == [.staleAnswer])
        let waited = world.now.monotonic - before.monotonic
        #expect(waited > 0 && waited < 1_900_000_000)
        let message = try answer.sections.message(
            for: Question(name: try Name("www.shop.example."), type: .a))
        #expect(message.answers.map(\.ttl) == [30])
    }

    @Test("A prefetch asks although the answer is cached, and nobody is answered")
    func prefetch() throws {
        let world = try Self.world()
        try world.ask("www.shop.example.")
        world.pass(.seconds(280))
        let count = world.asked.count
        try world.start("www.shop.example.", .a, [.recursionDesired, .isPrefetch])
        world.run(for: .seconds(2))
        #expect(world.asked.count == count + 1)
        world.pass(.seconds(100))
        #expect(try world.isCached("www.shop.example."))
    }

    @Test("Without RD only what is cached is told")
    func withoutRecursion() throws {
        let world = try Self.world()
        #expect(try world.ask("www.shop.example.", .a, []).responseCode == .refused)
        #expect(world.asked.isEmpty)
        try world.ask("www.shop.example.")
        #expect(try world.ask("www.shop.example.", .a, []).sections.answerCount == 1)
    }

    @Test("A traced question tells its whole way")
    func trace() throws {
        let world = try Self.world()
        let answer = try world.ask("www.shop.example.", .a, [.recursionDesired, .isTraced])
        let text = answer.trace.map(\.text).joined(separator: "\n")
        #expect(text.contains("referral to shop.example."))
        #expect(text.contains("asking 198.51.100.3:53"))
    }

    @Test("A snapshot brings answers back, less the time between")
    func snapshot() throws {
        let world = try Self.world()
        try world.ask("www.shop.example.")
        var octets: [UInt8] = []
        world.cache.writeSnapshot(at: world.now) { octets += $0 }
        let other = try Self.world()
        other.now = Moment(monotonic: 5_000_000_000_000, wall: world.now.wall + 100)
        #expect(try other.cache.loadSnapshot(octets, at: other.now) > 3)
        #expect(try other.isCached("www.shop.example."))
        other.pass(.seconds(199))
        #expect(try other.isCached("www.shop.example."))
        other.pass(.seconds(2))
        #expect(try !other.isCached("www.shop.example."))
        #expect(throws: ResolverError.self) {
            try other.cache.loadSnapshot(Array(octets.dropLast(3)), at: other.now)
        }
        #expect(throws: ResolverError.self) { try other.cache.loadSnapshot([1, 2, 3], at: other.now) }
    }

    @Test("AAAA records are made from A records behind the prefix (RFC 6147)")
    func synthesis() throws {
        let world = try Self.world {
            $0.dns64 = IPPrefix("64:ff9b::/96").map { AddressSynthesisConfiguration(prefix: $0) }
        }
        #expect(
            try world.records("alias.shop.example.", .aaaa) == [
                "alias.shop.example. CNAME www.shop.example.", "www.shop.example. AAAA 64:ff9b::c000:201",
            ])
        #expect(try world.ask("nope.shop.example.", .aaaa).responseCode == .nameError)
        #expect(try world.ask("big.shop.example.", .aaaa).sections.answerCount == 0)
    }
}

@Suite struct PrimingTests {
    @Test(
        "Hints lead to the root's servers, which name themselves once and are asked from then on (RFC 8109)")
    func priming() throws {
        let world = try World {
            $0.stubZones = []
            $0.rootHints = [ServerHint(name: try! Name("old.root."), address: IPAddress("198.51.100.200")!)]
        }
        try world.serve("198.51.100.1", zone: ".", "example. NS ns.example.\nns.example. A 198.51.100.2")
        try world.serve("198.51.100.2", zone: "example.", "a A 192.0.2.1\nb A 192.0.2.2")
        let root = world.servers[IPAddress("198.51.100.1")!]!
        world.servers[IPAddress("198.51.100.200")!] = { query, transport in
            guard query.questions[0].name.isRoot else { return root(query, transport) }
            var response = Message(
                id: query.id, flags: [.response, .authoritative], questions: query.questions, edns: EDNS())
            let name = try! Name("new.root.")
            response.answers = [
                ResourceRecord(owner: .root, type: .ns, ttl: 86400, data: RecordData(name.wire))
            ]
            response.additionals = [
                ResourceRecord(owner: name, type: .a, ttl: 86400, data: RecordData([198, 51, 100, 1]))
            ]
            return [(.milliseconds(1), response)]
        }
        #expect(try world.records("a.example.") == ["a.example. A 192.0.2.1"])
        world.run(for: .seconds(1))
        world.pass(.seconds(400))
        #expect(try world.records("b.example.") == ["b.example. A 192.0.2.2"])
        let toOld = world.asked.filter { $0.server.address == IPAddress("198.51.100.200") }
        #expect(toOld.filter { $0.question.name.isRoot }.count == 1)
        #expect(world.asked.last { $0.question.name != (try? Name("b.example.")) } != nil)
        #expect(world.asked.contains { $0.server.address == IPAddress("198.51.100.1") })
    }
}

@Suite struct CookieTests {
    /// A server that demands cookies (RFC 7873).
    static func demanding(_ inner: @escaping World.Server, _ cookie: [UInt8]) -> World.Server {
        { query, transport in
            guard let sent = query.edns?.option(.cookie) else { return inner(query, transport) }
            var result = inner(query, transport)
            let option = EDNSOption(code: .cookie, data: Array(sent.prefix(8)) + cookie)
            if transport == .udp, Array(sent.dropFirst(8)) != cookie {
                var refusal = Message(
                    id: query.id,
                    flags: HeaderFlags([.response]).with(opcode: .query, responseCode: .badCookie),
                    questions: query.questions)
                refusal.edns = EDNS(extendedResponseCode: ResponseCode.badCookie.extended, options: [option])
                return [(.milliseconds(1), refusal)]
            }
            result[0].message.edns = EDNS(options: [option])
            return result
        }
    }

    @Test("A server that wants its cookie gets it, and from then on at once")
    func exchange() throws {
        let world = try IterationTests.world()
        let address = IPAddress("198.51.100.3")!
        world.servers[address] = Self.demanding(world.servers[address]!, [UInt8](1...8))
        #expect(try world.records("www.shop.example.") == ["www.shop.example. A 192.0.2.1"])
        #expect(world.asked.count == 4)
        #expect(try world.records("shop.example.") == ["shop.example. A 192.0.2.9"])
        #expect(world.asked.count == 5)
    }

    @Test("Once a server has shown a cookie, responses without it are not believed over UDP")
    func missingCookie() throws {
        let world = try IterationTests.world()
        let address = IPAddress("198.51.100.3")!
        let plain = world.servers[address]!
        world.servers[address] = Self.demanding(plain, [UInt8](1...8))
        try world.ask("www.shop.example.")
        world.servers[address] = { query, transport in
            var result = plain(query, transport)
            if transport == .udp {
                result[0].message.answers = [
                    ResourceRecord(
                        owner: query.questions[0].name, type: .a, ttl: 60, data: RecordData([203, 0, 113, 9]))
                ]
            }
            return result
        }
        #expect(try world.records("shop.example.") == ["shop.example. A 192.0.2.9"])
        #expect(world.asked.last?.transport == .tcp)
    }
}

@Suite struct ClientSubnetTests {
    @Test(
        "Configured servers are told the client's subnet; an answer for one subnet is kept for its clients alone (RFC 7871)"
    )
    func subnets() throws {
        let forwarder = World.endpoint("198.51.100.7")
        let world = try World {
            $0.stubZones = []
            $0.forwardZones = [ConfiguredZone(name: .root, servers: [.address(forwarder)])]
            $0.clientSubnet = ClientSubnetConfiguration(servers: [IPPrefix(forwarder.address)])
        }
        world.servers[forwarder.address] = { query, _ in
            let sent = query.edns?.option(.clientSubnet) ?? []
            let isScoped = query.questions[0].name.labels[0].first == UInt8(ascii: "s")
            var response = Message(
                id: query.id, flags: [.response, .recursionAvailable], questions: query.questions)
            response.answers = [
                ResourceRecord(
                    owner: query.questions[0].name, type: .a, ttl: 300,
                    data: RecordData([192, 0, 2, sent.count > 6 ? sent[6] : 0]))
            ]
            var option = sent
            if option.count > 3 { option[3] = isScoped ? 24 : 0 }
            response.edns = EDNS(options: sent.isEmpty ? [] : [EDNSOption(code: .clientSubnet, data: option)])
            return [(.milliseconds(5), response)]
        }
        let left = IPAddress("203.0.113.77")
        let right = IPAddress("198.51.99.77")
        for client in [left, right] {
            let answer = try world.ask("scoped.example.", .a, .recursionDesired, client: client)
            #expect(answer.sections.octets.suffix(4) == [192, 0, 2, client == left ? 113 : 99])
        }
        #expect(world.asked.count == 2)
        let neighbour = IPAddress("203.0.113.78")
        for client in [left, neighbour, right] {
            let again = try world.ask("scoped.example.", .a, .recursionDesired, client: client)
            #expect(again.sections.octets.suffix(4) == [192, 0, 2, client == right ? 99 : 113])
        }
        #expect(world.asked.count == 2)
        #expect(try !world.isCached("scoped.example."))
        let hidden = try world.ask("scoped.example.", .a, [.recursionDesired, .hidesSubnet], client: left)
        #expect(hidden.sections.octets.suffix(4) == [192, 0, 2, 0], "a client that hides its subnet")
        try world.ask("general.example.", .a, .recursionDesired, client: left)
        #expect(try world.isCached("general.example."))
    }
}
