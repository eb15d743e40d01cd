internal import Logging
private import Synchronization

/// The backend of swift-log: what libraries log comes out in our form too.
struct StandardErrorLogHandler: LogHandler {
    let subsystem: String
    var metadata: Logger.Metadata = [:]
    // The level is that of the process (``Log/configure(_:linesPerSecond:)``).
    var logLevel: Logger.Level {
        get { .trace }
        set { _ = newValue }
    }

    init(subsystem: String) {
        self.subsystem = subsystem
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let level = LogLevel(event.level)
        guard Log.isEnabled(level) else { return }
        let merged = metadata.merging(event.metadata ?? [:]) { $1 }
        Self.emit(
            level, subsystem, "\(event.message)",
            merged.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") })
    }

    /// Writes one line.
    static func emit(_ level: LogLevel, _ subsystem: String, _ message: String, _ fields: [(String, String)])
    {
        let line = LogLine(
            time: Clock.wall, level: level, subsystem: subsystem, message: message,
            fields: fields.map { (key: $0.0, value: $0.1) })
        let settings = LogSettings.shared
        let text =
            settings.isJSON.load(ordering: .relaxed) ? line.json : line.text(forJournal: settings.isJournal)
        LogSink.standardError.write(Array(text.utf8) + [0x0a])
    }
}

extension LogLevel {
    /// The level of swift-log with the same name.
    init(_ level: Logger.Level) {
        switch level {
        case .trace: self = .trace
        case .debug: self = .debug
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        case .critical: self = .critical
        }
    }
}
