internal import DNSCore

/// What a ``Negotiator`` has counted (nts.md 2.9).
///
/// Each worker has its own; sum them with ``add(_:)``.
package struct NTSMetrics: Sendable, Equatable {
    /// Notifications sent, the repeated ones included.
    package var notifications: UInt64 = 0
    /// Of them, those that repeated an earlier one.
    package var retransmissions: UInt64 = 0
    /// Final positive responses.
    package var responses: UInt64 = 0
    package var pendings: UInt64 = 0
    /// Refusals of form v1 and TSN, which give no reason.
    package var refusedPlain: UInt64 = 0
    /// Refusals of form v2 because the name is not in the router's list (NXDOMAIN).
    package var refusedName: UInt64 = 0
    /// Refusals of form v2 because the router's rules forbid it (REFUSED).
    package var refusedPolicy: UInt64 = 0
    /// Refusals of form v2 because the router's kernel could not (SERVFAIL).
    package var refusedKernel: UInt64 = 0
    /// Refusals of form v2 because key, signature or time were wrong (NOTAUTH).
    package var refusedSignature: UInt64 = 0
    /// Refusals of form v2 with another code.
    package var refusedOther: UInt64 = 0
    package var timeouts: UInt64 = 0
    /// Targets that said by ICMP that nobody listens.
    package var unreachables: UInt64 = 0
    /// Echoes that came back unchanged.
    package var unchangedEchoes: UInt64 = 0
    /// Replies held, and released again.
    package var held: UInt64 = 0
    package var released: UInt64 = 0
    /// Held replies that waited for a negotiation already under way.
    package var joined: UInt64 = 0
    /// Targets not notified because they are remembered as no NTS routers.
    package var negativeHits: UInt64 = 0
    /// Replies released unheld, by the bound that was reached.
    package var overTotal: UInt64 = 0
    package var overPerClient: UInt64 = 0
    package var overPerRouter: UInt64 = 0
    /// Answers of which only the first targets were negotiated.
    package var overPerAnswer: UInt64 = 0
    /// Clients asked to prove their address.
    package var validations: UInt64 = 0
    /// Answers released unheld because the client's address in the target's family is unknown.
    package var unknownClientAddress: UInt64 = 0
    /// Names that the target's form cannot carry.
    package var unsuitableNames: UInt64 = 0
    /// Messages that no negotiation waited for, or whose content differs from what was sent.
    package var unexpected: UInt64 = 0
    /// Messages that could not be decoded.
    package var malformed: UInt64 = 0
    /// Responses whose signature was wrong.
    package var badSignatures: UInt64 = 0
    /// Announcements of routers that were taken.
    package var registrations: UInt64 = 0
    /// Clients answered with a private address.
    package var hairpins: UInt64 = 0
    /// Holds by duration: up to 100 us, 250 us, 500 us, 1, 2.5, 5, 10, 25, 50, 100, 300 ms, 1 s, 3 s, and longer.
    package var holdTimes = [UInt64](repeating: 0, count: holdTimeBounds.count + 1)
    /// Sum of all hold times, microseconds.
    package var holdTimeSum: UInt64 = 0

    /// Upper bounds of ``holdTimes``, microseconds.
    package static let holdTimeBounds: [UInt64] = [
        100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 300_000, 1_000_000, 3_000_000,
    ]

    package init() {}

    /// All refusals together.
    package var refusals: UInt64 {
        refusedPlain &+ refusedName &+ refusedPolicy &+ refusedKernel &+ refusedSignature &+ refusedOther
    }

    /// Why a router refused.
    enum Refusal {
        case plain, name, policy, kernel, signature, other

        /// The reason that a response code of form v2 gives.
        init(_ code: ResponseCode) {
            switch code {
            case .nameError: self = .name
            case .refused: self = .policy
            case .serverFailure: self = .kernel
            case .notAuth: self = .signature
            default: self = .other
            }
        }
    }

    mutating func count(_ refusal: Refusal) {
        switch refusal {
        case .plain: refusedPlain &+= 1
        case .name: refusedName &+= 1
        case .policy: refusedPolicy &+= 1
        case .kernel: refusedKernel &+= 1
        case .signature: refusedSignature &+= 1
        case .other: refusedOther &+= 1
        }
    }

    /// Counts one hold.
    mutating func recordHold(_ duration: Duration) {
        let parts = duration.components
        let microseconds =
            UInt64(max(0, parts.seconds)) &* 1_000_000
            &+ UInt64(max(0, parts.attoseconds / 1_000_000_000_000))
        holdTimeSum &+= microseconds
        holdTimes[
            Self.holdTimeBounds.firstIndex { microseconds <= $0 } ?? Self.holdTimeBounds.count] &+= 1
    }

    /// Adds another worker's figures.
    package mutating func add(_ other: NTSMetrics) {
        for figure in Self.figures { self[keyPath: figure.path] &+= other[keyPath: figure.path] }
        for index in holdTimes.indices { holdTimes[index] &+= other.holdTimes[index] }
        holdTimeSum &+= other.holdTimeSum
    }

    /// The counters with the names under which they are published, and what they count.
    package var named: [(name: String, help: String, value: UInt64)] {
        Self.figures.map { ($0.name, $0.help, self[keyPath: $0.path]) }
    }

    private static var figures: [(name: String, help: String, path: WritableKeyPath<NTSMetrics, UInt64>)] {
        [
            ("notifications", "Notifications sent, the repeated ones included.", \.notifications),
            ("retransmissions", "Notifications that repeated an earlier one.", \.retransmissions),
            ("responses", "Final positive responses.", \.responses),
            ("pendings", "Responses that say that the router waits for another asker.", \.pendings),
            ("refusals_plain", "Refusals of form v1 and TSN, which give no reason.", \.refusedPlain),
            (
                "refusals_name",
                "Refusals of form v2 because the name is not in the router's list (NXDOMAIN).", \.refusedName
            ),
            (
                "refusals_policy", "Refusals of form v2 because the router's rules forbid it (REFUSED).",
                \.refusedPolicy
            ),
            (
                "refusals_kernel", "Refusals of form v2 because the router's kernel could not (SERVFAIL).",
                \.refusedKernel
            ),
            (
                "refusals_signature",
                "Refusals of form v2 because key, signature or time were wrong (NOTAUTH).", \.refusedSignature
            ),
            ("refusals_other", "Refusals of form v2 with another code.", \.refusedOther),
            ("timeouts", "Targets that did not answer in time.", \.timeouts),
            ("unreachables", "Targets that said by ICMP that nobody listens.", \.unreachables),
            ("unchanged_echoes", "Echoes that came back unchanged.", \.unchangedEchoes),
            ("held", "Replies held.", \.held),
            ("released", "Held replies released.", \.released),
            ("joined", "Held replies that waited for a negotiation already under way.", \.joined),
            (
                "negative_hits", "Targets not notified because they are remembered as no NTS routers.",
                \.negativeHits
            ),
            ("over_total", "Replies released unheld because of nts.limits.holds.", \.overTotal),
            ("over_per_client", "Replies released unheld because of nts.limits.per-client.", \.overPerClient),
            ("over_per_router", "Replies released unheld because of nts.limits.per-router.", \.overPerRouter),
            ("over_per_answer", "Answers of which only the first targets were negotiated.", \.overPerAnswer),
            ("validations", "Clients asked to prove their address.", \.validations),
            (
                "unknown_client_address",
                "Answers released unheld because the client's address in the target's family is unknown.",
                \.unknownClientAddress
            ),
            ("unsuitable_names", "Names that the target's form cannot carry.", \.unsuitableNames),
            (
                "unexpected",
                "Messages that no negotiation waited for, or whose content differs from what was sent.",
                \.unexpected
            ),
            ("malformed", "Messages that could not be decoded.", \.malformed),
            ("bad_signatures", "Responses whose signature was wrong.", \.badSignatures),
            ("hairpins", "Clients answered with a private address.", \.hairpins),
            ("registrations", "Announcements of routers that were taken.", \.registrations),
        ]
    }
}
