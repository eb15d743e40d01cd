internal import DNSCore

/// Answers that servers made for the clients of one subnet (RFC 7871 7.3.1), by question and by the subnet that the
/// servers were told: narrower than the scope that they answered with, never wider.
///
/// One worker's own, since it alone resolves these names.
struct SubnetAnswers {
    /// What an answer was for.
    struct Key: Hashable {
        var name: Name
        var type: RRType
        var subnet: IPPrefix
        var view: UInt16
        /// DO and CD of the query.
        var options: QueryOptions

        init(_ question: Question, _ subnet: IPPrefix, view: UInt16, options: QueryOptions) {
            name = question.name.lowercased
            type = question.type
            self.subnet = subnet
            self.view = view
            self.options = options.intersection([.wantsDNSSEC, .checkingDisabled])
        }
    }

    private struct Entry {
        var answer: ResolverAnswer
        /// Seconds of the monotonic clock.
        var storedAt: UInt32
        var expiresAt: UInt32
    }

    private var entries: [Key: Entry] = [:]
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Keeps an answer for `ttl` seconds.
    ///
    /// - Returns: false when expired answers had to go, and all others as well, to make room.
    mutating func store(_ answer: ResolverAnswer, for key: Key, ttl: UInt32, at now: UInt32) -> Bool {
        guard ttl > 0 else { return true }
        var hadRoom = true
        if entries.count >= limit, entries[key] == nil {
            entries = entries.filter { $0.value.expiresAt > now }
            if entries.count >= limit {
                entries.removeAll(keepingCapacity: true)
                hadRoom = false
            }
        }
        entries[key] = Entry(answer: answer, storedAt: now, expiresAt: now &+ ttl)
        return hadRoom
    }

    /// The answer for a key, its TTLs counted down; nil when there is none.
    func answer(for key: Key, at now: UInt32) -> ResolverAnswer? {
        guard let entry = entries[key], entry.expiresAt > now else { return nil }
        var answer = entry.answer
        answer.sections.countDownTTLs(by: now > entry.storedAt ? now - entry.storedAt : 0)
        return answer
    }

    mutating func removeAll() { entries.removeAll() }
}
