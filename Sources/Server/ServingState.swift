internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Resolver
internal import Transport

/// Everything queries are answered from, besides the zones: built aside at start and at each reload, then published
/// in one step.
struct ServingState: Sendable {
    var settings = ResponseSettings()
    /// Answer to `id.server.` and `hostname.bind.` CH TXT; nil = REFUSED.
    var identity: String?
    /// Answer to `version.bind.` and `version.server.` CH TXT; nil = REFUSED.
    var version: String?
    var cookieMode = CookieMode.on
    var cookies = ServerCookies()
    var keys = TSIGKeyring()
    var queryAccess = AccessList([], otherwise: .allow)
    var recursionAccess = AccessList([], otherwise: .refuse)
    var recursionEnabled = false
    /// Clients that find things otherwise, first match first.
    var views: [ServingView] = []
    /// What the resolvers are told; nil without recursion.
    var resolvers: ResolverSet?
    /// Transports over which unsigned updates are looked at.
    var unsignedUpdates: Set<TransportKind> = [.udp, .tcp, .tls]
    /// EDNS options of one query; more get FORMERR.
    var ednsOptions = 64
    /// Queries of one unproved client that may wait; ten times as many of a proved one.
    var pendingPerClient = 1000
    /// How late UDP answers may be for a client with many waiting queries, and how many are many.
    var discardTimeout = Duration.milliseconds(1900)
    var discardBurst = 64
    var rate = ResponseRateLimiter.Settings()
    /// Clients without a rate limit.
    var rateExempt: [IPPrefix] = []
    /// How the negotiation stage is set; nil = off.
    var nts: NTSConfiguration?
    /// Queries of one worker that may wait.
    var pendingLimit = 20_000
    /// Whether each query is logged.
    var logsQueries = false
    /// What lines of the query log look like.
    var queryLogFormat = QueryLogFormat.text

    /// RFC 7873: whether cookies are spoken, and whether UDP clients need one.
    enum CookieMode: Sendable { case on, off, require }
}

/// What the resolvers of all views are told, built once for all workers.
final class ResolverSet: Sendable {
    /// Changes with everything but the policies.
    let number: Int
    /// By view; the first is for everyone whom no view names.
    let configurations: [ResolverConfiguration]

    init(number: Int, _ configurations: [ResolverConfiguration]) {
        self.number = number
        self.configurations = configurations
    }

    /// The same with other policies, one for each view.
    func with(_ policies: [Policies]) -> ResolverSet {
        var changed = configurations
        for index in changed.indices where policies.indices.contains(index) {
            changed[index].policies = policies[index]
        }
        return ResolverSet(number: number, changed)
    }
}
