import DNSCore
import Testing

@testable import Authority

@Suite struct DenialTests {
    static let apex = Name.of("example")

    /// A zone with a chain of NSEC or NSEC3 made by the rules of RFC 4034 and RFC 5155, signatures of no worth.
    static func records(
        _ text: String, method: DenialIndex.Method, optOut: Bool = false
    ) throws -> [ResourceRecord] {
        let head = "$TTL 300\n@ SOA ns1 host 1 7200 3600 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n"
        var records: [ResourceRecord] = []
        try ZoneLoader.load(text: Array((head + text).utf8), apex: apex).snapshot.forEachRRset {
            records.append(contentsOf: $0.records)
        }
        if method == .nsec3 {
            records.append(
                ResourceRecord(
                    owner: apex, type: .nsec3param, ttl: 0, data: RecordData([1, 0, 0, 3, 2, 0xab, 0xcd])))
        }
        let cuts = Set(records.filter { $0.type == .ns && $0.owner != apex }.map(\.owner))
        let signed = Set(records.filter { $0.type == .ds }.map(\.owner))
        func isBelowCut(_ name: Name) -> Bool { cuts.contains { name.isBelow($0) } }
        var owners = Set(records.map(\.owner)).filter { !isBelowCut($0) }
        for owner in Array(owners)
        where method == .nsec3 && !(optOut && cuts.contains(owner) && !signed.contains(owner)) {
            var ancestor = owner.parent
            while let name = ancestor, name.isBelow(apex) {
                owners.insert(name)
                ancestor = name.parent
            }
        }
        if method == .nsec3, optOut { owners = owners.filter { !cuts.contains($0) || signed.contains($0) } }
        var chain: [(Name, Name)]
        if method == .nsec {
            let sorted = owners.sorted()
            chain = sorted.indices.map { (sorted[$0], sorted[($0 + 1) % sorted.count]) }
        } else {
            let sorted = owners.map { ($0, hashed($0)) }.sorted { $0.1 < $1.1 }
            chain = sorted.indices.map { (sorted[$0].1, sorted[($0 + 1) % sorted.count].1) }
        }
        for (owner, next) in chain {
            let data: [UInt8]
            if method == .nsec {
                data = next.wire + [0, 1, 0x40]
            } else {
                data = [1, optOut ? 1 : 0, 0, 3, 2, 0xab, 0xcd, 20] + decoded(next) + [0, 1, 0x40]
            }
            records.append(
                ResourceRecord(
                    owner: owner, type: method == .nsec ? .nsec : .nsec3, ttl: 60, data: RecordData(data)))
        }
        for set in RRset.grouping(records)
        where !isBelowCut(set.owner) && !(set.type == .ns && set.owner != apex) {
            let type = [UInt8(set.type.rawValue >> 8), UInt8(set.type.rawValue & 0xff)]
            records.append(
                ResourceRecord(
                    owner: set.owner, type: .rrsig, ttl: set.ttl,
                    data: RecordData(type + [UInt8](repeating: 0, count: 16) + apex.wire + [7])))
        }
        return records
    }

    /// The owner of the NSEC3 record of `name` with the salt ABCD and 3 iterations.
    static func hashed(_ name: Name) -> Name {
        var label = [UInt8](repeating: 0, count: 33)
        var salt: [UInt8] = [0xab, 0xcd]
        let lower = name.lowercased.wire
        NSEC3Hash.owner(of: lower, lower.count, salt: &salt, 2, iterations: 3, to: &label)
        return Name(trustedWire: label + apex.wire)
    }

    private static func decoded(_ owner: Name) -> [UInt8] {
        var bits: [UInt8] = []
        for digit in owner.wire[1...32] {
            let value = digit < 58 ? digit - 48 : digit - 87
            for place in (0..<5).reversed() { bits.append(value >> UInt8(place) & 1) }
        }
        return (0..<20).map { index in bits[(index * 8)..<(index * 8 + 8)].reduce(0) { $0 << 1 | $1 } }
    }

    static let zone = """
        a A 192.0.2.2
        b.c.d A 192.0.2.3
        *.w A 192.0.2.4
        x.w TXT "x"
        *.cw CNAME a
        al CNAME a
        Upper A 192.0.2.5
        sub NS ns.sub
        ns.sub A 192.0.2.6
        only.e.f NS ns1
        sec NS ns1
        sec DS 1 13 2 0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20
        """

    /// What a response must prove.
    struct Proofs {
        let method: DenialIndex.Method
        let spans: [(owner: Name, next: Name)]

