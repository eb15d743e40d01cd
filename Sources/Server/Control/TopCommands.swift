internal import Operations

/// `top ...`: who asks most, for what, and what fails.
enum TopCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        let help: [RecentQueries.Subject: String] = [
            .clients: "Counts the last queries of each worker by client.",
            .names: "Counts the last queries of each worker by name and type.",
            .failures: "Counts the last queries answered SERVFAIL, by name and reason.",
        ]
        return RecentQueries.Subject.allCases.map { subject in
            ControlCommand(
                "top \(subject.rawValue)", usage: "top \(subject.rawValue) [--count N]",
                summary: help[subject] ?? "", isExclusive: false
            ) { request in top(subject, request, server) }
        }
    }

    private static func top(
        _ subject: RecentQueries.Subject, _ request: ControlRequest, _ server: Server
    ) -> ControlOutcome {
        let limit = request.options["count"].map { Int($0) ?? 0 } ?? 20
        guard limit > 0 else {
            return .badUsage("--count takes a number from 1 on")
        }
        var counts: [String: Int] = [:]
        for worker in server.core.workers {
            guard let part = worker.ask({ $0.recent.tally(subject) }) else { continue }
            counts.merge(part) { $0 + $1 }
        }
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit)
        let lines = sorted.map { "\($0.value)\t\($0.key)" }
        return .done(
            lines.isEmpty ? "nothing yet" : lines.joined(separator: "\n"),
            data: .array(
                sorted.map { .object([.init("count", .integer($0.value)), .init("what", .string($0.key))]) }))
    }
}
