internal import DNSCore

/// From a notification that stands to a permission: what is allowed, what is opened, and who has to wait.
extension RequestCache {
    // MARK: Deciding

    func isAllowed(_ request: GrantRequest, _ host: PrivateHostList.Entry) -> Bool {
        let policy = host.policy
        guard policy.servers.isEmpty || policy.servers.contains(request.server) else { return false }
        guard policy.from.isEmpty || policy.from.contains(where: { $0.contains(request.gn) }) else {
            return false
        }
        let gn = request.gn.address
        guard !gn.isUnspecified, !gn.isLoopback, !gn.isMulticast, !gn.isLinkLocal,
            gn.isIPv6 || gn.octets[0] < 240
        else { return false }
        return !denied.contains { denial in
            (denial.gn.map { $0.contains(request.gn) } ?? true)
                && (denial.host.map { $0 == host.name } ?? true)
        }
    }

    func lifetime(for request: GrantRequest) -> UInt32 {
        max(1, min(request.lifetime ?? configuration.lifetime, configuration.maxLifetime))
    }

    mutating func refuse(
        _ request: GrantRequest, _ refusal: Refusal, _ actions: inout [RouterAction]
    ) {
        actions.append(.reply(requester: request.requester, .refused(refusal)))
        actions.append(
            .record(.refused(gn: request.gn, host: request.host, server: request.server, refusal)))
    }

    /// The bound that `request` would break; nil when there is room.
    private func reachedBound(_ request: GrantRequest, _ address: IPAddress) -> PermissionBound? {
        if entries.count >= configuration.entries { return .entries }
        if perGN[request.gn, default: 0] >= configuration.perGN { return .perGN }
        if perServer[request.server, default: 0] >= configuration.perServer { return .perServer }
        if perHost[address, default: 0] >= configuration.perHost { return .perHost }
        return openings[request.gn, default: 0] >= configuration.perMinute ? .rate : nil
    }

    /// Refuses because a bound is reached.
    mutating func refuse(_ request: GrantRequest, _ bound: PermissionBound, _ actions: inout [RouterAction]) {
        refuse(request, Refusal.overLimit, &actions)
        actions.append(.record(.limited(bound)))
    }

    /// Refuses all that wait together.
    private mutating func refuse(_ waiter: Waiter, _ bound: PermissionBound, _ actions: inout [RouterAction])
    {
        refuse(waiter, Refusal.overLimit, &actions)
        actions.append(.record(.limited(bound)))
    }

    /// Refuses all that wait together.
    mutating func refuse(_ waiter: Waiter, _ refusal: Refusal, _ actions: inout [RouterAction]) {
        for requester in waiter.requesters {
            var request = waiter.request
            request.requester = requester
            refuse(request, refusal, &actions)
        }
    }

    /// Notes an opening for the bound per minute.
    private mutating func countOpening(_ gn: IPPrefix, _ now: Duration) {
        if now - openingsSince >= .seconds(60) {
            openings = [:]
            openingsSince = now
        }
        openings[gn, default: 0] += 1
    }

    /// Why a whole prefix is not let in; nil when nothing speaks against it.
    func objection(
        toPrefixOf request: GrantRequest, _ host: PrivateHostList.Entry, _ key: Key
    ) -> Refusal? {
        let isIPv6 = request.gn.address.isIPv6
        let shortest = isIPv6 ? configuration.shortestIPv6 : configuration.shortestIPv4
        guard request.gn.length >= shortest, isIPv6 || host.policy.grantedPorts.isEmpty else {
            return .prefix
        }
        guard entries[key] == nil else { return nil }
        guard wideKeys.count < configuration.prefixes else { return .overLimit }
        // Intervals that overlap have no order: the kernel would refuse them.
        let overlaps = wideKeys.contains {
            $0.host == key.host && ($0.gn.contains(key.gn) || key.gn.contains($0.gn))
        }
        return overlaps ? .contended : nil
    }

    // MARK: Opening

