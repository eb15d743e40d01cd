internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Transport

/// The Private Host List and the Request Cache as a signed DNS query reads them (nts.md 2.6):
/// `dig -y hmac-sha256:KEY:SECRET @ROUTER -p 20053 phl.nts. TXT` and `rc.nts. TXT`.
extension RouterAgent {
    /// TXT records of one answer; more are cut off with TC, since this port has no TCP.
    private static let listingLimit = 64

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
        case "rc.nts.": lines = cache.all.map { $0.summary(now: now) }
        default:
            lines = []
            answer.flags = answer.flags.with(opcode: .query, responseCode: .nameError)
        }
        if question.type == .txt || question.type == .any {
            answer.answers = lines.prefix(Self.listingLimit).map { line in
                let text = Array(line.utf8.prefix(255))
                return ResourceRecord(
                    owner: question.name, type: .txt, ttl: 0, data: RecordData([UInt8(text.count)] + text))
            }
        }
        var signer = session
        var encoded = answer.encoded(limit: 4096 - session.reservedLength)
        if lines.count > Self.listingLimit { encoded[2] |= 0x02 }
        signer.sign(&encoded, now: epoch)
        transmit(encoded, peer, socket)
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
