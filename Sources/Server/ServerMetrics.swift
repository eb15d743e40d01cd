internal import Authority
internal import DNSCore
internal import NTS
internal import Operations
internal import Resolver
internal import Transport

/// The server's figures for Prometheus and `toriictl stats`.
enum ServerMetrics {
    /// Starts the HTTP listener of the `metrics` section; nil when there is none.
    ///
    /// - Throws: ``ServerError/cannotListen(address:reason:)``.
    static func listen(
        _ server: Server, _ section: ServerMetricsSection?
    ) throws(ServerError) -> MetricsListener? {
        guard let section else { return nil }
        guard let address = SocketAddress(section.listen.host, port: UInt16(clamping: section.listen.port))
        else {
            throw .cannotListen(address: "\(section.listen)", reason: "not an address")
        }
        let registry = registry(server)
        for dialect in section.compat {
            registry.register { collection in MetricsDialect.translate(&collection, into: dialect) }
        }
        do throws(TransportError) {
            return try MetricsListener(address) { registry.renderPrometheus() }
        } catch {
            throw .cannotListen(address: "\(section.listen) (metrics)", reason: "\(error)")
        }
    }

    /// All figures.
    static func registry(_ server: Server) -> MetricsRegistry {
        let registry = MetricsRegistry(version: ProgramVersion.current)
        let core = server.core
        registry.register { collection in
            collect(core, &collection)
            collection.gauge(
                "torii_start_time_seconds", "When the server started, in seconds since 1970.",
                Double(server.startTime))
            collection.counter("torii_reloads_total", "Reloads taken over.", UInt64(server.reloadCount))
            collection.counter(
                "torii_reloads_failed_total", "Reloads refused.", UInt64(server.failedReloadCount))
            collection.counter(
                "torii_control_limit_clients_total", "Clients refused at limits.control-clients.",
                UInt64(server.control?.clientsRefused ?? 0))
            TransportMetrics(server).collect(&collection)
            collectResolver(core, &collection)
            collectNTS(core, &collection)
            collectZones(core, &collection)
            if let done = core.zones.committer?.counters { collect(done, &collection) }
        }
        return registry
    }

    private static func collectZones(_ core: ServerCore, _ collection: inout MetricsCollection) {
        var samples: [MetricFamily.Sample] = []
        func add(_ name: String, _ counters: ZoneCounters) {
            for counter in ZoneCounters.Counter.allCases {
                let value = counters.value(counter)
                guard value > 0 else { continue }
                samples.append(
                    MetricFamily.Sample(
                        labels: [.init("zone", name), .init("outcome", counter.label)], value: .integer(value)
                    ))
            }
        }
        for slot in core.zones.slots.all where slot.counters !== core.zones.otherCounters {
            add("\(slot.name)", slot.counters)
        }
        add("other", core.zones.otherCounters)
        collection.add(
            MetricFamily(
                name: "torii_zone_requests_total",
                help:
                    "Messages for a zone of ours by what they came to; zones over limits.zone-counters as other.",
                kind: .counter, samples: samples))
        if let desk = core.transferDesk {
            for counter in TransferCounters.Counter.allCases {
                collection.counter(counter.figure.name, counter.figure.help, desk.counters.value(counter))
            }
        }
        let bounds = ServerCounters.latencyBounds
        collection.histogram(
            "torii_dns_request_duration_seconds",
            "Time from query to response of those that had to wait: for other servers, routers, the disk.",
            bounds: bounds.map { Double($0) / 1_000_000 },
            counts: (0...bounds.count).map { slot in
                core.workers.reduce(0) { $0 &+ $1.counters.value(latencySlot: slot) }
            }, sum: Double(core.workers.reduce(0) { $0 &+ $1.counters.latencySum }) / 1_000_000)
    }

