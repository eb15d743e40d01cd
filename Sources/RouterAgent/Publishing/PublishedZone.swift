internal import DNSCore
internal import DNSSecurity

/// The addresses of one host in the DNS; a family that is nil has none.
struct PublishedAddresses: Hashable {
    var ipv4: IPAddress?
    var ipv6: IPAddress?
}

/// What one zone's server has been told about our hosts, and what it must still be told.
///
/// One signed UPDATE (RFC 2136, RFC 8945) is under way at a time; it replaces the address records of some hosts in one
/// step. What is not confirmed is sent again, after 1, 2, 4 ... 300 seconds, for as long as it takes. No I/O, no clock.
struct PublishedZone {
    /// Hosts of one message.
    static let hostsPerMessage = 16
    static let patience = Duration.seconds(2)
    static let longestPause = Duration.seconds(300)

    /// Where and how.
    struct Target {
        var zone: Name
        var server: IPEndpoint
        var key: TSIGKey
        /// Seconds.
        var ttl: UInt32
        var hasIPv4: Bool
        var hasIPv6: Bool
    }

    /// An update that was sent.
    private struct Sent {
        var id: UInt16
        var verifier: TSIGResponseVerifier
        var hosts: [Name: PublishedAddresses]
        var due: Duration
    }

    /// What an answer, or none, meant.
    enum Outcome: Equatable {
        case published([Name])
        case failed(String)
    }

    let target: Target
    private(set) var wanted: [Name: PublishedAddresses] = [:]
    private(set) var published: [Name: PublishedAddresses] = [:]
    private var sent: Sent?
    private(set) var failures = 0
    private(set) var lastError = ""
    private(set) var nextTry = Duration.zero

    init(_ target: Target) { self.target = target }

    /// Whether the server knows all.
    var isCurrent: Bool { wanted == published }

    /// When ``request(now:epoch:)`` or ``expire(now:)`` has something to do; nil while nothing has to be sent.
    var nextDeadline: Duration? { sent?.due ?? (isCurrent ? nil : nextTry) }

    /// What the server shall know from now on.
    ///
    /// A change does not wait for the end of a pause.
    mutating func want(_ addresses: [Name: PublishedAddresses], now: Duration) {
        guard addresses != wanted else { return }
        wanted = addresses
        // A host that is no longer ours to publish keeps its records: somebody else may have written them since.
        published = published.filter { addresses[$0.key] != nil }
        nextTry = now
        failures = 0
    }

    /// The next update; nil when there is nothing to say, or its time has not come.
    mutating func request(now: Duration, epoch: UInt64) -> [UInt8]? {
        guard sent == nil, nextTry <= now else { return nil }
        let open = wanted.filter { published[$0.key] != $0.value }.sorted { $0.key < $1.key }
        guard !open.isEmpty else { return nil }
        let hosts = Dictionary(
            uniqueKeysWithValues: open.prefix(Self.hostsPerMessage).map { ($0.key, $0.value) })
        let message = Message(
            id: .random(in: .min ... .max),
            flags: HeaderFlags().with(opcode: .update, responseCode: .noError),
            questions: [Question(name: target.zone, type: .soa)],
            authorities: hosts.sorted { $0.key < $1.key }.flatMap { records($0.key, $0.value) })
        var session = TSIGSession(signingWith: target.key)
        var octets = message.encoded()
        guard session.sign(&octets, now: epoch), let verifier = TSIGResponseVerifier(request: session) else {
            return nil
        }
        sent = Sent(id: message.id, verifier: verifier, hosts: hosts, due: now + Self.patience)
        return octets
    }

    /// Replaces the address records of a host, in the families that we publish.
    private func records(_ name: Name, _ addresses: PublishedAddresses) -> [ResourceRecord] {
        var result: [ResourceRecord] = []
        for (type, address, isOurs) in [
            (RRType.a, addresses.ipv4, target.hasIPv4), (.aaaa, addresses.ipv6, target.hasIPv6),
        ] where isOurs {
            result.append(
                ResourceRecord(owner: name, type: type, recordClass: .any, ttl: 0, data: RecordData([])))
            if let address {
                result.append(
                    ResourceRecord(owner: name, type: type, ttl: target.ttl, data: RecordData(address.octets))
                )
            }
        }
        return result
    }

    /// A datagram from the server; nil when it is not the answer that is awaited.
    mutating func receive(
        _ octets: borrowing RawSpan, layout: MessageLayout, now: Duration, epoch: UInt64
    ) -> Outcome? {
        guard var current = sent, layout.id == current.id, layout.flags.contains(.response) else {
            return nil
        }
        switch current.verifier.verify(octets, layout: layout, now: epoch) {
        case .verified:
            sent = nil
            guard layout.flags.responseCode == .noError else {
                return fail("the server says \(layout.flags.responseCode)", now)
            }
            for (name, addresses) in current.hosts where wanted[name] != nil { published[name] = addresses }
            failures = 0
            lastError = ""
            nextTry = now
            return .published(current.hosts.keys.sorted())
        case .refused(let error, _, _):
            sent = nil
            return fail("the server does not take our signature: \(error)", now)
        // Anybody may have sent it: the server's own answer may still come.
        case .pending, .invalid: return nil
        }
    }

    /// Gives up waiting for an answer.
    mutating func expire(now: Duration) -> Outcome? {
        guard let current = sent, current.due <= now else { return nil }
        sent = nil
        return fail("no answer", now)
    }

    /// The server's host says that nobody listens.
    mutating func unreachable(now: Duration) -> Outcome? {
        guard sent != nil else { return nil }
        sent = nil
        return fail("the server is not reachable", now)
    }

    private mutating func fail(_ reason: String, _ now: Duration) -> Outcome {
        failures += 1
        lastError = reason
        nextTry = now + min(.seconds(1 << min(failures - 1, 9)), Self.longestPause)
        return .failed(reason)
    }
}
