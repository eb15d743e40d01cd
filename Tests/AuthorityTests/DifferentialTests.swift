import DNSCore
import Foundation
import Testing

@testable import Authority

/// The same random updates to us and to another server: the same response codes, and the same zone after each step.
@Suite(.serialized) struct DifferentialTests {
    private func base() throws -> ZoneSnapshot {
        let records =
            Sample.records.filter { $0.type != .dname && $0.type != .ns } + [
                Sample.record("@ 3600 NS ns.example.org."), Sample.record("@ 3600 NS ns3.example.org."),
            ]
        return try ZoneSnapshot(
            apex: Sample.apex,
            records: records.map { record in
                var result = record
                // One TTL for all: knotd ignores a change of it.
                result.ttl = 300
                return result
            })
    }

    private func describe(_ records: [ResourceRecord]) -> String {
        records.map { record in
            let data = record.data.octets.isEmpty ? "" : record.data.presentation(as: record.type)
            return "\(record.owner) \(record.ttl) \(record.recordClass) \(record.type) \(data)"
        }.joined(separator: " | ")
    }

    @Test(
        "Random updates end as with other servers; their transfers bring the same zone",
        arguments: DifferentialPeer.Kind.allCases.filter { $0.path != nil }, [1 as UInt64, 20_261_121])
    func updates(kind: DifferentialPeer.Kind, seed: UInt64) throws {
        var zone = try base()
        let peer = try DifferentialPeer(kind, zone)
        var generator = DifferentialUpdates(seed: seed, for: kind)
        // knotd waits 10 ms for each update.
        let steps = kind == .knotd ? 150 : 600
        var copy = zone
        var stories: [String] = []
        for step in 0..<steps {
            let message = generator.update(id: UInt16(step))
            let octets = message.encoded()
            let answer = try Message(parsing: peer.exchange(octets))
            let (reason, after, _) = try Sample.run(zone, prerequisites: message.answers, message.authorities)
            stories.append(
                "\(kind) seed \(seed) step \(step): \(describe(message.answers)); \(describe(message.authorities))"
            )
            try #require(answer.responseCode == reason.responseCode, "\(reason): \(stories)")
            zone = after
            guard step % 5 == 4 || step == steps - 1 else { continue }
            let theirs: ZoneSnapshot
            // By turns the whole zone and what has changed since the last look.
            switch try peer.transfer(from: step % 2 == 0 ? nil : copy) {
            case .full(let whole): theirs = whole
            case .incremental(let next, _): theirs = next
            case .upToDate: theirs = copy
            }
            let missing = Set(theirs.contents).subtracting(zone.contents)
            let surplus = Set(zone.contents).subtracting(theirs.contents)
            try #require(missing.isEmpty && surplus.isEmpty, "\(missing) \(surplus) since: \(stories)")
            stories.removeAll()
            copy = theirs
        }
        #expect(peer.isRunning)
    }
}
