import DNSCore
import Foundation
import Synchronization
import Testing

@testable import Authority

@Suite struct JournalTests {
    @Test("Updates are published before they are acknowledged, and are there after a restart")
    func restart() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var (committer, recovery) = try bench.open()
        #expect(recovery.replayed == 0 && !recovery.merged && recovery.damage.isEmpty)
        for index in 1...5 {
            let reason = try committer.update(["add host\(index) 60 A 192.0.2.\(index)"])
            #expect(
                reason
                    == .applied(
                        from: Serial(rawValue: UInt32(99 + index)), to: Serial(rawValue: UInt32(100 + index)))
            )
            #expect(bench.current?.rrset(at: Sample.name("host\(index)"), type: .a) != nil)
        }
        #expect(try committer.update(["delete www"]).responseCode == .noError)
        #expect(try committer.update(["delete www"]) == .unchanged(Serial(rawValue: 106)))
        let before = try #require(bench.current).contents
        committer.stop()
        (committer, recovery) = try bench.open()
        #expect(recovery.replayed == 6 && !recovery.merged && recovery.damage.isEmpty)
        #expect(bench.current?.contents == before)
        #expect(try committer.update(["add more 60 A 192.0.2.9"]).responseCode == .noError)
        committer.stop()
        #expect(try committer.update(["add late 60 A 192.0.2.9"]) == .stopping)
    }

    @Test("Updates that wait together share a transaction; each sees what those before it did")
    func groupCommit() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        let outcomes = Mutex<[Int: UpdateReason]>([:])
        let order = Mutex<[Int]>([])
        let done = DispatchGroup()
        // The committer is held until all are queued.
        let gate = committer.hold()
        for index in 0..<50 {
            done.enter()
            // Each wants the name of the one before it, and that its own is free.
            let demands =
                (index > 0 ? ["yxdomain n\(index - 1)"] : []) + ["nxdomain n\(index)"]
            let request = try Sample.request(
                demands.map { Sample.prerequisite($0) }, [Sample.change("add n\(index) 60 A 192.0.2.1")])
            committer.submit(request) { reason in
                outcomes.withLock { $0[index] = reason }
                order.withLock { $0.append(index) }
                done.leave()
            }
        }
        gate.signal()
        done.wait()
        #expect(outcomes.withLock { $0.values.allSatisfy { $0.responseCode == .noError } })
        #expect(order.withLock { $0 } == Array(0..<50))
        #expect(bench.current?.serial == Serial(rawValue: 150))
        #expect(committer.counters.commits == 1)
        #expect(committer.counters.applied == 50)
    }

    @Test("More updates than may wait are SERVFAIL at once, of one client or of all")
    func quota() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var settings = ZoneCommitter.Settings()
        settings.queueLimit = 8
        settings.queueLimitPerClient = 5
        let committer = try bench.committer(settings)
        _ = try committer.open(bench.options(), loaded: Sample.zone())
        let gate = committer.hold()
        let done = DispatchGroup()
        let refused = Mutex<[UpdateReason]>([])
        for index in 0..<12 {
            done.enter()
            let source = IPAddress(v4: index < 7 ? 0xc000_0201 : 0xc000_0202)
            let request = try Sample.request(
                [], [Sample.change("add n\(index) 60 A 192.0.2.1")], from: UpdateRequestor(source: source))
            committer.submit(request) { reason in
                if reason.responseCode != .noError { refused.withLock { $0.append(reason) } }
                done.leave()
            }
        }
        #expect(
            refused.withLock { $0 } == [
                .queueFull(limit: 5), .queueFull(limit: 5), .queueFull(limit: 8), .queueFull(limit: 8),
            ])
        gate.signal()
        done.wait()
        #expect(committer.counters.overflowed == 4)
        #expect(committer.counters.applied == 8)
        #expect(try committer.update(["add later 60 A 192.0.2.1"]).responseCode == .noError)
        committer.stop()
    }

    @Test("A zone that is not open is NOTAUTH")
    func unknownZone() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let committer = try bench.committer()
        defer { committer.stop() }
        #expect(try committer.update(["add x 60 A 192.0.2.1"]).responseCode == .notAuth)
    }

    @Test("The file is an export: after flush the journal builds on it, and the history for IXFR stays")
    func flush() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var (committer, recovery) = try bench.open()
        try committer.update(["add a 60 A 192.0.2.1"])
        try committer.flush(Sample.apex)
        let exported = try #require(bench.current)
        #expect(
            try String(contentsOfFile: bench.zoneFile, encoding: .utf8).contains(
                "\na.example.net.\t60\tIN\tA\t192.0.2.1\n"))
        let file = try ZoneLoader.load(file: bench.zoneFile, apex: Sample.apex).snapshot
        #expect(file.contents == exported.contents)
        try committer.update(["add b 60 A 192.0.2.2"])
        let before = try #require(bench.current).contents
        committer.stop()
        (committer, recovery) = try bench.open(exported)
        #expect(recovery.replayed == 1 && !recovery.merged)
        #expect(bench.current?.contents == before)
        let history = try #require(committer.history(Sample.apex))
        #expect(history.differences(from: Serial(rawValue: 100), to: Serial(rawValue: 102))?.count == 2)
        #expect(history.differences(from: Serial(rawValue: 99), to: Serial(rawValue: 102)) == nil)
        committer.stop()
    }

    @Test("An export that a crash cut short, before or after the rename, is recognised")
    func interruptedExport() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var (committer, recovery) = try bench.open()
        try committer.update(["add a 60 A 192.0.2.1"])
        let exported = try #require(bench.current)
        // As flush() does, up to the rename and not further.
        let (temporary, digest) = try ZoneFile.write(exported, beside: bench.zoneFile)
        try committer.perform { [committer] () throws(JournalError) in
            guard let zone = committer.zones[Sample.apex] else { return }
            zone.row.pending = (zone.lastNumber, digest)
            try committer.store.save(zone.row)
        }
        committer.stop()
        (committer, recovery) = try bench.open()
        #expect(recovery.replayed == 1 && !recovery.merged)
        committer.stop()
        try ZoneFile.publish(temporary, as: bench.zoneFile)
        (committer, recovery) = try bench.open(exported)
        #expect(recovery.replayed == 0 && !recovery.merged)
        #expect(bench.current?.contents == exported.contents)
        committer.stop()
    }

    @Test("A file edited by hand keeps its edits and the journal's updates, with a serial newer than both")
    func merge() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var (committer, recovery) = try bench.open()
        try committer.update(["add dynamic 60 A 192.0.2.1", "delete text TXT"])
        try committer.update(["add gone 60 A 192.0.2.2"])
        try committer.update(["delete gone"])
        committer.stop()
        try bench.touchFile()
        let edited = try Sample.zone(["hand 60 TXT made"])
        (committer, recovery) = try bench.open(edited)
        #expect(recovery.merged)
        var zone = try #require(bench.current)
        #expect(zone.rrset(at: Sample.name("dynamic"), type: .a) != nil)
        #expect(zone.rrset(at: Sample.name("hand"), type: .txt) != nil)
        #expect(zone.rrset(at: Sample.name("text"), type: .txt) == nil)
        #expect(zone.rrset(at: Sample.name("gone"), type: .a) == nil)
        #expect(zone.serial == Serial(rawValue: 104))
        // The merger is durable, and updates go on from it.
        try committer.update(["add after 60 A 192.0.2.3"])
        committer.stop()
        (committer, recovery) = try bench.open(edited)
        #expect(!recovery.merged)
        zone = try #require(bench.current)
        #expect(zone.serial == Serial(rawValue: 105))
        #expect(zone.rrset(at: Sample.name("dynamic"), type: .a) != nil)
        #expect(zone.rrset(at: Sample.name("after"), type: .a) != nil)
        committer.stop()
    }

    @Test("A file that may not be merged is refused with the difference; the journal stays as it was")
    func refusedFile() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var (committer, _) = try bench.open()
        try committer.update(["add dynamic 60 A 192.0.2.1", "delete text TXT"])
        committer.stop()
        let original = try Data(contentsOf: URL(fileURLWithPath: bench.zoneFile))
        try bench.touchFile()
        let error = #expect(throws: JournalError.self) {
            try bench.open(Sample.zone(["hand 60 TXT made"]), .refuse)
        }
        guard case .fileChanged(let apex, let conflict) = error else {
            Issue.record("expected a conflict")
            return
        }
        #expect(apex == Sample.apex)
        #expect(conflict.journal == Serial(rawValue: 101))
        #expect(conflict.difference.count == 2)
        #expect(conflict.difference.contains { $0.hasPrefix("- text.example.net. 300 TXT") })
        #expect(conflict.difference.contains { $0.hasPrefix("+ dynamic.example.net. 60 A") })
        try original.write(to: URL(fileURLWithPath: bench.zoneFile))
        let recovery: ZoneRecovery
        (committer, recovery) = try bench.open()
        #expect(recovery.replayed == 1 && !recovery.merged)
        committer.stop()
    }

    @Test("A frozen zone takes no updates until it is thawed")
    func freeze() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        try committer.freeze(Sample.apex)
        #expect(committer.isFrozen(Sample.apex))
        #expect(try committer.update(["add x 60 A 192.0.2.1"]) == .frozen)
        try committer.thaw(Sample.apex)
        #expect(try committer.update(["add x 60 A 192.0.2.1"]).responseCode == .noError)
    }

    @Test("Two zones share one transaction, and each has its own rows")
    func twoZones() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let other = try Name("example.org")
        let records = [
            ResourceRecord(owner: other, type: .soa, ttl: 60, data: RecordData(Sample.data("7", .soa))),
            ResourceRecord(owner: other, type: .ns, ttl: 60, data: RecordData(Sample.name("ns1").wire)),
        ]
        func open() throws -> (ZoneCommitter, ZoneRecovery, ZoneRecovery) {
            let (committer, first) = try bench.open()
            let second = try committer.open(
                JournaledZone(apex: other, file: nil, policy: Sample.openPolicy),
                loaded: ZoneSnapshot(apex: other, records: records))
            return (committer, first, second)
        }
        var (committer, first, second) = try open()
        let gate = committer.hold()
        let done = DispatchGroup()
        for index in 0..<20 {
            done.enter()
            let zone = index % 2 == 0 ? Sample.apex : other
            let record = ResourceRecord(
                owner: try Name("n\(index)", origin: zone), type: .a, ttl: 60,
                data: RecordData([192, 0, 2, 1]))
            committer.submit(
                try UpdateRequest.make(zone: Question(name: zone, type: .soa), [], [record], Sample.loopback)
                    .get()
            ) { _ in done.leave() }
        }
        gate.signal()
        done.wait()
        #expect(committer.counters.commits == 1)
        committer.stop()
        (committer, first, second) = try open()
        #expect(first.replayed == 10 && second.replayed == 10)
        #expect(second.snapshot.serial == Serial(rawValue: 17))
        committer.stop()
    }

    @Test("Transferred versions are installed durably: a whole zone as its file, differences in the journal")
    func install() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var committer = try bench.committer()
        // The zone is not there before its first transfer.
        let first = try Sample.zone()
        try committer.install(.full(first), bench.options())
        #expect(bench.current?.contents == first.contents)
        let (_, second, difference) = try Sample.run(first, [Sample.change("add a 60 A 192.0.2.1")])
        try committer.install(.incremental(second, [try #require(difference)]), bench.options())
        #expect(bench.current?.contents == second.contents)
        let (_, third, next) = try Sample.run(second, [Sample.change("add b 60 A 192.0.2.2")])
        try committer.install(.incremental(third, [try #require(next)]), bench.options())
        committer.stop()
        func load() throws -> ZoneSnapshot {
            try ZoneLoader.load(file: bench.zoneFile, apex: Sample.apex).snapshot
        }
        #expect(try load().contents == first.contents)
        committer = try bench.committer()
        var recovery = try committer.open(bench.options(), loaded: load())
        #expect(recovery.replayed == 2 && !recovery.merged)
        #expect(recovery.snapshot.contents == third.contents)
        // A whole zone in between makes the journal's rows obsolete.
        let other = try Sample.zone(["whole 60 TXT x"])
        try committer.install(.full(other), bench.options())
        committer.stop()
        committer = try bench.committer()
        recovery = try committer.open(bench.options(), loaded: load())
        #expect(recovery.replayed == 0 && !recovery.merged)
        #expect(bench.current?.contents == other.contents)
        committer.stop()
    }

    @Test("A journal over its size is folded into the zone file, and nothing is lost by it")
    func compaction() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        var committer = try bench.committer()
        var options = bench.options()
        options.journalSize = 4096
        _ = try committer.open(options, loaded: Sample.zone())
        for index in 0..<300 { try committer.update(["add n\(index) 60 A 192.0.2.1"]) }
        let total = Mutex(0)
        // Wait for the export that is under way, if one is.
        var isShrinking = true
        while isShrinking {
            isShrinking = try committer.perform { [committer] () throws(JournalError) in
                total.withLock { $0 = committer.zones[Sample.apex]?.octetsTotal ?? 0 }
                return committer.zones[Sample.apex]?.isShrinking ?? false
            }
        }
        #expect(total.withLock { $0 } < 4096 + 300 * 200 / 4)
        let before = try #require(bench.current).contents
        committer.stop()
        let file = try ZoneLoader.load(file: bench.zoneFile, apex: Sample.apex).snapshot
        #expect(file.serial.isNewer(than: Serial(rawValue: 100)))
        committer = try bench.committer()
        let recovery = try committer.open(options, loaded: file)
        #expect(!recovery.merged && recovery.damage.isEmpty)
        #expect(bench.current?.contents == before)
        committer.stop()
    }

    @Test("Whatever octets names and data hold, the export is read back as the same zone")
    func hostileOctets() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        var generator = DifferentialUpdates(seed: 7, for: .named)
        let special = Array("$@.\"\\;() \t\n*#".utf8) + [0, 127, 128, 255]
        for index in 0..<200 {
            func octets(_ count: Int) -> [UInt8] {
                (0..<count).map { _ in
                    Bool.random(using: &generator)
                        ? special[Int.random(in: 0..<special.count, using: &generator)]
                        : UInt8.random(in: 0...255, using: &generator)
                }
            }
            let label = octets(Int.random(in: 1...12, using: &generator))
            let owner = try Name(wire: [UInt8(label.count)] + label + Sample.apex.wire)
            let data: (RRType, [UInt8]) =
                switch index % 5 {
                case 0: (.txt, [4] + octets(4) + [0])
                case 1: (.ns, owner.wire)
                case 2: (RRType(rawValue: 65280), octets(9))
                case 3: (.caa, [0, 5] + Array("issue".utf8) + octets(6))
                default: (.hinfo, [3] + octets(3) + [2] + octets(2))
                }
            let record = ResourceRecord(owner: owner, type: data.0, ttl: 60, data: RecordData(data.1))
            let request = try Sample.request([], [record])
            let done = DispatchSemaphore(value: 0)
            committer.submit(request) { _ in done.signal() }
            done.wait()
        }
        try committer.flush(Sample.apex)
        let read = try ZoneLoader.load(file: bench.zoneFile, apex: Sample.apex).snapshot
        #expect(read.contents == bench.current?.contents)
        #expect(read.contents.count > 150)
    }

    @Test("A file loaded anew with a newer serial can be followed by IXFR")
    func reload() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        try committer.update(["add a 60 A 192.0.2.1"])
        try committer.update(["add a 60 A 192.0.2.2"])
        try committer.flush(Sample.apex)
        var text = try String(contentsOfFile: bench.zoneFile, encoding: .utf8)
        text = text.replacingOccurrences(of: " 102 ", with: " 110 ") + "hand\t60\tIN\tA\t192.0.2.9\n"
        try bench.touchFile(text)
        let edited = try ZoneLoader.load(file: bench.zoneFile, apex: Sample.apex).snapshot
        #expect(edited.serial == Serial(rawValue: 110))
        let recovery = try committer.open(bench.options(), loaded: edited)
        #expect(recovery.replayed == 0 && !recovery.merged)
        let history = try #require(committer.history(Sample.apex))
        #expect(history.differences(from: Serial(rawValue: 100), to: Serial(rawValue: 110))?.count == 3)
        try committer.update(["add b 60 A 192.0.2.1"])
        #expect(history.differences(from: Serial(rawValue: 102), to: Serial(rawValue: 111))?.count == 2)
    }

    @Test("Every commit is synced: the database's level is FULL on the connection that writes")
    func synchronous() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        try committer.update(["add a 60 A 192.0.2.1"])
        let level = try committer.perform { [committer] () throws(JournalError) in
            try committer.store.synchronousLevel()
        }
        #expect(level == 2)
    }
}
