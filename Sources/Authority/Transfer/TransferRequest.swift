package import DNSCore

/// What a client asks of a zone's contents (RFC 5936 2.1, RFC 1995 3).
package enum TransferRequest: Sendable, Equatable {
    /// AXFR: all of it.
    case full
    /// IXFR: what has changed since the serial.
    case incremental(since: Serial)

    /// Reads the request from a query that was surveyed; nil when it is none, or an IXFR without the SOA that it must
    /// bring: FORMERR.
    package init?(_ bytes: borrowing RawSpan, layout: MessageLayout) {
        guard layout.questionCount == 1, layout.answerCount == 0 else { return nil }
        switch layout.questionType {
        case .axfr:
            self = .full
        case .ixfr:
            guard layout.authorityCount == 1,
                let message = try? Message(parsing: bytes, layout: layout),
                let soa = message.authorities.first,
                soa.type == .soa, soa.owner == message.questions.first?.name, let serial = soa.data.soaSerial
            else { return nil }
            self = .incremental(since: serial)
        default:
            return nil
        }
    }
}

/// Which form a transfer has, for log and metrics.
package enum TransferForm: String, Sendable {
    /// All records.
    case full
    /// Differences, version by version.
    case incremental
    /// Differences condensed to one.
    case condensed
    /// The client has the newest version: one SOA.
    case upToDate
}
