internal import DNSCore

/// What a question to a server goes without, when it met silence or errors (RFC 6891 6.2.2, RFC 7873 5.3).
enum Plainness: Int, Comparable {
    case full
    /// Without cookie, letters as they are.
    case plain
    /// Without EDNS besides.
    case bare

    static func < (left: Plainness, right: Plainness) -> Bool { left.rawValue < right.rawValue }
}

/// What a worker has learnt about one server address.
struct ServerRecord {
    /// Smoothed round-trip time in microseconds (RFC 6298); 0 while unknown.
    var smoothed: UInt32 = 0
    var variation: UInt32 = 0
    /// Spans of time in a row in which questions got no response.
    var silences: UInt8 = 0
    /// When the last of them was noted.
    var lastSilence: UInt64 = 0
    /// Not asked before this time of the monotonic clock, unless there is nobody else.
    var restsUntil: UInt64 = 0
    /// The server fails on EDNS: shown by an error without OPT that went away when asked without.
    var lacksEDNS = false
    /// The server has sent an OPT record.
    var knowsEDNS = false
    /// Answers in a row to questions without cookie and mixed case, where others met silence or errors.
    var plainAnswers: UInt8 = 0
    /// The same of questions that were without EDNS too.
    var bareAnswers: UInt8 = 0
    /// The server does not repeat the question's upper and lower case: shown over TCP.
    var changesCase = false
    /// How plain questions have to be from the start: shown by two answers in a row.
    var plainness: Plainness {
        bareAnswers >= 2 && !knowsEDNS ? .bare : plainAnswers >= 2 ? .plain : .full
    }
    /// Cookie exchange (RFC 7873): ours, and the server's last.
    var clientCookie: UInt64 = 0
    var serverCookie: [UInt8] = []
}

/// Times and faults of servers, bounded; one worker's own.
final class ServerTable {
    private var places: [IPEndpoint: Int] = [:]
    /// The place found last: one server is mostly asked about several times in a row.
    private var latest = 0
    private var endpoints: [IPEndpoint] = []
    private var records: [ServerRecord] = []
    private let limit: Int
    /// Until when addresses of a family rest because no way leads to them: a machine without IPv6, say.
    private var noRouteUntil: (ipv4: UInt64, ipv6: UInt64) = (0, 0)
    /// Longest wait, in microseconds.
    private let largestTimeout: UInt64
    /// Until when a server counts as lame for a zone.
    private var lame: [LameKey: UInt64] = [:]

    private struct LameKey: Hashable {
        let server: IPEndpoint
        let zone: UInt64
    }

    private static let unknownEstimate: UInt64 = 60_000  // microseconds
    private static let smallestTimeout: UInt64 = 50_000
    private static let unknownTimeout: UInt64 = 400_000
    /// How long a family of addresses without a route is left alone, in nanoseconds.
    private static let routePeriod: UInt64 = 30_000_000_000
    /// How long lameness is believed, in nanoseconds.
    static let lamePeriod: UInt64 = 600_000_000_000

    init(limit: Int, patience: Duration = .seconds(3)) {
        self.limit = max(16, limit)
        largestTimeout = patience.wholeNanoseconds / 1000
    }

    /// Makes sure that there is a record of `server`; a new one replaces a random other when the table is full.
    func meet(_ server: IPEndpoint, random: inout RandomSource, metrics: inout ResolverMetrics) {
        guard place(of: server) == nil else { return }
        var record = ServerRecord()
        record.clientCookie = random.next64() | 1
        if records.count < limit {
            places[server] = records.count
            endpoints.append(server)
            records.append(record)
            return
        }
        metrics.limitRememberedServers += 1
        let victim = random.below(records.count)
        places[endpoints[victim]] = nil
        endpoints[victim] = server
        records[victim] = record
        places[server] = victim
    }

    private func place(of server: IPEndpoint) -> Int? {
        if latest < endpoints.count, endpoints[latest] == server { return latest }
        guard let place = places[server] else { return nil }
        latest = place
        return place
    }

    func record(of server: IPEndpoint) -> ServerRecord? {
        place(of: server).map { records[$0] }
    }

    func update(_ server: IPEndpoint, _ body: (inout ServerRecord) -> Void) {
        guard let place = place(of: server) else { return }
        body(&records[place])
    }

