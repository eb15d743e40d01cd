package import DNSCore

/// What the owner decides over the notifications: revocation, denial, and rules that change.
extension RequestCache {
    /// Ends every permission that `matches` says, its flows included, in the three steps of nts.md 2.4: the gate, the
    /// pair, then conntrack.
    ///
    /// - Returns: how many ended.
    @discardableResult
    package mutating func revoke(
        now: Duration, actions: inout [RouterAction], where matches: (Entry) -> Bool
    ) -> Int {
        advance(to: now, actions: &actions)
        let doomed = entries.filter { matches($0.value) }
        for (key, entry) in doomed {
            for waiter in entry.waiters { refuse(waiter, .policy, &actions) }
            for requester in entry.requesters {
                actions.append(.reply(requester: requester, .refused(.policy)))
            }
            entries[key]?.waiters = []
            end(key, .revoked, closing: true, &actions)
            blocked[Pair(gn: entry.gn, host: entry.address)] =
                now + .seconds(Int(configuration.blockSeconds))
            let seconds = configuration.blockSeconds
            let block =
                entry.isWide
                ? KernelChange.blockPrefix(gn: entry.gn, host: entry.address, seconds: seconds)
                : .block(gn: entry.gn.address, host: entry.address, seconds: seconds)
            actions.append(.apply(ticket: takeTicket(), [block]))
            actions.append(.forgetFlows(gn: entry.gn, host: entry.address))
        }
        return doomed.count
    }

    /// Blocks pairs that have flows, whose permissions may have ended long before them, for a moment: so that the host's
    /// next segment does not bring a flow back that is now forgotten.
    package mutating func block(_ pairs: Set<Pair>, now: Duration, actions: inout [RouterAction]) {
        let until = now + .seconds(Int(configuration.blockSeconds))
        let fresh = pairs.filter { blocked[$0] != until }
        guard !fresh.isEmpty else { return }
        let sorted = fresh.sorted { ($0.host, $0.gn.address) < ($1.host, $1.gn.address) }
        for pair in sorted { blocked[pair] = until }
        let changes = sorted.map {
            KernelChange.block(gn: $0.gn.address, host: $0.host, seconds: configuration.blockSeconds)
        }
        actions.append(.apply(ticket: takeTicket(), changes))
    }

    /// Denies GN, host or both from now on and revokes what they have.
    @discardableResult
    package mutating func deny(_ denial: Denial, now: Duration, actions: inout [RouterAction]) -> Int {
        // Everybody from everything is no denial but a new start; what lasts is the pause.
        if denial != Denial(gn: nil, host: nil) { denied.insert(denial) }
        return revoke(now: now, actions: &actions) { entry in
            (denial.gn?.contains(entry.gn) ?? true) && (denial.host.map { $0 == entry.host } ?? true)
        }
    }

    /// Takes a denial back.
    @discardableResult
    package mutating func allow(_ denial: Denial) -> Bool { denied.remove(denial) != nil }

    /// A host has another IPv6 address: its pinholes follow it for what is left of their lifetimes, all in one transaction.
    package mutating func move(
        _ host: PrivateHostList.Entry, from old: IPAddress, to new: IPAddress, now: Duration,
        actions: inout [RouterAction]
    ) {
        let moving = entries.filter { $0.value.host == host.name && $0.value.address == old && old.isIPv6 }
        guard !moving.isEmpty else { return }
        var changes = limits(of: host, new)
        for (key, entry) in moving {
            changes += closingChanges(entry)
            forget(key)
            let left = UInt32(clamping: (entry.expires - now).components.seconds)
            guard left > 0 else { continue }
            var moved = entry
            moved.address = new
            moved.lifetime = left
            moved.ticket = nil
            moved.requesters = []
            let key = Key(gn: entry.gn, host: new)
            changes += opening(moved, previous: nil)
            insert(moved, key)
        }
        actions.append(.apply(ticket: takeTicket(), changes))
        // Whoever waits for the kernel about the old address would be told that it is open.
        for requester in moving.values.flatMap(\.requesters) {
            actions.append(.reply(requester: requester, .refused(.contended)))
        }
    }

    /// The hosts' rules have changed: ends what they no longer allow, and writes their port lists anew.
    package mutating func rulesChanged(
        _ hosts: PrivateHostList, now: Duration, epoch: UInt64, actions: inout [RouterAction]
    ) {
        let rules = self
        revoke(now: now, actions: &actions) { entry in
            guard let host = hosts.lookup(entry.host, epoch: epoch),
                host.address(isIPv6: entry.gn.address.isIPv6) == entry.address
            else { return true }
            let request = GrantRequest(
                requester: 0, server: entry.server, gn: entry.gn, host: entry.host)
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
}

/// The owner's decisions over a restart: what is denied, and the pause.
extension RequestCache {
    /// The decisions as text, one a line: `paused`, or `deny` with GN and host, each `-` for all.
    package var decisions: String {
        let lines = denied.map { denial in
            "deny \(denial.gn.map { "\($0)" } ?? "-") \(denial.host.map { "\($0)" } ?? "-")\n"
        }
        return "# torii-router decisions 1\n" + (isPaused ? "paused\n" : "") + lines.sorted().joined()
    }

    /// Reads what ``decisions`` wrote.
    ///
    /// - Returns: lines that could not be read.
    @discardableResult
    package mutating func restoreDecisions(_ text: String) -> Int {
        var skipped = 0
        for line in text.split(separator: "\n") where !line.hasPrefix("# ") {
            let words = line.split(separator: " ")
            if words == ["paused"] {
                isPaused = true
                continue
            }
            let gn = words.count == 3 ? IPPrefix(String(words[1])) : nil
            let host = words.count == 3 ? try? Name(words[2]) : nil
            guard words.count == 3, words[0] == "deny", words[1] == "-" || gn != nil,
                words[2] == "-" || host != nil, gn != nil || (words[2] != "-" && host != nil)
            else {
                skipped += 1
                continue
            }
            denied.insert(Denial(gn: gn, host: words[2] == "-" ? nil : host))
        }
        return skipped
    }
}
