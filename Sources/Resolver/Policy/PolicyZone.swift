internal import DNSCore

/// What a response policy zone wants done.
enum PolicyAction: Sendable {
    case nameError
    case noData
    case passThrough
    case drop
    case tcpOnly
    /// Records in place of the real ones; a CNAME among them is followed.
    case localData([RecordSet])
}

/// One response policy zone, its triggers ready to be looked up.
struct PolicyZone: Sendable {
    let origin: Name
    /// What responses that the zone has changed are marked with.
    let extendedError: ExtendedError?
    /// Whether each match is to be logged: such answers are not cached whole.
    let isLogged: Bool
    /// In place of what the zone gives; nil = what it gives.
    private let override: PolicyAction?
    /// For negative answers; nil when the zone has none.
    private(set) var startOfAuthority: RecordSet?
    private var names: [Name: PolicyAction] = [:]
    /// By the name behind the asterisk.
    private var wildcards: [Name: PolicyAction] = [:]
    private var serverNames: [Name: PolicyAction] = [:]
    private var serverWildcards: [Name: PolicyAction] = [:]
    private var clients = PrefixTable()
    private var answers = PrefixTable()
    private var serverAddresses = PrefixTable()

    /// Actions by prefix; the longest one wins.
    private struct PrefixTable: Sendable {
        private var byLength: [Int: [IPAddress: PolicyAction]] = [:]
        private var lengths: [Int] = []

        var isEmpty: Bool { lengths.isEmpty }

        mutating func set(_ prefix: IPPrefix, _ action: PolicyAction) {
            let length = prefix.length + (prefix.address.isIPv6 ? 1000 : 0)
            byLength[length, default: [:]][prefix.address] = action
            if !lengths.contains(length) { lengths = (lengths + [length]).sorted(by: >) }
        }

        func action(_ prefix: IPPrefix) -> PolicyAction? {
            byLength[prefix.length + (prefix.address.isIPv6 ? 1000 : 0)]?[prefix.address]
        }

        subscript(_ address: IPAddress) -> PolicyAction? {
            for length in lengths where (length >= 1000) == address.isIPv6 {
                let bits = length >= 1000 ? length - 1000 : length
                if let action = byLength[length]?[address.masked(to: bits)] { return action }
            }
            return nil
        }
    }

    init(_ configuration: PolicyZoneConfiguration) {
        origin = configuration.origin
        extendedError = configuration.extendedError
        isLogged = configuration.isLogged
        override = PolicyZone.action(configuration)
        guard configuration.override != .disabled else { return }
        for record in configuration.records where record.owner.isAtOrBelow(origin) {
            add(record)
        }
    }

    var hasClientTriggers: Bool { !clients.isEmpty }
    /// Whether an answer must be there before everything can be judged.
    var hasAnswerTriggers: Bool {
        !answers.isEmpty || !serverAddresses.isEmpty || !serverNames.isEmpty || !serverWildcards.isEmpty
    }

    func client(_ address: IPAddress) -> PolicyAction? { clients.isEmpty ? nil : clients[address] }
    func answer(_ address: IPAddress) -> PolicyAction? { answers.isEmpty ? nil : answers[address] }
    func server(_ address: IPAddress) -> PolicyAction? {
        serverAddresses.isEmpty ? nil : serverAddresses[address]
    }
    func name(_ name: Name) -> PolicyAction? { PolicyZone.find(name, names, wildcards) }
    func server(_ name: Name) -> PolicyAction? { PolicyZone.find(name, serverNames, serverWildcards) }

    private static func find(
        _ name: Name, _ exact: [Name: PolicyAction], _ wild: [Name: PolicyAction]
    ) -> PolicyAction? {
        if let action = exact[name] { return action }
        guard !wild.isEmpty else { return nil }
        var parent = name.parent
        while let current = parent {
            if let action = wild[current] { return action }
            parent = current.parent
        }
        return nil
    }

    // MARK: Reading the zone

