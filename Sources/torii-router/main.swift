internal import ArgumentParser
private import Glibc
private import Operations
private import RouterAgent

/// The NTS router agent.
///
/// Stays in the foreground, logs to standard error; SIGTERM and SIGINT stop it, SIGHUP reloads.
struct ToriiRouter: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "torii-router", abstract: "The Torii NTS router agent.",
        discussion: "Exit codes: 0 stopped cleanly or good, 1 error, 2 bad usage.",
        version: "torii-router \(ProgramVersion.current)")

    @Option(help: "The configuration file.")
    var config = "conf/torii-router.yaml"
    @Flag(help: "Check the configuration and end.")
    var check = false
    @Flag(help: "Log what would be done; never touch the kernel.")
    var dryRun = false
    @Flag(help: .hidden)
    var schema = false
    @Argument(help: "doctor: look for what stops the agent on this machine, and end.")
    var verb: String?

    /// Does what the flags say and returns the exit code.
    func program() -> Int32 {
        if schema {
            print(ConfigurationSchema.text(RouterConfiguration.options, title: "torii-router"))
            return 0
        }
        if verb != nil { return RouterProgram.doctor(configuration: config) }
        return check
            ? RouterProgram.check(configuration: config)
            : RouterProgram.run(configuration: config, dryRun: dryRun)
    }

    func validate() throws {
        guard verb == nil || verb == "doctor" else { throw ValidationError("unknown verb: \(verb ?? "")") }
    }
}

do {
    exit(try ToriiRouter.parse(ProgramArguments.words).program())
} catch {
    let isHelp = ToriiRouter.exitCode(for: error) == .success
    StandardStream(isError: !isHelp).write(ToriiRouter.fullMessage(for: error))
    exit(isHelp ? 0 : 2)
}
