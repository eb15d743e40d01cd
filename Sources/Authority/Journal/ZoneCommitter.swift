package import DNSCore
internal import Foundation
internal import Synchronization

/// The one writer of all zones: applies updates one after another and makes each batch durable with one sync.
///
/// A story of one batch. Workers submit updates as they come; the committer's thread takes all that wait. Each is
/// carried out on its zone's edit, with its prerequisites checked against the state that the one before it left.
/// Then all differences go to the journal in one transaction with one sync. Then the new versions are published, and
/// only then the completions are called, in the order of submission. While the disk is busy the next batch gathers,
/// so that the number of syncs falls as the load rises. When the journal cannot be written the edits are thrown away
/// and every update of the batch ends in SERVFAIL; queries do not notice.
package final class ZoneCommitter: @unchecked Sendable {
    /// Limits of the committer.
    package struct Settings: Sendable {
        /// Updates that may wait; one more is SERVFAIL (`pending-updates`).
        package var queueLimit = 1000
        /// Of which one client may have so many; one more is SERVFAIL (`pending-updates-per-client`).
        package var queueLimitPerClient = 100
        /// Updates that share one transaction at most.
        package var batchLimit = 512
        /// Octets of differences kept in memory for each zone's IXFR.
        package var historyLimit = 4 << 20

        package init() {}
    }

    /// What the committer has done so far.
    package struct Counters: Sendable, Equatable {
        /// Updates that changed a zone.
        package var applied = 0
        /// Updates that were carried out and changed nothing.
        package var unchanged = 0
        /// Updates that ended with an error of the client's.
        package var rejected = 0
        /// Updates that ended with SERVFAIL.
        package var failed = 0
        /// Of those, updates that would have made a name or set too large.
        package var overLimit = 0
        /// Updates that found the queue full.
        package var overflowed = 0
        /// Transactions written.
        package var commits = 0
    }

    enum Job {
        case update(UpdateRequest, @Sendable (UpdateReason) -> Void)
        case command(@Sendable () -> Void)
    }

    private struct Queue {
        var jobs: [Job] = []
        var waiting = 0
        var perClient: [IPAddress: Int] = [:]
        var isStopped = false
        var counters = Counters()
        /// Why the journal could not be opened; nil when it is open.
        var fault: JournalError?
    }

    let settings: Settings
    private let publish: @Sendable (Name, ZoneSnapshot) -> Void
    private let condition = NSCondition()
    /// Guarded by `condition`.
    private var queue = Queue()
    /// The rest belongs to the committer's thread.
    private var journal: JournalStore?
    /// What is read while there is no journal; nil: not tried yet.
    private var copy: JournalCopy??
    private let path: String
    var zones: [Name: ManagedZone] = [:]
    private var hasLostLog: Bool
    private let finished = DispatchSemaphore(value: 0)

    /// What was wrong with the journal as a whole when it was opened.
    package let damage: [JournalDamage]

    /// Opens the journal in `stateDirectory` and starts the thread.
    ///
    /// A journal that cannot be opened is no reason not to serve: ``fault`` says why, zones are served as a copy of it has
    /// them, or their files when it cannot be read either; updates end in SERVFAIL, and ``attach()`` tries again.
    ///
    /// - Parameter publish: called on the committer's thread with each new version, before the updates that made it are
    ///   acknowledged.
    package init(
        stateDirectory: String, settings: Settings = Settings(),
        publish: @escaping @Sendable (Name, ZoneSnapshot) -> Void
    ) {
        self.settings = settings
        self.publish = publish
        path = stateDirectory + "/journal.sqlite"
        do throws(JournalError) {
            (journal, damage) = try JournalStore.open(path)
        } catch {
            damage = []
            queue.fault = error
        }
        hasLostLog = damage.contains(where: \.isLoss)
        let thread = Thread { [self] in run() }
        thread.name = "committer"
        thread.stackSize = 1 << 22
        thread.start()
    }

    /// Why there is no journal; nil when there is one.
    package var fault: JournalError? {
        condition.lock()
        defer { condition.unlock() }
        return queue.fault
    }

    /// Tries once more to open a journal that could not be opened.
    ///
    /// Zones that are open already are to be opened again, for the updates of theirs that the journal holds. Blocks: not
    /// for workers.
    ///
    /// - Returns: what was wrong with it.
    /// - Throws: ``JournalError``: it still cannot be opened.
    package func attach() throws(JournalError) -> [JournalDamage] {
        try perform { [self] () throws(JournalError) -> [JournalDamage] in
            guard journal == nil else { return [] }
            let (store, found) = try JournalStore.open(path)
            journal = store
            copy = nil
            hasLostLog = found.contains(where: \.isLoss)
            condition.lock()
            queue.fault = nil
            condition.unlock()
            return found
        }
    }

    /// The journal, for the committer's thread.
    var store: JournalStore {
        get throws(JournalError) {
            guard let journal else { throw fault ?? .unavailable(path: path, code: 0) }
            return journal
        }
    }

    /// Hands an update over; returns at once.
    ///
    /// Any thread may call it.
    ///
    /// - Parameter completion: called once, on the committer's thread, when the update is on disk and visible, or
    ///   refused; or right here when the queue is full.
    package func submit(_ request: UpdateRequest, completion: @escaping @Sendable (UpdateReason) -> Void) {
        condition.lock()
        let client = request.requestor.source
        if queue.isStopped {
            condition.unlock()
            completion(.stopping)
            return
        }
        let isFull = queue.waiting >= settings.queueLimit
        if isFull || queue.perClient[client, default: 0] >= settings.queueLimitPerClient {
            queue.counters.overflowed += 1
            condition.unlock()
            completion(.queueFull(limit: isFull ? settings.queueLimit : settings.queueLimitPerClient))
            return
        }
        queue.jobs.append(.update(request, completion))
        queue.waiting += 1
        queue.perClient[client, default: 0] += 1
        condition.signal()
        condition.unlock()
    }

    /// Opens a zone with the contents of its file, replays its journal, and publishes the result; also after a reload
    /// of the file, when the zone is open already.
    ///
    /// Blocks until done: not for workers.
    ///
    /// - Throws: ``JournalError``; a zone that was open keeps its contents.
    package func open(_ options: JournaledZone, loaded: ZoneSnapshot) throws(JournalError) -> ZoneRecovery {
        try perform { [self] () throws(JournalError) in
            let before = zones[options.apex]
            let isFrozen = before?.isFrozen ?? false
            guard let store = journal else { return openDetached(options, loaded, isFrozen) }
            let (zone, recovery) = try ZoneReplay.open(
                options, loaded: loaded, in: store, historyLimit: settings.historyLimit,
                hasLostLog: hasLostLog && (before == nil || before?.detached != nil))
            zone.isFrozen = isFrozen
            if let before {
                zone.history.bridge(from: before.snapshot, to: zone.snapshot, after: before.history)
            }
            zones[options.apex] = zone
            publish(options.apex, zone.snapshot)
            return recovery
        }
    }

    /// Opens a zone without the journal: as a copy of it has the zone, else as the file has it, and without updates.
    private func openDetached(
        _ options: JournaledZone, _ loaded: ZoneSnapshot, _ isFrozen: Bool
    ) -> ZoneRecovery {
        if copy == nil { copy = .some(JournalCopy(of: path, fault: fault)) }
        if let readable = copy ?? nil,
            let (zone, recovery) = try? ZoneReplay.open(
                options, loaded: loaded, in: readable.store, historyLimit: settings.historyLimit,
                hasLostLog: false)
        {
            zone.isFrozen = isFrozen
            zone.detached = fault ?? .unavailable(path: path, code: 0)
            zones[options.apex] = zone
            publish(options.apex, zone.snapshot)
            return recovery
        }
        let row = JournalStore.ZoneRow(
            id: 0, isStored: false, base: 0, baseSerial: loaded.serial, highestSerial: loaded.serial)
        let zone = ManagedZone(
            options: options, snapshot: loaded, row: row, lastNumber: 0,
            history: ZoneHistory(limit: settings.historyLimit))
        zone.isFrozen = isFrozen
        zone.detached = fault ?? .unavailable(path: path, code: 0)
        zones[options.apex] = zone
        publish(options.apex, loaded)
        return ZoneRecovery(snapshot: loaded, replayed: 0, merged: false, damage: [])
    }

    /// Publishes a zone's present version.
    func announce(_ zone: ManagedZone) { publish(zone.options.apex, zone.snapshot) }

    /// Puts new policy and settings in place, from the next update on.
    package func configure(_ options: JournaledZone) {
        enqueue { [self] in zones[options.apex]?.options = options }
    }

    /// Stops keeping a zone.
    ///
    /// Its journal stays.
    package func close(_ apex: Name) {
        enqueue { [self] in zones[apex] = nil }
    }

    /// Stops keeping a zone and deletes its journal: it will be a new zone, with serials of its own.
    ///
    /// Blocks until done: not for workers.
    ///
    /// - Throws: ``JournalError``; the zone is closed all the same.
    package func forget(_ apex: Name) throws(JournalError) {
        try perform { [self] () throws(JournalError) in
            zones[apex] = nil
            try store.forget(apex)
        }
    }

    /// The zone's differences for IXFR; nil when it is not open.
    package func history(_ apex: Name) -> ZoneHistory? {
        try? perform { [self] () throws(JournalError) in zones[apex]?.history }
    }

    /// Calls `body` on the committer's thread, after what was submitted before, and gives its result.
    func perform<Result: Sendable>(
        _ body: @escaping @Sendable () throws(JournalError) -> Result
    ) throws(JournalError) -> Result {
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<Swift.Result<Result, JournalError>?>(nil)
        let isQueued = enqueue {
            do throws(JournalError) {
                let value = try body()
                result.withLock { $0 = .success(value) }
            } catch {
                result.withLock { $0 = .failure(error) }
            }
            done.signal()
        }
        guard isQueued else { throw .notOpen(.root) }
        done.wait()
        guard let outcome = result.withLock({ $0 }) else { throw .notOpen(.root) }
        return try outcome.get()
    }

    /// Queues a command; false when the committer has stopped.
    @discardableResult
    func enqueue(_ body: @escaping @Sendable () -> Void) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        guard !queue.isStopped else { return false }
        queue.jobs.append(.command(body))
        condition.signal()
        return true
    }

    /// What has been done so far.
    package var counters: Counters {
        condition.lock()
        defer { condition.unlock() }
        return queue.counters
    }

    /// Carries out what waits, closes the journal and ends the thread.
    ///
    /// Later updates end in SERVFAIL.
    package func stop() {
        condition.lock()
        let wasStopped = queue.isStopped
        queue.isStopped = true
        condition.signal()
        condition.unlock()
        if !wasStopped {
            finished.wait()
            finished.signal()
        }
    }

    /// The thread: takes what waits, until stopped and empty.
    private func run() {
        while true {
            condition.lock()
            while queue.jobs.isEmpty, !queue.isStopped { condition.wait() }
            let jobs: [Job]
            if queue.jobs.count <= settings.batchLimit {
                jobs = queue.jobs
                queue.jobs.removeAll(keepingCapacity: true)
            } else {
                jobs = Array(queue.jobs.prefix(settings.batchLimit))
                queue.jobs.removeFirst(settings.batchLimit)
            }
            let isDone = jobs.isEmpty && queue.isStopped
            condition.unlock()
            if isDone { break }
            carryOut(jobs)
        }
        journal?.close()
        finished.signal()
    }

    /// Carries out jobs in order; a command waits for the updates before it to be on disk.
    private func carryOut(_ jobs: [Job]) {
        var batch = CommitBatch()
        for job in jobs {
            switch job {
            case .update(let request, let completion):
                batch.add(request, completion, zones: zones)
            case .command(let body):
                settle(&batch)
                body()
            }
        }
        settle(&batch)
    }

    /// Writes the batch, publishes and completes it.
    private func settle(_ batch: inout CommitBatch) {
        guard !batch.isEmpty else { return }
        let outcomes = batch.settle(journal) { publish($0, $1) }
        condition.lock()
        if outcomes.didCommit { queue.counters.commits += 1 }
        for (entry, reason) in outcomes.entries {
            queue.waiting -= 1
            let client = entry.client
            if let count = queue.perClient[client], count > 1 {
                queue.perClient[client] = count - 1
            } else {
                queue.perClient[client] = nil
            }
            switch reason {
            case .applied: queue.counters.applied += 1
            case .unchanged: queue.counters.unchanged += 1
            default:
                if case .tooManyRecords = reason { queue.counters.overLimit += 1 }
                if reason.responseCode == .serverFailure {
                    queue.counters.failed += 1
                } else {
                    queue.counters.rejected += 1
                }
            }
        }
        condition.unlock()
        for (entry, reason) in outcomes.entries { entry.completion(reason) }
        for zone in outcomes.changed { keepSmall(zone) }
        batch = CommitBatch()
    }
}
