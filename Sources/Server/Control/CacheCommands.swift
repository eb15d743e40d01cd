internal import DNSCore
internal import Operations
internal import Resolver

/// `cache ...`.
enum CacheCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "cache flush", usage: "cache flush NAME [--tree] [--type TYPE]",
                summary: "Forgets what is cached for a name."
            ) { request in flush(request, server) }
        ]
    }

    private static func flush(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let cache = server.core.cache else { return .failed("recursion is off: nothing is cached") }
        guard let text = request.arguments.first, let name = try? Name(text) else {
            return .badUsage("usage: cache flush NAME [--tree] [--type TYPE]")
        }
        if request.has("tree") {
            let count = cache.flush(.tree(name))
            return .done("flushed \(count) entries at and below \(name)")
        }
        if let word = request.options["type"] {
            guard let type = RRType(mnemonic: word) else { return .badUsage("\(word) is not a type") }
            return .done("flushed \(cache.flush(.set(name, type))) entries of \(name) \(type)")
        }
        return .done("flushed \(cache.flush(.name(name))) entries of \(name)")
    }
}
