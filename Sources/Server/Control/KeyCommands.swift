internal import DNSCore
internal import DNSSecurity
internal import Operations

/// `key list` and `cookie rotate`.
enum KeyCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "key list", summary: "Lists the TSIG keys, and the rules that name them.", isExclusive: false
            ) { _ in list(server) },
            ControlCommand("cookie rotate", summary: "Makes a new secret for DNS cookies.") { _ in
                rotate(server)
            },
        ]
    }

    private static func list(_ server: Server) -> ControlOutcome {
        let configuration = server.configuration
        var rows: [(name: String, algorithm: String, users: [String])] = []
        for key in configuration.keys {
            rows.append(("\(key.name)", key.algorithm.rawValue, users(of: key.name, configuration)))
        }
        let text = rows.map { row in
            "\(row.name) \(row.algorithm) \(row.users.isEmpty ? "unused" : row.users.joined(separator: ", "))"
        }
        let data = rows.map { row -> JSONValue in
            [
                "name": .string(row.name), "algorithm": .string(row.algorithm),
                "usedBy": .array(row.users.map { .string($0) }),
            ]
        }
        return .done(text.isEmpty ? "no keys" : text.joined(separator: "\n"), data: .array(data))
    }

    /// What names the key: `zone example.net. update`.
    private static func users(of name: Name, _ configuration: ServerConfiguration) -> [String] {
        var users: [String] = []
        if configuration.access.query.contains(where: { $0.key == name }) { users.append("access query") }
        if configuration.access.recursion.contains(where: { $0.key == name }) {
            users.append("access recursion")
        }
        for zone in configuration.zones {
            if zone.transfer.contains(where: { $0.key == name }) {
                users.append("zone \(zone.name) transfer")
            }
            if zone.allowNotify.contains(where: { $0.key == name }) {
                users.append("zone \(zone.name) allow-notify")
            }
            if zone.update.contains(where: { $0.key == name }) { users.append("zone \(zone.name) update") }
            if zone.notify.contains(where: { $0.key == name }) { users.append("zone \(zone.name) notify") }
            if zone.primaries.contains(where: { $0.key == name }) {
                users.append("zone \(zone.name) primaries")
            }
        }
        for router in configuration.nts.targets.routers where router.key == name {
            users.append("nts router \(router.address)")
        }
        return users
    }

    private static func rotate(_ server: Server) -> ControlOutcome {
        guard server.configuration.server.cookieSecret == nil else {
            return .failed("server.cookie-secret names the secret; change it there and reload")
        }
        server.core.publication.update {
            $0.cookies.rotate(to: (0..<16).map { _ in UInt8.random(in: 0...255) })
        }
        return .done("rotated; cookies of the old secret stay valid a while")
    }
}
