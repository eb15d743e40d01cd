import DNSCore
import DNSSecurity
import NTS

private let key = TSIGKey(
    name: Name(trustedWire: [3] + Array("key".utf8) + [0]), algorithm: .hmacSHA256, secret: [1, 2, 3])
private let router = IPEndpoint(IPAddress(v4: 0xcb00_7101), port: 20053)
private let host = Name(trustedWire: [5] + Array("alice".utf8) + [7] + Array("example".utf8) + [0])
private let gn = IPAddress(v4: 0xc000_020a)

/// The forms of the papers, v1 and the ICMP echo: what is read is written with the same octets, but for a final dot and
/// the rest of an echo's checksum.
@Sendable func fuzzNTS(_ octets: [UInt8]) {
    if let message = try? V1Message(decoding: octets) {
        let again = try? message.encoded()
        precondition(again != nil && (try? V1Message(decoding: again ?? [])) == message)
        precondition(again == octets || octets[8 + Int(octets[3]) - 1] == UInt8(ascii: "."))
    }
    if let message = try? TSNMessage(decoding: octets) {
        let again = try? message.encoded()
        precondition(again != nil && (try? TSNMessage(decoding: again ?? [])) == message)
    }
    // A checksum is rarely guessed: put right, so that what is behind it is reached.
    var echo = octets
    if echo.count == TSNMessage.echoOctetCount {
        echo[2] = 0
        echo[3] = 0
        let sum = TSNEcho.checksum(echo)
        echo[2] = UInt8(sum >> 8)
        echo[3] = UInt8(sum & 0xff)
    }
    if let message = try? TSNEcho(decoding: echo) {
        let again = try? message.encoded()
        precondition(again != nil && (try? TSNEcho(decoding: again ?? [])) == message)
    }
}

/// Form v2, registrations included: what is read is written, signed, and reads the same again.
@Sendable func fuzzNTSv2(_ octets: [UInt8]) {
    guard let layout = try? MessageView.survey(octets) else { return }
    _ = V2Message.signature(of: octets.span.bytes, layout: layout)
    _ = V2Message.timeSigned(of: octets.span.bytes, layout: layout)
    guard let body = try? V2Message.decode(octets.span.bytes, layout: layout) else { return }
    precondition(body.permissions.count <= V2Message.permissionLimit)
    guard
        let (request, signature) = V2Message.request(
            id: body.id, permissions: body.permissions, registration: body.registration, key: key,
            epoch: 1_800_000_000)
    else { return }
    guard let signed = try? MessageView.survey(request) else { preconditionFailure("not a message") }
    let verdict = TSIGSession.verify(
        request.span.bytes, layout: signed, keys: TSIGKeyring([key]), now: 1_800_000_100)
    guard case .verified(let session) = verdict else { preconditionFailure("its own signature fails") }
    guard let again = try? V2Message.decode(request.span.bytes, layout: signed) else {
        preconditionFailure("its own message is malformed")
    }
    precondition(again.permissions == body.permissions)
    let response = V2Message.response(
        to: again, code: body.responseCode, permissions: body.permissions, ports: body.ports,
        explanation: body.explanation, session: session, epoch: 1_800_000_000)
    guard let answered = try? MessageView.survey(response) else { preconditionFailure("no response") }
    precondition(signature.isAnswered(by: response.span.bytes, layout: answered, epoch: 1_800_000_000))
}

