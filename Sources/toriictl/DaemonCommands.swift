internal import ArgumentParser
internal import Operations

struct Status: RemoteCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how the daemon is; exits 0 running, 3 not running, 1 unwell.")
    @OptionGroup var connection: Connection
    var words: [String] { ["status"] }
}

struct Stop: RemoteCommand {
    static let configuration = CommandConfiguration(abstract: "Stop the daemon cleanly.")
    @OptionGroup var connection: Connection
    var words: [String] { ["stop"] }
}

struct Reload: RemoteCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read the configuration and the zones again; keep the old ones when the new are wrong.")
    @OptionGroup var connection: Connection
    @Flag(help: "Only say what would happen.")
    var dryRun = false
    var words: [String] { ["reload"] }
    var options: [String: String] { dryRun ? ["dry-run": "true"] : [:] }
}

struct Stats: RemoteCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print all figures, one name=value a line; nothing is reset.")
    @OptionGroup var connection: Connection
    @Argument(help: "Print only figures whose names hold this text.")
    var filter: String?
    var words: [String] { ["stats"] }

    func run() throws {
        try connection.perform(words, options: options, daemon: Self.daemon, filter: filter)
    }
}

struct Trace: RemoteCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resolve a name and print every decision on the way.")
    @OptionGroup var connection: Connection
    @Argument(help: "The name.")
    var name: String
    @Argument(help: "The record type.")
    var type = "A"
    @Flag(help: "Do not answer from the cache.")
    var fresh = false
    var words: [String] { ["trace", name, type] }
    var options: [String: String] { fresh ? ["fresh": "true"] : [:] }
}

struct Ask: RemoteCommand {
    static let configuration = CommandConfiguration(
        commandName: "do", abstract: "Send any command; `toriictl do help` lists what the daemon knows.")
    @OptionGroup var connection: Connection
    @Argument(parsing: .remaining, help: "The command's words.")
    var words: [String] = ["help"]
}

struct LogGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Change what is logged until the next reload.",
        subcommands: [Query.self, Level.self, Reopen.self])

    struct Query: RemoteCommand {
        static let configuration = CommandConfiguration(abstract: "Log queries, or not: on | off.")
        @OptionGroup var connection: Connection
        @Argument(help: "on or off.")
        var state: String
        var words: [String] { ["log", "query", state] }
    }

    struct Level: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set the least important level that is logged.")
        @OptionGroup var connection: Connection
        @Argument(help: "trace, debug, info, notice, warning, error or critical.")
        var level: String
        var words: [String] { ["log", "level", level] }
    }

    struct Reopen: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Do nothing, for scripts that rotate logs: ours is standard error.")
        @OptionGroup var connection: Connection
        var words: [String] { ["log", "reopen"] }
    }
}

struct CookieGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "cookie", abstract: "The secret of DNS cookies.", subcommands: [Rotate.self])

    struct Rotate: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a new secret; the old one stays valid a while.")
        @OptionGroup var connection: Connection
        var words: [String] { ["cookie", "rotate"] }
    }
}
