private import ArgumentParser
private import Glibc
private import Operations

// Exit codes: 0 done, 1 error, 2 bad usage, 3 daemon not running.
do {
    var command = try Connection.parse(Alias.words(ProgramArguments.all))
    try command.run()
} catch let code as ExitCode {
    exit(code.rawValue)
} catch {
    let isHelp = Toriictl.exitCode(for: error) == .success
    let text = Toriictl.fullMessage(for: error)
    (isHelp ? Output.standard : Output.error).line(text)
    exit(isHelp ? 0 : 2)
}
