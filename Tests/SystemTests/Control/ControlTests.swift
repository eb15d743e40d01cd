import Foundation
import Testing

@Suite("toriictl")
struct ControlTests {
    static let zone = "zones: [ { name: example.net, kind: primary, file: small.zone } ]\n"

    static func start() throws -> Daemon {
        try Daemon(Daemon.basics + zone, files: ["small.zone": Zones.small])
    }

    @Test("status is 0 while the daemon runs and 3 when it does not")
    func status() throws {
        let daemon = try Self.start()
        #expect(try daemon.control("status").status == .exited(0))
        try daemon.stop()
        #expect(try daemon.control("status").status == .exited(3))
    }

    @Test(
        "Every verb exits 3 when the daemon does not run",
        arguments: ["stop", "reload", "stats", "zone list"])
    func notRunning(_ verb: String) throws {
        let result = try Tool.run(
            Places.program("toriictl"),
            ["--socket", "/nonexistent/torii.sock"] + verb.split(separator: " ").map(String.init))
        #expect(result.status == .exited(3))
    }

    @Test("Bad usage exits 2", arguments: ["", "frobnicate", "zone frobnicate", "check zone", "cache flush"])
    func usage(_ words: String) throws {
        let daemon = try Self.start()
        let result = try Tool.run(
            Places.program("toriictl"),
            ["--socket", daemon.directory.path + "/torii.sock"] + words.split(separator: " ").map(String.init)
        )
        #expect(result.status == .exited(2), "\(result)")
    }

    @Test("stop ends the daemon cleanly")
    func stop() throws {
        let daemon = try Self.start()
        #expect(try daemon.control("stop").status == .exited(0))
        #expect(try daemon.process.waitForExit(within: 5) == .exited(0))
    }

    @Test("SIGTERM and SIGINT are a clean stop", arguments: [SIGTERM, SIGINT])
    func signals(_ signal: Int32) throws {
        let daemon = try Self.start()
        daemon.process.signal(signal)
        #expect(try daemon.process.waitForExit(within: 5) == .exited(0))
    }

