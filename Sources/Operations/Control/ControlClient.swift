/// The end of the control channel that `toriictl` has.
package struct ControlClient: ~Copyable {
    /// Longest line of an answer, in octets.
    package static let lineLimit = 256 << 20

    private var socket: UnixSocket

    /// Connects to the daemon whose socket is at `path`.
    ///
    /// - Parameter seconds: how long each line of an answer may take; 0: forever.
    /// - Throws: ``ControlError``.
    package init(path: String, timeout seconds: Int = 600) throws(ControlError) {
        socket = try UnixSocket.connect(to: path)
        socket.setTimeouts(seconds: seconds)
    }

    /// Runs the command that `words` begin with; the rest of them are its arguments.
    ///
    /// - Parameter onLine: called for each line that the command sends while it works: text and data.
    /// - Throws: ``ControlError``.
    package mutating func run(
        _ words: [String], options: [String: String] = [:], onLine: (String, JSONValue?) -> Void = { _, _ in }
    ) throws(ControlError) -> ControlOutcome {
        let request = JSONValue.object([
            JSONValue.Member("words", .array(words.map { .string($0) })),
            JSONValue.Member(
                "options",
                .object(options.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })),
        ])
        try socket.write(Array(request.text.utf8) + [0x0a])
        while true {
            let line = try socket.readLine(limit: Self.lineLimit)
            guard let answer = try? JSONParser.parse(line) else { throw .malformed }
            let text = answer["text"]?.string ?? ""
            guard let exit = answer["exit"]?.integer else {
                onLine(text, answer["data"])
                continue
            }
            switch exit {
            case 0: return .done(text, data: answer["data"])
            case 2: return .badUsage(text)
            default: return .failed(text, data: answer["data"])
            }
        }
    }
}
