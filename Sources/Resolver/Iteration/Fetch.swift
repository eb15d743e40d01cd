internal import DNSCore
internal import DNSSecurity

/// Why a name could not be resolved.
struct Failure {
    var note: ExtendedErrorNote
    /// For the log, in a few words.
    var text: String

    init(_ code: ExtendedError, _ text: String) {
        note = ExtendedErrorNote(code, text)
        self.text = text
    }
}

/// What one client query may still cost; shared by everything that it sets off.
final class Budget {
    var upstreamQueries: Int
    var validation: ValidationBudget
    /// Where decisions are noted, when the question is traced.
    var trace: TraceLog?
    /// Monotonic nanoseconds.
    let deadline: UInt64

    /// - Parameter wallTime: nanoseconds.
    init(_ limits: ResolverLimits, wallTime: UInt64, at now: Moment) {
        upstreamQueries = limits.upstreamQueries
        var validation = ValidationLimits()
        validation.verificationsPerQuery = limits.verifications
        validation.failedVerificationsPerQuery = limits.failedVerifications
        validation.signaturesPerRRset = limits.signaturesPerSet
        validation.keysPerTag = limits.keysPerTag
        validation.keysPerZone = limits.keysPerZone
        validation.delegationSigners = limits.delegationSigners
        validation.denialRecords = limits.denialRecords
        validation.nsec3Iterations = limits.nsec3Iterations
        validation.nsec3HashesPerQuery = limits.nsec3Hashes
        self.validation = ValidationBudget(validation)
        deadline = now.monotonic &+ wallTime
    }
}

/// Who wants to know what a fetch brings.
enum Waiter {
    /// A client's question.
    case request(Int)
    /// A fetch that needs the address of one of its servers.
    case server(fetch: Int, index: Int, type: RRType)
    /// A chain of keys that needs DS or DNSKEY records.
    case keyChain(Int)
    /// Nobody; the cache is to be refreshed.
    case nobody
}

/// The search for one name and type among the servers: who waits, whom to ask, what has been tried.
final class Fetch {
    /// A server address that may be asked.
    struct Candidate {
        var endpoint: IPEndpoint
        /// Index into the delegation's servers.
        var server: Int
        var attempts = 0
        /// Answered uselessly: not asked again for this name.
        var isSpent = false
        /// What it said before did not validate: asked when nobody else is left.
        var isAvoided = false
        var usesTCP = false
        var withoutEDNS = false
        /// What the next question goes without, after silence or FORMERR.
        var plainness = Plainness.full
        /// Was asked again with the cookie it wanted.
        var hasRenewedCookie = false
    }

    enum State { case ready, awaitingAddress, awaitingResponse, finished }

    let id: Int
    let key: UInt64
    /// In lower case.
    let name: Name
    let type: RRType
    let budget: Budget
    /// Questions without response since the servers of the present zone are asked.
    var silences = 0
    let depth: Int
    var state = State.ready
    var waiters: [Waiter] = []
    /// Fetches of addresses that this one waits for.
    var children: [Int] = []

    var delegation: Delegation?
    var candidates: [Candidate] = []
    /// Servers whose addresses have been looked up or found wanting.
    var lookedUp: Set<Int> = []
    var addressLookups = 0
    /// Only delegations above this zone are used: for glue that the parent left out.
    var ceiling: Name?
    var ignoresForward = false
    var subnet: IPPrefix?
    /// A server of ``delegation`` has been asked.
    var hasAskedZone = false

    var queries = 0
    var referrals = 0
    /// Labels of the name that servers see at present.
    var shownLabels = 0
    var minimisationSteps = 0
    var minimises = false
    /// What was asked last: with minimisation a parent of ``name``, and type A.
    var askedName: Name
    var askedType: RRType

    /// Used when nobody does better: from a server that recurses instead of being authoritative.
    var lastResort: Outcome?
    var lastFailure = Failure(.noReachableAuthority, "no server could be asked")
    var avoidedServers: Set<IPEndpoint> = []

    init(id: Int, key: UInt64, name: Name, type: RRType, budget: Budget, depth: Int) {
        self.id = id
        self.key = key
        self.name = name
        self.type = type
        self.budget = budget
        self.depth = depth
        askedName = name
        askedType = type
    }
}
