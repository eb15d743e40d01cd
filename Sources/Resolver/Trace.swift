/// One thing that happened while a question was resolved.
package struct TraceEntry: Sendable, Hashable {
    /// Nanoseconds since the question came.
    package var elapsed: UInt64
    /// How deep in questions for server addresses and keys.
    package var depth: Int
    package var text: String
}

/// The decisions of one traced question, bounded.
final class TraceLog {
    private(set) var entries: [TraceEntry] = []
    private let start: UInt64
    private static let limit = 1000

    init(at now: Moment) {
        start = now.monotonic
    }

    func add(_ text: String, depth: Int, at now: Moment) {
        guard entries.count < TraceLog.limit else { return }
        entries.append(TraceEntry(elapsed: now.monotonic &- start, depth: depth, text: text))
    }
}

extension Resolver {
    /// Notes what happens, when the question is being traced; the text is made only then.
    @inline(__always)
    func note(_ budget: Budget, _ depth: Int, at now: Moment, _ text: @autoclosure () -> String) {
        if let trace = budget.trace { trace.add(text(), depth: depth, at: now) }
    }
}

extension Outcome {
    /// What it says, in a few words.
    var summary: String {
        let aliases = links.isEmpty ? "" : "\(links.count) alias record(s), then "
        switch end {
        case .answer(let sets):
            return aliases + sets.map { "\($0.data.count) \($0.type) record(s)" }.joined(separator: ", ")
        case .noData: return aliases + "no such type"
        case .nameError: return aliases + "no such name"
        case .alias(let target): return "alias to \(target)"
        case .tooLongName: return "alias to a name that is too long"
        case .failure(let failure): return "failure: \(failure.text)"
        }
    }
}
