import DNSCore
import Testing

@testable import Authority

/// A random generator that gives the same sequence for the same seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_f491_4f6c_dd1d
    }
}

@Suite struct ZoneSnapshotTests {
    static let apex = Name.of("example.org")

    static func zone(_ text: String) throws -> ZoneSnapshot {
        let head = "$TTL 300\n@ SOA ns1 host 1 7200 3600 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n"
        return try ZoneLoader.load(text: Array((head + text).utf8), apex: apex).snapshot
    }

    static func all(_ snapshot: ZoneSnapshot) -> [String] {
        var result: [String] = []
        snapshot.forEachRRset { result.append(contentsOf: texts($0.records)) }
        return result.sorted()
    }

    @Test("Names come back in the case of the file, and are found in any")
    func keepsCase() throws {
        let zone = try Self.zone("WwW A 192.0.2.7\nmail MX 10 MaiL\n")
        let set = try #require(zone.rrset(at: .of("www.EXAMPLE.org"), type: .a))
        #expect(set.owner.description == "WwW.example.org.")
        let mx = try #require(zone.rrset(at: .of("mail.example.org"), type: .mx))
        #expect(mx.data[0].names(as: .mx)[0].description == "MaiL.example.org.")
        #expect(zone.serial == Serial(rawValue: 1))
    }

    @Test("Empty non-terminals exist, and go with the last name below them")
    func emptyNonTerminals() throws {
        let zone = try Self.zone("a.b.c A 192.0.2.7\n")
        #expect(zone.exists(.of("b.c.example.org")))
        #expect(zone.exists(.of("c.example.org")))
        #expect(!zone.exists(.of("d.example.org")))
        var edit = zone.edit()
        edit.put(
            RRset(owner: .of("x.b.c.example.org"), type: .a, ttl: 5, data: [RecordData([192, 0, 2, 8])]))
        edit.remove(.a, at: .of("a.b.c.example.org"))
        let second = edit.commit()
        #expect(!second.exists(.of("a.b.c.example.org")))
        #expect(second.exists(.of("b.c.example.org")))
        var next = second.edit()
        next.remove(.a, at: .of("x.b.c.example.org"))
        let third = next.commit()
        #expect(!third.exists(.of("b.c.example.org")))
        #expect(!third.exists(.of("c.example.org")))
        #expect(zone.exists(.of("a.b.c.example.org")), "an older version does not change")
        #expect(second.exists(.of("x.b.c.example.org")))
    }

    @Test("Signatures count as one set, and take the TTL of what they cover")
    func signatures() throws {
        let zone = try Self.zone("www A 192.0.2.7\n")
        func signature(_ type: UInt8) -> RecordData {
            RecordData([0, type] + [UInt8](repeating: 0, count: 16) + [0, 9, 9])
        }
        var edit = zone.edit()
        let owner = Name.of("www.example.org")
        edit.put(
            RRset(owner: owner, type: .aaaa, ttl: 77, data: [RecordData([UInt8](repeating: 1, count: 16))]))
        edit.put(RRset(owner: owner, type: .rrsig, ttl: 5, data: [signature(1), signature(28)]))
        let signed = edit.commit()
        #expect(signed.rrset(at: owner, type: .rrsig)?.data.count == 2)
        #expect(signed.rrset(at: owner, type: .rrsig)?.ttl == 77)
        var remove = signed.edit()
        remove.remove(.a, at: owner)
        remove.remove(.aaaa, at: owner)
        let bare = remove.commit()
        #expect(bare.rrset(at: owner, type: .rrsig)?.data.count == 2, "signatures alone keep the name")
        #expect(bare.rrset(at: owner, type: .a) == nil)
    }

