internal import Authority
internal import DNSCore

/// What workers have counted for one zone: a line of memory for each worker, so that none waits for another.
@safe final class ZoneCounters: @unchecked Sendable {
    // Sendable: each word is written by one worker; sums read meanwhile may be a little behind.

    /// One counter.
    enum Counter: Int, CaseIterable {
        case answers, noData, nameErrors, referrals, failures, updates, transfers, notifies

        /// The label of its figure.
        var label: String {
            switch self {
            case .answers: "answer"
            case .noData: "nodata"
            case .nameErrors: "nxdomain"
            case .referrals: "referral"
            case .failures: "failure"
            case .updates: "update"
            case .transfers: "transfer"
            case .notifies: "notify"
            }
        }
    }

    /// Words of one worker: as many as there are counters, which makes one cache line.
    static let stride = Counter.allCases.count

    /// The words of all workers.
    let cells: UnsafeMutablePointer<UInt64>
    private let workers: Int

    init(workers: Int) {
        self.workers = workers
        unsafe cells = .allocate(capacity: workers * ZoneCounters.stride)
        unsafe cells.initialize(repeating: 0, count: workers * ZoneCounters.stride)
    }

    deinit { unsafe cells.deallocate() }

    /// The sum over all workers.
    func value(_ counter: Counter) -> UInt64 {
        (0..<workers).reduce(0) { sum, worker in
            unsafe sum &+ cells[worker * ZoneCounters.stride + counter.rawValue]
        }
    }

    /// Queries that the zone was asked for.
    var queries: UInt64 {
        [Counter.answers, .noData, .nameErrors, .referrals, .failures].reduce(0) { $0 &+ value($1) }
    }
}

/// The counters of all zones of one set, without references to count.
@safe struct ZoneCounterTable {
    let cells: UnsafeMutablePointer<UnsafeMutablePointer<UInt64>>
    let count: Int
}

extension Worker {
    /// Counts for a zone by its number.
    @inline(__always)
    func count(_ counter: ZoneCounters.Counter, zone: Int) {
        guard zone >= 0, zone < zoneCells.count else { return }
        unsafe zoneCells.cells[zone][index * ZoneCounters.stride + counter.rawValue] &+= 1
    }

    /// Counts for a zone that need not be of the set that this batch is answered from.
    func count(_ counter: ZoneCounters.Counter, slot: ZoneSlot) {
        unsafe slot.counters.cells[index * ZoneCounters.stride + counter.rawValue] &+= 1
    }

    /// Counts what a lookup came to.
    @inline(__always)
    func count(_ answer: ZoneAnswer) {
        switch answer.kind {
        case .answer, .alias: count(.answers, zone: answer.zone)
        case .noData: count(.noData, zone: answer.zone)
        case .nameError: count(.nameErrors, zone: answer.zone)
        case .referral: count(.referrals, zone: answer.zone)
        case .notLoaded, .tooLong: count(.failures, zone: answer.zone)
        case .notOurs: break
        }
    }
}
