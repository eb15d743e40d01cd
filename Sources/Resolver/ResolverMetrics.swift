/// What one worker's resolver counted since it was made.
///
/// All values only grow.
package struct ResolverMetrics: Sendable, Equatable {
    /// Client queries given to ``Resolver``.
    package var queries: UInt64 = 0
    /// Client queries that joined a question already under way.
    package var joined: UInt64 = 0
    /// Answers from local zones, local data and special-use names.
    package var localAnswers: UInt64 = 0
    /// Answers made from cached RRsets without asking.
    package var answersFromSets: UInt64 = 0
    /// Answers made from cached NSEC and NSEC3 records (RFC 8198).
    package var aggressiveAnswers: UInt64 = 0
    /// Answers made from a cached wildcard and the proof that nothing closer exists (RFC 8198 5.3).
    package var aggressiveWildcards: UInt64 = 0
    /// Questions sent over UDP, TCP, TLS.
    package var sentUDP: UInt64 = 0
    package var sentTCP: UInt64 = 0
    package var sentTLS: UInt64 = 0
    /// Usable responses.
    package var responses: UInt64 = 0
    /// Questions without a response in time.
    package var timeouts: UInt64 = 0
    /// Questions the network refused.
    package var unreachable: UInt64 = 0
    /// Responses that were malformed, or answered another question, or came from another place.
    package var wrongResponses: UInt64 = 0
    /// Questions repeated over TCP because wrong responses hinted at spoofing.
    package var spoofingSuspicions: UInt64 = 0
    /// Responses with TC.
    package var truncated: UInt64 = 0
    /// Datagrams larger than was offered: taken for pieced together, and asked again over TCP (RFC 9715).
    package var oversized: UInt64 = 0
    /// Servers found not to serve a zone.
    package var lame: UInt64 = 0
    /// Records dropped because the sender had no say over their owners.
    package var outOfBailiwick: UInt64 = 0
    /// Responses with server failure, refusal or the like.
    package var upstreamErrors: UInt64 = 0
    /// SERVFAIL given to clients.
    package var failures: UInt64 = 0
    /// Failures answered from the failure cache (RFC 9520).
    package var cachedFailures: UInt64 = 0
    /// Expired answers served (RFC 8767).
    package var staleAnswers: UInt64 = 0
    /// Questions asked ahead of expiry.
    package var prefetches: UInt64 = 0
    /// Answers validated as secure, insecure, bogus.
    package var secure: UInt64 = 0
    package var insecure: UInt64 = 0
    package var bogus: UInt64 = 0
    /// Answers given again to clients of the subnet that they had been made for (RFC 7871).
    package var subnetAnswers: UInt64 = 0
    /// Policy (RPZ) hits.
    package var policyHits: UInt64 = 0
    /// Private addresses removed from answers.
    package var privateAddressesRemoved: UInt64 = 0

    // One counter for each limit that may be reached: how often it was.
    package var limitSubnetAnswers: UInt64 = 0
    package var limitUpstreamQueries: UInt64 = 0
    package var limitUpstreamQueriesPerName: UInt64 = 0
    package var limitAliasRestarts: UInt64 = 0
    package var limitReferrals: UInt64 = 0
    package var limitServerNames: UInt64 = 0
    package var limitAddressLookups: UInt64 = 0
    package var limitAddressesPerDelegation: UInt64 = 0
    package var limitDepth: UInt64 = 0
    package var limitWallTime: UInt64 = 0
    package var limitClientsPerQuestion: UInt64 = 0
    package var limitConcurrentQuestions: UInt64 = 0
    package var limitQuestionsPerZone: UInt64 = 0
    package var limitRecordsPerSet: UInt64 = 0
    package var limitRecordsPerResponse: UInt64 = 0
    package var limitSignaturesPerSet: UInt64 = 0
    package var limitMinimisedLabels: UInt64 = 0
    package var limitVerifications: UInt64 = 0
    package var limitFailedVerifications: UInt64 = 0
    package var limitKeysPerTag: UInt64 = 0
    package var limitKeysPerZone: UInt64 = 0
    package var limitDelegationSigners: UInt64 = 0
    package var limitNSEC3Iterations: UInt64 = 0
    package var limitNSEC3Hashes: UInt64 = 0
    package var limitDenialRecords: UInt64 = 0
    package var limitRememberedServers: UInt64 = 0
    package var limitRememberedZones: UInt64 = 0
    package var limitLateAnswers: UInt64 = 0

    package init() {}
}