    private static func collectResolver(_ core: ServerCore, _ collection: inout MetricsCollection) {
        guard let cache = core.cache else { return }
        let figures = cache.statistics
        collection.gauge("torii_cache_entries", "Entries in the cache.", Double(figures.entries))
        collection.gauge("torii_cache_bytes", "Octets that entries take.", Double(figures.octets))
        collection.gauge(
            "torii_cache_capacity_bytes", "Octets that entries may take.", Double(figures.capacity))
        collection.counter(
            "torii_cache_evictions_total", "Entries that made room for others.", figures.evictions)
        collection.gauge(
            "torii_prepared_keys", "Public keys that were prepared because they verify often.",
            Double(figures.preparedKeys))
        let parts = core.workers.compactMap { worker in worker.ask { $0.resolvers.map(\.metrics) } }.joined()
        for figure in ResolverMetrics.figures {
            collection.counter(
                "torii_resolver_\(figure.name)_total", figure.help,
                parts.reduce(0) { $0 &+ $1[keyPath: figure.value] })
        }
    }

    private static func collectNTS(_ core: ServerCore, _ collection: inout MetricsCollection) {
        guard let first = core.workers.first,
            let (metrics, holds) = first.ask({ worker in worker.ntsDesk.map { ($0.metrics, $0.holdCount) } })
                ?? nil
        else { return }
        collection.gauge("torii_nts_holds_pending", "Replies held now.", Double(holds))
        let memory = core.targetMemory
        collection.gauge(
            "torii_nts_known_routers", "Targets remembered as NTS routers.", Double(memory.knownCount))
        collection.gauge(
            "torii_nts_registered_routers", "Routers that have announced themselves.",
            Double(memory.registrationCount))
        collection.gauge(
            "torii_nts_silent_targets", "Targets remembered as no NTS routers.", Double(memory.negativeCount))
        for (name, help, value) in metrics.named {
            collection.counter("torii_nts_\(name)_total", help, value)
        }
        collection.histogram(
            "torii_nts_hold_seconds", "How long replies were held.",
            bounds: NTSMetrics.holdTimeBounds.map { Double($0) / 1_000_000 }, counts: metrics.holdTimes,
            sum: Double(metrics.holdTimeSum) / 1_000_000)
    }

    private static func collect(_ done: ZoneCommitter.Counters, _ collection: inout MetricsCollection) {
        let figures: [(String, String, Int)] = [
            ("torii_update_applied_total", "Updates that changed a zone.", done.applied),
            ("torii_update_unchanged_total", "Updates that changed nothing.", done.unchanged),
            ("torii_update_rejected_total", "Updates that ended with an error of the client.", done.rejected),
            ("torii_update_failed_total", "Updates that ended with SERVFAIL.", done.failed),
            (
                "torii_update_over_limit_total", "Updates that would have made a set too large.",
                done.overLimit
            ),
            ("torii_update_overflowed_total", "Updates that found the queue full.", done.overflowed),
            ("torii_update_commits_total", "Journal transactions written.", done.commits),
        ]
        for (name, help, value) in figures { collection.counter(name, help, UInt64(clamping: value)) }
    }

    private static func collect(_ core: ServerCore, _ collection: inout MetricsCollection) {
        let slots = 0...ServerCounters.latencyBounds.count
        collection.histogram(
            "torii_dns_deferred_seconds", "How long queries waited that could not be answered at once.",
            bounds: ServerCounters.latencyBounds.map { Double($0) / 1_000_000 },
            counts: slots.map { slot in
                core.workers.reduce(0) { $0 &+ $1.counters.value(latencySlot: slot) }
            }, sum: Double(core.workers.reduce(0) { $0 &+ $1.counters.latencySum }) / 1_000_000)
        for (counter, name, help) in names {
            collection.counter(name, help, core.sum(counter))
        }
        collection.counter(
            "torii_memory_short_total", "Updates, transfers and zone files for which there was no memory.",
            MemoryBudget.shortageCount)
        collection.counter(
            "torii_update_copies_total", "Copies of signed updates from another source, refused.",
            core.updateReplays.copyCount)
        collection.counter(
            "torii_update_repetitions_total", "Signed updates that a client sent again.",
            core.updateReplays.repetitionCount)
        var types: [MetricFamily.Sample] = []
        for slot in 0..<ServerCounters.typeSlots {
            let total = core.workers.reduce(0) { $0 &+ $1.counters.value(typeSlot: slot) }
            guard total > 0 else { continue }
            let label =
                slot < 256 ? RRType(rawValue: UInt16(slot)).description : slot == 257 ? "CAA" : "other"
            types.append(
                MetricFamily.Sample(labels: [MetricFamily.Label("type", label)], value: .integer(total)))
        }
        collection.add(
            MetricFamily(
                name: "torii_dns_requests_by_type_total", help: "Questions by type.", kind: .counter,
                samples: types))
        var codes: [MetricFamily.Sample] = []
        for slot in 0..<ServerCounters.codeSlots {
            let total = core.workers.reduce(0) { $0 &+ $1.counters.value(codeSlot: slot) }
            guard total > 0 else { continue }
            let label = ResponseCode(rawValue: UInt16(slot)).description
            codes.append(
                MetricFamily.Sample(labels: [MetricFamily.Label("rcode", label)], value: .integer(total)))
        }
        collection.add(
            MetricFamily(
                name: "torii_dns_responses_total", help: "Responses by code.", kind: .counter, samples: codes)
        )
    }

