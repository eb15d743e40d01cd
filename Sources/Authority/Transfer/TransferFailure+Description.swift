internal import DNSCore
internal import DNSSecurity

extension TransferFailure: CustomStringConvertible {
    /// One line for people.
    package var description: String {
        switch self {
        case .malformedMessage: "a message that is none, or octets after it"
        case .otherMessage: "a message that is no answer to ours"
        case .otherZone(let name): "about \(name) instead"
        case .emptyMessage: "a message without records"
        case .refused(let code): "the primary says \(code)"
        case .signatureRefused(let error): "the primary refused our signature: \(error)"
        case .unsigned: "not signed, though we have a key"
        case .badSignature: "wrong signature"
        case .noOpeningSOA: "the first record is not the SOA of the zone"
        case .differentSOAs: "the last SOA is not the first"
        case .recordsAfterEnd: "records after the closing SOA"
        case .outsideZone(let name): "\(name) is outside the zone"
        case .badRecord(let name, let type): "\(name) \(type) is malformed, or none for a zone"
        case .brokenDifferences: "differences that do not follow on one another"
        case .differenceDoesNotFit(let name, let type):
            "a difference at \(name) \(type) does not fit what we have"
        case .zone(let error): "\(error)"
        case .tooLarge: "more records or octets than allowed"
        case .outOfMemory(let records): "no memory for the zone after \(records) records (memory-reserve)"
        case .connectionLost: "the connection ended, or nothing came in time"
        }
    }
}
