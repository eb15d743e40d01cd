import Foundation
import Testing

/// F3 of the robustness list: a reload loses no query, and a bad one changes nothing.
@Suite("Reload")
struct ReloadTests {
    private static let two = """
        zones:
          - { name: example.net, kind: primary, file: small.zone }
          - { name: example.org, kind: primary, file: other.zone }

        """
    private static let other = Zones.small.replacingOccurrences(of: "example.net", with: "example.org")

    private static func start() throws -> Daemon {
        try Daemon(Daemon.basics + two, files: ["small.zone": Zones.small, "other.zone": other])
    }

    private static func zone(serial: Int) -> String {
        Zones.small.replacingOccurrences(of: " 1 3600", with: " \(serial) 3600")
            .replacingOccurrences(of: "192.0.2.1\n", with: "192.0.2.\(serial % 250)\n")
    }

    @Test("SIGHUP brings the new zone file")
    func hangUp() throws {
        let daemon = try Self.start()
        try daemon.directory.write("small.zone", Self.zone(serial: 2))
        try daemon.reload()
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.2"])
        #expect(try daemon.serial("example.net") == 2)
    }

    @Test("toriictl reload returns when the new state is served")
    func control() throws {
        let daemon = try Self.start()
        try daemon.directory.write("small.zone", Self.zone(serial: 3))
        #expect(try daemon.control("reload").status == .exited(0))
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.3"])
    }

    @Test("Zones come and go with the configuration")
    func zonesChange() throws {
        let daemon = try Self.start()
        try daemon.configure(
            Daemon.basics + "zones: [ { name: example.org, kind: primary, file: other.zone } ]\n")
        try daemon.reload()
        #expect(try daemon.ask("www.example.net").rcode == "REFUSED")
        #expect(try daemon.ask("www.example.org").data("A") == ["192.0.2.1"])
        try daemon.configure(Daemon.basics + Self.two)
        try daemon.reload()
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.1"])
    }

    @Test("A bad configuration leaves the old one serving, and says where it is bad")
    func badConfiguration() throws {
        let daemon = try Self.start()
        try daemon.configure(Daemon.basics + "colour: blue\n")
        let result = try daemon.control("reload")
        #expect(result.status == .exited(1))
        #expect((result.output + result.errors).contains("colour"), "\(result)")
        try daemon.reload()
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.1"])
        try daemon.process.waitForError("colour")
    }

    @Test("A bad zone file leaves the last good version of that zone and does not disturb the others")
    func badZone() throws {
        let daemon = try Self.start()
        try daemon.directory.write("small.zone", "this is no zone\n")
        try daemon.directory.write(
            "other.zone", Self.other.replacingOccurrences(of: " 1 3600", with: " 9 3600"))
        try daemon.reload()
        #expect(try daemon.ask("www.example.net").data("A") == ["192.0.2.1"])
        #expect(try daemon.serial("example.org") == 9)
    }

    @Test("toriictl reload and its dry run exit 1 when a zone file is bad or gone, and say which")
    func faultyFiles() throws {
        let daemon = try Self.start()
        try daemon.directory.write("small.zone", Zones.small + "www IN A 192.0.2.999\n")
        let dry = try daemon.control("reload", "--dry-run")
        #expect(dry.status == .exited(1) && dry.errors.contains("small.zone:6"), "\(dry)")
        try daemon.directory.write(
            "other.zone", Self.other.replacingOccurrences(of: " 1 3600", with: " 9 3600"))
        let bad = try daemon.control("reload")
        #expect(bad.status == .exited(1) && bad.errors.contains("small.zone:6"), "\(bad)")
        #expect(try daemon.serial("example.org") == 9, "the other zone is taken")
        try daemon.directory.write("small.zone", Self.zone(serial: 2))
        #expect(try daemon.control("reload", "--dry-run").succeeded)
        #expect(try daemon.serial("example.net") == 1, "a dry run changes nothing")
        try FileManager.default.removeItem(atPath: daemon.directory.path + "/other.zone")
        let gone = try daemon.control("reload")
        #expect(gone.status == .exited(1) && gone.errors.contains("other.zone"), "\(gone)")
        #expect(try daemon.serial("example.net") == 2)
    }

    @Test("At the start, a bad zone file makes that zone SERVFAIL; the others serve")
    func badZoneAtStart() throws {
        let daemon = try Daemon(
            Daemon.basics + Self.two,
            files: ["small.zone": Zones.small + "www IN A 192.0.2.999\n", "other.zone": Self.other])
        #expect(try daemon.ask("www.example.org").data("A") == ["192.0.2.1"])
        #expect(try daemon.ask("www.example.net").rcode == "SERVFAIL")
        try daemon.process.waitForError("small.zone:6")
    }

    @Test("One hundred reloads under load lose no query; TORII_RELOADS sets how many")
    func underLoad() throws {
        let daemon = try Self.start()
        let loads = try [WireClient.Transport.udp, .tcp].map {
            try Load(port: daemon.port, name: "www.example.org", outstanding: 8, over: $0)
        }
        for serial in 2...(1 + Effort.count("TORII_RELOADS", 100)) {
            try daemon.directory.write("small.zone", Self.zone(serial: serial))
            try daemon.reload()
            #expect(try daemon.serial("example.net") == UInt32(serial))
        }
        for load in loads {
            let result = load.finish()
            print("reloads: \(result)")
            #expect(result.lost == 0 && result.wrong == 0, "\(result)")
            #expect(result.answered > 1000)
        }
    }
}

/// A steady stream of queries with a fixed number outstanding; every one must be answered.
final class Load: @unchecked Sendable {
    struct Result {
        var answered = 0
        var lost = 0
        var wrong = 0
    }

    private let stopping = NSLock()
    private var isStopping = false
    private var result = Result()
    private let done = DispatchSemaphore(value: 0)

    init(port: UInt16, name: String, outstanding: Int, over transport: WireClient.Transport = .udp) throws {
        let client = try WireClient(transport, port: port)
        Thread.detachNewThread { [self] in
            var next: UInt16 = 0
            var waiting: Set<UInt16> = []
            func ask() {
                next &+= 1
                var query = WireQuery(name)
                query.id = next
                waiting.insert(next)
                if (try? client.send(query.bytes)) == nil { result.lost += 1 }
            }
            for _ in 0..<outstanding { ask() }
            while !waiting.isEmpty {
                guard let bytes = try? client.receiveIfAny(within: 5), let response = try? WireMessage(bytes)
                else {
                    result.lost += waiting.count
                    break
                }
                if waiting.remove(response.id) == nil || response.rcode != "NOERROR"
                    || response.answer.isEmpty
                {
                    result.wrong += 1
                }
                result.answered += 1
                if !stopping.withLock({ isStopping }) { ask() }
            }
            done.signal()
        }
    }

    /// Stops asking, waits for what is outstanding, and says how it went.
    func finish() -> Result {
        stopping.withLock { isStopping = true }
        done.wait()
        return result
    }
}
