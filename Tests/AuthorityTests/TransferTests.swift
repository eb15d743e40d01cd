import DNSCore
import DNSSecurity
import Testing

@testable import Authority

@Suite struct TransferTests {
    private let key = TSIGKey(name: Sample.name("transfer"), algorithm: .hmacSHA256, secret: [1, 2, 3])
    private let now: UInt64 = 1_700_000_000

    /// A zone, `count` updates on it, and their history.
    private func versions(
        _ count: Int, limit: Int = 1 << 20,
        _ lines: (Int) -> [String] = { index in
            ["add n\(index) 60 A 192.0.2.\(index % 250 + 1)"]
        }
    ) throws -> ([ZoneSnapshot], ZoneHistory) {
        var zones = [try Sample.zone((0..<40).map { "filler\($0) 300 TXT filler-\($0)" })]
        let history = ZoneHistory(limit: limit)
        for index in 0..<count {
            let (_, next, difference) = try Sample.run(
                zones[zones.count - 1], lines(index).map { Sample.change($0) })
            if let difference { history.append(difference) }
            zones.append(next)
        }
        return (zones, history)
    }

    /// Runs both ends against each other; `damage` may change each message on the way.
    private func transfer(
        from primary: ZoneSnapshot, _ history: ZoneHistory?, to secondary: ZoneSnapshot?,
        incremental: Bool = true,
        signed: Bool = true, limit: Int = 65535, damage: (Int, inout [UInt8]) -> Void = { _, _ in }
    ) throws -> (TransferForm, Result<TransferOutcome, TransferFailure>, messages: Int) {
        var incoming = IncomingTransfer(
            zone: Sample.apex, current: secondary, incremental: incremental, key: signed ? key : nil, id: 77)
        let query = incoming.query(now: now)
        let layout = try MessageView.survey(query)
        var session: TSIGSession?
        if case .verified(let verified) = TSIGSession.verify(
            query.span.bytes, layout: layout, keys: TSIGKeyring([key]), now: now)
        {
            session = verified
        }
        #expect((session != nil) == signed)
        let request = try #require(TransferRequest.read(query))
        let question = try #require(try Message(parsing: query).questions.first)
        var outgoing = OutgoingTransfer(
            request, id: layout.id, question: question, flags: layout.flags, zone: primary, history: history,
            session: session)
        let form = outgoing.form
        var buffer = [UInt8](repeating: 0, count: limit)
        while let length = buffer.withUnsafeMutableBytes({ outgoing.next(into: $0, now: now) }) {
            var message = Array(buffer[..<length])
            #expect(try MessageView.survey(message).flags.contains(.authoritative))
            damage(outgoing.messageCount, &message)
            switch incoming.receive(message.span.bytes, now: now) {
            case .wait: continue
            case .finish(let outcome):
                let isFinished = outgoing.isFinished
                #expect(isFinished)
                return (form, .success(outcome), outgoing.messageCount)
            case .fail(let failure): return (form, .failure(failure), outgoing.messageCount)
            }
        }
        return (form, .failure(.connectionLost), outgoing.messageCount)
    }

    private func zone(_ result: Result<TransferOutcome, TransferFailure>) throws -> ZoneSnapshot {
        switch try result.get() {
        case .full(let zone): zone
        case .incremental(let zone, _): zone
        case .upToDate: throw TransferFailure.emptyMessage
        }
    }

    @Test("AXFR: the whole zone in one message or in many, each signed", arguments: [65535, 700])
    func full(limit: Int) throws {
        let (zones, history) = try versions(3)
        let last = zones[3]
        let (form, result, messages) = try transfer(from: last, history, to: nil, limit: limit)
        #expect(form == .full)
        #expect(try zone(result).contents == last.contents)
        #expect(messages > (limit < 1000 ? 2 : 0))
    }

    @Test("IXFR from each version, message by message")
    func incremental() throws {
        let (zones, history) = try versions(6) { index in
            index % 2 == 0
                ? ["add n\(index) 60 A 192.0.2.1"] : ["delete filler\(index)", "add www 60 A 192.0.2.80"]
        }
        for start in 0..<6 {
            let (form, result, _) = try transfer(from: zones[6], history, to: zones[start], limit: 600)
            #expect(form == .incremental || form == .condensed)
            #expect(try zone(result).contents == zones[6].contents)
            #expect(try zone(result).serial == zones[6].serial)
        }
    }

