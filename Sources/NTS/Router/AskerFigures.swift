package import DNSCore

/// What became of permissions, by the network that they were for (nts.md 2.3, 2.9): a network whose permissions stay
/// unused has its questions and its traffic leave by different addresses, or looks names up without coming.
package struct AskerFigures: Sendable {
    /// What is counted for one network; of permissions that have ended.
    package struct Figure: Sendable, Equatable {
        package var used: UInt64 = 0
        package var unused: UInt64 = 0
        /// How long they were open in all: the exposure.
        package var open: Duration = .zero
    }

    /// Networks with a figure of their own; the rest is counted together.
    package let limit: Int
    /// All networks that have no figure of their own.
    package private(set) var others = Figure()
    /// All networks together.
    package private(set) var total = Figure()
    private var figures: [IPPrefix: Figure] = [:]

    package init(limit: Int = 1024) {
        self.limit = limit
    }

    /// Counts a permission that has ended.
    package mutating func count(_ gn: IPPrefix, isUsed: Bool, after open: Duration) {
        Self.add(isUsed, open, to: &total)
        let network = Self.network(of: gn)
        if figures[network] == nil, figures.count >= limit {
            Self.add(isUsed, open, to: &others)
        } else {
            Self.add(isUsed, open, to: &figures[network, default: Figure()])
        }
    }

    /// The figures, those with the most unused permissions first, of equal ones in the order of their addresses.
    package var all: [(network: IPPrefix, figure: Figure)] {
        figures.sorted {
            ($1.value.unused, $0.key.address, $0.key.length) < (
                $0.value.unused, $1.key.address, $1.key.length
            )
        }.map { ($0.key, $0.value) }
    }

    /// The /24 or /48 around an asker, or the prefix itself where it is wider.
    private static func network(of gn: IPPrefix) -> IPPrefix {
        IPPrefix(gn.address, length: min(gn.length, gn.address.isIPv6 ? 48 : 24))
    }

    private static func add(_ isUsed: Bool, _ open: Duration, to figure: inout Figure) {
        if isUsed { figure.used &+= 1 } else { figure.unused &+= 1 }
        figure.open += open
    }
}
