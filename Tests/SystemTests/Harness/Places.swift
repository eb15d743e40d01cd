import Foundation

/// Where the programs, the tools and the checkout are.
enum Places {
    /// The checkout.
    static let checkout: URL = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { url.deleteLastPathComponent() }
        return url
    }()

    /// The folder of `toriid`, `torii-router` and `toriictl`: `TORII_BIN`, or beside the test program.
    static let programs: URL = {
        if let named = ProcessInfo.processInfo.environment["TORII_BIN"] { return URL(fileURLWithPath: named) }
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent()
    }()

    /// Material that may stand beside the checkout and is not part of it.
    static let shared = checkout.deletingLastPathComponent().appendingPathComponent("shared")

    /// `shared/path`, when it is there.
    static func shared(_ path: String) -> URL? {
        let url = shared.appendingPathComponent(path)
        return FileManager.default.fileExists(atPath: url.path) ? url : nil
    }

    /// The path of one of our programs.
    static func program(_ name: String) -> String { programs.appendingPathComponent(name).path }

    /// The full path of an installed tool; the folders of daemons are looked into too.
    static func tool(_ name: String) -> String? {
        if name.hasPrefix("/") { return FileManager.default.isExecutableFile(atPath: name) ? name : nil }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = ["/usr/bin", "/usr/sbin", "/sbin"] + path.split(separator: ":").map(String.init)
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    static func hasTools(_ names: String...) -> Bool { names.allSatisfy { tool($0) != nil } }

    static let isRoot = geteuid() == 0

    /// Whether a new network namespace can be made here.
    static let canUnshare: Bool = {
        guard isRoot, let unshare = tool("unshare"), let ip = tool("ip") else { return false }
        return (try? Tool.run(unshare, ["-n", ip, "link", "set", "lo", "up"]).status) == .exited(0)
    }()
}

/// A folder of its own for one test, removed with the last reference.
final class TemporaryDirectory: Sendable {
    let url: URL
    var path: String { url.path }

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "torii-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    /// Writes `text` to `name`, whose folders are made as needed.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        return file.path
    }

    func read(_ name: String) throws -> String {
        try String(contentsOf: url.appendingPathComponent(name), encoding: .utf8)
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}

/// What goes wrong in the harness itself.
enum HarnessError: Error, CustomStringConvertible {
    case cannotStart(String, errno: Int32)
    case missing(String)
    case deadline(String)
    case ended(String)
    case system(String, errno: Int32)
    case malformed(String)

    var description: String {
        switch self {
        case .cannotStart(let what, let code): "cannot start \(what): \(String(cString: strerror(code)))"
        case .missing(let what): "\(what) is not installed"
        case .deadline(let what): "not in time: \(what)"
        case .ended(let what): what
        case .system(let what, let code): "\(what): \(String(cString: strerror(code)))"
        case .malformed(let what): "malformed response: \(what)"
        }
    }
}
