internal import NTS
internal import Operations

/// What the agent has counted (nts.md 2.9).
struct RouterMetrics {
    /// Notifications taken, by form.
    var notificationsV1: UInt64 = 0
    var notificationsICMP: UInt64 = 0
    var notificationsV2: UInt64 = 0
    /// Replies by kind.
    var granted: UInt64 = 0
    var hairpins: UInt64 = 0
    var pendings: UInt64 = 0
    /// Refusals by reason.
    var refusals: [Refusal: UInt64] = [:]
    /// Datagrams dropped in silence: not from a listed server, not a message, wrong signature, replayed, too many.
    var strangers: UInt64 = 0
    var malformed: UInt64 = 0
    var badSignatures: UInt64 = 0
    var replays: UInt64 = 0
    var overRate: UInt64 = 0
    /// Permissions opened, and how they ended.
    var opened: UInt64 = 0
    var askers = AskerFigures()
    /// New flows that the kernel reported.
    var flows: UInt64 = 0
    /// Registrations seen, by what became of them.
    var registrations: UInt64 = 0
    var conflicts: UInt64 = 0
    var foreignNames: UInt64 = 0
    /// Names claimed for addresses that are not behind us.
    var outsiders: UInt64 = 0
    /// Notifications refused by a bound, by which.
    var limited: [PermissionBound: UInt64] = [:]
    var overHostLimit: UInt64 = 0
    /// Signed updates of the prefix service: sent, confirmed, failed.
    var updatesSent: UInt64 = 0
    var updatesTaken: UInt64 = 0
    var updatesFailed: UInt64 = 0
    /// Kernel transactions by duration, in microseconds up to each bound, and longer.
    var kernelTimes = [UInt64](repeating: 0, count: kernelTimeBounds.count + 1)
    var kernelTimeSum: Double = 0
    static let kernelTimeBounds: [Double] = [
        10, 15, 20, 30, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10_000,
    ]

    mutating func recordKernelTime(_ duration: Duration) {
        let microseconds = duration / .microseconds(1)
        kernelTimeSum += microseconds
        kernelTimes[Self.kernelTimeBounds.firstIndex { microseconds <= $0 } ?? kernelTimes.count - 1] &+= 1
    }

    /// Adds everything to what is published.
    func add(to collection: inout MetricsCollection) {
        let notifications = "Notifications taken, by form."
        for (form, value) in [("v1", notificationsV1), ("icmp", notificationsICMP), ("v2", notificationsV2)] {
            collection.counter("torii_router_notifications_total", notifications, value, ["form": form])
        }
        let replies = "Replies to notifications, by kind."
        for (kind, value) in [("granted", granted), ("hairpin", hairpins), ("pending", pendings)] {
            collection.counter("torii_router_replies_total", replies, value, ["kind": kind])
        }
        for refusal in Refusal.allCases {
            collection.counter(
                "torii_router_refusals_total", "Notifications refused, by reason.",
                refusals[refusal, default: 0],
                ["reason": refusal.rawValue])
        }
        for bound in PermissionBound.allCases {
            collection.counter(
                "torii_router_limited_total", "Notifications refused because a bound was reached, by which.",
                limited[bound, default: 0], ["bound": bound.rawValue])
        }
        let drops = [
            ("stranger", strangers), ("malformed", malformed), ("bad-signature", badSignatures),
            ("replay", replays),
            ("rate", overRate),
        ]
        for (reason, value) in drops {
            collection.counter(
                "torii_router_dropped_total", "Datagrams dropped in silence, by reason.", value,
                ["reason": reason])
        }
        collection.counter("torii_router_permissions_opened_total", "Permissions opened.", opened)
        for (used, value) in [("yes", askers.total.used), ("no", askers.total.unused)] {
            collection.counter(
                "torii_router_permissions_ended_total", "Permissions ended, by whether they were used.",
                value,
                ["used": used])
        }
        collection.counter(
            "torii_router_open_seconds_total", "Time that permissions which have ended were open, in all.",
            UInt64(clamping: askers.total.open.components.seconds))
        collection.counter("torii_router_flows_total", "New flows let in.", flows)
        let outcomes = [
            ("entered", registrations), ("conflict", conflicts), ("foreign", foreignNames),
            ("outsider", outsiders),
            ("limit", overHostLimit),
        ]
        for (outcome, value) in outcomes {
            collection.counter(
                "torii_router_registrations_total", "Registrations seen, by outcome.", value,
                ["outcome": outcome])
        }
        for (outcome, value) in [("sent", updatesSent), ("taken", updatesTaken), ("failed", updatesFailed)] {
            collection.counter(
                "torii_router_updates_total", "Signed updates of published addresses, by outcome.", value,
                ["outcome": outcome])
        }
        collection.histogram(
            "torii_router_kernel_seconds", "Time of a kernel transaction.",
            bounds: Self.kernelTimeBounds.map { $0 / 1_000_000 }, counts: kernelTimes,
            sum: kernelTimeSum / 1_000_000)
    }
}
