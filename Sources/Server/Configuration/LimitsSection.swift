package import DNSCore
package import Operations

/// The `limits` section: every bound that is not named elsewhere.
///
/// Each has a counter that says how often it was reached, so that an attack and a limit that is too tight can
/// be told apart.
package struct LimitsSection: ConfigurationRecord {
    /// TCP, TLS and HTTPS connections of clients at one time; over it the longest idle one is closed.
    package let tcpClients: Int
    /// Such connections from one address prefix (IPv4 /24, IPv6 /56); over it new ones are closed.
    package let tcpClientsPerPrefix: Int
    /// How long a connection may be idle (RFC 7766 6.2.3).
    package let tcpIdleTimeout: Duration
    /// How long a message may take to arrive once it has begun.
    package let tcpReadTimeout: Duration
    /// How long a client may leave its answers unread before the connection is closed.
    package let tcpWriteTimeout: Duration
    /// Queries of one connection worked on at one time; more are not read until one is answered.
    package let tcpPipeline: Int
    /// Octets of answers that wait for one connection; more are not made until they are read.
    package let tcpBuffer: Int
    /// Largest UDP answer that we send, whatever the client offers (RFC 9715).
    package let udpPayload: Int
    /// Largest UDP answer that we ask other servers for (RFC 9715).
    package let upstreamUDPPayload: Int

    /// Queries that wait for something at one time: other servers, routers, a transfer.
    package let pendingQueries: Int
    /// Queries that wait for something at one time from one address that is not proved, by cookie or stream; ten times
    /// as many when it is.
    ///
    /// More get SERVFAIL.
    package let pendingQueriesPerClient: Int
    /// How late an answer over UDP may be when `discard-burst` queries of its client still wait; later ones are
    /// dropped, so that nobody gathers answers for a victim (DNSBomb).
    package let discardTimeout: Duration
    /// Queries of one client that wait, from which `discard-timeout` holds.
    package let discardBurst: Int
    /// EDNS options of one query; more get FORMERR.
    package let ednsOptions: Int
    /// Client queries that wait for one question to other servers; more get SERVFAIL.
    package let clientsPerQuery: Int
    /// Questions to other servers at one time.
    package let outstandingQueries: Int
    /// Queries sent to other servers for one client query, whatever it leads to.
    package let upstreamQueries: Int
    /// Queries sent to other servers for one name on the way.
    package let upstreamQueriesPerName: Int
    /// CNAME and DNAME records followed in one answer.
    package let cnameChain: Int
    /// Servers of one delegation that are used.
    package let delegationServers: Int
    /// Server names without an address that are looked up for one delegation.
    package let delegationLookups: Int
    /// Depth to which looking up server names may lead to looking up server names.
    package let recursionDepth: Int
    /// Referrals followed for one name.
    package let referrals: Int
    /// Addresses of one delegation that are used.
    package let addressesPerDelegation: Int
    /// Questions to one zone below the top level, found by a referral, at one time in one worker.
    ///
    /// More fail, so that a zone with slow servers cannot take every place.
    package let queriesPerZone: Int
    /// Records of one response that are looked at; a response with more is not used.
    package let responseRecords: Int
    /// Labels told one by one with QNAME minimisation; the rest goes in one step (RFC 9156 2.3).
    package let minimisedLabels: Int
    /// Time that resolving one client query may take.
    package let resolutionTime: Duration
    /// Longest time that one server is waited for before another is asked.
    package let upstreamTimeout: Duration
    /// Wrong answers to one question after which it is asked over TCP (spoofing is suspected).
    package let unwantedReplies: Int
    /// How long a failure to resolve is remembered (RFC 9520).
    package let failureTTL: Duration
    /// Server addresses whose speed and abilities are remembered.
    package let serverRecords: Int
    /// Age from which an answer over UDP to a client without a good cookie counts as late.
    package let lateAnswerAge: Duration
    /// Late answers to one such address in a tenth of a second; more are dropped, so that held-back answers are no burst.
    package let lateAnswers: Int

    /// Delegations and keys that one worker keeps decoded.
    package let zoneRecords: Int
    /// Answers for single client subnets that one worker keeps (RFC 7871).
    package let subnetAnswers: Int
    /// NSEC and NSEC3 records that one worker keeps to prove absence from (RFC 8198).
    package let absenceRecords: Int

    /// Signature checks for one client query.
    package let signatureChecks: Int
    /// Signature checks for one client query that may fail; one more is SERVFAIL.
    package let signatureFailures: Int
    /// Signatures of one RRset that are tried.
    package let signaturesPerRRset: Int
    /// Keys of one zone with one tag and algorithm that are tried (CVE-2023-50387); more are bogus.
    package let keysPerTag: Int
    /// Keys of one zone that are looked at; the rest counts as absent.
    package let keysPerZone: Int
    /// DS records of one delegation that are looked at; the rest counts as absent.
    package let dsRecords: Int
    /// NSEC and NSEC3 records of one answer that are looked at; the rest counts as absent.
    package let denialRecords: Int
    /// NSEC3 iterations above which a zone counts as insecure (RFC 9276 3.2).
    package let nsec3Iterations: Int
    /// NSEC3 hashes computed for one client query.
    package let nsec3Hashes: Int
    /// How often other servers are asked because what came did not validate.
    package let validationRetries: Int
    /// Public keys that have been prepared because they verify often; other keys verify as they are.
    ///
    /// Takes 150 KiB for each and halves the time of a verification with ECDSA P-256; 0 prepares none.
    package let preparedKeys: Int

    /// Records that one RRset may come to have by an update; more is SERVFAIL.
    package let recordsPerRRset: Int
    /// Types that one name may come to have by an update or a transfer; more is SERVFAIL, or the transfer is refused.
    package let typesPerName: Int
    /// Records that one RRset of a transferred zone may have; a zone with more is refused.
    ///
    /// Zone files have no such limit.
    package let transferRecordsPerRRset: Int
    /// Records of one update, prerequisites included; more is SERVFAIL.
    package let recordsPerUpdate: Int
    /// Signed updates that are remembered, so that a copy of one is not carried out again.
    package let rememberedUpdates: Int
    /// Updates that wait at one time; more get SERVFAIL.
    package let pendingUpdates: Int
    /// Updates from one source address that wait at one time.
    package let pendingUpdatesPerClient: Int
    /// Transfers that we send at one time; more are answered REFUSED.
    package let transfersOut: Int
    /// Transfers that we send to one address at one time.
    package let transfersOutPerClient: Int
    /// Transfers of our secondary zones at one time; more wait.
    package let transfersIn: Int
    /// Time without a message after which a transfer is given up.
    package let transferIdleTimeout: Duration

    /// Octets of memory that stay free where the system bounds the memory of the process (`ulimit -v`, control group).
    ///
    /// When less is left, updates are SERVFAIL; transfers and zone files that would need it are refused.
    package let memoryReserve: Int
    /// Zones that have counters of their own; all others are counted together.
    package let zoneCounters: Int
    /// `toriictl` connections at one time.
    package let controlClients: Int
    /// Log lines a second that strangers can cause, for each kind of line; the rest is counted.
    package let logRate: Int

    package init(_ section: ConfigurationSection) {
        func count(_ key: String, _ fallback: Int, _ range: ClosedRange<Int> = 1...10_000_000) -> Int {
            section.value(key, .number(range), default: fallback)
        }
        func time(_ key: String, _ fallback: Duration) -> Duration {
            section.value(key, .duration(.milliseconds(10) ... .seconds(86400)), default: fallback)
        }
        tcpClients = count("tcp-clients", 1024)
        tcpClientsPerPrefix = count("tcp-clients-per-prefix", 256)
        tcpIdleTimeout = time("tcp-idle-timeout", .seconds(10))
        tcpReadTimeout = time("tcp-read-timeout", .seconds(5))
        tcpWriteTimeout = time("tcp-write-timeout", .seconds(5))
        tcpPipeline = count("tcp-pipeline", 256, 1...65536)
        tcpBuffer = section.value("tcp-buffer", .size(65537...1 << 30), default: 256 << 10)
        udpPayload = count("udp-payload", 1232, 512...65535)
        upstreamUDPPayload = count("upstream-udp-payload", 1232, 512...65535)

        pendingQueries = count("pending-queries", 50_000)
        pendingQueriesPerClient = count("pending-queries-per-client", 1000)
        discardTimeout = time("discard-timeout", .milliseconds(1900))
        discardBurst = count("discard-burst", 64)
        ednsOptions = count("edns-options", 64, 1...16384)
        clientsPerQuery = count("clients-per-query", 256)
        outstandingQueries = count("outstanding-queries", 8192)
        upstreamQueries = count("upstream-queries", 128)
        upstreamQueriesPerName = count("upstream-queries-per-name", 24)
        cnameChain = count("cname-chain", 11, 1...64)
        delegationServers = count("delegation-servers", 13, 1...256)
        delegationLookups = count("delegation-lookups", 5, 1...64)
        recursionDepth = count("recursion-depth", 8, 1...32)
        referrals = count("referrals", 40, 1...128)
        addressesPerDelegation = count("addresses-per-delegation", 32, 1...256)
        queriesPerZone = count("queries-per-zone", 1024)
        responseRecords = count("response-records", 1024, 16...65535)
        minimisedLabels = count("minimised-labels", 10, 1...127)
        resolutionTime = time("resolution-time", .seconds(8))
        upstreamTimeout = section.value(
            "upstream-timeout", .duration(.milliseconds(100) ... .seconds(30)), default: .milliseconds(3000))
        unwantedReplies = count("unwanted-replies", 8, 1...1000)
        failureTTL = section.value(
            "failure-ttl", .duration(.seconds(1) ... .seconds(300)), default: .seconds(5))
        serverRecords = count("server-records", 16384)
        lateAnswerAge = time("late-answer-age", .milliseconds(300))
        lateAnswers = count("late-answers", 64)

        zoneRecords = count("zone-records", 8192)
        subnetAnswers = count("subnet-answers", 4096)
        absenceRecords = count("absence-records", 16384)

        signatureChecks = count("signature-checks", 64)
        signatureFailures = count("signature-failures", 8)
        signaturesPerRRset = count("signatures-per-rrset", 8, 1...64)
        keysPerTag = count("keys-per-tag", 2, 1...64)
        keysPerZone = count("keys-per-zone", 64, 1...1024)
        dsRecords = count("ds-records", 8, 1...256)
        denialRecords = count("denial-records", 16, 1...256)
        nsec3Iterations = count("nsec3-iterations", 50, 0...2500)
        nsec3Hashes = count("nsec3-hashes", 64)
        validationRetries = count("validation-retries", 2, 0...16)
        preparedKeys = count("prepared-keys", 64, 0...10_000)

        recordsPerRRset = count("records-per-rrset", 100, 1...65535)
        typesPerName = count("types-per-name", 100, 1...65535)
        transferRecordsPerRRset = count("transfer-records-per-rrset", 4000, 1...65535)
        recordsPerUpdate = count("records-per-update", 5000, 1...65535)
        rememberedUpdates = count("remembered-updates", 65_536, 1...1 << 24)
        pendingUpdates = count("pending-updates", 1000)
        pendingUpdatesPerClient = count("pending-updates-per-client", 100)
        transfersOut = count("transfers-out", 20)
        transfersOutPerClient = count("transfers-out-per-client", 5)
        transfersIn = count("transfers-in", 32, 1...4096)
        transferIdleTimeout = time("transfer-idle-timeout", .seconds(60))

        memoryReserve = section.value("memory-reserve", .size(0...1 << 40), default: 32 << 20)
        zoneCounters = count("zone-counters", 1000, 0...1_000_000)
        controlClients = count("control-clients", 32, 1...1024)
        logRate = count("log-rate", 10, 0...100_000)
    }
}

