/// How much one client query may cost, and how much the resolver may keep.
///
/// Each limit has a counter of the same name in ``ResolverMetrics``.
package struct ResolverLimits: Sendable, Equatable {
    /// Questions to servers for one client query, everything it causes included.
    ///
    /// Beyond: SERVFAIL.
    package var upstreamQueries = 128
    /// Questions to servers for one name and type.
    ///
    /// Beyond: that name fails.
    package var upstreamQueriesPerName = 24
    /// CNAME and DNAME records followed for one query.
    ///
    /// Beyond: SERVFAIL.
    package var aliasRestarts = 11
    /// Referrals followed for one name.
    ///
    /// Beyond: that name fails.
    package var referrals = 40
    /// Server names taken from one delegation; the rest is ignored.
    package var serverNames = 13
    /// Server names without address whose addresses are looked up for one name (NXNSAttack).
    ///
    /// The rest is ignored.
    package var addressLookups = 5
    /// Addresses of one delegation; the rest is ignored.
    package var addressesPerDelegation = 32
    /// How deep questions for server addresses and keys may nest.
    ///
    /// Beyond: that branch fails.
    package var depth = 8
    /// Longest time on one client query.
    ///
    /// Beyond: SERVFAIL, or stale data.
    package var wallTime: Duration = .seconds(8)
    /// Clients that wait for one question.
    ///
    /// Beyond: the query is refused an answer (SERVFAIL).
    package var clientsPerQuestion = 256
    /// Questions under resolution at once in one worker.
    ///
    /// Beyond: new ones fail, cached ones are answered.
    package var concurrentQuestions = 8192
    /// Questions under way at once in one worker for names of one zone below the top level.
    ///
    /// Beyond: new ones fail, so that a zone with slow servers cannot take every place.
    package var questionsPerZone = 1024
    /// Records of one RRset.
    ///
    /// Beyond: the response is unusable.
    package var recordsPerSet = 200
    /// Records of one response that are looked at.
    ///
    /// Beyond: the response is unusable.
    package var recordsPerResponse = 1024
    /// Signatures of one RRset that are kept.
    ///
    /// The rest is ignored.
    package var signaturesPerSet = 8
    /// Wrong responses to one question before it is asked again over TCP.
    package var wrongResponses = 8
    /// Labels asked for one by one with QNAME minimisation; the rest goes in one step (RFC 9156 2.3).
    package var minimisedLabels = 10
    /// How often one query asks other servers because what came did not validate.
    ///
    /// Beyond: SERVFAIL.
    package var validationRetries = 2
    /// Keys that are prepared for quick verification at a time, in all workers together; see `PublicKeys`.
    ///
    /// Beyond: keys verify as they are.
    package var preparedKeys = 64
    /// Signature verifications for one client query (KeyTrap).
    ///
    /// Beyond: SERVFAIL.
    package var verifications = 64
    /// Verifications for one client query that may say no.
    ///
    /// Beyond: SERVFAIL.
    package var failedVerifications = 8
    /// Keys of one zone with the same tag and algorithm that are tried.
    ///
    /// Beyond: bogus.
    package var keysPerTag = 2
    /// Keys of one zone that are looked at.
    ///
    /// The rest is ignored.
    package var keysPerZone = 64
    /// DS records of one delegation that are looked at.
    ///
    /// The rest is ignored.
    package var delegationSigners = 8
    /// NSEC and NSEC3 records of one answer that are looked at.
    ///
    /// The rest is ignored.
    package var denialRecords = 16
    /// NSEC3 hash iterations that are still computed (RFC 9276 3.2).
    ///
    /// Beyond: treated as insecure.
    package var nsec3Iterations: UInt16 = 50
    /// NSEC3 hashes for one client query.
    ///
    /// Beyond: SERVFAIL.
    package var nsec3Hashes = 64
    /// Longest wait for one server's response.
    ///
    /// Beyond: another server is asked.
    package var serverPatience: Duration = .seconds(3)
    /// Age from which an answer to an unproved address counts as late (DNSBomb).
    package var lateAnswerAge: Duration = .milliseconds(300)
    /// Late answers to one unproved address in a tenth of a second.
    ///
    /// The rest is dropped: a client that asks again finds them cached.
    package var lateAnswers = 64
    /// Servers whose times and faults are remembered by one worker; the longest unused is forgotten.
    package var rememberedServers = 16384
    /// Decoded delegations and keys that one worker keeps at hand; arbitrary ones are forgotten.
    package var rememberedZones = 8192

    /// NSEC records that one worker keeps for proving absence (RFC 8198); all are forgotten beyond.
    package var rememberedAbsences = 16384

    /// Answers for single client subnets that one worker keeps (RFC 7871); all are forgotten beyond.
    package var rememberedSubnetAnswers = 4096

    package init() {}
}
