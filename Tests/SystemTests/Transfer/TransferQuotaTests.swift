import Foundation
import Testing

/// U6 of the robustness list: who may not transfer takes no place from those who may.
@Suite("Places for transfers")
struct TransferQuotaTests {
    @Test(
        "U6: a hundred clients without right take no place; two that never read take two, and give them back")
    func quota() throws {
        let text = String(repeating: "t", count: 240)
        let records = (1...40_000).map { "n\($0) TXT \(text)\n" }.joined()
        let daemon = try Daemon(
            Daemon.basics + """
                recursion: { enabled: false }
                limits: { transfers-out: 3, transfers-out-per-client: 2 }
                zones:
                  - { name: big.example, kind: primary, file: big.zone, transfer: [ { from: 127.0.0.0/30 } ] }
                  - { name: small.example, kind: primary, file: small.zone, transfer: [ { from: 127.0.0.0/30 } ] }

                """,
            files: [
                "big.zone": Zones.small.replacingOccurrences(of: "example.net", with: "big.example")
                    + records,
                "small.zone": Zones.small.replacingOccurrences(of: "example.net", with: "small.example"),
            ])
        func ask(_ zone: String, from source: String) throws -> WireClient {
            let client = try WireClient(.tcp, port: daemon.port, from: source)
            try client.send(WireQuery(zone, "AXFR").bytes)
            return client
        }
        func rcode(_ zone: String, from source: String) throws -> String {
            try WireMessage(try ask(zone, from: source).receive()).rcode
        }
        // Strangers, who stay connected.
        let strangers = try (0..<100).map { try ask("big.example", from: "127.0.1.\($0 % 4 + 1)") }
        for stranger in strangers { #expect(try WireMessage(try stranger.receive()).rcode == "REFUSED") }
        #expect(try rcode("small.example", from: "127.0.0.1") == "NOERROR")
        // Two that take the first message and read no further.
        var sleepers = try (0..<2).map { _ in try ask("big.example", from: "127.0.0.2") }
        for sleeper in sleepers { #expect(try WireMessage(try sleeper.receive()).rcode == "NOERROR") }
        let refused = try WireMessage(try ask("small.example", from: "127.0.0.2").receive())
        #expect(refused.rcode == "REFUSED", "its own share is used up")
        #expect(try rcode("small.example", from: "127.0.0.1") == "NOERROR", "the last place is another's")
        sleepers.append(try ask("big.example", from: "127.0.0.1"))
        #expect(try WireMessage(try sleepers[2].receive()).rcode == "NOERROR")
        #expect(try rcode("small.example", from: "127.0.0.3") == "REFUSED", "no place is left")
        #expect(try daemon.ask("www.small.example").rcode == "NOERROR")
        sleepers.removeAll()
        try daemon.process.eventually("places again") {
            try rcode("small.example", from: "127.0.0.2") == "NOERROR"
        }
        #expect(strangers.count == 100)
    }
}
