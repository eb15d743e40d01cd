/// How a query came in.
package enum TransportKind: UInt8, Sendable, CaseIterable {
    case udp
    case tcp
    case tls
    case https

    /// Whether the source address has been proved by a handshake.
    package var isConnected: Bool { self != .udp }
    /// Whether the path to the client is encrypted.
    package var isEncrypted: Bool { self == .tls || self == .https }
}

/// Who sent a query and where its response goes: a plain value that may be kept for as long as the query waits.
///
/// Good on the event loop it was made on. A peer whose connection or listener is gone is harmless: what is sent to
/// it is counted and dropped.
package struct Peer: Hashable, Sendable {
    /// The client: what access lists and limits look at.
    package var address: SocketAddress
    /// The address and port of ours that the client asked.
    package var local: SocketAddress
    /// Which of its listener's connections (or PROXY relays) the response goes to; 0 for plain UDP.
    package var route: UInt64
    /// Interface index the query came in by; 0 when not known.
    package var interface: UInt32
    /// Index of the listener among those of its event loop.
    package var listener: UInt16
    package var transport: TransportKind

    package init(
        address: SocketAddress, local: SocketAddress, route: UInt64 = 0, interface: UInt32 = 0,
        listener: UInt16 = 0,
        transport: TransportKind
    ) {
        self.address = address
        self.local = local
        self.route = route
        self.interface = interface
        self.listener = listener
        self.transport = transport
    }
}
