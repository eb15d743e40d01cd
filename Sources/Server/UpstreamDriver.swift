internal import DNSCore
internal import Resolver
internal import Transport

/// Carries the resolver's questions to other servers and what comes back to the resolver.
final class UpstreamDriver: UpstreamHandler {
    private unowned let worker: Worker
    private var sockets: UpstreamSockets?
    private var streams: UpstreamStreams?
    private var tokens: [UInt64: (UpstreamToken, UpstreamTransport)] = [:]
    /// Questions that could not even be sent; told to the resolver after it has finished speaking.
    private var unsent: [UpstreamID] = []

    init(worker: Worker, limits: UpstreamLimits, sources: [SocketAddress]) {
        self.worker = worker
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
            case .tls: nil
            }
        }
        if let token {
            tokens[query.id.rawValue] = (token, query.transport)
        } else {
            unsent.append(query.id)
        }
    }

    /// Forgets a question.
    func cancel(_ id: UpstreamID) {
        guard let (token, transport) = tokens.removeValue(forKey: id.rawValue) else { return }
        if transport == .udp { sockets?.cancel(token) } else { streams?.cancel(token) }
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
    }

    /// ENETUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT: what a machine without addresses of the family says.
    private static func isRouteless(_ errno: Int32) -> Bool { [101, 99, 97].contains(errno) }

    /// Questions under way.
    var outstanding: Int { tokens.count }

    func received(
        _ message: UnsafeRawBufferPointer, from server: SocketAddress, for token: UpstreamToken, tag: UInt64
    )
        -> UpstreamVerdict
    {
        worker.readClocks(worker.loop.now)
        worker.withResolvers { resolver in
            unsafe resolver.receive(
                upstream: UpstreamID(rawValue: tag), octets: RawSpan(_unsafeBytes: message),
                from: IPEndpoint(IPAddress(server), port: server.port), at: worker.moment)
        }
        return .wait  // the resolver cancels what it is done with
    }

    func failed(_ failure: TransportFailure, for token: UpstreamToken, tag: UInt64) {
        tokens.removeValue(forKey: tag)
        worker.readClocks(worker.loop.now)
        let reason: ResolverFailure
        switch failure {
        case .timedOut: reason = .timeout
        case .unreachable(let errno): reason = UpstreamDriver.isRouteless(errno) ? .noRoute : .unreachable
        case .closed, .garbled: reason = .refused
        }
        worker.withResolvers {
            $0.failed(upstream: UpstreamID(rawValue: tag), reason: reason, at: worker.moment)
        }
    }
}
