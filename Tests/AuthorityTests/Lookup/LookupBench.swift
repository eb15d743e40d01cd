import DNSCore
import Testing

@testable import Authority

/// A catalog to ask, and its responses as messages.
struct LookupBench {
    var catalog: ZoneCatalog

    init(_ zones: (apex: String, text: String)...) throws {
        catalog = ZoneCatalog(
            try zones.map { zone in
                let apex = try Name(zone.apex)
                return (apex, try ZoneLoader.load(text: Array(zone.text.utf8), apex: apex).snapshot)
            })
    }

    /// The response, its header complete as the server would make it.
    func ask(
        _ name: String, _ type: RRType, wantsDNSSEC: Bool = false, limit: Int = 65535
    ) throws -> (message: Message, answer: ZoneAnswer) {
        let name = try Name(name)
        var key = NameKey()
        key.load(name)
        var lookup = ZoneLookup()
        var composer = MessageComposer()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 65536, alignment: 8)
        defer { memory.deallocate() }
        composer.begin(in: memory, limit: limit)
        composer.writeHeader(id: 1, flags: .response)
        let query = Message(id: 1, questions: [Question(name: name, type: type)]).encoded()
        composer.copyQuestions(from: query.span.bytes, end: query.count, count: 1)
        let answer = lookup.answer(key, type: type, in: catalog, wantsDNSSEC: wantsDNSSEC, into: &composer)
        var flags: HeaderFlags = .response
        if answer.isAuthoritative { flags.insert(.authoritative) }
        if answer.isTruncated { flags.insert(.truncated) }
        composer.setFlags(flags.with(opcode: .query, responseCode: answer.responseCode))
        let octets = Array(memory[0..<composer.count])
        #expect(octets.count <= limit)
        return (try Message(parsing: octets), answer)
    }
}

/// Records as zone-file text in lower case, sorted, for comparing sections as sets.
func texts(_ records: [ResourceRecord]) -> [String] {
    records.map { record in
        "\(record.owner.description.lowercased()) \(record.ttl) \(record.type) "
            + record.data.presentation(as: record.type).lowercased()
    }.sorted()
}
