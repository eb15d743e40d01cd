internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations

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
