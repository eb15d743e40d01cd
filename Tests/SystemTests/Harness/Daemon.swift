import Foundation

/// One running `toriid` with a configuration, a folder and a port of its own.
///
/// Ready means: it said so to the socket of `NOTIFY_SOCKET`, as it would to systemd. The texts `$PORT` and `$DIR` of
/// the configuration become the port and the folder.
final class Daemon: @unchecked Sendable {
    let directory: TemporaryDirectory
    let port: UInt16
    private(set) var process: ChildProcess
    private let notifications: NotificationSocket
    private var readyCount = 0
    private let environment: [String: String]
    private let space: Namespace?

    /// The configuration that most tests extend: loopback, no workers beyond one, no recursion.
    static let basics = """
        server: { workers: 1, state-directory: state }
        listen:
          - { address: 127.0.0.1, port: $PORT }
          - { address: "::1", port: $PORT }
        control: { socket: torii.sock }

        """

    /// Writes `files` and the configuration, starts the daemon, and waits until it serves.
    ///
    /// - Throws: what the daemon wrote to its standard error, when it ends before.
    init(
        _ configuration: String, files: [String: String] = [:], environment: [String: String] = [:],
        in existing: TemporaryDirectory? = nil, inside space: Namespace? = nil
    ) throws {
        self.space = space
        directory = try existing ?? TemporaryDirectory()
        port = try Ports.free()
        for (name, text) in files { try directory.write(name, text) }
        try directory.write("torii.yaml", Self.fill(configuration, port: port, directory: directory))
        notifications = try NotificationSocket(path: directory.path + "/notify")
        self.environment = environment.merging(["NOTIFY_SOCKET": directory.path + "/notify"]) { $1 }
        process = try Self.launch(directory, self.environment, space)
        listen()
        try waitUntilReady(1)
    }

    deinit { process.signal(SIGKILL) }

    static func fill(_ text: String, port: UInt16, directory: TemporaryDirectory) -> String {
        text.replacingOccurrences(of: "$PORT", with: String(port))
            .replacingOccurrences(of: "$DIR", with: directory.path)
    }

    private static func launch(
        _ directory: TemporaryDirectory, _ environment: [String: String], _ space: Namespace?
    ) throws -> ChildProcess {
        let program = Places.program("toriid"), arguments = ["--config", directory.path + "/torii.yaml"]
        return try space?.start(program, arguments, environment: environment, directory: directory.path)
            ?? ChildProcess(program, arguments, environment: environment, directory: directory.path)
    }

    private func listen() {
        let child = process
        notifications.onMessage = { [weak self] text in
            child.note { if text.contains("READY=1") { self?.readyCount += 1 } }
        }
    }

    private func waitUntilReady(_ count: Int, within seconds: Double = 30) throws {
        try process.wait("toriid ready (\(count))", within: seconds) { readyCount >= count }
    }

    /// Replaces the configuration file; the daemon notices at the next reload.
    func configure(_ configuration: String) throws {
        try directory.write("torii.yaml", Self.fill(configuration, port: port, directory: directory))
    }

    /// SIGHUP, and waits until the daemon says that it is ready again.
    func reload() throws {
        let before = readyCount
        process.signal(SIGHUP)
        try waitUntilReady(before + 1)
    }

    /// `kill -9`.
    func crash() throws {
        process.signal(SIGKILL)
        try process.waitForExit()
    }

    /// Starts the daemon again on the same folder and port.
    func restart() throws {
        if !process.hasEnded { try stop() }
        readyCount = 0
        process = try Self.launch(directory, environment, space)
        listen()
        try waitUntilReady(1)
    }

    /// SIGTERM; the status of the clean stop.
    @discardableResult
    func stop(within seconds: Double = 5) throws -> ExitStatus {
        process.signal(SIGTERM)
        return try process.waitForExit(within: seconds)
    }

    /// `toriictl` on this daemon's control socket.
    func control(_ arguments: String...) throws -> Tool.Result { try control(arguments) }

