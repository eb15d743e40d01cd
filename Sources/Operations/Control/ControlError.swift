/// Why the control channel does not work.
package enum ControlError: Error, Equatable, CustomStringConvertible {
    /// Another process listens on the socket.
    case inUse(path: String)
    /// The socket cannot be made or reached; the system's error number.
    case system(path: String, call: String, errno: Int32)
    /// Nobody listens: the daemon is not running. `toriictl` exits 3.
    case notRunning(path: String)
    /// The path does not fit into a socket address.
    case pathTooLong(path: String)
    /// The other side closed the connection before its answer was complete.
    case interrupted
    /// The other side sent what is no message of this channel.
    case malformed
    /// The other side did not answer in time.
    case timedOut

    package var description: String {
        switch self {
        case .inUse(let path): "\(path): another process listens there"
        case .system(let path, let call, let number): "\(path): \(call): \(SystemError.text(number))"
        case .notRunning(let path): "\(path): nobody listens there; the daemon is not running"
        case .pathTooLong(let path): "\(path): longer than a socket's path can be"
        case .interrupted: "the daemon closed the connection before its answer was complete"
        case .malformed: "the daemon sent something that is no answer"
        case .timedOut: "the daemon did not answer in time"
        }
    }
}
