import Foundation
import Testing

/// One message that is not as it should be.
struct OddMessage: CustomTestStringConvertible, Sendable {
    enum Outcome: Sendable, Equatable {
        case rcode(String)
        /// One of several, where the RFCs leave the choice.
        case oneOf([String])
        case silence
    }

    let title: String
    let bytes: [UInt8]
    let outcome: Outcome
    var testDescription: String { title }

    init(_ title: String, _ bytes: [UInt8], _ outcome: Outcome) {
        self.title = title
        self.bytes = bytes
        self.outcome = outcome
    }

    init(_ title: String, _ outcome: Outcome, _ change: (inout WireQuery) -> Void) {
        var query = WireQuery("www.example.net", "A")
        change(&query)
        self.init(title, query.bytes, outcome)
    }
}

extension OddMessage {
    private static let formatError = Outcome.rcode("FORMERR")
    private static let tsig = Wire.record(
        Wire.name("no.such.key.example"), type: 250, class: 255,
        rdata: Wire.name("hmac-sha256") + [0, 0, 0x66, 0, 0, 0] + Wire.u16(300) + Wire.u16(32)
            + [UInt8](repeating: 7, count: 32) + Wire.u16(0) + Wire.u16(0) + Wire.u16(0))
    private static let opt = WireQuery.EDNS().bytes
    private static let address = Wire.record(
        Wire.name("x.example.net"), type: 1, ttl: 60, rdata: [192, 0, 2, 1])

