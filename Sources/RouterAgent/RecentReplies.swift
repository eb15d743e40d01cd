internal import DNSCore
internal import Transport

/// The last signed replies: a server that repeats its message because our reply was lost gets the same octets again.
struct RecentReplies {
    /// Replies kept.
    static let limit = 4096

    private struct Reply {
        var peer: SocketAddress
        var octets: [UInt8]
    }

    private var replies: [[UInt8]: Reply] = [:]
    private var order: [[UInt8]] = []
    private var next = 0

    /// Keeps the reply to the message with `signature`.
    mutating func keep(_ octets: [UInt8], for signature: [UInt8], peer: SocketAddress) {
        if replies[signature] == nil {
            if order.count < Self.limit {
                order.append(signature)
            } else {
                replies[order[next]] = nil
                order[next] = signature
                next = (next + 1) % Self.limit
            }
        }
        replies[signature] = Reply(peer: peer, octets: octets)
    }

    /// The reply to a repeated message, if it comes from where it came before.
    func reply(to signature: [UInt8], peer: SocketAddress) -> [UInt8]? {
        guard let reply = replies[signature], reply.peer == peer else { return nil }
        return reply.octets
    }
}
