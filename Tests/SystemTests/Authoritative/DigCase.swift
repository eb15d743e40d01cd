import Foundation
import Testing

/// One behaviour of an RFC: what `dig` asks, and what it must print.
///
/// Records are written as `dig` prints them, with single spaces and without the class; answer and authority are compared
/// as sets, of additional what is listed must be there.
/// `nil` means: not compared.
struct DigCase: CustomTestStringConvertible, Sendable {
    let title: String
    let words: String
    var rcode = "NOERROR"
    /// All flags but `rd`, which the client sets.
    var flags: String? = "qr aa"
    var answer: [String]?
    var authority: [String]?
    var additional: [String]?
    /// Lines of the OPT pseudosection that must be there, by how they begin.
    var pseudo: [String] = []
    /// Texts that must not be printed.
    var absent: [String] = []

    var testDescription: String { title }

    init(
        _ title: String, _ words: String, rcode: String = "NOERROR", flags: String? = "qr aa",
        answer: [String]? = nil,
        authority: [String]? = nil, additional: [String]? = nil, pseudo: [String] = [], absent: [String] = []
    ) {
        self.title = title
        self.words = words
        self.rcode = rcode
        self.flags = flags
        self.answer = answer
        self.authority = authority
        self.additional = additional
        self.pseudo = pseudo
        self.absent = absent
    }

    func check(_ result: DigResult) {
        #expect(result.rcode == rcode, "\(result)")
        if let flags {
            #expect(
                result.flags.filter { $0 != "rd" }.sorted()
                    == flags.split(separator: " ").map(String.init).sorted(), "\(result)")
        }
        compare(result.answer, answer, "answer", result)
        compare(result.authority, authority, "authority", result)
        let more = Set(Self.bare(result.additional))
        for record in additional ?? [] {
            #expect(more.contains(record), "no \(record) in additional: \(result)")
        }
        for line in pseudo { #expect(result.pseudo(line) != nil, "no OPT line \(line): \(result)") }
        for text in absent { #expect(!result.text.contains(text), "\(text): \(result)") }
    }

    private func compare(_ found: [String], _ expected: [String]?, _ section: String, _ result: DigResult) {
        guard let expected else { return }
        let bare = Self.bare(found)
        #expect(bare.sorted() == expected.sorted(), "\(section) of: \(result)")
    }

    /// Records without their class.
    private static func bare(_ records: [String]) -> [String] {
        records.map {
            $0.replacingOccurrences(of: " IN ", with: " ").replacingOccurrences(of: " CH ", with: " ")
        }
    }
}
