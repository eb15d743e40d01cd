import Foundation
import Synchronization

/// A network namespace with its own loopback, so that port 53 of any 127/8 address is free.
///
/// Needs root.
final class Namespace: Sendable {
    let name = "torii-\(UUID().uuidString.prefix(8).lowercased())"

    /// - Parameter addresses: what the loopback has beside its own; BIND listens only on what an interface has.
    init(_ addresses: [String] = []) throws {
        try Self.ip("netns", "add", name)
        try Self.ip("-n", name, "link", "set", "lo", "up")
        for address in addresses { try Self.ip("-n", name, "addr", "add", address + "/32", "dev", "lo") }
    }

    deinit { try? Self.ip("netns", "del", name) }

    /// Removes the namespace when the test program ends: what is kept in a `static let` is never released.
    func removeAtExit() {
        Self.lasting.withLock { $0.append(name) }
        atexit { for name in Namespace.lasting.withLock({ $0 }) { try? Namespace.ip("netns", "del", name) } }
    }

    private static let lasting = Mutex<[String]>([])

    private static func ip(_ words: String...) throws {
        let result = try Tool.run("ip", words)
        guard result.succeeded else { throw HarnessError.ended("ip \(words): \(result.errors)") }
    }

    /// The words that run `program` inside; the process id is the program's own.
    func inside(_ program: String, _ arguments: [String]) -> (String, [String]) {
        ("ip", ["netns", "exec", name, Places.tool(program) ?? program] + arguments)
    }

    func start(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        directory: String? = nil
    ) throws -> ChildProcess {
        let (ip, words) = inside(program, arguments)
        return try ChildProcess(ip, words, environment: environment, directory: directory)
    }

    func run(_ program: String, _ arguments: [String], input: String = "") throws -> Tool.Result {
        let (ip, words) = inside(program, arguments)
        return try Tool.run(ip, words, input: input)
    }
}