    private mutating func add(_ record: ResourceRecord) {
        let labels = record.owner.labels.dropLast(origin.labelCount)
        guard let last = labels.last else {
            if record.type == .soa {
                var set = RecordSet(owner: record.owner, type: .soa, ttl: record.ttl)
                set.data.append(record.data.octets)
                startOfAuthority = set
            }
            return
        }
        switch String(decoding: last.map(\.lowercasedASCII), as: UTF8.self) {
        case "rpz-client-ip": addPrefix(record, labels.dropLast(), to: \.clients)
        case "rpz-ip": addPrefix(record, labels.dropLast(), to: \.answers)
        case "rpz-nsip": addPrefix(record, labels.dropLast(), to: \.serverAddresses)
        case "rpz-nsdname": addName(record, labels.dropLast(), to: \.serverNames, \.serverWildcards)
        default: addName(record, labels, to: \.names, \.wildcards)
        }
    }

    private mutating func addName(
        _ record: ResourceRecord, _ labels: ArraySlice<ArraySlice<UInt8>>,
        to exact: WritableKeyPath<PolicyZone, [Name: PolicyAction]>,
        _ wild: WritableKeyPath<PolicyZone, [Name: PolicyAction]>
    ) {
        guard let name = try? Name(labels: Array(labels)) else { return }
        if name.isWildcard, let parent = name.parent {
            self[keyPath: wild][parent] = action(record, joining: self[keyPath: wild][parent])
        } else {
            self[keyPath: exact][name] = action(record, joining: self[keyPath: exact][name])
        }
    }

    private mutating func addPrefix(
        _ record: ResourceRecord, _ labels: ArraySlice<ArraySlice<UInt8>>,
        to table: WritableKeyPath<PolicyZone, PrefixTable>
    ) {
        guard let prefix = PolicyZone.prefix(labels.map { String(decoding: $0, as: UTF8.self) }) else {
            return
        }
        let joined = action(record, joining: self[keyPath: table].action(prefix))
        if let joined { self[keyPath: table].set(prefix, joined) }
    }

    /// `24.0.2.0.192` is 192.0.2.0/24; `32.zz.db8.2001` is 2001:db8::/32.
    static func prefix(_ labels: [String]) -> IPPrefix? {
        guard let first = labels.first, let length = Int(first) else { return nil }
        let parts = Array(labels.dropFirst().reversed())
        if parts.count == 4, let address = IPAddress(parts.joined(separator: ".")), length <= 32 {
            return IPPrefix(address.masked(to: length), length: length)
        }
        let text = parts.map { $0.lowercased() == "zz" ? "" : $0 }.joined(separator: ":")
        var shortened = text
        if parts.first?.lowercased() == "zz" { shortened = ":" + shortened }
        if parts.last?.lowercased() == "zz" { shortened += ":" }
        guard let address = IPAddress(shortened), address.isIPv6, length <= 128 else { return nil }
        return IPPrefix(address.masked(to: length), length: length)
    }

    /// What the configuration puts in place of every action of the zone.
    private static func action(_ configuration: PolicyZoneConfiguration) -> PolicyAction? {
        switch configuration.override {
        case .given, .disabled: return nil
        case .passthru: return .passThrough
        case .drop: return .drop
        case .nxdomain: return .nameError
        case .nodata: return .noData
        case .tcpOnly: return .tcpOnly
        case .cname:
            guard let target = configuration.target else { return nil }
            var set = RecordSet(owner: configuration.origin, type: .cname, ttl: 60)
            set.data.append(target.wire)
            return .localData([set])
        }
    }

    private func action(_ record: ResourceRecord, joining old: PolicyAction?) -> PolicyAction? {
        if let override { return override }
        if record.type == .cname, let target = record.data.names(as: .cname).first {
            switch target.description.lowercased() {
            case ".": return .nameError
            case "*.": return .noData
            case "rpz-passthru.": return .passThrough
            case "rpz-drop.": return .drop
            case "rpz-tcp-only.": return .tcpOnly
            default: break
            }
        }
        var sets: [RecordSet] = []
        if case .localData(let before)? = old { sets = before }
        if let index = sets.firstIndex(where: { $0.type == record.type }) {
            sets[index].data.append(record.data.octets)
        } else {
            var set = RecordSet(owner: record.owner, type: record.type, ttl: record.ttl)
            set.data.append(record.data.octets)
            sets.append(set)
        }
        return .localData(sets)
    }
}
