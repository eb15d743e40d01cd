internal import Glibc
internal import Operations
internal import Transport

/// How it went with one primary of a secondary zone, the last time that it was asked; as the log and `zone status` tell
/// it.
struct PrimaryAttempt: Sendable {
    /// Address and port.
    let server: String
    /// What came of it, or why nothing did.
    let result: String
    let isFailure: Bool
    /// Whether it belongs to the round that is under way, or was the last.
    var isOfLastRound = true
    /// Seconds since 1970.
    let time: Int64

    /// One line for people.
    var line: String { "\(server): \(result), \(UTCTime(seconds: Int(time)).description(milliseconds: 0))" }

    /// The same for programs.
    var data: JSONValue {
        .object([
            .init("server", .string(server)), .init("result", .string(result)),
            .init("failed", .bool(isFailure)), .init("time", .integer(Int(time))),
        ])
    }
}

extension TransportFailure {
    /// One line for people.
    var reason: String {
        switch self {
        case .timedOut: "no answer in time"
        case .unreachable(let code): unsafe String(cString: strerror(code))
        case .closed: "the connection was closed"
        case .garbled: "no DNS message"
        }
    }
}
