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
}
