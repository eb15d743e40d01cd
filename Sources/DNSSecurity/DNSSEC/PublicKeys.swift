internal import Synchronization

/// Parsed keys, one object for each key, shared by all validators; and the preparing of those that verify often.
///
/// A key of P-256 that has verified ``usesToPrepare`` times gets multiples of its point computed beside the workers, which
/// halves the time of what it verifies from then on: the zone keys of a large top-level domain sign tens of thousands of
/// the records that a busy resolver checks.
package final class PublicKeys: Sendable {
    /// Verifications that pay for preparing a key: 17 ms of computing against 22 µs saved each time.
    static let usesToPrepare: UInt32 = 512

    /// Runs work on another thread; false when it cannot.
    package typealias Background = @Sendable (@escaping @Sendable () -> Void) -> Bool

    private struct Identity: Hashable {
        let algorithm: UInt8
        let key: [UInt8]
    }
    private struct Reference {
        weak let key: PublicKey?
    }
    private struct State {
        var known: [Identity: Reference] = [:]
        /// When keys that nobody holds any more are looked for.
        var sweepAt = 256
        var isPreparing = false
    }
    private let state = Mutex(State())
    private let tally = PreparedTally()
    private let background: Background?

    /// - Parameter background: where keys are prepared; nil prepares none.
    package init(background: Background? = nil) {
        self.background = background
    }

    /// Keys that are prepared at present, 150 KiB each.
    package var preparedCount: Int { tally.count.load(ordering: .relaxed) }

    /// The key, parsed now unless somebody holds it already; nil when it cannot be used.
    package func key(algorithm: UInt8, key octets: ArraySlice<UInt8>) -> PublicKey? {
        let identity = Identity(algorithm: algorithm, key: Array(octets))
        if let known = state.withLock({ $0.known[identity]?.key }) { return known }
        guard let parsed = PublicKey(algorithm: algorithm, key: octets, tally: tally) else { return nil }
        return state.withLock { state in
            if let known = state.known[identity]?.key { return known }
            if state.known.count >= state.sweepAt {
                state.known = state.known.filter { $0.value.key != nil }
                state.sweepAt = max(256, state.known.count * 2)
            }
            state.known[identity] = Reference(key: parsed)
            return parsed
        }
    }

    /// Has `key` prepared when it is worth it, no other is being prepared, and fewer than `limit` are.
    ///
    /// Asked after each verification; answers at once.
    func noteUse(of key: PublicKey, limit: Int) {
        guard let background, key.isDueForPreparation(every: Self.usesToPrepare), preparedCount < limit,
            state.withLock({ state in
                defer { state.isPreparing = true }
                return !state.isPreparing
            })
        else { return }
        let isRunning = background { [self] in
            key.prepare()
            state.withLock { $0.isPreparing = false }
        }
        if !isRunning { state.withLock { $0.isPreparing = false } }
    }
}

/// How many keys are prepared; each takes itself off when it goes.
final class PreparedTally: Sendable {
    let count = Atomic<Int>(0)
}
