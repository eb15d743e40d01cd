package import DNSCore

/// What the TSIG of a response amounts to.
package enum TSIGResponseVerdict: Sendable, Equatable {
    /// Signed with the request's key.
    case verified
    /// Not signed, which is allowed in the middle of a long response (RFC 8945 5.3.1): it counts only when a later
    /// message is ``verified``.
    case pending
    /// The server refused the request's signature; `serverTime` comes with BADTIME.
    ///
    /// Anyone can send it without a signature: ``TSIGResponseVerifier`` gives it only for a message it may believe,
    /// or tells by `isSigned` that it may not.
    case refused(TSIGError, serverTime: UInt64?, isSigned: Bool)
    /// Signed wrongly, or not signed where it had to be. Drop the message and go on waiting.
    case invalid
}

/// A client's check of the messages that answer its signed request (RFC 8945 5.4).
package struct TSIGResponseVerifier: Sendable {
    /// Messages in a row that may be without signature (RFC 8945 5.3.1).
    package static let unsignedLimit = 99

    private let key: TSIGKey
    private var prior: TSIGMAC
    private var isFirst = true
    private var unsignedCount = 0
    /// The digest of the messages since the last signed one.
    private var running: HMAC?

    /// Starts after the session has signed the request; nil when it has not.
    package init?(request session: TSIGSession) {
        guard let key = session.key, session.prior.count > 0 else { return nil }
        self.key = key
        prior = session.prior
    }

    /// Whether everything received so far is covered by a signature: the end of a transfer must be.
    package var isComplete: Bool { unsignedCount == 0 && !isFirst }

    /// Checks the next message.
    ///
    /// - Parameter now: seconds since 1970.
    package mutating func verify(
        _ bytes: borrowing RawSpan, layout: MessageLayout, now: UInt64
    ) -> TSIGResponseVerdict {
        guard let start = layout.tsigStart else {
            guard !isFirst, unsignedCount < TSIGResponseVerifier.unsignedLimit else { return .invalid }
            var hmac = takeRunning()
            hmac.update(bytes, 0..<layout.end)
            running = hmac
            unsignedCount += 1
            return .pending
        }
        guard let record = TSIGRecord(bytes, at: start),
            TSIGSession.names(record, bytes).0 == key.name, record.names(key.algorithm, bytes)
        else { return .invalid }
        if record.mac.isEmpty, isFirst, let error = TSIGError(rawValue: record.error) {
            return .refused(error, serverTime: nil, isSigned: false)
        }
        guard TSIGSession.isPossible(macLength: record.mac.count, key.algorithm) else { return .invalid }
        let mac = TSIGMAC(bytes, record.mac)
        var hmac = takeRunning()
        hmac.update(
            message: bytes, end: start, id: record.originalID, additionals: layout.additionalCount &- 1)
        if isFirst {
            hmac.update(variables: key, time: record.timeSigned, fudge: record.fudge, error: record.error)
            hmac.update(UInt16(record.other.count))
            hmac.update(bytes, record.other)
        } else {
            hmac.update(time: record.timeSigned)
            hmac.update(record.fudge)
        }
        guard hmac.finish().matches(mac) else { return .invalid }
        prior = mac
        isFirst = false
        unsignedCount = 0
        if let error = TSIGError(rawValue: record.error) {
            var serverTime: UInt64?
            if record.other.count == 6, let high = bytes.uint16(at: record.other.lowerBound),
                let low = bytes.uint32(at: record.other.lowerBound + 2)
            {
                serverTime = UInt64(high) << 32 | UInt64(low)
            }
            return .refused(error, serverTime: serverTime, isSigned: true)
        }
        let offset = Int64(bitPattern: record.timeSigned &- now)
        return offset.magnitude <= UInt64(record.fudge) ? .verified : .invalid
    }

    /// The digest under way, or a new one that begins with the last MAC.
    private mutating func takeRunning() -> HMAC {
        if let hmac = running {
            running = nil
            return hmac
        }
        var hmac = HMAC(key)
        hmac.update(prior: prior)
        return hmac
    }
}
