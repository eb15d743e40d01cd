internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Transport

/// The prefix service (nts.md 2.10): what the provider changes, the DNS and the pinholes follow.
///
/// One case, read aloud. The kernel reports that an inside interface has a new prefix (``readInterfaces()``). Each published
/// host keeps its identifier and gets the new prefix; its entry in the Private Host List and the pinholes to it move in one
/// kernel transaction, and in the same round the signed UPDATE with the new AAAA records leaves.
struct Publisher {
    var zones: [PublishedZone] = []
    /// Sockets that updates leave by, by family.
    var sockets: [DatagramSocket] = []
    /// The prefixes that hosts were last moved to.
    var prefixes = DelegatedPrefixes([])
    var timer: TimerToken?
    /// Since when no prefix is there; AAAA records are taken back when none comes.
    var emptySince: Duration?
    /// How long a prefix may be gone before hosts lose their AAAA records: renumbering takes a moment.
    static let withdrawal = Duration.seconds(5)
}

extension RouterAgent {
    /// Takes the zones of the configuration; what they were told before is told again.
    func configurePublishing() throws(TransportError) {
        publisher.zones = configuration.publish.compactMap { section in
            keyring[section.key].map { key in
                PublishedZone(
                    PublishedZone.Target(
                        zone: section.zone, server: IPEndpoint(section.server, port: section.port), key: key,
                        ttl: UInt32(clamping: section.ttl.components.seconds), hasIPv4: section.ipv4,
                        hasIPv6: section.ipv6))
            }
        }
        for zone in publisher.zones {
            let isIPv6 = zone.target.server.address.isIPv6
            let wildcard = isIPv6 ? IPAddress.anyIPv6 : .anyIPv4
            guard let address = SocketAddress(octets: wildcard.octets, port: 0),
                !publisher.sockets.contains(where: { $0.address.family == address.family })
            else { continue }
            publisher.sockets.append(try DatagramSocket(address, on: loop, handler: self))
        }
    }

    /// Moves published hosts to the prefixes that there are, and has the servers told what has changed.
    func publish() {
        guard !publisher.zones.isEmpty else { return }
        let prefixes = DelegatedPrefixes(
            configuration.router.inside.map { ($0, Interfaces.addresses(of: $0)) })
        if prefixes != publisher.prefixes {
            let list = prefixes.current.map { "\($0.interface) \($0.prefix?.description ?? "none")" }
            log.notice("delegated prefixes", ["prefixes": list.joined(separator: ", ")])
        }
        let before = publisher.prefixes
        publisher.prefixes = prefixes
        let hasPrefix = prefixes.prefix(of: nil) != nil
        publisher.emptySince = hasPrefix ? nil : publisher.emptySince ?? now
        let isWithdrawn = publisher.emptySince.map { now - $0 >= Publisher.withdrawal } ?? false
        for (section, index) in zip(configuration.publish, publisher.zones.indices) {
            var wanted: [Name: PublishedAddresses] = [:]
            for host in publishedHosts(section) {
                moveHost(host, from: before, to: prefixes)
                wanted[host.name] = addresses(of: host, section, isWithdrawn: isWithdrawn)
            }
            publisher.zones[index].want(wanted, now: now)
        }
        requestFlush()
        sendUpdates()
    }

    /// The hosts of a `publish` section.
    private func publishedHosts(_ section: PublishSection) -> [PublishedHostSection.Host] {
        guard section.hosts.isEmpty else { return section.hosts.map(\.host) }
        return hosts.all.filter { $0.name.isAtOrBelow(section.zone) }.map {
            PublishedHostSection.Host(name: $0.name, identifier: nil, interface: nil)
        }
    }

    /// Gives a host its address in the prefix of now; permissions to it go along.
    private func moveHost(
        _ host: PublishedHostSection.Host, from before: DelegatedPrefixes, to prefixes: DelegatedPrefixes
    ) {
        guard let entry = hosts.lookup(host.name, epoch: epoch), let old = entry.ipv6 ?? host.identifier
        else {
            return
        }
        let interface = host.interface ?? prefixes.interface(of: old) ?? before.interface(of: old)
        guard let prefix = prefixes.prefix(of: interface) else { return }
        // An address in a prefix of ours that is still good stays what it is.
        if host.identifier == nil, prefixes.interface(of: old) != nil { return }
        let new = prefix.address(with: host.identifier ?? old)
        guard entry.ipv6 != new, hosts.move(host.name, to: new) else { return }
        log.notice("host moved", ["name": "\(host.name)", "from": "\(old)", "to": "\(new)"])
        if let moved = hosts.lookup(host.name, epoch: epoch) {
            cache.move(moved, from: old, to: new, now: now, actions: &pendingActions)
        }
        saveHosts()
    }