    @Test("Random edits leave what a plain table of sets would hold", arguments: 1...8)
    func randomEdits(seed: UInt64) throws {
        var random = SeededRandom(seed)
        var model: [Name: [RRType: RRset]] = [:]
        var zone = try Self.zone("")
        zone.forEachRRset { model[$0.owner, default: [:]][$0.type] = $0 }
        var kept: [(ZoneSnapshot, [String])] = []
        func modelTexts() -> [String] {
            model.values.flatMap { $0.values.flatMap { texts($0.records) } }.sorted()
        }
        var source: ZoneSnapshot?
        var compacted: ZoneSnapshot?
        for round in 0..<150 {
            var edit = zone.edit()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let labels = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    ["a", "b", "*", "c", "Dd"].randomElement(using: &random) ?? "a"
                }
                let owner = Name.of(labels.joined(separator: ".") + ".example.org")
                let type = [RRType.a, .txt, .mx].randomElement(using: &random) ?? .a
                if Bool.random(using: &random) {
                    let data: RecordData
                    switch type {
                    case .a: data = RecordData([192, 0, 2, UInt8.random(in: 0...255, using: &random)])
                    case .mx: data = RecordData([0, 10] + owner.wire)
                    default: data = RecordData([1, UInt8.random(in: 65...90, using: &random)])
                    }
                    let set = RRset(owner: owner, type: type, ttl: UInt32(round), data: [data])
                    edit.put(set)
                    model[owner, default: [:]][type] = set
                } else {
                    edit.remove(type, at: owner)
                    model[owner]?[type] = nil
                }
                #expect(edit.rrset(at: owner, type: type) == model[owner]?[type])
            }
            if round % 37 == 5 {
                // Somebody else had committed upon the same version: two lines from here on.
                var other = zone.edit()
                other.put(
                    RRset(owner: .of("fork.example.org"), type: .a, ttl: 1, data: [RecordData([1, 2, 3, 4])]))
                let fork = other.commit()
                #expect(fork.exists(.of("fork.example.org")))
            }
            zone = edit.commit()
            if round % 40 == 20 {
                source = zone
                compacted = zone.compacted()
            }
            if round % 40 == 30, let from = source, let onto = compacted {
                zone = zone.rebased(onto: onto, from: from)
            }
            if round % 10 == 0 { kept.append((zone, modelTexts())) }
            #expect(Self.all(zone) == modelTexts())
        }
        for (version, expected) in kept { #expect(Self.all(version) == expected) }
        // What exists is what a fresh table says.
        let fresh = try ZoneSnapshot(
            apex: Self.apex, records: model.values.flatMap { $0.values.flatMap(\.records) })
        for first in ["a", "b", "*", "c", "dd"] {
            for second in ["a", "b", "*", "c", "dd"] {
                for name in ["\(first).\(second).example.org", "\(second).example.org"] {
                    #expect(zone.exists(.of(name)) == fresh.exists(.of(name)), "\(name)")
                    #expect(
                        zone.node(.of(name))?.flags.contains(.wildcardChild)
                            == fresh.node(.of(name))?.flags.contains(.wildcardChild))
                }
            }
        }
    }

    @Test(
        "A transfer gives every record once between two SOAs, at any message size",
        arguments: [600, 16_384, 65_535])
    func transfer(limit: Int) throws {
        var text =
            "sub NS ns.sub\nsub NS ns1\nns.sub A 192.0.2.9\n@ MX 10 mail\nMail A 192.0.2.4\n*.w CNAME mail\n"
        for number in 0..<3000 { text += "host\(number) A 192.0.2.1\nhost\(number) MX 10 host\(number)\n" }
        var zone = try Self.zone(text)
        var edit = zone.edit()
        edit.put(
            RRset(
                owner: .of("new.example.org"), type: .ns, ttl: 5,
                data: [RecordData(Name.of("ns.new.example.org").wire)]))
        edit.remove(.a, at: .of("host7.example.org"))
        edit.remove(.mx, at: .of("host8.example.org"))
        zone = edit.commit()
        var cursor = zone.transferCursor()
        var records: [ResourceRecord] = []
        var composer = MessageComposer()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 65535, alignment: 8)
        defer { memory.deallocate() }
        while !cursor.isFinished {
            composer.begin(in: memory, limit: limit)
            composer.writeHeader(id: 1, flags: .response)
            composer.start(.answer)
            #expect(cursor.fill(&composer) > 0)
            #expect(composer.count <= limit)
            records.append(contentsOf: try Message(parsing: Array(memory[0..<composer.count])).answers)
        }
        #expect(records.first?.type == .soa)
        #expect(records.last?.type == .soa)
        #expect(texts(Array(records.dropLast())) == Self.all(zone))
    }
}

@Suite struct ConcurrentReadingTests {
    @Test("Readers of any version see it whole while commits go on")
    func readers() async throws {
        var start = "w0 A 192.0.2.0\n"
        for number in 1..<200 { start += "w\(number) A 192.0.2.0\n" }
        let first = try ZoneSnapshotTests.zone(start)
        let versions = AsyncStream<(ZoneSnapshot, UInt8)>.makeStream()
        async let checked = withTaskGroup(of: Int.self) { group in
            for await (zone, round) in versions.stream {
                group.addTask {
                    var wrong = 0
                    for number in 0..<200 {
                        let set = zone.rrset(at: .of("w\(number).example.org"), type: .a)
                        if set?.data.first?.octets.last != round { wrong += 1 }
                        if zone.exists(.of("n\(number).example.org")) != (number < Int(round)) { wrong += 1 }
                    }
                    return wrong
                }
            }
            return await group.reduce(0, +)
        }
        var zone = first
        for round in UInt8(1)...100 {
            var edit = zone.edit()
            for number in 0..<200 {
                edit.put(
                    RRset(
                        owner: .of("w\(number).example.org"), type: .a, ttl: 300,
                        data: [RecordData([192, 0, 2, round])]))
            }
            edit.put(
                RRset(
                    owner: .of("n\(round - 1).example.org"), type: .a, ttl: 300,
                    data: [RecordData([192, 0, 2, round])]))
            zone = edit.commit()
            versions.continuation.yield((zone, round))
        }
        versions.continuation.finish()
        #expect(await checked == 0)
    }
}

extension Name {
    /// A name that the test knows to be well formed.
    static func of(_ text: String) -> Name {
        (try? Name(text)) ?? .root
    }
}
