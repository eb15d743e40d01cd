internal import DNSCore

/// An UPDATE on its way through a secondary to the primary and back (RFC 2136 6).
///
/// The octets stay as the client signed them, but for the ID, whose original TSIG repeats (RFC 8945 5.5).
package struct UpdateForwarding: Sendable {
    private let octets: [UInt8]
    private let clientID: (UInt8, UInt8)
    private let id: UInt16
    private var primaries: ArraySlice<Int>

    /// - Parameter octets: the client's message, at least a header.
    /// - Parameter id: a random ID for the way to the primary.
    package init?(_ octets: [UInt8], id: UInt16, primaries: Int) {
        guard octets.count >= 12 else { return nil }
        clientID = (octets[0], octets[1])
        self.id = id
        self.octets = [UInt8(id >> 8), UInt8(id & 0xff)] + octets[2...]
        self.primaries = ArraySlice(0..<primaries)
    }

    /// The next primary to try, by number, and what to send it, over a stream; nil when all have failed: SERVFAIL.
    package mutating func next() -> (primary: Int, octets: [UInt8])? {
        primaries.popFirst().map { ($0, octets) }
    }

    /// The primary's response as the client is to get it; nil when it is no response to this update.
    package func response(_ received: [UInt8]) -> [UInt8]? {
        guard let layout = try? MessageView.survey(received), layout.id == id,
            layout.flags.contains(.response),
            layout.flags.opcode == .update
        else { return nil }
        var result = received
        result[0] = clientID.0
        result[1] = clientID.1
        return result
    }
}
