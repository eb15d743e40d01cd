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
        let changed = RouterAgent.unchangeable.filter { !$0.isSame(old, new) }.map(\.name)
        return changed.isEmpty
            ? nil : "changed, and in force with the next start: \(changed.joined(separator: ", "))"
    }

    /// Options that take effect with a restart.
    private static var unchangeable:
        [(name: String, isSame: (RouterConfiguration, RouterConfiguration) -> Bool)]
    {
        [
            ("router.outside", { $0.router.outside == $1.router.outside }),
            ("router.inside", { $0.router.inside == $1.router.inside }),
            (
                "router.listen",
                {
                    $0.router.listen.port == $1.router.listen.port
                        && $0.router.listen.addresses == $1.router.listen.addresses
                }
            ),
            ("router.icmp", { $0.router.icmp == $1.router.icmp }),
            ("router.state-directory", { $0.router.stateDirectory == $1.router.stateDirectory }),
            ("router.user", { $0.router.user == $1.router.user }),
            ("control.socket", { $0.control.socket == $1.control.socket }),
            ("nftables.use-group", { $0.nftables.useGroup == $1.nftables.useGroup }),
            ("nftables.snoop-group", { $0.nftables.snoopGroup == $1.nftables.snoopGroup }),
            ("nftables.icmp-group", { $0.nftables.icmpGroup == $1.nftables.icmpGroup }),
            ("metrics", { $0.metrics?.listen == $1.metrics?.listen }),
        ]
    }
}