    /// The same for a list.
    func control(_ arguments: [String]) throws -> Tool.Result {
        try Tool.run(Places.program("toriictl"), ["--socket", directory.path + "/torii.sock"] + arguments)
    }

    /// Seconds of processor time so far.
    func cpuSeconds() throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process.pid)/stat", encoding: .utf8)
        let fields = status.split(separator: ")").last?.split(separator: " ").compactMap { Double($0) } ?? []
        // Behind the name: state (no number), then ten numbers before user and system time.
        guard fields.count > 11 else { throw HarnessError.malformed("no processor time in \(status)") }
        return (fields[10] + fields[11]) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Asks over UDP.
    func ask(
        _ name: String, _ type: String = "A", _ change: (inout WireQuery) -> Void = { _ in }
    ) throws -> WireMessage {
        try exchange(.udp, name, type, change)
    }

    /// Asks over TCP.
    func askTCP(
        _ name: String, _ type: String = "A", _ change: (inout WireQuery) -> Void = { _ in }
    ) throws -> WireMessage {
        try exchange(.tcp, name, type, change)
    }

    private func exchange(
        _ transport: WireClient.Transport, _ name: String, _ type: String, _ change: (inout WireQuery) -> Void
    ) throws -> WireMessage {
        var query = WireQuery(name, type)
        change(&query)
        let client = try WireClient(transport, port: port)
        try client.send(query.bytes)
        return try WireMessage(try client.receive())
    }

    /// `dig` on this daemon; the words are `dig`'s own.
    func dig(_ words: String...) throws -> DigResult { try dig(words) }

    func dig(_ words: [String], server: String = "127.0.0.1") throws -> DigResult {
        let all = ["-r", "@\(server)", "-p", String(port), "+tries=1", "+time=10"] + words
        return try DigResult(space?.run("dig", all) ?? Tool.run("dig", all))
    }

    /// `nsupdate` with the given script (without `server` and `send`).
    func nsupdate(_ script: String, key: String? = nil, tcp: Bool = false) throws -> Tool.Result {
        try Tool.run(
            "nsupdate", (key.map { ["-y", $0] } ?? []) + (tcp ? ["-v"] : []) + ["-t", "10", "-u", "5"],
            input: "server 127.0.0.1 \(port)\n\(script)\nsend\n")
    }
}

/// Ports that the kernel calls free for UDP and TCP on both loopback addresses.
enum Ports {
    static func free() throws -> UInt16 {
        for _ in 0..<200 {
            // Below the ports that the system draws for clients: one that draws its server's port talks to itself.
            let port = UInt16.random(in: 10_240...32_767)
            let sockets = ["127.0.0.1", "::1"].flatMap { address in
                [SOCK_STREAM, SOCK_DGRAM].map { try? LoopbackSocket($0, address: address, port: port) }
            }
            if sockets.allSatisfy({ $0 != nil }) { return port }
        }
        throw HarnessError.deadline("a free port")
    }
}

/// The socket a service manager would listen on (`sd_notify(3)`).
final class NotificationSocket: @unchecked Sendable {
    private let descriptor: Int32
    private let lock = NSLock()
    private var handler: (@Sendable (String) -> Void)?
    private var early: [String] = []

    var onMessage: (@Sendable (String) -> Void)? {
        get { lock.withLock { handler } }
        set {
            let waiting = lock.withLock {
                handler = newValue
                defer { early = [] }
                return early
            }
            for text in waiting { newValue?(text) }
        }
    }

    init(path: String) throws {
        unlink(path)
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw HarnessError.system("bind \(path)", errno: errno) }
        // As a service manager's: whoever the daemon becomes may write to it.
        chmod(path, 0o777)
        let own = descriptor
        Thread.detachNewThread { [weak self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(own, &buffer, buffer.count, 0)
                guard count > 0, let self else { break }
                self.deliver(String(decoding: buffer[..<count], as: UTF8.self))
            }
            close(own)
        }
    }

    private func deliver(_ text: String) {
        let target = lock.withLock {
            if handler == nil { early.append(text) }
            return handler
        }
        target?(text)
    }

    deinit { shutdown(descriptor, Int32(SHUT_RDWR)) }
}
