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

    /// Options that stand before the verb, moved behind it: there the parser looks for them.
    static func movedBehindCommand(_ words: [String]) -> [String] {
        var leading: [String] = []
        var rest = words[...]
        while let word = rest.first {
            if ["--json", "--agent"].contains(word)
                || ["--socket=", "--config=", "--timeout="].contains(where: word.hasPrefix)
            {
                leading.append(word)
                rest = rest.dropFirst()
            } else if ["--socket", "--config", "--timeout"].contains(word), rest.count > 1 {
                leading += rest.prefix(2)
                rest = rest.dropFirst(2)
            } else {
                break
            }
        }
        guard !rest.isEmpty else { return [] }
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        return Array(rest[..<end]) + leading + Array(rest[end...])
    }

    /// Runs a command and shows its answer.
    ///
    /// - Throws: `ExitCode` 1, 2 or 3 as the command ended.
    func perform(_ words: [String], options: [String: String], daemon: Daemon) throws {
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
        show(outcome, linesShown: linesShown)
        if outcome.exitCode != 0 { throw ExitCode(Int32(outcome.exitCode)) }
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

    /// The control socket that the configuration in `file` names. The rest of the file need not be right.
    private static func socket(namedBy file: String, default fallback: String) -> String {
        let directory = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        let root = try? ConfigurationFile.load(file)
        let control = root?.map?.first { $0.key == "control" }?.value
        let path = control?.map?.first { $0.key == "socket" }?.value.scalar ?? fallback
        return path.hasPrefix("/") ? path : directory + path
    }
}
