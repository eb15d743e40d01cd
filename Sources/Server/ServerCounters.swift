internal import DNSCore

/// What one worker has counted since the start.
///
/// Plain memory of that worker; summed when somebody asks.
///
/// Sums read while a worker counts may be a little behind, never torn: each is one aligned word.
@safe final class ServerCounters: @unchecked Sendable {
    /// One counter.
    enum Counter: Int, CaseIterable, Sendable {
        case queries, queriesUDP, queriesTCP, queriesTLS, queriesHTTPS, queriesIPv6, queriesEDNS, queriesDO,
            queriesCookie
        case queriesTSIG, updates, notifies, transfers
        case answers, answersAuthoritative, answersCached, answersRecursive, answersTruncated
        case dropped, droppedShort, droppedResponse, droppedAccess, droppedRate, droppedReflection,
            droppedOverload
        case slipped, refusedAccess, badCookies, pendingFull, pendingClientFull, pendingLost
        case limitEDNSOptions, discardedLate, answersPolicy
        case holds, holdsJoined, holdsReleased, holdsOverLimit, holdsSilent,
            holdsUnknownClient
    }

    /// Types of questions that are counted one by one: those below 256, and one for the rest.
    static let typeSlots = 258
    /// Response codes that are counted one by one.
    static let codeSlots = 24
    /// Upper bounds of the latency histogram of deferred answers, in microseconds.
    static let latencyBounds: [UInt64] = [
        100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
        2_000_000,
        5_000_000,
    ]

    private let base: UnsafeMutablePointer<UInt64>
    private static let typesAt = Counter.allCases.count
    private static let codesAt = typesAt + typeSlots
    private static let latencyAt = codesAt + codeSlots
    private static let size = latencyAt + latencyBounds.count + 2

    init() {
        unsafe base = .allocate(capacity: ServerCounters.size)
        unsafe base.initialize(repeating: 0, count: ServerCounters.size)
    }

    deinit { unsafe base.deallocate() }

    /// Counts one.
    @inline(__always)
    func count(_ counter: Counter) {
        unsafe base[counter.rawValue] &+= 1
    }

    /// Counts a question's type.
    @inline(__always)
    func count(type: RRType) {
        let slot = type.rawValue < 256 ? Int(type.rawValue) : type == .caa ? 257 : 256
        unsafe base[ServerCounters.typesAt + slot] &+= 1
    }

    /// Counts a response's code.
    @inline(__always)
    func count(code: ResponseCode) {
        unsafe base[ServerCounters.codesAt + min(Int(code.rawValue), ServerCounters.codeSlots - 1)] &+= 1
    }

    /// Counts how long a deferred answer took.
    func count(latency microseconds: UInt64) {
        let bounds = ServerCounters.latencyBounds
        let slot = bounds.firstIndex { microseconds <= $0 } ?? bounds.count
        unsafe base[ServerCounters.latencyAt + slot] &+= 1
        unsafe base[ServerCounters.latencyAt + bounds.count + 1] &+= microseconds
    }

    /// The value of a counter.
    func value(_ counter: Counter) -> UInt64 { unsafe base[counter.rawValue] }
    /// How many questions of each type, by slot.
    func value(typeSlot: Int) -> UInt64 { unsafe base[ServerCounters.typesAt + typeSlot] }
    /// How many responses of each code.
    func value(codeSlot: Int) -> UInt64 { unsafe base[ServerCounters.codesAt + codeSlot] }
    /// How many deferred answers fell into each latency class; the last is beyond all bounds.
    func value(latencySlot: Int) -> UInt64 { unsafe base[ServerCounters.latencyAt + latencySlot] }
    /// Microseconds of all deferred answers together.
    var latencySum: UInt64 {
        unsafe base[ServerCounters.latencyAt + ServerCounters.latencyBounds.count + 1]
    }
}
