internal import CShims
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTP2
internal import NIOPosix
internal import Synchronization

/// The threads that TLS handshakes and HTTP run on, apart from the workers: a flood of handshakes costs no answer over UDP.
package final class HTTPSThreads: Sendable {
    let group: MultiThreadedEventLoopGroup
    private let lastID = Atomic<UInt64>(0)

    /// Tells requests apart, those of other listeners included: gateways serve several.
    func nextID() -> UInt64 { lastID.add(1, ordering: .relaxed).newValue }

    package init(count: Int) { group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, count)) }

    /// Ends the threads and waits for them.
    ///
    /// Close the listeners first.
    package func close() { try? group.syncShutdownGracefully() }
}

/// Serves DNS over HTTPS (RFC 8484), HTTP/2 and HTTP/1.1, on one address for all workers.
package final class HTTPSListener: Sendable {
    /// The socket's address.
    package let address: SocketAddress
    private let shared: HTTPSShared
    private let channel: any Channel

    /// Starts serving.
    ///
    /// - Parameters:
    ///   - socket: one listening socket, made with `stream: true`.
    ///   - tls: what to show to clients, made for `https`; see ``replace(tls:)``.
    ///   - gateways: one for each worker; connections are spread over them.
    ///   - path: the path of HTTPS requests.
    ///   - freshness: seconds that an HTTP cache may keep a response (RFC 8484 5.1); nil = not to be kept.
    /// - Throws: ``TransportError``: socket or bind.
    package init(
        _ socket: ListeningSocket, tls context: TLSContext, gateways: [HTTPSGateway], threads: HTTPSThreads,
        limits: HTTPSLimits = HTTPSLimits(), path: String = "/dns-query",
        freshness: (@Sendable (UnsafeRawBufferPointer) -> Int?)? = nil
    ) throws(TransportError) {
        address = socket.address
        let shared = unsafe HTTPSShared(
            context: context, gateways: gateways, threads: threads, limits: limits, path: path,
            freshness: freshness)
        self.shared = shared
        let bootstrap = ServerBootstrap(group: threads.group)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(limits.stream.acceptPause))
                }
            }
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: 64 << 10, high: max(64 << 10, limits.stream.backlog / 2))
            )
            .childChannelInitializer { shared.admit($0) }
        // The descriptor is the channel's from here; ours stays open for the next start.
        let descriptor = torii_duplicate(socket.descriptor)
        guard descriptor >= 0 else { throw .socket(socket.address, errno: -descriptor) }
        do {
            channel = try bootstrap.withBoundSocket(descriptor).wait()
        } catch {
            throw .bind(socket.address, errno: (error as? IOError)?.errnoCode ?? 0)
        }
    }

    /// Shows another certificate to connections that begin from now on.
    package func replace(tls context: TLSContext) { shared.replace(context) }

    /// Takes over other limits, for connections that begin from now on.
    package func adopt(_ limits: StreamLimits) { shared.adopt(limits) }

    /// Counters; may be read on any thread.
    package var statistics: HTTPSStatistics { shared.state.withLock { $0.statistics } }

    /// Stops accepting and closes all connections.
    ///
    /// Call it from a thread of its own right, not from a worker.
    package func close() {
        try? channel.close().wait()
        shared.closeAll()
    }
}

/// What all connections of a listener share.
@safe final class HTTPSShared: Sendable {
    struct State: Sendable {
        var statistics = HTTPSStatistics()
        var census: ClientCensus
        var context: TLSContext
        var limits: HTTPSLimits
        var open: [UInt64: any Channel] = [:]
    }

    let path: String
    let freshness: (@Sendable (UnsafeRawBufferPointer) -> Int?)?
    let state: Mutex<State>
    private let gateways: [HTTPSGateway]
    private let threads: HTTPSThreads

    init(
        context: TLSContext, gateways: [HTTPSGateway], threads: HTTPSThreads, limits: HTTPSLimits,
        path: String, freshness: (@Sendable (UnsafeRawBufferPointer) -> Int?)?
    ) {
        self.gateways = gateways
        self.threads = threads
        self.path = path
        unsafe self.freshness = unsafe freshness
        state = Mutex(State(census: ClientCensus(limits.stream), context: context, limits: limits))
    }

    var limits: HTTPSLimits { state.withLock { $0.limits } }

    func nextID() -> UInt64 { threads.nextID() }
    func gateway(for id: UInt64) -> HTTPSGateway? {
        gateways.isEmpty ? nil : gateways[Int(id % UInt64(gateways.count))]
    }
    func replace(_ context: TLSContext) { state.withLock { $0.context = context } }
    func adopt(_ limits: StreamLimits) {
        state.withLock { state in
            state.limits.stream = limits
            state.census.limits = limits
        }
    }
    func count(_ change: (inout HTTPSStatistics) -> Void) { state.withLock { change(&$0.statistics) } }

    func closeAll() {
        let channels = state.withLock { Array($0.open.values) }
        for channel in channels { channel.close(promise: nil) }
    }

    /// Takes a new connection in, or turns it away.
    func admit(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let client = channel.remoteAddress.flatMap(SocketAddress.init(nio:)),
            let server = channel.localAddress.flatMap(SocketAddress.init(nio:))
        else { return channel.close() }
        let id = nextID()
        let context: TLSContext? = state.withLock { state in
            guard state.statistics.open < state.limits.stream.connections else {
                state.statistics.refusedFull &+= 1
                return nil
            }
            guard state.census.enter(client) else {
                state.statistics.refusedClient &+= 1
                return nil
            }
            state.statistics.open += 1
            state.statistics.accepted &+= 1
            state.open[id] = channel
            return state.context
        }
        guard let context, let gateway = gateway(for: id), let session = TLSSession(context) else {
            return channel.close()
        }
        let bound = NIOLoopBound(session, eventLoop: channel.eventLoop)
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { state in
                state.statistics.open -= 1
                state.census.leave(client)
                state.open[id] = nil
            }
        }
        return channel.eventLoop.makeCompletedFuture {
            let activity = HTTPSActivity(channel.eventLoop.now)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HTTPSWatch(self, activity))
            try pipeline.addHandler(TLSFilter(bound.value))
            let site = HTTPSite(
                shared: self, activity: activity, gateway: gateway, client: client, server: server)
            try site.configure(channel)
        }
    }
}

extension SocketAddress {
    /// The address of a channel; nil for a Unix socket.
    init?(nio address: NIOCore.SocketAddress) {
        guard let text = address.ipAddress, let port = address.port else { return nil }
        self.init(text, port: UInt16(clamping: port))
    }
}

/// Rests after an accept that failed for want of descriptors, instead of failing again at once.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = any Channel
    private let pause: TimeAmount
    init(_ pause: Duration) { self.pause = .nanoseconds(Int64(clamping: pause.wholeNanoseconds)) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let channel = context.channel
        let pause = pause
        channel.setOption(.autoRead, value: false).whenComplete { _ in
            channel.eventLoop.scheduleTask(in: pause) {
                channel.setOption(.autoRead, value: true).whenComplete { _ in channel.read() }
            }
        }
    }
}
