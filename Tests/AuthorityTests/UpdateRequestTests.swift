import DNSCore
import Testing

@testable import Authority

@Suite struct UpdateRequestTests {
    private func parse(
        _ message: Message, trailing: [UInt8] = []
    ) throws -> Result<UpdateRequest, UpdateReason> {
        let octets = message.encoded() + trailing
        let layout = try MessageView.survey(octets)
        return UpdateRequest.parse(octets.span.bytes, layout: layout, requestor: Sample.loopback)
    }

    private func message(_ zones: [Question]) -> Message {
        Message(
            id: 1, flags: HeaderFlags().with(opcode: .update, responseCode: .noError), questions: zones,
            answers: [Sample.prerequisite("yxdomain www")],
            authorities: [
                "add new 60 A 192.0.2.7", "delete www A 192.0.2.80", "delete www A", "delete www",
                "add x 5 TXT y",
            ].map { Sample.change($0) })
    }

    private func code(_ result: Result<UpdateRequest, UpdateReason>) -> ResponseCode? {
        if case .failure(let reason) = result { return reason.responseCode }
        return nil
    }

    @Test("A message is read back as it was written, empty data of classes ANY and NONE included")
    func roundTrip() throws {
        let sent = message([Question(name: Sample.apex, type: .soa)])
        let request = try parse(sent).get()
        #expect(request.zone.name == Sample.apex)
        #expect(request.prerequisites == sent.answers)
        #expect(request.updates == sent.authorities)
    }

    @Test("The zone section holds exactly one entry of type SOA (RFC 2136 2.3, 3.1)")
    func zoneSection() throws {
        let zone = Question(name: Sample.apex, type: .soa)
        #expect(try code(parse(message([]))) == .formatError)
        #expect(try code(parse(message([zone, zone]))) == .formatError)
        #expect(try code(parse(message([Question(name: Sample.apex, type: .a)]))) == .formatError)
        #expect(
            try code(parse(message([Question(name: Sample.apex, type: .soa, recordClass: .chaos)])))
                == .notAuth)
    }

    @Test("Octets after the message are a format error")
    func trailing() throws {
        #expect(
            try code(parse(message([Question(name: Sample.apex, type: .soa)]), trailing: [0])) == .formatError
        )
    }
}
