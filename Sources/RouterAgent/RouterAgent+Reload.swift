internal import DNSCore
internal import DNSSecurity
internal import NTS
internal import Operations
internal import Transport

extension RouterAgent {
    /// Takes a new configuration: everything or, when the kernel does not accept it, nothing.
    ///
    /// Permissions stay open where the new rules allow them. Sockets, interfaces and the names of groups take effect
    /// with a restart; then the answer says so.
    ///
    /// - Returns: what needs a restart; nil when nothing does.
    /// - Throws: ``RouterError/ruleset(_:)``; the old configuration stays in force.
    func reload(_ next: RouterConfiguration) throws(RouterError) -> String? {
        var new = next
        let kept = new.keep(configuration)
        if new.ruleset.commands != configuration.ruleset.commands {
            try replaceTable(new.ruleset)
        }
        configuration = new
        keyring = TSIGKeyring(new.keys.compactMap(\.tsigKey))
        hosts.configuration = new.hostListConfiguration
        observer.servers = PrefixSet(new.hosts.ddnsServers)
        cache.configuration = new.requestCacheConfiguration
        inner = InnerNegotiation(
            new.permissions.innerRouters, key: new.permissions.innerKey.flatMap { keyring[$0] })
        readInterfaces()
        reserveListening()
        enterStaticHosts()
        leaseFiles = [:]
        readLeases(isAnew: true)
        watchLeases()
        do throws(TransportError) {
            try configurePublishing()
        } catch {
            log.error("addresses cannot be published: \(error)")
        }
        publish()
        cache.rulesChanged(hosts, now: now, epoch: epoch, actions: &pendingActions)
        requestFlush()
        Log.configure(new.log)
        return kept.isEmpty
            ? nil : "changed, and in force with the next start: \(kept.joined(separator: ", "))"
    }
}
