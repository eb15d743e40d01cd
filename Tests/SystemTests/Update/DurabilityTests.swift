import Foundation
import Testing

/// F1 of the robustness list: what was acknowledged is there, whatever happens.
@Suite("Durability")
struct DurabilityTests {
    private static let zone = "open.example.org"

    @Test("kill -9 in a stream of updates: every acknowledged one is there, and the serial never goes back")
    func storm() throws {
        let daemon = try UpdateFixture.start()
        var acknowledged: Set<String> = [], next: UInt16 = 0
        for round in 1...Effort.count("TORII_STORM_ROUNDS", 5) {
            let serialBefore = try daemon.serial(Self.zone)
            let client = try WireClient(.tcp, port: daemon.port)
            var names: [UInt16: String] = [:], acknowledgedNow = 0
            func send() throws {
                next += 1
                let name = "n\(next).\(Self.zone)"
                names[next] = name
                try client.send(UpdateFixture.add(name, zone: Self.zone, id: next))
            }
            // Fifty are always under way: the crash comes in their midst.
            for _ in 0..<50 { try send() }
            while acknowledgedNow < 40 * min(round, 20) {
                let response = try WireMessage(try client.receive(within: 20))
                #expect(response.rcode == "NOERROR")
                if let name = names[response.id] { acknowledged.insert(name) }
                acknowledgedNow += 1
                try send()
            }
            let serialSeen = try daemon.serial(Self.zone)
            try daemon.crash()
            // Responses that were under way count too.
            while let bytes = try? client.receiveIfAny(within: 1), let response = try? WireMessage(bytes) {
                if response.rcode == "NOERROR", let name = names[response.id] { acknowledged.insert(name) }
            }
            try daemon.restart()
            let after = try daemon.serial(Self.zone)
            #expect(after >= serialSeen && serialSeen > serialBefore)
            let records = try #require(try Peer.transfer(Self.zone, port: daemon.port))
            let present = Set(
                records.compactMap { $0.split(separator: " ").first.map { String($0.dropLast()) } })
            #expect(acknowledged.subtracting(present).isEmpty, "round \(round)")
        }
        #expect(acknowledged.count >= 600)
        // The IDs run round after 65,536 updates: names would come again.
        #expect(acknowledged.count < 60_000)
    }

    @Test("Updates of many clients at once are all answered and all kept")
    func parallelClients() throws {
        let daemon = try UpdateFixture.start()
        let clients = try (0..<20).map { _ in try WireClient(.udp, port: daemon.port) }
        for round in 0..<10 {
            for (index, client) in clients.enumerated() {
                let id = UInt16(round * 100 + index)
                try client.send(UpdateFixture.add("p\(id).\(Self.zone)", zone: Self.zone, id: id))
            }
            for client in clients { #expect(try WireMessage(try client.receive()).rcode == "NOERROR") }
        }
        for round in 0..<10 {
            for index in 0..<20 {
                #expect(try daemon.ask("p\(round * 100 + index).\(Self.zone)").data("A").count == 1)
            }
        }
    }
}
