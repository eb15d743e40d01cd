import Foundation

/// How a child ended.
enum ExitStatus: Equatable, CustomStringConvertible {
    case exited(Int32)
    case killed(signal: Int32)

    var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .killed(let signal): "signal \(signal)"
        }
    }
}

/// A program under test, or a peer: started, listened to, waited for, ended by its process id.
///
/// Every child is started from one thread that lives as long as the test program, and with the parent-death signal
/// set, so none outlives a test run that is killed.
final class ChildProcess: @unchecked Sendable {
    let name: String
    private(set) var pid: pid_t = 0
    private let condition = NSCondition()
    private var output: [UInt8] = []
    private var errors: [UInt8] = []
    private var openStreams = 2
    private var ended: ExitStatus?

    /// - Parameter input: what the child reads from its standard input; it then sees the end of the file.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        directory: String? = nil,
        input: String = ""
    ) throws {
        guard let path = Places.tool(program) else { throw HarnessError.missing(program) }
        name = (path as NSString).lastPathComponent
        // `setpriv` becomes the program itself: the process id stays.
        var words = [Places.tool("setpriv") ?? "/usr/bin/setpriv", "--pdeathsig", "KILL"]
        if let directory { words = [Places.tool("env") ?? "/usr/bin/env", "-C", directory] + words }
        words += [path] + arguments
        var variables = ProcessInfo.processInfo.environment
        variables["SWIFT_BACKTRACE"] = "enable=no"
        variables["LC_ALL"] = "C"
        variables["NOTIFY_SOCKET"] = nil
        variables.merge(environment) { $1 }

        let child = Spawner.shared.spawn(words, variables.map { "\($0)=\($1)" })
        guard child.error == 0 else { throw HarnessError.cannotStart(program, errno: child.error) }
        pid = child.pid
        Thread.detachNewThread { Self.feed(Array(input.utf8), to: child.input) }
        Thread.detachNewThread { self.collect(child.output) { self.output += $0 } }
        Thread.detachNewThread { self.collect(child.errors) { self.errors += $0 } }
        Thread.detachNewThread { self.reap() }
    }

    deinit { if ended == nil { kill(pid, SIGKILL) } }

    /// Everything written to the standard output so far.
    var outputText: String { condition.withLock { String(decoding: output, as: UTF8.self) } }
    /// Everything written to the standard error so far.
    var errorText: String { condition.withLock { String(decoding: errors, as: UTF8.self) } }
    var hasEnded: Bool { condition.withLock { ended != nil } }

    func signal(_ number: Int32) { if !hasEnded { kill(pid, number) } }

    /// Waits until the standard error holds `text`.
    func waitForError(_ text: String, within seconds: Double = 20) throws {
        try wait("\(name): \"\(text)\" on its standard error", within: seconds) { contains(text) }
    }

    /// Waits for the end of the program and of its output.
    @discardableResult
    func waitForExit(within seconds: Double = 20) throws -> ExitStatus {
        try wait("the end of \(name)", within: seconds, orEnd: false) { ended != nil && openStreams == 0 }
        return condition.withLock { ended ?? .exited(-1) }
    }

    /// Waits until `isTrue`, which is asked after each new output, event or end.
    ///
    /// It runs under the lock.
    func wait(_ what: String, within seconds: Double, orEnd: Bool = true, until isTrue: () -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        condition.lock()
        defer { condition.unlock() }
        while !isTrue() {
            if orEnd, let ended, openStreams == 0 {
                throw HarnessError.ended(
                    "\(name) ended with \(ended): \(String(decoding: errors, as: UTF8.self))")
            }
            guard condition.wait(until: deadline) else {
                throw HarnessError.deadline(
                    "\(what); so far: \(String(decoding: errors.suffix(4000), as: UTF8.self))")
            }
        }
    }

    /// Waits until `isTrue`, which is asked after each new output and at the latest every quarter of a second: for what
    /// shows only on the network.
    func eventually(_ what: String, within seconds: Double = 30, _ isTrue: () throws -> Bool) throws {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while try !isTrue() {
            guard deadline.timeIntervalSinceNow > 0 else {
                throw HarnessError.deadline("\(what); so far: \(errorText.suffix(4000))")
            }
            if hasEnded { throw HarnessError.ended("\(name) ended: \(errorText.suffix(4000))") }
            condition.withLock { _ = condition.wait(until: Date(timeIntervalSinceNow: 0.25)) }
        }
    }

    /// Wakes whoever waits, after a change made by `body` under the lock.
    func note(_ body: () -> Void) {
        condition.withLock {
            body()
            condition.broadcast()
        }
    }

    private func contains(_ text: String) -> Bool { String(decoding: errors, as: UTF8.self).contains(text) }

    private func collect(_ descriptor: Int32, _ append: ([UInt8]) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            note { append(Array(buffer[..<count])) }
        }
        close(descriptor)
        note { openStreams -= 1 }
    }

    private func reap() {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let low = status & 0x7f
        note { ended = low == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: low) }
    }

    private static func feed(_ bytes: [UInt8], to descriptor: Int32) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            sent += count
        }
        close(descriptor)
    }
}