    private func addresses(
        of host: PublishedHostSection.Host, _ section: PublishSection, isWithdrawn: Bool
    ) -> PublishedAddresses {
        let entry = hosts.lookup(host.name, epoch: epoch)
        // A private address outside means that another router is in front of us: it would mislead whoever asks.
        let outside = outsideAddresses.filter { $0.isIPv4 && !$0.isPrivate }.min()
        let isReachable = entry?.ipv4 != nil || !section.hosts.isEmpty
        return PublishedAddresses(
            ipv4: section.ipv4 && isReachable ? outside : nil,
            ipv6: section.ipv6 && !isWithdrawn ? entry?.ipv6 : nil)
    }

    // MARK: Updates

    /// Sends what is due.
    func sendUpdates() {
        for index in publisher.zones.indices {
            if let outcome = publisher.zones[index].expire(now: now) { report(outcome, index) }
            guard let octets = publisher.zones[index].request(now: now, epoch: epoch) else { continue }
            let server = publisher.zones[index].target.server
            guard let peer = SocketAddress(octets: server.address.octets, port: server.port),
                let socket = publisher.sockets.first(where: { $0.address.family == peer.family })
            else { continue }
            metrics.updatesSent &+= 1
            unsafe octets.withUnsafeBytes { _ = unsafe socket.send($0, to: peer) }
        }
        schedulePublishing()
    }

    private func schedulePublishing() {
        if let timer = publisher.timer { loop.cancel(timer) }
        publisher.timer = nil
        var due = publisher.zones.compactMap(\.nextDeadline).min()
        if let since = publisher.emptySince, now - since < Publisher.withdrawal {
            due = min(due ?? .seconds(Int64.max / 4), since + Publisher.withdrawal)
        }
        guard let due else { return }
        publisher.timer = loop.schedule(after: max(.milliseconds(10), due - now)) { [unowned self] in
            publisher.timer = nil
            publish()
        }
    }

    /// Whether a datagram came to one of the sockets that updates leave by; it is then dealt with.
    func receiveUpdateAnswer(
        _ octets: borrowing RawSpan, from remote: SocketAddress, _ socket: DatagramSocket
    ) -> Bool {
        guard publisher.sockets.contains(where: { $0 === socket }) else { return false }
        let source = IPEndpoint(IPAddress(remote), port: remote.port)
        guard let layout = try? MessageView.survey(octets) else { return true }
        for index in publisher.zones.indices where publisher.zones[index].target.server == source {
            if let outcome = publisher.zones[index].receive(octets, layout: layout, now: now, epoch: epoch) {
                report(outcome, index)
                sendUpdates()
                break
            }
        }
        return true
    }

    /// An ICMP error about one of our updates.
    func failedUpdate(to remote: SocketAddress) {
        let server = IPEndpoint(IPAddress(remote), port: remote.port)
        for index in publisher.zones.indices where publisher.zones[index].target.server == server {
            if let outcome = publisher.zones[index].unreachable(now: now) { report(outcome, index) }
        }
        schedulePublishing()
    }

    private func report(_ outcome: PublishedZone.Outcome, _ index: Int) {
        let zone = publisher.zones[index]
        switch outcome {
        case .published(let names):
            metrics.updatesTaken &+= 1
            for name in names {
                let addresses = [zone.published[name]?.ipv4, zone.published[name]?.ipv6].compactMap {
                    $0?.description
                }
                log.info("published", ["name": "\(name)", "addresses": addresses.joined(separator: " ")])
            }
        case .failed(let reason):
            metrics.updatesFailed &+= 1
            log.limited(
                .warning, "publish", "an update failed; it is tried again",
                ["zone": "\(zone.target.zone)", "server": "\(zone.target.server)", "reason": reason])
        }
    }

    /// `toriictl router prefix`.
    func listPublished() -> ControlOutcome {
        var rows: [[String]] = []
        for zone in publisher.zones {
            for (name, addresses) in zone.wanted.sorted(by: { $0.key < $1.key }) {
                let isPublished = zone.published[name] == addresses
                let wait = max(0, (zone.nextTry - now).components.seconds)
                let state =
                    isPublished
                    ? "published"
                    : zone.failures == 0 ? "pending" : "failed (\(zone.lastError)), again in \(wait)s"
                rows.append([
                    "\(name)", addresses.ipv4?.description ?? "-", addresses.ipv6?.description ?? "-",
                    "\(zone.target.zone)", "\(zone.target.server)", state,
                ])
            }
        }
        let table = table(["name", "ipv4", "ipv6", "zone", "server", "state"], rows)
        let prefixes = publisher.prefixes.current.map {
            "prefix of \($0.interface): \($0.prefix?.description ?? "none")"
        }
        return .done((prefixes + [table.text]).joined(separator: "\n"), data: table.data)
    }
}

extension PublishedHostSection {
    /// A host whose addresses are published.
    struct Host {
        var name: Name
        var identifier: IPAddress?
        var interface: String?
    }

    var host: Host { Host(name: name, identifier: identifier, interface: interface) }
}
