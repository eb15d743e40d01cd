internal import Authority
internal import DNSCore
internal import Glibc
internal import Operations
internal import Synchronization

/// The zones' data and settings, which belong together by the zones' numbers.
struct ServedZones: Sendable {
    var catalog: ZoneCatalog
    var slots: ZoneSlots
}

/// Keeps the zones: loads them, opens their journals, publishes their versions, tells how they are.
///
/// The slow side of authority. Its lock is held for moments only; loading and journal work happen outside it.
final class ZoneKeeper: Sendable {
    /// How a zone is.
    struct Status: Sendable {
        /// Why the zone, or its newest file, could not be loaded; nil when all is well.
        var fault: String?
        /// The faults of a file that has several, one line each; at most ``ZoneError/faultLimit`` and how many more.
        var faults: [String] = []
        /// Why the zone is no catalog that can be followed.
        var catalogFault: String?
        var warnings: [String] = []
        /// When the served version was loaded or committed, seconds since 1970.
        var changedAt: Int64 = 0
        /// The file as it was when it was read last.
        var file: FileIdentity?
        /// When a primary last confirmed the zone, seconds since 1970; of a secondary only.
        var confirmedAt: Int64 = 0
        /// How it went with each primary the last time, by its number; of a secondary only.
        var attempts: [Int: PrimaryAttempt] = [:]
        /// Whether loading failed for want of room on the disk, and is to be tried again.
        var isRetried = false

        /// Seconds since a primary confirmed the zone.
        var confirmedAge: Int64 { max(0, WallClock.seconds - confirmedAt) }
    }

    private struct State {
        var snapshots: [Name: ZoneSnapshot] = [:]
        var statuses: [Name: Status] = [:]
        /// What IXFR is answered from.
        var histories: [Name: ZoneHistory] = [:]
        /// Zones whose journal is open.
        var journaled: Set<Name> = []
        var slots: ZoneSlots
        var counters: [Name: ZoneCounters] = [:]
        var observer: (@Sendable (ZoneSlot, ZoneSnapshot) -> Void)?
    }

    private let state: Mutex<State>
    private let published: Publication<ServedZones>
    /// Whether ``recover()`` has a thread.
    private let isRecovering = Atomic<Bool>(false)
    private let committerBox = Mutex<ZoneCommitter?>(nil)
    private let bounds: Mutex<LimitsSection>
    private let stateDirectory: String
    private let workers: Int
    /// What is counted for zones beyond `limits.zone-counters`.
    let otherCounters: ZoneCounters

    /// Opens the journal in `stateDirectory`; one that cannot be opened is tried again and again (``recover()``).
    init(stateDirectory: String, limits: LimitsSection, workers: Int) {
        MemoryBudget.keep(limits.memoryReserve)
        let others = ZoneCounters(workers: workers)
        let none = ZoneSlots([]) { _ in others }
        otherCounters = others
        self.workers = workers
        state = Mutex(State(slots: none))
        published = Publication(ServedZones(catalog: ZoneCatalog(), slots: none))
        bounds = Mutex(limits)
        self.stateDirectory = stateDirectory
        var settings = ZoneCommitter.Settings()
        settings.queueLimit = limits.pendingUpdates
        settings.queueLimitPerClient = limits.pendingUpdatesPerClient
        let committer = ZoneCommitter(stateDirectory: stateDirectory, settings: settings) {
            [weak self] name, snapshot in
            self?.publish(name, snapshot)
        }
        for damage in committer.damage { Logs.zone.error("\(damage)") }
        committerBox.withLock { $0 = committer }
    }

    /// The writer of all zones; nil once the server is stopping.
    var committer: ZoneCommitter? { committerBox.withLock { $0 } }

    /// What the workers answer from.
    var served: Publication<ServedZones> { published }

    /// The zones of the present configuration.
    var slots: ZoneSlots { state.withLock { $0.slots } }

    /// The bounds of zones, updates and transfers.
    var limits: LimitsSection { bounds.withLock { $0 } }

    /// Takes over other bounds, for zones that are configured from now on.
    func adopt(_ limits: LimitsSection) {
        MemoryBudget.keep(limits.memoryReserve)
        bounds.withLock { $0 = limits }
    }

    /// Called, on the committer's thread, after each change of a zone.
    func observe(_ observer: @escaping @Sendable (ZoneSlot, ZoneSnapshot) -> Void) {
        state.withLock { $0.observer = observer }
    }

    /// Carries out the updates that wait, then refuses further ones.
    func stop() {
        let committer = committerBox.withLock { box in
            defer { box = nil }
            return box
        }
        committer?.stop()
    }

