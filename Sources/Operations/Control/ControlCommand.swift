/// What a control command is asked: its arguments and options as `toriictl` got them.
package struct ControlRequest: Sendable {
    /// The words of the command: `["zone", "reload"]`.
    package let words: [String]
    /// The arguments after the command's words.
    package let arguments: [String]
    /// Options by name without dashes: `tree` or `type` and its value.
    package let options: [String: String]

    package init(words: [String], arguments: [String], options: [String: String] = [:]) {
        self.words = words
        self.arguments = arguments
        self.options = options
    }

    /// Whether the option was given, with any value but `false`.
    package func has(_ option: String) -> Bool {
        options[option].map { $0 != "false" } ?? false
    }
}

/// How a control command ended; `toriictl` exits with ``exitCode``.
package struct ControlOutcome: Sendable {
    /// 0 done, 1 error, 2 bad usage.
    package let exitCode: Int
    /// What people read; may have several lines.
    ///
    /// Empty: nothing to say.
    package let text: String
    /// What programs read with `--json`; nil: the text.
    package let data: JSONValue?

    private init(_ exitCode: Int, _ text: String, _ data: JSONValue?) {
        self.exitCode = exitCode
        self.text = text
        self.data = data
    }

    /// The command did what it should.
    package static func done(_ text: String = "", data: JSONValue? = nil) -> ControlOutcome {
        ControlOutcome(0, text, data)
    }

    /// The command could not; `text` says why.
    package static func failed(_ text: String, data: JSONValue? = nil) -> ControlOutcome {
        ControlOutcome(1, text, data)
    }

    /// The command was asked wrongly; `text` says how it is asked.
    package static func badUsage(_ text: String) -> ControlOutcome {
        ControlOutcome(2, text, nil)
    }
}

/// Sends lines to `toriictl` while a command still works.
package struct ControlReply: Sendable {
    private let send: @Sendable (JSONValue) -> Bool

    package init(send: @escaping @Sendable (JSONValue) -> Bool) {
        self.send = send
    }

    /// Sends one line for people, and what programs read in its stead.
    ///
    /// - Returns: false when nobody reads any more: the command should end.
    @discardableResult
    package func line(_ text: String, data: JSONValue? = nil) -> Bool {
        var members = [JSONValue.Member("text", .string(text))]
        if let data { members.append(JSONValue.Member("data", data)) }
        return send(.object(members))
    }
}

/// One command of the control channel: name, usage, handler.
package struct ControlCommand: Sendable {
    /// Its words: `zone reload`.
    package let name: String
    /// How it is asked: `zone reload [ZONE]...`.
    package let usage: String
    /// What it does, in one line.
    package let summary: String
    /// Whether it must not run at the same time as another exclusive command.
    package let isExclusive: Bool
    /// Does it, on a thread of the control channel; may take its time.
    package let handler: @Sendable (ControlRequest, ControlReply) -> ControlOutcome

    package init(
        _ name: String, usage: String? = nil, summary: String, isExclusive: Bool = true,
        handler: @escaping @Sendable (ControlRequest, ControlReply) -> ControlOutcome
    ) {
        self.name = name
        self.usage = usage ?? name
        self.summary = summary
        self.isExclusive = isExclusive
        self.handler = handler
    }

    /// A command whose answer needs nothing but its request.
    package init(
        _ name: String, usage: String? = nil, summary: String, isExclusive: Bool = true,
        answer: @escaping @Sendable (ControlRequest) -> ControlOutcome
    ) {
        self.init(name, usage: usage, summary: summary, isExclusive: isExclusive) { request, _ in
            answer(request)
        }
    }
}

/// The commands that a daemon knows; also answers `help`.
package struct CommandList: Sendable {
    /// In the order they were given.
    package let commands: [ControlCommand]
    private let byName: [String: ControlCommand]

    package init(_ commands: [ControlCommand]) {
        let table = commands.map { "\($0.usage)\n    \($0.summary)" }.joined(separator: "\n")
        let data = JSONValue.array(
            commands.map {
                ["name": .string($0.name), "usage": .string($0.usage), "summary": .string($0.summary)]
            })
        let help = ControlCommand("help", summary: "List the commands.", isExclusive: false) { _ in
            .done(table, data: data)
        }
        self.commands = commands + [help]
        byName = Dictionary(self.commands.map { ($0.name, $0) }) { first, _ in first }
    }

    /// The command with the most words that `words` begin with, and the arguments that follow it.
    package func find(_ words: [String]) -> (command: ControlCommand, arguments: [String])? {
        for count in stride(from: min(words.count, 4), to: 0, by: -1) {
            if let command = byName[words.prefix(count).joined(separator: " ")] {
                return (command, Array(words.dropFirst(count)))
            }
        }
        return nil
    }
}
