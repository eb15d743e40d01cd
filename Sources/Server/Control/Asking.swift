internal import Dispatch
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

/// An answer on its way from one thread to another.
final class Reply<Answer: Sendable>: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let answer = Mutex<Answer?>(nil)

    /// Gives the answer; once.
    func give(_ value: Answer) {
        answer.withLock { $0 = value }
        semaphore.signal()
    }

    /// The answer; nil when it did not come in time.
    func wait(seconds: Int) -> Answer? {
        guard semaphore.wait(timeout: .now() + .seconds(seconds)) == .success else { return nil }
        return answer.withLock { $0 }
    }
}