/// The one thread that starts children: the parent-death signal follows the thread, not the process.
private final class Spawner: @unchecked Sendable {
    static let shared = Spawner()
    private let condition = NSCondition()
    private var waiting: [() -> Void] = []

    private init() {
        signal(SIGPIPE, SIG_IGN)
        Thread.detachNewThread {
            while true {
                self.condition.lock()
                while self.waiting.isEmpty { self.condition.wait() }
                let next = self.waiting.removeFirst()
                self.condition.unlock()
                next()
            }
        }
    }

    /// A child just started, with our ends of its pipes.
    struct Child {
        var pid: pid_t = 0
        var error: Int32 = 0
        var input: Int32 = -1
        var output: Int32 = -1
        var errors: Int32 = -1
    }

    func spawn(_ words: [String], _ environment: [String]) -> Child {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var child = Child()
        condition.withLock {
            waiting.append {
                child = Self.spawnHere(words, environment)
                done.signal()
            }
            condition.signal()
        }
        done.wait()
        return child
    }

    /// Pipes are made on this thread too, so no child inherits another's between `pipe` and `fcntl`.
    private static func spawnHere(_ words: [String], _ environment: [String]) -> Child {
        let pipes = (0..<3).map { _ in
            var ends: [Int32] = [-1, -1]
            _ = pipe(&ends)
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return ends
        }
        let childEnds = [pipes[0][0], pipes[1][1], pipes[2][1]]
        defer { for end in childEnds { close(end) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, end) in childEnds.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, end, Int32(number))
        }
        // Ignored signals stay ignored over exec: give the child the defaults.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var child = Child(input: pipes[0][1], output: pipes[1][0], errors: pipes[2][0])
        child.error = posix_spawn(&child.pid, words[0], &actions, &attributes, &argv, &envp)
        if child.error != 0 { for end in [child.input, child.output, child.errors] { close(end) } }
        return child
    }
}

/// A tool that runs to its end.
enum Tool {
    struct Result {
        let status: ExitStatus
        let output: String
        let errors: String
        var succeeded: Bool { status == .exited(0) }
    }

    @discardableResult
    static func run(
        _ program: String, _ arguments: [String], input: String = "", environment: [String: String] = [:],
        directory: String? = nil, within seconds: Double = 60
    ) throws -> Result {
        let child = try ChildProcess(
            program, arguments, environment: environment, directory: directory, input: input)
        let status: ExitStatus
        do { status = try child.waitForExit(within: seconds) } catch {
            child.signal(SIGKILL)
            throw error
        }
        return Result(status: status, output: child.outputText, errors: child.errorText)
    }
}