/// The server's side: datagrams of a router that may be anybody's, to a server with one negotiation of each
/// form under way.
///
/// The first octet says what becomes of the rest: as it is, with the transaction put right, signed.
@Sendable func fuzzNTSServer(_ octets: [UInt8]) {
    guard let kind = octets.first else { return }
    var configuration = NTSConfiguration()
    configuration.isEnabled = true
    configuration.validateClient = .off
    configuration.targets.any = true
    configuration.form = [.v1, .icmp, .v2][Int(kind % 3)]
    configuration.registrationKeys = [key.name]
    if configuration.form == .v2 {
        configuration.targets.routers = [
            NTSConfiguration.Router(address: router.address, form: .v2, key: key.name)
        ]
    }
    var negotiator = Negotiator(
        configuration: configuration, memory: TargetMemory(limits: configuration.limits),
        keys: TSIGKeyring([key]))
    var actions: [NegotiationAction] = []
    let request = NegotiationRequest(
        token: 1, client: gn, isClientValidated: true, owner: host, addresses: [router.address],
        zoneIsMarked: true)
    precondition(negotiator.begin(request, now: .zero, epoch: 1_800_000_000, actions: &actions) == .held)
    var message = Array(octets.dropFirst())
    if kind & 0x40 != 0, case .send(let sent, _)? = actions.first, message.count >= 2, sent.count >= 2 {
        message.replaceSubrange(0..<2, with: configuration.form == .v1 ? [sent[0], message[1]] : sent[0..<2])
    }
    if kind & 0x80 != 0, (try? MessageView.survey(message)) != nil {
        var session = TSIGSession(signingWith: key)
        _ = session.sign(&message, now: 1_800_000_000)
    }
    actions = []
    negotiator.receive(message.span.bytes, from: router, now: .zero, epoch: 1_800_000_000, actions: &actions)
    negotiator.receiveEcho(message, from: router.address, now: .zero, actions: &actions)
    negotiator.advance(to: .seconds(10), epoch: 1_800_000_010, actions: &actions)
    let releases = actions.count {
        if case .release(1, _) = $0 { true } else { false }
    }
    precondition(releases == 1 && negotiator.holdCount == 0 && negotiator.negotiationCount == 0)
}

/// An answer as the server looks at it and changes it.
@Sendable func fuzzNTSAnswer(_ input: [UInt8]) {
    // Answers are our own: others' names may lie where a TTL is changed.
    guard let octets = (try? Message(parsing: input))?.encoded(),
        let layout = try? MessageView.survey(octets)
    else { return }
    var configuration = NTSConfiguration()
    configuration.targets.any = true
    let policy = TargetPolicy(configuration)
    let concerns = AnswerTargets.concern(policy, zoneIsMarked: true, in: octets.span.bytes, layout: layout)
    let found = AnswerTargets(in: octets.span.bytes, layout: layout)
    let covered = found?.targets.filter { policy.applies(to: $0.address, zoneIsMarked: true) } ?? []
    precondition(concerns || covered.isEmpty)
    var outcome = NegotiationOutcome()
    outcome.ttlCap = 30
    for target in found?.targets ?? [] {
        outcome.replacements.append(.init(address: target.address, replacement: gn))
        outcome.ports.append(
            .init(
                host: target.host, address: target.address, transport: 6, privatePort: 443, publicPort: 40_000
            ))
    }
    var changed = octets
    AnswerChange.apply(outcome, to: &changed, layout: layout)
    precondition(changed.count == octets.count && (try? MessageView.survey(changed)) != nil)
    guard let message = try? Message(parsing: changed) else { return }
    for record in message.answers {
        guard let carrying = AnswerChange.carrying(outcome.ports, record) else { continue }
        precondition(
            carrying.data.isWellFormed(as: record.type) || !record.data.isWellFormed(as: record.type))
    }
}

/// What a router learns hosts from: an update that passes, its own list, lease files.
@Sendable func fuzzNTSHosts(_ octets: [UInt8]) {
    var observer = UpdateObserver()
    let client = IPEndpoint(gn, port: 4000)
    observer.request(octets.span.bytes, client: client, server: router.address, now: .zero)
    if octets.count >= 12 {
        var answer = octets
        answer[2] |= 0x80
        answer[3] = 0
        if let registered = observer.response(
            answer.span.bytes, client: client, server: router.address, now: .zero)
        {
            var list = PrivateHostList()
            for (name, types) in registered.update.additions {
                _ = list.register(name, address: gn, source: .update, types: types, epoch: 1)
            }
            var copy = PrivateHostList()
            let (_, skipped) = copy.restore(list.text, epoch: 1)
            precondition(skipped == 0 && copy.all == list.all)
        }
        precondition(observer.waitingCount == 0 || ObservedUpdate(octets.span.bytes) != nil)
    }
    var list = PrivateHostList()
    list.restore(String(decoding: octets, as: UTF8.self), epoch: 1)
    for format in ClientMap.Format.allCases { _ = ClientMap.read(octets, format: format, now: 1) }
}

