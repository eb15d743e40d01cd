import Foundation
import Testing

@Suite("Trust anchors over the years")
struct RolloverTests {
    static let zone = """
        $TTL 300
        @ SOA ns h 1 3600 900 604800 60
        @ NS ns
        ns A 127.0.0.1
        www A 192.0.2.1

        """
    static let clock = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
    static let hasClock =
        FileManager.default.isReadableFile(atPath: clock)
        && Places.hasTools("dnssec-keygen", "dnssec-signzone")

    /// Keys of roll.example in folders of their own, and the zone signed with some of them.
    struct Keys {
        let directory: TemporaryDirectory
        let names: [String]

        init() throws {
            directory = try TemporaryDirectory()
            var names: [String] = []
            for _ in 0..<2 {
                let made = try Tool.run(
                    "dnssec-keygen",
                    ["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "-K", directory.path, "roll.example"])
                names.append(made.output.trimmingCharacters(in: .whitespacesAndNewlines))
            }
            self.names = names
        }

        func anchor(_ index: Int) throws -> String {
            try String(contentsOfFile: directory.path + "/\(names[index]).key", encoding: .utf8)
        }

        func sign(with indices: [Int], serial: Int) throws -> String {
            let folder = try TemporaryDirectory()
            for index in indices {
                for suffix in ["key", "private"] {
                    try FileManager.default.copyItem(
                        atPath: directory.path + "/\(names[index]).\(suffix)",
                        toPath: folder.path + "/\(names[index]).\(suffix)")
                }
            }
            let text = RolloverTests.zone.replacingOccurrences(of: "h 1 ", with: "h \(serial) ")
            let file = try folder.write("zone", text)
            let signed = try Tool.run(
                "dnssec-signzone",
                [
                    "-q", "-z", "-S", "-x", "-e", "+7776000", "-K", folder.path, "-o", "roll.example", "-d",
                    folder.path, "-f", folder.path + "/signed", file,
                ], directory: folder.path)
            guard signed.succeeded else { throw HarnessError.ended("dnssec-signzone: \(signed.errors)") }
            return try String(contentsOfFile: folder.path + "/signed", encoding: .utf8)
        }
    }

    @Test(
        "RFC 5011: a new key is trusted after thirty days, over restarts, and then alone",
        .enabled(if: hasClock, "needs libfaketime and BIND's tools"))
    func roll() throws {
        let keys = try Keys()
        let origin = try Daemon(
            Daemon.basics + "zones: [ { name: roll.example, file: roll.zone } ]\n",
            files: ["roll.zone": try keys.sign(with: [0, 1], serial: 1)])
        let directory = try TemporaryDirectory()
        try directory.write("anchor.key", try keys.anchor(0))
        func resolver(_ shift: String?) throws -> Daemon {
            try Daemon(
                Daemon.basics + """
                    dnssec: { trust-anchors: anchor.key, signal-trust-anchors: false }
                    recursion:
                      root-hints: [ { name: nowhere.example., address: 127.0.0.1 } ]
                      stub: [ { zone: roll.example, servers: [ { address: 127.0.0.1, port: \(origin.port) } ] } ]

                    """,
                environment: shift.map {
                    ["LD_PRELOAD": Self.clock, "FAKETIME": $0, "FAKETIME_DONT_FAKE_MONOTONIC": "1"]
                } ?? [:], in: directory)
        }
        let state = directory.path + "/state/anchors/roll.example.key"
        func kept() -> String { (try? String(contentsOfFile: state, encoding: .utf8)) ?? "" }

        let first = try resolver(nil)
        #expect(try first.dig("www.roll.example", "A", "+adflag").hasFlag("ad"))
        try first.process.eventually("the new key noted", within: 10) { kept().contains("state=1") }
        try first.stop()

        let second = try resolver("+31d")
        #expect(try second.dig("www.roll.example", "A", "+adflag").hasFlag("ad"))
        try second.process.eventually("the new key trusted", within: 10) {
            kept().contains("state=2") && !kept().contains("state=1")
        }
        try second.stop()

        try origin.directory.write("roll.zone", try keys.sign(with: [1], serial: 2))
        try origin.reload()
        let third = try resolver("+31d")
        #expect(try third.dig("www.roll.example", "A", "+adflag").hasFlag("ad"))
        try third.stop()

        // The file of the first anchor alone would not do.
        try FileManager.default.removeItem(atPath: state)
        let forgetful = try resolver("+31d")
        #expect(try forgetful.dig("www.roll.example", "A").rcode == "SERVFAIL")
    }

    @Test(
        "A clock ten years off makes clear errors, and nothing needs a restart once it is right",
        .enabled(if: hasClock, "needs libfaketime and BIND's tools"))
    func wrongClock() throws {
        let keys = try Keys()
        let origin = try Daemon(
            Daemon.basics + "zones: [ { name: roll.example, file: roll.zone } ]\n",
            files: ["roll.zone": try keys.sign(with: [0], serial: 1)])
        let directory = try TemporaryDirectory()
        try directory.write("anchor.key", try keys.anchor(0))
        try directory.write("time", "-3650d")
        let resolver = try Daemon(
            Daemon.basics + """
                dnssec: { trust-anchors: anchor.key, rfc5011: false, signal-trust-anchors: false }
                recursion:
                  root-hints: [ { name: nowhere.example., address: 127.0.0.1 } ]
                  stub: [ { zone: roll.example, servers: [ { address: 127.0.0.1, port: \(origin.port) } ] } ]

                """,
            environment: [
                "LD_PRELOAD": Self.clock, "FAKETIME_TIMESTAMP_FILE": directory.path + "/time",
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            ], in: directory)
        let early = try resolver.dig("www.roll.example", "A")
        #expect(early.rcode == "SERVFAIL" && early.pseudo("EDE: 8") != nil, "\(early)")
        try resolver.process.waitForError("the clock")
        try directory.write("time", "+0d")
        try resolver.process.eventually("validation", within: 20) {
            _ = try? resolver.control("cache", "flush", "roll.example", "--tree")
            return (try? resolver.dig("www.roll.example", "A", "+adflag").hasFlag("ad")) ?? false
        }
    }
}
