internal import ArgumentParser
internal import Operations

/// All verbs.
///
/// Those of the daemons travel over their control sockets; `check`, `config` and `key generate` need none.
struct Toriictl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "toriictl",
        abstract: "Controls toriid and torii-router.",
        discussion: "Exit codes: 0 done, 1 error, 2 bad usage, 3 daemon not running.",
        version: "toriictl \(ProgramVersion.current)",
        subcommands: [
            Status.self, Stop.self, Reload.self, Stats.self, LogGroup.self, CheckGroup.self,
            ZoneGroup.self,
            CacheGroup.self, TopGroup.self, Trace.self, UpdateGroup.self, KeyGroup.self, DNSSECGroup.self,
            CookieGroup.self,
            NTSGroup.self, RouterGroup.self, ConfigGroup.self, Ask.self,
        ])

    func run() throws {
        Output.error.line(Toriictl.helpMessage())
        throw ExitCode(2)
    }
}

/// A group of verbs that cannot stand alone.
protocol CommandGroup: ParsableCommand {}

extension CommandGroup {
    func run() throws {
        Output.error.line(Toriictl.helpMessage(for: Self.self))
        throw ExitCode(2)
    }
}

/// A verb that a daemon carries out.
protocol RemoteCommand: ParsableCommand {
    /// Where the daemon is and how its answer is shown.
    var connection: Connection { get }
    /// Which daemon is meant where the user does not say.
    static var daemon: Connection.Daemon { get }
    /// The command's words and arguments.
    var words: [String] { get }
    /// The command's options.
    var options: [String: String] { get }
}

extension RemoteCommand {
    static var daemon: Connection.Daemon { .server }
    var options: [String: String] { [:] }

    func run() throws {
        try connection.perform(words, options: options, daemon: Self.daemon)
    }
}
