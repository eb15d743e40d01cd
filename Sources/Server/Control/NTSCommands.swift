internal import DNSCore
internal import NTS
internal import Operations
internal import Transport

/// `nts ...`: what waits for routers, and what is known of them.
enum NTSCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "nts status", summary: "Tells how the negotiation is.", isExclusive: false
            ) { _ in status(server) },
            ControlCommand(
                "nts holds", usage: "nts holds [COUNT]",
                summary: "Lists the notifications under way, oldest first.",
                isExclusive: false
            ) { request in holds(request, server) },
            ControlCommand(
                "nts targets", usage: "nts targets [COUNT]",
                summary: "Lists the targets remembered as NTS routers, or as none.", isExclusive: false
            ) { request in targets(request, server) },
            ControlCommand(
                "nts routers",
                summary: "Lists the routers of the configuration and those that have announced themselves.",
                isExclusive: false
            ) { _ in routers(server) },
            ControlCommand(
                "nts forget", usage: "nts forget ADDRESS",
                summary: "Forgets that a target is no NTS router."
            ) { request in forget(request, server) },
        ]
    }

    private static let off = ControlOutcome.failed(
        "the configuration has no nts section, and no zone with nts: true")

    /// The count that a request names; nil for a word that is none.
    private static func limit(_ request: ControlRequest) -> Int? {
        guard let word = request.arguments.first else { return 1000 }
        return Int(word).flatMap { (1...10_000_000).contains($0) ? $0 : nil }
    }

    private static func now() -> Duration {
        .nanoseconds(Int64(clamping: MonotonicTime.now().nanoseconds))
    }

    private static func status(_ server: Server) -> ControlOutcome {
        guard let first = server.core.workers.first,
            let figures = first.ask({ worker in
                worker.ntsDesk.map { ($0.metrics, $0.holdCount, $0.negotiationCount, $0.clientMapCount) }
            }) ?? nil
        else { return off }
        let (metrics, holds, negotiations, clients) = figures
        let memory = server.core.targetMemory
        let rows: [(String, String, Int)] = [
            ("answers held", "holds", holds),
            ("notifications under way", "negotiations", negotiations),
            ("answers held since the start", "held", Int(clamping: metrics.held)),
            ("opened", "responses", Int(clamping: metrics.responses)),
            ("refused", "refusals", Int(clamping: metrics.refusals)),
            ("timed out", "timeouts", Int(clamping: metrics.timeouts)),
            ("clients asked for proof", "validations", Int(clamping: metrics.validations)),
            (
                "clients without a known address", "unknownClientAddress",
                Int(clamping: metrics.unknownClientAddress &+ server.core.sum(.holdsUnknownClient))
            ),
            ("targets known as routers", "knownRouters", memory.knownCount),
            ("routers that announced themselves", "registeredRouters", memory.registrationCount),
            ("targets known as none", "silentTargets", memory.negativeCount),
            ("clients with an address of the other family", "clientMap", clients),
        ]
        return .done(
            rows.map { "\($0.0): \($0.2)" }.joined(separator: "\n"),
            data: .object(rows.map { .init($0.1, .integer($0.2)) }))
    }

    private static func holds(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let limit = limit(request) else { return .badUsage("nts holds [COUNT]") }
        guard let first = server.core.workers.first,
            let list = first.ask({ $0.ntsDesk?.pending(limit: limit) }) ?? nil
        else { return off }
        let lines = list.map { one in
            "\(milliseconds(one.age)) ms  \(one.gn)  \(one.host)  \(one.router)  \(one.form.rawValue)  "
                + "sent \(one.attempts)  waiting \(one.waiting)\(one.isPending ? "  pending" : "")"
        }
        let data = list.map { one -> JSONValue in
            [
                "gn": .string("\(one.gn)"), "host": .string("\(one.host)"),
                "router": .string("\(one.router)"),
                "form": .string(one.form.rawValue), "milliseconds": .integer(milliseconds(one.age)),
                "sent": .integer(one.attempts), "waiting": .integer(one.waiting),
                "pending": .bool(one.isPending),
            ]
        }
        return .done(lines.isEmpty ? "nothing is held" : lines.joined(separator: "\n"), data: .array(data))
    }

    private static func targets(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let limit = limit(request) else { return .badUsage("nts targets [COUNT]") }
        let moment = now()
        let list = server.core.targetMemory.standings(limit: limit, now: moment)
        let lines = list.map { one in
            "\(one.address)  \(one.isRouter ? "router" : "none")  for \((one.expiry - moment).components.seconds) s"
        }
        let data = list.map { one -> JSONValue in
            [
                "address": .string("\(one.address)"), "isRouter": .bool(one.isRouter),
                "seconds": .integer(Int((one.expiry - moment).components.seconds)),
            ]
        }
        return .done(
            lines.isEmpty ? "no target is remembered" : lines.joined(separator: "\n"), data: .array(data))
    }

    private static func routers(_ server: Server) -> ControlOutcome {
        let moment = now()
        let running = server.core.targetMemory.negotiationsByRouter
        var lines: [String] = []
        var data: [JSONValue] = []
        func add(
            _ endpoint: IPEndpoint, _ form: NTSConfiguration.Form, _ key: Name?, _ prefixes: [IPPrefix],
            seconds: Int?
        ) {
            let count = running[endpoint.address] ?? 0
            lines.append(
                "\(endpoint)  \(form.rawValue)\(key.map { "  key \($0)" } ?? "")"
                    + "\(prefixes.isEmpty ? "" : "  behind it \(prefixes.map { "\($0)" }.joined(separator: ", "))")"
                    + "  \(seconds.map { "announced, for \($0) s" } ?? "configured")  under way \(count)")
            data.append([
                "address": .string("\(endpoint.address)"), "port": .integer(Int(endpoint.port)),
                "form": .string(form.rawValue), "key": key.map { .string("\($0)") } ?? .null,
                "prefixes": .array(prefixes.map { .string("\($0)") }),
                "source": .string(seconds == nil ? "configuration" : "announcement"),
                "seconds": seconds.map { .integer($0) } ?? .null, "negotiations": .integer(count),
            ])
        }
        for router in server.core.publication.state.nts?.targets.routers ?? [] {
            add(
                IPEndpoint(router.address, port: router.port), router.form, router.key, router.prefixes,
                seconds: nil)
        }
        let announced = server.core.targetMemory.registeredRouters.entries.values.filter {
            $0.expiry > moment
        }
        for one in announced.sorted(by: { $0.route.endpoint.address < $1.route.endpoint.address }) {
            add(
                one.route.endpoint, one.route.form, one.route.key, one.prefixes,
                seconds: Int((one.expiry - moment).components.seconds))
        }
        return .done(lines.isEmpty ? "no router is known" : lines.joined(separator: "\n"), data: .array(data))
    }

    private static func forget(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let address = request.arguments.first.flatMap({ IPAddress($0) }) else {
            return .badUsage("nts forget ADDRESS")
        }
        server.core.targetMemory.forget(address)
        return .done("\(address) is asked again")
    }

    private static func milliseconds(_ duration: Duration) -> Int { Int(duration / .milliseconds(1)) }
}
