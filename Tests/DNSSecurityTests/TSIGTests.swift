import DNSCore
import Testing

@testable import DNSSecurity

@Suite struct TSIGTests {
    private let now = TSIGVectors.time

    private func key(
        _ algorithm: TSIGAlgorithm = .hmacSHA256, name: String = "update.example"
    ) throws -> TSIGKey {
        TSIGKey(name: try Name(name), algorithm: algorithm, secret: TSIGVectors.secret)
    }

    private func verify(_ message: [UInt8], _ keys: [TSIGKey], at time: UInt64? = nil) throws -> TSIGVerdict {
        let layout = try MessageView.survey(message)
        return TSIGSession.verify(
            message.span.bytes, layout: layout, keys: TSIGKeyring(keys), now: time ?? now)
    }

    private func signedQuery(_ key: TSIGKey, id: UInt16 = 9) throws -> ([UInt8], TSIGSession) {
        var session = TSIGSession(signingWith: key)
        var octets = Message(id: id, questions: [Question(name: try Name("www.example.net"), type: .a)])
            .encoded()
        session.sign(&octets, now: now)
        return (octets, session)
    }

    private func check(_ verifier: inout TSIGResponseVerifier, _ message: [UInt8]) -> TSIGResponseVerdict? {
        guard let layout = try? MessageView.survey(message) else { return nil }
        return verifier.verify(message.span.bytes, layout: layout, now: now)
    }

    private func record(_ message: [UInt8]) throws -> TSIGRecord? {
        guard let start = try MessageView.survey(message).tsigStart else { return nil }
        return TSIGRecord(message.span.bytes, at: start)
    }

    private func rejection(_ verdict: TSIGVerdict) -> (TSIGRejection, TSIGSession)? {
        if case .rejected(let rejection, let session) = verdict { return (rejection, session) }
        return nil
    }

