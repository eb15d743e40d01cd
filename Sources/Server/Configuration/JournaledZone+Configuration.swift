package import Authority
internal import DNSCore

extension JournaledZone {
    /// The zone as its committer must know it.
    init(_ section: ZoneSection, _ limits: LimitsSection) {
        self.init(
            apex: section.name, file: section.file, policy: UpdatePolicy(section),
            settings: UpdateSettings(section, limits),
            fileChanges: section.fileChanges == .merge ? .merge : .refuse, journalSize: section.journalSize,
            isReceived: section.kind == .secondary)
    }
}

extension UpdateSettings {
    /// The bounds and the way of numbering for updates of one zone.
    init(_ section: ZoneSection, _ limits: LimitsSection) {
        self.init()
        recordsPerSet = limits.recordsPerRRset
        typesPerName = limits.typesPerName
        recordsPerUpdate = limits.recordsPerUpdate
        recordsPerZone = section.maxRecords
        checksNameServers = section.checkNameServers
        switch section.serial {
        case .increment: serial = .increment
        case .unixtime: serial = .unixtime
        case .date: serial = .date
        }
    }
}

extension UpdatePolicy {
    /// The `update` rules of a zone.
    init(_ section: ZoneSection) {
        self.init(rules: section.update.map { UpdateRule($0) })
        switch section.privateAddresses {
        case .allow: privateAddresses = .accept
        case .refuse: privateAddresses = .refuse
        case .replace: privateAddresses = .replace
        }
    }
}

extension UpdateRule {
    /// One rule of the configuration.
    init(_ section: UpdateRuleSection) {
        self.init(
            key: section.key, from: section.from, names: section.names.map { UpdateNameMatch($0) },
            types: section.types.map { UpdateTypeMatch($0.type, count: $0.maximum) },
            action: section.action == .allow ? .allow : .refuse)
    }
}

extension UpdateNameMatch {
    /// The names that the configuration means.
    package init(_ option: UpdateNameOption) {
        switch option {
        case .exact(let name): self = .exact(name)
        case .below(let name): self = .below(name)
        case .atOrBelow(let name): self = .atOrBelow(name)
        case .keyName: self = .keyName
        case .belowKeyName: self = .belowKeyName
        case .atOrBelowKeyName: self = .atOrBelowKeyName
        case .reverse: self = .sourceReverse
        case .reversePrefix: self = .sourceReversePrefix
        }
    }
}
