package import Operations

/// The `log` section of the server.
package struct ServerLogSection: ConfigurationRecord {
    /// The least important lines that are written: `trace`, `debug`, `info`, `notice`, `warning`, `error`, `critical`.
    package let level: LogLevel
    /// `text` for people, `json` for programs: one object a line with `ts`, `prio`, `subsystem`, `msg`.
    package let format: LogFormat
    /// Whether each query is logged with its answer.
    package let queries: Bool
    /// The form of query lines: `text`, `json`, or what parsers of other servers know: `bind`, `coredns`.
    ///
    /// When it is left out: that of the other lines.
    package let queryFormat: QueryLogFormat

    package init(_ section: ConfigurationSection) {
        level = section.value("level", .choice, default: .info)
        format = section.value("format", .choice, default: .text)
        queries = section.value("queries", .flag, default: false)
        queryFormat = section.value("query-format", .choice, default: format == .json ? .json : .text)
    }

    /// The settings of all lines.
    var common: LogConfiguration { LogConfiguration(level: level, format: format) }
}
