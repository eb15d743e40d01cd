internal import DNSCore

/// Limits how many alike responses one client network gets over UDP, so that forged sources gain nothing.
///
/// Each worker has one, with a fixed number of buckets: a strange flood of sources shares buckets and is limited
/// sooner, and memory never grows. Clients with a valid cookie, TCP clients and exempt prefixes never come here.
@safe struct ResponseRateLimiter: ~Copyable {
    /// What becomes of a response.
    enum Decision {
        /// Send it.
        case send
        /// Send an empty response with TC set, so that a real client repeats over TCP.
        case slip
        /// Send nothing.
        case drop
    }

    /// Classes of responses that are counted apart.
    enum Kind: UInt64 {
        case positive = 1
        case referral, noData, nameError, error
    }

    private let tokens: UnsafeMutablePointer<Int32>
    private let seen: UnsafeMutablePointer<UInt32>
    private let rate: Int32
    private let slip: Int32
    private let ipv4Prefix: Int
    private let ipv6Prefix: Int
    /// A power of two.
    private let bucketCount: Int

    /// How a limiter is set.
    struct Settings: Equatable, Sendable {
        /// Responses per second for one network, name and kind; 0 switches the limiter off.
        var rate = 0
        /// Every how many limited responses an empty, truncated one is sent; 0: none, 1: all.
        var slip = 2
        /// Leading bits of an IPv4 address that make a network.
        var ipv4Prefix = 24
        /// Leading bits of an IPv6 address that make a network.
        var ipv6Prefix = 56
        /// Buckets; rounded up to a power of two.
        var buckets = 1 << 16
    }

    /// A limiter with full buckets.
    init(_ settings: Settings) {
        rate = Int32(clamping: settings.rate)
        slip = Int32(clamping: settings.slip)
        ipv4Prefix = settings.ipv4Prefix
        ipv6Prefix = settings.ipv6Prefix
        var count = 1
        while settings.rate > 0, count < min(settings.buckets, 1 << 26) { count <<= 1 }
        bucketCount = count
        unsafe tokens = .allocate(capacity: count)
        unsafe tokens.initialize(repeating: Int32(clamping: settings.rate), count: count)
        unsafe seen = .allocate(capacity: count)
        unsafe seen.initialize(repeating: 0, count: count)
    }

    deinit {
        unsafe tokens.deallocate()
        unsafe seen.deallocate()
    }

    /// Whether the limiter does anything.
    var isOn: Bool { rate > 0 }

    /// Counts one response and decides about it.
    ///
    /// - Parameters:
    ///   - client: the source address; counted by its network.
    ///   - kind: what the response is.
    ///   - nameHash: hash of the name that is counted (the query name; the zone for NXDOMAIN).
    ///   - second: the present second of a clock that only goes forward.
    func decide(client: IPAddress, kind: Kind, nameHash: UInt64, second: UInt32) -> Decision {
        guard rate > 0 else { return .send }
        let network = client.masked(to: client.isIPv6 ? ipv6Prefix : ipv4Prefix)
        let mixed = NameHash.mix(
            NameHash.mix(network.high ^ kind.rawValue) ^ network.low ^ nameHash ^ NameHash.root)
        let bucket = Int(truncatingIfNeeded: mixed) & (bucketCount - 1)
        let passed = second &- (unsafe seen[bucket])
        if passed > 0 {
            unsafe seen[bucket] = second
            let refill = Int64(rate) * Int64(min(passed, 60))
            unsafe tokens[bucket] = Int32(clamping: min(Int64(rate), Int64(tokens[bucket]) + refill))
        }
        let left = unsafe tokens[bucket]
        unsafe tokens[bucket] = max(left - 1, -rate * 15)
        if left > 0 { return .send }
        return slip > 0 && (-left) % slip == 0 ? .slip : .drop
    }
}
