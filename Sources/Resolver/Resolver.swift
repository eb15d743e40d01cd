package import DNSCore

/// One worker's recursive resolver: events go in, actions come out; it opens no socket and reads no clock.
///
/// Not `Sendable`: belongs to its worker's thread. After each call the caller carries out ``drainActions(_:)`` and
/// arranges to call ``advance(to:)`` at ``nextDeadline``.
package final class Resolver {
    package let configuration: ResolverConfiguration
    package let cache: ResolverCache
    package internal(set) var metrics = ResolverMetrics()
    var actions: [ResolverAction] = []

    package init(configuration: ResolverConfiguration, cache: ResolverCache) {
        self.configuration = configuration
        self.cache = cache
    }

    /// Takes on a client's question. The answer comes as ``ResolverAction/answer(token:_:)``, often at once.
    package func start(
        _ question: Question, options: QueryOptions, token: UInt64, client: IPAddress? = nil,
        view: UInt16 = 0,
        at now: Moment
    ) {
        metrics.queries += 1
        actions.append(.answer(token: token, ResolverAnswer(.serverFailure)))
    }

    /// Forgets a client: no answer for this token will come any more.
    package func abandon(token: UInt64) {}

    /// A message came on the socket of `upstream`. Whether it is the response is judged here; junk does not end the wait.
    package func receive(
        upstream: UpstreamID, octets: borrowing RawSpan, from server: IPEndpoint, at now: Moment
    ) {}

    /// A question failed without a message.
    package func failed(upstream: UpstreamID, reason: UpstreamFailure, at now: Moment) {}

    /// Handles every deadline up to `now`.
    package func advance(to now: Moment) {}

    /// When ``advance(to:)`` must be called next, in nanoseconds of the monotonic clock; nil when nothing waits.
    package var nextDeadline: UInt64? { nil }

    /// Hands over what is to be done, in order, and forgets it.
    package func drainActions(_ body: (ResolverAction) -> Void) {
        while !actions.isEmpty {
            let batch = actions
            actions.removeAll(keepingCapacity: true)
            for action in batch { body(action) }
        }
    }
}
