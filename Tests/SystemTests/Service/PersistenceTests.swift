import Foundation
import Testing

@Suite("What stays over a restart")
struct PersistenceTests {
    @Test("The cache: warm after a stop, ignored when it is damaged or trust has changed")
    func cache() throws {
        let pair = try ResolverPair(
            "cache: { persist: true, size: 16MiB, serve-stale: { enabled: false } }")
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        #expect(try pair.ask("missing.up.example") == "NXDOMAIN")
        try pair.origin.stop()
        try pair.resolver.restart()
        try pair.resolver.process.waitForError("cache read")
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        #expect(try pair.ask("missing.up.example") == "NXDOMAIN")

        // One octet changed.
        try pair.resolver.stop()
        let file = pair.resolver.directory.url.appendingPathComponent("state/cache.snapshot")
        let good = try Data(contentsOf: file)
        var bad = good
        bad[bad.count - 40] ^= 1
        try bad.write(to: file)
        try pair.resolver.restart()
        try pair.resolver.process.waitForError("cache not read: damaged")
        #expect(try pair.ask("www.up.example") != "NOERROR 192.0.2.1")

        // Cut short.
        try pair.resolver.stop()
        try good.prefix(good.count / 2).write(to: file)
        try pair.resolver.restart()
        try pair.resolver.process.waitForError("cache not read: damaged")

        // Other trust anchors.
        try pair.resolver.stop()
        try good.write(to: file)
        try pair.resolver.configure(
            ResolverPair.configuration(
                port: pair.origin.port, "cache: { persist: true, size: 16MiB }"
            ).replacingOccurrences(of: "trust-anchors: []", with: "trust-anchors: builtin"))
        try pair.resolver.restart()
        try pair.resolver.process.waitForError("the trust anchors have changed")

        // Records that would be taken out now.
        try pair.resolver.stop()
        try good.write(to: file)
        try pair.resolver.configure(
            ResolverPair.configuration(
                port: pair.origin.port, "cache: { persist: true, size: 16MiB }"
            ).replacingOccurrences(
                of: "recursion:\n", with: "recursion:\n  private-addresses: [ 192.0.2.0/24 ]\n"))
        try pair.resolver.restart()
        try pair.resolver.process.waitForError("private addresses, stubs or forwarders have changed")
    }

    @Test("toriictl cache save and load; flushing what is negative")
    func commands() throws {
        let pair = try ResolverPair("")
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        #expect(try pair.ask("missing.up.example") == "NXDOMAIN")
        #expect(try pair.resolver.control("cache", "save").status == .exited(0))
        #expect(try pair.resolver.control("cache", "flush", ".", "--tree").status == .exited(0))
        try pair.origin.stop()
        #expect(try pair.resolver.control("cache", "load").status == .exited(0))
        #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
        #expect(try pair.resolver.control("cache", "flush", "--negative").status == .exited(0))
        let shown = try pair.resolver.control("cache", "show", "missing.up.example")
        #expect(shown.output.contains("nothing is cached"), "\(shown)")
        let top = try pair.resolver.control("top", "names")
        #expect(top.output.contains("www.up.example. A"), "\(top)")
        #expect(try pair.resolver.control("top", "clients").output.contains("127.0.0.1"))
    }
}
