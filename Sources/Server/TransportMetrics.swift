internal import Operations
internal import Transport

/// The figures of sockets and connections, summed over workers.
struct TransportMetrics: Sendable {
    private var streams: [StreamStatistics] = []
    private var datagrams: [UDPStatistics] = []
    private var upstream: [UpstreamStatistics] = []
    private var upstreamStreams: [UpstreamStreamStatistics] = []
    private let https: HTTPSStatistics?

    /// Asks every worker; one that does not answer in time is left out.
    init(_ server: Server) {
        https = server.httpsStatistics
        for (worker, listeners) in zip(server.core.workers, server.listenersByWorker) {
            let part = worker.ask { worker in
                (listeners.streamStatistics, listeners.datagramStatistics, worker.upstream?.statistics)
            }
            guard let (streams, datagrams, upstream) = part else { continue }
            self.streams += streams
            self.datagrams += datagrams
            if let datagrams = upstream?.datagrams { self.upstream.append(datagrams) }
            upstreamStreams += upstream?.streams ?? []
        }
    }

    private func sum<Part>(_ parts: [Part], _ field: KeyPath<Part, UInt64>) -> UInt64 {
        parts.reduce(0) { $0 &+ $1[keyPath: field] }
    }

    /// Puts the figures into a collection.
    func collect(_ collection: inout MetricsCollection) {
        collection.gauge(
            "torii_stream_connections", "Connections of clients over TCP and TLS.",
            Double(streams.reduce(0) { $0 + $1.open }))
        let ofStreams: [(String, String, KeyPath<StreamStatistics, UInt64>)] = [
            ("accepted", "Connections accepted.", \.accepted),
            ("limit_clients", "Connections refused at limits.tcp-clients.", \.refusedFull),
            (
                "limit_clients_per_prefix", "Connections refused at limits.tcp-clients-per-prefix.",
                \.refusedClient
            ),
            ("evicted", "Idle connections closed to make room.", \.evicted),
            ("limit_idle_timeout", "Connections closed at limits.tcp-idle-timeout.", \.idle),
            ("limit_read_timeout", "Connections closed at limits.tcp-read-timeout.", \.slow),
            (
                "limit_write_timeout", "Connections closed at limits.tcp-write-timeout or tcp-buffer.",
                \.stalled
            ),
            (
                "accept_failures", "Times accepting rested for want of descriptors or memory.",
                \.acceptFailures
            ),
            ("handshakes", "TLS handshakes finished.", \.handshakes),
            ("bad_tls", "Connections closed for what is no TLS, or none that we speak.", \.badTLS),
            ("bad_proxy", "Connections closed for a PROXY header that is missing or broken.", \.badProxy),
            ("orphaned", "Responses whose connection was gone.", \.orphaned),
            ("limit_pipeline", "Times reading paused at limits.tcp-pipeline.", \.pausedInFlight),
        ]
        for (name, help, field) in ofStreams {
            collection.counter("torii_stream_\(name)_total", help, sum(streams, field))
        }
        collection.counter(
            "torii_udp_unsent_total", "Responses that the kernel did not take.", sum(datagrams, \.dropped))
        collection.counter(
            "torii_udp_bad_proxy_total", "Datagrams without the PROXY header that their sender must write.",
            sum(datagrams, \.badProxy))
        collection.counter(
            "torii_upstream_exhausted_total", "Questions that found no place at limits.outstanding-queries.",
            sum(upstream, \.exhausted))
        collection.counter(
            "torii_upstream_strangers_total", "Datagrams from others than the server that was asked.",
            sum(upstream, \.strangers))
        collection.counter(
            "torii_upstream_stream_exhausted_total", "Questions over TCP or TLS that found no connection.",
            sum(upstreamStreams, \.exhausted))
        collection.counter(
            "torii_upstream_connections_total", "Connections to other servers.",
            sum(upstreamStreams, \.connected))
        guard let https else { return }
        collection.gauge("torii_https_connections", "Connections over HTTPS.", Double(https.open))
        let ofHTTPS: [(String, String, UInt64)] = [
            ("accepted", "Connections accepted.", https.accepted),
            ("limit_clients", "Connections refused at limits.tcp-clients.", https.refusedFull),
            (
                "limit_clients_per_prefix", "Connections refused at limits.tcp-clients-per-prefix.",
                https.refusedClient
            ),
            ("handshake_failures", "Handshakes that failed or took too long.", https.handshakeFailures),
            ("timed_out", "Connections closed for being idle, slow or not reading.", https.timedOut),
            ("queries", "Messages handed to workers.", https.queries),
            ("dropped", "Messages that no worker could take.", https.dropped),
            ("bad_requests", "Requests without a DNS message.", https.badRequests),
        ]
        for (name, help, value) in ofHTTPS { collection.counter("torii_https_\(name)_total", help, value) }
    }
}
