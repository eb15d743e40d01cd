package import DNSCore

/// A notification as the router's state machine sees it, whatever form it came in.
package struct GrantRequest: Sendable {
    /// The caller's name for whoever waits for the reply.
    package var requester: UInt64
    /// The notifying server.
    package var server: IPAddress
    /// GN.
    package var gn: IPPrefix
    package var host: Name
    /// Asked lifetime in seconds; nil in the forms that carry none.
    package var lifetime: UInt32?

    package init(
        requester: UInt64, server: IPAddress, gn: IPPrefix, host: Name, lifetime: UInt32? = nil
    ) {
        self.requester = requester
        self.server = server
        self.gn = gn
        self.host = host
        self.lifetime = lifetime
    }
}

/// Why nothing is opened.
///
/// What the server sees: v1 and TSN type 3; v2 as the code says.
package enum Refusal: String, Sendable, CaseIterable {
    /// The name is not in the Private Host List: NXDOMAIN.
    case unknownName = "unknown-name"
    /// The host has no address in GN's family: NXDOMAIN.
    case noAddress = "no-address"
    /// The host or the router does not let this GN or server in: REFUSED.
    case policy
    /// The owner has paused the router: REFUSED.
    case paused
    /// A bound is reached: REFUSED.
    case overLimit = "over-limit"
    /// Another permission of this GN was not used in time: REFUSED.
    case contended
    /// The kernel did not accept the mapping: SERVFAIL.
    case kernel
    /// GN is given as a prefix that is larger than this router opens, or that granted ports cannot serve: REFUSED.
    case prefix

    /// The response code in v2.
    package var responseCode: ResponseCode {
        switch self {
        case .unknownName, .noAddress: .nameError
        case .kernel: .serverFailure
        case .policy, .paused, .overLimit, .contended, .prefix: .refused
        }
    }
}

/// What the server is told.
package enum RouterReply: Sendable, Equatable {
    /// The way is open for this many seconds; `ports` when single ports were granted.
    case granted(lifetime: UInt32, ports: [V2Message.PortRecord])
    /// GN is behind this router too: it reaches the host at its private address.
    case hairpin(address: IPAddress, lifetime: UInt32)
    /// The final reply follows.
    case pending
    case refused(Refusal)
}

/// How new flows are let in.
package enum Gate: String, Sendable {
    /// All new flows within the lifetime, up to the cap.
    case window
    /// One new flow.
    case once
}

/// One change of the kernel's tables.
///
/// The changes of one ``RouterAction/apply(ticket:_:)`` belong in one transaction.
package enum KernelChange: Sendable, Hashable {
    /// Lets `gn` in to `host`; takes away what it had with `previous`.
    case open(gn: IPAddress, host: IPAddress, gate: Gate, lifetime: UInt32, previous: IPAddress?)
    /// Leaves the target, but lets one more new flow in.
    case narrow(gn: IPAddress, lifetime: UInt32)
    /// Closes the gates and forgets the target.
    case close(gn: IPAddress, host: IPAddress)
    /// IPv6: lets `gn` through to `host`.
    case openPinhole(gn: IPAddress, host: IPAddress, lifetime: UInt32)
    case closePinhole(gn: IPAddress, host: IPAddress)
    /// A public port of its own for `gn`.
    case openPort(
        gn: IPAddress, transport: UInt8, port: UInt16, host: IPAddress, hostPort: UInt16,
        lifetime: UInt32)
    case closePort(gn: IPAddress, transport: UInt8, port: UInt16, host: IPAddress, hostPort: UInt16)
    /// Lets all of a prefix in to `host`, translated or through a pinhole.
    case openPrefix(gn: IPPrefix, host: IPAddress, lifetime: UInt32)
    case closePrefix(gn: IPPrefix, host: IPAddress)
    /// Lets no packet between the two pass for this many seconds.
    case block(gn: IPAddress, host: IPAddress, seconds: UInt32)
    /// Takes such a block back.
    case unblock(gn: IPAddress, host: IPAddress)
    /// The same two for a prefix.
    case blockPrefix(gn: IPPrefix, host: IPAddress, seconds: UInt32)
    case unblockPrefix(gn: IPPrefix, host: IPAddress)
    /// Forgets the port lists of all hosts.
    case unlimitAll
    /// Only these ports of `host` may be reached.
    case limit(host: IPAddress, ports: [PortRange])
}

/// What the router's program has to do.
package enum RouterAction: Sendable, Equatable {
    /// Make the changes in one transaction, then call ``RequestCache/applied(ticket:succeeded:now:actions:)``.
    case apply(ticket: UInt64, [KernelChange])
    case reply(requester: UInt64, RouterReply)
    /// Delete conntrack entries from `gn` to the router itself that are not translated: they would keep their flows
    /// from being translated.
    case forgetUntranslated(gn: IPPrefix)
    /// Delete the conntrack entries of `gn` that our table has translated or let through to `host`, or to any;
    /// after the changes.
    case forgetFlows(gn: IPPrefix, host: IPAddress?)
    case record(RouterEvent)
}

/// What the owner may want to read.
package enum RouterEvent: Sendable, Equatable {
    case opened(
        gn: IPPrefix, host: Name, address: IPAddress, gate: Gate, lifetime: UInt32, server: IPAddress)
    /// A permission ended; `flows` says whether and how often it was used, `after` how long it was open.
    case ended(
        gn: IPPrefix, host: Name, address: IPAddress, flows: UInt64, after: Duration, reason: EndReason)
    case refused(gn: IPPrefix, host: Name, server: IPAddress, Refusal)
    /// A bound was the reason for the refusal that comes with it.
    case limited(PermissionBound)

    /// Why a permission ended.
    package enum EndReason: String, Sendable { case expired, replaced, consumed, revoked, failed }
}

/// The bounds of the Request Cache.
package enum PermissionBound: String, Sendable, CaseIterable {
    case entries
    case perGN = "gn"
    case perServer = "server"
    case perHost = "host"
    /// Openings a minute for one GN.
    case rate
    /// Notifications that wait for another permission of their GN.
    case queue
    case prefixes
    /// Public ports.
    case ports
}
