internal import NTS

/// One of the kernel's helpers: it reads the control connection of a protocol that carries addresses and ports in its
/// payload, translates them, and lets the connections in that they announce (nts.md 1.7, last but one row).
struct ConnectionHelper: Hashable {
    var kind: HelperKind
    /// Where the protocol's servers listen.
    var ports: [UInt16]

    var transportText: String { kind == .sip ? "udp" : "tcp" }
}

extension HelperKind {
    /// The port that the protocol is known by.
    var defaultPort: UInt16 {
        switch self {
        case .ftp: 21
        case .sip: 5060
        }
    }
}
