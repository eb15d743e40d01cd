import Foundation
import Testing

/// F2 of the robustness list: without a place for the journal queries go on, updates are SERVFAIL, and both come back
/// by themselves.
@Suite("Without a journal")
struct NoJournalTests {
    private static func update(_ daemon: Daemon, _ name: String) throws -> Bool {
        try daemon.nsupdate("zone open.example.org\nupdate add \(name).open.example.org 60 A 192.0.2.9")
            .succeeded
    }

    private static func serves(_ daemon: Daemon, _ name: String) throws -> Bool {
        try daemon.ask("\(name).open.example.org").data("A") == ["192.0.2.9"]
    }

    @Test("A state directory that cannot be used at the start: served all the same, and used once it can be")
    func blocked() throws {
        let daemon = try Daemon(
            UpdateFixture.configuration,
            files: ["net.zone": UpdateFixture.zone, "open.zone": UpdateFixture.open, "state": "in the way"])
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.1"])
        #expect(try !Self.update(daemon, "early"))
        let status = try daemon.control("zone", "set", "open.example.org", "x", "60", "A", "192.0.2.1")
        #expect(status.status == .exited(1) && status.errors.contains("journal"), "\(status)")
        try FileManager.default.removeItem(atPath: daemon.directory.path + "/state")
        try daemon.process.eventually("an update") { try Self.update(daemon, "late") }
        #expect(try Self.serves(daemon, "late") && !Self.serves(daemon, "early"))
        try daemon.restart()
        #expect(try Self.serves(daemon, "late"))
    }

    @Test(
        "A full disk while it runs and at the start: what was acknowledged is served, updates come back with the room",
        .enabled(if: Places.isRoot && Places.hasTools("mount", "umount")))
    func full() throws {
        let directory = try TemporaryDirectory()
        let state = directory.path + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try #require(
            Tool.run("mount", ["-t", "tmpfs", "-o", "size=512k", "none", state]).succeeded, "a tmpfs")
        defer { _ = try? Tool.run("umount", ["-l", state]) }
        func fill() throws {
            _ = try Tool.run("sh", ["-c", "cat /dev/zero > \(state)/fill"])
        }
        let daemon = try Daemon(
            UpdateFixture.configuration,
            files: ["net.zone": UpdateFixture.zone, "open.zone": UpdateFixture.open], in: directory)
        #expect(try Self.update(daemon, "before"))
        try fill()
        // The log has room in its last page for a few more; then none has.
        var refused = 0
        for number in 0..<30 where try !Self.update(daemon, "full\(number)") { refused += 1 }
        #expect(refused > 20)
        #expect(try Self.serves(daemon, "before"))
        let serial = try daemon.serial("open.example.org")
        try daemon.crash()
        try daemon.restart()
        #expect(try Self.serves(daemon, "before"), "the journal is read though there is no room")
        #expect(try daemon.serial("open.example.org") == serial)
        #expect(try !Self.update(daemon, "still"))
        try FileManager.default.removeItem(atPath: state + "/fill")
        try daemon.process.eventually("an update") { try Self.update(daemon, "after") }
        try daemon.restart()
        #expect(try Self.serves(daemon, "before") && Self.serves(daemon, "after"))
        try daemon.stop()
    }
}
