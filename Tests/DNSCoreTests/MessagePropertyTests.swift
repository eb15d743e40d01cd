import Testing

@testable import DNSCore

/// What the survey accepts, the parser behind it reads to the same question, EDNS and records.
@Suite struct MessagePropertyTests {
    @Test("Every record of every type comes through a message octet for octet")
    func everyType() throws {
        let text = MixedZone.head + MixedZone.common + MixedZone.rare
        let records = try ResourceRecord.parsing(text, origin: try Name("example.net"), defaultTTL: nil)
        for record in records {
            let message = Message(
                id: 7, flags: [.response], questions: [Question(name: record.owner, type: record.type)],
                answers: [record],
                authorities: [record], additionals: [record], edns: EDNS(payloadSize: 1400, wantsDNSSEC: true)
            )
            let octets = message.encoded()
            let layout = try MessageView.survey(octets)
            #expect(layout.end == octets.count)
            do {
                let parsed = try Message(parsing: octets)
                #expect(parsed.answers.first?.isSame(as: record) ?? false, "\(record)")
            } catch {
                Issue.record("\(record): \(error)")
            }
        }
    }

    @Test("ldns reads the same records out of a message as we do, of all types it knows")
    func ldnsAgrees() throws {
        let text = MixedZone.head + MixedZone.common + MixedZone.rare
        // Two types that ldns 1.8.3 cannot read from the wire.
        let records = try ResourceRecord.parsing(text, origin: try Name("example.net"), defaultTTL: nil)
            .filter {
                $0.type != .nsapPTR && $0.type != .sink
            }
        for record in records {
            let octets = Message(id: 7, flags: [.response], answers: [record]).encoded()
            let ours = try Message(parsing: octets)
            let theirs = try ParsedMessage(parsing: octets.span.bytes)
            #expect(try theirs.records(.answer) == ours.answers)
        }
    }

    @Test(
        "Changed messages: what survey and parser both accept agrees in question and EDNS, and is written again"
    )
    func mutations() throws {
        var random = SystemRandomNumberGenerator()
        let text = MixedZone.head + MixedZone.common
        let records = try ResourceRecord.parsing(text, origin: try Name("example.net"), defaultTTL: nil)
        var accepted = 0
        for _ in 0..<3000 {
            let message = Message(
                id: .random(in: 0...65535), flags: HeaderFlags(rawValue: .random(in: 0...65535)),
                questions: [Question(name: records[Int.random(in: 0..<records.count)].owner, type: .a)],
                answers: (0..<Int.random(in: 0...3)).compactMap { _ in records.randomElement(using: &random)
                },
                authorities: (0..<Int.random(in: 0...2)).compactMap { _ in
                    records.randomElement(using: &random)
                },
                edns: Bool.random()
                    ? EDNS(options: [EDNSOption(code: .cookie, data: [1, 2, 3, 4, 5, 6, 7, 8])]) : nil)
            var octets = message.encoded()
            for _ in 0..<Int.random(in: 0...3) {
                octets[Int.random(in: 0..<octets.count)] = .random(in: 0...255)
            }
            if Int.random(in: 0..<10) == 0 { octets.removeLast(Int.random(in: 0..<octets.count)) }
            guard let layout = try? MessageView.survey(octets), let parsed = try? Message(parsing: octets)
            else { continue }
            accepted += 1
            #expect(parsed.id == layout.id && parsed.flags == layout.flags)
            #expect(parsed.questions.count == Int(layout.questionCount))
            if let question = parsed.questions.first {
                #expect(question.type == layout.questionType && question.recordClass == layout.questionClass)
                #expect(question.name.wire == (try MessageView.name(in: octets.span.bytes, at: 12)).wire)
            }
            #expect(parsed.edns?.payloadSize == layout.edns?.payloadSize)
            #expect(parsed.edns?.wantsDNSSEC == layout.edns?.wantsDNSSEC)
            let opt = layout.edns == nil ? 0 : 1
            let tsig = layout.tsigStart == nil ? 0 : 1
            #expect(parsed.answers.count == Int(layout.answerCount))
            #expect(
                parsed.additionals.count + opt + tsig == Int(layout.additionalCount),
                "\(parsed.additionals) \(layout)")
            let again = try Message(parsing: parsed.encoded())
            #expect(again.answers == parsed.answers && again.edns == parsed.edns)
        }
        #expect(accepted > 500)
    }
}
