import Operations
import Testing

/// A configuration with one option of each kind.
struct Sample: ConfigurationRecord {
    let count: Int
    let name: String?
    let flag: Bool
    let wait: Duration
    let size: Int
    let port: UInt16
    let colour: Colour
    let words: [String]
    let inner: Inner
    let items: [Inner]
    let source: Source

    enum Colour: String, ConfigurationChoice { case red, green }
    enum Source: Equatable { case builtin, list([String]) }

    struct Inner: ConfigurationRecord {
        let name: String
        let friend: String?
        init(_ section: ConfigurationSection) {
            name = section.required("name", .text, placeholder: "")
            friend = section.optional("friend", .text)
            section.define(name, in: "items", on: "name")
            if let friend { section.refer(to: friend, in: "items", on: "friend") }
        }
    }

    init(_ section: ConfigurationSection) {
        count = section.value("count", .number(1...10), default: 3)
        name = section.optional("name", .text(limit: 5))
        flag = section.value("flag", .flag, default: true)
        wait = section.value("wait", .duration(), default: .seconds(60))
        size = section.value("size", .size(), default: 256 << 20)
        port = section.value("port", .port, default: 53)
        colour = section.value("colour", .choice, default: .red)
        words = section.list("words", .text)
        inner = section.record("inner")
        items = section.records("items")
        let builtin = ConfigurationScalar<Source>("`builtin`") { $0 == "builtin" ? .builtin : nil }
        source = section.either("source", builtin, orListOf: .text, default: .builtin) { .list($0) }
    }

    static func read(_ text: String) throws -> Sample {
        try ConfigurationContext.parse(Sample.self, text: text, file: "f.yaml")
    }

    static func errors(_ text: String) -> [String] {
        do {
            _ = try read(text)
            return []
        } catch let errors as ConfigurationErrors {
            return errors.errors.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }
}

@Suite struct ConfigurationSectionTests {
    @Test("Everything absent gives the defaults")
    func defaults() throws {
        let sample = try Sample.read("count:\n")
        #expect(sample.count == 3 && sample.name == nil && sample.flag && sample.wait == .seconds(60))
        #expect(
            sample.size == 256 << 20 && sample.port == 53 && sample.colour == .red && sample.words.isEmpty)
        #expect(sample.items.isEmpty && sample.source == .builtin)
    }

    @Test(
        "Each error has file, line, column and path",
        arguments: [
            ("port: 66000\n", "f.yaml:1:7: port: 66000 is not a port"),
            ("port: 0\n", "f.yaml:1:7: port: 0 is not a port"),
            ("count: 11\n", "f.yaml:1:8: count: 11 is not a number from 1 to 10"),
            ("count: many\n", "f.yaml:1:8: count: many is not a number from 1 to 10"),
            ("count: 1.5\n", "f.yaml:1:8: count: 1.5 is not a number from 1 to 10"),
            ("count: [ 1 ]\n", "f.yaml:1:8: count: a list is not a number from 1 to 10"),
            ("name: toolong\n", "f.yaml:1:7: name: longer than 5 octets"),
            ("flag: maybe\n", "f.yaml:1:7: flag: maybe is not true or false"),
            ("wait: 60\n", "f.yaml:1:7: wait: 60 has no unit; write 60s or 60ms"),
            ("wait: soon\n", "f.yaml:1:7: wait: soon is not a duration such as 60s"),
            ("wait: 5y\n", "f.yaml:1:7: wait: 5y is not a duration such as 60s"),
            ("wait: -5s\n", "f.yaml:1:7: wait: -5s is not a duration such as 60s"),
            (
                "wait: 99999999999999999999s\n",
                "f.yaml:1:7: wait: 99999999999999999999s is not a duration such as 60s"
            ),
            ("wait: 9999999999999w\n", "f.yaml:1:7: wait: 9999999999999w is out of range"),
            ("size: 256\n", "f.yaml:1:7: size: 256 has no unit; write a size such as 256MiB"),
            ("size: 12 elephants\n", "f.yaml:1:7: size: 12 elephants is not a size such as 256MiB"),
            ("size: 9999999999999GiB\n", "f.yaml:1:7: size: 9999999999999GiB is out of range"),
            ("colour: blue\n", "f.yaml:1:9: colour: blue is not one of red, green"),
            ("words: { a: 1 }\n", "f.yaml:1:8: words: a map is not a list"),
            ("words: [ a, [ b ] ]\n", "f.yaml:1:13: words[1]: a list is not text"),
            ("inner: 5\n", "f.yaml:1:8: inner: '5' is not a map"),
            ("inner: {}\n", "f.yaml:1:8: inner: name is missing"),
            ("items: x\n", "f.yaml:1:8: items: 'x' is not a list"),
            ("items:\n  - x\n", "f.yaml:2:5: items[0]: 'x' is not a map"),
            ("items:\n  - { name: a }\n  - { name: a }\n", "f.yaml:3:13: items[1].name: a is defined twice"),
            (
                "items:\n  - name: a\n    friend: b\n",
                "f.yaml:3:13: items[0].friend: b is not defined under items"
            ),
            ("cuont: 3\n", "f.yaml:1:1: cuont: unknown key; did you mean count?"),
            ("items:\n  - { name: a, zzzzzz: 1 }\n", "f.yaml:2:16: items[0].zzzzzz: unknown key"),
            ("source: other\n", "f.yaml:1:9: source: other is not `builtin`"),
        ])
    func places(text: String, error: String) {
        #expect(Sample.errors(text) == [error])
    }

