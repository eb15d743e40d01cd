import DNSCore
import Testing

@testable import Authority

/// Catalog zones (RFC 9432).
@Suite struct TransferCatalogTests {
    private let apex = Sample.name("catalog.example.")

    private func record(_ owner: String, _ type: RRType, _ data: [UInt8]) -> ResourceRecord {
        ResourceRecord(
            owner: owner == "@" ? apex : Sample.name(owner + ".catalog.example."), type: type, ttl: 0,
            data: RecordData(data))
    }

    private func text(_ value: String) -> [UInt8] { [UInt8(value.utf8.count)] + Array(value.utf8) }
    private func name(_ value: String) -> [UInt8] { Sample.name(value + ".").wire }

    private func catalog(_ records: [ResourceRecord], version: String? = "2") throws -> ZoneSnapshot {
        var all = [record("@", .soa, Sample.data("1", .soa)), record("@", .ns, name("invalid"))] + records
        if let version { all.append(record("version", .txt, text(version))) }
        return try ZoneSnapshot(apex: apex, records: all)
    }

    @Test("Members with their properties are read, unknown properties passed over")
    func members() throws {
        let contents = try CatalogContents(
            catalog([
                record("one.zones", .ptr, name("example.net")), record("group.one.zones", .txt, text("blue")),
                record("two.zones", .ptr, name("example.org")),
                record("coo.two.zones", .ptr, name("other.example")),
                record("color.ext.two.zones", .txt, text("x")), record("x.ext", .txt, text("y")),
            ]))
        #expect(contents.members.count == 2)
        let first = try #require(contents.members[try Name("example.net")])
        #expect(first.groups == ["blue"] && first.label == Array("one".utf8) && first.successor == nil)
        #expect(try contents.members[Name("example.org")]?.successor == Name("other.example"))
    }

    @Test("A broken catalog is refused with its fault (RFC 9432 5.1)")
    func broken() throws {
        let member = record("one.zones", .ptr, name("example.net"))
        func fault(
            _ records: [ResourceRecord], version: String? = "2", limit: Int = 10
        ) throws
            -> CatalogContents.Fault?
        {
            let zone = try catalog(records, version: version)
            do throws(CatalogContents.Fault) {
                _ = try CatalogContents(zone, limit: limit)
                return nil
            } catch {
                return error
            }
        }
        #expect(try fault([member], version: nil) == .noVersion)
        #expect(try fault([member], version: "1") == .version("1"))
        #expect(
            try fault([member, record("one.zones", .ptr, name("example.org"))])
                == .ambiguousMember(Name("one.zones.catalog.example")))
        #expect(
            try fault([member, record("two.zones", .ptr, name("EXAMPLE.net"))])
                == .listedTwice(Name("example.net")))
        #expect(
            try fault([member, record("two.zones", .ptr, name("example.org"))], limit: 1)
                == .tooMany(limit: 1))
    }

    @Test("Changes: added, removed, altered, and begun anew when the label changes (RFC 9432 5.6)")
    func changes() throws {
        let before = try CatalogContents(
            catalog([
                record("a.zones", .ptr, name("a.example")), record("b.zones", .ptr, name("b.example")),
                record("c.zones", .ptr, name("c.example")), record("d.zones", .ptr, name("d.example")),
            ]))
        let after = try CatalogContents(
            catalog([
                record("a.zones", .ptr, name("a.example")), record("bb.zones", .ptr, name("b.example")),
                record("c.zones", .ptr, name("c.example")), record("group.c.zones", .txt, text("x")),
                record("e.zones", .ptr, name("e.example")),
            ]))
        let changes = after.changes(from: before)
        #expect(changes.count == 4)
        guard case .reset(let b) = changes[0], case .alter(let c) = changes[1],
            case .remove(let d) = changes[2],
            case .add(let e) = changes[3]
        else {
            Issue.record("unexpected \(changes)")
            return
        }
        #expect(
            [b.zone, c.zone, d, e.zone].map(\.description) == [
                "b.example.", "c.example.", "d.example.", "e.example.",
            ])
        #expect(after.changes(from: after).isEmpty)
        #expect(before.changes(from: CatalogContents()).count == 4)
    }

    @Test("What the producer writes the consumer reads; the serial moves only with a change")
    func producer() throws {
        let members = [try Name("example.net"): ["blue"], try Name("example.org"): []]
        let first = try #require(try CatalogProducer.zone(apex, members: members, previous: nil, now: 7))
        let contents = try CatalogContents(first)
        #expect(Set(contents.members.keys) == Set(members.keys))
        #expect(try contents.members[Name("example.net")]?.groups == ["blue"])
        #expect(try CatalogProducer.zone(apex, members: members, previous: first, now: 7) == nil)
        var fewer = members
        fewer[try Name("example.org")] = nil
        let second = try #require(try CatalogProducer.zone(apex, members: fewer, previous: first, now: 7))
        #expect(second.serial == first.serial.advanced())
        #expect(try CatalogContents(second).changes(from: contents) == [.remove(Name("example.org"))])
    }
}
