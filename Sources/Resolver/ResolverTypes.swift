package import DNSCore

/// The resolver's name for one question that is under way to one server.
///
/// Never reused within a process.
package struct UpstreamID: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// How a question travels to a server.
package enum UpstreamTransport: UInt8, Hashable, Sendable {
    /// One datagram, from a random port that no other question uses.
    case udp
    /// A stream with the two-octet length (RFC 7766); the transport may reuse an open connection.
    case tcp
    /// As `tcp`, inside TLS (RFC 7858).
    case tls
}

/// A question to be sent to a server.
package struct UpstreamQuery: Sendable {
    /// Given back in ``Resolver/receive(upstream:octets:from:at:)`` and ``Resolver/failed(upstream:reason:at:)``.
    package var id: UpstreamID
    /// The message, ID included.
    package var octets: [UInt8]
    package var server: IPEndpoint
    package var transport: UpstreamTransport
    /// What is demanded of the server, with ``UpstreamTransport/tls``.
    package var tls: UpstreamTLS?
    /// How long the transport should wait before it closes the socket.
    ///
    /// The resolver counts for itself and sends ``ResolverAction/cancel(_:)`` first.
    package var timeout: Duration
}

/// Why a question got no response.
package enum UpstreamFailure: Sendable, Equatable {
    /// No response came in time.
    case timeout
    /// The network said that the server or its port cannot be reached.
    case unreachable
    /// Nothing was sent: from here no way leads to addresses of this family.
    case noRoute
    /// The connection was refused, or closed before the response came.
    case refused
}

/// What the resolver wants done.
package enum ResolverAction: Sendable {
    /// Send a question to a server.
    case send(UpstreamQuery)
    /// The response to this question is no longer wanted: forget it and its socket.
    case cancel(UpstreamID)
    /// The answer for the client that `start` named with this token.
    case answer(token: UInt64, ResolverAnswer)
}

/// What of a client's query decides about its answer, besides the question.
package struct QueryOptions: OptionSet, Hashable, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// DO: DNSSEC records wanted (RFC 3225).
    package static let wantsDNSSEC = QueryOptions(rawValue: 1)
    /// CD: no validation wanted (RFC 4035 3.2.2).
    package static let checkingDisabled = QueryOptions(rawValue: 2)
    /// RD: without it only what is cached is answered.
    package static let recursionDesired = QueryOptions(rawValue: 4)
    /// The query is the resolver's own, to refresh what will soon expire.
    package static let isPrefetch = QueryOptions(rawValue: 8)
    /// Every decision is noted in ``ResolverAnswer/trace``.
    package static let isTraced = QueryOptions(rawValue: 16)
    /// The client has proved that it is where it says: a stream, or a good cookie.
    package static let isProved = QueryOptions(rawValue: 32)
    /// The client asks over a stream: a policy that sends clients there lets it pass.
    package static let isStream = QueryOptions(rawValue: 64)
    /// The client wants no server to be told where it is (RFC 7871 7.1.2).
    package static let hidesSubnet = QueryOptions(rawValue: 128)
}

/// A code and a text for people that go with a response (RFC 8914).
package struct ExtendedErrorNote: Hashable, Sendable {
    package var code: ExtendedError
    package var text: String

    package init(_ code: ExtendedError, _ text: String = "") {
        self.code = code
        self.text = text
    }
}

/// Three sections in wire format, for a message whose question stands at offset 12 under its own name.
package struct PreparedSections: Hashable, Sendable {
    /// The records; their pointers hold in any message with the same question.
    package var octets: [UInt8]
    package var answerCount: UInt16
    package var authorityCount: UInt16
    package var additionalCount: UInt16

    package init(
        octets: [UInt8] = [], answerCount: UInt16 = 0, authorityCount: UInt16 = 0, additionalCount: UInt16 = 0
    ) {
        self.octets = octets
        self.answerCount = answerCount
        self.authorityCount = authorityCount
        self.additionalCount = additionalCount
    }
}

/// What to do with a client's query, once resolved.
package struct ResolverAnswer: Sendable {
    /// Whether and how to respond at all.
    package enum Disposition: Sendable, Equatable {
        /// Send the response.
        case respond
        /// Send nothing (local zone `deny`, RPZ DROP).
        case drop
        /// Over UDP send an empty response with TC (RPZ TCP-Only); over other transports the response.
        case truncate
    }

    package var disposition: Disposition = .respond
    package var responseCode: ResponseCode = .noError
    /// AA: only for local zones and data.
    package var isAuthoritative = false
    /// Every record validated: AD is to be set when the client set DO or AD (RFC 6840 5.7).
    package var isAuthentic = false
    /// Expired data, served because no better could be had (RFC 8767).
    package var isStale = false
    /// Answer, authority and additional section without OPT.
    package var sections = PreparedSections()
    /// What most answers lack, in an array of at most one: copies of an answer are many.
    private var details: [Details] = []

    private struct Details: Sendable {
        var errors: [ExtendedErrorNote] = []
        var policy: Name?
        var failure = ""
        var trace: [TraceEntry] = []
    }

    /// For the OPT record of the response.
    package var errors: [ExtendedErrorNote] {
        get { details.first?.errors ?? [] }
        set { if !newValue.isEmpty || !details.isEmpty { change { $0.errors = newValue } } }
    }

    /// The policy zone that made this answer, if its matches are to be logged.
    package var policy: Name? {
        get { details.first?.policy }
        set { if newValue != nil || !details.isEmpty { change { $0.policy = newValue } } }
    }

    /// In one line, why this is SERVFAIL; empty otherwise.
    package var failure: String {
        get { details.first?.failure ?? "" }
        set { if !newValue.isEmpty || !details.isEmpty { change { $0.failure = newValue } } }
    }

    /// What was decided and why, for a question with ``QueryOptions/isTraced``.
    package var trace: [TraceEntry] {
        get { details.first?.trace ?? [] }
        set { if !newValue.isEmpty || !details.isEmpty { change { $0.trace = newValue } } }
    }

    private mutating func change(_ body: (inout Details) -> Void) {
        if details.isEmpty { details.append(Details()) }
        body(&details[0])
    }

    package init() {}

    /// An answer without records.
    package init(_ responseCode: ResponseCode, errors: [ExtendedErrorNote] = [], failure: String = "") {
        self.responseCode = responseCode
        self.errors = errors
        self.failure = failure
    }
}
