internal import ArgumentParser
internal import Operations

struct RouterGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "router", abstract: "The NTS router agent.",
        subcommands: [
            RouterStatus.self, RouterStop.self, RouterReload.self, RouterStats.self, PHL.self, RC.self,
            Sessions.self, Askers.self, Prefix.self, Allow.self, Deny.self, Denials.self, Pause.self,
            Resume.self,
            Doctor.self,
            HostGroup.self,
        ])

    struct RouterStatus: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Say how the agent is.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["status"] }
    }

    struct RouterStop: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop", abstract: "Stop the agent; everything it opened closes.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["stop"] }
    }

    struct RouterReload: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "reload", abstract: "Read the agent's configuration again.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["reload"] }
    }

    struct RouterStats: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats", abstract: "Print all figures of the agent.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        @Argument(help: "Print only figures whose names hold this text.")
        var filter: String?
        var words: [String] { ["stats"] }

        func run() throws {
            try connection.perform(words, options: options, daemon: Self.daemon, filter: filter)
        }
    }

    struct PHL: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "phl", abstract: "List the Private Host List.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "phl"] }
    }

    struct RC: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "rc", abstract: "List the Request Cache: who is let in.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        @Flag(help: "In the columns of the papers' Guide Table.")
        var guideTable = false
        var words: [String] { ["router", "rc"] }
        var options: [String: String] {
            var result: [String: String] = [:]
            if guideTable { result["guide-table"] = "true" }
            return result
        }
    }

    struct Sessions: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List flows that came in through a permission.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "sessions"] }
    }

    struct Askers: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the networks of askers: permissions used, unused, seconds open.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "askers"] }
    }

    struct Prefix: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List published addresses and what their servers know.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "prefix"] }
    }

    struct Allow: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let an address in to a host, or take a denial back.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        @Argument(help: "The host's name.")
        var host: String
        @Argument(help: "The address that is let in; none: only a denial of the host is taken back.")
        var gn: String?
        @Option(help: "How long, such as 60s.")
        var lifetime: String?
        var words: [String] { ["router", "allow"] + [host] + (gn.map { [$0] } ?? []) }
        var options: [String: String] {
            var result: [String: String] = [:]
            result["lifetime"] = lifetime
            return result
        }
    }

    struct Deny: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take permissions back, and end their flows.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        @Argument(help: "The host's name, or all.")
        var host: String
        @Argument(help: "The address; none: all addresses.")
        var gn: String?
        var words: [String] { ["router", "deny"] + [host] + (gn.map { [$0] } ?? []) }
    }

    struct Denials: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List what is denied, until `allow` takes it back.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "denials"] }
    }

    struct Pause: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open nothing more and close what is open.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "pause"] }
    }

    struct Resume: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go on after a pause.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "resume"] }
    }

    struct Doctor: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for what stops the agent on this machine.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "doctor"] }
    }
}

struct HostGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "host", abstract: "Entries of the Private Host List.",
        subcommands: [HostAdd.self, HostRemove.self, HostList.self])

    struct HostAdd: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Add a host.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        @Argument(help: "The name.")
        var name: String
        @Argument(help: "Its private address.")
        var address: String
        @Option(help: "How long, such as 24h; none: until it is removed.")
        var lifetime: String?
        @Option(help: "Ports, such as tcp/80,tcp/443; none: the default.")
        var allow: String?
        var words: [String] { ["router", "host", "add"] + [name] + [address] }
        var options: [String: String] {
            var result: [String: String] = [:]
            result["lifetime"] = lifetime
            result["allow"] = allow
            return result
        }
    }

    struct HostRemove: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Remove a host.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        @Argument(help: "The name.")
        var name: String
        var words: [String] { ["router", "host", "remove"] + [name] }
    }

    struct HostList: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the hosts.")
        static var daemon: Connection.Daemon { .router }
        @OptionGroup var connection: Connection
        var words: [String] { ["router", "phl"] }
    }
}
