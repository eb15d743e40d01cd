import Foundation
import Testing

/// The harness proved on things that are not ours.
@Suite("The harness itself")
struct HarnessTests {
    @Test("A tool's output and exit code come back")
    func tool() throws {
        let result = try Tool.run("sh", ["-c", "cat; echo oops >&2; exit 3"], input: "hello")
        #expect(result.output == "hello")
        #expect(result.errors == "oops\n")
        #expect(result.status == .exited(3))
    }

    @Test("A child that is killed says by which signal")
    func killed() throws {
        let child = try ChildProcess("sh", ["-c", "echo up >&2; exec tail -f /dev/null"])
        try child.waitForError("up")
        child.signal(SIGTERM)
        #expect(try child.waitForExit() == .killed(signal: SIGTERM))
    }

    @Test(
        "Our client, decoder and dig agree on an answer of NSD", .enabled(if: Places.hasTools("nsd", "dig")))
    func peer() throws {
        let directory = try TemporaryDirectory()
        let peer = try Peer.nsd(zones: ["example.net": Zones.small], in: directory)
        let client = try WireClient(.udp, port: peer.port)
        try client.send(WireQuery("Www.Example.NET", "A").bytes)
        let response = try WireMessage(try client.receive())
        #expect(response.isResponse && response.isAuthoritative)
        #expect(response.rcode == "NOERROR")
        #expect(response.data("A") == ["192.0.2.1"])
        #expect(response.questions.first?.name == "Www.Example.NET.")
        let dig = try DigResult(
            Tool.run("dig", ["-r", "@127.0.0.1", "-p", "\(peer.port)", "www.example.net", "A"]))
        #expect(dig.answer == ["www.example.net. 3600 IN A 192.0.2.1"])
        #expect(dig.flags.contains("aa"))
    }
}
