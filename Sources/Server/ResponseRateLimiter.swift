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

    private static let bucketCount = 1 << 16
    private let tokens: UnsafeMutablePointer<Int32>
    private let seen: UnsafeMutablePointer<UInt32>
    /// Responses per second for one network, name and kind; 0 = no limit.
    private let rate: Int32
    /// Every how many limited responses one slips through with TC; 0 = never.
    private let slip: Int32

    /// - Parameters:
    ///   - rate: responses per second; 0 switches the limiter off.
    ///   - slip: every how many limited responses an empty, truncated one is sent; 0 = none, 1 = all.
    init(rate: Int, slip: Int) {
        self.rate = Int32(clamping: rate)
        self.slip = Int32(clamping: slip)
        let count = rate > 0 ? ResponseRateLimiter.bucketCount : 1
        unsafe tokens = .allocate(capacity: count)
        unsafe tokens.initialize(repeating: Int32(clamping: rate), count: count)
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
    ///   - client: the source address; counted by its /24 or /56.
    ///   - kind: what the response is.
    ///   - nameHash: hash of the name that is counted (the query name; the zone for NXDOMAIN).
    ///   - second: the present second of a clock that only goes forward.
    func decide(client: IPAddress, kind: Kind, nameHash: UInt64, second: UInt32) -> Decision {
        guard rate > 0 else { return .send }
        let network = client.masked(to: client.isIPv6 ? 56 : 24)
        let mixed = NameHash.mix(NameHash.mix(network.high ^ kind.rawValue) ^ network.low ^ nameHash ^ NameHash.root)
        let bucket = Int(truncatingIfNeeded: mixed) & (ResponseRateLimiter.bucketCount - 1)
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
