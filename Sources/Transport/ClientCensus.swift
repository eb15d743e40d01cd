/// How many connections each client prefix has.
struct ClientCensus {
    private var counts: [SocketAddress: Int] = [:]
    /// What a client is, and how many connections it may have.
    var limits: StreamLimits

    init(_ limits: StreamLimits) { self.limits = limits }

    private func key(_ address: SocketAddress) -> SocketAddress {
        address.prefix(bits: address.family == .ipv4 ? limits.clientBits4 : limits.clientBits6)
    }

    /// Counts a new connection; false when its client has too many already.
    mutating func enter(_ address: SocketAddress) -> Bool {
        let key = key(address)
        let count = counts[key, default: 0]
        guard count < limits.connectionsPerClient else { return false }
        counts[key] = count + 1
        return true
    }

    /// A counted connection is gone.
    mutating func leave(_ address: SocketAddress) {
        let key = key(address)
        guard let count = counts[key] else { return }
        counts[key] = count > 1 ? count - 1 : nil
    }
}
