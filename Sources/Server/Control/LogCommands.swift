internal import Operations

/// `log ...`: what is logged, until the next reload.
enum LogCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "log query", usage: "log query on|off",
                summary: "Logs each query, or not, until the next reload."
            ) { request in query(request, server) },
            ControlCommand(
                "log level", usage: "log level LEVEL",
                summary: "Sets the least important level that is logged, until the next reload."
            ) { request in level(request) },
            ControlCommand(
                "log reopen",
                summary:
                    "Does nothing: the log is standard error. For scripts that rotate the logs of other servers."
            ) { _ in .done("the log is standard error, which needs no reopening") },
        ]
    }

    private static func query(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let word = request.arguments.first, word == "on" || word == "off" else {
            return .badUsage("log query on|off")
        }
        server.core.publication.update { $0.logsQueries = word == "on" }
        return .done("queries are \(word == "on" ? "" : "not ")logged")
    }

    private static func level(_ request: ControlRequest) -> ControlOutcome {
        guard let word = request.arguments.first, let level = LogLevel(rawValue: word) else {
            return .badUsage("log level \(LogLevel.allCases.map(\.rawValue).joined(separator: "|"))")
        }
        Log.setLevel(level)
        return .done("level \(word)")
    }
}
