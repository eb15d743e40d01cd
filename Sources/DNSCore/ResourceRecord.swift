/// One record: owner name, type, class, TTL and data.
///
/// `ttl` is the raw 32-bit field, which in OPT and UPDATE records holds other things than seconds; ``TTL``
/// gives its meaning.
package struct ResourceRecord: Hashable, Sendable {
    package var owner: Name
    package var type: RRType
    package var recordClass: RRClass
    package var ttl: UInt32
    package var data: RecordData

    package init(owner: Name, type: RRType, recordClass: RRClass = .internet, ttl: UInt32, data: RecordData) {
        self.owner = owner
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    /// Whether both records are the same by RFC 2136 1.1.1 and RFC 4343: owner, class, type and data agree, names in
    /// any case; the TTL does not count.
    package func isSame(as other: ResourceRecord) -> Bool {
        type == other.type && recordClass == other.recordClass && owner == other.owner
            && data.canonical(as: type) == other.data.canonical(as: type)
    }
}

/// All records of one owner, type and class (RFC 2181 5).
///
/// All have the same TTL.
package struct RRset: Hashable, Sendable {
    package var owner: Name
    package var type: RRType
    package var recordClass: RRClass
    package var ttl: UInt32
    /// The data of each record; no two are the same.
    package var data: [RecordData]

    package init(owner: Name, type: RRType, recordClass: RRClass = .internet, ttl: UInt32, data: [RecordData])
    {
        self.owner = owner
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    /// The set as single records.
    package var records: [ResourceRecord] {
        data.map { ResourceRecord(owner: owner, type: type, recordClass: recordClass, ttl: ttl, data: $0) }
    }

    /// Gathers `records` into sets, each at the place of its first record.
    ///
    /// The smallest TTL of a set counts (RFC 2181 5.2).
    package static func grouping(_ records: [ResourceRecord]) -> [RRset] {
        struct Key: Hashable {
            let owner: Name
            let type: RRType
            let recordClass: RRClass
        }
        var places: [Key: Int] = [:]
        var sets: [RRset] = []
        for record in records {
            let key = Key(owner: record.owner, type: record.type, recordClass: record.recordClass)
            if let place = places[key] {
                if !sets[place].data.contains(record.data) { sets[place].data.append(record.data) }
                sets[place].ttl = min(sets[place].ttl, record.ttl)
            } else {
                places[key] = sets.count
                sets.append(
                    RRset(
                        owner: record.owner, type: record.type, recordClass: record.recordClass,
                        ttl: record.ttl,
                        data: [record.data]))
            }
        }
        return sets
    }
}

/// The entry of a question section (RFC 1035 4.1.2).
package struct Question: Hashable, Sendable {
    package var name: Name
    package var type: RRType
    package var recordClass: RRClass

    package init(name: Name, type: RRType, recordClass: RRClass = .internet) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
    }
}
