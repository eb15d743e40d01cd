package import DNSCore

/// What is cached, in words for people.
extension ResolverCache {
    /// One line for each live entry of `name`, or of all names at and below it.
    ///
    /// Walks through the whole cache, shard by shard: for the control channel.
    package func lines(of name: Name, isTree: Bool = false, type: RRType? = nil, at now: Moment) -> [String] {
        var lines: [String] = []
        forEachEntry { owner, entryType, kind, entry in
            guard isTree ? owner.isAtOrBelow(name) : owner == name, type == nil || type == entryType else {
                return
            }
            let left = entry.meta.remaining(at: now.seconds)
            let facts = "\(left)s \(kind) \(entry.meta.security) \(entry.meta.responseCode)"
            let counts = "\(entry.meta.answers)/\(entry.meta.authorities)/\(entry.meta.additionals)"
            lines.append("\(owner) \(entryType) \(facts) records \(counts), \(entry.payload.count) octets")
        }
        return lines.sorted()
    }
}