    mutating func open(
        _ request: GrantRequest, _ host: PrivateHostList.Entry, _ address: IPAddress, _ key: Key,
        gate: Gate,
        contendedUntil: Duration, previous: IPAddress? = nil, requesters: [UInt64]? = nil,
        waiters: [Waiter] = [],
        _ now: Duration, _ actions: inout [RouterAction]
    ) {
        if now - openingsSince >= .seconds(60) { openings = [:] }
        if let bound = reachedBound(request, address) {
            for waiter in waiters { refuse(waiter, bound, &actions) }
            for requester in requesters ?? [request.requester] {
                var each = request
                each.requester = requester
                refuse(each, bound, &actions)
            }
            return
        }
        countOpening(request.gn, now)
        let lifetime = lifetime(for: request)
        var entry = Entry(
            gn: key.gn, host: host.name, address: address, server: request.server, gate: gate,
            lifetime: lifetime,
            opened: now, expires: now + .seconds(Int(lifetime)), since: now)
        entry.requesters = requesters ?? [request.requester]
        entry.contendedUntil = contendedUntil
        entry.waiters = waiters
        if !host.policy.grantedPorts.isEmpty, !key.gn.address.isIPv6 {
            guard let ports = grantPorts(host, key) else {
                return refuse(request, PermissionBound.ports, &actions)
            }
            entry.ports = ports
        }
        var changes = unblocking(key.gn, address, now) + limits(of: host, address)
        let ticket = takeTicket(for: key)
        entry.ticket = ticket
        changes += opening(entry, previous: previous)
        insert(entry, key)
        actions.append(.apply(ticket: ticket, changes))
        if !key.gn.address.isIPv6 { actions.append(.forgetUntranslated(gn: key.gn)) }
        actions.append(
            .record(
                .opened(
                    gn: request.gn, host: host.name, address: address, gate: gate, lifetime: lifetime,
                    server: request.server)))
    }

    /// The same host again: acknowledged at once when little of the lifetime is gone, else opened anew.
    mutating func refresh(
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
        let ticket = takeTicket(for: key)
        entry.ticket = ticket
        entries[key] = entry
        setAlarm(key)
        actions.append(.apply(ticket: ticket, opening(entry, previous: entry.address)))
    }

    mutating func replace(
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
            actions.append(.apply(ticket: takeTicket(), [.close(gn: key.gn.address, host: previous)]))
        }
    }

    // MARK: Conflict (nts.md 1.7, 2.4)

    mutating func contend(
        _ request: GrantRequest, _ host: PrivateHostList.Entry, _ address: IPAddress, _ key: Key,
        _ now: Duration,
        _ actions: inout [RouterAction]
    ) {
        guard var entry = entries[key] else { return }
        if let place = entry.waiters.firstIndex(where: {
            $0.address == address && $0.request.server == request.server
        }) {
            // Repeated, or asked by another who is told so too: still pending.
            if !entry.waiters[place].requesters.contains(request.requester) {
                guard entry.waiters[place].requesters.count < Waiter.limit else {
                    return refuse(request, PermissionBound.queue, &actions)
                }
                entry.waiters[place].requesters.append(request.requester)
            }
            entries[key] = entry
            actions.append(.reply(requester: request.requester, .pending))
            return
        }
        guard entry.waiters.count < configuration.conflictQueue else {
            return refuse(request, PermissionBound.queue, &actions)
        }
        entry.waiters.append(
            Waiter(
                request: request, host: host, address: address, since: now, requesters: [request.requester]))
        let remaining = max(1, UInt32(clamping: (entry.expires - now).components.seconds))
        entry.contendedUntil = max(entry.contendedUntil, entry.expires)
        let mustNarrow = entry.gate != .once
        entry.gate = .once
        entries[key] = entry
        if mustNarrow {
            actions.append(.apply(ticket: takeTicket(), [.narrow(gn: key.gn.address, lifetime: remaining)]))
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
    mutating func serveWaiter(_ key: Key, _ now: Duration, _ actions: inout [RouterAction]) {
        guard var entry = entries[key], !entry.waiters.isEmpty else { return }
        let next = entry.waiters.removeFirst()
        // Others who ask for the same host, by other servers, are served with it.
        let requesters =
            next.requesters + entry.waiters.filter { $0.address == next.address }.flatMap(\.requesters)
        var rest = entry.waiters.filter { $0.address != next.address }
        for index in rest.indices { rest[index].since = now }
        entry.waiters = []
        entries[key] = entry
        let until = max(entry.contendedUntil, now + .seconds(Int(lifetime(for: next.request))))
        replace(
            key, with: next.request, next.host, next.address, gate: .once, contendedUntil: until,
            requesters: requesters, waiters: rest, now,
            &actions)
    }
}
