internal import Authority
internal import DNSCore
internal import Operations
internal import Synchronization

/// Which zones there are: those of the configuration, those that `zone add` has added, and those that catalogs list
/// (RFC 9432); and what the catalogs that we make list themselves.
///
/// A story of one change: a catalog that we are a secondary of is transferred. The zones' writer publishes it and tells
/// the roster, which reads it on a thread of its own; one that is broken changes nothing. Zones that are new in it are
/// secondaries from now on, zones that have gone are forgotten with all that was kept of them, and zones whose label
/// is another one are forgotten and fetched anew. What each zone's label was is on disk, so that all of this also
/// holds for a change that was missed.
final class ZoneRoster: Sendable {
    /// A zone that was added while the server ran.
    private struct AddedZone {
        let section: ZoneSection
        /// The options as they were given, within the braces of a YAML map.
        let text: String
    }

    /// What came of ``add(_:_:path:)``: one line for each thing worth telling, or each reason why not.
    enum Addition {
        case added([String])
        case refused([String])
    }

    private struct State {
        var configuration: ServerConfiguration?
        var added: [Name: AddedZone] = [:]
        var members = CatalogMemberships()
        /// The last fault of each catalog, so that it is told once.
        var faults: [Name: String] = [:]
    }

    private let state = Mutex(State())
    private let zones: ZoneKeeper
    private let membersPath: String
    private let addedPath: String
    /// Whether a look at the catalogs is due.
    private let isDue = Atomic<Bool>(false)
    /// Members of catalogs of ours that are listed as soon as they are served.
    private let unlisted = Mutex<Set<Name>>([])
    private let afterChange = Mutex<(@Sendable (_ forgotten: [Name]) -> Void)?>(nil)

    init(zones: ZoneKeeper, stateDirectory: String) {
        self.zones = zones
        membersPath = stateDirectory + "/catalog-members"
        addedPath = stateDirectory + "/added-zones.yaml"
    }

    /// Calls `body` after each change of the set of zones, with the zones whose contents were thrown away.
    func observe(_ body: @escaping @Sendable (_ forgotten: [Name]) -> Void) {
        afterChange.withLock { $0 = body }
    }

    /// Takes over the zones of a configuration.
    ///
    /// - Returns: what an operator should know, one line for each fault.
    @discardableResult
    func configure(_ configuration: ServerConfiguration, path: String) -> [String] {
        let (notes, forgotten) = state.withLock { state -> ([String], [Name]) in
            let isFirst = state.configuration == nil
            state.configuration = configuration
            if isFirst, let text = StateFile.read(membersPath) {
                state.members = CatalogMemberships(text: text)
            }
            var notes = readAdded(&state, path)
            notes += zones.configure(sections(state))
            let (more, forgotten) = reconcile(&state)
            if isFirst { for note in more { Logs.zone.warning("\(note)") } }
            return (notes + more, forgotten)
        }
        afterChange.withLock { $0 }?(forgotten)
        return notes
    }

    /// A zone has a new version: when it is a catalog, the zones that it lists are looked at, on another thread; so are
    /// the catalogs that we make, when a member can be listed from now on.
    func changed(_ slot: ZoneSlot) {
        let matters =
            switch slot.section.catalog?.role {
            case .consumer: true
            case .member: unlisted.withLock { $0.contains(slot.name) }
            case .producer, nil: false
            }
        guard matters, !isDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let hasThread = ServiceThread.start("catalogs") { [self] in
            isDue.store(false, ordering: .releasing)
            let (notes, forgotten) = state.withLock { reconcile(&$0) }
            for note in notes { Logs.zone.warning("\(note)") }
            afterChange.withLock { $0 }?(forgotten)
        }
        if !hasThread { isDue.store(false, ordering: .releasing) }
    }

    // MARK: Zones added by the operator

    /// Adds a zone whose options are `text`, as they would stand in the configuration's `zones`, and keeps it over a
    /// restart.
    ///
    /// It is served before a catalog lists it; a primary zone that cannot be loaded is not added.
    func add(_ name: Name, _ text: String, path: String) -> Addition {
        let (addition, forgotten) = state.withLock { state -> (Addition, [Name]) in
            guard let configuration = state.configuration else {
                return (.refused(["the server is starting"]), [])
            }
            guard zones.slots[name] == nil else { return (.refused(["there is a zone \(name) already"]), []) }
            let section: ZoneSection
            do throws(ConfigurationErrors) {
                section = try parse(name, text, configuration, path)
            } catch {
                let faults = error.errors.map { "\($0.path.isEmpty ? "" : "\($0.path): ")\($0.message)" }
                return (.refused(faults), [])
            }
            state.added[name] = AddedZone(section: section, text: text)
            if let fault = writeAdded(state) {
                state.added[name] = nil
                return (.refused([fault]), [])
            }
            var notes = zones.configure(sections(state), changed: [name])
            if section.kind == .primary, section.catalog?.role != .producer, zones.snapshot(of: name) == nil {
                state.added[name] = nil
                if let fault = writeAdded(state) { notes.append(fault) }
                zones.configure(sections(state), changed: [])
                return (.refused(notes), [])
            }
            let (more, forgotten) = reconcile(&state)
            return (.added(notes + more), forgotten)
        }
        if case .added = addition { afterChange.withLock { $0 }?(forgotten) }
        return addition
    }

