internal import DNSCore
internal import Operations
internal import Resolver
internal import Transport

/// Carries the resolver's questions to other servers and what comes back to the resolver.
final class UpstreamDriver: UpstreamHandler {
    private unowned let worker: Worker
    private var sockets: UpstreamSockets?
    private var streams: UpstreamStreams?
    /// Connections over TLS, by what is demanded of servers: as many as the configuration names.
    private var secure: [UpstreamTLS: UpstreamStreams] = [:]
    private let sources: [SocketAddress]
    /// Questions that are under way in datagrams, and those over streams.
    private var datagrams: [UInt64: UpstreamToken] = [:]
    private var others: [UInt64: (UpstreamToken, UpstreamTransport, UpstreamTLS?)] = [:]
    /// Questions that could not even be sent; told to the resolver after it has finished speaking.
    private var unsent: [UpstreamID] = []

    init(worker: Worker, limits: UpstreamLimits, sources: [SocketAddress]) {
        self.worker = worker
        self.sources = sources
        let random = RandomPool()
        sockets = UpstreamSockets(
            on: worker.loop, handler: self, limits: limits, sources: sources, random: random)
        streams = UpstreamStreams(on: worker.loop, handler: self, sources: sources)
    }

    /// Sends a question.
    func send(_ query: UpstreamQuery) {
        let server = SocketAddress(query.server)
        let token = unsafe query.octets.withUnsafeBytes { octets -> UpstreamToken? in
            switch query.transport {
            case .udp:
                unsafe sockets?.send(octets, to: server, timeout: query.timeout, tag: query.id.rawValue)
            case .tcp:
                unsafe streams?.send(octets, to: server, timeout: query.timeout, tag: query.id.rawValue)
            // Never in plain text instead of TLS.
            case .tls:
                unsafe connections(query.tls)?.send(
                    octets, to: server, timeout: query.timeout, tag: query.id.rawValue)
            }
        }
        if let token, query.transport == .udp {
            datagrams[query.id.rawValue] = token
        } else if let token {
            others[query.id.rawValue] = (token, query.transport, query.tls)
        } else {
            unsent.append(query.id)
        }
    }

    /// Forgets a question.
    func cancel(_ id: UpstreamID) {
        if let token = datagrams.removeValue(forKey: id.rawValue) {
            sockets?.cancel(token)
        } else if let (token, transport, tls) = others.removeValue(forKey: id.rawValue) {
            (transport == .tls ? connections(tls) : streams)?.cancel(token)
        }
    }

    /// The connections to servers of which `tls` is demanded; made when they are first needed.
    private func connections(_ tls: UpstreamTLS?) -> UpstreamStreams? {
        guard let tls else { return nil }
        if let made = secure[tls] { return made }
        // A certificate has no final dot.
        let name = tls.name.map { String("\($0)".dropLast()) }
        do throws(TransportError) {
            let context = try TLSClientContext(
                name: name, authorities: tls.authorities, verifies: tls.verifies)
            var limits = UpstreamStreamLimits()
            limits.idleTimeout = .seconds(20)
            let made = UpstreamStreams(
                on: worker.loop, handler: self, limits: limits, sources: sources, tls: context)
            secure[tls] = made
            return made
        } catch {
            Logs.resolver.limited(.error, "tls", "cannot ask over TLS: \(error)")
            return nil
        }
    }

    /// The questions that could not be sent since the last call.
    func takeUnsent() -> [UpstreamID] {
        defer { unsent.removeAll(keepingCapacity: true) }
        return unsent
    }

    /// Ends everything.
    func close() {
        sockets?.close()
        streams?.close()
        for streams in secure.values { streams.close() }
    }

    /// ENETUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT: what a machine without addresses of the family says.
    private static func isRouteless(_ errno: Int32) -> Bool { [101, 99, 97].contains(errno) }

    /// What the sockets have counted.
    var statistics: (datagrams: UpstreamStatistics?, streams: [UpstreamStreamStatistics]) {
        (sockets?.statistics, ([streams].compactMap { $0 } + secure.values).map(\.statistics))
    }

    /// Questions under way.
    var outstanding: Int { datagrams.count + others.count }

    func received(
        _ message: UnsafeRawBufferPointer, from server: SocketAddress, for token: UpstreamToken, tag: UInt64
    )
        -> UpstreamVerdict
    {
        worker.readClocks(worker.loop.now)
        let worker = worker
        if let resolver = worker.resolver(thatSent: tag) {
            unsafe resolver.receive(
                upstream: UpstreamID(rawValue: tag), octets: RawSpan(_unsafeBytes: message),
                from: IPEndpoint(IPAddress(server), port: server.port), at: worker.moment)
        }
        worker.requestPump()
        return .wait  // the resolver cancels what it is done with
    }

    func failed(_ failure: TransportFailure, for token: UpstreamToken, tag: UInt64) {
        if datagrams.removeValue(forKey: tag) == nil { others.removeValue(forKey: tag) }
        worker.readClocks(worker.loop.now)
        let reason: ResolverFailure
        switch failure {
        case .timedOut: reason = .timeout
        case .unreachable(let errno): reason = UpstreamDriver.isRouteless(errno) ? .noRoute : .unreachable
        case .closed, .garbled: reason = .refused
        }
        worker.resolver(thatSent: tag)?.failed(
            upstream: UpstreamID(rawValue: tag), reason: reason, at: worker.moment)
        worker.requestPump()
    }
}
