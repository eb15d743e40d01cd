/// One line of the log before it has a form.
package struct LogLine: Sendable {
    /// Seconds and nanoseconds since 1970.
    package var time: (seconds: Int, nanoseconds: Int)
    package var level: LogLevel
    /// The part of the program that speaks: `config`, `update`, `transfer`.
    package var subsystem: String
    package var message: String
    package var fields: [(key: String, value: String)]

    package init(
        time: (seconds: Int, nanoseconds: Int), level: LogLevel, subsystem: String, message: String,
        fields: [(key: String, value: String)] = []
    ) {
        self.time = time
        self.level = level
        self.subsystem = subsystem
        self.message = message
        self.fields = fields
    }

    /// `2026-11-21T08:42:55.123Z warning [update] refused client=192.0.2.1 rule="2"`.
    ///
    /// - Parameter forJournal: the journal keeps time and importance itself; the line then begins with `<4>`.
    package func text(forJournal: Bool = false) -> String {
        let head =
            forJournal
            ? "<\(level.syslogPriority)>"
            : "\(UTCTime(seconds: time.seconds).description(milliseconds: time.nanoseconds / 1_000_000)) \(level.rawValue) "
        var line = "\(head)[\(subsystem)] \(message.escapedControls)"
        for field in fields {
            line += " \(field.key)=\(field.value.isPlainWord ? field.value : field.value.jsonQuoted)"
        }
        return line
    }

    /// One JSON object with `ts`, `prio`, `subsystem`, `msg` and the fields.
    package var json: String {
        let milliseconds = String(1000 + time.nanoseconds / 1_000_000).dropFirst()
        var line =
            "{\"ts\":\"\(time.seconds).\(milliseconds)\",\"prio\":\"\(level.rawValue)\","
            + "\"subsystem\":\(subsystem.jsonQuoted),\"msg\":\(message.jsonQuoted)"
        let reserved: Set<String> = ["ts", "prio", "subsystem", "msg"]
        for field in fields {
            let key = reserved.contains(field.key) ? "\(field.key)_" : field.key
            line += ",\(key.jsonQuoted):\(field.value.jsonQuoted)"
        }
        return line + "}"
    }
}

extension LogLevel {
    /// The priority of syslog (RFC 5424 6.2.1).
    var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// Larger is more important.
    var order: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .notice: 3
        case .warning: 4
        case .error: 5
        case .critical: 6
        }
    }
}

extension String {
    /// Whether the text needs no quotes as the value of a field.
    fileprivate var isPlainWord: Bool {
        !isEmpty
            && utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
            }
    }

    /// The text with control characters as `\u001b`: a stranger's octets do not steer the reader's terminal.
    fileprivate var escapedControls: String {
        guard unicodeScalars.contains(where: { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) }) else {
            return self
        }
        var result = ""
        for scalar in unicodeScalars {
            if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// A moment in UTC, split into the parts of a calendar.
package struct UTCTime: Sendable, Equatable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int

    /// The moment `seconds` after 1970-01-01T00:00:00Z, leap seconds not counted.
    package init(seconds: Int) {
        let days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let rest = seconds - days * 86400
        hour = rest / 3600
        minute = rest / 60 % 60
        second = rest % 60
        // Years begin in March; a cycle of 400 years has 146,097 days.
        let shifted = days + 719_468
        let cycle = shifted >= 0 ? shifted / 146_097 : (shifted - 146_096) / 146_097
        let dayOfCycle = shifted - cycle * 146_097
        let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0)
    }

    /// `2026-11-21T08:42:55.123Z` (RFC 3339).
    package func description(milliseconds: Int) -> String {
        "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(Self.padded(hour, 2)):"
            + "\(Self.padded(minute, 2)):\(Self.padded(second, 2)).\(Self.padded(milliseconds, 3))Z"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
