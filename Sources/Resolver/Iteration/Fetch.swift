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

/// What the servers had to say about one name and type, not validated yet.
struct Outcome {
    /// What stands at the end of the alias records.
    enum End {
        /// The records asked for; several sets only for type ANY.
        case answer([RecordSet])
        /// The name exists without the type.
        case noData
        /// The name does not exist.
        case nameError
        /// The chain goes on at a name that this server did not answer for.
        case alias(Name)
        /// A DNAME's substitution gives too long a name (RFC 6672 2.2).
        case tooLongName
        /// Nobody gave a usable response.
        case failure(Failure)
    }

    /// CNAME records in order, DNAME records before the CNAME made from them.
    var links: [RecordSet] = []
    var end: End
    /// What the authority section had to prove it: SOA, NSEC, NSEC3, of the zone asked.
    var proof: [RecordSet] = []
    /// The zone whose servers were asked.
    var zone: Name = .root
    /// The name at the end of the links.
    var finalName: Name
    /// From expired cache entries.
    var isFromCache = false
    /// A cached proof or set was found secure already.
    var security = Security.unchecked
    /// That of the absence at the end, where it differs from the whole's.
    var absenceSecurity: Security?
    /// Seconds that absence may be believed.
    var negativeTTL: UInt32 = 0
    var server: IPEndpoint?
    /// Records that were left out because their data did not have their type's form.
    var malformedRecords = 0
    /// Said of a parent of the name, in answer to a minimised question.
    var isOfParent = false
    /// The server made it for the client's subnet: it is nobody else's (RFC 7871 7.3).
    var isForOneSubnet = false

    init(end: End, finalName: Name) {
        self.end = end
        self.finalName = finalName
    }

    /// Brings the TTL of every set within the configured bounds.
    mutating func limitTTLs(_ bounded: (UInt32) -> UInt32) {
        for index in links.indices { links[index].ttl = bounded(links[index].ttl) }
        for index in proof.indices { proof[index].ttl = bounded(proof[index].ttl) }
        if case .answer(var sets) = end {
            for index in sets.indices { sets[index].ttl = bounded(sets[index].ttl) }
            end = .answer(sets)
        }
    }

    /// Whether a set of the answer came without signatures.
    var lacksSignatures: Bool {
        if case .answer(let sets) = end, sets.contains(where: { $0.signatures.isEmpty }) { return true }
        if links.contains(where: { $0.signatures.isEmpty && $0.type != .cname }) { return true }
        return proof.allSatisfy { $0.type == .soa || $0.signatures.isEmpty }
    }

    /// An outcome that says only why there is none.
    init(failing name: Name, _ failure: Failure) {
        self.init(end: .failure(failure), finalName: name)
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

    init(_ limits: ResolverLimits, at now: Moment) {
        upstreamQueries = limits.upstreamQueries
        var validation = ValidationLimits()
        validation.verificationsPerQuery = limits.verifications
        validation.signaturesPerRRset = limits.signaturesPerSet
        validation.nsec3Iterations = limits.nsec3Iterations
        validation.nsec3HashesPerQuery = limits.nsec3Hashes
        self.validation = ValidationBudget(validation)
        deadline = now.monotonic &+ limits.wallTime.wholeNanoseconds
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
