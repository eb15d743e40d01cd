import Testing

/// Every case is asked over UDP as written, and the plain ones over TCP and IPv6 too, with the same result.
@Suite("dig against an authoritative server")
struct DigTests {
    let subject: Subject

    init() throws { subject = try AuthoritativeZones.subject.get() }

    @Test("Lookup", arguments: DigCase.lookup)
    func lookup(_ one: DigCase) throws { try everyTransport(one) }

    @Test("Wildcards", arguments: DigCase.wildcards)
    func wildcards(_ one: DigCase) throws { try everyTransport(one) }

    @Test("Types", arguments: DigCase.types)
    func types(_ one: DigCase) throws { one.check(try subject.dig(one.digWords)) }

    @Test("Extensions", arguments: DigCase.extensions)
    func extensions(_ one: DigCase) throws { one.check(try subject.dig(one.digWords)) }

    @Test("RFC 8906 compliance", arguments: DigCase.compliance)
    func compliance(_ one: DigCase) throws { one.check(try subject.dig(one.digWords)) }

    private func everyTransport(_ one: DigCase) throws {
        one.check(try subject.dig(one.digWords))
        one.check(try subject.dig(one.digWords + ["+tcp"]))
        if subject.owner is Daemon { one.check(try subject.dig(one.digWords, server: "::1")) }
    }
}

extension DigCase {
    var digWords: [String] { words.split(separator: " ").map(String.init) }
}
