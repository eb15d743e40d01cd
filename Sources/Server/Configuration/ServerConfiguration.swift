package import DNSCore
package import Operations

/// Everything that `toriid` is told by its configuration file: checked, with defaults filled in.
///
/// Nobody downstream asks whether a port is in range or a key exists. A file that has anything wrong gives no
/// configuration at all but the list of its errors.
package struct ServerConfiguration: ConfigurationRecord {
    /// The server itself: who it says it is, threads, privileges, directories.
    package let server: DaemonSection
    /// The sockets that queries come in by.
    ///
    /// At least one.
    package let listen: [ListenSection]
    /// The socket that `toriictl` speaks to.
    package let control: ControlConfiguration
    /// TSIG keys (RFC 8945), which rules and servers elsewhere name.
    package let keys: [KeySection]
    /// Who may ask what.
    package let access: AccessSection
    /// The zones that we are an authority for.
    package let zones: [ZoneSection]
    /// Resolving names that are not ours.
    package let recursion: RecursionSection
    /// Validation of answers from other servers.
    package let dnssec: DNSSECSection
    /// What has been learnt from other servers, and how long it stays.
    package let cache: CacheSection
    /// Names answered from the configuration itself.
    package let local: LocalSection
    /// Response policy zones, the most important first.
    package let rpz: [ResponsePolicySection]
    /// IPv6 addresses made for names that have only IPv4 ones (RFC 6147).
    ///
    /// Off when absent.
    package let dns64: DNS64Section?
    /// Clients that find things otherwise than the rest, first match first.
    package let views: [ViewSection]
    /// NAT-traversal support: answers held until a router lets the asker in.
    package private(set) var nts: NTSSection
    /// Response rate limiting against reflection.
    package let rateLimit: RateLimitSection
    /// Every bound that is not named elsewhere.
    ///
    /// Each has a counter that says how often it was reached.
    package let limits: LimitsSection
    /// The log on standard error.
    package let log: ServerLogSection
    /// Figures for Prometheus.
    ///
    /// Off when absent.
    package let metrics: ServerMetricsSection?

    package init(_ section: ConfigurationSection) {
        server = section.record("server")
        listen = section.records("listen", limit: 1000)
        control = section.record("control", of: ServerControlSection.self).control
        keys = section.records("keys", limit: 10_000)
        access = section.record("access")
        zones = section.records("zones", limit: 1_000_000)
        recursion = section.record("recursion")
        dnssec = section.record("dnssec")
        cache = section.record("cache")
        local = section.record("local")
        rpz = section.records("rpz", limit: 64)
        dns64 = section.optionalRecord("dns64")
        views = section.records("views", limit: 64)
        nts = section.record("nts")
        rateLimit = section.record("rate-limit")
        limits = section.record("limits")
        log = section.record("log")
        metrics = section.optionalRecord("metrics")
        if !section.has("nts"), zones.contains(where: \.nts) { nts.enabled = true }
        check(section)
    }

    /// Reads the file at `path`.
    ///
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong.
    package static func load(from path: String) throws(ConfigurationErrors) -> ServerConfiguration {
        try ConfigurationContext.load(ServerConfiguration.self, from: path)
    }

    /// Reads `text` as if it were the contents of `file`.
    ///
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong.
    package static func parse(_ text: String, file: String) throws(ConfigurationErrors) -> ServerConfiguration
    {
        try ConfigurationContext.parse(ServerConfiguration.self, text: text, file: file)
    }

    /// Every option there is, for the manual and the schema.
    package static var options: [ConfigurationOption] {
        ConfigurationContext.describe(ServerConfiguration.self)
    }

    /// The key called `name`, in any case; nil when there is none.
    package func key(named name: Name) -> KeySection? {
        keys.first { $0.name == name }
    }

    private func check(_ section: ConfigurationSection) {
        if listen.isEmpty, !section.has("listen") || section.isPresent {
            section.report("at least one address must be listened on", on: "listen")
        }
        if nts.enabled, nts.targets.any, !nts.targets.prefixes.isEmpty {
            section.report("targets.any makes targets.prefixes meaningless; give one of them", on: "nts")
        }
    }
}
