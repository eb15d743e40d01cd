private import Glibc
private import Synchronization

/// The daemon's end of the control channel: a Unix socket that answers commands, each client on a thread of its own.
///
/// One case: `toriictl zone reload example.net` connects and writes one line of JSON,
/// `{"words":["zone","reload","example.net"],"options":{}}`. The server finds the command by its longest name, runs
/// its handler, and writes zero or more lines `{"text":...}` while it works, then one with `exit`:
/// `{"exit":0,"text":"example.net. reloaded","data":...}`. More requests may follow on the connection.
///
/// Bounds: clients at one time, ``requestLimit`` octets a request, ``idleSeconds`` without one. Who may connect is
/// decided by the socket's mode, 0660.
package final class ControlServer: Sendable {
    /// Longest request in octets.
    package static let requestLimit = 1 << 20
    /// A client that sends no request for so long is disconnected.
    package static let idleSeconds = 60

    private let path: String
    private let commands: CommandList
    private let maximumClients: Int
    private let descriptor: Int32
    private let clients = Atomic<Int>(0)
    private let refusedClients = Atomic<Int>(0)
    private let isStopped = Atomic<Bool>(false)
    private let exclusive = Mutex(())

    /// Listens at `path`; the directory is made when missing.
    ///
    /// Clients are answered after ``start()``.
    ///
    /// - Throws: ``ControlError``.
    package init(path: String, commands: CommandList, maximumClients: Int = 32) throws(ControlError) {
        self.path = path
        self.commands = commands
        self.maximumClients = maximumClients
        Directories.make(forFileAt: path)
        descriptor = try UnixSocket.listen(at: path)
    }

    deinit { close(descriptor) }

    /// Clients that were turned away because there were too many.
    package var clientsRefused: Int { refusedClients.load(ordering: .relaxed) }

    /// Gives the socket to another account, before privileges are dropped.
    package func changeOwner(user: UInt32, group: UInt32) {
        _ = unsafe chown(path, user, group)
    }

    /// Begins to answer.
    ///
    /// - Throws: ``ControlError`` when there is no thread to be had.
    package func start() throws(ControlError) {
        guard ServiceThread.start("torii-control", { self.accept() }) else {
            throw .system(path: path, call: "pthread_create", errno: EAGAIN)
        }
    }

    /// Stops answering new clients and removes the socket.
    package func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        _ = unsafe unlink(path)
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private func accept() {
        while !isStopped.load(ordering: .acquiring) {
            let client = Glibc.accept(descriptor, nil, nil)
            guard client >= 0 else {
                switch errno {
                case EINTR, ECONNABORTED: continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                    // No descriptor to be had: the client waits in the backlog.
                    usleep(100_000)
                    continue
                default: return
                }
            }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            let isAdmitted = clients.wrappingAdd(1, ordering: .relaxed).newValue <= maximumClients
            if !isAdmitted { refusedClients.wrappingAdd(1, ordering: .relaxed) }
            let isStarted =
                isAdmitted
                && ServiceThread.start("torii-client") {
                    self.serve(UnixSocket(adopting: client))
                    self.clients.wrappingSubtract(1, ordering: .relaxed)
                }
            if !isStarted {
                clients.wrappingSubtract(1, ordering: .relaxed)
                let socket = UnixSocket(adopting: client)
                socket.setTimeouts(seconds: 1)
                try? socket.write(Self.encode(.failed("too many control clients")))
            }
        }
    }

    private func serve(_ socket: consuming UnixSocket) {
        socket.setTimeouts(seconds: Self.idleSeconds)
        while let line = try? socket.readLine(limit: Self.requestLimit) {
            let outcome = answer(line, over: socket)
            guard (try? socket.write(Self.encode(outcome))) != nil else { return }
        }
    }

    private func answer(_ line: [UInt8], over socket: borrowing UnixSocket) -> ControlOutcome {
        guard let request = try? JSONParser.parse(line),
            let words = request["words"]?.array?.compactMap(\.string), !words.isEmpty
        else { return .badUsage("a request is one line {\"words\":[...],\"options\":{...}}") }
        var options: [String: String] = [:]
        if case .object(let members)? = request["options"] {
            for member in members { options[member.name] = member.value.string ?? member.value.text }
        }
        guard let (command, arguments) = commands.find(words) else {
            return .badUsage("unknown command: \(words.prefix(4).joined(separator: " "))")
        }
        let asked = ControlRequest(
            words: command.name.split(separator: " ").map(String.init), arguments: arguments, options: options
        )
        // A handler may keep its reply beyond the end of the request; the sender then says no.
        let sender = Sender()
        defer { sender.close() }
        sender.open(socket)
        let reply = ControlReply { sender.send($0) }
        return command.isExclusive
            ? exclusive.withLock { _ in command.handler(asked, reply) } : command.handler(asked, reply)
    }

    static func encode(_ outcome: ControlOutcome) -> [UInt8] {
        var members = [
            JSONValue.Member("exit", .integer(outcome.exitCode)),
            JSONValue.Member("text", .string(outcome.text)),
        ]
        if let data = outcome.data { members.append(JSONValue.Member("data", data)) }
        return Array(JSONValue.object(members).text.utf8) + [0x0a]
    }
}

/// Writes the lines of a command that still works, until its request is over.
private final class Sender: Sendable {
    private let duplicate = Mutex<Int32>(-1)

    func open(_ socket: borrowing UnixSocket) {
        duplicate.withLock { $0 = socket.duplicate() }
    }

    func send(_ value: JSONValue) -> Bool {
        duplicate.withLock { descriptor in
            guard descriptor >= 0 else { return false }
            return UnixSocket.write(Array(value.text.utf8) + [0x0a], to: descriptor)
        }
    }

    func close() {
        duplicate.withLock { descriptor in
            if descriptor >= 0 { Glibc.close(descriptor) }
            descriptor = -1
        }
    }
}