    @Test("Changes that undo each other are condensed; what is larger than the zone is sent whole")
    func condensed() throws {
        let (zones, history) = try versions(10) { index in
            index % 2 == 0 ? ["add host 60 A 192.0.2.1"] : ["delete host"]
        }
        let (form, result, _) = try transfer(from: zones[10], history, to: zones[0])
        #expect(form == .condensed)
        guard case .incremental(_, let differences) = try result.get() else {
            Issue.record("expected differences")
            return
        }
        #expect(differences.count == 1 && differences[0].recordCount == 2)
        let (many, long) = try versions(60) { index in
            ["delete filler\(index % 40)", "add m\(index) 60 TXT x"]
        }
        #expect(try transfer(from: many[60], long, to: many[0]).0 == .full)
    }

    @Test("Up to date, newer than we are, and too old for the history")
    func otherForms() throws {
        let (zones, history) = try versions(4)
        let (form, result, _) = try transfer(from: zones[4], history, to: zones[4])
        #expect(form == .upToDate)
        guard case .upToDate(let serial) = try result.get() else {
            Issue.record("expected up to date")
            return
        }
        #expect(serial == zones[4].serial)
        #expect(try transfer(from: zones[2], history, to: zones[4]).0 == .upToDate)
        let (old, short) = try versions(8, limit: 300)
        let (fallback, whole, _) = try transfer(from: old[8], short, to: old[0])
        #expect(fallback == .full)
        // An AXFR in answer to IXFR (RFC 1995 4).
        #expect(try zone(whole).contents == old[8].contents)
        #expect(try transfer(from: old[8], nil, to: old[7]).0 == .full)
    }

    @Test("Differences across the wrap of the serial (RFC 1982)")
    func wrap() throws {
        let records = Sample.records.dropFirst() + [Sample.record("@ 3600 SOA 4294967294")]
        var zone = try ZoneSnapshot(apex: Sample.apex, records: Array(records))
        let first = zone
        let history = ZoneHistory(limit: 1 << 20)
        for index in 0..<4 {
            let (_, next, difference) = try Sample.run(zone, [Sample.change("add n\(index) 60 A 192.0.2.1")])
            if let difference { history.append(difference) }
            zone = next
        }
        #expect(zone.serial == Serial(rawValue: 3))
        let (_, result, _) = try transfer(from: zone, history, to: first)
        #expect(try self.zone(result).contents == zone.contents)
    }

