internal import DNSCore
internal import NTS
internal import Operations

/// What `toriictl router` lists, as text for people and as data.
extension RouterAgent {
    func status() -> ControlOutcome {
        let fields: [(String, JSONValue)] = [
            ("state", .string(isDryRun ? "dry-run" : cache.isPaused ? "paused" : "running")),
            ("hosts", .integer(hosts.count)), ("permissions", .integer(cache.count)),
            ("waiting", .integer(cache.waitingCount)),
            ("denials", .integer(cache.denied.count)),
            ("outside", .array(outsideAddresses.sorted().map { .string("\($0)") })),
            ("opened", .integer(Int(metrics.opened))), ("flows", .integer(Int(metrics.flows))),
        ]
        let text = fields.map { "\($0.0): \($0.1.string ?? $0.1.text)" }.joined(separator: "\n")
        return .done(text, data: .object(fields.map { JSONValue.Member($0.0, $0.1) }))
    }

    func listHosts() -> ControlOutcome {
        let rows = hosts.all.map { entry in
            [
                "\(entry.name)", entry.ipv4.map { "\($0)" } ?? "-", entry.ipv6.map { "\($0)" } ?? "-",
                entry.source.rawValue, entry.expiry == .max ? "-" : "\(entry.expiry &- epoch)s",
            ]
        }
        return table(["name", "ipv4", "ipv6", "source", "expires"], rows)
    }

    func listPermissions(_ shown: [RequestCache.Entry]) -> ControlOutcome {
        let rows = shown.map { entry in
            [
                entry.gn.subjectText, "\(entry.host)", "\(entry.address)", entry.gate.rawValue,
                "\(max(0, (entry.expires - now).components.seconds))s", "\(entry.flows)", "\(entry.server)",
            ]
        }
        return table(["gn", "name", "host", "mode", "expires", "flows", "server"], rows)
    }

    /// The columns of the first paper's Guide Table.
    func guideTable() -> ControlOutcome {
        let rows = cache.open.map { entry in
            let ports = entry.ports.map { "\($0.publicPort)" }.joined(separator: ",")
            return [
                entry.gn.subjectText, "*", "\(entry.address)", ports.isEmpty ? "*" : ports, "\(entry.host)",
            ]
        }
        return table(["source", "source-port", "destination", "destination-port", "host-name"], rows)
    }

    func listDenials() -> ControlOutcome {
        let rows = cache.denied.map { [$0.host.map { "\($0)" } ?? "all", $0.gn?.subjectText ?? "all"] }
        return table(["name", "gn"], rows.sorted { $0.lexicographicallyPrecedes($1) })
    }

    /// Ended permissions by the network that they were for.
    func listAskers() -> ControlOutcome {
        var figures = metrics.askers.all.map { ($0.network.description, $0.figure) }
        let others = metrics.askers.others
        if others.used &+ others.unused > 0 { figures.append(("others", others)) }
        let rows = figures.map { network, figure in
            [network, "\(figure.used)", "\(figure.unused)", "\(figure.open.components.seconds)"]
        }
        return table(["network", "used", "unused", "open-seconds"], rows)
    }

    func table(_ columns: [String], _ rows: [[String]]) -> ControlOutcome {
        let all = [columns] + rows
        let widths = columns.indices.map { column in all.map { $0[column].utf8.count }.max() ?? 0 }
        let text = all.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.utf8.count) }.joined(
                separator: "  "
            )
            .trimmingSpaces
        }
        let data = JSONValue.array(
            rows.map { row in .object(zip(columns, row).map { JSONValue.Member($0, .string($1)) }) })
        return .done(text.joined(separator: "\n"), data: data)
    }
}

extension String {
    /// Without blanks at the end.
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
