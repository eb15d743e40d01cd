import DNSCore
import Foundation
import Synchronization
import Testing

@testable import Authority

/// Crashes and faulty disks: every acknowledged update is there, no serial comes twice, damage has a name.
@Suite(.serialized) struct JournalFaultTests {
    /// Copies the journal's files as a crash would leave them: while the committer still has them open.
    private func crashImage(of bench: JournalBench) throws -> JournalBench {
        var template = Array("/tmp/torii-journal-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let copy = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        for file in ["journal.sqlite", "journal.sqlite-wal"] {
            try FileManager.default.copyItem(atPath: bench.directory + "/" + file, toPath: copy + "/" + file)
        }
        // Size and time of the zone file belong to its identity.
        var status = stat()
        stat(bench.zoneFile, &status)
        let image = try JournalBench(copy)
        try FileManager.default.copyItem(atPath: bench.zoneFile, toPath: image.zoneFile)
        var times = [status.st_atim, status.st_mtim]
        utimensat(AT_FDCWD, image.zoneFile, &times, 0)
        return image
    }

    private func edit(_ path: String, _ change: (inout Data) -> Void) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        change(&data)
        try data.write(to: URL(fileURLWithPath: path))
    }

    /// Where the log's last frame ends: what is reserved behind it is zero.
    private func logEnd(_ bench: JournalBench) throws -> Int {
        let log = try Data(contentsOf: URL(fileURLWithPath: bench.directory + "/journal.sqlite-wal"))
        let last = try #require(log.lastIndex { $0 != 0 })
        return 32 + (last - 32 + 4120) / 4120 * 4120
    }

    @Test(
        "The log is reserved ahead of its end, stays within its bound, and what is behind the end is no damage"
    )
    func reservedLog() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        for index in 1...40 { try committer.update(["add n\(index) 60 A 192.0.2.1"]) }
        let path = bench.directory + "/journal.sqlite-wal"
        let size = try Data(contentsOf: URL(fileURLWithPath: path)).count
        #expect(size > (try logEnd(bench)))
        for index in 41...4200 { try committer.update(["add n\(index) 60 A 192.0.2.1"]) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count <= 10 << 20)
        let image = try crashImage(of: bench)
        defer { image.remove() }
        let (reopened, recovery) = try image.open()
        #expect(recovery.damage.isEmpty && reopened.damage.isEmpty)
        #expect(recovery.snapshot.serial == Serial(rawValue: 4300))
        reopened.stop()
        committer.stop()
    }

    @Test("A second server on the same state directory is kept out")
    func exclusive() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        try committer.update(["add n 60 A 192.0.2.1"])
        let second = try JournalBench(bench.directory)
        let other = try second.committer()
        _ = try? other.open(second.options(), loaded: Sample.zone())
        let refused = try other.update(["add intruder 60 A 192.0.2.1"])
        #expect(refused.responseCode == .serverFailure || refused.responseCode == .notAuth, "\(refused)")
        other.stop()
        #expect(try committer.update(["add m 60 A 192.0.2.1"]).responseCode == .noError)
        committer.stop()
    }

    @Test("A torn tail of the log loses only what was not acknowledged, at every length")
    func tornTail() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        var sizes: [Int] = []
        for index in 1...6 {
            try committer.update(["add n\(index) 60 A 192.0.2.\(index)"])
            sizes.append(try logEnd(bench))
        }
        let last = try #require(sizes.last)
        for length in stride(from: sizes[0], through: last, by: 1013) {
            let image = try crashImage(of: bench)
            defer { image.remove() }
            try edit(image.directory + "/journal.sqlite-wal") { $0 = $0.prefix(length) }
            let (reopened, recovery) = try image.open()
            defer { reopened.stop() }
            let durable = sizes.count { $0 <= length }
            #expect(recovery.damage.isEmpty && reopened.damage.isEmpty)
            #expect(recovery.snapshot.serial == Serial(rawValue: UInt32(100 + durable)), "\(length)")
            for index in 1...durable {
                #expect(recovery.snapshot.rrset(at: Sample.name("n\(index)"), type: .a) != nil)
            }
        }
    }

    @Test(
        "One wrong octet of the log, wherever it is, is put right and told: nothing is lost, and the serial does not leap"
    )
    func mendedLog() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        for index in 1...6 { try committer.update(["add n\(index) 60 A 192.0.2.\(index)"]) }
        let end = try logEnd(bench)
        // The fields of the header, those of a frame, and places all over, the last octet included.
        let frame = 32 + 24 + 4096
        let fields = [0, 9, 18, 26] + [1, 9, 17].map { frame + $0 }
        for place in fields + Array(stride(from: 700, to: end, by: end / 3)) + [end - 1] {
            let image = try crashImage(of: bench)
            defer { image.remove() }
            try edit(image.directory + "/journal.sqlite-wal") { $0[place] ^= 0xa5 }
            let (reopened, recovery) = try image.open()
            #expect(recovery.snapshot.serial == Serial(rawValue: 106), "at \(place) of \(end)")
            #expect(reopened.damage == [JournalDamage(place: .mended(octets: 1))], "at \(place) of \(end)")
            for index in 1...6 {
                #expect(recovery.snapshot.rrset(at: Sample.name("n\(index)"), type: .a) != nil, "at \(place)")
            }
            reopened.stop()
        }
    }

    @Test("Flipped octets in the middle of the log are named, and the serial leaps over what was lost")
    func flippedOctetInLog() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        for index in 1...6 { try committer.update(["add n\(index) 60 A 192.0.2.\(index)"]) }
        let image = try crashImage(of: bench)
        defer { image.remove() }
        let end = try logEnd(image)
        try edit(image.directory + "/journal.sqlite-wal") {
            for place in 0..<3 { $0[end * 2 / 3 + place * 9] ^= 0x10 }
        }
        let (reopened, recovery) = try image.open()
        guard case .log(let frame, let lost)? = reopened.damage.first?.place else {
            Issue.record("damage was not seen")
            reopened.stop()
            return
        }
        #expect(frame > 1 && lost > 0)
        #expect(recovery.snapshot.serial.isNewer(than: Serial(rawValue: 106)))
        #expect(recovery.snapshot.rrset(at: Sample.name("n1"), type: .a) != nil)
        #expect(try reopened.update(["add again 60 A 192.0.2.9"]).responseCode == .noError)
        reopened.stop()
        // The second start finds nothing to complain of.
        let (again, second) = try image.open()
        #expect(again.damage.isEmpty && second.damage.isEmpty)
        #expect(second.snapshot.rrset(at: Sample.name("again"), type: .a) != nil)
        again.stop()
    }

    @Test(
        "A log that is lost from its first row on: the serial leaps all the same; that of a secondary does not"
    )
    func lostLog() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        defer { committer.stop() }
        for index in 1...6 { try committer.update(["add n\(index) 60 A 192.0.2.\(index)"]) }
        let image = try crashImage(of: bench)
        defer { image.remove() }
        try edit(image.directory + "/journal.sqlite-wal") { for place in [5, 9] { $0[place] ^= 0x10 } }
        let (reopened, recovery) = try image.open()
        #expect(!reopened.damage.isEmpty)
        #expect(recovery.snapshot.serial.isNewer(than: Serial(rawValue: 106)))
        #expect(try reopened.update(["add again 60 A 192.0.2.9"]).responseCode == .noError)
        reopened.stop()
        let (again, second) = try image.open()
        #expect(again.damage.isEmpty && second.snapshot.serial.isNewer(than: recovery.snapshot.serial))
        again.stop()

        let copy = try crashImage(of: bench)
        defer { copy.remove() }
        try edit(copy.directory + "/journal.sqlite-wal") { for place in [5, 9] { $0[place] ^= 0x10 } }
        let third = try copy.committer()
        var options = copy.options()
        options.isReceived = true
        let received = try third.open(options, loaded: Sample.zone())
        #expect(received.snapshot.serial == (try Sample.zone()).serial)
        third.stop()
    }

    @Test("A journal that cannot be opened: the zone is served, updates are not taken, until it can")
    func detached() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (first, _) = try bench.open()
        try first.update(["add kept 60 A 192.0.2.1"])
        first.stop()
        let path = bench.directory + "/journal.sqlite"
        try FileManager.default.moveItem(atPath: path, toPath: path + ".aside")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        let committer = try bench.committer()
        #expect(committer.fault != nil)
        let recovery = try committer.open(bench.options(), loaded: Sample.zone())
        #expect(bench.current?.serial == recovery.snapshot.serial)
        #expect(try committer.update(["add lost 60 A 192.0.2.2"]).responseCode == .serverFailure)
        #expect(throws: JournalError.self) { try committer.attach() }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".aside", toPath: path)
        #expect(try committer.attach().isEmpty && committer.fault == nil)
        let second = try committer.open(bench.options(), loaded: Sample.zone())
        #expect(second.snapshot.rrset(at: Sample.name("kept"), type: .a) != nil)
        #expect(try committer.update(["add more 60 A 192.0.2.2"]).responseCode == .noError)
        committer.stop()
    }

    @Test(
        "Flipped octets in the database: one of an entry is put right, with more updates up to it are kept; elsewhere the file is moved aside"
    )
    func flippedOctetInDatabase() throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let (committer, _) = try bench.open()
        for index in 1...40 { try committer.update(["add n\(index) 60 TXT marker-\(index)-\(index)"]) }
        committer.stop()  // The log is folded into the database.
        let image = bench
        let path = image.directory + "/journal.sqlite"
        try edit(path) { data in
            guard let place = data.range(of: Data("marker-20-20".utf8)) else { return }
            data[place.lowerBound + 3] ^= 1
        }
        // One wrong octet is put right.
        let (whole, sound) = try image.open()
        #expect(sound.damage == [JournalDamage(place: .mended(octets: 1))])
        #expect(sound.snapshot.serial == Serial(rawValue: 140))
        #expect(sound.snapshot.rrset(at: Sample.name("n20"), type: .txt) != nil)
        whole.stop()
        try edit(path) { data in
            guard let place = data.range(of: Data("marker-20-20".utf8)) else { return }
            for octet in 3..<6 { data[place.lowerBound + octet] ^= 1 }
        }
        let (reopened, recovery) = try image.open()
        #expect(recovery.damage == [JournalDamage(place: .entry(Sample.apex, after: Serial(rawValue: 119)))])
        #expect(recovery.snapshot.rrset(at: Sample.name("n19"), type: .txt) != nil)
        #expect(recovery.snapshot.rrset(at: Sample.name("n20"), type: .txt) == nil)
        #expect(recovery.snapshot.serial.isNewer(than: Serial(rawValue: 140)))
        reopened.stop()
        let (again, second) = try image.open()
        #expect(second.damage.isEmpty)
        #expect(second.snapshot.serial == recovery.snapshot.serial)
        again.stop()
        try edit(path) { $0[0] ^= 0xff }
        let (fresh, saved) = try image.open()
        #expect(saved.snapshot.rrset(at: Sample.name("n19"), type: .txt) != nil)
        #expect(saved.snapshot.serial.isNewer(than: recovery.snapshot.serial))
        guard case .database(let moved)? = fresh.damage.first?.place else {
            Issue.record("damage was not seen")
            fresh.stop()
            return
        }
        #expect(FileManager.default.fileExists(atPath: moved))
        // The first page is the same in every journal: what lies on the others is saved.
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: image.directory).allSatisfy {
                !$0.contains("fresh") && !$0.contains("mended")
            })
        #expect(try fresh.update(["add x 60 A 192.0.2.1"]).responseCode == .noError)
        fresh.stop()
    }

    @Test("Killed in a storm of updates, again and again: every acknowledged one is there, serials only rise")
    func killed() async throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let directory = bench.directory
        var lastSerial: UInt32 = 100
        for round in 0..<4 {
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [directory = directory as String, round = round as Int] in
                try JournalFaultTests.storm(directory, round)
            }
            let (committer, recovery) = try bench.open()
            let acknowledged = try String(contentsOfFile: directory + "/acks-\(round)", encoding: .utf8)
                .split(separator: "\n")
            #expect(acknowledged.count >= 200)
            #expect(recovery.damage.isEmpty && committer.damage.isEmpty)
            for line in acknowledged {
                let parts = line.split(separator: " ")
                let serial = UInt32(parts[1]) ?? 0
                #expect(serial > lastSerial && serial <= recovery.snapshot.serial.rawValue)
                #expect(recovery.snapshot.rrset(at: Sample.name(String(parts[0])), type: .a)?.data.count == 1)
            }
            lastSerial = recovery.snapshot.serial.rawValue
            committer.stop()
        }
    }

    /// Updates from several threads, each acknowledgement noted in a file, until the process kills itself.
    private static func storm(_ directory: String, _ round: Int) throws {
        let bench = try JournalBench(directory)
        let (committer, _) = try bench.open()
        let acks = open(directory + "/acks-\(round)", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let count = Mutex(0)
        for index in 0..<2_000_000 {
            let name = "r\(round)n\(index)"
            let request = try Sample.request(
                [], [Sample.change("add \(name) 60 A 192.0.2.1")],
                from: UpdateRequestor(source: IPAddress(v4: UInt32(index % 50))))
            committer.submit(request) { reason in
                guard case .applied(_, let serial) = reason else { return }
                let line = Array("\(name) \(serial.rawValue)\n".utf8)
                _ = line.withUnsafeBytes { write(acks, $0.baseAddress, $0.count) }
                let done = count.withLock { count in
                    count += 1
                    return count
                }
                if done >= 200 + 61 * round { kill(getpid(), SIGKILL) }
            }
            if index % 7 == 0 { usleep(50) }
        }
        // A slow disk has not acknowledged enough yet; what is queued will.
        while true { pause() }
    }

    @Test("A full disk gives SERVFAIL to updates while the zone stays; with room again updates go on")
    func fullDisk() async throws {
        let bench = try JournalBench()
        defer { bench.remove() }
        let directory = bench.directory
        await #expect(processExitsWith: .success) { [directory = directory as String] in
            let bench = try JournalBench(directory)
            let (committer, _) = try bench.open()
            try committer.update(["add first 60 A 192.0.2.1"])
            signal(SIGXFSZ, SIG_IGN)
            var limit = rlimit(rlim_cur: 1 << 16, rlim_max: rlim_t.max)
            setrlimit(__rlimit_resource_t(1), &limit)
            var failed = 0
            for index in 0..<200 {
                let before = bench.current?.serial
                switch try committer.update(["add n\(index) 60 A 192.0.2.1"]) {
                case .applied: continue
                case .storage:
                    failed += 1
                    guard bench.current?.serial == before else { exit(3) }
                default: exit(4)
                }
            }
            guard failed > 10 else { exit(5) }
            limit.rlim_cur = rlim_t.max
            setrlimit(__rlimit_resource_t(1), &limit)
            guard case .applied = try committer.update(["add last 60 A 192.0.2.1"]) else { exit(6) }
            committer.stop()
            exit(0)
        }
        let (committer, recovery) = try bench.open()
        #expect(recovery.snapshot.rrset(at: Sample.name("first"), type: .a) != nil)
        #expect(recovery.snapshot.rrset(at: Sample.name("last"), type: .a) != nil)
        #expect(recovery.damage.isEmpty && committer.damage.isEmpty)
        committer.stop()
    }
}
