internal import DNSCore
internal import NTS
internal import Resolver
internal import Transport

/// What a query that comes down the pipeline once more has waited for.
///
/// Empty for a new query.
struct Resumption {
    /// The recursive answer.
    var resolved: ResolverAnswer?
    /// An alias of ours leads out of our zones: its target is being resolved.
    var waitsForTarget = false
    /// What its target resolved to.
    var target: ResolverAnswer?
    /// What the routers said.
    var negotiated: NegotiationOutcome?
    /// The client must prove its address first: answered with TC.
    var mustValidate = false
    /// The response is just this code: an update, or a failure on the way.
    var verdict: Verdict?

    /// A response without records, with its reason.
    struct Verdict {
        var code: ResponseCode
        var extendedError: ExtendedError?
        var text = ""
    }

    /// Takes in what the resolver found.
    mutating func accept(_ answer: ResolverAnswer) {
        if waitsForTarget { target = answer } else { resolved = answer }
    }

    /// A new query.
    static let none = Resumption()

}

/// What a query has waited for, behind one reference: a new query, which is most of them, carries none.
final class ResumedQuery {
    let state: Resumption

    init(_ state: Resumption) {
        self.state = state
    }
}

/// A query that waits.
struct Waiting {
    /// Its octets: the pipeline reads them again when it goes on.
    var query: [UInt8]
    var peer: Peer
    var since: MonotonicTime
    /// What it has waited for before, kept for the next stage; nil for most.
    var resumed: ResumedQuery?
}

extension Worker {
    /// Takes a query in to wait.
    ///
    /// - Returns: its token; nil when too many wait already: the client gets SERVFAIL.
    func hold(_ query: borrowing RawSpan, _ peer: Peer, _ resumed: ResumedQuery?) -> QueryToken? {
        guard let octets = query.copy(0..<query.byteCount) else { return nil }
        let client = IPAddress(peer.address).tally
        let limit = peer.transport.isConnected ? state.pendingPerClient * 10 : state.pendingPerClient
        guard pending.count(of: client) < limit else {
            counters.count(.pendingClientFull)
            return nil
        }
        let waiting = Waiting(query: octets, peer: peer, since: now, resumed: resumed)
        let token = pending.insert(waiting, client: client)
        if token == nil { counters.count(.pendingFull) }
        return token
    }

    /// Whether a late answer would be one of many that a victim gets at once (DNSBomb).
    ///
    /// A client that waits for few answers gets each of them, however late.
    private func isTooLate(_ waiting: Waiting) -> Bool {
        guard !waiting.peer.transport.isConnected, now - waiting.since > state.discardTimeout else {
            return false
        }
        return pending.count(of: IPAddress(waiting.peer.address).tally) >= state.discardBurst
    }

    /// Takes an answer in that waits for routers, in a table of its own, so that routers that do not answer leave room
    /// for everything else.
    ///
    /// - Returns: its token; nil when too many wait already.
    func holdForRouters(_ query: borrowing RawSpan, _ peer: Peer, _ resumed: ResumedQuery?) -> QueryToken? {
        guard let octets = query.copy(0..<query.byteCount) else { return nil }
        return held.insert(
            Waiting(query: octets, peer: peer, since: now, resumed: resumed),
            client: IPAddress(peer.address).tally)
    }

    /// Sends the query behind `token` down the pipeline again, with what `change` adds to what it has waited for.
    func resume(_ token: QueryToken, _ change: (inout Resumption) -> Void) {
        guard let waiting = pending.remove(token) else { return }
        guard !isTooLate(waiting) else {
            counters.count(.discardedLate)
            return loop.dismiss(waiting.peer)
        }
        resume(waiting, change)
    }

    /// The same for an answer that has waited for routers.
    func resumeHeld(_ token: QueryToken, _ change: (inout Resumption) -> Void) {
        if let waiting = held.remove(token) { resume(waiting, change) }
    }

    private func resume(_ waiting: Waiting, _ change: (inout Resumption) -> Void) {
        var resumption = waiting.resumed?.state ?? .none
        change(&resumption)
        let capacity = unsafe waiting.peer.transport == .udp ? min(4096, scratch.count) : scratch.count
        let memory = unsafe UnsafeMutableRawBufferPointer(rebasing: scratch[..<capacity])
        let disposition = unsafe waiting.query.withUnsafeBytes { raw in
            let result = unsafe answer(
                RawSpan(_unsafeBytes: raw), from: waiting.peer, into: memory,
                resumed: ResumedQuery(resumption))
            unsafe log(raw, result, memory, from: waiting.peer, since: waiting.since)
            return result
        }
        if disposition != .deferred {
            counters.count(latency: (now.nanoseconds &- waiting.since.nanoseconds) / 1000)
        }
        switch disposition {
        case .respond(let length):
            unsafe loop.send(UnsafeRawBufferPointer(rebasing: memory[..<length]), to: waiting.peer)
        case .deferred: break
        case .drop: loop.dismiss(waiting.peer)
        case .close: loop.close(waiting.peer)
        }
    }
}

extension IPAddress {
    /// What tells clients apart in ``PendingQueries``: addresses of one IPv6 network of 64 bits are one client.
    var tally: UInt64 { isIPv6 ? high : low }
}