    /// The served version of a zone.
    func snapshot(of name: Name) -> ZoneSnapshot? { state.withLock { $0.snapshots[name] } }

    /// How a zone is.
    func status(of name: Name) -> Status { state.withLock { $0.statuses[name] } ?? Status() }

    /// Serves `snapshot` as the present version of `name`; nil answers SERVFAIL.
    func publish(_ name: Name, _ snapshot: ZoneSnapshot?) {
        let observed: (ZoneSlot, @Sendable (ZoneSlot, ZoneSnapshot) -> Void)? = state.withLock { state in
            state.snapshots[name] = snapshot
            state.statuses[name, default: Status()].changedAt = WallClock.seconds
            guard let slot = state.slots[name] else { return nil }
            published.update { $0.catalog = $0.catalog.replacing(slot.number, with: snapshot) }
            return state.observer.map { (slot, $0) }
        }
        if let observed, let snapshot { observed.1(observed.0, snapshot) }
    }

    /// Takes over a set of zones: new ones are loaded, files that changed are read again, and all of it is published
    /// in one step.
    ///
    /// - Parameter changed: the zones to look at; nil: all.
    /// - Returns: what an operator should know, one line for each fault.
    @discardableResult
    func configure(_ sections: [ZoneSection], changed: Set<Name>? = nil) -> [String] {
        var notes: [String] = []
        for section in sections where changed?.contains(section.name) ?? true {
            if let fault = load(section, isForced: false) { notes.append("zone \(section.name): \(fault)") }
        }
        let slots = ZoneSlots(sections, counters: counters(for: sections))
        let closed = state.withLock { state -> [Name] in
            let gone = state.snapshots.keys.filter { slots[$0] == nil }
            for name in gone {
                state.snapshots[name] = nil
                state.statuses[name] = nil
                state.histories[name] = nil
            }
            state.slots = slots
            let zones = slots.all.map { (apex: $0.name, snapshot: state.snapshots[$0.name]) }
            published.publish(ServedZones(catalog: ZoneCatalog(zones), slots: slots))
            return gone.filter { state.journaled.remove($0) != nil }
        }
        for name in closed { committer?.close(name) }
        recover()
        return notes
    }

    /// The counters of each zone: those it had, new ones up to the limit, and beyond it those that all others share.
    private func counters(for sections: [ZoneSection]) -> (Name) -> ZoneCounters {
        let names = Set(sections.map(\.name))
        let known = state.withLock { state -> [Name: ZoneCounters] in
            state.counters = state.counters.filter { names.contains($0.key) }
            for section in sections where state.counters.count < limits.zoneCounters {
                guard state.counters[section.name] == nil else { continue }
                state.counters[section.name] = ZoneCounters(workers: workers)
            }
            return state.counters
        }
        return { [otherCounters] in known[$0] ?? otherCounters }
    }

    /// Forgets a zone's contents, its journal and the file that we keep of it: what comes next is a new zone.
    func forget(_ section: ZoneSection) {
        publish(section.name, nil)
        state.withLock { state in
            state.snapshots[section.name] = nil
            state.statuses[section.name] = nil
            state.histories[section.name] = nil
            state.journaled.remove(section.name)
        }
        do throws(JournalError) {
            try committer?.forget(section.name)
        } catch {
            Logs.zone.error("journal not deleted: \(error)", ["zone": "\(section.name)"])
        }
        if section.file == nil, let path = path(of: section) { StateFile.remove(path) }
    }

