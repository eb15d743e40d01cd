internal import Transport

/// The listeners of one worker, by way.
///
/// `Sendable` only so that closures posted to the worker's loop can carry it.
final class WorkerListeners: @unchecked Sendable {
    private var datagrams: [Listeners.Way: UDPListener] = [:]
    private var streams: [Listeners.Way: StreamListener] = [:]

    /// Starts listening on `socket`.
    ///
    /// - Throws: ``TransportError``.
    func add(
        _ socket: ListeningSocket, _ way: Listeners.Way, worker: Worker, limits: StreamLimits,
        proxies: ProxyTrust?,
        tls: TLSContext?
    ) throws(TransportError) {
        switch way.transport {
        case .udp:
            datagrams[way] = try UDPListener(socket, on: worker.loop, handler: worker, proxies: proxies)
        case .https: break  // the server's, not a worker's
        case .tcp, .tls:
            streams[way] = try StreamListener(
                socket, on: worker.loop, handler: worker, limits: limits, proxies: proxies, tls: tls)
        }
    }

    /// Shows another certificate to the connections of a way that come from now on.
    func replace(_ way: Listeners.Way, tls: TLSContext) {
        streams[way]?.replace(tls: tls)
    }

    /// Takes over other limits and front ends on all ways.
    func adopt(_ limits: StreamLimits, proxies: [Listeners.Way: ProxyTrust]) {
        for (way, listener) in datagrams { listener.adopt(proxies: proxies[way]) }
        for (way, listener) in streams { listener.adopt(limits: limits, proxies: proxies[way]) }
    }

    /// Stops listening on a way: what is in the socket's queue is answered first.
    func remove(_ way: Listeners.Way) {
        datagrams.removeValue(forKey: way)?.close()
        streams.removeValue(forKey: way)?.close()
    }

    /// What the stream listeners have counted.
    var streamStatistics: [StreamStatistics] { streams.values.map(\.statistics) }
    /// What the datagram listeners have counted.
    var datagramStatistics: [UDPStatistics] { datagrams.values.map(\.statistics) }
}