    /// Cases W1 to W7 of the robustness list, and their relatives.
    static let all: [OddMessage] = [
        // W1
        OddMessage("RFC 6891 6.1.1: two OPT records", formatError) { $0.additionals = [opt, opt] },
        OddMessage("RFC 6891 6.1.2: an OPT whose owner is not the root", formatError) {
            $0.edns = WireQuery.EDNS(owner: Wire.name("example"))
        },
        OddMessage("RFC 8945 5.1: a TSIG that is not last", formatError) { $0.additionals = [tsig, opt] },
        OddMessage("RFC 8945 5.1: two TSIG records", formatError) { $0.additionals = [tsig, tsig] },
        OddMessage("RFC 8945 5.1: a TSIG among the answers", formatError) { $0.answers = [tsig] },
        OddMessage("RFC 8945 5.2.1: an unknown key", .rcode("NOTAUTH")) { $0.additionals = [tsig] },
        // W3
        OddMessage("RFC 1035 4.1.4: a name that points at itself", formatError) {
            $0.question = [0xc0, 12] + Wire.u16(1) + Wire.u16(1)
        },
        OddMessage("RFC 1035 4.1.4: a name that points forward", formatError) {
            $0.question = [0xc0, 0x40] + Wire.u16(1) + Wire.u16(1)
        },
        OddMessage("RFC 1035 4.1.4: a name that points behind the message", formatError) {
            $0.question = [0xff, 0xff] + Wire.u16(1) + Wire.u16(1)
        },
        OddMessage("RFC 6891 5: a label type that is not defined", formatError) {
            $0.question = [0x41, 3, 1, 2, 3, 0] + Wire.u16(1) + Wire.u16(1)
        },
        OddMessage("RFC 1035 3.1: a name of more than 255 octets", formatError) {
            let labels = (0..<5).flatMap { _ in [UInt8(60)] + [UInt8](repeating: 97, count: 60) }
            $0.question = labels + [0] + Wire.u16(1) + Wire.u16(1)
        },
        OddMessage("A name that runs over the end of the message", formatError) {
            $0.question = [63, 97, 97]
        },
        OddMessage("A question without class", formatError) {
            $0.question = Wire.name("www.example.net") + Wire.u16(1)
        },
        OddMessage("A pointer that ends with the message", formatError) { $0.question = [0xc0] },
        OddMessage("OPT with an option longer than its record", formatError) {
            $0.additionals = [
                [0] + Wire.u16(41) + Wire.u16(1232) + Wire.u32(0) + Wire.u16(4) + Wire.u16(3) + Wire.u16(9)
            ]
        },
        OddMessage("OPT with three octets of options", formatError) {
            $0.additionals = [[0] + Wire.u16(41) + Wire.u16(1232) + Wire.u32(0) + Wire.u16(3) + [0, 3, 0]]
        },
        OddMessage("OPT whose record data runs over the end", formatError) {
            $0.additionals = [[0] + Wire.u16(41) + Wire.u16(1232) + Wire.u32(0) + Wire.u16(400)]
        },
        // W6
        OddMessage("65535 answers claimed, none there", formatError) { $0.claimedCounts = (0xffff, 0, 0) },
        OddMessage("65535 of everything claimed", formatError) {
            $0.claimedCounts = (0xffff, 0xffff, 0xffff)
        },
        OddMessage("65535 questions claimed", formatError) { $0.questionCount = 0xffff },
        OddMessage("Octets after the message", formatError) { $0.trailing = [1, 2, 3] },
        // W7
        OddMessage("RFC 9619 4: two questions", formatError) {
            $0.question += $0.question
            $0.questionCount = 2
        },
        OddMessage("RFC 9619 4: no question", formatError) {
            $0.question = []
            $0.questionCount = 0
        },
        OddMessage("QR=1 is never answered", .silence) { $0.flags = 0x8000 },
        OddMessage("QR=1 with opcode UPDATE is never answered", .silence) { $0.flags = 0xa800 },
        OddMessage("QR=1 and malformed is never answered", .silence) {
            $0.flags = 0x8180
            $0.question = [0xc0, 12]
        },
        OddMessage("RFC 1035 4.1.1: inverse query is obsolete", .rcode("NOTIMP")) { $0.opcode = 1 },
        OddMessage("RFC 1035 4.1.1: STATUS", .rcode("NOTIMP")) { $0.opcode = 2 },
        OddMessage("Opcode 3 is not assigned", .rcode("NOTIMP")) { $0.opcode = 3 },
        OddMessage("RFC 8490: DSO", .rcode("NOTIMP")) { $0.opcode = 6 },
        OddMessage("Opcode 15 is not assigned", .rcode("NOTIMP")) { $0.opcode = 15 },
        OddMessage(
            "RFC 1996 3.11: NOTIFY for a zone we are primary of", .oneOf(["NOTAUTH", "REFUSED", "NOERROR"])
        ) {
            $0 = WireQuery("example.net", "SOA")
            $0.opcode = 4
        },
        OddMessage("RFC 1996: NOTIFY for a zone we do not have", .oneOf(["NOTAUTH", "REFUSED"])) {
            $0 = WireQuery("example.com", "SOA")
            $0.opcode = 4
        },
        OddMessage("NOTIFY in class ANY", .oneOf(["NOTAUTH", "REFUSED", "FORMERR", "NOTIMP"])) {
            $0 = WireQuery("example.net", "SOA", class: 255)
            $0.opcode = 4
        },
        OddMessage("RFC 2136 3.1.1: UPDATE whose zone type is not SOA", formatError) {
            $0 = WireQuery("example.net", "A")
            $0.opcode = 5
        },
        OddMessage("UPDATE in class ANY", .oneOf(["NOTAUTH", "REFUSED", "FORMERR", "NOTIMP"])) {
            $0 = WireQuery("example.net", "SOA", class: 255)
            $0.opcode = 5
        },
        OddMessage("UPDATE in class NONE", .oneOf(["NOTAUTH", "REFUSED", "FORMERR", "NOTIMP"])) {
            $0 = WireQuery("example.net", "SOA", class: 254)
            $0.opcode = 5
        },
        OddMessage("UPDATE in class CH", .oneOf(["NOTAUTH", "NOTIMP", "REFUSED"])) {
            $0 = WireQuery("example.net", "SOA", class: 3)
            $0.opcode = 5
        },
        OddMessage("RFC 2136 2.3: UPDATE with two zones", formatError) {
            $0 = WireQuery("example.net", "SOA")
            $0.question += $0.question
            $0.questionCount = 2
            $0.opcode = 5
        },
        OddMessage("RFC 2136 3.1.2: UPDATE of a zone that is not ours", .oneOf(["NOTAUTH", "REFUSED"])) {
            $0 = WireQuery("example.com", "SOA")
            $0.opcode = 5
        },
        OddMessage("UPDATE of a zone without update rules", .rcode("REFUSED")) {
            $0 = WireQuery("example.net", "SOA")
            $0.opcode = 5
            $0.authorities = [address]
        },
        OddMessage("UPDATE whose record data is too short for its type", .oneOf(["FORMERR", "REFUSED"])) {
            $0 = WireQuery("example.net", "SOA")
            $0.opcode = 5
            $0.authorities = [Wire.record(Wire.name("x.example.net"), type: 1, ttl: 60, rdata: [192, 0])]
        },
        OddMessage("QTYPE OPT", .oneOf(["FORMERR", "NOERROR", "REFUSED", "NOTIMP"])) {
            $0 = WireQuery("www.example.net", "OPT")
        },
        OddMessage("QTYPE TSIG", .oneOf(["FORMERR", "NOERROR", "REFUSED", "NOTIMP"])) {
            $0 = WireQuery("www.example.net", "TSIG")
        },
        OddMessage("QTYPE 0", .oneOf(["FORMERR", "NOERROR", "REFUSED", "NOTIMP"])) {
            $0 = WireQuery("www.example.net", "TYPE0")
        },
        OddMessage("QCLASS NONE", .oneOf(["FORMERR", "REFUSED", "NOTIMP"])) {
            $0 = WireQuery("www.example.net", "A", class: 254)
        },
        OddMessage("An ordinary query with records in the other sections", .oneOf(["NOERROR", "FORMERR"])) {
            $0.answers = [address]
        },
    ]