    /// Reads a zone's file, replays its journal, and serves the result; on a fault the old version stays.
    ///
    /// - Parameters:
    ///   - isForced: read the file even when it looks unchanged.
    ///   - isRecovery: read the file of a secondary too, for the sake of its journal.
    /// - Returns: the fault; nil when all is well.
    @discardableResult
    func load(_ section: ZoneSection, isForced: Bool, isRecovery: Bool = false) -> String? {
        guard let file = path(of: section) else { return nil }
        // A secondary has no file before its first transfer, a catalog of ours none before it is made.
        let isReceived = section.kind == .secondary || section.catalog?.role == .producer
        if isReceived, FileIdentity(path: file) == nil || snapshot(of: section.name) != nil && !isRecovery {
            return nil
        }
        let identity = FileIdentity(path: file)
        let old = state.withLock { ($0.statuses[section.name], $0.snapshots[section.name] != nil) }
        let options = options(section)
        if !isForced, old.1, identity != nil, old.0?.file == identity, old.0?.fault == nil {
            committer?.configure(options)
            return nil
        }
        var status = Status(changedAt: WallClock.seconds, file: identity, confirmedAt: identity?.seconds ?? 0)
        do {
            let loaded = try ZoneLoader.load(file: file, apex: section.name, recordLimit: section.maxRecords)
            status.warnings = loaded.warnings.map { "\($0)" }
            for warning in status.warnings.prefix(10) {
                Logs.zone.warning("\(warning)", ["zone": "\(section.name)"])
            }
            if let fault = section.zonemd.fault(in: loaded.snapshot) { throw fault }
            guard let committer else { return "the server is stopping" }
            let before = snapshot(of: section.name)
            let recovery = try committer.open(options, loaded: loaded.snapshot)
            for damage in recovery.damage { Logs.zone.error("\(damage)", ["zone": "\(section.name)"]) }
            if let note = ZoneKeeper.serialNote(from: before, to: recovery.snapshot) {
                status.warnings.append(note)
                Logs.zone.warning("\(note)", ["zone": "\(section.name)"])
            }
            let history = committer.history(section.name)
            state.withLock { state in
                state.journaled.insert(section.name)
                state.histories[section.name] = history
            }
            Logs.zone.info(
                "loaded",
                [
                    "zone": "\(section.name)", "serial": "\(recovery.snapshot.serial.rawValue)",
                    "records": "\(loaded.recordCount)", "replayed": "\(recovery.replayed)",
                ])
        } catch let error as JournalError {
            status.fault = ZoneKeeper.text(of: error)
            if case .fileChanged = error {} else { status.isRetried = true }
        } catch {
            status.fault = "\(error)"
            if let error = error as? ZoneError, case .several = error { status.faults = error.lines }
        }
        if let fault = status.fault {
            let serving = old.1 ? "the old version" : "nothing"
            for line in status.faults.isEmpty ? [fault] : status.faults {
                Logs.zone.error("not loaded: \(line)", ["zone": "\(section.name)", "serving": "\(serving)"])
            }
        }
        state.withLock { $0.statuses[section.name] = status }
        return status.fault
    }

    /// What ``configure(_:changed:)`` would say of the zone files that have changed; nothing is taken over, and no
    /// journal is looked at.
    func examine(_ sections: [ZoneSection]) -> [String] {
        sections.compactMap { section in
            guard section.kind == .primary, let file = section.file else { return nil }
            let status = status(of: section.name)
            if snapshot(of: section.name) != nil, status.fault == nil, FileIdentity(path: file) == status.file
            {
                return nil
            }
            do throws(ZoneError) {
                let loaded = try ZoneLoader.load(
                    file: file, apex: section.name, recordLimit: section.maxRecords)
                return section.zonemd.fault(in: loaded.snapshot).map { "zone \(section.name): \($0)" }
            } catch {
                return "zone \(section.name): \(error)"
            }
        }
    }

    /// Primary zones whose newest file is not what is served.
    var faultyCount: Int {
        slots.all.count { $0.section.kind == .primary && status(of: $0.name).fault != nil }
    }

    /// Names up to which a zone is compared with its former version for ``serialNote(from:to:)``.
    private static let comparedNames = 100_000

    /// What there is to say of a file's serial that does not follow on the one served before.
    private static func serialNote(from old: ZoneSnapshot?, to new: ZoneSnapshot) -> String? {
        guard let old else { return nil }
        if old.serial.isNewer(than: new.serial) {
            return
                "the serial went back, \(old.serial.rawValue) -> \(new.serial.rawValue): secondaries will not follow"
        }
        guard old.serial == new.serial, max(old.nameCount, new.nameCount) <= comparedNames,
            ZoneDifference.between(old, new).recordCount > 2
        else { return nil }
        return
            "the contents have changed and the serial \(new.serial.rawValue) has not: secondaries will not notice"
    }

    /// Time between two attempts to open what could not be opened.
    private static let recoveryInterval: UInt32 = 2

    /// Starts a thread that tries until the journal is open and all zones that failed for its sake are.
    func recover() {
        let isNeeded =
            committer?.fault != nil || state.withLock { $0.statuses.values.contains(where: \.isRetried) }
        guard isNeeded, !isRecovering.exchange(true, ordering: .acquiringAndReleasing) else { return }
        if let fault = committer?.fault {
            Logs.zone.error(
                "no updates and no transfers in: \(fault); trying again", ["directory": stateDirectory])
        }
        let hasThread = ServiceThread.start("journal") { [weak self] in
            while let self {
                sleep(ZoneKeeper.recoveryInterval)
                if tryAgain() { break }
            }
        }
        if !hasThread { isRecovering.store(false, ordering: .releasing) }
    }