/// The router's permissions: each three octets are an event.
///
/// Whatever happens, everybody who asks gets one last word, nothing outlives its lifetime, and no bound is
/// passed.
@Sendable func fuzzNTSRouter(_ octets: [UInt8]) {
    var cache = RequestCache()
    cache.configuration.entries = 6
    cache.configuration.perGN = 2
    cache.configuration.prefixes = 1
    cache.configuration.publicPorts = 40_000...40_002
    cache.configuration.outside = [router.address]
    var hosts = PrivateHostList()
    for index in 0..<4 {
        let label = [UInt8(ascii: "a") + UInt8(index)]
        var entry = PrivateHostList.Entry(
            name: Name(trustedWire: [1] + label + [0]), ipv4: IPAddress(v4: 0xc0a8_010a + UInt32(index)),
            ipv6: IPAddress(high: 0x2001_0db8_0001_0001, low: UInt64(index) + 1), source: .local)
        if index == 2 { entry.policy.allow = [PortRange(transport: 6, ports: 80...80)] }
        if index == 3 { entry.policy.grantedPorts = [PortRange(transport: 6, ports: 443...444)] }
        hosts.set(entry)
    }
    var now = Duration.seconds(100)
    var waiting: Set<UInt64> = []
    var tickets: [UInt64] = []
    var next: UInt64 = 1
    var actions: [RouterAction] = []
    func asker(_ octet: UInt8) -> IPPrefix {
        switch octet & 7 {
        case 0, 1, 2: IPPrefix(IPAddress(v4: 0xc000_020a + UInt32(octet & 7)))
        case 3: IPPrefix(IPAddress(v4: 0xc000_0200), length: 24)
        case 4: IPPrefix(router.address)
        case 5: IPPrefix(IPAddress(high: 0x2001_0db8_0002_0000, low: 0), length: 64)
        default: IPPrefix(IPAddress(high: 0x2001_0db8_0002_0000, low: UInt64(octet & 7)))
        }
    }
    func settle() {
        for action in actions {
            switch action {
            case .apply(let ticket, _): tickets.append(ticket)
            case .reply(_, .pending): break
            case .reply(let requester, _):
                precondition(waiting.remove(requester) != nil, "two last words")
            default: break
            }
        }
        actions = []
        precondition(cache.count <= cache.configuration.entries)
    }
    var rest = octets[...]
    while rest.count >= 3 {
        let (event, first, second) = (rest.removeFirst(), rest.removeFirst(), rest.removeFirst())
        let label = [UInt8(ascii: "a") + second % 5]
        let name = Name(trustedWire: [1] + label + [0])
        switch event % 8 {
        case 0, 1, 2:
            waiting.insert(next)
            let request = GrantRequest(
                requester: next, server: gn, gn: asker(first), host: name, lifetime: UInt32(second >> 3))
            next += 1
            cache.notify(request, hosts: hosts, now: now, epoch: 1, actions: &actions)
        case 3:
            guard !tickets.isEmpty else { break }
            cache.applied(
                ticket: tickets.removeFirst(), succeeded: second & 7 != 0, now: now, actions: &actions)
        case 4:
            cache.used(
                gn: asker(first).address, host: hosts.lookup(name, epoch: 1)?.ipv6, transport: 6,
                port: 40_000 + UInt16(second & 3), now: now, actions: &actions)
        case 5:
            now += .milliseconds(Int(first) * 20)
            cache.advance(to: now, actions: &actions)
        case 6:
            cache.deny(
                .init(gn: second & 1 == 0 ? asker(first) : nil, host: name), now: now, actions: &actions)
        default:
            _ = cache.allow(.init(gn: second & 1 == 0 ? asker(first) : nil, host: name))
            cache.rulesChanged(hosts, now: now, epoch: 1, actions: &actions)
        }
        settle()
    }
    // The kernel is through with everything, and time passes.
    for _ in 0..<8 {
        let all = tickets
        tickets = []
        for ticket in all { cache.applied(ticket: ticket, succeeded: true, now: now, actions: &actions) }
        now += .seconds(400)
        cache.advance(to: now, actions: &actions)
        settle()
    }
    precondition(cache.count == 0 && cache.waitingCount == 0, "a permission outlives its time")
}
