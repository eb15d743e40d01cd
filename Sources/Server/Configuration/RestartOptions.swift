internal import Operations

extension ServerConfiguration {
    /// The options that differ from `started` and that a reload does not change, by their names.
    func waitingForRestart(since started: ServerConfiguration) -> [String] {
        var names: [String] = []
        func check<Value: Equatable>(_ name: String, _ value: (ServerConfiguration) -> Value) {
            if value(self) != value(started) { names.append(name) }
        }
        check("server.workers") { $0.server.workers }
        check("server.state-directory") { $0.server.stateDirectory }
        check("server.user") { $0.server.user }
        check("control.socket") { $0.control.socket }
        check("recursion.enabled") { $0.recursion.enabled }
        check("recursion.source") { $0.recursion.source }
        check("cache.size") { $0.cache.size }
        check("nts.source") { $0.nts.source }
        check("limits.control-clients") { $0.limits.controlClients }
        check("limits.outstanding-queries") { $0.limits.outstandingQueries }
        check("limits.remembered-updates") { $0.limits.rememberedUpdates }
        check("limits.pending-updates") { $0.limits.pendingUpdates }
        check("limits.pending-updates-per-client") { $0.limits.pendingUpdatesPerClient }
        check("metrics") { $0.metrics }
        return names
    }
}