    @Test("status --json and stats --json are JSON", arguments: ["status", "stats", "zone list"])
    func json(_ verb: String) throws {
        let daemon = try Self.start()
        let words = ["--json"] + verb.split(separator: " ").map(String.init)
        let result = try Tool.run(
            Places.program("toriictl"), ["--socket", daemon.directory.path + "/torii.sock"] + words)
        #expect(result.status == .exited(0), "\(result)")
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(result.output.utf8)) }
    }

    @Test("stats count what was asked")
    func stats() throws {
        let daemon = try Self.start()
        for _ in 0..<10 { _ = try daemon.ask("www.example.net") }
        let output = try daemon.control("stats").output
        let numbers = output.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
        #expect(numbers.contains { $0 >= 10 }, "\(output)")
    }

    @Test("zone list names each zone with its serial")
    func zones() throws {
        let daemon = try Self.start()
        let output = try daemon.control("zone", "list").output
        #expect(output.contains("example.net") && output.contains("1"))
    }

    @Test("zone status of a zone that is not there is an error")
    func noZone() throws {
        #expect(try Self.start().control("zone", "status", "example.com").status == .exited(1))
    }

    @Test(
        "What needs a loaded zone says so and exits 1 without one",
        arguments: ["freeze", "thaw", "flush", "status", "notify", "diff"])
    func notLoaded(_ verb: String) throws {
        let daemon = try Daemon(
            Daemon.basics + Self.zone, files: ["small.zone": Zones.small + "@ SOA ns1 h 2 1 1 1 1\n"])
        let result = try daemon.control("zone", verb, "example.net")
        #expect(result.status == .exited(1), "\(result)")
        #expect(result.errors.contains("not loaded") || result.errors.contains("SOA"), "\(result)")
    }

    @Test("A zone is added with its options, counted, shown with its origin, and removed")
    func addedZone() throws {
        let daemon = try Self.start()
        try daemon.directory.write(
            "more.zone", Zones.small.replacingOccurrences(of: "example.net", with: "example.org"))
        #expect(
            try daemon.control("zone", "add", "example.org", "kind: primary, file: nothing.zone").status
                == .exited(1))
        #expect(try daemon.control("zone", "status", "example.org").errors.contains("no zone"))
        let unknown = try daemon.control("zone", "add", "example.org", "kind: primary, flie: more.zone")
        #expect(unknown.errors.contains("did you mean file"), "\(unknown)")
        #expect(
            try daemon.control("zone", "add", "example.org", "{ kind: primary, file: more.zone }").succeeded)
        #expect(
            try daemon.control("zone", "add", "example.org", "kind: primary, file: more.zone").status
                == .exited(1))
        #expect(try daemon.ask("www.example.org").rcode == "NOERROR", "a refused addition changes nothing")
        for _ in 0..<6 { _ = try daemon.ask("www.example.org") }
        let status = try daemon.control("zone", "status", "example.org").output
        #expect(status.contains("origin: added") && status.contains("queries: 7"), "\(status)")
        let stats = try daemon.control("stats", "zone_requests").output
        #expect(stats.contains("zone=\"example.org.\""), "\(stats)")
        try daemon.restart()
        #expect(try daemon.ask("www.example.org").rcode == "NOERROR")
        #expect(try daemon.control("zone", "delete", "example.org").succeeded)
        #expect(try daemon.ask("www.example.org").rcode == "REFUSED")
        #expect(try daemon.control("zone", "delete", "example.net").status == .exited(1))
    }

    @Test("check zone -q is silent, -o writes the zone, -D prints it")
    func checkFlags() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("good.zone", Zones.small)
        func check(_ words: String...) throws -> Tool.Result {
            try Tool.run(Places.program("toriictl"), ["check", "zone"] + words + ["example.net", file])
        }
        let quiet = try check("-q")
        #expect(quiet.succeeded && quiet.output.isEmpty && quiet.errors.isEmpty, "\(quiet)")
        #expect(try check("-o", directory.path + "/out").output.hasSuffix("OK\n"))
        #expect(try String(contentsOfFile: directory.path + "/out", encoding: .utf8).contains("SOA"))
        #expect(try check("-D").output.contains("SOA"))
    }

    @Test("A zone edited by hand without a new serial is taken with a warning")
    func sameSerial() throws {
        let daemon = try Self.start()
        try daemon.directory.write("small.zone", Zones.small + "edited A 192.0.2.99\n")
        let result = try daemon.control("zone", "reload", "example.net")
        #expect(result.succeeded && result.output.contains("serial"), "\(result)")
        #expect(try daemon.ask("edited.example.net").data("A") == ["192.0.2.99"])
    }

    @Test("Names are relative to the zone, or whole with and without the last dot")
    func ownerNames() throws {
        let daemon = try Self.start()
        for owner in ["short", "whole.example.net", "dotted.example.net."] {
            #expect(try daemon.control("zone", "set", "example.net", owner, "60", "A", "192.0.2.7").succeeded)
            let name = String(owner.prefix { $0 != "." }) + ".example.net"
            #expect(try daemon.ask(name).data("A") == ["192.0.2.7"], "\(owner)")
            #expect(try daemon.control("zone", "show", "example.net", owner).output.contains("192.0.2.7"))
            #expect(try daemon.control("zone", "edit", "example.net", "begin").succeeded)
            #expect(try daemon.control("zone", "unset", "example.net", owner, "A", "192.0.2.7").succeeded)
            #expect(try daemon.control("zone", "diff", "example.net").output == "- \(name). A 192.0.2.7\n")
            #expect(try daemon.control("zone", "edit", "example.net", "commit").succeeded)
            #expect(try daemon.ask(name).rcode == "NXDOMAIN", "\(owner)")
        }
    }

    @Test(
        "An operator's change without effect is an error that says why, and of an edit nothing is done",
        arguments: [
            "set www 60 CNAME ns1", "set alias 60 A 192.0.2.1", "set www 60 SOA a b 9 1 1 1 1", "unset @ SOA",
            "unset @ NS", "unset @ NS ns1.example.net.", "set @ 60 SOA a b 1 1 1 1 1",
        ])
    func withoutEffect(_ change: String) throws {
        let daemon = try Self.start()
        func zone(_ words: String...) throws -> Tool.Result { try daemon.control(["zone"] + words) }
        #expect(try zone("set", "example.net", "alias", "60", "CNAME", "www").succeeded)
        let words = change.split(separator: " ").map(String.init)
        let command = ["zone", words[0], "example.net"] + words.dropFirst()
        let result = try daemon.control(command)
        #expect(result.status == .exited(1) && result.errors.contains(":"), "\(result)")
        #expect(try zone("edit", "example.net", "begin").succeeded)
        #expect(try zone("set", "example.net", "other", "60", "A", "192.0.2.1").succeeded)
        #expect(try daemon.control(command).succeeded)
        #expect(try zone("edit", "example.net", "commit").status == .exited(1))
        #expect(try daemon.ask("other.example.net").rcode == "NXDOMAIN")
    }

    @Test("zone status counts names and records as they are now, updates included")
    func zoneCounts() throws {
        let daemon = try Self.start()
        func counts() throws -> [String] {
            try daemon.control("zone", "status", "example.net").output.split(separator: "\n").map(String.init)
                .filter { $0.hasPrefix("names: ") || $0.hasPrefix("records: ") }
        }
        #expect(try counts() == ["names: 3", "records: 4"])
        for (owner, address) in [("a.b", "192.0.2.7"), ("a.b", "192.0.2.8"), ("www", "192.0.2.9")] {
            #expect(try daemon.control("zone", "set", "example.net", owner, "60", "A", address).succeeded)
        }
        #expect(try counts() == ["names: 4", "records: 7"])
        _ = try daemon.control("zone", "unset", "example.net", "a.b")
        #expect(try counts() == ["names: 3", "records: 5"])
    }

    @Test("log reopen, which log rotation calls, does no harm")
    func reopen() throws {
        let daemon = try Self.start()
        #expect(try daemon.control("log", "reopen").succeeded)
        daemon.process.signal(SIGUSR1)
        #expect(try daemon.ask("www.example.net").rcode == "NOERROR")
    }

    @Test("Thawing says what is odd about the edited file")
    func thawWarns() throws {
        let daemon = try Self.start()
        #expect(try daemon.control("zone", "freeze", "example.net").succeeded)
        try daemon.directory.write("small.zone", Zones.small + "edited A 192.0.2.99\n")
        let result = try daemon.control("zone", "thaw", "example.net")
        #expect(result.succeeded && result.output.contains("serial"), "\(result)")
    }

    @Test("check zone ends in OK for a good zone, and needs no daemon")
    func checkGood() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("good.zone", Zones.small)
        let result = try Tool.run(Places.program("toriictl"), ["check", "zone", "example.net", file])
        #expect(result.status == .exited(0), "\(result)")
        #expect(result.output.split(separator: "\n").last == "OK")
    }

    @Test(
        "check zone refuses what makes no zone, with the line",
        arguments: [
            ("two SOAs", "@ IN SOA ns1 h 2 1 1 1 1\n", true),
            ("an owner outside", "www.example.org. IN A 192.0.2.1\n", true),
            ("a CNAME beside data", "www IN CNAME ns1\n", true),
            ("two CNAMEs", "c IN CNAME ns1\nc IN CNAME www\n", true),
            ("two DNAMEs", "d IN DNAME a.example.org.\nd IN DNAME b.example.org.\n", true),
            ("data below a DNAME", "d IN DNAME a.example.org.\nx.d IN A 192.0.2.1\n", true),
            ("a broken address", "b IN A 192.0.2.1.1\n", true), ("an unknown word", "b IN FROB 1\n", true),
            ("an unclosed quote", "b IN TXT \"abc\n", true),
            ("an unclosed parenthesis", "b IN TXT ( abc\n", true),
        ])
    func checkBad(_ what: String, _ text: String, _ namesLine: Bool) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("bad.zone", Zones.small + text)
        let result = try Tool.run(Places.program("toriictl"), ["check", "zone", "example.net", file])
        #expect(result.status == .exited(1), "\(what): \(result)")
        #expect((result.output + result.errors).contains("bad.zone:"), "\(what): \(result)")
    }

    @Test("check zone and zone reload tell every fault of a file with its line; what was served stays")
    func allFaults() throws {
        let faulty = Zones.small + "b A 192.0.2.300\nc FROB 1\nwww.example.org. A 192.0.2.1\nwww CNAME ns1\n"
        let directory = try TemporaryDirectory()
        let file = try directory.write("bad.zone", faulty)
        let result = try Tool.run(Places.program("toriictl"), ["check", "zone", "example.net", file])
        #expect(result.status == .exited(1))
        #expect(
            result.errors.split(separator: "\n").filter { $0.contains("bad.zone:") }.count == 4, "\(result)")
        #expect(!result.output.contains("OK"))
        let daemon = try Self.start()
        try daemon.directory.write("small.zone", faulty)
        let reload = try daemon.control("zone", "reload", "example.net")
        #expect(reload.status == .exited(1))
        let told = (reload.output + reload.errors).split(separator: "\n")
        #expect(told.filter { $0.contains("small.zone:") }.count == 4, "\(reload)")
        #expect(try daemon.control("zone", "status", "example.net").output.contains("fault:"))
        #expect(try daemon.ask("www.example.net").rcode == "NOERROR")
    }

    @Test("check conf says where an error is and exits 1; 0 when there is none")
    func checkConf() throws {
        let directory = try TemporaryDirectory()
        try directory.write("small.zone", Zones.small)
        let good = try directory.write("good.yaml", BadConfiguration.listen + Self.zone)
        let bad = try directory.write("bad.yaml", BadConfiguration.listen + "colour: blue\n")
        #expect(try Tool.run(Places.program("toriictl"), ["check", "conf", good]).status == .exited(0))
        let result = try Tool.run(Places.program("toriictl"), ["check", "conf", bad])
        #expect(result.status == .exited(1))
        #expect((result.output + result.errors).contains("bad.yaml:3:1"), "\(result)")
    }

    @Test("The control socket is for its owner alone")
    func permissions() throws {
        let daemon = try Self.start()
        let attributes = try FileManager.default.attributesOfItem(
            atPath: daemon.directory.path + "/torii.sock")
        let mode = attributes[.posixPermissions] as? Int ?? 0o777
        #expect(mode & 0o007 == 0)
    }
}
