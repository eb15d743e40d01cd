import DNSCore
import Resolver

/// Plays a scenario: scripted servers, a client, one clock that only moves when nothing is left to do.
final class ScenarioPlayer {
    let scenario: Scenario
    let resolver: Resolver
    let cache: ResolverCache
    private(set) var now: Moment
    private(set) var complaints: [String] = []
    /// Questions that went to servers, for tests that count.
    private(set) var asked: [(server: IPEndpoint, question: Question)] = []
    var printsTraffic = false

    private var currentStep = 0
    private var arrivals: [(time: UInt64, id: UpstreamID, octets: [UInt8], from: IPEndpoint)] = []
    private var answers: [UInt64: ResolverAnswer] = [:]
    private var nextToken: UInt64 = 1
    private var pending: (token: UInt64, query: Message, hit: Message?)?
    private var composer = MessageComposer()

    init(_ scenario: Scenario) throws {
        self.scenario = scenario
        cache = try ResolverCache(configuration: scenario.configuration.cache)
        resolver = Resolver(configuration: scenario.configuration, cache: cache)
        now = Moment(monotonic: 1_000_000_000_000, wall: scenario.date)
    }

    /// Plays all steps; returns what was not as it should be.
    func play() -> [String] {
        for (number, step) in scenario.steps {
            currentStep = number
            switch step {
            case .query(let entry, let address): ask(entry.message, entry.flags, from: address)
            case .check(let entry): check(entry, number)
            case .timePasses(let duration): pass(duration)
            case .traffic: run(until: now.monotonic &+ 1_000_000_000) { false }
            }
        }
        return complaints
    }

    // MARK: The client

