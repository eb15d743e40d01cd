internal import Transport

extension Worker {
    /// Has `question` answered on the worker's own thread, where alone its tables may be read.
    ///
    /// For control commands and metrics; waits two seconds at most.
    ///
    /// - Returns: nil when the worker does not answer in time.
    func ask<Answer: Sendable>(_ question: @escaping @Sendable (Worker) -> Answer) -> Answer? {
        let worker = self
        return loop.mailbox.ask(seconds: 2) { question(worker) }
    }
}
