import Testing

@testable import Operations

@Suite struct EmptyKeyTests {
    @Test("Two empty keys are an error and not an endless search for the second")
    func emptyKeys() {
        for text in ["{\"\": 1, \"\": 2}", "a: {&x: 1, &y}\n", "? \n? \n"] {
            _ = try? ConfigurationFile.parse(Array(text.utf8), file: "conf.yaml")
        }
        #expect(throws: ConfigurationErrors.self) {
            try ConfigurationFile.parse(Array("\"\": 1\n\"\": 2\n".utf8), file: "conf.yaml")
        }
    }
}
