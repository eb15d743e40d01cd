import DNSCore
import DNSSecurity
import Testing

@testable import NTS

/// The published octets of form v2, made by a script that shares no code with ours.
@Suite("Published vectors of form v2")
struct V2VectorTests {
    static let time: UInt64 = 1_800_000_000

    func key() throws -> TSIGKey {
        TSIGKey(name: try Name("router1.example."), algorithm: .hmacSHA256, secret: Array(0..<32))
    }

    /// The message, when its signature counts.
    func verified(_ octets: [UInt8]) throws -> (V2Message.Body, TSIGSession)? {
        guard let layout = try? MessageView.survey(octets) else { return nil }
        let keys = TSIGKeyring([try key()])
        let found = TSIGSession.verify(octets.span.bytes, layout: layout, keys: keys, now: Self.time)
        guard case .verified(let session) = found,
            let body = try? V2Message.decode(octets.span.bytes, layout: layout)
        else { return nil }
        return (body, session)
    }

    @Test("Requests are made octet by octet as published, and read back")
    func requests() throws {
        let lines = try vectors("nts-v2.txt").filter { $0[0] == "request" }
        #expect(lines.count == 5)
        for line in lines {
            let permission = V2Message.Permission(
                host: try Name(line[3]), gn: try #require(IPPrefix(line[4])),
                lifetime: try #require(UInt32(line[5])))
            let id = try #require(UInt16(line[2]))
            let made = V2Message.request(id: id, permissions: [permission], key: try key(), epoch: Self.time)
            #expect(made?.octets == octets(line[1]))
            let (body, _) = try #require(try verified(octets(line[1])))
            #expect(body.id == id && !body.isResponse && body.permissions == [permission])
        }
    }

    @Test(
        "Responses verify against their request and say what is published; another's request does not match")
    func responses() throws {
        var request: V2Message.RequestSignature?
        var other: V2Message.RequestSignature?
        var count = 0
        for line in try vectors("nts-v2.txt") {
            if line[0] == "request" {
                let permission = V2Message.Permission(
                    host: try Name(line[3]), gn: try #require(IPPrefix(line[4])),
                    lifetime: try #require(UInt32(line[5])))
                other = request
                request =
                    V2Message.request(
                        id: try #require(UInt16(line[2])), permissions: [permission], key: try key(),
                        epoch: Self.time)?
                    .signature
            }
            guard line[0] == "response" else { continue }
            count += 1
            let response = octets(line[1])
            let layout = try MessageView.survey(response)
            #expect(
                try #require(request).isAnswered(by: response.span.bytes, layout: layout, epoch: Self.time))
            #expect(other?.isAnswered(by: response.span.bytes, layout: layout, epoch: Self.time) != true)
            let body = try V2Message.decode(response.span.bytes, layout: layout)
            #expect(body.responseCode.rawValue == UInt16(line[2]))
            if line[3] != "-" { #expect(body.permissions.first?.lifetime == UInt32(line[3])) }
            let ports = body.ports.map { "tcp/\($0.privatePort)=\($0.publicPort)" }.joined(separator: " ")
            #expect((ports.isEmpty ? "-" : ports) == line[4])
        }
        #expect(count == 9)
    }

    @Test("An announcement names router, port, prefix and lifetime")
    func registration() throws {
        let line = try #require(try vectors("nts-v2.txt").first { $0[0] == "registration" })
        let (body, _) = try #require(try verified(octets(line[1])))
        let registration = try #require(body.registration)
        #expect(registration.router.description == line[2] && registration.port == UInt16(line[3]))
        #expect(
            registration.prefixes.map(\.description) == [line[4]] && registration.lifetime == UInt32(line[5]))
    }

    @Test("What is not signed, not now, not so or not this form counts for nothing")
    func bad() throws {
        let lines = try vectors("nts-v2.txt").filter { $0[0] == "bad" }
        #expect(lines.count == 13)
        for line in lines { #expect(try verified(octets(line[1])) == nil, "\(line[2])") }
    }
}
