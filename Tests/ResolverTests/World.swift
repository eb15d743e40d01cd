import DNSCore
import Resolver

/// A small Internet for tests: servers are functions, the clock moves only when nothing else is left to do.
final class World {
    /// What a server does with a question: messages and how long each takes.
    typealias Server = (_ query: Message, _ transport: UpstreamTransport) -> [(
        after: Duration, message: Message
    )]

    let resolver: Resolver
    let cache: ResolverCache
    var now = Moment(monotonic: 1_000_000_000_000, wall: 1_700_000_000)
    var servers: [IPAddress: Server] = [:]
    private(set) var asked:
        [(server: IPEndpoint, question: Question, transport: UpstreamTransport, query: Message)] = []
    private(set) var answers: [UInt64: ResolverAnswer] = [:]
    private var arrivals: [(time: UInt64, id: UpstreamID, octets: [UInt8], from: IPEndpoint)] = []
    private var nextToken: UInt64 = 1

    init(_ configure: (inout ResolverConfiguration) -> Void = { _ in }) throws {
        var configuration = ResolverConfiguration()
        configuration.validation.trustAnchors = []
        configuration.cache.size = 1 << 20
        configuration.minimisation = .off
        configuration.usesIPv6 = false
        configuration.stubZones = [
            ConfiguredZone(name: .root, servers: [.address(Self.endpoint("198.51.100.1"))])
        ]
        configure(&configuration)
        cache = try ResolverCache(configuration: configuration.cache)
        resolver = Resolver(configuration: configuration, cache: cache)
    }

    static func endpoint(_ text: String) -> IPEndpoint {
        IPEndpoint(IPAddress(text) ?? .anyIPv4, port: 53)
    }

    // MARK: Asking

    /// Starts a question and does not wait.
    @discardableResult
    func start(
        _ name: String, _ type: RRType = .a, _ options: QueryOptions = .recursionDesired,
        client: IPAddress? = nil
    ) throws -> UInt64 {
        let token = nextToken
        nextToken += 1
        let view = client.map { resolver.view(of: $0) } ?? 0
        resolver.start(
            Question(name: try Name(name), type: type), options: options, token: token, client: client,
            view: view,
            at: now)
        carryOut()
        return token
    }

    /// Asks and waits for the answer, at most a minute.
    @discardableResult
    func ask(
        _ name: String, _ type: RRType = .a, _ options: QueryOptions = .recursionDesired,
        client: IPAddress? = nil
    ) throws -> ResolverAnswer {
        let token = try start(name, type, options, client: client)
        run(for: .seconds(60)) { self.answers[token] != nil }
        return answers[token] ?? ResolverAnswer(ResponseCode(rawValue: 0xfff))
    }

    /// The answer section as text, `name type data`.
    func records(
        _ name: String, _ type: RRType = .a, _ options: QueryOptions = .recursionDesired
    ) throws -> [String] {
        let answer = try ask(name, type, options)
        let message = try answer.sections.message(for: Question(name: try Name(name), type: type))
        return message.answers.map { "\($0.owner) \($0.type) \($0.data.presentation(as: $0.type))" }
    }

    func answer(_ token: UInt64) -> ResolverAnswer? { answers[token] }

    /// Whether the fast path has an answer.
    func isCached(_ name: String, _ type: RRType = .a) throws -> Bool {
        var key = NameKey()
        key.load(try Name(name))
        return cache.entry(.answer, for: key, type: type, at: now.seconds) != nil
    }

    // MARK: Time

    func run(for duration: Duration, until isDone: () -> Bool = { false }) {
        let limit = now.monotonic &+ duration.wholeNanoseconds
        var rounds = 0
        while !isDone(), rounds < 200_000 {
            rounds += 1
            arrivals.sort { $0.time < $1.time }
            guard let next = [arrivals.first?.time, resolver.nextDeadline].compactMap({ $0 }).min(),
                next <= limit
            else { break }
            move(to: max(next, now.monotonic))
            if let first = arrivals.first, first.time <= next {
                arrivals.removeFirst()
                resolver.receive(upstream: first.id, octets: first.octets, from: first.from, at: now)
            } else {
                resolver.advance(to: now)
            }
            carryOut()
        }
    }

