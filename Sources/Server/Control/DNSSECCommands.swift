internal import DNSCore
internal import Operations
internal import Resolver
internal import Synchronization
internal import Transport

/// `dnssec ...`: trust anchors, and names below which nothing is validated (RFC 7646).
enum DNSSECCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        let added = NegativeAnchors(server)
        return [
            ControlCommand(
                "dnssec anchors", summary: "Lists the configured trust anchors.", isExclusive: false
            ) { _ in anchors(server) },
            ControlCommand(
                "dnssec nta list", summary: "Lists the names below which nothing is validated.",
                isExclusive: false
            ) { _ in
                let names = added.names
                let text = names.isEmpty ? "none" : names.map { "\($0)" }.joined(separator: "\n")
                return .done(text, data: .array(names.map { .string("\($0)") }))
            },
            ControlCommand(
                "dnssec nta add", usage: "dnssec nta add NAME",
                summary: "Validates nothing at and below a name, until the next reload."
            ) { request in
                guard let name = request.arguments.first.flatMap({ try? Name($0) }) else {
                    return .badUsage("usage: dnssec nta add NAME")
                }
                return added.change(flushing: name) { $0.insert(name) }
            },
            ControlCommand(
                "dnssec nta clear", usage: "dnssec nta clear [NAME]",
                summary:
                    "Validates again below a name, or below all; those of the configuration too, until the next reload."
            ) { request in
                guard let text = request.arguments.first else {
                    return added.change(flushing: .root) { $0.removeAll() }
                }
                guard let name = try? Name(text) else { return .badUsage("\(text) is not a name") }
                guard added.names.contains(name) else { return .failed("\(name) is not one of them") }
                return added.change(flushing: name) { $0.remove(name) }
            },
        ]
    }

    private static func anchors(_ server: Server) -> ControlOutcome {
        guard server.configuration.recursion.enabled, server.configuration.dnssec.validation else {
            return .failed("nothing is validated")
        }
        do throws(ServerError) {
            let records = try ResolverConfiguration(server.configuration).validation.trustAnchors
            let lines = records.map { "\($0)" }
            return .done(
                lines.isEmpty ? "none: everything is insecure" : lines.joined(separator: "\n"),
                data: .array(lines.map { .string($0) }))
        } catch {
            return .failed("\(error)")
        }
    }
}

/// The negative trust anchors in force: those of the configuration, as the control channel has changed them since.
private final class NegativeAnchors: Sendable {
    private let server: Server
    /// The names, and the reload after which they are no longer in force.
    private let state: Mutex<(names: Set<Name>, reload: Int)>

    init(_ server: Server) {
        self.server = server
        state = Mutex((Set(server.configuration.dnssec.negativeTrustAnchors), server.reloadCount))
    }

    var names: [Name] {
        state.withLock { state in
            refresh(&state)
            return state.names.sorted()
        }
    }

    private func refresh(_ state: inout (names: Set<Name>, reload: Int)) {
        guard state.reload != server.reloadCount else { return }
        state = (Set(server.configuration.dnssec.negativeTrustAnchors), server.reloadCount)
    }

    /// Puts changed names in force and forgets what was learnt at and below `name`.
    func change(flushing name: Name, _ body: (inout Set<Name>) -> Void) -> ControlOutcome {
        guard let cache = server.core.cache else { return .failed("recursion is off: nothing is validated") }
        let names = state.withLock { state in
            refresh(&state)
            body(&state.names)
            return state.names.sorted()
        }
        do throws(ServerError) {
            try server.replaceNegativeAnchors(names)
        } catch {
            return .failed("\(error)")
        }
        let count = cache.flush(.tree(name))
        return .done("\(names.count) in force; flushed \(count) entries at and below \(name)")
    }
}