    /// One attempt; true when there is nothing left to try.
    private func tryAgain() -> Bool {
        guard let committer else { return true }
        let names: [ZoneSlot]
        if committer.fault != nil {
            Directories.make(stateDirectory, mode: 0o750)
            do throws(JournalError) {
                for damage in try committer.attach() { Logs.zone.error("\(damage)") }
            } catch {
                return false
            }
            Logs.zone.notice("the journal is open", ["directory": stateDirectory])
            names = slots.all
        } else {
            names = slots.all.filter { status(of: $0.name).isRetried }
        }
        for slot in names { load(slot.section, isForced: true, isRecovery: true) }
        guard !slots.all.contains(where: { status(of: $0.name).isRetried }) else { return false }
        isRecovering.store(false, ordering: .releasing)
        return true
    }

    /// What IXFR of a zone is answered from; nil when nothing is kept.
    func history(of name: Name) -> ZoneHistory? { state.withLock { $0.histories[name] } }

    /// A primary confirmed that the zone is up to date.
    func confirm(_ name: Name) {
        state.withLock { $0.statuses[name, default: Status()].confirmedAt = WallClock.seconds }
    }

    /// Notes how it went with a primary.
    func note(_ attempt: PrimaryAttempt, of primary: Int, _ name: Name) {
        state.withLock { $0.statuses[name, default: Status()].attempts[primary] = attempt }
    }

    /// The zone has other primaries from here on, or none.
    func forgetAttempts(_ name: Name) { state.withLock { $0.statuses[name]?.attempts = [:] } }

    /// The primaries are asked anew, one after the other.
    func beginRound(_ name: Name) {
        state.withLock { state in
            for primary in (state.statuses[name]?.attempts ?? [:]).keys {
                state.statuses[name]?.attempts[primary]?.isOfLastRound = false
            }
        }
    }

    /// Notes whether a catalog can be followed.
    func note(catalogFault: String?, _ name: Name) {
        state.withLock { state in
            guard catalogFault != nil || state.statuses[name] != nil else { return }
            state.statuses[name, default: Status()].catalogFault = catalogFault
        }
    }

    /// Notes what was wrong with a transfer, for `zone status`.
    func note(_ fault: String, _ name: Name) {
        state.withLock { $0.statuses[name, default: Status()].fault = fault }
    }

    /// Reads a zone's file again as ``load(_:isForced:isRecovery:)`` does.
    ///
    /// - Returns: one line for each fault; none when all is well.
    func reload(_ section: ZoneSection) -> [String] {
        guard let fault = load(section, isForced: true) else { return [] }
        let faults = status(of: section.name).faults
        return faults.isEmpty ? [fault] : faults
    }

    /// Makes a transferred version durable and serves it.
    ///
    /// - Returns: why it could not be kept; nil when all is well.
    func install(_ outcome: TransferOutcome, _ slot: ZoneSlot) -> String? {
        guard let committer else { return "the server is stopping" }
        let options = options(slot.section)
        if let file = options.file { Directories.make(forFileAt: file) }
        do throws(JournalError) {
            try committer.install(outcome, options)
        } catch {
            return "\(error)"
        }
        let history = committer.history(slot.name)
        state.withLock { state in
            state.journaled.insert(slot.name)
            state.histories[slot.name] = history
            state.statuses[slot.name, default: Status()].fault = nil
            state.statuses[slot.name, default: Status()].confirmedAt = WallClock.seconds
        }
        return nil
    }

    /// Where a zone's file is: one without a file in the configuration has it in the state directory.
    private func path(of section: ZoneSection) -> String? {
        if let file = section.file { return file }
        guard section.kind == .secondary || section.catalog?.role == .producer else { return nil }
        let name = "\(section.name.lowercased)".map { $0 == "/" ? "=2F" : String($0) }.joined()
        return "\(stateDirectory)/zones/\(name)zone"
    }

    private func options(_ section: ZoneSection) -> JournaledZone {
        var options = JournaledZone(section, limits)
        options.file = path(of: section)
        return options
    }

    /// A journal's fault with the difference that the operator must see.
    static func text(of error: JournalError) -> String {
        guard case .fileChanged(_, let conflict) = error else { return "\(error)" }
        return """
            the zone file was edited (serial \(conflict.found.rawValue)) and cannot be merged with the journal \
            (serial \(conflict.journal.rawValue)); they differ in:
            \(conflict.difference.joined(separator: "\n"))
            """
    }
}