    /// Expected time to a response in microseconds, for choosing among servers.
    func estimate(_ server: IPEndpoint) -> UInt64 {
        guard let place = place(of: server), records[place].smoothed > 0 || records[place].silences > 0 else {
            return ServerTable.unknownEstimate
        }
        let record = records[place]
        let base = record.smoothed > 0 ? UInt64(record.smoothed) : ServerTable.unknownEstimate
        return min(base << UInt64(min(record.silences, 8)), 10_000_000)
    }

    /// How long to wait for a response, in microseconds.
    func timeout(_ server: IPEndpoint) -> UInt64 {
        guard let place = place(of: server) else { return min(ServerTable.unknownTimeout, largestTimeout) }
        let record = records[place]
        var value = ServerTable.unknownTimeout
        if record.smoothed > 0 {
            value = max(ServerTable.smallestTimeout, UInt64(record.smoothed) + 4 * UInt64(record.variation))
        }
        value <<= UInt64(min(record.silences, 5))
        return min(value, largestTimeout)
    }

    func isResting(_ server: IPEndpoint, at now: UInt64) -> Bool {
        let noRouteUntil = server.address.isIPv6 ? self.noRouteUntil.ipv6 : self.noRouteUntil.ipv4
        return noRouteUntil > now || place(of: server).map { records[$0].restsUntil > now } ?? false
    }

    /// Notes that nothing could be sent to the family of `server` at all.
    func noteNoRoute(_ server: IPEndpoint, at now: UInt64) {
        if server.address.isIPv6 {
            noRouteUntil.ipv6 = now + ServerTable.routePeriod
        } else {
            noRouteUntil.ipv4 = now + ServerTable.routePeriod
        }
    }

    /// Notes a response after `microseconds`, and what it says about how plain questions to this server must be.
    func noteResponse(
        _ server: IPEndpoint, after microseconds: UInt64, to plainness: Plainness, hasEDNS: Bool
    ) {
        if server.address.isIPv6 { noRouteUntil.ipv6 = 0 } else { noRouteUntil.ipv4 = 0 }
        update(server) { record in
            let sample = UInt32(clamping: max(1, microseconds))
            if record.smoothed == 0 {
                record.smoothed = sample
                record.variation = sample / 2
            } else {
                let difference =
                    sample > record.smoothed ? sample - record.smoothed : record.smoothed - sample
                record.variation = (record.variation / 4 &* 3) &+ difference / 4
                record.smoothed = (record.smoothed / 8 &* 7) &+ sample / 8
            }
            record.silences = 0
            record.restsUntil = 0
            record.plainAnswers = plainness == .full ? 0 : min(record.plainAnswers + 1, 8)
            if hasEDNS {
                record.knowsEDNS = true
                record.bareAnswers = 0
            } else if plainness == .bare {
                record.bareAnswers = min(record.bareAnswers + 1, 8)
            }
        }
    }

    /// Notes a question without response; after several in a row the server rests, longer each time.
    ///
    /// Questions that were under way together tell of one silence, not of many: a busy server is not worse than others
    /// because more was lost when it, or the way to it, stood still for a moment.
    func noteSilence(_ server: IPEndpoint, sentAt: UInt64, at now: UInt64) {
        update(server) { record in
            guard sentAt >= record.lastSilence else { return }
            record.lastSilence = now
            record.silences = min(record.silences + 1, 20)
            guard record.silences >= 4 else { return }
            let seconds = UInt64(min(1 << UInt64(record.silences - 4), 120))
            record.restsUntil = now + seconds * 1_000_000_000
        }
    }

    /// Whether one question is enough to see that a resting server is still silent: it never answered, or not for long.
    func seemsGone(_ server: IPEndpoint) -> Bool {
        place(of: server).map { records[$0].smoothed == 0 || records[$0].silences >= 8 } ?? true
    }

    func isLame(_ server: IPEndpoint, zone: UInt64, at now: UInt64) -> Bool {
        guard !lame.isEmpty, let until = lame[LameKey(server: server, zone: zone)] else { return false }
        return until > now
    }

    /// Believes that all servers serve what they should: whoever flushes the cache has mended something.
    func forgetLameness() {
        lame.removeAll(keepingCapacity: true)
    }

    func noteLame(_ server: IPEndpoint, zone: UInt64, at now: UInt64) {
        if lame.count >= limit { lame.removeAll(keepingCapacity: true) }
        lame[LameKey(server: server, zone: zone)] = now + ServerTable.lamePeriod
    }
}
