internal import ArgumentParser
private import Glibc
internal import Operations

/// Where the daemon is and how its answer is shown: the options that every verb has.
struct Connection: ParsableArguments {
    /// The two daemons.
    enum Daemon {
        case server
        case router
    }

    @Option(help: "The daemon's control socket.")
    var socket: String?
    @Option(help: "The daemon's configuration file, which names its socket.")
    var config: String?
    @Flag(help: "Talk to torii-router.")
    var agent = false
    @Flag(help: "Print JSON.")
    var json = false
    @Option(help: "Seconds to wait for an answer.")
    var timeout = 600

    /// The command that `words` ask for.
    ///
    /// The options of this type may stand before the verb too.
    ///
    /// - Throws: what the parser has to say.
    static func parse(_ words: [String]) throws -> any ParsableCommand {
        let (leading, rest) = split(words)
        guard !leading.isEmpty else { return try Toriictl.parseAsRoot(words) }
        guard !rest.isEmpty else { return try Toriictl.parseAsRoot([]) }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        do {
            return try Toriictl.parseAsRoot(Array(rest[..<end]) + leading + Array(rest[end...]))
        } catch {
            // A group or an unknown verb does not know these options: the message should be about the verb.
            let command = try Toriictl.parseAsRoot(Array(rest))
            guard command is any CommandGroup || command is Toriictl else { throw error }
            return command
        }
    }

    /// The options of this type that `words` begin with, and the rest.
    private static func split(_ words: [String]) -> (leading: [String], rest: ArraySlice<String>) {
        var leading: [String] = []
        var rest = words[...]
        while let word = rest.first {
            let isWhole = ["--socket=", "--config=", "--timeout="].contains(where: word.hasPrefix)
            if isWhole || word == "--json" || word == "--agent" {
                leading.append(word)
                rest = rest.dropFirst()
            } else if ["--socket", "--config", "--timeout"].contains(word), rest.count > 1 {
                leading += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else {
                break
            }
        }
        return (leading, rest)
    }

    /// Runs a command and shows its answer.
    ///
    /// - Throws: `ExitCode` 1, 2 or 3 as the command ended.
    func perform(_ words: [String], options: [String: String], daemon: Daemon, filter: String? = nil) throws {
        let path = socketPath(agent ? .router : daemon)
        var linesShown = false
        let outcome: ControlOutcome
        do throws(ControlError) {
            var client = try ControlClient(path: path, timeout: timeout)
            outcome = try client.run(words, options: options) { text, data in
                linesShown = true
                Output.standard.line(json ? (data ?? .string(text)).text : text)
            }
        } catch {
            Output.error.line("toriictl: \(error)")
            if case .notRunning = error { throw ExitCode(3) }
            throw ExitCode(1)
        }
        show(filter.map { Self.lines(of: outcome, holding: $0) } ?? outcome, linesShown: linesShown)
        if outcome.exitCode != 0 { throw ExitCode(Int32(outcome.exitCode)) }
    }

    /// `outcome` with those lines and members only that hold `text`.
    private static func lines(of outcome: ControlOutcome, holding text: String) -> ControlOutcome {
        guard outcome.exitCode == 0 else { return outcome }
        var data = outcome.data
        if case .object(let members)? = data { data = .object(members.filter { $0.name.contains(text) }) }
        let lines = outcome.text.split(separator: "\n").filter { $0.contains(text) }
        return .done(lines.joined(separator: "\n"), data: data)
    }

    private func show(_ outcome: ControlOutcome, linesShown: Bool) {
        guard json else {
            if !outcome.text.isEmpty { (outcome.exitCode == 0 ? Output.standard : .error).line(outcome.text) }
            return
        }
        if let data = outcome.data {
            Output.standard.line(data.text)
        } else if !linesShown || outcome.exitCode != 0 {
            let value: JSONValue = ["exit": .integer(outcome.exitCode), "text": .string(outcome.text)]
            Output.standard.line(value.text)
        }
    }

    /// The socket that the user means: `--socket`, that of `--config`, `TORII_SOCKET`, that of the configuration in
    /// `conf/` or `/etc/torii/`, and at last the one in `/run/torii/`.
    private func socketPath(_ daemon: Daemon) -> String {
        if let socket { return socket }
        let name = daemon == .server ? "torii" : "torii-router"
        if let config { return Self.socket(namedBy: config, default: "run/\(name).sock") }
        if let variable = unsafe getenv("TORII_SOCKET") { return unsafe String(cString: variable) }
        for file in ["conf/\(name).yaml", "/etc/torii/\(name).yaml"] where unsafe access(file, R_OK) == 0 {
            return Self.socket(namedBy: file, default: "run/\(name).sock")
        }
        return "/run/torii/\(name).sock"
    }

    /// The control socket that the configuration in `file` names.
    ///
    /// The rest of the file need not be right.
    private static func socket(namedBy file: String, default fallback: String) -> String {
        let directory = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        let root = try? ConfigurationFile.load(file)
        let control = root?.map?.first { $0.key == "control" }?.value
        let path = control?.map?.first { $0.key == "socket" }?.value.scalar ?? fallback
        return path.hasPrefix("/") ? path : directory + path
    }
}
