import DNSCore
import Testing

@testable import Resolver

@Suite struct CacheTests {
    static func makeCache(_ size: Int = 1 << 20) throws -> ResolverCache {
        var configuration = CacheConfiguration()
        configuration.size = size
        return try ResolverCache(configuration: configuration)
    }

    /// The payload kept for a name, if any.
    func payload(
        _ cache: ResolverCache, _ text: String, _ kind: CacheKind = .set, _ type: RRType = .a, at now: UInt32,
        staleAge: UInt32 = 0
    ) throws -> [UInt8]? {
        var key = NameKey()
        key.load(try Name(text))
        return cache.entry(kind, for: key, type: type, at: now, staleAge: staleAge)?.payload
    }

    @discardableResult
    func store(
        _ cache: ResolverCache, _ text: String, _ type: RRType = .a, _ meta: CacheMeta, _ payload: [UInt8],
        keepsBetter: Bool = false, at now: UInt32
    ) throws -> Bool {
        var key = NameKey()
        key.load(try Name(text))
        return cache.store(
            .set, for: key, type: type, meta: meta, payload: payload, keepsBetter: keepsBetter, at: now)
    }

    @Test("A stored set comes back until its time is over, and as stale after that")
    func storesAndExpires() throws {
        let cache = try Self.makeCache()
        let name = "www.example.com."
        #expect(try store(cache, name, .a, CacheMeta(storedAt: 100, ttl: 60), [1, 2, 3], at: 100))
        #expect(try payload(cache, name, at: 159) == [1, 2, 3])
        #expect(try payload(cache, name, .set, .aaaa, at: 159) == nil)
        #expect(try payload(cache, name, .negative, at: 159) == nil)
        #expect(try payload(cache, name, at: 160) == nil)
        #expect(try payload(cache, name, at: 160, staleAge: 10) != nil)
        #expect(try payload(cache, "WWW.Example.COM.", at: 110) != nil)
    }

    @Test("A less credible set does not replace a living better one")
    func keepsCredibility() throws {
        let cache = try Self.makeCache()
        let name = "www.example.com."
        var meta = CacheMeta(storedAt: 100, ttl: 60)
        meta.credibility = .validated
        try store(cache, name, .a, meta, [1], keepsBetter: true, at: 100)
        meta.credibility = .additional
        #expect(try !store(cache, name, .a, meta, [2], keepsBetter: true, at: 120))
        #expect(try payload(cache, name, at: 120) == [1])
        #expect(try store(cache, name, .a, CacheMeta(storedAt: 160, ttl: 9), [2], keepsBetter: true, at: 160))
    }

