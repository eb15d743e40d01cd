internal import Glibc
internal import Synchronization
internal import Transport

extension Worker {
    /// Has `question` answered on the worker's own thread, where alone its tables may be read.
    ///
    /// For control commands and metrics; waits two seconds at most.
    ///
    /// - Returns: nil when the worker does not answer in time.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable (Worker) -> Answer) -> Answer? {
        let reply = Reply<Answer>()
        let worker = self
        guard loop.mailbox.post({ reply.give(question(worker)) }) else { return nil }
        return reply.wait(seconds: 2)
    }
}

/// An answer on its way from one thread to another that waits for it.
@safe final class Reply<Answer: Sendable>: @unchecked Sendable {
    // Sendable: the semaphore is made for several threads.
    private let semaphore: UnsafeMutablePointer<sem_t>
    private let answer = Mutex<Answer?>(nil)

    init() {
        unsafe semaphore = .allocate(capacity: 1)
        unsafe sem_init(semaphore, 0, 0)
    }

    deinit {
        unsafe sem_destroy(semaphore)
        unsafe semaphore.deallocate()
    }

    /// Gives the answer; once.
    func give(_ value: Answer) {
        answer.withLock { $0 = value }
        unsafe sem_post(semaphore)
    }

    /// The answer; nil when it did not come in time.
    func wait(seconds: Int) -> Answer? {
        var deadline = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += seconds
        while unsafe sem_timedwait(semaphore, &deadline) != 0 {
            guard errno == EINTR else { return nil }
        }
        return answer.withLock { $0 }
    }
}
