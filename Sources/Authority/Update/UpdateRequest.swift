package import DNSCore
package import DNSSecurity

/// One UPDATE message with what is known of its sender (RFC 2136 2, RFC 3007 3).
///
/// Made once at the edge: the message has its outer shape, one zone entry of type SOA, and its signature has been
/// judged. The zone's own thread does the rest.
package struct UpdateRequest: Sendable {
    /// The zone entry (RFC 2136 2.3).
    package let zone: Question
    /// RFC 2136 2.4.
    package let prerequisites: [ResourceRecord]
    /// RFC 2136 2.5.
    package let updates: [ResourceRecord]
    /// Who sent it.
    package let requestor: UpdateRequestor

    /// Takes a message apart (RFC 2136 3.1).
    ///
    /// - Parameter bytes: the whole datagram or stream message; octets after the last record are a format error.
    package static func parse(
        _ bytes: borrowing RawSpan, layout: MessageLayout, requestor: UpdateRequestor
    ) -> Result<UpdateRequest, UpdateReason> {
        guard layout.end == bytes.byteCount else {
            return .failure(.malformed(.trailingOctets, .additional, record: 0))
        }
        guard layout.questionCount == 1 else { return .failure(.malformed(.zoneCount, .question, record: 0)) }
        guard let message = try? Message(parsing: bytes, layout: layout), let zone = message.questions.first
        else {
            return .failure(.malformed(.recordData, .authority, record: 0))
        }
        return make(zone: zone, message.answers, message.authorities, requestor)
    }

    /// Makes a request from values, as the zone commands of the control channel do.
    package static func make(
        zone: Question, _ prerequisites: [ResourceRecord], _ updates: [ResourceRecord],
        _ requestor: UpdateRequestor
    ) -> Result<UpdateRequest, UpdateReason> {
        guard zone.type == .soa else { return .failure(.malformed(.zoneType, .question, record: 0)) }
        guard zone.recordClass == .internet else {
            return .failure(.notAuthoritative(zone.name, zone.recordClass))
        }
        return .success(
            UpdateRequest(zone: zone, prerequisites: prerequisites, updates: updates, requestor: requestor))
    }

    /// The same update, from a sender about whom more is known now.
    package func with(requestor: UpdateRequestor) -> UpdateRequest {
        UpdateRequest(zone: zone, prerequisites: prerequisites, updates: updates, requestor: requestor)
    }

    private init(
        zone: Question, prerequisites: [ResourceRecord], updates: [ResourceRecord], requestor: UpdateRequestor
    ) {
        self.zone = zone
        self.prerequisites = prerequisites
        self.updates = updates
        self.requestor = requestor
    }
}

/// Who sent an update.
package struct UpdateRequestor: Sendable, Hashable {
    /// Where the message came from.
    package var source: IPAddress
    /// The key whose signature was verified; nil for an unsigned message.
    package var key: Name?
    package var algorithm: TSIGAlgorithm?
    /// Whether it came over a stream, so that the source is not forged.
    package var isStream: Bool
    /// Whether it comes from the operator, through the control channel: no policy applies.
    package var isOperator: Bool

    package init(
        source: IPAddress, key: Name? = nil, algorithm: TSIGAlgorithm? = nil, isStream: Bool = false,
        isOperator: Bool = false
    ) {
        self.source = source
        self.key = key
        self.algorithm = algorithm
        self.isStream = isStream
        self.isOperator = isOperator
    }
}

extension UpdateRequestor {
    /// The requestor of a message with a SIG(0) signature, whose signer counts as key from here on (RFC 2931, RFC 3007).
    ///
    /// The public keys are the KEY records at the signer's name in the zone itself. Costs a public-key operation.
    ///
    /// - Parameter zone: the zone that is to be updated.
    /// - Parameter now: seconds since 1970.
    /// - Returns: itself when the message has no such signature.
    package func authenticated(
        by bytes: borrowing RawSpan, layout: MessageLayout, in zone: ZoneSnapshot, now: UInt64
    ) -> Result<UpdateRequestor, UpdateReason> {
        guard key == nil, layout.sig0Start != nil else { return .success(self) }
        let signer = TransactionSignature.signer(bytes, layout: layout)
        let keys = signer.flatMap { zone.rrset(at: $0, type: .key)?.data } ?? []
        let verdict = TransactionSignature.verify(bytes, layout: layout, keys: keys, now: now)
        guard case .verified(let name) = verdict else { return .failure(.signature(verdict)) }
        var result = self
        result.key = name
        return .success(result)
    }
}