    @Test("A full cache stays within its memory, keeps what is used and drops the rest")
    func secondChance() throws {
        let cache = try Self.makeCache(1 << 20)
        let meta = CacheMeta(storedAt: 100, ttl: 3600)
        try store(cache, "hot.example.com.", .a, meta, [7], at: 100)
        var key = NameKey()
        for index in 0..<60_000 {
            key.load(try Name("n\(index).example.com."))
            cache.store(
                .set, for: key, type: .a, meta: meta, payload: [UInt8](repeating: 1, count: 64), at: 100)
            if index % 100 == 0 { #expect(try payload(cache, "hot.example.com.", at: 100) == [7]) }
        }
        let statistics = cache.statistics
        #expect(statistics.octets <= statistics.capacity)
        #expect(statistics.evictions > 40_000)
        #expect(statistics.rescues > 0)
        #expect(statistics.entries > 1000)
    }

    @Test("Entries of every size survive many turns of the ring intact")
    func manyTurns() throws {
        let cache = try Self.makeCache(1 << 20)
        var key = NameKey()
        let meta = CacheMeta(storedAt: 100, ttl: 3600)
        var found = 0
        for index in 0..<20_000 {
            key.load(try Name("n\(index).example.com."))
            let size = index &* 7919 % 3000
            let payload = [UInt8](repeating: UInt8(index & 0xff), count: size)
            cache.store(.set, for: key, type: .a, meta: meta, payload: payload, at: 100)
            key.load(try Name("n\(index / 2 + index / 3).example.com."))
            if let entry = cache.entry(.set, for: key, type: .a, at: 100) {
                found += 1
                let expected = index / 2 + index / 3
                #expect(entry.payload.count == expected &* 7919 % 3000)
                #expect(entry.payload.allSatisfy { $0 == UInt8(expected & 0xff) })
            }
        }
        #expect(found > 10)
    }

    @Test("Flushing takes a name, a type, or a tree, and nothing else")
    func flushes() throws {
        let cache = try Self.makeCache()
        let meta = CacheMeta(storedAt: 100, ttl: 3600)
        for name in ["example.com.", "www.example.com.", "a.www.example.com.", "example.net."] {
            for type in [RRType.a, .aaaa] {
                try store(cache, name, type, meta, [1], at: 100)
            }
        }
        #expect(cache.flush(.set(try Name("example.com."), .a)) == 1)
        #expect(cache.flush(.name(try Name("EXAMPLE.com."))) == 1)
        #expect(cache.flush(.tree(try Name("www.example.com."))) == 4)
        #expect(try payload(cache, "example.net.", at: 100) != nil)
        #expect(cache.flush(.everything) == 2)
        #expect(cache.statistics.entries == 0)
    }

    @Test("A whole answer is given with its TTLs counted down, only to those it is good for")
    func wholeAnswers() throws {
        let cache = try Self.makeCache()
        let question = Question(name: try Name("www.example.com."), type: .a)
        var set = RecordSet(owner: question.name, type: .a, ttl: 300)
        set.data.append([192, 0, 2, 1])
        set.data.append([192, 0, 2, 2])
        let sections = AnswerWriter().write(question, answer: [set], withSignatures: false)
        var meta = CacheMeta(storedAt: 100, ttl: 300)
        meta.answers = 2
        meta.audience = [.plain, .checkingDisabled]
        meta.security = .secure
        var key = NameKey()
        key.load(question.name)
        cache.store(
            .answer, for: key, type: .a, meta: meta, payload: sections.octets,
            ttlOffsets: AnswerWriter.ttlOffsets(sections), at: 100)
        var composer = MessageComposer()
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
        defer { memory.deallocate() }
        func begin() {
            composer.begin(in: memory, limit: 512)
            composer.writeHeader(id: 7, flags: [.response])
            composer.append(question)
        }
        begin()
        func ask(_ options: QueryOptions = [], at now: UInt32) -> ResolverCache.Hit? {
            cache.answer(to: key, type: .a, options: options, at: now, into: &composer)
        }
        #expect(ask(.wantsDNSSEC, at: 150) == nil)
        let hit = try #require(ask(at: 150))
        #expect(hit.isAuthentic && !hit.isTruncated && !hit.wantsPrefetch)
        let length = composer.count
        let message = try Message(parsing: Array(memory[..<length]))
        #expect(message.answers.map(\.ttl) == [250, 250])
        #expect(message.answers.map(\.data) == set.data.recordData)
        begin()
        #expect(ask(at: 380)?.wantsPrefetch == true)
        #expect(ask(at: 400) == nil)
        composer.begin(in: memory, limit: 40)
        composer.writeHeader(id: 7, flags: [.response])
        composer.append(question)
        let tight = try #require(ask(at: 150))
        #expect(tight.isTruncated)
        let records = composer.recordCount(in: .answer)
        #expect(records == 0)
    }

    @Test("Readers never see a torn entry while a writer works")
    func racingReaders() async throws {
        let cache = try Self.makeCache(1 << 20)
        let meta = CacheMeta(storedAt: 100, ttl: 3600)
        await withTaskGroup(of: Int.self) { group in
            for writer in 0..<2 {
                group.addTask {
                    var key = NameKey()
                    for round in 0..<40_000 {
                        let index = (round &* 31 &+ writer) % 500
                        guard let name = try? Name("n\(index).example.com.") else { continue }
                        key.load(name)
                        let octet = UInt8(truncatingIfNeeded: round)
                        cache.store(
                            .set, for: key, type: .a, meta: meta,
                            payload: [UInt8](repeating: octet, count: 40 + round % 900), at: 100)
                    }
                    return 0
                }
            }
            group.addTask {
                var key = NameKey()
                var torn = 0
                for round in 0..<80_000 {
                    guard let name = try? Name("n\(round % 500).example.com.") else { continue }
                    key.load(name)
                    guard let entry = cache.entry(.set, for: key, type: .a, at: 100) else { continue }
                    if !entry.payload.allSatisfy({ $0 == entry.payload[0] }) { torn += 1 }
                }
                return torn
            }
            for await torn in group { #expect(torn == 0) }
        }
    }
}