/// The `rate-limit` section: fewer answers to a source that seems to be forged, against reflection.
package struct RateLimitSection: ConfigurationRecord {
    /// Equal answers a second to one client prefix over UDP without a cookie; 0: no limit.
    package let responsesPerSecond: Int
    /// Of the answers over the limit every so manieth is sent truncated, so that a real client can repeat over TCP;
    /// 0: none, 1: all.
    package let slip: Int
    /// Leading bits of an IPv4 address that make a client prefix.
    package let ipv4Prefix: Int
    /// Leading bits of an IPv6 address that make a client prefix.
    package let ipv6Prefix: Int
    /// Clients without a limit.
    package let exempt: [IPPrefix]
    /// Client prefixes and answers that are remembered.
    package let tableSize: Int

    package init(_ section: ConfigurationSection) {
        responsesPerSecond = section.value("responses-per-second", .number(0...1_000_000), default: 0)
        slip = section.value("slip", .number(0...100), default: 2)
        ipv4Prefix = section.value("ipv4-prefix", .number(1...32), default: 24)
        ipv6Prefix = section.value("ipv6-prefix", .number(1...128), default: 56)
        exempt = section.list("exempt", .prefix)
        tableSize = section.value("table-size", .number(1000...67_000_000), default: 65536)
    }
}