    /// Removes a zone that ``add(_:_:path:)`` has added.
    ///
    /// - Parameter cleans: whether its journal goes too, and the file that we keep of a secondary.
    /// - Returns: why not; nil when it is gone.
    func delete(_ name: Name, cleans: Bool) -> String? {
        let (problem, forgotten) = state.withLock { state -> (String?, [Name]) in
            guard let zone = state.added[name] else {
                if let catalog = state.members.zones[name]?.catalog {
                    return ("\(name) is listed by the catalog \(catalog); remove it there", [])
                }
                return (
                    zones.slots[name] == nil
                        ? "no zone \(name)"
                        : "\(name) is in the configuration file; remove it there and reload",
                    []
                )
            }
            state.added[name] = nil
            if let fault = writeAdded(state) {
                state.added[name] = zone
                return (fault, [])
            }
            if cleans { zones.forget(zone.section) }
            zones.configure(sections(state), changed: [])
            let (_, forgotten) = reconcile(&state)
            return (nil, forgotten + [name])
        }
        if problem == nil { afterChange.withLock { $0 }?(forgotten) }
        return problem
    }

    /// Where a zone comes from: `configuration`, `added`, or the catalog that lists it.
    func origin(of name: Name) -> String {
        state.withLock { state in
            if state.added[name] != nil { return "added" }
            return state.members.zones[name].map { "catalog \($0.catalog)" } ?? "configuration"
        }
    }

    /// The text of a zone's options when it was added; nil for others.
    private func parse(
        _ name: Name, _ text: String, _ configuration: ServerConfiguration, _ path: String
    ) throws(ConfigurationErrors) -> ZoneSection {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        let catalogs = configuration.zones.filter { $0.catalog?.role == .producer }.map(\.name)
        let record = try ConfigurationContext.parse(
            AddedZonesRecord.self, text: "zones: [ { name: \"\(Self.quoted(name))\", \(text) } ]",
            file: directory + "added-zones.yaml",
            known: [
                "keys": Set(configuration.keys.map { $0.name.lowercased.description }),
                "catalogs": Set(catalogs.map { $0.lowercased.description }),
            ])
        guard let section = record.zones.first else { throw ConfigurationErrors([]) }
        return section
    }

