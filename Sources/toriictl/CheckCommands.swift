internal import ArgumentParser
private import Glibc
internal import Operations

/// Checks that need no daemon.
///
/// The rooms that can check live in the daemons' programs, so these verbs become them.
struct CheckGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check files; exits 0 good, 1 bad. Needs no daemon.",
        subcommands: [Conf.self, Zone.self])

    struct Conf: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration of toriid or torii-router, and the zones it names.")
        @OptionGroup var connection: Connection
        @Argument(help: "The configuration file.")
        var file: String

        func run() throws {
            // A file that cannot be read is reported by the program; a section `router` is the router's alone.
            let root = try? ConfigurationFile.load(file)
            let isRouter = root?.map?.contains { $0.key == "router" } ?? false
            try Program.become(isRouter ? "torii-router" : "toriid", ["--check", "--config", file])
        }
    }

    struct Zone: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a zone file; the last line is OK when it is good.")
        @OptionGroup var connection: Connection
        @Flag(name: [.short, .long], help: "Print nothing; the exit code tells.")
        var quiet = false
        @Option(name: [.short, .long], help: "Write the zone to this file; - is standard output.")
        var output: String?
        @Flag(name: [.customShort("D")], help: "Write the zone to standard output.")
        var dump = false
        @Argument(help: "The zone's apex.")
        var origin: String
        @Argument(help: "The zone file.")
        var file: String

        func run() throws {
            let output = output ?? (dump ? "-" : nil)
            try Program.become(
                "toriid",
                (quiet ? ["--quiet"] : []) + (output.map { ["--output=\($0)"] } ?? []) + [
                    "--check-zone", origin, file,
                ])
        }
    }
}

struct ConfigGroup: CommandGroup {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "About the configuration file. Needs no daemon.",
        subcommands: [Schema.self])

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON schema of the configuration.")
        @OptionGroup var connection: Connection

        func run() throws {
            try Program.become(connection.agent ? "torii-router" : "toriid", ["--schema"])
        }
    }
}

/// The other programs of the family.
enum Program {
    /// Goes on as the program `name`, which is beside this one or on the search path.
    ///
    /// - Throws: `ExitCode` 1 when there is no such program; else it never returns.
    static func become(_ name: String, _ arguments: [String]) throws {
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = unsafe readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let own = String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let beside = own.lastIndex(of: "/").map { own[...$0] + name }
        let words = [name] + arguments
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        if let beside { _ = unsafe execv(String(beside), &pointers) }
        _ = unsafe execvp(name, &pointers)
        Output.error.line("toriictl: \(name): \(SystemError.text(errno))")
        throw ExitCode(1)
    }
}
