package import DNSCore

/// When a secondary asks which primary: the timers of the SOA over all primaries, without I/O (RFC 1034 4.3.5,
/// RFC 1996 3.11).
///
/// A story: the refresh time has come, so the first primary is asked for its SOA. It does not answer, so the second is.
/// Its serial is newer: a transfer from it. That breaks off, so the next is asked. When none is left, all of it again
/// after the retry time, until the zone expires and is no longer served; even then it goes on. A NOTIFY counts like the
/// refresh time, beginning with the primary that sent it; one that comes while a round is under way makes another round
/// follow. Times are milliseconds of a clock that only goes forward.
package struct ZoneRefresh: Sendable {
    /// What happened.
    package enum Event: Sendable, Equatable {
        /// The zone's service begins, or its configuration was loaded anew.
        case start
        /// ``deadline`` has passed.
        case timer
        /// A NOTIFY that may be believed: the serial that it tells, and the primary that sent it, when these are known.
        case notified(Serial?, primary: Int?)
        /// The operator wants a check now, or the whole zone anew.
        case requested(full: Bool)
        /// The primary answered with this serial.
        case serial(Serial)
        /// The primary did not answer, or not usably.
        case noAnswer
        /// A transfer brought this version; its SOA.
        case transferred(RRset)
        /// The primary had nothing newer after all.
        case upToDate
        /// The transfer failed; whether the same primary may be asked for the whole zone.
        case transferFailed(retryFull: Bool)
    }

    /// What to do.
    package enum Action: Sendable, Equatable {
        /// Ask this primary for the SOA.
        case askSerial(primary: Int)
        /// Transfer from this primary, by IXFR or AXFR.
        case transfer(primary: Int, incremental: Bool)
        /// Stop serving the zone until the next transfer (RFC 1035 3.3.13 EXPIRE).
        case expire
    }

    private enum Phase: Sendable, Equatable {
        case idle
        case asking
        case transferring
    }

    /// Shortest and longest time between two checks, milliseconds.
    private let bounds: ClosedRange<Int64>
    private let primaryCount: Int
    private var phase = Phase.idle
    /// The primaries still to be asked in this round, in order.
    private var queue: [Int] = []
    private var active = 0
    private var wantsFull = false
    /// Whether the transfer under way asked for differences.
    private var isIncremental = false
    private var isAgain = false
    private var serial: Serial?
    private var refresh: Int64 = 0
    private var retry: Int64 = 60_000
    private var expire: Int64 = 0
    private var confirmedAt: Int64 = 0
    /// Rounds in a row in which no primary helped.
    package private(set) var failures = 0
    /// Whether the zone has expired, or was never there.
    package private(set) var isExpired: Bool
    /// When the next round begins, unless one is under way.
    private var due: Int64
    /// A time that does not come; still within a clock of nanoseconds.
    private static let never = Int64.max / 1_000_000

    /// When to call ``handle(_:now:)`` with ``Event/timer``.
    ///
    /// While a round is under way only the zone's expiry counts: the answers, or their absence, are events themselves.
    package var deadline: Int64 {
        if phase == .idle { return due }
        return isExpired ? Self.never : confirmedAt + expire
    }

    /// - Parameter soa: that of the version we have; nil = none yet.
    /// - Parameter confirmedAt: when a primary last confirmed that version.
    package init(
        primaries: Int, soa: RRset?, confirmedAt: Int64, shortest: Int64 = 2000,
        longest: Int64 = 28 * 86_400_000
    ) {
        primaryCount = primaries
        bounds = max(1, shortest)...max(shortest, longest)
        isExpired = soa == nil
        due = confirmedAt
        self.confirmedAt = confirmedAt
        if let soa { adopt(soa) }
    }

    /// Whether a question or transfer is under way.
    package var isBusy: Bool { phase != .idle }

    /// Takes an event and says what to do now.
    ///
    /// ``deadline`` is up to date afterwards.
    package mutating func handle(_ event: Event, now: Int64) -> [Action] {
        switch event {
        case .start:
            return phase == .idle ? begin(with: nil, now) : []
        case .timer:
            var actions: [Action] = []
            if !isExpired, now >= confirmedAt + expire {
                isExpired = true
                actions.append(.expire)
            }
            guard phase == .idle, now >= due else {
                schedule(now)
                return actions
            }
            return actions + begin(with: nil, now)
        case .notified(let told, let primary):
            if let told, let serial, !isExpired, !told.isNewer(than: serial) { return [] }
            guard phase == .idle else {
                isAgain = true
                return []
            }
            return begin(with: primary, now)
        case .requested(let full):
            wantsFull = wantsFull || full
            guard phase == .idle else {
                isAgain = true
                return []
            }
            return begin(with: nil, now)
        case .serial(let offered):
            guard phase == .asking else { return [] }
            if let serial, !isExpired, !wantsFull, !offered.isNewer(than: serial) {
                return offered == serial ? succeed(now) : next(now)
            }
            phase = .transferring
            isIncremental = serial != nil && !wantsFull
            return [.transfer(primary: active, incremental: isIncremental)]
        case .noAnswer:
            return phase == .asking ? next(now) : []
        case .transferred(let soa):
            guard phase == .transferring else { return [] }
            adopt(soa)
            isExpired = false
            wantsFull = false
            return succeed(now)
        case .upToDate:
            return phase == .transferring ? succeed(now) : []
        case .transferFailed(let retryFull):
            guard phase == .transferring else { return [] }
            // Once: a primary whose whole zone is no use either is not asked again and again.
            if retryFull, isIncremental {
                isIncremental = false
                return [.transfer(primary: active, incremental: false)]
            }
            return next(now)
        }
    }

    private mutating func begin(with first: Int?, _ now: Int64) -> [Action] {
        queue = Array(0..<primaryCount)
        if let first, queue.contains(first) {
            queue.removeAll { $0 == first }
            queue.insert(first, at: 0)
        }
        isAgain = false
        return next(now)
    }

    /// The next primary, or the retry time when all have been asked.
    private mutating func next(_ now: Int64) -> [Action] {
        guard !queue.isEmpty else {
            phase = .idle
            failures += 1
            // Not in step with other zones that failed at the same moment, and slower while nothing helps.
            let wait = min(bounds.upperBound, clamp(retry) << Int64(isExpired ? min(failures - 1, 6) : 0))
            due = now + wait - wait / 10 * Int64(failures % 3) / 2
            if isAgain { return begin(with: nil, now) }
            schedule(now)
            return []
        }
        active = queue.removeFirst()
        // Without a version there is nothing to compare a serial with.
        guard serial != nil, !isExpired, !wantsFull else {
            phase = .transferring
            isIncremental = false
            return [.transfer(primary: active, incremental: false)]
        }
        phase = .asking
        return [.askSerial(primary: active)]
    }

    private mutating func succeed(_ now: Int64) -> [Action] {
        phase = .idle
        failures = 0
        confirmedAt = now
        isExpired = false
        due = now + clamp(refresh)
        if isAgain { return begin(with: nil, now) }
        schedule(now)
        return []
    }

    /// The zone's expiry is a deadline too.
    private mutating func schedule(_ now: Int64) {
        if !isExpired { due = min(due, max(confirmedAt + expire, now + 1)) }
    }

    private mutating func adopt(_ soa: RRset) {
        guard let octets = soa.data.first?.octets, octets.count >= 22 else { return }
        func field(_ index: Int) -> Int64 {
            let start = octets.count - 20 + 4 * index
            return Int64(octets[start..<(start + 4)].reduce(0) { $0 << 8 | UInt32($1) }) * 1000
        }
        serial = soa.data.first?.soaSerial
        refresh = field(1)
        retry = field(2)
        // RFC 1912 2.2: an expiry below refresh and retry would drop a zone that is well.
        expire = max(field(3), clamp(refresh) + clamp(retry))
    }

    private func clamp(_ time: Int64) -> Int64 { min(max(time, bounds.lowerBound), bounds.upperBound) }
}