    @Test("All errors are found, in the order of the file")
    func all() {
        let text = "port: 66000\ncolour: blue\nextra: 1\nitems:\n  - { nmae: a }\n"
        #expect(
            Sample.errors(text) == [
                "f.yaml:1:7: port: 66000 is not a port", "f.yaml:2:9: colour: blue is not one of red, green",
                "f.yaml:3:1: extra: unknown key", "f.yaml:5:5: items[0]: name is missing",
                "f.yaml:5:7: items[0].nmae: unknown key; did you mean name?",
            ])
    }

    @Test(
        "Durations",
        arguments: [
            ("300ms", Duration.milliseconds(300)), ("60s", .seconds(60)), ("5m", .seconds(300)),
            ("24h", .seconds(86400)),
            ("1d", .seconds(86400)), ("2w", .seconds(1_209_600)), ("1h30m", .seconds(5400)), ("0", .zero),
        ])
    func durations(text: String, duration: Duration) throws {
        #expect(try Sample.read("wait: \(text)\n").wait == duration)
    }

    @Test(
        "Sizes",
        arguments: [
            ("256MiB", 256 << 20), ("1GiB", 1 << 30), ("4096B", 4096), ("1kB", 1000), ("64KiB", 65536),
        ])
    func sizes(text: String, size: Int) throws {
        #expect(try Sample.read("size: \(text)\n").size == size)
    }

    @Test(
        "Booleans in all their words",
        arguments: [("on", true), ("Yes", true), ("off", false), ("no", false)])
    func flags(text: String, flag: Bool) throws {
        #expect(try Sample.read("flag: \(text)\n").flag == flag)
    }

    @Test("One value alone counts as a list of one, and a list may take the place of a word")
    func lists() throws {
        #expect(try Sample.read("words: a\n").words == ["a"])
        #expect(try Sample.read("source: [ a, b ]\n").source == .list(["a", "b"]))
        #expect(try Sample.read("source: []\n").source == .list([]))
    }

    @Test("The description names each option once, with its default")
    func description() throws {
        let options = ConfigurationContext.describe(Sample.self)
        #expect(
            options.map(\.pattern) == [
                "count", "name", "flag", "wait", "size", "port", "colour", "words", "inner", "inner.name",
                "inner.friend",
                "items", "items[].name", "items[].friend", "source",
            ])
        #expect(options.first { $0.key == "size" }?.defaultText == "256MiB")
        #expect(options.first { $0.key == "wait" }?.defaultText == "60s")
        #expect(options.first { $0.pattern == "items[].name" }?.isRequired == true)
        let schema = try JSONParser.parse(Array(ConfigurationSchema.text(options, title: "sample").utf8))
        #expect(schema["properties"]?["items"]?["items"]?["required"] == ["name"])
        #expect(schema["properties"]?["colour"]?["enum"] == ["red", "green"])
    }

    @Test("Base 64", arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64(text: String) {
        let octets = Array(text.utf8)
        #expect(Base64.decode(Base64.encode(octets)) == octets)
    }

    @Test("What is not base 64 is refused", arguments: ["a", "ab", "abc", "ab=c", "a===", "###", "abcde"])
    func notBase64(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
