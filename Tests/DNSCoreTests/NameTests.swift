import Testing

@testable import DNSCore

@Suite struct NameTests {
    @Test("A name keeps its case and compares without it")
    func comparison() throws {
        let upper = try Name("WWW.Example.NET")
        let lower = try Name("www.example.net.")
        #expect(upper == lower)
        #expect(upper.description == "WWW.Example.NET.")
        #expect(Set([upper, lower]).count == 1)
        #expect(!upper.isIdentical(to: lower))
    }
}
