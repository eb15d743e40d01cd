internal import ArgumentParser
private import Glibc
private import Operations
private import Server

/// The DNS server.
///
/// Stays in the foreground, logs to standard error; SIGTERM and SIGINT stop it, SIGHUP reloads.
struct Toriid: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "toriid", abstract: "The Torii DNS server.",
        discussion: "Exit codes: 0 stopped cleanly or good, 1 error, 2 bad usage.",
        version: "toriid \(ProgramVersion.current)")

    @Option(help: "The configuration file.")
    var config = "conf/torii.yaml"
    @Flag(help: "Check the configuration and all it names, zones included, and end.")
    var check = false
    @Option(parsing: .upToNextOption, help: .hidden)
    var checkZone: [String] = []
    @Flag(help: .hidden)
    var quiet = false
    @Option(help: .hidden)
    var output: String?
    @Flag(help: .hidden)
    var schema = false

    /// Does what the flags say and returns the exit code.
    func program() -> Int32 {
        if schema {
            print(ConfigurationSchema.text(ServerConfiguration.options, title: "toriid"))
            return 0
        }
        if checkZone.count == 2 {
            return ServerProgram.checkZone(
                origin: checkZone[0], file: checkZone[1], isQuiet: quiet, output: output)
        }
        return check
            ? ServerProgram.check(configurationPath: config) : ServerProgram.run(configurationPath: config)
    }

    func validate() throws {
        guard checkZone.isEmpty || checkZone.count == 2 else {
            throw ValidationError("--check-zone takes ORIGIN and FILE")
        }
    }
}

do {
    exit(try Toriid.parse(ProgramArguments.words).program())
} catch {
    let isHelp = Toriid.exitCode(for: error) == .success
    StandardStream(isError: !isHelp).write(Toriid.fullMessage(for: error))
    exit(isHelp ? 0 : 2)
}
