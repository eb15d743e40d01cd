internal import Authority
internal import Dispatch
internal import Synchronization

/// Lets a control command wait for an update to be on disk.
final class Waiter: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let result = Mutex<UpdateReason?>(nil)

    /// Called by the zones' writer.
    func finish(_ reason: UpdateReason) {
        result.withLock { $0 = reason }
        semaphore.signal()
    }

    /// The result, once it is there.
    func wait() -> UpdateReason {
        semaphore.wait()
        return result.withLock { $0 } ?? .stopping
    }
}