    /// Asks as a client would: first the cache, then the resolver.
    func ask(_ query: Message, _ flags: Set<String>, from address: IPAddress?) {
        guard let question = query.questions.first else { return }
        var options: QueryOptions = []
        if flags.contains("DO") { options.insert(.wantsDNSSEC) }
        if flags.contains("CD") { options.insert(.checkingDisabled) }
        if flags.contains("RD") { options.insert(.recursionDesired) }
        let token = nextToken
        nextToken += 1
        pending = (token, query, nil)
        var key = NameKey()
        key.load(question.name)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 65535, alignment: 16)
        defer { memory.deallocate() }
        composer.begin(in: memory, limit: 65535)
        composer.writeHeader(id: query.id, flags: [.response, .recursionAvailable])
        composer.append(question)
        let client = address ?? .loopbackIPv4
        let view = resolver.view(of: client)
        if let hit = cache.answer(
            to: key, type: question.type, options: options, view: view, at: now.seconds, into: &composer)
        {
            var message = try? Message(parsing: Array(memory[..<composer.count]))
            message?.flags = responseFlags(query, flags, hit.responseCode, isAuthentic: hit.isAuthentic)
            if let error = hit.extendedError {
                message?.edns = EDNS(options: [.extendedError(error)])
            }
            pending?.hit = message
            if hit.wantsPrefetch, scenario.configuration.cache.prefetches {
                resolver.start(question, options: [.isPrefetch, .recursionDesired], token: 0, at: now)
                carryOut()
            }
            return
        }
        resolver.start(question, options: options, token: token, client: client, view: view, at: now)
        carryOut()
        run(until: now.monotonic &+ 60_000_000_000) { self.answers[token] != nil }
    }

    /// The response to the last query.
    var response: Message? {
        guard let pending else { return nil }
        if let hit = pending.hit { return hit }
        guard let answer = answers[pending.token], let question = pending.query.questions.first,
            answer.disposition != .drop
        else { return nil }
        var message = try? answer.sections.message(for: question)
        message?.flags = responseFlags(
            pending.query, [], answer.responseCode, isAuthentic: answer.isAuthentic)
        if answer.isAuthoritative { message?.flags.insert(.authoritative) }
        message?.edns = EDNS(options: answer.errors.map { .extendedError($0.code, text: $0.text) })
        return message
    }

    private func responseFlags(
        _ query: Message, _ flags: Set<String>, _ code: ResponseCode, isAuthentic: Bool
    ) -> HeaderFlags {
        var result: HeaderFlags = [.response, .recursionAvailable]
        result.formUnion(query.flags.intersection([.recursionDesired, .checkingDisabled]))
        let wantsAD = query.flags.contains(.authenticData) || query.edns?.wantsDNSSEC == true
        if isAuthentic, wantsAD { result.insert(.authenticData) }
        return result.with(opcode: .query, responseCode: code)
    }

    private func check(_ expected: Scenario.Entry, _ number: Int) {
        if let pending, pending.hit == nil, answers[pending.token] == nil {
            run(until: now.monotonic &+ 60_000_000_000) { self.answers[pending.token] != nil }
        }
        guard let response else {
            complaints.append("step \(number): no answer")
            return
        }
        guard !expected.matches.isEmpty else { return }
        func complain(_ text: String) { complaints.append("step \(number): \(text)") }
        let all = expected.matches.contains("all")
        if all || expected.matches.contains("rcode"), response.responseCode != expected.responseCode {
            let why = answers[pending?.token ?? 0]?.failure ?? ""
            complain("\(response.responseCode) instead of \(expected.responseCode) \(why)")
        }
        let mask: HeaderFlags = [
            .response, .authoritative, .truncated, .recursionDesired, .recursionAvailable, .authenticData,
            .checkingDisabled,
        ]
        if all, response.flags.intersection(mask) != expected.message.flags.intersection(mask) {
            complain(
                "flags \(String(response.flags.rawValue, radix: 16)) instead of \(String(expected.message.flags.rawValue, radix: 16))"
            )
        }
        if response.questions != expected.message.questions { complain("question \(response.questions)") }
        if all || expected.matches.contains("answer") || expected.matches.contains("qname") {
            compare(
                response.answers, expected.message.answers, "answer", expected.matches.contains("ttl"),
                complain)
        }
        let proofTypes: Set<RRType> = [.soa, .nsec, .nsec3]
        func proofs(_ records: [ResourceRecord]) -> [ResourceRecord] {
            records.filter { record in
                if proofTypes.contains(record.type) { return true }
                guard record.type == .rrsig, record.data.octets.count > 2 else { return false }
                let covered = RRType(
                    rawValue: UInt16(record.data.octets[0]) << 8 | UInt16(record.data.octets[1]))
                return proofTypes.contains(covered)
            }
        }
        if all, expected.responseCode != .serverFailure {
            compare(
                proofs(response.authorities), proofs(expected.message.authorities), "authority", false,
                complain)
        }
        if let code = expected.extendedError {
            let found = response.edns?.options.filter { $0.code == .extendedError }.map {
                UInt16($0.data[0]) << 8 | UInt16($0.data[1])
            }
            if found?.contains(code) != true { complain("extended errors \(found ?? []) instead of \(code)") }
        }
    }

    private func compare(
        _ found: [ResourceRecord], _ expected: [ResourceRecord], _ section: String, _ comparesTTL: Bool,
        _ complain: (String) -> Void
    ) {
        var left = found
        for record in expected {
            if let index = left.firstIndex(where: {
                $0.isSame(as: record) && (!comparesTTL || $0.ttl == record.ttl)
            }) {
                left.remove(at: index)
            } else {
                complain(
                    "\(section) lacks \(record.owner) \(record.type) \(record.data.presentation(as: record.type).prefix(40))"
                )
            }
        }
        for record in left {
            complain(
                "\(section) has \(record.owner) \(record.type) \(record.ttl) \(record.data.presentation(as: record.type).prefix(40))"
            )
        }
    }

    // MARK: The world

    private func pass(_ duration: Duration) {
        let end = now.advanced(by: duration)
        run(until: end.monotonic) { false }
        now = end
    }

    /// Lets things happen in their order until `isDone`, or until nothing more can happen before `limit`.
    func run(until limit: UInt64, isDone: () -> Bool) {
        var rounds = 0
        while !isDone(), rounds < 100_000 {
            rounds += 1
            arrivals.sort { $0.time < $1.time }
            let arrival = arrivals.first?.time
            let deadline = resolver.nextDeadline
            guard let next = [arrival, deadline].compactMap({ $0 }).min(), next <= limit else { break }
            if next > now.monotonic {
                now.wall += Int64(next / 1_000_000_000) - Int64(now.monotonic / 1_000_000_000)
                now.monotonic = next
            }
            if let arrival, arrival <= next {
                let message = arrivals.removeFirst()
                resolver.receive(upstream: message.id, octets: message.octets, from: message.from, at: now)
            } else {
                resolver.advance(to: now)
            }
            carryOut()
        }
    }

    private func carryOut() {
        var actions: [ResolverAction] = []
        resolver.drainActions { actions.append($0) }
        for action in actions {
            switch action {
            case .answer(let token, let answer): answers[token] = answer
            case .cancel(let id): arrivals.removeAll { $0.id == id }
            case .send(let query): serve(query)
            }
        }
    }

    /// What the scripted server says.
    private func serve(_ query: UpstreamQuery) {
        guard let message = try? Message(parsing: query.octets), let question = message.questions.first else {
            complaints.append("step \(currentStep): unreadable question to \(query.server)")
            return
        }
        asked.append((query.server, question))
        let ranges = scenario.ranges.filter {
            $0.addresses.isEmpty || $0.addresses.contains(query.server.address)
        }
        guard !ranges.isEmpty else {
            if printsTraffic { print("  \(query.server) \(question.name) \(question.type): silent") }
            return
        }
        var response = Message(
            id: message.id,
            flags: HeaderFlags([.response]).with(opcode: .query, responseCode: .serverFailure),
            questions: message.questions)
        var found = false
        search: for range in ranges where range.steps.contains(currentStep) {
            for entry in range.entries where matches(entry, question, query.transport) {
                response = entry.message
                response.id = message.id
                if entry.copiesQuery { response.questions = message.questions }
                if entry.flags.contains("RD") == false, message.flags.contains(.recursionDesired) {
                    response.flags.insert(.recursionDesired)
                }
                found = true
                break search
            }
        }
        if message.edns != nil { response.edns = EDNS(wantsDNSSEC: true) }
        if printsTraffic {
            print(
                "  \(query.server) \(question.name) \(question.type) -> \(found ? "" : "no entry ")\(response.responseCode) an=\(response.answers.count) ns=\(response.authorities.count)"
            )
        }
        let limit = query.transport == .udp ? 1232 : 65535
        arrivals.append((now.monotonic + 5_000_000, query.id, response.encoded(limit: limit), query.server))
    }

    private func matches(
        _ entry: Scenario.Entry, _ question: Question, _ transport: UpstreamTransport
    ) -> Bool {
        guard let expected = entry.message.questions.first else { return !entry.matches.contains("qname") }
        if entry.matches.contains("qname"), question.name != expected.name { return false }
        if entry.matches.contains("qtype"), question.type != expected.type { return false }
        if entry.matches.contains("subdomain"), !question.name.isAtOrBelow(expected.name) { return false }
        if entry.matches.contains("tcp"), transport == .udp { return false }
        return true
    }
}