    /// Names and meanings of the plain counters.
    private static let names: [(ServerCounters.Counter, String, String)] = [
        (.queries, "torii_dns_requests_total", "Messages received."),
        (.queriesUDP, "torii_dns_requests_udp_total", "Messages received over UDP."),
        (.queriesTCP, "torii_dns_requests_tcp_total", "Messages received over TCP."),
        (.queriesTLS, "torii_dns_requests_tls_total", "Messages received over TLS."),
        (.queriesHTTPS, "torii_dns_requests_https_total", "Messages received over HTTPS."),
        (.queriesIPv6, "torii_dns_requests_ipv6_total", "Messages received over IPv6."),
        (.queriesEDNS, "torii_dns_requests_edns_total", "Messages with EDNS."),
        (.queriesTSIG, "torii_dns_requests_tsig_total", "Messages with TSIG."),
        (.updates, "torii_dns_updates_total", "UPDATE messages."),
        (.notifies, "torii_dns_notifies_total", "NOTIFY messages."),
        (.transfers, "torii_dns_transfers_total", "AXFR and IXFR requests."),
        (.answersAuthoritative, "torii_dns_answers_authoritative_total", "Answers from our zones."),
        (.answersCached, "torii_cache_hits_total", "Answers from the cache."),
        (
            .answersRecursive, "torii_dns_answers_recursive_total",
            "Answers that other servers were asked for."
        ),
        (.answersTruncated, "torii_dns_answers_truncated_total", "Answers with TC."),
        (.dropped, "torii_dns_dropped_total", "Messages without a response."),
        (.droppedRate, "torii_dns_dropped_rate_limit_total", "Responses dropped by the rate limit."),
        (.slipped, "torii_dns_slipped_total", "Responses replaced by TC by the rate limit."),
        (
            .droppedReflection, "torii_dns_dropped_reflection_total",
            "Messages from ports that would answer back."
        ),
        (.droppedAccess, "torii_dns_dropped_access_total", "Messages dropped by access lists."),
        (.refusedAccess, "torii_dns_refused_access_total", "Messages refused by access lists."),
        (.pendingFull, "torii_dns_pending_full_total", "Queries refused because too many wait."),
        (
            .pendingClientFull, "torii_dns_pending_client_full_total",
            "Queries refused because too many of their client wait."
        ),
        (
            .discardedLate, "torii_dns_discarded_late_total",
            "Answers that came too late for a client with many waiting queries."
        ),
        (.limitEDNSOptions, "torii_dns_edns_options_total", "Queries refused for too many EDNS options."),
        (.badCookies, "torii_dns_cookies_demanded_total", "Queries that were told to come with a cookie."),
        (
            .answersPolicy, "torii_rpz_answers_total",
            "Answers that a policy zone has made, cached ones included."
        ),
        (
            .pendingLost, "torii_dns_pending_lost_total",
            "Queries given up because what they waited for never came."
        ),
        (.holds, "torii_nts_holds_total", "Replies held for routers."),
        (.holdsJoined, "torii_nts_holds_joined_total", "Replies that waited for a negotiation under way."),
        (.holdsReleased, "torii_nts_holds_released_total", "Held replies released."),
        (.holdsOverLimit, "torii_nts_holds_over_limit_total", "Replies released unheld because of a bound."),
        (
            .holdsSilent, "torii_nts_silent_targets_total",
            "Answers not held because all their targets are remembered as no NTS routers."
        ),
        (
            .holdsUnknownClient, "torii_nts_withheld_clients_total",
            "Answers not held because the forwarder's client does not say who it is."
        ),
    ]
}
