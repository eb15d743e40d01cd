private import Glibc

/// The `control` section: the socket that `toriictl` speaks to.
package struct ControlConfiguration: Sendable {
    /// The socket's path, relative to the configuration file; its directory is made when missing.
    ///
    /// Mode 0660.
    package let socket: String

    /// Reads the section; each daemon has another default.
    package init(_ section: ConfigurationSection, defaultSocket: String) {
        section.adopt(owner: "ControlConfiguration")
        socket = section.statePath("socket", default: defaultSocket)
        if socket.utf8.count > 107 {
            section.report("\(socket) is longer than the 107 octets of a socket's path", on: "socket")
        }
    }
}

/// The `log` section.
package struct LogConfiguration: ConfigurationRecord {
    /// The least important lines that are written: `trace`, `debug`, `info`, `notice`, `warning`, `error`, `critical`.
    package let level: LogLevel
    /// `text` for people, `json` for programs: one object a line with `ts`, `prio`, `subsystem`, `msg`.
    package let format: LogFormat

    package init(_ section: ConfigurationSection) {
        level = section.value("level", .choice, default: .info)
        format = section.value("format", .choice, default: .text)
    }

    /// The defaults, for the time before there is a configuration.
    package init(level: LogLevel = .info, format: LogFormat = .text) {
        self.level = level
        self.format = format
    }
}

/// How important a log line is.
package enum LogLevel: String, ConfigurationChoice {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical
}

/// What log lines look like.
package enum LogFormat: String, ConfigurationChoice {
    case text
    case json
}

/// What query log lines look like.
package enum QueryLogFormat: String, ConfigurationChoice {
    case text
    case json
    case bind
    case coredns
}

/// The `metrics` section.
package struct MetricsConfiguration: ConfigurationRecord {
    /// The address and port of the HTTP listener; `/metrics` answers in the Prometheus text format.
    package let listen: HostPort

    package init(_ section: ConfigurationSection) {
        listen = section.required("listen", .hostPort, placeholder: HostPort(host: "127.0.0.1", port: 9153))
    }
}

/// A numeric address and a port.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 or IPv6 address as text, without brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ConfigurationScalar where Value == HostPort {
    /// `127.0.0.1:9153` or `[::1]:9153`.
    package static var hostPort: ConfigurationScalar<HostPort> {
        ConfigurationScalar("an address and port such as 127.0.0.1:9153") { text in
            guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
                port > 0
            else { return nil }
            var host = text[..<colon]
            let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
            if isBracketed { host = host.dropFirst().dropLast() }
            var storage = in6_addr()
            let family = isBracketed ? AF_INET6 : AF_INET
            guard unsafe inet_pton(family, String(host), &storage) == 1 else { return nil }
            return HostPort(host: String(host), port: port)
        }
    }
}