    @Test("A message that was changed, left out or not signed fails the transfer")
    func tampering() throws {
        let (zones, history) = try versions(2)
        func failure(signed: Bool = true, _ damage: (Int, inout [UInt8]) -> Void) throws -> TransferFailure? {
            let (_, result, _) = try transfer(
                from: zones[2], history, to: nil, signed: signed, limit: 700, damage: damage)
            if case .failure(let failure) = result { return failure }
            return nil
        }
        #expect(try failure { index, message in if index == 2 { message[20] ^= 1 } } != nil)
        #expect(
            try failure { index, message in
                guard index == 2, let start = try? MessageView.survey(message).tsigStart else { return }
                message = Array(message[..<start])
                message[11] = 0
            } == .badSignature)
        #expect(try failure { _, message in message[0] ^= 1 } == .otherMessage)
        #expect(try failure(signed: false) { _, message in message[3] |= 5 } == .refused(.refused))
        #expect(try failure(signed: false) { _, message in message.append(0) } == .malformedMessage)
    }

    /// Answers an unsigned AXFR, or IXFR from `current`, with `records`.
    private func receive(_ records: [ResourceRecord], current: ZoneSnapshot? = nil) -> IncomingTransfer.Action
    {
        var incoming = IncomingTransfer(
            zone: Sample.apex, current: current, incremental: current != nil, key: nil, id: 5)
        _ = incoming.query(now: now)
        let octets = Message(id: 5, flags: [.response, .authoritative], answers: records).encoded()
        return incoming.receive(octets.span.bytes, now: now)
    }

    private func failure(_ records: [ResourceRecord], current: ZoneSnapshot? = nil) -> TransferFailure? {
        if case .fail(let failure) = receive(records, current: current) { return failure }
        return nil
    }

    @Test("Answers that are no zone are refused, each with its reason")
    func badZones() throws {
        let soa = Sample.record("@ 60 SOA 5")
        let other = Sample.record("@ 60 SOA 6")
        let server = Sample.record("@ 60 NS ns1")
        #expect(failure([soa, server, other]) == .differentSOAs)
        #expect(failure([server, soa]) == .noOpeningSOA)
        #expect(failure([soa, server, soa, server]) == .recordsAfterEnd)
        #expect(failure([soa, server, Sample.record("www.example.org. 60 A 192.0.2.1"), soa]) != nil)
        #expect(
            failure([soa, server, Sample.record("www.example.org. 60 A 192.0.2.1"), soa])
                == .outsideZone(try Name("www.example.org")))
        #expect(failure([soa, soa]) == .zone(.noApexNS(Sample.apex)))
        #expect(failure([]) == .emptyMessage)
        guard case .wait = receive([soa, server]) else {
            Issue.record("expected to wait for more")
            return
        }
    }

    @Test("Differences that do not follow on one another or do not fit are refused, and suggest AXFR")
    func badDifferences() throws {
        let zone = try Sample.zone()
        func soa(_ serial: Int) -> ResourceRecord { Sample.record("@ 3600 SOA \(serial)") }
        let address = Sample.record("www 300 A 192.0.2.80")
        let missing = Sample.record("www 300 A 192.0.2.99")
        #expect(
            failure([soa(102), soa(100), missing, soa(102), soa(102)], current: zone)
                == .differenceDoesNotFit(Sample.name("www"), .a))
        #expect(
            failure([soa(103), soa(100), address, soa(101), soa(102), soa(103)], current: zone)
                == .brokenDifferences)
        #expect(TransferFailure.brokenDifferences.suggestsFullTransfer)
        guard
            case .finish(.incremental(let next, _)) = receive(
                [soa(102), soa(100), address, soa(101), missing, soa(101), soa(102), address, soa(102)],
                current: zone)
        else {
            Issue.record("expected a new version")
            return
        }
        #expect(next.serial == Serial(rawValue: 102))
        #expect(next.rrset(at: Sample.name("www"), type: .a)?.data.count == 3)
    }

    @Test("IXFR over UDP: the differences if they fit, else the SOA alone (RFC 1995 2)")
    func datagram() throws {
        let (zones, history) = try versions(20)
        func answer(_ limit: Int, since: ZoneSnapshot) throws -> Message {
            var buffer = [UInt8](repeating: 0, count: limit)
            let length = buffer.withUnsafeMutableBytes { memory in
                OutgoingTransfer.datagram(
                    .incremental(since: since.serial), id: 3,
                    question: Question(name: Sample.apex, type: .ixfr),
                    flags: [], zone: zones[20], history: history, session: nil, into: memory, now: now)
            }
            return try Message(parsing: Array(buffer[..<(try #require(length))]))
        }
        #expect(try answer(512, since: zones[19]).answers.count == 5)
        #expect(try answer(512, since: zones[0]).answers.count == 1)
        #expect(try answer(4096, since: zones[0]).answers.count > 20)
    }

    @Test("The SOA of an IXFR query must be there and be the zone's")
    func requests() throws {
        var message = Message(id: 1, questions: [Question(name: Sample.apex, type: .ixfr)])
        #expect(TransferRequest.read(message.encoded()) == nil)
        message.authorities = [Sample.record("@ 60 SOA 9")]
        #expect(TransferRequest.read(message.encoded()) == .incremental(since: Serial(rawValue: 9)))
        message.authorities = [Sample.record("www 60 SOA 9")]
        #expect(TransferRequest.read(message.encoded()) == nil)
        message.authorities = [Sample.record("@ 60 NS ns1")]
        #expect(TransferRequest.read(message.encoded()) == nil)
        message = Message(id: 1, questions: [Question(name: Sample.apex, type: .axfr)])
        #expect(TransferRequest.read(message.encoded()) == .full)
    }
}

extension TransferRequest {
    static func read(_ octets: [UInt8]) -> TransferRequest? {
        guard let layout = try? MessageView.survey(octets) else { return nil }
        return TransferRequest(octets.span.bytes, layout: layout)
    }
}
