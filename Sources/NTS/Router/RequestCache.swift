package import DNSCore

/// The router's Request Cache: who may open a connection to whom, until when (nts.md 1.3, 1.4, 2.4).
///
/// The story of one case. A notification says that GN will come for `alice`. ``notify(_:hosts:now:epoch:actions:)`` finds her
/// address in the Private Host List, makes an entry and asks for a kernel transaction; ``applied(ticket:succeeded:now:actions:)``
/// says that the kernel has it, and only then the reply `granted` goes out. GN's first packet is translated by the
/// kernel alone; ``used(gn:host:now:actions:)`` hears of it later. A notification for `bob` from the same GN before that packet
/// would have found the entry unused: it narrows it to one flow, says `pending`, and waits for the first use.
///
/// No I/O, no clock. The kernel's tables carry their own timeouts; this state never lets a hole live longer.
package struct RequestCache: Sendable {
    /// Bounds and modes (interfaces.md, `permissions:`).
    package struct Configuration: Sendable {
        package var mode = Gate.window
        /// Seconds granted when the form carries no wish, and the most ever granted.
        package var lifetime: UInt32 = 60
        package var maxLifetime: UInt32 = 300
        /// How long a contended permission may stay unused before the next one takes its place.
        package var conflictWait: Duration = .milliseconds(700)
        /// Notifications that wait for one GN; further ones are refused.
        package var conflictQueue = 4
        /// Entries in all, for one GN, from one server, for one host; notifications beyond are refused.
        package var entries = 65_536
        package var perGN = 64
        package var perServer = 16_384
        package var perHost = 16_384
        /// Permissions opened for one GN within a minute; notifications beyond are refused.
        package var perMinute = 240
        /// The router's own outside addresses: a GN with one of them is behind this router.
        package var outside: Set<IPAddress> = []
        /// Seconds for which a revoked pair is blocked.
        package var blockSeconds: UInt32 = 10
        /// Public ports for hosts with granted ports.
        package var publicPorts: ClosedRange<UInt16> = 40_000...49_999
        /// Ports of the router itself: none of them is handed out.
        package var reserved: [PortRange] = []
        /// Permissions for prefixes at one time; notifications beyond are refused.
        package var prefixes = 256
        /// The largest prefixes that are let in; larger ones are refused.
        package var shortestIPv4 = 24
        package var shortestIPv6 = 48

        package init() {}
    }

    /// One permission.
    package struct Entry: Sendable {
        /// GN; a whole prefix where its server knows no more.
        package var gn: IPPrefix
        package var host: Name
        package var address: IPAddress
        package var server: IPAddress
        package var gate: Gate
        package var lifetime: UInt32
        package var opened: Duration
        package var expires: Duration
        /// When it was opened for the first time; ``opened`` is when it was refreshed.
        package var since: Duration
        /// New flows that were reported.
        package var flows: UInt64 = 0
        /// Ports granted instead of an open gate.
        package var ports: [V2Message.PortRecord] = []
        /// Requesters whose reply waits for the kernel.
        var requesters: [UInt64] = []
        /// The kernel transaction under way.
        var ticket: UInt64?
        /// Until then this GN's permissions are for one flow each: two askers share its address.
        var contendedUntil: Duration = .zero
        var waiters: [Waiter] = []
        /// The one deadline that counts.
        var alarm: UInt64 = 0

        /// Whether it is for more than one address.
        var isWide: Bool { gn.length < gn.address.bitWidth }
    }

    struct Waiter: Sendable {
        /// Requesters of one waiter; further ones are refused.
        static let limit = 16

        var request: GrantRequest
        var host: PrivateHostList.Entry
        var address: IPAddress
        var since: Duration
        /// All that wait for the same, the first included.
        var requesters: [UInt64]
    }

    /// An asker and a private host.
    package struct Pair: Hashable, Sendable {
        package var gn: IPPrefix
        package var host: IPAddress

        package init(gn: IPPrefix, host: IPAddress) {
            self.gn = gn
            self.host = host
        }
    }

    struct Alarm: Sendable {
        var key: Key
        var number: UInt64
    }

    /// Permissions of IPv4 translation belong to a GN; pinholes and port grants to a pair.
    struct Key: Hashable, Sendable {
        var gn: IPPrefix
        /// Nil for the one IPv4 permission of a GN that all ports share.
        var host: IPAddress?
    }

    package var configuration: Configuration
    /// Whether nothing new is opened: the owner's kill switch.
    package var isPaused = false
    /// Ports that the router listens on now, each by itself: none of them is handed out.
    package var listening: Set<PortRange> = []
    /// Pairs and hosts that the owner has denied for good.
    package internal(set) var denied: Set<Denial> = []
    var entries: [Key: Entry] = [:]
    /// The keys of permissions for prefixes.
    var wideKeys: Set<Key> = []
    private var tickets: [UInt64: Key] = [:]
    private var nextTicket: UInt64 = 1
    var perGN: [IPPrefix: Int] = [:]
    var perServer: [IPAddress: Int] = [:]
    var perHost: [IPAddress: Int] = [:]
    /// Permissions opened for each GN in the minute that runs.
    var openings: [IPPrefix: Int] = [:]
    var openingsSince = Duration.zero
    private var alarms = DeadlineHeap<Alarm>()
    private var alarmCount: UInt64 = 0
    /// The latest time that was told.
    private(set) var lastNow = Duration.zero
    /// Port lists that the kernel has.
    var limited: [IPAddress: [PortRange]] = [:]
    /// Pairs that are blocked after a revocation, and until when.
    var blocked: [Pair: Duration] = [:]
    /// Public ports in use, and what for.
    var usedPorts: [GrantedPort: Key] = [:]

    struct GrantedPort: Hashable { var gn: IPAddress, transport: UInt8, port: UInt16 }

    /// What the owner has denied.
    package struct Denial: Hashable, Sendable {
        /// Nil = every GN.
        package var gn: IPPrefix?
        /// Nil = every host.
        package var host: Name?

        package init(gn: IPPrefix?, host: Name?) {
            self.gn = gn
            self.host = host
        }
    }

    package init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    package var count: Int { entries.count }
    /// All permissions, sorted by GN and host.
    package var all: [Entry] {
        entries.values.sorted { ($0.gn.address, $0.address) < ($1.gn.address, $1.address) }
    }
    /// The permissions that let somebody in: those for one flow only until it has come.
    package var open: [Entry] { all.filter { $0.gate == .window || $0.flows == 0 } }
    /// Notifications that wait for another permission's first use.
    package var waitingCount: Int { entries.values.reduce(0) { $0 + $1.waiters.count } }
    /// When ``advance(to:actions:)`` has something to do.
    package var nextDeadline: Duration? { entries.isEmpty ? nil : alarms.soonest }

    // MARK: Events

    /// A notification whose sender has been checked.
    package mutating func notify(
        _ request: GrantRequest, hosts: PrivateHostList, now: Duration, epoch: UInt64,
        actions: inout [RouterAction]
    ) {
        advance(to: now, actions: &actions)
        guard !isPaused else { return refuse(request, .paused, &actions) }
        guard let host = hosts.lookup(request.host, epoch: epoch) else {
            return refuse(request, .unknownName, &actions)
        }
        guard let address = host.address(isIPv6: request.gn.address.isIPv6) else {
            return refuse(request, .noAddress, &actions)
        }
        guard isAllowed(request, host) else { return refuse(request, .policy, &actions) }
        let gn = request.gn.address
        if configuration.outside.contains(gn) {
            let lifetime = lifetime(for: request)
            actions.append(
                .reply(requester: request.requester, .hairpin(address: address, lifetime: lifetime)))
            return
        }
        let key = Key(gn: request.gn, host: gn.isIPv6 || !host.policy.grantedPorts.isEmpty ? address : nil)
        if request.gn.length < gn.bitWidth, let refusal = objection(toPrefixOf: request, host, key) {
            guard refusal != .overLimit else { return refuse(request, PermissionBound.prefixes, &actions) }
            return refuse(request, refusal, &actions)
        }
        guard let entry = entries[key] else {
            return open(
                request, host, address, key, gate: configuration.mode, contendedUntil: .zero, now, &actions)
        }
        if entry.address == address {
            refresh(request, entry, key, now, &actions)
        } else if request.gn.length < gn.bitWidth {
            // Many askers: whoever was let in to the first host would end at the second.
            refuse(request, .contended, &actions)
        } else if entry.flows > 0, entry.contendedUntil <= now {
            // Used: its flows are conntrack's; new ones go to the newest target.
            replace(
                key, with: request, host, address, gate: configuration.mode, contendedUntil: .zero, now,
                &actions)
        } else {
            contend(request, host, address, key, now, &actions)
        }
    }

    /// The kernel has accepted, or refused, the transaction `ticket`.
    package mutating func applied(
        ticket: UInt64, succeeded: Bool, now: Duration, actions: inout [RouterAction]
    ) {
        guard let key = tickets.removeValue(forKey: ticket), var entry = entries[key],
            entry.ticket == ticket
        else {
            return
        }
        entry.ticket = nil
        let requesters = entry.requesters
        entry.requesters = []
        entries[key] = entry
        guard succeeded else {
            for requester in requesters {
                actions.append(.reply(requester: requester, .refused(.kernel)))
            }
            // The host's list of ports went with the transaction: the next one has to bring it.
            limited[entry.address] = nil
            end(key, .failed, closing: true, &actions)
            return
        }
        for requester in requesters {
            actions.append(
                .reply(requester: requester, .granted(lifetime: entry.lifetime, ports: entry.ports)))
        }
    }

    /// The kernel reported the first packet of a new flow from `gn`.
    ///
    /// - Parameters:
    ///   - host: the inside address, where the report has it (IPv6).
    ///   - transport: 6 or 17, with the port that the packet was sent to.
    package mutating func used(
        gn: IPAddress, host: IPAddress?, transport: UInt8 = 0, port: UInt16 = 0, now: Duration,
        actions: inout [RouterAction]
    ) {
        let own = IPPrefix(gn)
        let granted = GrantedPort(gn: gn, transport: transport, port: port)
        // The order in which the packet path looks.
        let candidates = [usedPorts[granted], Key(gn: own, host: gn.isIPv6 ? host : nil)].compactMap(\.self)
        guard
            let key = candidates.first(where: { entries[$0] != nil })
                ?? wideKeys.first(where: { $0.gn.contains(gn) && (!gn.isIPv6 || $0.host == host) }),
            var entry = entries[key]
        else { return }
        entry.flows &+= 1
        entries[key] = entry
        if !entry.waiters.isEmpty { serveWaiter(key, now, &actions) }
    }

    /// Ends what is over at `now`, and lets the next waiter in where the wait is over.
    package mutating func advance(to now: Duration, actions: inout [RouterAction]) {
        lastNow = max(lastNow, now)
        while let alarm = alarms.pop(dueAt: now) {
            guard let entry = entries[alarm.key], entry.alarm == alarm.number else { continue }
            if !entry.waiters.isEmpty {
                serveWaiter(alarm.key, now, &actions)
            } else if entry.expires <= now {
                end(alarm.key, .expired, closing: false, &actions)
            } else {
                setAlarm(alarm.key)
            }
        }
        if alarms.count > 1024, alarms.count > 4 * entries.count {
            let current = entries.mapValues(\.alarm)
            alarms.compact { current[$0.key] == $0.number }
        }
    }

    // MARK: Ending

    /// Forgets a permission.
    ///
    /// `closing` also takes it from the kernel, which otherwise has ended it by its timeout or is about to
    /// replace it.
    mutating func end(
        _ key: Key, _ reason: RouterEvent.EndReason, closing: Bool, _ actions: inout [RouterAction]
    ) {
        guard let entry = forget(key) else { return }
        if closing { actions.append(.apply(ticket: takeTicket(), closingChanges(entry))) }
        actions.append(
            .record(
                .ended(
                    gn: entry.gn, host: entry.host, address: entry.address, flows: entry.flows,
                    after: min(lastNow, entry.expires) - entry.since,
                    reason: entry.gate == .once && entry.flows > 0 && reason == .expired ? .consumed : reason)
            ))
    }

    /// Takes a permission out of our tables.
    @discardableResult
    mutating func forget(_ key: Key) -> Entry? {
        guard let entry = entries.removeValue(forKey: key) else { return nil }
        if let ticket = entry.ticket { tickets[ticket] = nil }
        decrement(&perGN, entry.gn)
        decrement(&perServer, entry.server)
        decrement(&perHost, entry.address)
        wideKeys.remove(key)
        for port in entry.ports {
            usedPorts[GrantedPort(gn: entry.gn.address, transport: port.transport, port: port.publicPort)] =
                nil
        }
        return entry
    }

    /// Puts a permission into our tables.
    mutating func insert(_ entry: Entry, _ key: Key) {
        entries[key] = entry
        if entry.isWide { wideKeys.insert(key) }
        perGN[key.gn, default: 0] += 1
        perServer[entry.server, default: 0] += 1
        perHost[entry.address, default: 0] += 1
        setAlarm(key)
    }

    private func decrement<Subject>(_ counts: inout [Subject: Int], _ subject: Subject) {
        let left = counts[subject, default: 1] - 1
        counts[subject] = left <= 0 ? nil : left
    }

    mutating func takeTicket() -> UInt64 {
        defer { nextTicket &+= 1 }
        return nextTicket
    }

    /// A ticket whose outcome ``applied(ticket:succeeded:now:actions:)`` notes for the permission `key`.
    mutating func takeTicket(for key: Key) -> UInt64 {
        let ticket = takeTicket()
        tickets[ticket] = key
        return ticket
    }

    /// Wakes at the end of the permission, or of the first waiter's patience.
    mutating func setAlarm(_ key: Key) {
        guard let entry = entries[key] else { return }
        var due = entry.expires
        if let first = entry.waiters.first { due = min(due, first.since + configuration.conflictWait) }
        alarmCount &+= 1
        entries[key]?.alarm = alarmCount
        alarms.push(Alarm(key: key, number: alarmCount), due: due)
    }
}
