internal import DNSCore

/// The update section's records judged by form, in order, before any of them is applied (RFC 2136 3.4.1).
enum Prescan {
    /// Checks every record.
    static func check(_ records: [ResourceRecord], apex: Name) throws(UpdateReason) {
        for (offset, record) in records.enumerated() {
            let index = offset + 1
            guard record.owner.isAtOrBelow(apex) else {
                throw .outsideZone(record.owner, .authority, record: index)
            }
            switch record.recordClass {
            case .internet:
                guard !record.type.isMeta else { throw .malformed(.type, .authority, record: index) }
                guard record.data.isWellFormed(as: record.type) else {
                    throw .malformed(.recordData, .authority, record: index)
                }
            case .any:
                guard record.ttl == 0 else { throw .malformed(.ttl, .authority, record: index) }
                guard record.data.octets.isEmpty else {
                    throw .malformed(.unexpectedData, .authority, record: index)
                }
                guard record.type == .any || !record.type.isMeta else {
                    throw .malformed(.type, .authority, record: index)
                }
            case .none:
                guard record.ttl == 0 else { throw .malformed(.ttl, .authority, record: index) }
                guard !record.type.isMeta else { throw .malformed(.type, .authority, record: index) }
                guard record.data.isWellFormed(as: record.type) else {
                    throw .malformed(.recordData, .authority, record: index)
                }
            default:
                throw .malformed(.recordClass, .authority, record: index)
            }
        }
    }
}
