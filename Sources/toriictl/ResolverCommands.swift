internal import ArgumentParser
internal import Operations

struct CacheGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "What has been learnt from other servers.",
        subcommands: [ShowName.self, FlushName.self, Dump.self, Save.self, Load.self])

    struct ShowName: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print what is known of a name.")
        @OptionGroup var connection: Connection
        @Argument(help: "The name.")
        var name: String
        @Flag(help: "And every name below it.")
        var tree = false
        @Option(help: "Only this record type.")
        var type: String?
        var words: [String] { ["cache", "show"] + [name] }
        var options: [String: String] {
            var result: [String: String] = [:]
            if tree { result["tree"] = "true" }
            result["type"] = type
            return result
        }
    }

    struct FlushName: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "flush", abstract: "Forget a name, or all that is bogus or negative.")
        @OptionGroup var connection: Connection
        @Argument(help: "The name.")
        var name: String?
        @Flag(help: "And every name below it.")
        var tree = false
        @Flag(help: "Instead of a name: all that did not validate.")
        var bogus = false
        @Flag(help: "Instead of a name: all negative answers.")
        var negative = false
        @Option(help: "Only this record type.")
        var type: String?
        var words: [String] { ["cache", "flush"] + (name.map { [$0] } ?? []) }

        func validate() throws {
            if name == nil, !bogus, !negative {
                throw ValidationError("give a name, or --bogus, or --negative")
            }
        }

        var options: [String: String] {
            var result: [String: String] = [:]
            if tree { result["tree"] = "true" }
            if bogus { result["bogus"] = "true" }
            if negative { result["negative"] = "true" }
            result["type"] = type
            return result
        }
    }

    struct Dump: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print everything.")
        @OptionGroup var connection: Connection
        var words: [String] { ["cache", "dump"] }
    }

    struct Save: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the cache to the state directory.")
        @OptionGroup var connection: Connection
        var words: [String] { ["cache", "save"] }
    }

    struct Load: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read what `cache save` or the last stop wrote.")
        @OptionGroup var connection: Connection
        var words: [String] { ["cache", "load"] }
    }
}

struct TopGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Who asks most, for what, and what fails, of the last queries.",
        subcommands: [Clients.self, Names.self, Servfail.self])

    struct Clients: RemoteCommand {
        static let configuration = CommandConfiguration(abstract: "By client.")
        @OptionGroup var connection: Connection
        @Option(help: "How many lines.")
        var count: Int?
        var words: [String] { ["top", "clients"] }
        var options: [String: String] { count.map { ["count": "\($0)"] } ?? [:] }
    }

    struct Names: RemoteCommand {
        static let configuration = CommandConfiguration(abstract: "By name and type.")
        @OptionGroup var connection: Connection
        @Option(help: "How many lines.")
        var count: Int?
        var words: [String] { ["top", "names"] }
        var options: [String: String] { count.map { ["count": "\($0)"] } ?? [:] }
    }

    struct Servfail: RemoteCommand {
        static let configuration = CommandConfiguration(abstract: "What was answered SERVFAIL, and why.")
        @OptionGroup var connection: Connection
        @Option(help: "How many lines.")
        var count: Int?
        var words: [String] { ["top", "servfail"] }
        var options: [String: String] { count.map { ["count": "\($0)"] } ?? [:] }
    }
}

struct UpdateGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "update", abstract: "Dynamic updates.",
        subcommands: [Explain.self])

    struct Explain: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which rule decides on an update, or why the last one was refused.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String?
        @Option(help: "The TSIG key that signs.")
        var key: String?
        @Option(help: "The source address.")
        var from: String?
        @Option(help: "The owner name.")
        var name: String?
        @Option(help: "The record type.")
        var type: String?
        @Option(help: "How many of the last updates.")
        var count: String?
        var words: [String] { ["update", "explain"] + (zone.map { [$0] } ?? []) }
        var options: [String: String] {
            var result: [String: String] = [:]
            result["key"] = key
            result["from"] = from
            result["name"] = name
            result["type"] = type
            result["count"] = count
            return result
        }
    }
}

struct DNSSECGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "dnssec", abstract: "Validation.",
        subcommands: [Anchors.self, NTAGroup.self])

    struct Anchors: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the trust anchors.")
        @OptionGroup var connection: Connection
        var words: [String] { ["dnssec", "anchors"] }
    }
}

struct NTAGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "nta", abstract: "Negative trust anchors: names below which nothing is validated.",
        subcommands: [ListNTA.self, AddNTA.self, ClearNTA.self])

    struct ListNTA: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List them.")
        @OptionGroup var connection: Connection
        var words: [String] { ["dnssec", "nta", "list"] }
    }

    struct AddNTA: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Add one, until the next reload.")
        @OptionGroup var connection: Connection
        @Argument(help: "The name.")
        var name: String
        var words: [String] { ["dnssec", "nta", "add"] + [name] }
    }

    struct ClearNTA: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "clear", abstract: "Remove one, or all.")
        @OptionGroup var connection: Connection
        @Argument(help: "The name.")
        var name: String?
        var words: [String] { ["dnssec", "nta", "clear"] + (name.map { [$0] } ?? []) }
    }
}

struct NTSGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "nts", abstract: "The negotiation with NAT routers.",
        subcommands: [Standing.self, Holds.self, Targets.self, Routers.self, Forget.self])

    struct Standing: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Say how the negotiation is.")
        @OptionGroup var connection: Connection
        var words: [String] { ["nts", "status"] }
    }

    struct Holds: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the notifications under way, oldest first.")
        @OptionGroup var connection: Connection
        @Argument(help: "At most this many; 1000 when not given.")
        var count: Int?
        var words: [String] { ["nts", "holds"] + (count.map { ["\($0)"] } ?? []) }
    }

    struct Targets: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the targets remembered as NTS routers, or as none.")
        @OptionGroup var connection: Connection
        @Argument(help: "At most this many; 1000 when not given.")
        var count: Int?
        var words: [String] { ["nts", "targets"] + (count.map { ["\($0)"] } ?? []) }
    }

    struct Routers: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the routers of the configuration and those that have announced themselves.")
        @OptionGroup var connection: Connection
        var words: [String] { ["nts", "routers"] }
    }

    struct Forget: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget that a target is no NTS router.")
        @OptionGroup var connection: Connection
        @Argument(help: "The target's address.")
        var address: String
        var words: [String] { ["nts", "forget", address] }
    }
}
