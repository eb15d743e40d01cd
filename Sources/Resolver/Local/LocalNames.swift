internal import DNSCore

/// Answers from the configuration: local zones, local data, special-use names.
struct LocalNames {
    private struct Zone {
        let name: Name
        let kind: LocalZone.Kind
        /// Stub and forward zones: nothing local about them, whatever encloses them.
        let isElsewhere: Bool
    }

    private var zones: [UInt64: Zone] = [:]
    private var data: [UInt64: [RecordSet]] = [:]
    /// Names above local data: they exist.
    private var enclosers: Set<UInt64> = []

    init(_ configuration: ResolverConfiguration) {
        if configuration.answersSpecialUseNames {
            for name in SpecialUseNames.zones { add(name, .static) }
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

    /// The answer to `question`, or nil when it is to be resolved.
    func answer(_ question: Question, options: QueryOptions, writer: AnswerWriter) -> ResolverAnswer? {
        guard !isEmpty else { return nil }
        var key = NameKey()
        key.load(question.name)
        let own = sets(at: key.hash(ofSuffixAt: 0), question.name)
        let enclosing = zone(of: key, skippingFirst: question.type == .ds)
        if let enclosing, enclosing.isElsewhere, own.isEmpty { return nil }
        if !own.isEmpty { return answer(question, own, writer: writer) }
        guard let enclosing else { return nil }
        switch enclosing.kind {
        case .transparent: return nil
        case .refuse:
            return ResolverAnswer(.refused, errors: [ExtendedErrorNote(.prohibited)])
        case .deny:
            var answer = ResolverAnswer(.refused)
            answer.disposition = .drop
            return answer
        case .nodata: return negative(.noError, question, enclosing.name, writer: writer)
        case .redirect:
            var sets = sets(at: NameHash.hash(enclosing.name), enclosing.name)
            for index in sets.indices { sets[index].owner = question.name }
            return answer(question, sets, writer: writer)
        case .static:
            let exists = question.name == enclosing.name || enclosers.contains(key.hash(ofSuffixAt: 0))
            return negative(exists ? .noError : .nameError, question, enclosing.name, writer: writer)
        }
    }

    private func sets(at hash: UInt64, _ name: Name) -> [RecordSet] {
        (data[hash] ?? []).filter { $0.owner == name }
    }

    /// The closest zone around the key's name.
    private func zone(of key: borrowing NameKey, skippingFirst: Bool) -> Zone? {
        var label = 0
        while label <= key.labelCount {
            if let zone = zones[key.hash(ofSuffixAt: label)],
                zone.name.wire.count == key.length - key.offset(ofLabel: label),
                !(skippingFirst && label == 0 && zone.isElsewhere)
            {
                return zone
            }
            label += 1
        }
        return nil
    }

    private func answer(_ question: Question, _ sets: [RecordSet], writer: AnswerWriter) -> ResolverAnswer {
        let wanted = sets.filter { $0.type == question.type || question.type == .any || $0.type == .cname }
        guard !wanted.isEmpty else { return negative(.noError, question, question.name, writer: writer) }
        var answer = ResolverAnswer(.noError)
        answer.isAuthoritative = true
        answer.sections = writer.write(question, answer: wanted, withSignatures: false)
        return answer
    }

    private func negative(
        _ code: ResponseCode, _ question: Question, _ zone: Name, writer: AnswerWriter
    ) -> ResolverAnswer {
        var answer = ResolverAnswer(code)
        answer.isAuthoritative = true
        answer.sections = writer.write(
            question, answer: [], authority: [LocalNames.startOfAuthority(zone)], withSignatures: false)
        return answer
    }

    /// An SOA record that lets clients keep the absence (RFC 2308 5); the names in it lead nowhere.
    static func startOfAuthority(_ zone: Name) -> RecordSet {
        var set = RecordSet(owner: zone, type: .soa, ttl: 10800)
        var octets: [UInt8] = [9] + Array("localhost".utf8) + [0]
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
