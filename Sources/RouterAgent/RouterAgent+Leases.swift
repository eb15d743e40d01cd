internal import DNSCore
internal import NTS
internal import Operations

extension RouterAgent {
    /// Reads the lease files that have changed, and enters their hosts.
    func readLeases() {}
}