    @Test("Every algorithm agrees with another implementation, in both directions", arguments: 0..<9)
    func vectors(index: Int) throws {
        let vector = TSIGVectors.exchanges[index]
        let algorithm = try #require(TSIGAlgorithm(name: try Name(vector.algorithm)))
        #expect(TSIGAlgorithm(label: vector.algorithm) == algorithm)
        let key = try key(algorithm, name: "UPDATE.example")
        let query = octets(vector.query)
        let response = octets(vector.response)
        guard case .verified(var session) = try verify(query, [key]) else {
            Issue.record("query not verified")
            return
        }
        // The response that dnspython made is the one that we make, but for the case of the key's name.
        let layout = try MessageView.survey(response)
        var bare = Array(response[..<(try #require(layout.tsigStart))])
        bare[11] -= 1
        session.sign(&bare, now: now)
        #expect(bare == response.lowercasedKey(from: layout.tsigStart))
        // And as a client we accept it.
        var client = TSIGSession(signingWith: key)
        var again = Array(query[..<(try #require(try MessageView.survey(query).tsigStart))])
        again[11] -= 1
        client.sign(&again, now: now)
        #expect(again == query.lowercasedKey(from: try MessageView.survey(query).tsigStart))
        var verifier = try #require(TSIGResponseVerifier(request: client))
        #expect(check(&verifier, response) == .verified)
        #expect(verifier.isComplete)
    }

    @Test("A response of several messages is verified and signed message by message (RFC 8945 5.3.1)")
    func multipleMessages() throws {
        let key = try key()
        let messages = TSIGVectors.transfer.map { octets($0) }
        guard case .verified(var session) = try verify(messages[0], [key]) else {
            Issue.record("query not verified")
            return
        }
        var client = TSIGSession(signingWith: key)
        var query = Array(messages[0][..<(try #require(try MessageView.survey(messages[0]).tsigStart))])
        query[11] = 0
        client.sign(&query, now: now)
        #expect(query == messages[0])
        var verifier = try #require(TSIGResponseVerifier(request: client))
        for message in messages[1...] {
            let layout = try MessageView.survey(message)
            #expect(check(&verifier, message) == .verified)
            var bare = Array(message[..<(try #require(layout.tsigStart))])
            bare[11] = 0
            session.sign(&bare, now: now)
            #expect(bare == message)
        }
    }

    @Test("Messages without signature count only when a signed one covers them; 99 in a row at most")
    func unsignedInTheMiddle() throws {
        let key = try key()
        let (query, client) = try signedQuery(key)
        guard case .verified(var session) = try verify(query, [key]) else {
            Issue.record("query not verified")
            return
        }
        var verifier = try #require(TSIGResponseVerifier(request: client))
        let plain = Message(id: 9, flags: [.response]).encoded()
        #expect(
            check(&verifier, plain) == .invalid)
        var first = plain
        session.sign(&first, now: now)
        #expect(
            check(&verifier, first) == .verified)
        for _ in 0..<99 {
            #expect(
                check(&verifier, plain) == .pending
            )
        }
        #expect(!verifier.isComplete)
        #expect(
            check(&verifier, plain) == .invalid)
    }

    @Test("No TSIG is no verdict")
    func unsigned() throws {
        let query = Message(id: 1, questions: [Question(name: .root, type: .ns)]).encoded()
        guard case .unsigned = try verify(query, [key()]) else {
            Issue.record("expected unsigned")
            return
        }
    }

    @Test("Any flipped bit of message or record makes BADSIG, BADKEY, BADTIME or FORMERR, never verified")
    func everyBit() throws {
        let (query, _) = try signedQuery(try key())
        for bit in 16..<(query.count * 8) {
            var changed = query
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let verdict = try? verify(changed, [key()]) else { continue }
            if case .verified = verdict {
                // The case of a name's letters does not count, in the key and the algorithm (RFC 8945 4.3.3).
                let start = try #require(try MessageView.survey(query).tsigStart)
                #expect(bit / 8 >= start && changed[bit / 8] ^ query[bit / 8] == 0x20, "bit \(bit)")
            }
        }
    }

    @Test("The message ID may change on the way: the original ID is what was signed (RFC 8945 5.1)")
    func forwarderChangesID() throws {
        var (query, _) = try signedQuery(try key())
        query[0] ^= 0xff
        guard case .verified = try verify(query, [key()]) else {
            Issue.record("expected verified")
            return
        }
    }

    @Test("An unknown key is answered with BADKEY, its own names and no MAC")
    func unknownKey() throws {
        let (query, client) = try signedQuery(try key(name: "Other.Example"))
        var (rejection, session) = try #require(self.rejection(try verify(query, [key()])))
        #expect(rejection.error == .badKey)
        #expect(rejection.cause == .unknownKey)
        #expect(rejection.key == (try Name("other.example")))
        var response = Message(id: 9, flags: [.response]).encoded()
        session.sign(&response, now: now)
        let tsig = try #require(try Message(parsing: response).tsig)
        #expect(tsig.owner == (try Name("other.example")))
        var verifier = try #require(TSIGResponseVerifier(request: client))
        #expect(
            check(&verifier, response)
                == .refused(.badKey, serverTime: nil, isSigned: false))
    }

    @Test("A known key with another algorithm is BADKEY and says which was expected")
    func otherAlgorithm() throws {
        let (query, _) = try signedQuery(try key(.hmacSHA512))
        let (rejection, _) = try #require(self.rejection(try verify(query, [key()])))
        #expect(rejection.error == .badKey)
        #expect(rejection.cause == .otherAlgorithm(expected: .hmacSHA256))
        #expect(rejection.algorithm == TSIGAlgorithm.hmacSHA512.name)
    }

    @Test("A wrong secret is BADSIG, told without a MAC")
    func wrongSecret() throws {
        let wrong = TSIGKey(name: try Name("update.example"), algorithm: .hmacSHA256, secret: [1])
        let (query, _) = try signedQuery(wrong)
        var (rejection, session) = try #require(self.rejection(try verify(query, [key()])))
        #expect(rejection.error == .badSignature)
        var response = Message(id: 9, flags: [.response]).encoded()
        let before = response.count
        let reserved = session.reservedLength
        session.sign(&response, now: now)
        #expect(response.count == before + reserved)
        let record = try #require(try record(response))
        #expect(record.mac.isEmpty)
        #expect(record.error == 16)
    }

    @Test(
        "A time outside the fudge is BADTIME: signed, with the client's time and the server's as other data")
    func badTime() throws {
        let (query, client) = try signedQuery(try key())
        for late in [now + 301, now - 301] {
            var (rejection, session) = try #require(self.rejection(try verify(query, [key()], at: late)))
            #expect(rejection.error == .badTime)
            #expect(rejection.cause == .time(offset: Int64(now) - Int64(late), fudge: 300))
            var response = Message(id: 9, flags: [.response]).encoded()
            session.sign(&response, now: late)
            let record = try #require(try record(response))
            #expect(record.timeSigned == now)
            var verifier = try #require(TSIGResponseVerifier(request: client))
            #expect(
                check(&verifier, response)
                    == .refused(.badTime, serverTime: late, isSigned: true))
        }
        guard case .verified = try verify(query, [key()], at: now + 300) else {
            Issue.record("the edge of the fudge counts")
            return
        }
    }

    /// The signed query with its MAC cut, or grown with zeroes, to `length`.
    private func query(macLength length: Int, _ algorithm: TSIGAlgorithm) throws -> [UInt8] {
        var (query, _) = try signedQuery(try key(algorithm))
        let start = try #require(try MessageView.survey(query).tsigStart)
        let mac = try #require(try record(query)).mac
        let kept = Array(query[mac].prefix(length)) + Array(repeating: 0, count: max(0, length - mac.count))
        query.replaceSubrange(mac, with: kept)
        query[mac.lowerBound - 1] = UInt8(length)
        let lengthAt = try MessageView.skipName(query.span.bytes, at: start) + 9
        query[lengthAt] = UInt8(Int(query[lengthAt]) + length - mac.count)
        return query
    }

    @Test(
        "A MAC longer than the digest or shorter than ten octets or half of it is FORMERR (RFC 8945 5.2.2.1)",
        arguments: [
            (TSIGAlgorithm.hmacSHA256, 33, false), (.hmacSHA256, 15, false), (.hmacSHA256, 16, true),
            (.hmacSHA256, 0, false), (.hmacSHA1, 9, false), (.hmacSHA1, 10, true), (.hmacMD5, 9, false),
            (.hmacMD5, 10, true), (.hmacSHA512, 31, false), (.hmacSHA512, 40, true), (.hmacSHA512, 65, false),
        ])
    func truncation(algorithm: TSIGAlgorithm, length: Int, isAccepted: Bool) throws {
        let verdict = try verify(try query(macLength: length, algorithm), [key(algorithm)])
        switch verdict {
        case .verified: #expect(isAccepted)
        case .malformed: #expect(!isAccepted)
        default: Issue.record("unexpected \(verdict)")
        }
    }

    @Test("A TSIG of another class or with octets left over is a format error")
    func malformed() throws {
        let (query, _) = try signedQuery(try key())
        let start = try #require(try MessageView.survey(query).tsigStart)
        let fixed = try MessageView.skipName(query.span.bytes, at: start)
        var otherClass = query
        otherClass[fixed + 3] = 1
        var withTTL = query
        withTTL[fixed + 7] = 1
        var leftOver = query + [0]
        leftOver[fixed + 9] += 1
        for message in [otherClass, withTTL, leftOver] {
            guard case .malformed = try verify(message, [key()]) else {
                Issue.record("expected malformed")
                continue
            }
        }
    }

    @Test("Base64 secrets are read, and refused when they are none")
    func base64() throws {
        #expect(Base64.decode("AQIDBA==") == [1, 2, 3, 4])
        #expect(Base64.decode("AQID BAU") == [1, 2, 3, 4, 5])
        #expect(Base64.decode("A") == nil)
        #expect(Base64.decode("!!!!") == nil)
        for count in 0..<10 {
            let octets = (0..<count).map { UInt8($0 * 37 & 255) }
            #expect(Base64.decode(Base64.encode(octets)) == octets)
        }
        #expect(TSIGKey(name: .root, algorithm: .hmacMD5, base64: "") == nil)
    }
}

extension [UInt8] {
    /// The key's name right behind `start` in lower case.
    func lowercasedKey(from start: Int?) -> [UInt8] {
        guard let start else { return self }
        var result = self
        for index in start..<(start + 15) where (65...90).contains(result[index]) { result[index] |= 0x20 }
        return result
    }
}
