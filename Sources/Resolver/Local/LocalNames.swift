internal import DNSCore

/// Answers from the configuration: local zones, local data, special-use names.
struct LocalNames {
    private struct Zone {
        let name: Name
        let kind: LocalZone.Kind
        /// Stub and forward zones: nothing local about them, whatever encloses them.
        let isElsewhere: Bool
        /// The zone above is public and says that nothing here is signed: its DS record is asked for there (RFC 8375 4).
        var isDelegated = false
    }

    private var zones = NumberTable<UInt64, Zone>()
    private var data = NumberTable<UInt64, [RecordSet]>()
    /// Names above local data: they exist.
    private var enclosers: Set<UInt64> = []

    init(_ configuration: ResolverConfiguration) {
        if configuration.answersSpecialUseNames {
            for name in SpecialUseNames.zones {
                zones[NameHash.hash(name)] = Zone(
                    name: name, kind: .static, isElsewhere: false, isDelegated: name.labelCount > 1)
            }
            // Whatever is below localhost is localhost (RFC 6761 6.3).
            for name in SpecialUseNames.data.map(\.owner) where name.labelCount == 1 { add(name, .redirect) }
            add(SpecialUseNames.data)
        }
        for zone in configuration.stubZones + configuration.forwardZones where !zone.name.isRoot {
            zones[NameHash.hash(zone.name)] = Zone(name: zone.name, kind: .transparent, isElsewhere: true)
        }
        for zone in configuration.localZones { add(zone.name, zone.kind) }
        add(configuration.localData)
    }

    /// Whether nothing is local at all.
    var isEmpty: Bool { zones.isEmpty && data.isEmpty }

    private mutating func add(_ name: Name, _ kind: LocalZone.Kind) {
        zones[NameHash.hash(name)] = Zone(name: name, kind: kind, isElsewhere: false)
    }

    private mutating func add(_ records: [ResourceRecord]) {
        for record in records {
            let hash = NameHash.hash(record.owner)
            var sets = data[hash] ?? []
            if let index = sets.firstIndex(where: { $0.type == record.type && $0.owner == record.owner }) {
                sets[index].data.append(record.data.octets)
                sets[index].ttl = min(sets[index].ttl, record.ttl)
            } else {
                var set = RecordSet(owner: record.owner, type: record.type, ttl: record.ttl)
                set.data.append(record.data.octets)
                sets.append(set)
            }
            data[hash] = sets
            var parent = record.owner.parent
            while let name = parent, !name.isRoot {
                enclosers.insert(NameHash.hash(name))
                parent = name.parent
            }
        }
    }

    /// What local names say to a question.
    enum Reply {
        /// Nothing: it is to be resolved.
        case none
        case answer(ResolverAnswer)
        /// An alias that leads to a name which is to be resolved.
        case alias(Outcome)
    }

    /// Aliases that lead from local data to local data, at most.
    private static let aliasLimit = 8

    /// The reply to `question`.
    ///
    /// - Parameters:
    ///   - key: holds the question's name.
    ///   - prefix: addresses behind it stand for IPv4 ones, whose names they have (RFC 6147 5.3.1).
    func answer(
        _ question: Question, key: borrowing NameKey, prefix: IPPrefix?, writer: AnswerWriter
    ) -> Reply {
        guard prefix != nil && question.type == .ptr || isLocal(key, question.type) else { return .none }
        var name = question.name
        var links: [RecordSet] = []
        if let prefix, question.type == .ptr, let address = IPAddress(reverseName: name),
            let embedded = Resolver.extract(address, from: prefix)
        {
            var link = RecordSet(owner: name, type: .cname, ttl: 600)
            name = embedded.reverseName
            link.data.append(name.wire)
            links.append(link)
        }
        while true {
            guard let found = records(of: name, type: question.type) else {
                guard !links.isEmpty else { return .none }
                var outcome = Outcome(end: .alias(name), finalName: name)
                outcome.links = links
                outcome.security = .insecure
                return .alias(outcome)
            }
            if let answer = found.answer { return .answer(answer) }
            let isAsked = { (set: RecordSet) in set.type == question.type || question.type == .any }
            if !found.sets.contains(where: isAsked), links.count < LocalNames.aliasLimit,
                let link = found.sets.first(where: { $0.type == .cname }), let target = link.target,
                !links.contains(where: { $0.owner == target }), target != name
            {
                links.append(link)
                name = target
                continue
            }
            var answer = ResolverAnswer(found.code)
            answer.isAuthoritative = true
            let wanted = found.sets.filter(isAsked)
            answer.sections = writer.write(
                question, answer: links + wanted,
                authority: wanted.isEmpty ? [LocalNames.startOfAuthority(found.zone)] : [],
                withSignatures: false)
            return .answer(answer)
        }
    }

