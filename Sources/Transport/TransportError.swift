private import Operations

/// Why a socket, thread or loop could not be had.
///
/// The daemon reports it at start and exits, or keeps what it had.
package enum TransportError: Error, Hashable, Sendable {
    /// No socket for this address (`errno`): too many open files, or the family is not available.
    case socket(SocketAddress, errno: Int32)
    /// The address could not be bound (`errno`): in use, not ours, or a privileged port.
    case bind(SocketAddress, errno: Int32)
    /// The kernel refused an option that a correct server needs (`errno`).
    case option(SocketAddress, errno: Int32)
    /// No epoll or eventfd (`errno`).
    case eventLoop(errno: Int32)
    /// The kernel refused to watch a descriptor (`errno`).
    case watch(errno: Int32)
    /// No thread (`errno`).
    case thread(errno: Int32)
    /// No memory for the buffers of this many slots.
    case buffers(slots: Int)
    /// The loop serves this many listeners already.
    case tooManyListeners(limit: Int)
    /// The certificate or key in this file cannot be used.
    case certificate(file: String)
    /// The metrics address could not be served (`errno`, 0 when not known).
    case metrics(SocketAddress, errno: Int32)
}

extension TransportError: CustomStringConvertible {
    /// What an operator is told: the reason alone, because whoever reports it has named the address already.
    package var description: String {
        switch self {
        case .socket(_, let number), .bind(_, let number): SystemError.text(number)
        case .option(_, let number): "a socket option: \(SystemError.text(number))"
        case .eventLoop(let number): "event loop: \(SystemError.text(number))"
        case .watch(let number): "watching a socket: \(SystemError.text(number))"
        case .thread(let number): "thread: \(SystemError.text(number))"
        case .buffers(let slots): "no memory for \(slots) messages"
        case .tooManyListeners(let limit): "more than \(limit) listeners"
        case .certificate(let file): "\(file) cannot be used as certificate or key"
        case .metrics(_, let number): number == 0 ? "cannot be served" : SystemError.text(number)
        }
    }
}
