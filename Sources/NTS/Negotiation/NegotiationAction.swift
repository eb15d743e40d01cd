package import DNSCore

/// An address answer that may have to be held.
package struct NegotiationRequest: Sendable {
    /// The caller's name for the held query; unique among those held by one ``Negotiator``.
    package var token: UInt64
    /// GN: the source of the query, or what a trusted forwarder says it is.
    package var client: IPAddress
    /// The subnet that a trusted forwarder gave (RFC 7871) instead of a client; the permission is then for all of it.
    package var clientSubnet: IPPrefix?
    /// Whether the client's source address is proved: TCP or a later transport, or a valid server cookie.
    package var isClientValidated: Bool
    /// The hosts that the answer leads to, and their addresses.
    package var targets: [AnswerTargets.Target]
    /// Whether the name is in one of our zones marked `nts: true`.
    package var zoneIsMarked: Bool

    package init(
        token: UInt64, client: IPAddress, isClientValidated: Bool, targets: [AnswerTargets.Target],
        zoneIsMarked: Bool
    ) {
        self.token = token
        self.client = client
        self.isClientValidated = isClientValidated
        self.targets = targets
        self.zoneIsMarked = zoneIsMarked
    }
}

extension NegotiationRequest {
    /// A request for one host.
    package init(
        token: UInt64, client: IPAddress, isClientValidated: Bool, owner: Name, addresses: [IPAddress],
        zoneIsMarked: Bool
    ) {
        self.init(
            token: token, client: client, isClientValidated: isClientValidated,
            targets: addresses.map { AnswerTargets.Target(host: owner, address: $0) },
            zoneIsMarked: zoneIsMarked)
    }
}

/// What to do with an answer.
package enum NegotiationVerdict: Sendable, Equatable {
    /// Send it: nothing of it is negotiated.
    case notNeeded
    /// Keep it until ``NegotiationAction/release(token:outcome:)`` names it; notifications have been put among the
    /// actions.
    case held
    /// Keep it like ``held``; it waits for negotiations that were under way already.
    case joined
    /// Send it, unheld and counted: a bound of ``NTSConfiguration/Limits`` is reached.
    case overLimit
    /// Send an empty answer with TC set, so that the client proves its address over TCP or by a cookie.
    case validateFirst
}

/// What the caller of a ``Negotiator`` has to do.
package enum NegotiationAction: Sendable, Equatable {
    /// Send these octets over UDP from the negotiation socket.
    case send([UInt8], to: IPEndpoint)
    /// Send this ICMP message.
    case sendEcho([UInt8], to: IPAddress)
    /// The held answer goes out now, changed as the outcome says.
    case release(token: UInt64, outcome: NegotiationOutcome)
}

/// How a hold ended.
package struct NegotiationOutcome: Sendable, Equatable {
    /// Address records of the answer get at most this TTL (seconds): the shortest lifetime granted.
    ///
    /// Nil leaves them.
    package var ttlCap: UInt32?
    /// The names whose addresses that concerns; empty: all of the answer.
    package var hosts: Set<Name> = []
    /// Addresses of the answer to be replaced, for a client behind the same router (nts.md 2.4).
    package var replacements: [Replacement] = []
    /// Public ports that a router granted for this client, to be carried by HTTPS, SVCB and SRV records.
    package var ports: [PortGrant] = []
    /// Whether the client gets SERVFAIL instead: `on-timeout: servfail`.
    package var isServerFailure = false
    /// Whether a router opened the way.
    package var isGranted = false
    /// How long the answer was held.
    package var heldFor: Duration = .zero

    package init() {}

    /// One address for another.
    package struct Replacement: Sendable, Equatable {
        package var address: IPAddress
        package var replacement: IPAddress

        package init(address: IPAddress, replacement: IPAddress) {
            self.address = address
            self.replacement = replacement
        }
    }

    /// A public port that leads to a port of the host.
    package struct PortGrant: Sendable, Hashable {
        /// The host that the port leads to.
        package var host: Name
        /// The router's address that the port belongs to.
        package var address: IPAddress
        /// 6 for TCP, 17 for UDP.
        package var transport: UInt8
        /// The port that the host serves.
        package var privatePort: UInt16
        /// The port that GN has to use.
        package var publicPort: UInt16

        package init(
            host: Name, address: IPAddress, transport: UInt8, privatePort: UInt16, publicPort: UInt16
        ) {
            self.host = host
            self.address = address
            self.transport = transport
            self.privatePort = privatePort
            self.publicPort = publicPort
        }
    }
}
