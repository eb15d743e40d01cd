package import DNSCore

/// A set of prefixes that is asked often and built once: merged ranges, searched by halving, without allocation.
package struct PrefixSet: Sendable {
    private let ranges: [(first: IPAddress, last: IPAddress)]

    package init(_ prefixes: [IPPrefix] = []) {
        var ranges: [(first: IPAddress, last: IPAddress)] = []
        let sorted = prefixes.sorted { left, right in
            left.address != right.address ? left.address < right.address : left.length < right.length
        }
        for prefix in sorted {
            // Prefixes nest: one that starts inside the last range also ends inside it.
            if let last = ranges.last, prefix.address <= last.last { continue }
            ranges.append((prefix.address, prefix.lastAddress))
        }
        self.ranges = ranges
    }

    /// Whether the set has no member.
    package var isEmpty: Bool { ranges.isEmpty }
    /// Number of separate ranges.
    package var count: Int { ranges.count }

    /// Whether `address` lies in one of the prefixes.
    package func contains(_ address: IPAddress) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].first <= address { low = middle + 1 } else { high = middle }
        }
        return low > 0 && address <= ranges[low - 1].last
    }
}

extension IPPrefix {
    /// The highest address of the prefix.
    package var lastAddress: IPAddress {
        guard address.isIPv6 else {
            let rest = length >= 32 ? 0 : UInt32.max >> UInt32(length)
            return IPAddress(v4: UInt32(truncatingIfNeeded: address.low) | rest)
        }
        let high = length >= 64 ? 0 : UInt64.max >> UInt64(length)
        let low = length >= 128 ? 0 : length <= 64 ? UInt64.max : UInt64.max >> UInt64(length - 64)
        return IPAddress(high: address.high | high, low: address.low | low)
    }
}
