import DNSCore
import DNSSecurity
import Testing

@testable import NTS

@Suite("Negotiation messages")
struct MessageTests {
    @Test("Every v1 vector is read as it says, and what is good is written back")
    func v1() throws {
        let all = try vectors("nts-v1.txt")
        #expect(all.count > 15)
        for fields in all {
            let wire = octets(fields[0])
            guard fields.count == 5 else {
                #expect(throws: NTSError.self, "\(fields[0])") { try V1Message(decoding: wire) }
                continue
            }
            let message = try V1Message(decoding: wire)
            #expect(message.transactionID == UInt8(fields[1]))
            #expect(message.type.rawValue == UInt8(fields[2]))
            #expect(message.gn.description == fields[3])
            #expect(message.host.description == fields[4])
            #expect(try V1Message(decoding: message.encoded()) == message)
            if wire[3] == message.host.wire.count - 2 { #expect(try message.encoded() == wire) }
        }
    }

    @Test("Every TSN vector is read as it says, and what is good is written back")
    func tsn() throws {
        let all = try vectors("nts-tsn.txt")
        #expect(all.count > 7)
        for fields in all {
            let wire = octets(fields[0])
            guard fields.count == 8 else {
                #expect(throws: NTSError.self, "\(fields[0])") { try TSNEcho(decoding: wire) }
                continue
            }
            let echo = try TSNEcho(decoding: wire)
            #expect(echo.isReply == (fields[1] == "1"))
            #expect(echo.identifier == UInt16(fields[2]))
            #expect(echo.sequence == UInt16(fields[3]))
            #expect(echo.message.type.rawValue == UInt8(fields[4]))
            #expect(echo.message.id == UInt16(fields[5]))
            #expect(echo.message.gn.description == fields[6])
            #expect(echo.message.host.description == fields[7])
            #expect(try echo.encoded() == wire)
        }
    }

    @Test("An answer repeats the notification's octets, whatever way its name was written")
    func answersRepeat() throws {
        var v1 = try V1Message(
            transactionID: 9, type: .notification, gn: IPAddress(v4: 0xc000_020a),
            host: Name("Alice.example.net.")
        ).encoded()
        // A final dot, which we do not write, but read.
        v1[3] += 1
        v1[8 + Int(v1[3]) - 1] = UInt8(ascii: ".")
        #expect(try V1Message(decoding: v1).host == Name("alice.example.net."))
        let response = V1Message.answer(to: v1, type: .response)
        #expect(response[1] == 2 && Array(response[2...]) == Array(v1[2...]) && response[0] == 9)
        let hairpin = V1Message.answer(to: v1, type: .response, host: IPAddress(v4: 0xc0a8_010b))
        #expect(Array(hairpin[4..<8]) == [192, 168, 1, 11] && Array(hairpin[8...]) == Array(v1[8...]))
        let request = try TSNEcho(
            isReply: false, identifier: 0x1234, sequence: 7,
            message: TSNMessage(
                type: .notification, id: 5, gn: IPAddress(v4: 0xc000_020a), host: Name("Alice.example.net."))
        ).encoded()
        let reply = TSNEcho.answer(to: request, type: .refusal)
        let read = try TSNEcho(decoding: reply)
        #expect(read.isReply && read.message.type == .refusal && read.sequence == 7)
        #expect(Array(reply[9...]) == Array(request[9...]))
    }

    @Test("No octets make a decoder trap")
    func noise() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...100, using: &generator)
            var noise = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = try? V1Message(decoding: noise)
            _ = try? TSNMessage(decoding: noise)
            _ = try? TSNEcho(decoding: noise)
            if noise.count > 12 { noise[2] = 0x28 }
            if let layout = try? MessageView.survey(noise) {
                _ = try? V2Message.decode(noise.span.bytes, layout: layout)
            }
            _ = ObservedUpdate(noise.span.bytes)
        }
    }

    @Test("Names that do not fit a form are refused, not cut")
    func limits() throws {
        let gn = try #require(IPAddress("192.0.2.10"))
        let thirtyTwo = try Name("a234567890123456789.b.example.ne.")
        #expect(thirtyTwo.wire.count == 34)
        _ = try V1Message(transactionID: 1, type: .notification, gn: gn, host: thirtyTwo).encoded()
        let thirtyThree = try Name("a2345678901234567890.b.example.ne.")
        #expect(throws: NTSError.hostNameTooLong(limit: 32)) {
            try V1Message(transactionID: 1, type: .notification, gn: gn, host: thirtyThree).encoded()
        }
        #expect(throws: NTSError.badHostName) {
            try V1Message(transactionID: 1, type: .notification, gn: gn, host: .root).encoded()
        }
        #expect(throws: NTSError.badHostName) {
            try V1Message(transactionID: 1, type: .notification, gn: gn, host: Name("a\\.b.example."))
                .encoded()
        }
        #expect(throws: NTSError.unsupportedFamily) {
            try V1Message(
                transactionID: 1, type: .notification, gn: .loopbackIPv6, host: Name("a.example.")
            ).encoded()
        }
    }

    @Test("A v2 request and its response keep what they carry, and a changed octet is noticed")
    func v2() throws {
        let key = try #require(
            TSIGKey(
                name: Name("router1.example."), algorithm: .hmacSHA256, base64: "MDEyMzQ1Njc4OWFiY2RlZg=="))
        let host = try Name("alice.example.net.")
        let permissions = [
            V2Message.Permission(host: host, gn: try #require(IPPrefix("192.0.2.10/32")), lifetime: 60),
            V2Message.Permission(host: host, gn: try #require(IPPrefix("2001:db8::10/128")), lifetime: 60),
            V2Message.Permission(host: host, gn: try #require(IPPrefix("192.0.2.0/24")), lifetime: 60),
            V2Message.Permission(host: host, gn: try #require(IPPrefix("0.0.0.0/0")), lifetime: 60),
            V2Message.Permission(host: host, gn: try #require(IPPrefix("2001:db8::/56")), lifetime: 60),
        ]
        let request = try #require(
            V2Message.request(id: 77, permissions: permissions, key: key, epoch: 1_800_000_000))
        let layout = try MessageView.survey(request.octets)
        guard
            case .verified(let session) = TSIGSession.verify(
                request.octets.span.bytes, layout: layout, keys: TSIGKeyring([key]), now: 1_800_000_001)
        else {
            Issue.record("the request does not verify")
            return
        }
        let body = try V2Message.decode(request.octets.span.bytes, layout: layout)
        #expect(body.permissions == permissions)
        let port = V2Message.PortRecord(host: host, transport: 6, privatePort: 8080, publicPort: 40001)
        var response = V2Message.response(
            to: body, code: .noError, permissions: [permissions[0]], ports: [port], explanation: "as asked",
            session: session, epoch: 1_800_000_002)
        let answered = try V2Message.decode(response.span.bytes, layout: try MessageView.survey(response))
        #expect(answered.isResponse)
        #expect(answered.permissions == [permissions[0]])
        #expect(answered.ports == [port])
        #expect(answered.explanation == "as asked")
        var verifier = request.signature.verifier
        #expect(
            verifier.verify(response.span.bytes, layout: try MessageView.survey(response), now: 1_800_000_002)
                == .verified)
        let place = try #require(response.firstIndex(of: 60))
        response[place] = 61
        verifier = request.signature.verifier
        #expect(
            verifier.verify(response.span.bytes, layout: try MessageView.survey(response), now: 1_800_000_002)
                == .invalid)
    }

    @Test("A registration names the router, its port and the prefixes behind it")
    func registration() throws {
        let key = try #require(
            TSIGKey(
                name: Name("router1.example."), algorithm: .hmacSHA256, base64: "MDEyMzQ1Njc4OWFiY2RlZg=="))
        let registration = V2Message.Registration(
            router: try #require(IPAddress("203.0.113.1")), port: 20054,
            prefixes: [try #require(IPPrefix("2001:db8:1::/48"))], lifetime: 300)
        let request = try #require(
            V2Message.request(
                id: 5, permissions: [], registration: registration, key: key, epoch: 1_800_000_000))
        let layout = try MessageView.survey(request.octets)
        let body = try V2Message.decode(request.octets.span.bytes, layout: layout)
        #expect(body.registration == registration)
        #expect(body.permissions.isEmpty)
    }
}
