import Foundation
import Testing

@testable import Operations

@Suite struct LogTests {
    private func line(_ message: String, _ fields: [(key: String, value: String)] = []) -> LogLine {
        LogLine(
            time: (seconds: 1_795_250_575, nanoseconds: 123_456_789), level: .warning, subsystem: "update",
            message: message, fields: fields)
    }

    @Test("A text line has time, level, subsystem, message and fields")
    func text() {
        let fields = [
            (key: "client", value: "192.0.2.1"), (key: "rule", value: "two words"), (key: "none", value: ""),
        ]
        #expect(
            line("refused", fields).text()
                == "2026-11-21T08:42:55.123Z warning [update] refused client=192.0.2.1 rule=\"two words\" none=\"\""
        )
        #expect(line("refused").text(forJournal: true) == "<4>[update] refused")
    }

    @Test("A JSON line is one object with the keys of the field")
    func json() throws {
        let text = line("say \"x\"\n", [(key: "msg", value: "mine"), (key: "n", value: "\u{1b}[31m")]).json
        let value = try JSONParser.parse(Array(text.utf8))
        #expect(
            value["ts"] == "1795250575.123" && value["prio"] == "warning" && value["subsystem"] == "update")
        #expect(value["msg"] == "say \"x\"\n" && value["msg_"] == "mine" && value["n"] == "\u{1b}[31m")
        #expect(!text.utf8.contains(0x0a) && !text.utf8.contains(0x1b))
    }

    @Test("A stranger's octets neither end a line nor steer a terminal")
    func controls() {
        let text = line("name \u{1b}[2J\nforged", [(key: "q", value: "a\nb\u{7f}")]).text()
        #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
        #expect(text.contains("\\u001b[2J\\u000aforged") && text.hasSuffix("q=\"a\\nb\\u007f\""))
    }

    @Test(
        "Calendar",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"), (1_709_210_096, "2024-02-29T12:34:56.000Z"),
        ])
    func calendar(seconds: Int, text: String) {
        #expect(UTCTime(seconds: seconds).description(milliseconds: 0) == text)
    }

    @Test("So many lines a second of each kind; the next line says how many were not written")
    func limiter() {
        let limiter = LogLimiter()
        #expect((0..<5).map { _ in limiter.admit("a", limit: 2, now: 1) } == [0, 0, nil, nil, nil])
        #expect(limiter.admit("b", limit: 2, now: 1) == 0)
        #expect(limiter.admit("a", limit: 2, now: 2) == 3)
        #expect(limiter.admit("a", limit: 2, now: 2) == 0)
        #expect(limiter.admit("a", limit: 0, now: 3) == nil)
    }

    @Test("Kinds that strangers make up do not fill the memory")
    func limiterBound() {
        let limiter = LogLimiter()
        for kind in 0..<(LogLimiter.maximumKinds + 100) { _ = limiter.admit("\(kind)", limit: 1, now: 1) }
        #expect(limiter.admit("another", limit: 1, now: 1) == nil)
    }

    @Test("A reader that stands still costs lines, never the writer's time")
    func stalledReader() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let sink = LogSink(descriptor: ends[1])
        sink.startQueueing()
        let line = [UInt8](repeating: 0x61, count: 65535) + [0x0a]
        for _ in 0..<200 { sink.write(line) }
        #expect(sink.linesDropped > 0)
        #expect(sink.linesDropped < 200)
    }

    @Test("Lines arrive in order")
    func order() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let sink = LogSink(descriptor: ends[1])
        sink.write(Array("first\n".utf8))
        sink.startQueueing()
        for number in 0..<100 { sink.write(Array("\(number)\n".utf8)) }
        sink.flush()
        var octets = [UInt8](repeating: 0, count: 65536)
        let count = read(ends[0], &octets, octets.count)
        let lines = String(decoding: octets.prefix(max(0, count)), as: UTF8.self).split(separator: "\n")
        #expect(lines == ["first"] + (0..<100).map { "\($0)" })
    }
}
