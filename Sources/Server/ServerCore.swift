internal import DNSCore
internal import NTS
internal import Resolver
internal import Synchronization
internal import Transport

/// What all threads of the server share: published state, the zones' directory, the cache, the workers' addresses.
final class ServerCore: @unchecked Sendable {
    // Sendable: `workers` is written once, before any thread runs; the rest is immutable or guarded by itself.

    /// Access lists, keys, settings.
    let publication: Publication<ServingState>
    /// The zones.
    let zones: ZoneKeeper
    /// What all workers know of routers.
    let targetMemory: TargetMemory
    /// The resolver's cache; nil without recursion.
    let cache: ResolverCache?
    /// Places for transfers that are being sent.
    let transferQuota = TransferQuota()
    /// Followed trust anchors on disk; set before the first worker is made.
    let anchors: AnchorKeeper?
    /// Signed updates of late.
    let updateReplays: UpdateReplays
    /// Keeps secondaries up to date on both sides; set before the first thread starts.
    private(set) var transferDesk: TransferDesk?
    /// The workers, in order; set before the first thread starts.
    private(set) var workers: [Worker] = []

    init(
        state: ServingState, zones: ZoneKeeper, targetMemory: TargetMemory, cache: ResolverCache?,
        anchors: AnchorKeeper? = nil, rememberedUpdates: Int
    ) {
        self.anchors = anchors
        publication = Publication(state)
        self.zones = zones
        self.targetMemory = targetMemory
        self.cache = cache
        updateReplays = UpdateReplays(limit: rememberedUpdates)
    }

    /// Makes the workers known to each other.
    ///
    /// Once, before their threads start.
    func adopt(_ workers: [Worker], _ transferDesk: TransferDesk) {
        self.workers = workers
        self.transferDesk = transferDesk
    }

    /// Has every worker take over what has been published; returns when they have.
    func refreshWorkers() {
        for worker in workers {
            _ = worker.ask { worker in
                worker.readClocks(.now())
                worker.refreshState()
            }
        }
    }

    /// The sum of a counter over all workers.
    func sum(_ counter: ServerCounters.Counter) -> UInt64 {
        workers.reduce(0) { $0 &+ $1.counters.value(counter) }
    }
}
