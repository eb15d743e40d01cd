/// Counters of one thread: plain memory that only it writes, summed when somebody asks.
///
/// No lock, no atomic operation. Another thread may read at any time: each counter is one aligned word, so what it
/// reads may be a little old but never torn.
@safe package final class CounterBlock<Counter: RawRepresentable & CaseIterable>: @unchecked Sendable
where Counter.RawValue == Int {
    private let base: UnsafeMutablePointer<UInt64>
    private static var size: Int { (Counter.allCases.map(\.rawValue).max() ?? 0) + 1 }

    /// All counters at zero.
    package init() {
        let size = Self.size
        unsafe base = .allocate(capacity: size)
        unsafe base.initialize(repeating: 0, count: size)
    }

    deinit { unsafe base.deallocate() }

    /// Counts `amount`.
    ///
    /// Only on the block's own thread.
    @inline(__always)
    package func add(_ counter: Counter, _ amount: UInt64 = 1) {
        unsafe base[counter.rawValue] &+= amount
    }

    /// The value of `counter`.
    package subscript(counter: Counter) -> UInt64 { unsafe base[counter.rawValue] }

    /// The sum of `counter` over `blocks`.
    package static func sum(_ counter: Counter, over blocks: [CounterBlock<Counter>]) -> UInt64 {
        blocks.reduce(0) { $0 &+ $1[counter] }
    }
}

/// A histogram of one thread, in the manner of ``CounterBlock``.
@safe package final class HistogramBlock: @unchecked Sendable {
    /// Upper bounds of the classes, rising; one more class holds what is beyond the last.
    package let bounds: [Double]
    private let counts: UnsafeMutablePointer<UInt64>
    private let total: UnsafeMutablePointer<Double>

    /// Classes for spans of time from 50 us to 10 s, in seconds.
    package static let latencyBounds: [Double] = [
        0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
        2.5, 5, 10,
    ]

    package init(bounds: [Double] = HistogramBlock.latencyBounds) {
        self.bounds = bounds
        unsafe counts = .allocate(capacity: bounds.count + 1)
        unsafe counts.initialize(repeating: 0, count: bounds.count + 1)
        unsafe total = .allocate(capacity: 1)
        unsafe total.initialize(to: 0)
    }

    deinit {
        unsafe counts.deallocate()
        unsafe total.deallocate()
    }

    /// Counts an observation.
    ///
    /// Only on the block's own thread.
    package func observe(_ value: Double) {
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        unsafe counts[index] &+= 1
        unsafe total.pointee += value
    }

    /// The sum of `blocks`, which have the same bounds, as `MetricsCollection` takes it.
    package static func sum(_ blocks: [HistogramBlock]) -> (bounds: [Double], counts: [UInt64], sum: Double) {
        let bounds = blocks.first?.bounds ?? []
        var counts = [UInt64](repeating: 0, count: bounds.count + 1)
        var sum = 0.0
        for block in blocks where block.bounds == bounds {
            for index in counts.indices { unsafe counts[index] &+= block.counts[index] }
            unsafe sum += block.total.pointee
        }
        return (bounds, counts, sum)
    }
}
