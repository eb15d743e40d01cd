import DNSCore
import Foundation
import Testing

@testable import Authority

/// The cases of `conformance/authoritative`, when that folder lies beside the checkout.
@Suite struct ConformanceTests {
    struct Case: Decodable {
        struct Query: Decodable {
            let name: String
            let type: String
        }
        struct Expectation: Decodable {
            let rcode: String
            let flags: String
            let answer: [[Field]]
            let authority: [[Field]]?
        }
        enum Field: Decodable {
            case text(String)
            case number(Int)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let number = try? container.decode(Int.self) {
                    self = .number(number)
                } else {
                    self = .text(try container.decode(String.self))
                }
            }

            var description: String {
                switch self {
                case .text(let text): text
                case .number(let number): String(number)
                }
            }
        }
        let id: Int
        let zone: String
        let query: Query
        let expect: Expectation
    }

    static var file: String? {
        var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        while folder.path.count > 1 {
            folder.deleteLastPathComponent()
            let candidate = folder.appendingPathComponent(
                "shared/conformance/authoritative/zones-and-queries.jsonl")
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate.path }
        }
        return nil
    }

    @Test(
        "Every sampled case of the public data set is answered as three servers agree",
        .enabled(if: file != nil))
    func samples() throws {
        guard let file = Self.file else { return }
        let text = try String(contentsOfFile: file, encoding: .utf8)
        var failures = 0
        var count = 0
        for line in text.split(separator: "\n") {
            let sample = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
            count += 1
            if let complaint = complaint(about: sample) {
                failures += 1
                if failures <= 40 { Issue.record("case \(sample.id): \(complaint)\n\(sample.zone)") }
            }
        }
        #expect(failures == 0)
        #expect(count > 800)
    }

    private func complaint(about sample: Case) -> String? {
        do {
            let apex = sample.zone.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? "."
            let bench = try LookupBench((apex, sample.zone))
            guard let type = RRType(mnemonic: sample.query.type) else { return "type" }
            let (message, _) = try bench.ask(sample.query.name, type)
            let query = "\(sample.query.name) \(sample.query.type)"
            if message.responseCode.description != sample.expect.rcode {
                return "\(query): \(message.responseCode), not \(sample.expect.rcode)"
            }
            let flags = message.flags.contains(.authoritative) ? "QR AA" : "QR"
            if flags != sample.expect.flags { return "\(query): \(flags), not \(sample.expect.flags)" }
            let answer = normal(sample.expect.answer)
            if texts(message.answers) != answer {
                return "\(query): answer \(texts(message.answers)), not \(answer)"
            }
            if let authority = sample.expect.authority.map(normal), texts(message.authorities) != authority {
                return "\(query): authority \(texts(message.authorities)), not \(authority)"
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func normal(_ records: [[Case.Field]]) -> [String] {
        Set(records.map { $0.map(\.description).joined(separator: " ") }).map { record in
            let parts = record.split(separator: " ", maxSplits: 3)
            return "\(parts[0].lowercased()) \(parts[1]) \(parts[2]) \(parts[3].lowercased())"
        }.sorted()
    }
}
