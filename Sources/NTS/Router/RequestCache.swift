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
        /// The router's own outside addresses: a GN with one of them is behind this router.
        package var outside: Set<IPAddress> = []
        /// Seconds for which a revoked pair is blocked.
        package var blockSeconds: UInt32 = 10
        /// Public ports for hosts with granted ports.
        package var publicPorts: ClosedRange<UInt16> = 40_000...49_999

        package init() {}
    }

    /// One permission.
    package struct Entry: Sendable {
        package var gn: IPAddress
        package var host: Name
        package var address: IPAddress
        package var server: IPAddress
        package var gate: Gate
        package var lifetime: UInt32
        package var opened: Duration
        package var expires: Duration
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
    }

    struct Waiter: Sendable {
        var request: GrantRequest
        var host: PrivateHostList.Entry
        var address: IPAddress
        var since: Duration
    }

    private struct Pair: Hashable { var gn: IPAddress, host: IPAddress }

    private struct Alarm: Sendable {
        var key: Key
        var number: UInt64
    }

    /// Permissions of IPv4 translation belong to a GN; pinholes and port grants to a pair.
    struct Key: Hashable, Sendable {
        var gn: IPAddress
        /// Nil for the one IPv4 permission of a GN that all ports share.
        var host: IPAddress?
    }

    package var configuration: Configuration
    /// Whether nothing new is opened: the owner's kill switch.
    package var isPaused = false
    /// Pairs and hosts that the owner has denied for good.
    package private(set) var denied: Set<Denial> = []
    private var entries: [Key: Entry] = [:]
    private var tickets: [UInt64: Key] = [:]
    private var nextTicket: UInt64 = 1
    private var perGN: [IPAddress: Int] = [:]
    private var perServer: [IPAddress: Int] = [:]
    private var perHost: [IPAddress: Int] = [:]
    private var alarms = DeadlineHeap<Alarm>()
    private var alarmCount: UInt64 = 0
    /// The latest time that was told.
    private var lastNow = Duration.zero
    private var limited: [IPAddress: [PortRange]] = [:]
    /// Pairs that are blocked after a revocation, and until when.
    private var blocked: [Pair: Duration] = [:]
    private var usedPorts: Set<GrantedPort> = []

    private struct GrantedPort: Hashable { var gn: IPAddress, transport: UInt8, port: UInt16 }

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
    package var all: [Entry] { entries.values.sorted { ($0.gn, $0.address) < ($1.gn, $1.address) } }
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
        guard request.gn.length == gn.bitWidth else { return refuse(request, .prefix, &actions) }
        let key = Key(gn: gn, host: gn.isIPv6 || !host.policy.grantedPorts.isEmpty ? address : nil)
        guard let entry = entries[key] else {
            return open(
                request, host, address, key, gate: configuration.mode, contendedUntil: .zero, now, &actions)
        }
        if entry.address == address {
            refresh(request, entry, key, now, &actions)
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
    /// - Parameter host: the inside address, where the report has it (IPv6).
    package mutating func used(
        gn: IPAddress, host: IPAddress?, now: Duration, actions: inout [RouterAction]
    ) {
        var key = Key(gn: gn, host: gn.isIPv6 ? host : nil)
        guard perGN[gn] != nil else { return }
        if entries[key] == nil, !gn.isIPv6 {
            // A granted port: the report has only GN.
            guard let other = entries.keys.first(where: { $0.gn == gn }) else { return }
            key = other
        }
        guard var entry = entries[key] else { return }
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

    /// Ends every permission that `matches` says, its flows included, in the three steps of nts.md 2.4: the gate, the
    /// pair, then conntrack.
    ///
    /// - Returns: how many ended.
    @discardableResult
    package mutating func revoke(actions: inout [RouterAction], where matches: (Entry) -> Bool) -> Int {
        let doomed = entries.filter { matches($0.value) }
        for (key, entry) in doomed {
            for waiter in entry.waiters { refuse(waiter.request, .policy, &actions) }
            entries[key]?.waiters = []
            end(key, .revoked, closing: true, &actions)
            blocked[Pair(gn: entry.gn, host: entry.address)] =
                lastNow + .seconds(Int(configuration.blockSeconds))
            let block = KernelChange.block(
                gn: entry.gn, host: entry.address, seconds: configuration.blockSeconds)
            actions.append(.apply(ticket: takeTicket(), [block]))
            actions.append(.forgetFlows(gn: entry.gn, host: entry.address))
        }
        return doomed.count
    }

    /// Denies GN, host or both from now on and revokes what they have.
    @discardableResult
    package mutating func deny(_ denial: Denial, actions: inout [RouterAction]) -> Int {
        // Everybody from everything is no denial but a new start; what lasts is the pause.
        if denial != Denial(gn: nil, host: nil) { denied.insert(denial) }
        return revoke(actions: &actions) { entry in
            (denial.gn?.contains(entry.gn) ?? true) && (denial.host.map { $0 == entry.host } ?? true)
        }
    }

    /// Takes a denial back.
    @discardableResult
    package mutating func allow(_ denial: Denial) -> Bool { denied.remove(denial) != nil }

    /// The hosts' rules have changed: ends what they no longer allow, and writes their port lists anew.
    package mutating func rulesChanged(_ hosts: PrivateHostList, epoch: UInt64, actions: inout [RouterAction])
    {
        let rules = self
        revoke(actions: &actions) { entry in
            guard let host = hosts.lookup(entry.host, epoch: epoch),
                host.address(isIPv6: entry.gn.isIPv6) == entry.address
            else { return true }
            let request = GrantRequest(
                requester: 0, server: entry.server, gn: IPPrefix(entry.gn), host: entry.host)
            return !rules.isAllowed(request, host)
        }
        guard !limited.isEmpty || !entries.isEmpty else { return }
        limited = [:]
        var changes = [KernelChange.unlimitAll]
        for entry in entries.values {
            if let host = hosts.lookup(entry.host, epoch: epoch) {
                changes += limits(of: host, entry.address)
            }
        }
        actions.append(.apply(ticket: takeTicket(), changes))
    }

    // MARK: Deciding

    private func isAllowed(_ request: GrantRequest, _ host: PrivateHostList.Entry) -> Bool {
        let policy = host.policy
        guard policy.servers.isEmpty || policy.servers.contains(request.server) else { return false }
        guard policy.from.isEmpty || policy.from.contains(where: { $0.contains(request.gn) }) else {
            return false
        }
        let gn = request.gn.address
        guard !gn.isUnspecified, !gn.isLoopback, !gn.isMulticast, !gn.isLinkLocal else { return false }
        return !denied.contains { denial in
            (denial.gn.map { $0.contains(request.gn) } ?? true)
                && (denial.host.map { $0 == host.name } ?? true)
        }
    }

    private func lifetime(for request: GrantRequest) -> UInt32 {
        max(1, min(request.lifetime ?? configuration.lifetime, configuration.maxLifetime))
    }

    private mutating func refuse(
        _ request: GrantRequest, _ refusal: Refusal, _ actions: inout [RouterAction]
    ) {
        actions.append(.reply(requester: request.requester, .refused(refusal)))
        actions.append(
            .record(.refused(gn: request.gn, host: request.host, server: request.server, refusal)))
    }

    private func hasRoom(_ request: GrantRequest, _ address: IPAddress) -> Bool {
        entries.count < configuration.entries
            && perGN[request.gn.address, default: 0] < configuration.perGN
            && perServer[request.server, default: 0] < configuration.perServer
            && perHost[address, default: 0] < configuration.perHost
    }

    // MARK: Opening

    private mutating func open(
        _ request: GrantRequest, _ host: PrivateHostList.Entry, _ address: IPAddress, _ key: Key,
        gate: Gate,
        contendedUntil: Duration, previous: IPAddress? = nil, requesters: [UInt64]? = nil,
        waiters: [Waiter] = [],
        _ now: Duration, _ actions: inout [RouterAction]
    ) {
        guard hasRoom(request, address) else {
            for waiter in waiters { refuse(waiter.request, .overLimit, &actions) }
            return refuse(request, .overLimit, &actions)
        }
        let lifetime = lifetime(for: request)
        var entry = Entry(
            gn: key.gn, host: host.name, address: address, server: request.server, gate: gate,
            lifetime: lifetime,
            opened: now, expires: now + .seconds(Int(lifetime)))
        entry.requesters = requesters ?? [request.requester]
        entry.contendedUntil = contendedUntil
        entry.waiters = waiters
        var changes = unblocking(key.gn, address, now) + limits(of: host, address)
        if !host.policy.grantedPorts.isEmpty, !key.gn.isIPv6 {
            guard let ports = grantPorts(host, gn: key.gn) else {
                return refuse(request, .overLimit, &actions)
            }
            entry.ports = ports
        }
        let ticket = takeTicket()
        entry.ticket = ticket
        tickets[ticket] = key
        changes += opening(entry, previous: previous)
        entries[key] = entry
        perGN[key.gn, default: 0] += 1
        perServer[request.server, default: 0] += 1
        perHost[address, default: 0] += 1
        setAlarm(key)
        actions.append(.apply(ticket: ticket, changes))
        if !key.gn.isIPv6 { actions.append(.forgetUntranslated(gn: key.gn)) }
        actions.append(
            .record(
                .opened(
                    gn: request.gn, host: host.name, address: address, gate: gate, lifetime: lifetime,
                    server: request.server)))
    }

    /// The same host again: acknowledged at once when little of the lifetime is gone, else opened anew.
    private mutating func refresh(
        _ request: GrantRequest, _ old: Entry, _ key: Key, _ now: Duration,
        _ actions: inout [RouterAction]
    ) {
        var entry = old
        let lifetime = lifetime(for: request)
        if entry.ticket != nil {
            if !entry.requesters.contains(request.requester) {
                entry.requesters.append(request.requester)
            }
            entries[key] = entry
            return
        }
        let isConsumed = entry.gate == .once && entry.flows > 0
        if !isConsumed, entry.lifetime == lifetime, now - entry.opened < .seconds(1) {
            actions.append(
                .reply(requester: request.requester, .granted(lifetime: lifetime, ports: entry.ports)))
            return
        }
        let isContended = entry.contendedUntil > now
        entry.gate = isContended ? entry.gate : configuration.mode
        if isConsumed { entry.flows = 0 }
        entry.lifetime = lifetime
        entry.opened = now
        entry.expires = now + .seconds(Int(lifetime))
        entry.requesters = [request.requester]
        let ticket = takeTicket()
        entry.ticket = ticket
        tickets[ticket] = key
        entries[key] = entry
        setAlarm(key)
        actions.append(.apply(ticket: ticket, opening(entry, previous: entry.address)))
    }

    private mutating func replace(
        _ key: Key, with request: GrantRequest, _ host: PrivateHostList.Entry, _ address: IPAddress,
        gate: Gate,
        contendedUntil: Duration, requesters: [UInt64]? = nil, waiters: [Waiter] = [], _ now: Duration,
        _ actions: inout [RouterAction]
    ) {
        let previous = entries[key]?.address
        // Whoever still waits for the kernel about the old target was granted it in the same round.
        for requester in entries[key]?.requesters ?? [] {
            actions.append(.reply(requester: requester, .refused(.contended)))
        }
        end(key, .replaced, closing: false, &actions)
        open(
            request, host, address, key, gate: gate, contendedUntil: contendedUntil, previous: previous,
            requesters: requesters, waiters: waiters, now, &actions)
        if entries[key] == nil, let previous {
            actions.append(.apply(ticket: takeTicket(), [.close(gn: key.gn, host: previous)]))
        }
    }

    // MARK: Conflict (nts.md 1.7, 2.4)

    private mutating func contend(
        _ request: GrantRequest, _ host: PrivateHostList.Entry, _ address: IPAddress, _ key: Key,
        _ now: Duration,
        _ actions: inout [RouterAction]
    ) {
        guard var entry = entries[key] else { return }
        if let place = entry.waiters.firstIndex(where: {
            $0.address == address && $0.request.server == request.server
        }) {
            // Repeated: still pending.
            entry.waiters[place].request.requester = request.requester
            entries[key] = entry
            actions.append(.reply(requester: request.requester, .pending))
            return
        }
        guard entry.waiters.count < configuration.conflictQueue else {
            return refuse(request, .overLimit, &actions)
        }
        entry.waiters.append(Waiter(request: request, host: host, address: address, since: now))
        let remaining = max(1, UInt32(clamping: (entry.expires - now).components.seconds))
        entry.contendedUntil = max(entry.contendedUntil, entry.expires)
        let mustNarrow = entry.gate != .once
        entry.gate = .once
        entries[key] = entry
        if mustNarrow {
            actions.append(.apply(ticket: takeTicket(), [.narrow(gn: key.gn, lifetime: remaining)]))
        }
        actions.append(.reply(requester: request.requester, .pending))
        if entry.flows > 0 {
            // Its one flow has come: nothing to wait for.
            serveWaiter(key, now, &actions)
        } else {
            setAlarm(key)
        }
    }

    /// The first waiter takes the place of the permission that was used, has ended, or was not used in time.
    private mutating func serveWaiter(_ key: Key, _ now: Duration, _ actions: inout [RouterAction]) {
        guard var entry = entries[key], !entry.waiters.isEmpty else { return }
        let next = entry.waiters.removeFirst()
        var rest = entry.waiters
        for index in rest.indices { rest[index].since = now }
        entry.waiters = []
        entries[key] = entry
        let until = max(entry.contendedUntil, now + .seconds(Int(lifetime(for: next.request))))
        replace(
            key, with: next.request, next.host, next.address, gate: .once, contendedUntil: until,
            waiters: rest, now,
            &actions)
    }

    // MARK: Ending

    /// Forgets a permission.
    ///
    /// `closing` also takes it from the kernel, which otherwise has ended it by its timeout or is about to
    /// replace it.
    private mutating func end(
        _ key: Key, _ reason: RouterEvent.EndReason, closing: Bool, _ actions: inout [RouterAction]
    ) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        if let ticket = entry.ticket { tickets[ticket] = nil }
        decrement(&perGN, entry.gn)
        decrement(&perServer, entry.server)
        decrement(&perHost, entry.address)
        for port in entry.ports {
            usedPorts.remove(GrantedPort(gn: entry.gn, transport: port.transport, port: port.publicPort))
        }
        if closing { actions.append(.apply(ticket: takeTicket(), closingChanges(entry))) }
        actions.append(
            .record(
                .ended(
                    gn: IPPrefix(entry.gn), host: entry.host, address: entry.address, flows: entry.flows,
                    reason: entry.gate == .once && entry.flows > 0 && reason == .expired ? .consumed : reason)
            ))
    }

    private func decrement(_ counts: inout [IPAddress: Int], _ address: IPAddress) {
        let left = counts[address, default: 1] - 1
        counts[address] = left <= 0 ? nil : left
    }

    private mutating func takeTicket() -> UInt64 {
        defer { nextTicket &+= 1 }
        return nextTicket
    }

    /// Wakes at the end of the permission, or of the first waiter's patience.
    private mutating func setAlarm(_ key: Key) {
        guard let entry = entries[key] else { return }
        var due = entry.expires
        if let first = entry.waiters.first { due = min(due, first.since + configuration.conflictWait) }
        alarmCount &+= 1
        entries[key]?.alarm = alarmCount
        alarms.push(Alarm(key: key, number: alarmCount), due: due)
    }

    // MARK: The kernel's part

    /// A pair that was revoked a moment ago and is let in again must not run into its own block.
    private mutating func unblocking(_ gn: IPAddress, _ host: IPAddress, _ now: Duration) -> [KernelChange] {
        blocked = blocked.filter { $0.value + .seconds(1) > now }
        guard blocked.removeValue(forKey: Pair(gn: gn, host: host)) != nil else { return [] }
        return [.unblock(gn: gn, host: host)]
    }

    private func opening(_ entry: Entry, previous: IPAddress?) -> [KernelChange] {
        if entry.gn.isIPv6 {
            return [.openPinhole(gn: entry.gn, host: entry.address, lifetime: entry.lifetime)]
        }
        guard entry.ports.isEmpty else {
            return entry.ports.map {
                .openPort(
                    gn: entry.gn, transport: $0.transport, port: $0.publicPort, host: entry.address,
                    hostPort: $0.privatePort, lifetime: entry.lifetime)
            }
        }
        return [
            .open(
                gn: entry.gn, host: entry.address, gate: entry.gate, lifetime: entry.lifetime,
                previous: previous)
        ]
    }

    private func closingChanges(_ entry: Entry) -> [KernelChange] {
        if entry.gn.isIPv6 { return [.closePinhole(gn: entry.gn, host: entry.address)] }
        guard entry.ports.isEmpty else {
            return entry.ports.map {
                .closePort(
                    gn: entry.gn, transport: $0.transport, port: $0.publicPort, host: entry.address,
                    hostPort: $0.privatePort)
            }
        }
        return [.close(gn: entry.gn, host: entry.address)]
    }

    /// The host's port list, where the kernel does not have it yet.
    private mutating func limits(
        of host: PrivateHostList.Entry, _ address: IPAddress
    )
        -> [KernelChange]
    {
        guard let ports = host.policy.allow, limited[address] != ports else { return [] }
        limited[address] = ports
        return [.limit(host: address, ports: ports)]
    }

    /// A public port for each granted port of the host that `gn` does not use yet; nil when they have run out.
    private mutating func grantPorts(
        _ host: PrivateHostList.Entry, gn: IPAddress
    ) -> [V2Message
        .PortRecord]?
    {
        var records: [V2Message.PortRecord] = []
        let range = configuration.publicPorts
        for granted in host.policy.grantedPorts {
            for port in granted.ports {
                guard records.count < V2Message.permissionLimit else { return records }
                let start = UInt16.random(in: range)
                var candidate = start
                while usedPorts.contains(GrantedPort(gn: gn, transport: granted.transport, port: candidate)) {
                    candidate = candidate == range.upperBound ? range.lowerBound : candidate + 1
                    guard candidate != start else { return nil }
                }
                usedPorts.insert(GrantedPort(gn: gn, transport: granted.transport, port: candidate))
                records.append(
                    V2Message.PortRecord(
                        host: host.name, transport: granted.transport, privatePort: port,
                        publicPort: candidate)
                )
            }
        }
        return records
    }
}
