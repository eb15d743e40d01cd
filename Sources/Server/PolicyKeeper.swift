internal import Authority
internal import DNSCore
internal import Operations
internal import Resolver
internal import Synchronization

/// The response policy zones: from files, or from zones of ours, and then again whenever such a zone changes.
///
/// Making a large zone ready takes a while; it happens on a thread of its own, and the workers go on with what they
/// have.
final class PolicyKeeper: Sendable {
    /// What a configuration says of policies, its files read.
    struct Reading: Sendable {
        fileprivate var sections: [ResponsePolicySection] = []
        fileprivate var views: [ViewSection] = []
        fileprivate var files: [Name: [ResourceRecord]] = [:]
    }

    private struct State {
        var reading = Reading()
        /// Zones that have changed since the last reading.
        var isStale = false
        var isRunning = false
        var publish: (@Sendable ([Policies]) -> Void)?
    }

    private let state = Mutex(State())
    private let zones: ZoneKeeper

    init(zones: ZoneKeeper) {
        self.zones = zones
    }

    /// Reads the files of a configuration.
    ///
    /// - Throws: ``ServerError/badFile(path:line:reason:)``.
    static func read(_ configuration: ServerConfiguration) throws(ServerError) -> Reading {
        var reading = Reading(sections: configuration.rpz, views: configuration.views)
        for section in configuration.rpz {
            guard let file = section.file else { continue }
            reading.files[section.zone.lowercased] = try ResolverConfiguration.fileRecords(
                file, origin: section.zone)
        }
        return reading
    }

    /// Follows the zones of a configuration from now on; `publish` gets new policies when one of them changes.
    func follow(_ reading: Reading, publish: @escaping @Sendable ([Policies]) -> Void) {
        state.withLock {
            $0.reading = reading
            $0.publish = publish
        }
    }

    /// A zone of ours has a new version.
    func changed(_ zone: Name) {
        let starts = state.withLock { state -> Bool in
            let name = zone.lowercased
            guard state.reading.sections.contains(where: { $0.file == nil && $0.zone.lowercased == name })
            else {
                return false
            }
            state.isStale = true
            guard !state.isRunning else { return false }
            state.isRunning = true
            return true
        }
        if starts, !ServiceThread.start("torii-rpz", { self.refresh() }) {
            state.withLock { $0.isRunning = false }
        }
    }

    private func refresh() {
        while true {
            let work = state.withLock { state -> State? in
                guard state.isStale else {
                    state.isRunning = false
                    return nil
                }
                state.isStale = false
                return state
            }
            guard let work else { return }
            work.publish?(make(work.reading))
            Logs.policy.info("policy zones renewed")
        }
    }

    /// The policies of each view, ready to be looked up; the first are those outside of views.
    func make(_ reading: Reading) -> [Policies] {
        let zones = reading.sections.map { section in
            PolicyZoneConfiguration(
                section, reading.files[section.zone.lowercased] ?? records(of: section.zone))
        }
        let all = Policies(zones)
        return [all] + reading.views.map { view in all.only { view.rpz.contains($0) } }
    }

    /// The records of a zone of ours; none before it has been loaded.
    private func records(of zone: Name) -> [ResourceRecord] {
        guard let snapshot = zones.snapshot(of: zones.slots[zone]?.name ?? zone) else {
            Logs.policy.warning("policy zone not there yet", ["zone": "\(zone)"])
            return []
        }
        var records: [ResourceRecord] = []
        snapshot.forEachRRset { records += $0.records }
        return records
    }
}

extension PolicyZoneConfiguration {
    /// A policy zone of the configuration with these records.
    fileprivate init(_ section: ResponsePolicySection, _ records: [ResourceRecord]) {
        self.init(
            origin: section.zone, override: Override(rawValue: section.policy.rawValue) ?? .given,
            records: records)
        target = section.target
        isLogged = section.log
        switch section.extendedError {
        case .blocked: extendedError = .blocked
        case .censored: extendedError = .censored
        case .filtered: extendedError = .filtered
        case .prohibited: extendedError = .prohibited
        case .none: extendedError = nil
        }
    }
}