    /// Messages without a whole header; over TCP they end the connection.
    static let short: [OddMessage] = [
        OddMessage("One octet", [0], .silence),
        OddMessage("Eleven octets", [UInt8](repeating: 0, count: 11), .silence),
    ]
}

@Suite("Malformed messages")
struct MalformedTests {
    let subject: Subject

    init() throws { subject = try AuthoritativeZones.subject.get() }

    @Test("Over UDP", arguments: OddMessage.all + OddMessage.short)
    func udp(_ odd: OddMessage) throws { try check(odd, WireClient(.udp, port: subject.port)) }

    @Test("Over TCP", arguments: OddMessage.all)
    func tcp(_ odd: OddMessage) throws { try check(odd, WireClient(.tcp, port: subject.port)) }

    /// Sends the message, then a good query: silence is proved by whose answer comes first.
    private func check(_ odd: OddMessage, _ client: WireClient) throws {
        var good = WireQuery("www.example.net", "AAAA")
        while good.bytes.starts(with: odd.bytes.prefix(2)) { good.id = .random(in: 0...0xffff) }
        try client.send(odd.bytes)
        if odd.outcome != .silence {
            let bytes = try client.receive()
            #expect(Array(bytes.prefix(2)) == Array(odd.bytes.prefix(2)), "the ID")
            let response = try WireMessage(bytes)
            #expect(response.isResponse)
            #expect(response.opcode == (UInt16(odd.bytes[2]) >> 3) & 15)
            switch odd.outcome {
            case .rcode(let rcode): #expect(response.rcode == rcode)
            case .oneOf(let rcodes): #expect(rcodes.contains(response.rcode), "\(response.rcode)")
            case .silence: break
            }
            if response.rcode == "FORMERR" { #expect(response.answer.isEmpty) }
        }
        var client = client
        if odd.outcome == .silence, client.isStream {
            // A stream that carried such a thing may be ended instead.
            try? client.send(good.bytes)
            if let bytes = try? client.receiveIfAny(within: 5) {
                #expect(try WireMessage(bytes).id == good.id)
                return
            }
            client = try WireClient(.tcp, port: subject.port)
        }
        try client.send(good.bytes)
        let after = try WireMessage(try client.receive())
        #expect(after.id == good.id)
        #expect(after.data("AAAA") == ["2001:db8::1"])
    }

    @Test("W5: sixteen thousand options over TCP are answered by one ordinary response")
    func manyOptions() throws {
        let client = try WireClient(.tcp, port: subject.port)
        var query = WireQuery("www.example.net", "A")
        query.edns = WireQuery.EDNS(options: (0..<16_000).map { _ in (code: 65001, data: []) })
        try client.send(query.bytes)
        let response = try WireMessage(try client.receive())
        #expect(response.rcode == "NOERROR" || response.rcode == "FORMERR")
        #expect(response.bytes.count < 1232)
    }

    @Test("W5: the same option many times is answered at most once", arguments: [UInt16(3), 10, 12])
    func duplicates(code: UInt16) throws {
        let client = try WireClient(.udp, port: subject.port)
        var query = WireQuery("www.example.net", "A")
        let data: [UInt8] = code == 10 ? [1, 2, 3, 4, 5, 6, 7, 8] : []
        query.edns = WireQuery.EDNS(options: (0..<50).map { _ in (code: code, data: data) })
        try client.send(query.bytes)
        let response = try WireMessage(try client.receive())
        #expect(response.rcode == "NOERROR" || response.rcode == "FORMERR")
        #expect((response.edns?.options.filter { $0.code == code }.count ?? 0) <= 1)
    }

    @Test("RFC 1035 4.1.4: the question comes back in the case it was asked in")
    func questionCase() throws {
        let client = try WireClient(.udp, port: subject.port)
        for name in ["wWw.ExAmPlE.nEt.", "MISSING.example.NET.", "wWw.EXAMPLE.com."] {
            try client.send(WireQuery(name).bytes)
            #expect(try WireMessage(try client.receive()).questions.first?.name == name)
        }
    }

    @Test("RFC 7766 6.2.1.1: queries in one segment are all answered on one connection")
    func pipelined() throws {
        let client = try WireClient(.tcp, port: subject.port)
        let queries = (0..<100).map { number in
            var query = WireQuery("n\(number).wild.example.net", "A")
            query.id = UInt16(number)
            return query
        }
        try client.sendRaw(queries.flatMap { WireClient.framed($0.bytes) })
        var ids: Set<UInt16> = []
        for _ in queries {
            let response = try WireMessage(try client.receive())
            #expect(response.questions.first?.name == "n\(response.id).wild.example.net.")
            #expect(response.data("A") == ["192.0.2.7"])
            ids.insert(response.id)
        }
        #expect(ids.count == 100)
    }

    @Test("RFC 7766 8: a query octet by octet is put together")
    func octetByOctet() throws {
        let client = try WireClient(.tcp, port: subject.port)
        for octet in WireClient.framed(WireQuery("www.example.net", "AAAA").bytes) {
            try client.sendRaw([octet])
        }
        #expect(try WireMessage(try client.receive()).data("AAAA") == ["2001:db8::1"])
    }

    @Test("RFC 7766 6.2.3: a client that ends its half still gets its answers")
    func halfClosed() throws {
        let client = try WireClient(.tcp, port: subject.port)
        try client.send(WireQuery("www.example.net", "AAAA").bytes)
        client.finishSending()
        #expect(try WireMessage(try client.receive()).data("AAAA") == ["2001:db8::1"])
        #expect(try client.isClosedByServer(within: 5))
    }

    @Test("RFC 9018 4: a server cookie is version 1, and good when it comes back")
    func cookie() throws {
        let client = try WireClient(.udp, port: subject.port)
        var query = WireQuery("www.example.net", "A")
        query.edns = WireQuery.EDNS(options: [(code: 10, data: [1, 2, 3, 4, 5, 6, 7, 8])])
        try client.send(query.bytes)
        let first = try #require(try WireMessage(try client.receive()).edns?.option(10))
        #expect(first.count == 24)
        #expect(Array(first[..<8]) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(Array(first[8..<12]) == [1, 0, 0, 0])
        query.edns = WireQuery.EDNS(options: [(code: 10, data: first)])
        try client.send(query.bytes)
        let second = try WireMessage(try client.receive())
        #expect(second.rcode == "NOERROR")
        #expect(second.edns?.option(10)?.count == 24)
    }

    @Test(
        "RFC 6891 6.2.4: a response never exceeds the size the client offers",
        arguments: [512, 600, 1232, 4096])
    func size(offered: Int) throws {
        let client = try WireClient(.udp, port: subject.port)
        var query = WireQuery("big.example.net", "TXT")
        query.edns = WireQuery.EDNS(size: UInt16(offered))
        try client.send(query.bytes)
        let response = try WireMessage(try client.receive())
        #expect(response.bytes.count <= offered)
        #expect(response.edns != nil)
        #expect(response.isTruncated == (response.data("TXT").count < 13))
    }

    @Test("RFC 5936 4.2: AXFR over UDP is no transfer")
    func transferOverUDP() throws {
        let client = try WireClient(.udp, port: subject.port)
        try client.send(WireQuery("example.net", "AXFR").bytes)
        let response = try WireMessage(try client.receive())
        #expect(response.rcode != "NOERROR" || response.isTruncated)
        #expect(response.answer.isEmpty)
    }
}
