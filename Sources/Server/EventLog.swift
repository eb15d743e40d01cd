internal import DNSCore
internal import DNSSecurity
internal import Operations
internal import Transport

/// The logs of the server's parts.
///
/// Writing a line never waits for its reader.
enum Logs {
    static let server = Log("server")
    static let zone = Log("zone")
    static let update = Log("update")
    static let transfer = Log("transfer")
    static let resolver = Log("resolver")
    static let policy = Log("policy")
    static let nts = Log("nts")
    static let security = Log("security")
    static let queries = Log("queries")
}

extension Worker {
    /// Tells that a signature did not count (RFC 8945 5.2: log it).
    func note(_ rejection: TSIGRejection, _ peer: Peer) {
        Logs.security.limited(
            .warning, "tsig", "signature refused: \(rejection.cause)",
            [
                "client": "\(peer.address)", "key": "\(rejection.key)", "algorithm": "\(rejection.algorithm)",
                "error": "\(rejection.error)",
            ])
    }
}