    func pass(_ duration: Duration) {
        let end = now.advanced(by: duration)
        run(for: duration)
        move(to: end.monotonic)
    }

    private func move(to time: UInt64) {
        now.wall += Int64(time / 1_000_000_000) - Int64(now.monotonic / 1_000_000_000)
        now.monotonic = time
    }

    /// Puts a message on the way to the question `id`, whoever sends it.
    func deliver(_ octets: [UInt8], to id: UpstreamID, from: IPEndpoint) {
        resolver.receive(upstream: id, octets: octets, from: from, at: now)
        carryOut()
    }

    /// Says that a question cannot have a response.
    func fail(_ id: UpstreamID, _ reason: UpstreamFailure) {
        open.removeAll { $0.id == id }
        resolver.failed(upstream: id, reason: reason, at: now)
        carryOut()
    }

    /// The questions that are under way, newest last.
    private(set) var open: [UpstreamQuery] = []

    private func carryOut() {
        var actions: [ResolverAction] = []
        resolver.drainActions { actions.append($0) }
        for action in actions {
            switch action {
            case .answer(let token, let answer): answers[token] = answer
            case .cancel(let id):
                arrivals.removeAll { $0.id == id }
                open.removeAll { $0.id == id }
            case .send(let query): serve(query)
            }
        }
    }

    private func serve(_ query: UpstreamQuery) {
        open.append(query)
        guard let message = try? Message(parsing: query.octets), let question = message.questions.first else {
            return
        }
        asked.append((query.server, question, query.transport, message))
        guard let server = servers[query.server.address] else { return }
        for (delay, response) in server(message, query.transport) {
            let octets = response.encoded(limit: query.transport == .udp ? 1232 : 65535)
            arrivals.append((now.monotonic + delay.wholeNanoseconds, query.id, octets, query.server))
        }
    }
}

extension World {
    /// A server that serves master-file text: exact names, delegations (NS below `zone`), aliases, NXDOMAIN.
    func serve(
        _ address: String, zone: String, _ text: String, edits: @escaping (inout Message) -> Void = { _ in }
    )
        throws
    {
        let apex = try Name(zone)
        var records: [ResourceRecord] = []
        var scanner = ZoneTextScanner(
            text: Array((text + "\n").utf8), origin: apex, options: ZoneTextOptions(defaultTTL: 300))
        while try scanner.next() { records.append(scanner.record()) }
        let soa = ResourceRecord(
            owner: apex, type: .soa, ttl: 300,
            data: RecordData([0, 0] + [UInt8](repeating: 0, count: 16) + [0, 0, 0, 60]))
        guard let key = IPAddress(address) else { return }
        servers[key] = { query, _ in
            guard let question = query.questions.first else { return [] }
            var response = Message(
                id: query.id, flags: [.response, .authoritative], questions: query.questions, edns: EDNS())
            let name = question.name
            let cut = records.first { $0.type == .ns && $0.owner.isBelow(apex) && name.isAtOrBelow($0.owner) }
            if let cut, !(question.type == .ds && name == cut.owner) {
                response.flags.remove(.authoritative)
                response.authorities = records.filter { $0.type == .ns && $0.owner == cut.owner }
                let targets = response.authorities.flatMap { $0.data.names(as: .ns) }
                response.additionals = records.filter { $0.type == .a && targets.contains($0.owner) }
            } else {
                let own = records.filter { $0.owner == name }
                response.answers = own.filter { $0.type == question.type || $0.type == .cname }
                if response.answers.isEmpty {
                    response.authorities = [soa]
                    let exists = !own.isEmpty || records.contains { $0.owner.isBelow(name) }
                    if !exists {
                        response.flags = response.flags.with(opcode: .query, responseCode: .nameError)
                    }
                }
            }
            edits(&response)
            return [(.milliseconds(10), response)]
        }
    }
}
