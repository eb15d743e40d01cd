internal import CShims
internal import Synchronization

/// Brings closures from other threads to a loop.
///
/// The only part of a loop that other threads may touch.
///
/// The lock is held for one append; a descriptor wakes the loop once per batch.
package final class Mailbox: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isClosed = false
    }

    private let state: Mutex<State>
    private let refused = Atomic<UInt64>(0)
    private let stopping = Atomic<Bool>(false)
    let wakeup: Int32
    private let limit: Int

    /// - Throws: ``TransportError/eventLoop(errno:)``.
    init(limit: Int) throws(TransportError) {
        let descriptor = torii_wakeup_create()
        guard descriptor >= 0 else { throw .eventLoop(errno: -descriptor) }
        wakeup = descriptor
        self.limit = limit
        state = Mutex(State())
    }

    deinit { _ = torii_close(wakeup) }

    /// Runs `work` on the loop's thread, soon, in the order of posting.
    ///
    /// - Returns: false when the loop is gone or its mailbox full; `work` is then dropped and counted.
    @discardableResult
    package func post(_ work: @escaping @Sendable () -> Void) -> Bool {
        let first: Bool? = state.withLock { state in
            guard !state.isClosed, state.waiting.count < limit else { return nil }
            state.waiting.append(work)
            return state.waiting.count == 1
        }
        guard let first else {
            refused.add(1, ordering: .relaxed)
            return false
        }
        if first { torii_wakeup_signal(wakeup) }
        return true
    }

    /// Asks the loop to end after its present round.
    package func stop() {
        stopping.store(true, ordering: .releasing)
        torii_wakeup_signal(wakeup)
    }

    /// How many posts were refused since the start.
    package var refusedCount: UInt64 { refused.load(ordering: .relaxed) }

    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    /// Exchanges what waits for the empty `batch`, which keeps its capacity.
    func take(into batch: inout [@Sendable () -> Void]) {
        state.withLock { swap(&$0.waiting, &batch) }
    }

    /// Refuses everything from now on.
    func close() {
        let left = state.withLock { state in
            state.isClosed = true
            let left = state.waiting
            state.waiting = []
            return left
        }
        _ = left
    }
}
