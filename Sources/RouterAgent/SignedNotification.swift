internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Transport

/// A notification of form v2, with one permission or several, and what has been said of each.
final class SignedNotification {
    let socket: DatagramSocket
    /// The message's MAC.
    let signature: [UInt8]
    private let body: V2Message.Body
    private let session: TSIGSession
    private var replies: [RouterReply?]

    init(_ body: V2Message.Body, _ session: TSIGSession, _ socket: DatagramSocket, signature: [UInt8]) {
        self.body = body
        self.session = session
        self.socket = socket
        self.signature = signature
        replies = Array(repeating: nil, count: body.permissions.count)
    }

    /// The response after `reply` has been given to one permission; nil while another has no last word yet.
    ///
    /// Its code is that of the first refusal. A record's TTL is what was granted, and 0 where nothing is open; that some
    /// permission is pending is said at once, with TTL 0 in all of them.
    func response(with reply: RouterReply, to part: Int, epoch: UInt64) -> [UInt8]? {
        replies[part] = reply
        guard reply == .pending || !replies.contains(where: { $0 == nil || $0 == .pending }) else {
            return nil
        }
        var permissions = body.permissions
        var ports: [V2Message.PortRecord] = []
        var refusal: Refusal?
        for (index, each) in replies.enumerated() {
            permissions[index].lifetime = 0
            guard reply != .pending else { continue }
            switch each {
            case .granted(let lifetime, let granted):
                permissions[index].lifetime = lifetime
                ports += granted
            case .hairpin(let address, let lifetime):
                permissions[index].lifetime = lifetime
                permissions[index].gn = IPPrefix(address)
            case .refused(let reason):
                refusal = refusal ?? reason
                // A single permission comes back as it was asked for: its code says that it is not open.
                if replies.count == 1 { permissions[index] = body.permissions[index] }
            case .pending, nil: break
            }
        }
        return V2Message.response(
            to: body, code: refusal?.responseCode ?? .noError, permissions: permissions, ports: ports,
            explanation: refusal?.rawValue, session: session, epoch: epoch)
    }
}