    /// Whether local zones and data have something to say of the key's name.
    private func isLocal(_ key: borrowing NameKey, _ type: RRType) -> Bool {
        guard !isEmpty else { return false }
        if data[key.hash(ofSuffixAt: 0)] != nil { return true }
        guard let zone = zone(of: key, skippingFirst: type == .ds) else { return false }
        return !zone.isElsewhere && zone.kind != .transparent
    }

    /// What is known of one name.
    private struct Found {
        /// Says everything when it is there.
        var answer: ResolverAnswer?
        var code = ResponseCode.noError
        var sets: [RecordSet] = []
        var zone: Name
    }

    /// What local zones and data hold at `name`; nil when it is not local.
    private func records(of name: Name, type: RRType) -> Found? {
        var key = NameKey()
        key.load(name)
        let own = sets(at: key.hash(ofSuffixAt: 0), name)
        let enclosing = zone(of: key, skippingFirst: type == .ds)
        if !own.isEmpty {
            // A transparent zone is somebody's real one, whose SOA record is not ours to tell.
            let zone = enclosing.map { $0.kind == .transparent ? name : $0.name } ?? name
            return Found(sets: own + apex(enclosing, at: name, besides: own), zone: zone)
        }
        guard let enclosing, !enclosing.isElsewhere else { return nil }
        var found = Found(zone: enclosing.name)
        switch enclosing.kind {
        case .transparent: return nil
        case .refuse: found.answer = ResolverAnswer(.refused, errors: [ExtendedErrorNote(.prohibited)])
        case .deny:
            var answer = ResolverAnswer(.refused)
            answer.disposition = .drop
            found.answer = answer
        case .nodata: found.sets = apex(enclosing, at: name, besides: [])
        case .redirect:
            found.sets = sets(at: NameHash.hash(enclosing.name), enclosing.name)
            for index in found.sets.indices { found.sets[index].owner = name }
        case .static:
            found.sets = apex(enclosing, at: name, besides: [])
            let exists = name == enclosing.name || enclosers.contains(key.hash(ofSuffixAt: 0))
            found.code = exists ? .noError : .nameError
        }
        return found
    }

    /// The SOA and NS records that every zone has at its top (RFC 6303 3), where `sets` have none.
    private func apex(_ zone: Zone?, at name: Name, besides sets: [RecordSet]) -> [RecordSet] {
        guard let zone, !zone.isElsewhere, zone.kind != .transparent, zone.name == name else { return [] }
        var made = [LocalNames.startOfAuthority(name)]
        var servers = RecordSet(owner: name, type: .ns, ttl: 10800)
        servers.data.append(LocalNames.localhost)
        made.append(servers)
        return made.filter { set in !sets.contains { $0.type == set.type || $0.type == .cname } }
    }

    private static let localhost: [UInt8] = [9] + Array("localhost".utf8) + [0]

    private func sets(at hash: UInt64, _ name: Name) -> [RecordSet] {
        guard let found = data[hash] else { return [] }
        return found.filter { $0.owner == name }
    }

    /// The closest zone around the key's name.
    private func zone(of key: borrowing NameKey, skippingFirst: Bool) -> Zone? {
        var label = 0
        while label <= key.labelCount {
            if let zone = zones[key.hash(ofSuffixAt: label)],
                zone.name.wire.count == key.length - key.offset(ofLabel: label),
                !(skippingFirst && label == 0 && (zone.isElsewhere || zone.isDelegated))
            {
                return zone
            }
            label += 1
        }
        return nil
    }

    /// An SOA record that lets clients keep the absence (RFC 2308 5); the names in it lead nowhere.
    static func startOfAuthority(_ zone: Name) -> RecordSet {
        var set = RecordSet(owner: zone, type: .soa, ttl: 10800)
        var octets = localhost
        octets += [6] + Array("nobody".utf8) + [7] + Array("invalid".utf8) + [0]
        for value: UInt32 in [1, 3600, 1200, 604_800, 10800] {
            octets += [
                UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff),
            ]
        }
        set.data.append(octets)
        return set
    }
}
