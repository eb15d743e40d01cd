private import Glibc
private import Synchronization

/// A result that one thread waits for and another gives, once.
@safe final class LoopAnswer<Value: Sendable>: @unchecked Sendable {
    private let value = Mutex<Value?>(nil)
    private let semaphore: UnsafeMutablePointer<sem_t>

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    func give(_ result: Value) {
        value.withLock { $0 = result }
        unsafe sem_post(semaphore)
    }

    /// The result, or nil when it has not come within `seconds`.
    func wait(seconds: Int) -> Value? {
        var due = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &due)
        due.tv_sec += seconds
        while unsafe sem_timedwait(semaphore, &due) != 0 {
            if errno != EINTR { return nil }
        }
        return value.withLock { $0 }
    }
}
