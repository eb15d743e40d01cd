import Foundation
import Testing

/// F4, F5 and U4 of the robustness list: clocks, descriptors, partitions, and new rules in the midst of updates.
@Suite("Faults around updates")
struct FaultTests {
    private static let zone = "open.example.org"

    /// One update of the open zone over UDP; its response code.
    private func update(_ daemon: Daemon, _ id: Int) throws -> String {
        let client = try WireClient(.udp, port: daemon.port)
        let number = UInt16(truncatingIfNeeded: id)
        try client.send(UpdateFixture.add("f\(id).\(Self.zone)", zone: Self.zone, id: number))
        return try WireMessage(try client.receive(within: 20)).rcode
    }

    private static let faketime = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    ].first { FileManager.default.fileExists(atPath: $0) }

    @Test(
        "F4: the clock steps an hour ahead and back; updates and queries go on, signatures say BADTIME meanwhile",
        .enabled(if: faketime != nil, "needs libfaketime"))
    func clockSteps() throws {
        let directory = try TemporaryDirectory()
        try directory.write("clock", "+0\n")
        let daemon = try Daemon(
            UpdateFixture.configuration,
            files: ["net.zone": UpdateFixture.zone, "open.zone": UpdateFixture.open],
            environment: [
                "LD_PRELOAD": Self.faketime ?? "", "FAKETIME_TIMESTAMP_FILE": directory.path + "/clock",
                "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
            ])
        var last = try daemon.serial(Self.zone)
        for (index, step) in ["+0", "+3600", "+0", "-3600", "+1", "+0"].enumerated() {
            try directory.write("clock", step + "\n")
            for number in 0..<5 { #expect(try update(daemon, index * 10 + number) == "NOERROR") }
            let serial = try daemon.serial(Self.zone)
            #expect(serial == last + 5)
            last = serial
            let signed = try daemon.nsupdate(
                "zone example.net\nupdate add c\(index).example.net 60 A 192.0.2.1", key: UpdateFixture.key)
            if step.hasSuffix("3600") {
                #expect(signed.errors.contains("NOTAUTH(BADTIME)"), "\(step): \(signed)")
            } else {
                #expect(signed.succeeded, "\(step): \(signed)")
            }
        }
        try daemon.crash()
        try directory.write("clock", "-3600\n")
        try daemon.restart()
        #expect(try daemon.serial(Self.zone) == last)
        #expect(try update(daemon, 99) == "NOERROR")
    }

    @Test(
        "D9: a clock twenty years off at the start is said, and served in spite of; arguments arrive by any preload",
        .enabled(if: faketime != nil, "needs libfaketime"), arguments: ["-20y", "+30y"])
    func clockYearsOff(_ offset: String) throws {
        let daemon = try Daemon(
            UpdateFixture.configuration,
            files: ["net.zone": UpdateFixture.zone, "open.zone": UpdateFixture.open],
            environment: ["LD_PRELOAD": Self.faketime ?? "", "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1"])
        if offset.hasPrefix("-") { try daemon.process.waitForError("the clock is before 2026") }
        #expect(try update(daemon, 1) == "NOERROR")
        #expect(try daemon.ask("f1.\(Self.zone)").rcode == "NOERROR")
        #expect(try daemon.stop() == .exited(0))
        // The library adds to the environment of the program that it is loaded into first.
        for program in ["toriid", "torii-router", "toriictl"] {
            let words = [
                "LD_PRELOAD=\(Self.faketime ?? "")", "FAKETIME=\(offset)", Places.program(program),
                "--version",
            ]
            let result = try Tool.run("env", words, directory: daemon.directory.path, within: 10)
            #expect(result.output.hasPrefix(program), "\(result)")
        }
    }

    @Test("F4: without descriptors left, UDP and updates go on; connections come back when there are some")
    func descriptors() throws {
        let daemon = try UpdateFixture.start()
        #expect(try Tool.run("prlimit", ["--pid", String(daemon.process.pid), "--nofile=64:64"]).succeeded)
        var streams: [WireClient] = []
        for _ in 0..<100 {
            if let client = try? WireClient(.tcp, port: daemon.port) { streams.append(client) }
        }
        for number in 0..<20 {
            #expect(try update(daemon, number) == "NOERROR")
            #expect(try daemon.ask("f\(number).\(Self.zone)").data("A").count == 1)
        }
        streams.removeAll()
        try daemon.process.eventually("a connection") {
            guard let client = try? WireClient(.tcp, port: daemon.port) else { return false }
            try client.send(WireQuery("www.example.net").bytes)
            return (try? client.receiveIfAny(within: 2)) != nil
        }
        let before = try daemon.serial(Self.zone)
        try daemon.crash()
        try daemon.restart()
        #expect(try daemon.serial(Self.zone) == before)
    }

    /// Lets a process map so many octets more than it has mapped now; nil: as many as it likes.
    private func bound(_ daemon: Daemon, _ room: Int?) throws {
        let status = try String(contentsOfFile: "/proc/\(daemon.process.pid)/statm", encoding: .utf8)
        let pages = try #require(status.split(separator: " ").first.flatMap { Int($0) })
        let limit = room.map { String(pages * Int(getpagesize()) + $0) } ?? "unlimited"
        #expect(try Tool.run("prlimit", ["--pid", String(daemon.process.pid), "--as=\(limit):"]).succeeded)
    }

    @Test(
        "F4, U5: without memory left, updates, transfers and zone files that want it end with an error; queries go on"
    )
    func memory() throws {
        let big =
            UpdateFixture.open.replacingOccurrences(of: "open.example.org", with: "big.example")
            + (1...50_000).map { "n\($0) A 192.0.2.\($0 % 250)\n" }.joined()
        let primary = try Daemon(
            Daemon.basics
                + "zones: [ { name: big.example, kind: primary, file: z, transfer: [ { from: 127.0.0.0/8 } ] } ]\n",
            files: ["z": big])
        let daemon = try Daemon(
            UpdateFixture.configuration + "limits: { memory-reserve: 56MiB }\n",
            files: ["net.zone": UpdateFixture.zone, "open.zone": UpdateFixture.open])
        let before = try daemon.serial(Self.zone)
        try bound(daemon, 8 << 20)
        try daemon.process.eventually("the refusal of an update") { try update(daemon, 1) == "SERVFAIL" }
        #expect(try daemon.ask("ns.\(Self.zone)").rcode == "NOERROR")
        try bound(daemon, 64 << 20)
        let remote = "{ address: 127.0.0.1, port: \(primary.port) }"
        #expect(
            try daemon.control("zone", "add", "big.example", "kind: secondary, primaries: [ \(remote) ]")
                .succeeded)
        try daemon.process.eventually("the end of the transfer", within: 120) {
            daemon.process.errorText.contains("no memory for the zone after")
        }
        #expect(try daemon.ask("ns.\(Self.zone)").rcode == "NOERROR")
        #expect(try daemon.control("stats", "memory").output.contains("torii_memory_short_total"))
        try bound(daemon, nil)
        #expect(try daemon.control("zone", "refresh", "big.example").succeeded)
        try daemon.process.eventually("the zone", within: 120) {
            try daemon.ask("n50000.big.example").rcode == "NOERROR"
        }
        try daemon.process.eventually("updates") { try update(daemon, 2) == "NOERROR" }
        #expect(try daemon.serial(Self.zone) == before + 1)
    }

    @Test("U4: rules that cannot be read keep the old ones; without any, the server does not start")
    func brokenRules() throws {
        let daemon = try UpdateFixture.start()
        let closed = UpdateFixture.configuration.replacingOccurrences(
            of: "update: [ { from: 127.0.0.0/8, action: allow } ]",
            with: "update: [ { frm: 127.0.0.0/8, action: allow } ]")
        try daemon.configure(closed)
        let result = try daemon.control("reload")
        #expect(result.status == .exited(1))
        #expect((result.output + result.errors).contains("frm"), "\(result)")
        #expect(try update(daemon, 1) == "NOERROR", "the old rules stand")
        try daemon.configure(
            UpdateFixture.configuration.replacingOccurrences(
                of: "update: [ { from: 127.0.0.0/8, action: allow } ]", with: "update: []"))
        try daemon.reload()
        #expect(try update(daemon, 2) == "REFUSED", "no rule is a refusal")
        try daemon.configure(closed)
        try daemon.stop()
        #expect(throws: HarnessError.self) { try daemon.restart() }
    }

    @Test("U4: rules come and go in a storm of updates: each gets an answer, and what was done stays")
    func rulesInStorm() throws {
        let daemon = try UpdateFixture.start()
        let shut = UpdateFixture.configuration.replacingOccurrences(
            of: "update: [ { from: 127.0.0.0/8, action: allow } ]", with: "update: []")
        let client = try WireClient(.tcp, port: daemon.port)
        var next = 0, answered = 0, done: [UInt16: Bool] = [:]
        func send() throws {
            next += 1
            try client.send(
                UpdateFixture.add(
                    "s\(next).\(Self.zone)", zone: Self.zone, id: UInt16(truncatingIfNeeded: next)))
        }
        func take(_ count: Int) throws {
            for _ in 0..<count {
                let response = try WireMessage(try client.receive(within: 20))
                #expect(response.rcode == "NOERROR" || response.rcode == "REFUSED")
                done[response.id] = response.rcode == "NOERROR"
                answered += 1
            }
        }
        for round in 0..<10 {
            for _ in 0..<40 { try send() }
            try daemon.configure(round % 2 == 0 ? shut : UpdateFixture.configuration)
            let before = next
            daemon.process.signal(SIGHUP)
            try take(20)
            for _ in 0..<40 { try send() }
            try take(next - answered)
            _ = before
        }
        #expect(done.count == 800 && done.values.contains(true))
        try daemon.configure(UpdateFixture.configuration)
        try daemon.reload()
        let records = try #require(try Peer.transfer(Self.zone, port: daemon.port))
        let present = Set(records.compactMap { $0.split(separator: " ").first.map(String.init) })
        for (id, isDone) in done { #expect(present.contains("s\(id).\(Self.zone).") == isDone, "s\(id)") }
    }

    @Test(
        "F5: a partition, a storm of NOTIFY and serials beyond 2^31 and 2^32 end in identical zones",
        arguments: [UInt32(2_147_483_600), 4_294_967_250])
    func partition(serial: UInt32) throws {
        let port = try Ports.free()
        let text = UpdateFixture.open.replacingOccurrences(of: "hostmaster 1 ", with: "hostmaster \(serial) ")
        let primary = try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                zones:
                  - name: \(Self.zone)
                    kind: primary
                    file: open.zone
                    transfer: [ { from: 127.0.0.0/8 } ]
                    notify: [ { address: 127.0.0.1, port: \(port) } ]
                    update: [ { from: 127.0.0.0/8, action: allow } ]

                """, files: ["open.zone": text])
        let secondary = try Daemon(
            Daemon.basics.replacingOccurrences(of: "port: $PORT", with: "port: \(port)") + """
                recursion: { enabled: false }
                zones:
                  - name: \(Self.zone)
                    kind: secondary
                    primaries: [ { address: 127.0.0.1, port: \(primary.port) } ]
                    transfer: [ { from: 127.0.0.0/8 } ]

                """)
        func zone(_ port: UInt16) throws -> [String] { try Peer.transfer(Self.zone, port: port) ?? [] }
        try secondary.process.eventually("the first transfer") { try !zone(port).isEmpty }
        // Cut off: the secondary hears nothing while the serial goes past the edge.
        secondary.process.signal(SIGSTOP)
        for number in 0..<100 { #expect(try update(primary, number) == "NOERROR") }
        secondary.process.signal(SIGCONT)
        // Anybody may shout: the primary's address is believed, and once is enough.
        var notify = WireQuery(Self.zone, "SOA")
        notify.opcode = 4
        let shouter = try WireClient(.udp, port: port)
        for id in 0..<2000 {
            notify.id = UInt16(id)
            try shouter.send(notify.bytes)
        }
        for number in 100..<110 { #expect(try update(primary, number) == "NOERROR") }
        let expected = try zone(primary.port)
        #expect(expected.count > 110)
        try secondary.process.eventually("identical zones") { try zone(port) == expected }
        #expect(expected.contains { $0.contains(" \(serial &+ 110 &+ (serial > 1 << 31 ? 1 : 0)) ") })
    }
}
