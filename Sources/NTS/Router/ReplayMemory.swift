/// The signatures of the last fudge period: a message that comes again opens nothing (nts.md 2.6).
///
/// Memory is bounded. When it is full the oldest second is forgotten, and from then on whatever was signed in that
/// second or before is refused: under load the clocks must agree better. What was signed before the memory began may
/// have been seen by the one before it, and is refused too.
package struct ReplayMemory: Sendable {
    /// What a message is to us.
    package enum Verdict: Sendable, Equatable {
        case fresh
        /// Seen before.
        case replayed
        /// Signed before the time that is still remembered.
        case tooOld
    }

    private struct Signature: Hashable {
        var high: UInt64
        var low: UInt64
    }

    private let limit: Int
    private let fudge: UInt64
    private var seconds: [UInt64: Set<Signature>] = [:]
    private var floor: UInt64 = 0
    private var start: UInt64
    /// Signatures remembered.
    package private(set) var count = 0

    /// - Parameters:
    ///   - fudge: seconds that clocks may differ.
    ///   - start: when it begins, seconds since 1970.
    package init(limit: Int = 262_144, fudge: UInt64 = 300, start: UInt64 = 0) {
        self.start = start
        self.limit = limit
        self.fudge = fudge
    }

    /// Notes the MAC of a message whose signature is right.
    package mutating func note(_ mac: [UInt8], signedAt time: UInt64, now: UInt64) -> Verdict {
        // A sender may claim a larger fudge than we remember for.
        // The clock was ahead when we began: that moment says nothing.
        if now < start { start = 0 }
        guard time > floor, time >= start, time + fudge >= now else { return .tooOld }
        let signature = Signature(
            high: mac.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
            low: mac.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
        guard seconds[time, default: []].insert(signature).inserted else { return .replayed }
        count += 1
        if count > limit { forgetOldest() }
        if seconds.count > 2 * Int(fudge) + 2 { forget(before: now > fudge ? now - fudge : 0) }
        return .fresh
    }

    private mutating func forgetOldest() {
        guard let oldest = seconds.keys.min() else { return }
        forget(before: oldest + 1)
        floor = max(floor, oldest)
    }

    private mutating func forget(before time: UInt64) {
        for second in seconds.keys where second < time {
            count -= seconds.removeValue(forKey: second)?.count ?? 0
        }
    }
}
