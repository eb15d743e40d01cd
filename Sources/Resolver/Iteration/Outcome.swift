internal import DNSCore

/// What the servers had to say about one name and type, not validated yet.
///
/// A value that shares its contents with its copies until one of them is changed: it is handed on many times.
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

    private final class Contents {
        var links: [RecordSet] = []
        var end: End
        var proof: [RecordSet] = []
        var zone: Name = .root
        var finalName: Name
        var isFromCache = false
        var security = Security.unchecked
        var absenceSecurity: Security?
        var negativeTTL: UInt32 = 0
        var server: IPEndpoint?
        var malformedRecords = 0
        var isOfParent = false
        var isForOneSubnet = false

        init(end: End, finalName: Name) {
            self.end = end
            self.finalName = finalName
        }

        init(_ other: Contents) {
            links = other.links
            end = other.end
            proof = other.proof
            zone = other.zone
            finalName = other.finalName
            isFromCache = other.isFromCache
            security = other.security
            absenceSecurity = other.absenceSecurity
            negativeTTL = other.negativeTTL
            server = other.server
            malformedRecords = other.malformedRecords
            isOfParent = other.isOfParent
            isForOneSubnet = other.isForOneSubnet
        }
    }

    private var contents: Contents

    init(end: End, finalName: Name) {
        contents = Contents(end: end, finalName: finalName)
    }

    /// Called before every change.
    private mutating func own() {
        if !isKnownUniquelyReferenced(&contents) { contents = Contents(contents) }
    }

    /// CNAME records in order, DNAME records before the CNAME made from them.
    var links: [RecordSet] {
        get { contents.links }
        _modify {
            own()
            yield &contents.links
        }
    }

    var end: End {
        get { contents.end }
        _modify {
            own()
            yield &contents.end
        }
    }

    /// What the authority section had to prove it: SOA, NSEC, NSEC3, of the zone asked.
    var proof: [RecordSet] {
        get { contents.proof }
        _modify {
            own()
            yield &contents.proof
        }
    }

    /// The zone whose servers were asked.
    var zone: Name {
        get { contents.zone }
        _modify {
            own()
            yield &contents.zone
        }
    }

    /// The name at the end of the links.
    var finalName: Name {
        get { contents.finalName }
        _modify {
            own()
            yield &contents.finalName
        }
    }

    /// From expired cache entries.
    var isFromCache: Bool {
        get { contents.isFromCache }
        _modify {
            own()
            yield &contents.isFromCache
        }
    }

    /// A cached proof or set was found secure already.
    var security: Security {
        get { contents.security }
        _modify {
            own()
            yield &contents.security
        }
    }

    /// That of the absence at the end, where it differs from the whole's.
    var absenceSecurity: Security? {
        get { contents.absenceSecurity }
        _modify {
            own()
            yield &contents.absenceSecurity
        }
    }

    /// Seconds that absence may be believed.
    var negativeTTL: UInt32 {
        get { contents.negativeTTL }
        _modify {
            own()
            yield &contents.negativeTTL
        }
    }

    var server: IPEndpoint? {
        get { contents.server }
        _modify {
            own()
            yield &contents.server
        }
    }

    /// Records that were left out because their data did not have their type's form.
    var malformedRecords: Int {
        get { contents.malformedRecords }
        _modify {
            own()
            yield &contents.malformedRecords
        }
    }

    /// Said of a parent of the name, in answer to a minimised question.
    var isOfParent: Bool {
        get { contents.isOfParent }
        _modify {
            own()
            yield &contents.isOfParent
        }
    }

    /// The server made it for the client's subnet: it is nobody else's (RFC 7871 7.3).
    var isForOneSubnet: Bool {
        get { contents.isForOneSubnet }
        _modify {
            own()
            yield &contents.isForOneSubnet
        }
    }

    /// Brings the TTL of every set within the configured bounds.
    mutating func limitTTLs(_ bounded: (UInt32) -> UInt32) {
        for index in links.indices { links[index].ttl = bounded(links[index].ttl) }
        for index in proof.indices { proof[index].ttl = bounded(proof[index].ttl) }
        guard case .answer(var sets) = end, sets.contains(where: { bounded($0.ttl) != $0.ttl }) else {
            return
        }
        for index in sets.indices { sets[index].ttl = bounded(sets[index].ttl) }
        end = .answer(sets)
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
