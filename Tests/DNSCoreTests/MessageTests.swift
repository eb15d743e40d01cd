import Testing

@testable import DNSCore

@Suite struct MessageTests {
    private func sample() throws -> Message {
        let name = try Name("www.example.net")
        let zone = try Name("example.net")
        return Message(
            id: 0x1234, flags: [.response, .authoritative],
            questions: [Question(name: name, type: .a)],
            answers: [ResourceRecord(owner: name, type: .a, ttl: 60, data: RecordData([192, 0, 2, 1]))],
            authorities: [
                ResourceRecord(
                    owner: zone, type: .ns, ttl: 60, data: RecordData(try Name("ns1.example.net").wire))
            ],
            additionals: [],
            edns: EDNS(
                payloadSize: 1232, wantsDNSSEC: true, options: [.extendedError(.staleAnswer, text: "x")]))
    }

    @Test("What is written is read back the same, through ldns")
    func roundTrip() throws {
        let message = try sample()
        let octets = message.encoded()
        #expect(try Message(parsing: octets) == message)
        // Owner of the answer, zone of the authority and the suffix of its data are pointers.
        #expect(octets.count == 12 + 21 + 16 + (2 + 10 + 6) + 11 + 4 + 3)
    }

    @Test("A record that does not fit is left out whole and TC is set")
    func truncation() throws {
        let octets = try sample().encoded(limit: 12 + 21 + 16 + 18 + 5)
        let message = try Message(parsing: octets)
        #expect(message.flags.contains(.truncated))
        #expect(message.answers.count == 1)
        #expect(message.authorities.isEmpty)
        #expect(message.edns != nil)
    }

    @Test(
        "Pointers that do not go backwards are refused",
        arguments: [[0xc0, 0x0c], [0xc0, 0x0d], [0xc0, 0xff]])
    func pointers(name: [UInt8]) throws {
        let octets: [UInt8] = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] + name + [0, 1, 0, 1]
        #expect(throws: MessageError.self) { try MessageView.survey(octets) }
    }

    @Test("Two OPT records are a format error")
    func doubledOPT() throws {
        let opt: [UInt8] = [0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]
        let octets: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] + opt + opt
        #expect(throws: MessageError.malformed(.repeatedOPT, at: 23)) { try MessageView.survey(octets) }
    }

    @Test("The key of a name is in lower case, and hashes its suffixes alike")
    func nameKey() throws {
        var upper = NameKey()
        var lower = NameKey()
        upper.load(try Name("A.Much-Longer-Label-Than-Eight.EXAMPLE.net"))
        lower.load(try Name("b.much-longer-label-than-eight.example.net"))
        #expect(upper.labelCount == 4)
        #expect(upper.hash(ofSuffixAt: 0) != lower.hash(ofSuffixAt: 0))
        for index in 1...4 { #expect(upper.hash(ofSuffixAt: index) == lower.hash(ofSuffixAt: index)) }
        #expect(upper.name().isIdentical(to: try Name("a.much-longer-label-than-eight.example.net")))
    }
}
