package import Operations

/// The `cache` section: what has been learnt from other servers, and how long it stays.
package struct CacheSection: ConfigurationRecord {
    /// Memory for answers and records, all workers together.
    ///
    /// What was used least goes first.
    package let size: Int
    /// Shortest time that anything is kept, whatever its TTL.
    ///
    /// More than zero deviates from the RFCs.
    package let minTTL: Duration
    /// Longest time that anything is kept (RFC 8767 4).
    package let maxTTL: Duration
    /// Longest time that a negative answer is kept (RFC 2308 5).
    package let maxNegativeTTL: Duration
    /// Whether an answer that is still asked for is fetched again shortly before its TTL ends.
    package let prefetch: Bool
    /// Whether the cache is written to the state directory at a clean stop and read again at the start.
    ///
    /// What was learnt under other trust anchors is not used, nor is a damaged file.
    package let persist: Bool
    /// Answering from expired records when no server does (RFC 8767).
    package let serveStale: ServeStaleSection

    package init(_ section: ConfigurationSection) {
        size = section.value("size", .size(1 << 20...1 << 44), default: 256 << 20)
        minTTL = section.value("min-ttl", .duration(.zero ... .seconds(86400)), default: .zero)
        maxTTL = section.value(
            "max-ttl", .duration(.zero ... .seconds(86400 * 365)), default: .seconds(86400))
        maxNegativeTTL = section.value(
            "max-negative-ttl", .duration(.zero ... .seconds(86400 * 7)), default: .seconds(3600))
        prefetch = section.value("prefetch", .flag, default: true)
        persist = section.value("persist", .flag, default: false)
        serveStale = section.record("serve-stale")
        if minTTL > maxTTL { section.report("longer than max-ttl", on: "min-ttl") }
    }
}

/// The `cache.serve-stale` section (RFC 8767).
package struct ServeStaleSection: ConfigurationRecord {
    /// Whether expired records are used when no server answers.
    package let enabled: Bool
    /// How long after the end of their TTL records may be used.
    package let maxAge: Duration
    /// The TTL that such answers carry.
    package let answerTTL: Duration
    /// How long a client waits for a fresh answer before it gets a stale one.
    package let clientTimeout: Duration

    package init(_ section: ConfigurationSection) {
        enabled = section.value("enabled", .flag, default: true)
        maxAge = section.value("max-age", .duration(), default: .seconds(86400))
        answerTTL = section.value(
            "answer-ttl", .duration(.seconds(1) ... .seconds(86400)), default: .seconds(30))
        clientTimeout = section.value(
            "client-timeout", .duration(.zero ... .seconds(60)), default: .milliseconds(1800))
    }
}
