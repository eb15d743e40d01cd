internal import CShims
private import Synchronization

/// A value that one thread waits for and another gives, once.
@safe package final class Handover<Value: Sendable>: @unchecked Sendable {
    // Sendable: the semaphore is made for several threads.
    private let semaphore: OpaquePointer?
    private let value = Mutex<Value?>(nil)

    package init() { unsafe semaphore = torii_semaphore_create() }

    deinit { unsafe torii_semaphore_destroy(semaphore) }

    /// Gives the value; once.
    package func give(_ value: Value) {
        self.value.withLock { $0 = value }
        unsafe torii_semaphore_post(semaphore)
    }

    /// The value; nil when it did not come in time, whatever happens to the wall clock meanwhile.
    package func wait(seconds: Int) -> Value? {
        guard unsafe torii_semaphore_wait(semaphore, Int64(seconds) * 1000) else { return nil }
        return value.withLock { $0 }
    }
}

extension Mailbox {
    /// Has `question` answered on the loop's thread, where alone what belongs to the loop may be read.
    ///
    /// For control commands and figures; never from a loop's own thread.
    ///
    /// - Returns: nil when the loop is gone, or does not answer within `seconds`.
    package func ask<Answer: Sendable>(
        seconds: Int, _ question: @escaping @Sendable () -> Answer
    ) -> Answer? {
        let answer = Handover<Answer>()
        guard post({ answer.give(question()) }) else { return nil }
        return answer.wait(seconds: seconds)
    }
}