        init(_ message: Message, method: DenialIndex.Method) {
            self.method = method
            spans = message.authorities.compactMap { record in
                switch record.type {
                case .nsec: (record.owner, record.data.names(as: .nsec)[0])
                case .nsec3:
                    (record.owner, DenialTests.encoded(Array(record.data.octets[8..<28])))
                default: nil
                }
            }
        }

        func matches(_ name: Name) -> Bool {
            let sought = method == .nsec ? name : DenialTests.hashed(name)
            return spans.contains { $0.owner == sought }
        }

        func covers(_ name: Name) -> Bool {
            let sought = method == .nsec ? name : DenialTests.hashed(name)
            return spans.contains { owner, next in
                owner < next ? owner < sought && sought < next : owner < sought || sought < next
            }
        }
    }

    static func encoded(_ hash: [UInt8]) -> Name {
        var label: [UInt8] = [32]
        for group in stride(from: 0, to: 20, by: 5) {
            let bits = hash[group..<(group + 5)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            for index in 0..<8 {
                let digit = UInt8(bits >> UInt64(35 - 5 * index) & 31)
                label.append(digit < 10 ? digit + 48 : digit + 87)
            }
        }
        return Name(trustedWire: label + apex.wire)
    }

    /// The four ways to deny, from a table and from an overlay.
    static let variants: [(DenialIndex.Method, optOut: Bool, overlay: Bool)] = [
        (.nsec, false, false), (.nsec, false, true), (.nsec3, false, false), (.nsec3, false, true),
        (.nsec3, true, false), (.nsec3, true, true),
    ]

    static func bench(_ method: DenialIndex.Method, optOut: Bool, overlay: Bool) throws -> LookupBench {
        let records = try records(zone, method: method, optOut: optOut)
        var bench = try LookupBench()
        guard overlay else {
            bench.catalog = ZoneCatalog([(apex, try ZoneSnapshot(apex: apex, records: records))])
            return bench
        }
        // Half of the names come by changes, one commit each; a name that goes again leaves its place in the order.
        let first = records.filter { $0.owner == apex || $0.owner.wire[1] % 2 == 0 }
        var zone = try ZoneSnapshot(apex: apex, records: first)
        for set in RRset.grouping(records) where !first.contains(where: { $0.owner == set.owner }) {
            var edit = zone.edit()
            edit.put(set)
            zone = edit.commit()
            var passing = zone.edit()
            let guest = Name.of("guest.\(set.owner)")
            passing.put(
                RRset(owner: guest, type: method == .nsec ? .nsec : .nsec3, ttl: 1, data: [RecordData([0])]))
            var leaving = passing.commit().edit()
            leaving.remove(method == .nsec ? .nsec : .nsec3, at: guest)
            zone = leaving.commit()
        }
        bench.catalog = ZoneCatalog([(apex, zone)])
        return bench
    }

    private func expectSigned(_ message: Message) {
        for set in RRset.grouping(message.answers + message.authorities)
        where set.type != .rrsig && !(set.type == .ns && !message.flags.contains(.authoritative)) {
            #expect(
                (message.answers + message.authorities).contains {
                    $0.type == .rrsig && $0.owner == set.owner
                        && UInt16($0.data.octets[0]) << 8 | UInt16($0.data.octets[1]) == set.type.rawValue
                }, "\(set.owner) \(set.type) without signature")
        }
    }

    @Test(
        "A name that does not exist is denied, and the wildcard with it (RFC 4035 3.1.3.2, RFC 5155 7.2.2)",
        arguments: variants)
    func nameError(method: DenialIndex.Method, optOut: Bool, overlay: Bool) throws {
        let bench = try Self.bench(method, optOut: optOut, overlay: overlay)
        for (name, encloser) in [
            ("zz", "example"), ("0", "example"), ("q.a", "a.example"), ("x.y.b.c.d", "b.c.d.example"),
            ("q.c.d", "c.d.example"),
            ("q.upper", "upper.example"), ("\\000", "example"), ("q.x.w", "x.w.example"),
        ] {
            let (message, _) = try bench.ask(name + ".example", .a, wantsDNSSEC: true)
            #expect(message.responseCode == .nameError, "\(name)")
            let proofs = Proofs(message, method: method)
            let denied = Name.of(name + ".example")
            if method == .nsec {
                #expect(proofs.covers(denied), "\(name)")
            } else {
                #expect(proofs.matches(.of(encloser)), "\(name)")
                #expect(proofs.covers(denied.suffix(labels: Name.of(encloser).labelCount + 1)), "\(name)")
            }
            #expect(proofs.covers(.of("*." + encloser)), "\(name)")
            expectSigned(message)
        }
    }

