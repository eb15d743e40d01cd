internal import DNSCore
internal import Transport

/// DNS over HTTPS for the whole server: a thread for TLS and HTTP, a listener for each way in, and a gateway to each
/// worker, who answers as over any transport.
final class HTTPSService {
    private let gateways: [HTTPSGateway]
    private var threads: HTTPSThreads?
    private var listeners: [Listeners.Way: HTTPSListener] = [:]

    /// - Throws: ``TransportError/tooManyListeners(limit:)``.
    init(_ workers: [Worker]) throws(TransportError) {
        var gateways: [HTTPSGateway] = []
        for worker in workers { gateways.append(try HTTPSGateway(on: worker.loop, handler: worker)) }
        self.gateways = gateways
    }

    /// Starts serving on `socket`; the thread starts with the first.
    ///
    /// - Throws: ``TransportError``.
    func add(
        _ way: Listeners.Way, _ socket: ListeningSocket, tls: TLSContext, limits section: LimitsSection
    ) throws(TransportError) {
        let threads = self.threads ?? HTTPSThreads(count: 1)
        self.threads = threads
        var limits = HTTPSLimits()
        limits.stream = StreamLimits(section, workers: 1)
        listeners[way] = unsafe try HTTPSListener(
            socket, tls: tls, gateways: gateways, threads: threads, limits: limits,
            freshness: { unsafe HTTPFreshness.seconds(RawSpan(_unsafeBytes: $0)) })
    }

    /// Shows another certificate to the connections of a way that come from now on.
    func replace(_ way: Listeners.Way, tls: TLSContext) { listeners[way]?.replace(tls: tls) }

    /// Takes over other limits, for connections that begin from now on.
    func adopt(_ section: LimitsSection) {
        for listener in listeners.values { listener.adopt(StreamLimits(section, workers: 1)) }
    }

    /// Stops serving on a way.
    func remove(_ way: Listeners.Way) { listeners.removeValue(forKey: way)?.close() }

    /// Ends all of it.
    ///
    /// Before the workers end.
    func close() {
        for listener in listeners.values { listener.close() }
        listeners = [:]
        threads?.close()
        threads = nil
    }

    /// The counters of all listeners together.
    var statistics: HTTPSStatistics {
        listeners.values.reduce(into: HTTPSStatistics()) { sum, listener in
            let part = listener.statistics
            sum.accepted &+= part.accepted
            sum.open += part.open
            sum.refusedFull &+= part.refusedFull
            sum.refusedClient &+= part.refusedClient
            sum.handshakeFailures &+= part.handshakeFailures
            sum.timedOut &+= part.timedOut
            sum.queries &+= part.queries
            sum.dropped &+= part.dropped
            sum.badRequests &+= part.badRequests
        }
    }
}

/// How long an HTTP cache may keep a response (RFC 8484 5.1).
enum HTTPFreshness {
    /// The smallest TTL of the answer; of a negative one that of its SOA record, or the SOA's minimum if that is less;
    /// nil: not to be kept.
    static func seconds(_ message: borrowing RawSpan) -> Int? {
        guard let flags = message.uint16(at: 2), let questions = message.uint16(at: 4),
            let answers = message.uint16(at: 6), let authorities = message.uint16(at: 8)
        else { return nil }
        let code = flags & 0xf
        guard code == 0 || code == ResponseCode.nameError.rawValue,
            flags & HeaderFlags.truncated.rawValue == 0
        else { return nil }
        var position = 12
        for _ in 0..<questions {
            guard let end = try? MessageView.skipName(message, at: position) else { return nil }
            position = end + 4
        }
        var shortest: UInt32?
        for index in 0..<(Int(answers) + Int(authorities)) {
            guard let end = try? MessageView.skipName(message, at: position),
                let type = message.uint16(at: end), let ttl = message.uint32(at: end + 4),
                let length = message.uint16(at: end + 8)
            else { return nil }
            position = end + 10 + Int(length)
            if index < Int(answers) {
                shortest = min(shortest ?? .max, ttl)
            } else if answers == 0, type == RRType.soa.rawValue,
                let minimum = message.uint32(at: position - 4)
            {
                shortest = min(shortest ?? .max, ttl, minimum)
            }
        }
        return shortest.map { Int($0) }
    }
}
