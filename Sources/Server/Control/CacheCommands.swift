internal import DNSCore
internal import Operations
internal import Resolver

/// `cache ...`.
enum CacheCommands {
    static func commands(_ server: Server) -> [ControlCommand] {
        [
            ControlCommand(
                "cache flush", usage: "cache flush [NAME] [--tree] [--type TYPE] [--bogus] [--negative]",
                summary: "Forgets what is cached for a name, or all that is bogus or negative."
            ) { request in flush(request, server) },
            ControlCommand(
                "cache show", usage: "cache show NAME [--tree] [--type TYPE]",
                summary: "Prints what is cached for a name.",
                isExclusive: false
            ) { request in show(request, server) },
            ControlCommand("cache save", summary: "Writes the cache to the state directory.") { _ in
                save(server)
            },
            ControlCommand("cache load", summary: "Reads what `cache save` or the last stop wrote.") { _ in
                load(server)
            },
            ControlCommand("cache dump", summary: "Prints everything that is cached.", isExclusive: false) {
                (_: ControlRequest, reply: ControlReply) in
                guard let cache = server.core.cache else {
                    return .failed("recursion is off: nothing is cached")
                }
                for line in cache.lines(of: .root, isTree: true, at: WallClock.moment) where !reply.line(line)
                { break }
                return .done()
            },
        ]
    }

    private static func save(_ server: Server) -> ControlOutcome {
        guard let cache = server.core.cache, let file = server.cacheFile() else {
            return .failed("recursion is off: nothing is cached")
        }
        do {
            return .done("wrote \(try file.save(cache)) octets to \(file.path)")
        } catch {
            return .failed("\(error)")
        }
    }

    private static func load(_ server: Server) -> ControlOutcome {
        guard let cache = server.core.cache, let file = server.cacheFile() else {
            return .failed("recursion is off: nothing is cached")
        }
        do throws(CacheFile.Fault) {
            return .done("read \(try file.load(into: cache)) entries from \(file.path)")
        } catch {
            return .failed("\(file.path): \(error)")
        }
    }

    private static func show(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let cache = server.core.cache else { return .failed("recursion is off: nothing is cached") }
        guard let text = request.arguments.first, let name = try? Name(text) else {
            return .badUsage("usage: cache show NAME [--tree] [--type TYPE]")
        }
        let type = request.options["type"].flatMap { RRType(mnemonic: $0) }
        let lines = cache.lines(of: name, isTree: request.has("tree"), type: type, at: WallClock.moment)
        return .done(lines.isEmpty ? "nothing is cached for \(name)" : lines.joined(separator: "\n"))
    }

    private static func flush(_ request: ControlRequest, _ server: Server) -> ControlOutcome {
        guard let cache = server.core.cache else { return .failed("recursion is off: nothing is cached") }
        if request.has("bogus") {
            return .done("flushed \(cache.flush(.bogus)) entries that did not validate")
        }
        if request.has("negative") { return .done("flushed \(cache.flush(.negative)) negative entries") }
        guard let text = request.arguments.first, let name = try? Name(text) else {
            return .badUsage("usage: cache flush NAME [--tree] [--type TYPE], or --bogus, or --negative")
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
