private import Glibc
internal import Logging
internal import Synchronization

/// The log of one part of the program: `Log("update").warning("refused", ["client": "192.0.2.1"])`.
///
/// Rooms do not log; they return, and whoever put them together logs once. What strangers can cause goes through
/// ``limited(_:_:_:_:)``.
package struct Log: Sendable {
    private let subsystem: String
    private let logger: Logger

    /// The log of `subsystem`, a word that an operator can filter by.
    package init(_ subsystem: String) {
        self.subsystem = subsystem
        logger = Logger(label: subsystem) { StandardErrorLogHandler(subsystem: $0) }
    }

    /// What is written and how, from now on.
    ///
    /// Takes effect everywhere at once.
    package static func configure(_ configuration: LogConfiguration, linesPerSecond: Int = 10) {
        LogSettings.shared.level.store(configuration.level.order, ordering: .relaxed)
        LogSettings.shared.isJSON.store(configuration.format == .json, ordering: .relaxed)
        LogSettings.shared.linesPerSecond.store(linesPerSecond, ordering: .relaxed)
    }

    /// Sets the level alone.
    package static func setLevel(_ level: LogLevel) {
        LogSettings.shared.level.store(level.order, ordering: .relaxed)
    }

    /// Whether lines of `level` are written.
    package static func isEnabled(_ level: LogLevel) -> Bool {
        level.order >= LogSettings.shared.level.load(ordering: .relaxed)
    }

    /// Detail for finding a fault.
    package func debug(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.debug, message(), fields)
    }

    /// What happens in the ordinary course.
    package func info(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.info, message(), fields)
    }

    /// What happens seldom, and is all right.
    package func notice(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.notice, message(), fields)
    }

    /// What an operator should know.
    package func warning(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:])
    {
        write(.warning, message(), fields)
    }

    /// What has failed.
    package func error(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.error, message(), fields)
    }

    /// What ends the program.
    package func critical(_ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String> = [:])
    {
        write(.critical, message(), fields)
    }

    /// A line that strangers can cause: at most some a second for each `kind`; the rest is counted, and the count
    /// goes with the next line.
    package func limited(
        _ level: LogLevel, _ kind: String, _ message: @autoclosure () -> String,
        _ fields: KeyValuePairs<String, String> = [:]
    ) {
        guard Log.isEnabled(level) else { return }
        let limit = LogSettings.shared.linesPerSecond.load(ordering: .relaxed)
        guard
            let suppressed = LogLimiter.shared.admit(
                "\(subsystem)/\(kind)", limit: limit, now: Clock.monotonicSeconds)
        else { return }
        var list = fields.map { ($0.key, $0.value) }
        if suppressed > 0 { list.append(("suppressed", String(suppressed))) }
        emit(level, message(), list)
    }

    private func write(
        _ level: LogLevel, _ message: @autoclosure () -> String, _ fields: KeyValuePairs<String, String>
    ) {
        guard Log.isEnabled(level) else { return }
        emit(level, message(), fields.map { ($0.key, $0.value) })
    }

    private func emit(_ level: LogLevel, _ message: String, _ fields: [(String, String)]) {
        StandardErrorLogHandler.emit(level, subsystem, message, fields)
    }
}

/// What the whole process has agreed on about its log.
final class LogSettings: Sendable {
    static let shared = LogSettings()
    let level = Atomic<Int>(LogLevel.info.order)
    let isJSON = Atomic<Bool>(false)
    let linesPerSecond = Atomic<Int>(10)
    /// Whether standard error is the journal, which keeps time and importance itself.
    let isJournal: Bool = unsafe getenv("JOURNAL_STREAM") != nil
}

/// Admits so many lines a second of each kind.
final class LogLimiter: Sendable {
    static let shared = LogLimiter()
    /// Kinds that are remembered; beyond it all share one entry.
    static let maximumKinds = 1024

    private struct Entry {
        var second = 0
        var written = 0
        var suppressed = 0
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// Whether a line of `kind` may be written in second `now`.
    ///
    /// - Returns: how many were suppressed since the last one; nil when this one is suppressed too.
    func admit(_ kind: String, limit: Int, now: Int) -> Int? {
        entries.withLock { entries in
            let kind = entries[kind] != nil || entries.count < Self.maximumKinds ? kind : ""
            var entry = entries[kind] ?? Entry()
            defer { entries[kind] = entry }
            if entry.second != now {
                entry.second = now
                entry.written = 0
            }
            guard entry.written < limit else {
                entry.suppressed += 1
                return nil
            }
            entry.written += 1
            defer { entry.suppressed = 0 }
            return entry.suppressed
        }
    }
}

/// The time as the system tells it through `clock_gettime`.
enum Clock {
    /// Seconds and nanoseconds since 1970.
    static var wall: (seconds: Int, nanoseconds: Int) {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return (time.tv_sec, time.tv_nsec)
    }

    /// Seconds of a clock that never steps.
    static var monotonicSeconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
