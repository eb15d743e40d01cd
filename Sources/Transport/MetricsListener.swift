internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// The limits of the metrics endpoint.
package struct MetricsLimits: Sendable {
    /// Connections open at once; further ones are closed.
    package var connections = 16
    /// A connection that is silent for so long is closed.
    package var idleTimeout = Duration.seconds(10)
    /// Octets of a request's headers and body; a connection that sends more is closed.
    package var requestSize = 8192

    package init() {}
}

/// Serves `GET /metrics` and `GET /health` over HTTP/1 on a thread of its own.
package final class MetricsListener: Sendable {
    /// The address it is bound to, with the port the kernel chose if 0 was asked for.
    package let address: SocketAddress
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel

    /// Starts serving.
    ///
    /// - Parameter render: makes the text of `/metrics` in the Prometheus exposition format; called on the
    ///   endpoint's own thread.
    /// - Throws: ``TransportError/metrics(_:errno:)``.
    package init(
        _ wanted: SocketAddress, limits: MetricsLimits = MetricsLimits(),
        render: @escaping @Sendable () -> String
    ) throws(TransportError) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let open = OpenConnections(limit: limits.connections)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                guard open.enter() else { return channel.close() }
                channel.closeFuture.whenComplete { _ in open.leave() }
                return channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let idle = TimeAmount.nanoseconds(Int64(clamping: limits.idleTimeout.wholeNanoseconds))
                    try pipeline.addHandler(IdleStateHandler(allTimeout: idle))
                    try pipeline.addHandler(RequestSizeLimit(limits.requestSize))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(MetricsHandler(render: render))
                }
            }
        do {
            let target = try NIOCore.SocketAddress(
                packedIPAddress: ByteBuffer(bytes: wanted.octets), port: Int(wanted.port))
            channel = try bootstrap.bind(to: target).wait()
        } catch {
            try? group.syncShutdownGracefully()
            throw .metrics(wanted, errno: (error as? IOError)?.errnoCode ?? 0)
        }
        self.group = group
        address = wanted.with(port: UInt16(clamping: channel.localAddress?.port ?? Int(wanted.port)))
    }

    /// Stops serving and waits for its thread to end.
    ///
    /// Call it once, from another thread.
    package func close() {
        try? channel.close().wait()
        try? group.syncShutdownGracefully()
    }
}

/// How many connections are open.
private final class OpenConnections: Sendable {
    private let count = Atomic<Int>(0)
    private let limit: Int
    init(limit: Int) { self.limit = limit }

    func enter() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= limit { return true }
        leave()
        return false
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}

/// Closes a connection that sends more than a request for metrics can be.
private final class RequestSizeLimit: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    private let limit: Int
    private var seen = 0
    init(_ limit: Int) { self.limit = limit }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        seen += unwrapInboundIn(data).readableBytes
        guard seen <= limit else { return context.close(promise: nil) }
        context.fireChannelRead(data)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is MetricsHandler.RequestEnded { seen = 0 }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Answers one request after the other.
private final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    struct RequestEnded {}

    private let render: @Sendable () -> String
    private var head: HTTPRequestHead?
    init(render: @escaping @Sendable () -> String) { self.render = render }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            respond(to: head, context: context)
            context.pipeline.fireUserInboundEventTriggered(RequestEnded())
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func respond(to head: HTTPRequestHead, context: ChannelHandlerContext) {
        var status = HTTPResponseStatus.ok
        var type = "text/plain; charset=utf-8"
        var text = ""
        let path = head.uri.prefix { $0 != "?" }
        switch (head.method, path) {
        case (.GET, "/metrics"), (.HEAD, "/metrics"):
            type = "text/plain; version=0.0.4; charset=utf-8"
            text = render()
        case (.GET, "/health"), (.HEAD, "/health"): text = "ok\n"
        case (.GET, _), (.HEAD, _): (status, text) = (.notFound, "not found\n")
        default: (status, text) = (.methodNotAllowed, "method not allowed\n")
        }
        let body = ByteBuffer(string: text)
        var headers = HTTPHeaders()
        headers.add(name: "Content-Type", value: type)
        headers.add(name: "Content-Length", value: String(body.readableBytes))
        if !head.isKeepAlive { headers.add(name: "Connection", value: "close") }
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))),
            promise: nil)
        if head.method != .HEAD { context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil) }
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if !head.isKeepAlive {
            let channel = context.channel
            done.whenComplete { _ in channel.close(promise: nil) }
        }
    }
}
