internal import CShims

/// Source ports that an off-path attacker cannot guess: uniformly random over 1024...65535, save those to avoid.
package struct PortChoice: Sendable {
    private var avoided: Set<UInt16>

    /// - Parameter avoiding: ports never chosen; at most half of the range is heeded, or too few would be left.
    package init(avoiding: some Sequence<UInt16> = []) {
        avoided = Set(avoiding.filter { $0 >= 1024 }.prefix(32_256))
    }

    /// The next port.
    package func next(from random: RandomPool) -> UInt16 {
        while true {
            let port = random.nextUInt16()
            if port >= 1024, avoided.isEmpty || !avoided.contains(port) { return port }
        }
    }

    /// The range from which the kernel draws ports, if each of its ports may be chosen here too.
    ///
    /// Nil also where the kernel leaves out ports of that range (`ip_local_reserved_ports`): it would not draw evenly then.
    func kernelRange() -> ClosedRange<UInt16>? {
        var range = torii_port_range()
        guard unsafe torii_local_port_range(&range), range.low >= 1024, range.low < range.high,
            !avoided.contains(where: { $0 >= range.low && $0 <= range.high })
        else { return nil }
        return range.low...range.high
    }
}
