internal import Glibc

/// Names one question under way to another server.
///
/// Good until its end; after that it names nothing.
package struct UpstreamToken: Hashable, Sendable {
    var slot: UInt32
    var generation: UInt32
    /// The source port it was sent from; 0 on streams.
    package var port: UInt16

    /// A token that names nothing.
    package static let none = UpstreamToken(slot: .max, generation: 0, port: 0)
}

/// What is to become of a question after a message came in for it.
package enum UpstreamVerdict: Sendable {
    /// That was the answer: the question is over.
    case done
    /// That was not it (forged, for another question, or one of several messages): keep listening.
    case wait
}

/// Why a question to another server ended without an answer.
package enum UpstreamFailure: Hashable, Sendable {
    /// No answer in time.
    case timedOut
    /// An ICMP error, or the local equivalent. `errno` is ECONNREFUSED, EHOSTUNREACH, ENETUNREACH and the like.
    case unreachable(errno: Int32)
    /// The server closed the connection. `wasReused`: it had served before, so a new one may well work.
    case closed(wasReused: Bool)
    /// A message on the connection was shorter than its ID.
    case garbled
}

/// Told what comes back from other servers, on the loop's thread.
package protocol UpstreamHandler: AnyObject {
    /// A message came in for a question.
    ///
    /// On UDP it came from the address asked, to the port asked from; nothing else about it has been checked.
    func received(
        _ message: UnsafeRawBufferPointer, from server: SocketAddress, for token: UpstreamToken, tag: UInt64
    ) -> UpstreamVerdict

    /// A question ended without an answer.
    func failed(_ failure: UpstreamFailure, for token: UpstreamToken, tag: UInt64)
}

extension UpstreamFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .timedOut: "no answer in time"
        case .unreachable(ECONNREFUSED): "nobody listens there"
        case .unreachable(let code): "unreachable: error \(code)"
        case .closed: "the connection was closed"
        case .garbled: "a message that is none"
        }
    }
}
