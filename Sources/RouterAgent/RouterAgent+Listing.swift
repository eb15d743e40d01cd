internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Transport

/// The Private Host List and the Request Cache as a signed DNS query reads them (nts.md 2.6):
/// `dig -y hmac-sha256:KEY:SECRET @ROUTER -p 20053 phl.nts. TXT` and `rc.nts. TXT`.
extension RouterAgent {
    /// Octets of the largest listing, whatever the query offers to take.
    private static let listingLimit = 4096

    /// Answers with one TXT record for each entry.
    ///
    /// This port has no TCP to repeat a truncated query over: what finds no room is counted in a last record instead.
    func answerListing(
        _ octets: borrowing RawSpan, _ layout: MessageLayout, _ session: TSIGSession, _ peer: Requester,
        _ socket: DatagramSocket
    ) {
        guard layout.questionCount == 1, let query = try? Message(parsing: octets, layout: layout),
            let question = query.questions.first
        else { return }
        var answer = Message(
            id: query.id, flags: HeaderFlags([.response, .authoritative]), questions: [question])
        let lines: [String]
        switch question.name.description.lowercased() {
        case "phl.nts.": lines = hosts.all.map(\.summary)
        case "rc.nts.": lines = cache.open.map { $0.summary(now: now) }
        default:
            lines = []
            answer.flags = answer.flags.with(opcode: .query, responseCode: .nameError)
        }
        if question.type == .txt || question.type == .any {
            let room = min(Self.listingLimit, max(512, query.edns.map { Int($0.payloadSize) } ?? 512))
            // The header, the question, the signature, and the record that says how much is missing.
            var left = room - 12 - question.name.wire.count - 4 - session.reservedLength - 64
            var shown = 0
            for line in lines {
                let record = Self.text(line)
                // A pointer to the question's name, and the record's fixed part.
                left -= 12 + record.octets.count
                guard left >= 0 else { break }
                answer.answers.append(
                    ResourceRecord(owner: question.name, type: .txt, ttl: 0, data: record))
                shown += 1
            }
            if shown < lines.count {
                let rest = Self.text("... and \(lines.count - shown) more")
                answer.answers.append(
                    ResourceRecord(owner: question.name, type: .txt, ttl: 0, data: rest))
            }
        }
        var signer = session
        var encoded = answer.encoded(limit: Self.listingLimit - session.reservedLength)
        signer.sign(&encoded, now: epoch)
        transmit(encoded, peer, socket)
    }

    private static func text(_ line: String) -> RecordData {
        let text = Array(line.utf8.prefix(255))
        return RecordData([UInt8(text.count)] + text)
    }
}

extension PrivateHostList.Entry {
    /// One line for people.
    var summary: String {
        let addresses = [ipv4, ipv6].compactMap { $0?.description }.joined(separator: " ")
        return "\(name) \(addresses) \(source.rawValue)"
    }
}

extension RequestCache.Entry {
    /// One line for people.
    func summary(now: Duration) -> String {
        let left = max(0, (expires - now).components.seconds)
        return "\(gn.subjectText) -> \(host) \(address) \(gate.rawValue) \(left)s flows \(flows)"
    }
}
