internal import ArgumentParser
internal import Operations

struct ZoneGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "zone", abstract: "Zones that the server is an authority for.",
        subcommands: [
            List.self, Show.self, StatusOf.self, ReloadZone.self, Flush.self, Edit.self, SetRecord.self,
            UnsetRecord.self, Diff.self, Freeze.self, Thaw.self, Notify.self, Refresh.self, Retransfer.self,
            Add.self, Delete.self,
        ])

    struct List: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the zones with kind, serial and state.")
        @OptionGroup var connection: Connection
        var words: [String] { ["zone", "list"] }
    }

    struct Show: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a zone as a zone file.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        @Argument(help: "Only the records of this name.")
        var name: String?
        var words: [String] { ["zone", "show"] + [zone] + (name.map { [$0] } ?? []) }
    }

    struct StatusOf: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "status",
            abstract: "Say all about a zone: serial, records, timers, journal, last error.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        var words: [String] { ["zone", "status"] + [zone] }
    }

    struct ReloadZone: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "reload", abstract: "Read zone files again.")
        @OptionGroup var connection: Connection
        @Argument(help: "Zones; none: all.")
        var zones: [String] = []
        var words: [String] { ["zone", "reload"] + zones }
    }

    struct Flush: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write zones to their files.")
        @OptionGroup var connection: Connection
        @Argument(help: "Zones; none: all.")
        var zones: [String] = []
        var words: [String] { ["zone", "flush"] + zones }
    }

    struct Edit: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin, commit or abort a set of changes: begin | commit | abort.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        @Argument(help: "begin, commit or abort.")
        var step: String
        var words: [String] { ["zone", "edit"] + [zone] + [step] }
    }

    struct SetRecord: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Add a record.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        @Argument(help: "NAME TTL TYPE DATA.")
        var record: [String]
        var words: [String] { ["zone", "set"] + [zone] + record }
    }

    struct UnsetRecord: RemoteCommand {
        static let configuration = CommandConfiguration(
            commandName: "unset", abstract: "Delete records.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        @Argument(help: "NAME [TYPE [DATA]].")
        var record: [String]
        var words: [String] { ["zone", "unset"] + [zone] + record }
    }

    struct Diff: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show changes that are not committed, or not in the file.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        var words: [String] { ["zone", "diff"] + [zone] }
    }

    struct Freeze: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Refuse updates, so that the file can be edited.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zones.")
        var zones: [String] = []
        var words: [String] { ["zone", "freeze"] + zones }
    }

    struct Thaw: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read the file and take updates again.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zones.")
        var zones: [String] = []
        var words: [String] { ["zone", "thaw"] + zones }
    }

    struct Notify: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell the secondaries that the zone has changed.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zones.")
        var zones: [String] = []
        var words: [String] { ["zone", "notify"] + zones }
    }

    struct Refresh: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ask the primary for a newer serial now.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zones.")
        var zones: [String] = []
        var words: [String] { ["zone", "refresh"] + zones }
    }

    struct Retransfer: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Transfer the whole zone now.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zones.")
        var zones: [String] = []
        var words: [String] { ["zone", "retransfer"] + zones }
    }

    struct Add: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a zone, which stays over a restart.",
            discussion: "Example: toriictl zone add example.net 'kind: primary, file: zones/example.net.zone'"
        )
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        @Argument(help: "Its options as they stand in the configuration, within braces or without.")
        var settings: [String]
        var words: [String] { ["zone", "add", zone] + settings }
    }

    struct Delete: RemoteCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a zone that zone add has added.")
        @OptionGroup var connection: Connection
        @Argument(help: "The zone.")
        var zone: String
        @Flag(help: "Delete its journal too, and the file kept of a secondary.")
        var clean = false
        var words: [String] { ["zone", "delete", zone] }
        var options: [String: String] { clean ? ["clean": "true"] : [:] }
    }
}
