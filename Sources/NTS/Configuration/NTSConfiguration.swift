package import DNSCore

/// The `nts:` part of the server's configuration (interfaces.md), with every default filled in.
package struct NTSConfiguration: Sendable {
    /// Whether address answers are negotiated at all.
    package var isEnabled = false
    /// Where notifications come from: the negotiation socket.
    ///
    /// Port 0 lets the system choose.
    package var source = IPEndpoint(.anyIPv4, port: 20053)
    /// Which answers are negotiated.
    package var targets = Targets()
    /// The form for targets that are not listed as routers.
    package var form = Form.v1
    /// The port to which notifications go, unless a router's entry says otherwise.
    package var targetPort: UInt16 = 20053
    /// How long a reply is held.
    package var hold = Hold()
    /// How long a target that did not answer counts as "not an NTS router".
    package var negativeTTL: Duration = .seconds(300)
    /// How long a router that has answered before and now did not is left alone.
    package var knownRetry: Duration = .seconds(10)
    /// The lifetime that is asked for, and assumed of forms that carry none (v1, TSN).
    ///
    /// Seconds.
    package var lifetime: UInt32 = 60
    /// Whether a client must prove its source address before a permission is opened for it.
    package var validateClient = ClientValidation.always
    /// Clients that need not.
    package var validatedClients: [IPPrefix] = []
    /// Forwarders whose EDNS Client Subnet is believed.
    package var ecsFrom: [IPPrefix] = []
    /// The other family's address of clients; the longest prefix wins.
    package var clientMap = ClientMap()
    /// Whether a client behind the same router as the host is answered with the host's private address.
    package var isHairpinAnswered = true
    /// Names below these are not, as their clients filter private addresses.
    package var hairpinExcluded: [Name] = []
    /// TSIG keys with which routers may announce themselves.
    package var registrationKeys: [Name] = []
    package var limits = Limits()

    package init() {}

    /// The form of a notification.
    package enum Form: String, Sendable, CaseIterable { case v1, icmp, v2 }

    /// When a client's source address must be proved by a cookie or TCP.
    package enum ClientValidation: String, Sendable, CaseIterable {
        /// Always.
        case always
        /// Only while more holds are pending than ``Limits/pressure``.
        case pressure
        /// Never: the papers' behaviour.
        case off
    }

    /// What a client gets when the router did not answer in time.
    package enum TimeoutOutcome: String, Sendable, CaseIterable {
        /// The answer unchanged.
        case release
        /// SERVFAIL.
        case servfail
    }

    /// Which answers are negotiated, beside those of zones marked `nts: true`.
    package struct Targets: Sendable {
        /// Addresses in these are.
        package var prefixes: [IPPrefix] = []
        /// All are: the papers' behaviour.
        package var any = false
        /// Routers known by configuration.
        package var routers: [Router] = []

        package init() {}
    }

    /// A router known by configuration.
    package struct Router: Sendable {
        package var address: IPAddress
        package var port: UInt16
        package var form: Form
        /// Name of the TSIG key for v2.
        package var key: Name?
        /// Addresses behind it that are not its own: the IPv6 prefixes it routes.
        package var prefixes: [IPPrefix]

        package init(
            address: IPAddress, port: UInt16 = 20053, form: Form, key: Name? = nil,
            prefixes: [IPPrefix] = []
        ) {
            self.address = address
            self.port = port
            self.form = form
            self.key = key
            self.prefixes = prefixes
        }
    }

    /// How long a reply is held.
    package struct Hold: Sendable {
        /// For a target not known to be an NTS router.
        package var unknown: Duration = .milliseconds(300)
        /// For a router that has answered before, is listed or has registered.
        package var known: Duration = .seconds(1)
        /// After a *pending* message, from the first notification on.
        package var pending: Duration = .seconds(3)
        /// When the notification is sent, from the start of the hold.
        ///
        /// At most 8.
        package var retransmit: [Duration] = [.zero, .milliseconds(100), .milliseconds(200)]
        package var onTimeout = TimeoutOutcome.release

        package init() {}
    }

    /// Bounds.
    ///
    /// Over one of the first three the reply is released unheld and counted.
    package struct Limits: Sendable {
        /// Replies held at one time.
        package var holds = 100_000
        /// Of them for one client address.
        package var perClient = 64
        /// Negotiations with one router at one time.
        package var perRouter = 1024
        /// Holds above which ``ClientValidation/pressure`` asks clients to prove their address.
        package var pressure = 1000
        /// Addresses of one answer that are negotiated; further ones are not.
        package var addressesPerAnswer = 8
        /// Targets remembered as "not an NTS router"; beyond it old ones are forgotten first.
        package var negativeEntries = 65_536
        /// Routers remembered from their answers or registration.
        package var knownRouters = 65_536

        package init() {}
    }
}
