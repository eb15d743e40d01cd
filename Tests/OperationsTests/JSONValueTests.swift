import Operations
import Testing

@Suite struct JSONValueTests {
    @Test(
        "What is read is written the same",
        arguments: [
            "null", "true", "false", "0", "-12", "1.5", "\"\"", "\"a\\\"b\\\\c\\n\\u0001é\"", "[]", "{}",
            "[1,[2,{\"a\":null}],\"x\"]", "{\"a\":1,\"b\":{\"c\":[true]}}",
        ])
    func roundTrip(text: String) throws {
        #expect(try JSONParser.parse(Array(text.utf8)).text == text)
    }

    @Test("Escapes", arguments: [("\"\\u00e9\\/\\t\"", "é/\t"), ("\"\\ud83d\\ude00\"", "😀")])
    func escapes(text: String, value: String) throws {
        #expect(try JSONParser.parse(Array(text.utf8)) == .string(value))
    }

    @Test(
        "What is no JSON is refused",
        arguments: [
            "", " ", "nul", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "\"", "\"\\x\"", "\"\\ud800\"",
            "\"\\ud800x\"",
            "1 2", "+1", ".5", "1e999", "--1", "\"\n\"", "[1 2]", "tru", "\u{0}", "\"\\u12\"",
        ])
    func refused(text: String) {
        #expect(throws: JSONError.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test("Depth is bounded")
    func depth() {
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: JSONError.tooDeep) { try JSONParser.parse(Array(text.utf8)) }
    }
}
