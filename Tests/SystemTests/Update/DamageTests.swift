import Foundation
import Testing

/// F2 of the robustness list: what a crash or a bad disk leaves of the journal, and the server that starts on it.
///
/// `TORII_DAMAGES` sets how many places are tried for each kind of damage.
@Suite("A damaged journal")
struct DamageTests {
    enum Kind: String, CaseIterable, CustomTestStringConvertible {
        case tornLog = "the log torn"
        case flippedLog = "an octet of the log flipped"
        case spoiledLog = "many octets of the log spoiled"
        case flippedDatabase = "an octet of the database flipped"
        var testDescription: String { rawValue }
    }

    private static let zone = "open.example.org"
    private static let count = 60

    private struct State {
        var names: Set<String>
        var serial: UInt32
    }

    private func state(_ daemon: Daemon) throws -> State {
        let records = try #require(try Peer.transfer(Self.zone, port: daemon.port))
        let owners = records.compactMap { $0.split(separator: " ").first.map(String.init) }
        return State(
            names: Set(owners.filter { $0.wholeMatch(of: /n[0-9]+\.open\..*/) != nil }),
            serial: try daemon.serial(Self.zone))
    }

    private func update(_ daemon: Daemon, _ number: Int) throws -> String {
        let client = try WireClient(.tcp, port: daemon.port)
        let id = UInt16(truncatingIfNeeded: number)
        try client.send(UpdateFixture.add("n\(number).\(Self.zone)", zone: Self.zone, id: id))
        return try WireMessage(try client.receive(within: 20)).rcode
    }

    @Test(
        "It is noticed and named, the zone is served as far as the journal is sound, and updates go on with newer serials",
        arguments: Kind.allCases)
    func damaged(kind: Kind) throws {
        let daemon = try UpdateFixture.start()
        for number in 1...Self.count { #expect(try update(daemon, number) == "NOERROR") }
        let whole = try state(daemon)
        // A clean stop folds the log into the database.
        if kind == .flippedDatabase { try daemon.stop() } else { try daemon.crash() }
        let folder = daemon.directory.path + "/state", kept = daemon.directory.path + "/kept"
        try FileManager.default.copyItem(atPath: folder, toPath: kept)
        let file = folder + "/journal.sqlite" + (kind == .flippedDatabase ? "" : "-wal")
        var random = SplitMix(state: 20_261_121), noticed = 0
        for number in 0..<Effort.count("TORII_DAMAGES", 6) {
            try FileManager.default.removeItem(atPath: folder)
            try FileManager.default.copyItem(atPath: kept, toPath: folder)
            var octets = try Data(contentsOf: URL(fileURLWithPath: file))
            // The first octets of the file first.
            let place = number < 2 ? number * 16 : Int(random.next() % UInt64(octets.count))
            switch kind {
            case .tornLog: octets = octets.prefix(place)
            case .flippedLog, .flippedDatabase: octets[place] ^= 1 << UInt8(number % 8)
            case .spoiledLog: for octet in place..<min(place + 40, octets.count) { octets[octet] ^= 0x55 }
            }
            try octets.write(to: URL(fileURLWithPath: file))
            try daemon.restart()
            let log = daemon.process.errorText
            let after = try state(daemon)
            #expect(after.names.isSubset(of: whole.names), "\(kind.rawValue) at \(place)")
            noticed += log.contains("journal damaged") ? 1 : 0
            // A torn log is what a crash leaves of what was not acknowledged: nothing to tell, and no gap to leap.
            if kind == .flippedLog {
                #expect(after.names == whole.names && after.serial == whole.serial, "put right at \(place)")
            } else if kind != .tornLog, after.names != whole.names {
                #expect(
                    log.contains("journal damaged"),
                    "at \(place): \(after.names.count) of \(Self.count): \(log)")
                #expect(after.serial > whole.serial, "at \(place)")
            }
            #expect(try update(daemon, 1000 + number) == "NOERROR")
            try daemon.crash()
            try daemon.restart()
            let last = try state(daemon)
            #expect(last.names == after.names.union(["n\(1000 + number).\(Self.zone)."]), "at \(place)")
            #expect(last.serial > after.serial)
            #expect(!daemon.process.errorText.contains("journal damaged"), "told once")
            try daemon.crash()
        }
        #expect(kind == .tornLog || noticed > 0)
    }

    @Test(
        "A state directory that turns read-only: queries and transfers go on, updates are SERVFAIL until it is writable",
        .enabled(if: Places.isRoot && Places.hasTools("mount", "umount")))
    func readOnly() throws {
        let directory = try TemporaryDirectory()
        let folder = directory.path + "/state"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try #require(
            Tool.run("mount", ["-t", "tmpfs", "-o", "size=4m", "none", folder]).succeeded, "a tmpfs")
        defer { _ = try? Tool.run("umount", ["-l", folder]) }
        let daemon = try Daemon(
            UpdateFixture.configuration,
            files: ["net.zone": UpdateFixture.zone, "open.zone": UpdateFixture.open], in: directory)
        #expect(try update(daemon, 1) == "NOERROR")
        let before = try state(daemon)
        try daemon.crash()
        func remount(_ how: String) throws {
            try #require(Tool.run("mount", ["-o", "remount,\(how)", folder]).succeeded)
        }
        try remount("ro")
        try daemon.restart()
        #expect(
            try state(daemon).names == before.names.union([]), "what the journal holds is served, or the file"
        )
        #expect(try update(daemon, 2) == "SERVFAIL")
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.1"])
        try remount("rw")
        try daemon.process.eventually("an update") { try update(daemon, 3) == "NOERROR" }
        let after = try state(daemon)
        #expect(after.names == ["n1", "n3"].reduce(into: []) { $0.insert("\($1).\(Self.zone).") })
        #expect(after.serial > before.serial)
        try daemon.stop()
    }
}

/// Random numbers that are the same each time.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
