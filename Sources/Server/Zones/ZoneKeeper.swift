internal import Authority
internal import DNSCore
internal import Operations
internal import Synchronization

/// Keeps the zones: loads them, replaces their versions, tells how they are. The slow side of authority.
final class ZoneKeeper: Sendable {
    /// How a zone is.
    struct Status: Sendable {
        /// Why the zone, or its newest file, could not be loaded; nil when all is well.
        var fault: String?
        var warnings: [String] = []
        /// When the served version was loaded or committed, seconds since 1970.
        var loadedAt: Int64 = 0
    }

    private struct State {
        var core: ServerCore?
        var slots: [Name: ZoneSlot] = [:]
        var statuses: [Name: Status] = [:]
    }

    let stateDirectory: String
    private let limits: LimitsSection
    private let state = Mutex(State())

    /// - Throws: ``ServerError/stateDirectory(path:reason:)``.
    init(stateDirectory: String, limits: LimitsSection) throws(ServerError) {
        self.stateDirectory = stateDirectory
        self.limits = limits
    }

    /// Names the core whose directory is kept up to date.
    func attach(_ core: ServerCore) {
        state.withLock { $0.core = core }
    }

    func start() {}
    func stop() {}

    /// Takes over the zones of a configuration: new ones are loaded, those that are no longer named go, files that
    /// changed are read again.
    ///
    /// - Returns: what an operator should know, one line for each fault.
    @discardableResult
    func configure(_ configuration: ServerConfiguration) -> [String] {
        var notes: [String] = []
        let known = state.withLock { $0.slots }
        var slots: [Name: ZoneSlot] = [:]
        var ordered: [ZoneSlot] = []
        for section in configuration.zones {
            let slot = known[section.name] ?? ZoneSlot(name: section.name, section: section)
            slot.section = section
            slots[section.name] = slot
            ordered.append(slot)
            if let fault = load(slot) { notes.append("zone \(section.name): \(fault)") }
        }
        state.withLock { state in
            state.slots = slots
            state.statuses = state.statuses.filter { slots[$0.key] != nil }
            state.core?.directory.publish(ZoneDirectory(ordered))
        }
        return notes
    }

    /// Reads the zone's file and serves it; on a fault the old version stays.
    ///
    /// - Returns: the fault; nil when all is well.
    @discardableResult
    func load(_ slot: ZoneSlot) -> String? {
        let section = slot.section
        guard let file = section.file else { return nil }
        var status = Status(loadedAt: WallClock.seconds)
        do throws(ZoneError) {
            let loaded = try ZoneLoader.load(file: file, apex: section.name, recordLimit: section.maxRecords)
            status.warnings = loaded.warnings.map { "\($0)" }
            slot.publish(loaded.snapshot)
            Logs.zone.info(
                "loaded",
                ["zone": "\(section.name)", "serial": "\(loaded.snapshot.serial.rawValue)", "records": "\(loaded.recordCount)"])
            for warning in status.warnings.prefix(10) {
                Logs.zone.warning("\(warning)", ["zone": "\(section.name)"])
            }
        } catch {
            status.fault = "\(error)"
            Logs.zone.error("not loaded: \(error)", ["zone": "\(section.name)", "serving": slot.snapshot == nil ? "nothing" : "the old version"])
        }
        let fault = status.fault
        state.withLock { $0.statuses[section.name] = status }
        return fault
    }

    /// The slot of a zone.
    func slot(named name: Name) -> ZoneSlot? { state.withLock { $0.slots[name] } }

    /// All zones in canonical order.
    var slots: [ZoneSlot] { state.withLock { $0.slots.values.sorted { $0.name < $1.name } } }

    /// How a zone is.
    func status(of name: Name) -> Status { state.withLock { $0.statuses[name] } ?? Status() }
}
