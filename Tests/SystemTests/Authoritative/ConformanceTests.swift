import Foundation
import Testing

/// One line of `zones-and-queries.jsonl`: a tiny zone, a query, and the response all reference servers agree on.
struct AgreedCase: Decodable, Sendable {
    struct Query: Decodable { let name, type: String }
    struct Expected: Decodable {
        let rcode, flags: String
        let answer: [Line]
        let authority: [Line]?
    }
    /// `[owner, ttl, type, rdata]`.
    struct Line: Decodable {
        let owner, type, data: String
        let ttl: UInt32
        init(from decoder: any Decoder) throws {
            var row = try decoder.unkeyedContainer()
            owner = try row.decode(String.self)
            ttl = try row.decode(UInt32.self)
            type = try row.decode(String.self)
            data = try row.decode(String.self)
        }
    }
    let id: Int
    let zone: String
    let query: Query
    let expect: Expected

    private static let nameTypes: Set<String> = ["NS", "CNAME", "DNAME", "PTR"]
    private var suffix: String { "c\(id).test." }

    private func moved(_ name: some StringProtocol) -> String { name == "." ? suffix : name + suffix }

    /// Origin and text of the zone, every name below a label of this case alone.
    var movedZone: (origin: String, text: String) {
        var origin = "", lines: [String] = []
        for line in zone.split(separator: "\n") {
            var fields = line.split(maxSplits: 4, whereSeparator: { $0 == " " || $0 == "\t" }).map(
                String.init)
            guard fields.count == 5 else { continue }
            let type = fields[3]
            fields[0] = moved(fields[0])
            if type == "SOA" { origin = fields[0] }
            fields[4] = movedData(type, fields[4].trimmingCharacters(in: .whitespaces))
            lines.append(fields.joined(separator: " "))
        }
        return (origin, lines.joined(separator: "\n") + "\n")
    }

    private func movedData(_ type: String, _ data: String) -> String {
        if Self.nameTypes.contains(type) { return moved(data) }
        guard type == "SOA" else { return data }
        let fields = data.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        return ([moved(fields[0]), moved(fields[1])] + fields[2...]).joined(separator: " ")
    }

    private func text(_ lines: [Line]) -> [String] {
        Set(
            lines.map {
                "\(moved($0.owner)) \($0.ttl) \($0.type) \(movedData($0.type, $0.data))".lowercased()
            }
        ).sorted()
    }

    private static func text(_ records: [WireMessage.Record]) -> [String] {
        Set(records.map { $0.description.lowercased() }).sorted()
    }

    var movedQuery: WireQuery { WireQuery(moved(query.name), query.type) }

    /// What differs; empty when nothing does.
    func differences(_ response: WireMessage) -> [String] {
        var found: [String] = []
        func compare(_ what: String, _ got: some Equatable, _ wanted: some Equatable) {
            if "\(got)" != "\(wanted)" { found.append("case \(id), \(what): got \(got), expected \(wanted)") }
        }
        compare("rcode", response.rcode, expect.rcode)
        var flags = ["QR"]
        if response.isAuthoritative { flags.append("AA") }
        if response.isTruncated { flags.append("TC") }
        compare("flags", flags.joined(separator: " "), expect.flags)
        compare("answer", Self.text(response.answer), text(expect.answer))
        if let authority = expect.authority {
            compare("authority", Self.text(response.authority), text(authority))
        }
        return found
    }
}

@Suite(
    "Agreed answers", .enabled(if: Places.shared("conformance/authoritative/zones-and-queries.jsonl") != nil))
struct ConformanceTests {
    @Test("Every case of the set is answered as BIND, NSD and Knot answer it")
    func all() throws {
        let file = try #require(Places.shared("conformance/authoritative/zones-and-queries.jsonl"))
        let cases = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(AgreedCase.self, from: Data($0.utf8))
        }
        var files: [String: String] = [:], zones = ""
        for one in cases {
            let zone = one.movedZone
            files["zones/\(one.id).zone"] = zone.text
            zones += "  - { name: \"\(zone.origin)\", kind: primary, file: zones/\(one.id).zone }\n"
        }
        let daemon = try Daemon(
            Daemon.basics + "recursion: { enabled: false }\nzones:\n" + zones, files: files)
        let client = try WireClient(.udp, port: daemon.port)
        var differences: [String] = []
        for one in cases {
            let query = one.movedQuery
            try client.send(query.bytes)
            var response = try WireMessage(try client.receive())
            #expect(response.id == query.id)
            if response.isTruncated { response = try tcp(query, daemon) }
            differences += one.differences(response)
        }
        #expect(differences.isEmpty, "\(differences.prefix(25).joined(separator: "\n"))")
        print("Agreed answers: \(cases.count) cases, \(differences.count) differences")
    }

    private func tcp(_ query: WireQuery, _ daemon: Daemon) throws -> WireMessage {
        let client = try WireClient(.tcp, port: daemon.port)
        try client.send(query.bytes)
        return try WireMessage(try client.receive())
    }
}
