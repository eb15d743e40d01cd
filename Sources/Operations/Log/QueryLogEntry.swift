/// One query and its answer, as a line of the query log.
///
/// Text throughout: this room knows no DNS.
package struct QueryLogEntry: Sendable {
    /// The client's address and port.
    package var client = ""
    package var clientPort: UInt16 = 0
    /// The address that was asked.
    package var server = ""
    /// The query name with its final dot, as it was asked.
    package var name = "."
    package var type = ""
    package var queryClass = "IN"
    /// `udp`, `tcp`, `tls` or `https`.
    package var transport = "udp"
    package var id: UInt16 = 0
    /// Octets of the query.
    package var querySize = 0
    /// Whether the client asked for recursion (RD).
    package var wantsRecursion = false
    /// The client's EDNS version; nil without EDNS.
    package var ednsVersion: Int?
    /// The UDP payload that the client takes.
    package var payload = 512
    package var wantsDNSSEC = false
    package var checkingDisabled = false
    /// The key that signed the query; nil when none did.
    package var key: String?
    /// Whether the query had a client cookie, and whether its server cookie was ours.
    package var hasCookie = false
    package var hasValidCookie = false
    /// The response code's mnemonic; nil when nothing was answered.
    package var responseCode: String?
    /// Flags of the response that are set: `qr`, `aa`, `tc`, `rd`, `ra`, `ad`, `cd`.
    package var flags: [String] = []
    /// Octets of the response.
    package var responseSize = 0
    /// Nanoseconds from the query to its response.
    package var nanoseconds = 0
    /// Where the answer came from: `zone`, `cache`, `recursion`, `local`; empty when nobody says.
    package var source = ""
    /// The extended error's text; nil without one.
    package var extendedError: String?

    package init() {}
}

extension QueryLogEntry {
    /// The line in `format`, without a line feed.
    ///
    /// - Parameter time: seconds and nanoseconds since 1970.
    package func line(_ format: QueryLogFormat, time: (seconds: Int, nanoseconds: Int)) -> String {
        switch format {
        case .text:
            LogLine(time: time, level: .info, subsystem: "query", message: name, fields: fields).text()
        case .json: LogLine(time: time, level: .info, subsystem: "query", message: name, fields: fields).json
        case .bind: bind(time)
        case .coredns: coreDNS
        }
    }

    private var fields: [(key: String, value: String)] {
        var list = [
            (key: "client", value: client), (key: "port", value: "\(clientPort)"),
            (key: "class", value: queryClass),
            (key: "type", value: type), (key: "proto", value: transport), (key: "id", value: "\(id)"),
        ]
        if let responseCode {
            list += [
                (key: "rcode", value: responseCode), (key: "flags", value: flags.joined(separator: ",")),
                (key: "size", value: "\(responseSize)"), (key: "seconds", value: seconds),
            ]
        }
        if wantsDNSSEC { list.append((key: "do", value: "1")) }
        if let key { list.append((key: "key", value: key)) }
        if !source.isEmpty { list.append((key: "source", value: source)) }
        if let extendedError { list.append((key: "ede", value: extendedError)) }
        return list
    }

    /// Seconds with nine decimals.
    private var seconds: String {
        "\(nanoseconds / 1_000_000_000)." + String(1_000_000_000 + nanoseconds % 1_000_000_000).dropFirst()
    }

    /// As BIND 9 logs its category `queries`: flags `+` RD, `S` signed, `E(n)` EDNS, `T` TCP, `D` DO, `C` CD, `V` or `K`
    /// a cookie that is ours or not.
    private func bind(_ time: (seconds: Int, nanoseconds: Int)) -> String {
        var marks = wantsRecursion ? "+" : "-"
        if key != nil { marks += "S" }
        if let ednsVersion { marks += "E(\(ednsVersion))" }
        if transport != "udp" { marks += "T" }
        if wantsDNSSEC { marks += "D" }
        if checkingDisabled { marks += "C" }
        if hasCookie { marks += hasValidCookie ? "V" : "K" }
        let bare = name == "." || !name.hasSuffix(".") ? name : String(name.dropLast())
        let signer = key.map { "/key \($0.hasSuffix(".") ? String($0.dropLast()) : $0)" } ?? ""
        let moment = UTCTime(seconds: time.seconds).bindDescription(
            milliseconds: time.nanoseconds / 1_000_000)
        return
            "\(moment) queries: info: client @0x0 \(client)#\(clientPort)\(signer) (\(bare)): query: \(bare) "
            + "\(queryClass) \(type) \(marks) (\(server))"
    }

    /// As CoreDNS's plugin `log` writes its format `common`.
    private var coreDNS: String {
        let host = client.contains(":") ? "[\(client)]" : client
        let code = responseCode ?? "-"
        let marks = flags.isEmpty ? "-" : flags.joined(separator: ",")
        return
            "[INFO] \(host):\(clientPort) - \(id) \"\(type) \(queryClass) \(name) \(transport) \(querySize) "
            + "\(wantsDNSSEC) \(payload)\" \(code) \(marks) \(responseSize) \(seconds)s"
    }
}

extension UTCTime {
    /// `21-Nov-2026 08:42:55.123`, as BIND writes time.
    fileprivate func bindDescription(milliseconds: Int) -> String {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let rest = description(milliseconds: milliseconds).split(separator: "T").last?.dropLast() ?? ""
        let date = day < 10 ? "0\(day)" : "\(day)"
        return "\(date)-\(months[month - 1])-\(year) \(rest)"
    }
}

extension Log {
    /// Writes one line of the query log; never waits for its reader.
    package static func query(_ entry: QueryLogEntry, format: QueryLogFormat) {
        LogSink.standardError.write(Array(entry.line(format, time: Clock.wall).utf8) + [0x0a])
    }
}