    @Test(
        "A type that is not there is denied at the name (RFC 4035 3.1.3.1, RFC 5155 7.2.3)",
        arguments: variants)
    func noData(method: DenialIndex.Method, optOut: Bool, overlay: Bool) throws {
        let bench = try Self.bench(method, optOut: optOut, overlay: overlay)
        for (name, isEmpty) in [
            ("a", false), ("b.c.d", false), ("c.d", true), ("d", true), ("*.w", false), ("w", true),
        ] {
            let (message, _) = try bench.ask(name + ".example", .mx, wantsDNSSEC: true)
            #expect(message.responseCode == .noError)
            #expect(message.answers.isEmpty)
            let proofs = Proofs(message, method: method)
            if isEmpty, method == .nsec {
                #expect(proofs.covers(.of(name + ".example")), "\(name)")
            } else {
                #expect(proofs.matches(.of(name + ".example")), "\(name)")
            }
            expectSigned(message)
        }
    }

    @Test(
        "An answer from a wildcard denies the name itself (RFC 4035 3.1.3.3, RFC 5155 7.2.6)",
        arguments: variants)
    func wildcard(method: DenialIndex.Method, optOut: Bool, overlay: Bool) throws {
        let bench = try Self.bench(method, optOut: optOut, overlay: overlay)
        for (name, next) in [("q.w", "q.w"), ("p.q.w", "q.w"), ("q.cw", "q.cw")] {
            let (message, _) = try bench.ask(name + ".example", .a, wantsDNSSEC: true)
            #expect(message.answers.contains { $0.type == .a })
            let proofs = Proofs(message, method: method)
            #expect(proofs.covers(.of((method == .nsec ? name : next) + ".example")), "\(name)")
            expectSigned(message)
        }
        let (message, _) = try bench.ask("q.w.example", .mx, wantsDNSSEC: true)
        #expect(message.answers.isEmpty)
        let proofs = Proofs(message, method: method)
        #expect(proofs.covers(.of("q.w.example")))
        #expect(proofs.matches(.of("*.w.example")))
    }

    @Test(
        "A delegation has DS or the proof that there is none (RFC 4035 3.1.4, RFC 5155 7.2.7)",
        arguments: variants)
    func delegation(method: DenialIndex.Method, optOut: Bool, overlay: Bool) throws {
        let bench = try Self.bench(method, optOut: optOut, overlay: overlay)
        let (secure, _) = try bench.ask("x.sec.example", .a, wantsDNSSEC: true)
        #expect(secure.authorities.contains { $0.type == .ds })
        expectSigned(secure)
        for (cut, encloser, next) in [
            ("sub.example", "example", "sub.example"), ("only.e.f.example", "example", "f.example"),
        ] {
            for (name, type) in [("x." + cut, RRType.a), (cut, .ds)] {
                let (message, _) = try bench.ask(name, type, wantsDNSSEC: true)
                #expect(message.flags.contains(.authoritative) == (type == .ds))
                let proofs = Proofs(message, method: method)
                if optOut {
                    #expect(proofs.matches(.of(encloser)), "\(name)")
                    #expect(proofs.covers(.of(next)), "\(name)")
                } else {
                    #expect(proofs.matches(.of(cut)), "\(name)")
                }
                expectSigned(message)
            }
        }
    }

    @Test("Without DO there is nothing of DNSSEC in a response (RFC 3225 3)", arguments: variants)
    func withoutDO(method: DenialIndex.Method, optOut: Bool, overlay: Bool) throws {
        let bench = try Self.bench(method, optOut: optOut, overlay: overlay)
        for name in ["zz", "q.w", "sub", "a", "x.sec"] {
            let (message, _) = try bench.ask(name + ".example", .a)
            for record in message.answers + message.authorities + message.additionals {
                #expect(![RRType.rrsig, .nsec, .nsec3, .ds].contains(record.type), "\(name)")
            }
        }
    }

    @Test(
        "NSEC3 hashes are those of RFC 5155 appendix A",
        arguments: [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("ai.example", "gjeqe526plbf1g8mklp59enfd789njgi"),
            ("ns1.example", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"),
            ("*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
            ("x.y.w.example", "2vptu5timamqttgl4luu9kg21e0aor3s"),
        ])
    func hash(name: String, expected: String) throws {
        var label = [UInt8](repeating: 0, count: 33)
        var salt: [UInt8] = [0xaa, 0xbb, 0xcc, 0xdd]
        let wire = Name.of(name).wire
        NSEC3Hash.owner(of: wire, wire.count, salt: &salt, 4, iterations: 12, to: &label)
        #expect(String(decoding: label[1...], as: UTF8.self) == expected)
    }
}