    private static func quoted(_ name: Name) -> String {
        name.description.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }.joined()
    }

    /// Reads the added zones again: their options may refer to what the configuration has no more.
    private func readAdded(_ state: inout State, _ path: String) -> [String] {
        guard let configuration = state.configuration else { return [] }
        var texts = state.added.mapValues(\.text)
        if texts.isEmpty, let file = StateFile.read(addedPath) {
            for line in file.split(separator: "\n") where line.hasPrefix("- ") {
                let parts = line.dropFirst(2).split(separator: " ", maxSplits: 1)
                guard parts.count == 2, let name = try? Name(String(parts[0])) else { continue }
                texts[name] = String(parts[1])
            }
        }
        let own = Set(configuration.zones.map(\.name))
        var notes: [String] = []
        state.added = [:]
        for (name, text) in texts {
            guard !own.contains(name) else {
                notes.append("zone \(name): added, and now in the configuration too, which counts")
                continue
            }
            do throws(ConfigurationErrors) {
                state.added[name] = AddedZone(section: try parse(name, text, configuration, path), text: text)
            } catch {
                notes.append("zone \(name): added, and not usable any more: \(error.errors.map(\.message))")
            }
        }
        return notes
    }

    private func writeAdded(_ state: State) -> String? {
        let lines = state.added.sorted { $0.key < $1.key }.map { "- \($0.key) \($0.value.text)\n" }
        let fault = StateFile.write(addedPath, "# Zones of zone add: name, options.\n" + lines.joined())
        return fault == 0 ? nil : "\(addedPath) cannot be written: error \(fault)"
    }

    // MARK: Catalogs

    private func base(_ state: State) -> [ZoneSection] {
        (state.configuration?.zones ?? []) + state.added.values.map(\.section).sorted { $0.name < $1.name }
    }

    private func sections(_ state: State) -> [ZoneSection] {
        let base = base(state)
        let catalogs = Dictionary(base.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return base
            + state.members.zones.sorted { $0.key < $1.key }.compactMap { zone, membership in
                guard catalogs[zone] == nil, let catalog = catalogs[membership.catalog] else { return nil }
                let template = catalog.catalog?.members.first { entry in
                    entry.group.map { membership.groups.contains($0) } ?? true
                }
                return catalog.member(zone, template)
            }
    }

    /// Takes over what the catalogs list, and makes those that are ours.
    ///
    /// - Returns: faults, and the zones whose contents were thrown away.
    private func reconcile(_ state: inout State) -> (notes: [String], forgotten: [Name]) {
        let base = base(state)
        var notes: [String] = []
        var forgotten: [Name] = []
        let before = state.members
        let old = Dictionary(sections(state).map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let catalogs = base.filter { $0.catalog?.role == .consumer }.map { section in
            (apex: section.name, contents: contents(section, &state, &notes))
        }
        let own = Set(base.map(\.name))
        var touched: Set<Name> = []
        for change in state.members.update(catalogs, isTaken: { own.contains($0) }) {
            switch change {
            case .added(let zone):
                Logs.zone.info("listed by a catalog", ["zone": "\(zone)"])
                touched.insert(zone)
            case .altered(let zone): touched.insert(zone)
            case .removed(let zone), .reset(let zone):
                Logs.zone.notice(
                    state.members.zones[zone] == nil
                        ? "listed by no catalog any more" : "begun anew by its catalog",
                    ["zone": "\(zone)"])
                touched.insert(zone)
                forgotten.append(zone)
                if let section = old[zone] { zones.forget(section) }
            case .passedOver(let zone, let catalog):
                Logs.zone.limited(
                    .warning, "catalog", "listed, but it belongs to another catalog or to the configuration",
                    ["zone": "\(zone)", "catalog": "\(catalog)"])
            }
        }
        if state.members != before {
            let fault = StateFile.write(membersPath, state.members.text)
            if fault != 0 { notes.append("\(membersPath) cannot be written: error \(fault)") }
        }
        if !touched.isEmpty { notes += zones.configure(sections(state), changed: touched) }
        let unready = Set(base.map(\.name).filter { zones.snapshot(of: $0) == nil })
        unlisted.withLock { $0 = unready }
        for section in base where section.catalog?.role == .producer {
            if let fault = produce(section, base, unready) { notes.append("zone \(section.name): \(fault)") }
        }
        return (notes, forgotten)
    }

    /// What a catalog lists; nil when it is not there or broken, which is told once.
    private func contents(
        _ section: ZoneSection, _ state: inout State, _ notes: inout [String]
    ) -> CatalogContents? {
        guard let snapshot = zones.snapshot(of: section.name) else { return nil }
        do throws(CatalogContents.Fault) {
            let contents = try CatalogContents(snapshot, limit: section.catalog?.maxMembers ?? 1)
            state.faults[section.name] = nil
            zones.note(catalogFault: nil, section.name)
            return contents
        } catch {
            let fault = "zone \(section.name): a broken catalog, its zones stay as they were: \(error)"
            zones.note(catalogFault: "a broken catalog: \(error)", section.name)
            if state.faults[section.name] != fault {
                state.faults[section.name] = fault
                notes.append(fault)
            }
            return nil
        }
    }

    /// Makes the next version of a catalog of ours.
    private func produce(
        _ section: ZoneSection, _ base: [ZoneSection], _ unready: Set<Name>
    ) -> String? {
        guard let slot = zones.slots[section.name] else { return nil }
        var members: [Name: [String]] = [:]
        for zone in base where zone.catalog?.role == .member && zone.catalog?.zone == section.name {
            members[zone.name] = (zone.catalog?.groups ?? []).sorted()
        }
        let previous = zones.snapshot(of: section.name)
        do throws(ZoneError) {
            let now = UInt32(truncatingIfNeeded: WallClock.seconds)
            guard
                let next = try CatalogProducer.zone(
                    section.name, members: members, unready: unready, previous: previous, now: now)
            else { return nil }
            guard let previous else { return zones.install(.full(next), slot) }
            return zones.install(.incremental(next, [.between(previous, next)]), slot)
        } catch {
            return "\(error)"
        }
    }
}

/// The zones of `zone add` as a part of a configuration.
private struct AddedZonesRecord: ConfigurationRecord {
    let zones: [ZoneSection]

    init(_ section: ConfigurationSection) {
        zones = section.records("zones")
    }
}
