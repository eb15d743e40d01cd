internal import DNSCore
private import Glibc
internal import NTS
internal import Operations
internal import Transport

extension RouterAgent {
    private var hostsFile: String { configuration.router.stateDirectory + "/private-hosts" }

    /// Enters the hosts of the configuration.
    func enterStaticHosts() {
        hosts.removeAll(from: .configured)
        var entries: [Name: PrivateHostList.Entry] = [:]
        for host in configuration.hosts.static {
            let policy = HostPolicy(
                allow: (host.allow ?? configuration.permissions.allow).ranges, from: host.from,
                servers: host.servers,
                grantedPorts: (host.grantedPorts ?? configuration.permissions.grantedPorts).map(\.converted))
            var entry =
                entries[host.name]
                ?? PrivateHostList.Entry(name: host.name, source: .configured, policy: policy, since: epoch)
            if host.address.isIPv6 { entry.ipv6 = host.address } else { entry.ipv4 = host.address }
            entries[host.name] = entry
        }
        for entry in entries.values { hosts.set(entry) }
    }

    /// A host says, or is said, to be called `name`.
    func register(
        _ name: Name, address: IPAddress, source: PrivateHostList.Source, expiry: UInt64? = nil,
        link: UInt64? = nil, types: AddressTypes = []
    ) {
        guard isInside(address) else {
            metrics.outsiders &+= 1
            log.limited(
                .warning, "outsider", "a name is claimed for an address that is not behind us",
                ["name": "\(name)", "address": "\(address)", "source": source.rawValue])
            return
        }
        let outcome = hosts.register(
            name, address: address, source: source, expiry: expiry, link: link, types: types, epoch: epoch)
        switch outcome {
        case .entered:
            metrics.registrations &+= 1
            saveHostsSoon()
            log.info("host entered", ["name": "\(name)", "host": "\(address)", "source": source.rawValue])
        case .refreshed: metrics.registrations &+= 1
        case .conflict(let holder):
            metrics.conflicts &+= 1
            log.limited(
                .warning, "conflict", "a name is claimed by a second host and stays with the first",
                ["name": "\(name)", "holder": "\(holder)", "claimed-by": "\(address)"])
        case .foreign: metrics.foreignNames &+= 1
        case .overLimit:
            metrics.overHostLimit &+= 1
            log.limited(.warning, "hosts", "too many names", ["name": "\(name)", "host": "\(address)"])
        }
    }

    /// Whether `address` is that of a host behind us: one that packets reach by an inside interface, and never the
    /// router itself.
    func isInside(_ address: IPAddress) -> Bool {
        guard !ownAddresses.contains(address), !address.isLoopback, !address.isMulticast,
            !address.isUnspecified, !address.isLinkLocal, let index = Interfaces.index(towards: address)
        else { return false }
        return configuration.router.inside.contains { Interfaces.index(of: $0) == index }
    }

    /// A host takes its name back.
    func unregister(_ name: Name, address: IPAddress, source: PrivateHostList.Source, types: AddressTypes) {
        if hosts.unregister(name, address: address, source: source, types: types) {
            saveHostsSoon()
            log.info("host removed", ["name": "\(name)", "host": "\(address)"])
        }
    }

    // MARK: Keeping

    /// Reads what was kept.
    ///
    /// The list is a cache: what cannot be read is passed over.
    func restoreHosts() {
        guard let octets = try? FileContents.read(hostsFile, limit: 64 << 20) else { return }
        let result = hosts.restore(String(decoding: octets, as: UTF8.self), epoch: epoch)
        log.info("private host list read", ["entries": "\(result.taken)", "skipped": "\(result.skipped)"])
    }

    /// Writes the list now, or in a moment when it was written a moment ago: hosts inside cannot keep the disk busy.
    func saveHostsSoon() {
        guard now - lastSave < .milliseconds(250) else { return saveHosts() }
        guard saveTimer == nil else { return }
        saveTimer = loop.schedule(after: .milliseconds(250)) { [unowned self] in
            saveTimer = nil
            saveHosts()
        }
    }

    /// Writes the list when it has changed: beside the old file, synced, then in its place.
    func saveHosts() {
        guard hosts.isDirty, !isDryRun else { return }
        lastSave = now
        do throws(RouterError) {
            try StateFile.replace(hostsFile, with: Array(hosts.text.utf8))
            hosts.markClean()
        } catch {
            log.limited(.error, "state", "the private host list cannot be kept: \(error)")
        }
    }

    // MARK: The owner's decisions

    private var decisionsFile: String { configuration.router.stateDirectory + "/decisions" }

    /// Reads what the owner had denied, and whether the agent was paused.
    func restoreDecisions() {
        guard let octets = try? FileContents.read(decisionsFile, limit: 16 << 20) else { return }
        let skipped = cache.restoreDecisions(String(decoding: octets, as: UTF8.self))
        if skipped > 0 {
            log.warning("\(decisionsFile): \(skipped) lines cannot be read: look at toriictl router denials")
        }
        if cache.isPaused { log.notice("paused, as before the start; toriictl router resume ends it") }
    }

    /// Writes them.
    ///
    /// - Returns: what to tell the owner when that fails: the decision holds until the agent ends.
    func saveDecisions() -> String? {
        guard !isDryRun else { return nil }
        do throws(RouterError) {
            try StateFile.replace(decisionsFile, with: Array(cache.decisions.utf8))
            return nil
        } catch {
            log.error("the owner's decisions cannot be kept: \(error)")
            return "only until the agent ends: \(error)"
        }
    }
}
