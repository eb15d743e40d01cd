internal import Operations

/// The names that dashboards for other servers ask for.
enum MetricsDialect {
    /// Ours, theirs, and their labels.
    private static let unbound: [(ours: String, theirs: String)] = [
        ("torii_dns_requests_total", "unbound_queries_total"),
        ("torii_cache_hits_total", "unbound_cache_hits_total"),
        ("torii_dns_answers_recursive_total", "unbound_cache_misses_total"),
        ("torii_dns_answers_recursive_total", "unbound_recursive_replies_total"),
        ("torii_resolver_prefetches_total", "unbound_prefetches_total"),
        ("torii_resolver_stale_answers_total", "unbound_expired_total"),
        ("torii_resolver_secure_total", "unbound_answers_secure_total"),
        ("torii_resolver_bogus_total", "unbound_answers_bogus"),
        ("torii_cache_bytes", "unbound_memory_caches_bytes"),
        ("torii_resolver_wrong_responses_total", "unbound_unwanted_replies_total"),
        ("torii_dns_requests_tcp_total", "unbound_query_tcp_total"),
        ("torii_dns_requests_tls_total", "unbound_query_tls_total"),
        ("torii_dns_requests_https_total", "unbound_query_https_total"),
        ("torii_dns_requests_ipv6_total", "unbound_query_ipv6_total"),
        ("torii_dns_requests_edns_total", "unbound_query_edns_present_total"),
        ("torii_dns_pending_full_total", "unbound_request_list_exceeded_total"),
        ("torii_dns_responses_total", "unbound_answer_rcodes_total"),
        ("torii_dns_requests_by_type_total", "unbound_query_types_total"),
        ("torii_dns_deferred_seconds", "unbound_response_time_seconds"),
    ]
    private static let coredns: [(ours: String, theirs: String)] = [
        ("torii_dns_requests_by_type_total", "coredns_dns_requests_total"),
        ("torii_dns_responses_total", "coredns_dns_responses_total"),
        ("torii_dns_deferred_seconds", "coredns_dns_request_duration_seconds"),
        ("torii_cache_hits_total", "coredns_cache_hits_total"),
        ("torii_dns_answers_recursive_total", "coredns_cache_misses_total"),
        ("torii_cache_entries", "coredns_cache_entries"),
        ("torii_cache_evictions_total", "coredns_cache_evictions_total"),
        ("torii_resolver_prefetches_total", "coredns_cache_prefetch_total"),
        ("torii_resolver_stale_answers_total", "coredns_cache_served_stale_total"),
        ("torii_reloads_failed_total", "coredns_reload_failed_total"),
        ("torii_build_info", "coredns_build_info"),
    ]

    /// Shows figures that are in the collection already once more, under the names of `dialect`.
    static func translate(_ collection: inout MetricsCollection, into dialect: MetricsDialectOption) {
        let table =
            switch dialect {
            case .unbound: unbound
            case .coredns: coredns
            }
        let families = collection.families
        for (ours, theirs) in table {
            guard let family = families.first(where: { $0.name == ours }) else { continue }
            collection.add(
                MetricFamily(name: theirs, help: family.help, kind: family.kind, samples: family.samples))
        }
        if dialect == .unbound {
            collection.gauge("unbound_up", "Whether the server answers; the value is always 1.", 1)
        }
    }
}
