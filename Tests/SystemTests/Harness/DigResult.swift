import Foundation

/// What `dig` printed, taken apart.
struct DigResult: CustomStringConvertible {
    let text: String
    let status: ExitStatus
    /// The RCODE; empty when there was no response.
    let rcode: String
    /// The flags, lower case, in `dig`'s order: "qr aa rd".
    let flags: [String]
    /// Sections by `dig`'s name ("ANSWER", "AUTHORITY", "ADDITIONAL"): records with single spaces.
    let sections: [String: [String]]
    /// The lines of the OPT pseudosection, without "; ".
    let pseudo: [String]

    var description: String { text }
    var answer: [String] { sections["ANSWER"] ?? [] }
    var authority: [String] { sections["AUTHORITY"] ?? [] }
    var additional: [String] { sections["ADDITIONAL"] ?? [] }
    func hasFlag(_ flag: String) -> Bool { flags.contains(flag) }
    /// A line of the OPT pseudosection that begins with `prefix`.
    func pseudo(_ prefix: String) -> String? { pseudo.first { $0.hasPrefix(prefix) } }

    init(_ result: Tool.Result) {
        text = result.output + result.errors
        status = result.status
        var rcode = "", flags: [String] = [], sections: [String: [String]] = [:], pseudo: [String] = []
        var section = "", inPseudo = false
        for line in result.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix(";; ->>HEADER<<-"), let at = line.range(of: "status: ") {
                rcode = String(line[at.upperBound...].prefix { $0 != "," })
            } else if line.hasPrefix(";; flags:") {
                flags = line.dropFirst(9).prefix { $0 != ";" }.split(separator: " ").map(String.init)
            } else if line.hasPrefix(";; OPT PSEUDOSECTION") {
                inPseudo = true
            } else if line.hasPrefix(";; "), line.hasSuffix(" SECTION:") {
                section = String(line.dropFirst(3).dropLast(9))
                inPseudo = false
            } else if line.isEmpty {
                section = ""
                inPseudo = false
            } else if inPseudo, line.hasPrefix("; ") {
                pseudo.append(String(line.dropFirst(2)))
            } else if !section.isEmpty, !line.hasPrefix(";") {
                let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                sections[section, default: []].append(fields.joined(separator: " "))
            }
        }
        (self.rcode, self.flags, self.sections, self.pseudo) = (rcode, flags, sections, pseudo)
    }
}
