internal import Synchronization

/// Hands immutable state from the slow side to the workers, who look at a number per batch and take a lock only when
/// it has changed.
final class Publication<State: Sendable>: Sendable {
    private let version = Atomic<UInt64>(1)
    private let current: Mutex<State>

    init(_ state: State) {
        current = Mutex(state)
    }

    /// Makes `state` the one that every batch from now on is answered from.
    func publish(_ state: State) {
        current.withLock { $0 = state }
        version.add(1, ordering: .releasing)
    }

    /// Changes the present state into the next one, one change at a time.
    func update(_ change: (inout State) -> Void) {
        current.withLock { change(&$0) }
        version.add(1, ordering: .releasing)
    }

    /// Number of the present state; only ever grows.
    var number: UInt64 { version.load(ordering: .acquiring) }

    /// The present state.
    var state: State { current.withLock { $0 } }
}
