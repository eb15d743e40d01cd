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
    func reload(_ new: RouterConfiguration) throws(RouterError) -> String? {
        let old = configuration
        if new.ruleset.commands != old.ruleset.commands {
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
        readLeases()
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
        let needsRestart =
            new.router.outside != old.router.outside || new.router.inside != old.router.inside
            || new.router.listen.port != old.router.listen.port
            || new.router.listen.addresses != old.router.listen.addresses
            || new.router.icmp != old.router.icmp
            || new.control.socket != old.control.socket || new.nftables.useGroup != old.nftables.useGroup
            || new.nftables.snoopGroup != old.nftables.snoopGroup
            || new.nftables.icmpGroup != old.nftables.icmpGroup
        return needsRestart ? "interfaces, sockets and NFLOG groups change with a restart" : nil
    }
}
