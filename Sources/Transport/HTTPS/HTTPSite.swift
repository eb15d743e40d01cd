internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTP2
internal import NIOTLS

/// What the requests of one HTTPS connection share.
final class HTTPSite {
    let shared: HTTPSShared
    let activity: HTTPSActivity
    let gateway: HTTPSGateway
    let client: SocketAddress
    let server: SocketAddress

    init(
        shared: HTTPSShared, activity: HTTPSActivity, gateway: HTTPSGateway, client: SocketAddress,
        server: SocketAddress
    ) {
        self.shared = shared
        self.activity = activity
        self.gateway = gateway
        self.client = client
        self.server = server
    }

    /// Lets TLS choose between HTTP/2 and HTTP/1.1, and sets the pipeline up for what it chose.
    func configure(_ channel: any Channel) throws {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let negotiation = ApplicationProtocolNegotiationHandler { result, channel in
            let site = bound.value
            site.activity.isEstablished = true
            site.activity.last = channel.eventLoop.now
            return channel.eventLoop.makeCompletedFuture {
                if case .negotiated("h2") = result {
                    try site.configure2(channel)
                } else {
                    try site.configure1(channel)
                }
            }
        }
        try channel.pipeline.syncOperations.addHandler(negotiation)
    }

    private func configure1(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
        try pipeline.addHandler(HTTPRequests(self))
        try pipeline.addHandler(ErrorsClose())
    }

    private func configure2(_ channel: any Channel) throws {
        let limits = shared.limits
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.concurrentStreams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerSize),
        ]
        connection.maximumBufferedControlFrames = limits.controlFrames
        connection.controlFrameRateLimit.maximumCount = limits.controlFrames
        var stream = NIOHTTP2Handler.StreamConfiguration()
        stream.streamResetFrameRateLimit.maximumCount = limits.controlFrames
        stream.streamErrorRateLimit.maximumCount = limits.controlFrames
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: connection, streamConfiguration: stream
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                let pipeline = stream.pipeline.syncOperations
                try pipeline.addHandler(HTTP2FramePayloadToHTTP1ServerCodec())
                try pipeline.addHandler(HTTPRequests(bound.value))
                try pipeline.addHandler(ErrorsClose())
            }
        }
        try channel.pipeline.syncOperations.addHandler(ErrorsClose())
    }
}

/// Closes a channel that something went wrong on.
final class ErrorsClose: ChannelInboundHandler {
    typealias InboundIn = Any
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// DNS queries as HTTP requests (RFC 8484 4.1): one connection of HTTP/1.1, or one stream of HTTP/2.
final class HTTPRequests: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum State {
        case idle
        /// Headers are here; the body gathers. `status`: why it will be refused.
        case reading(HTTPRequestHead, ByteBuffer, refusal: HTTPResponseStatus?)
        /// The query is with the worker.
        case waiting(HTTPRequestHead, HTTPSWire)
    }

    private let site: HTTPSite
    private var state = State.idle
    private static let mediaType = "application/dns-message"

    init(_ site: HTTPSite) { self.site = site }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        site.activity.last = context.eventLoop.now
        switch unwrapInboundIn(data) {
        case .head(let head):
            site.activity.incompleteSince = context.eventLoop.now
            state = .reading(head, ByteBuffer(), refusal: refusal(head))
        case .body(var part):
            guard case .reading(let head, var body, let refused) = state else { return }
            guard body.readableBytes + part.readableBytes <= 65_535 else {
                state = .reading(head, ByteBuffer(), refusal: .payloadTooLarge)
                return
            }
            state = .idle  // or the body would be copied
            body.writeBuffer(&part)
            state = .reading(head, body, refusal: refused)
        case .end:
            site.activity.incompleteSince = nil
            guard case .reading(let head, let body, let refused) = state else { return }
            if let refused { return refuse(head, refused, context) }
            guard let query = head.method == .POST ? body : Self.query(in: head.uri) else {
                return refuse(head, .badRequest, context)
            }
            hand(query, head, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .waiting(_, let wire) = state {
            site.activity.inFlight = max(0, site.activity.inFlight - 1)
            site.gateway.postEnd(of: wire)
        }
        state = .idle
        context.fireChannelInactive()
    }

    private func refusal(_ head: HTTPRequestHead) -> HTTPResponseStatus? {
        guard head.uri.prefix(while: { $0 != "?" }) == site.shared.path else { return .notFound }
        switch head.method {
        case .GET: return nil
        case .POST:
            guard head.headers.first(name: "content-type")?.lowercased() == Self.mediaType else {
                return .unsupportedMediaType
            }
            let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
            return length > 65_535 ? .payloadTooLarge : nil
        default: return .methodNotAllowed
        }
    }

    private func refuse(
        _ head: HTTPRequestHead, _ status: HTTPResponseStatus, _ context: ChannelHandlerContext
    ) {
        site.shared.count { $0.badRequests &+= 1 }
        respond(head, status, nil, context)
    }

    private func hand(_ query: ByteBuffer, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let eventLoop = context.eventLoop
        let id = site.shared.nextID()
        let wire = HTTPSWire(id: id, client: site.client, server: site.server) { reply in
            eventLoop.execute {
                let (requests, context) = bound.value
                requests.take(reply, of: id, context)
            }
        }
        state = .waiting(head, wire)
        site.activity.inFlight += 1
        if site.gateway.post([query], of: wire) {
            site.shared.count { $0.queries &+= 1 }
        } else {
            site.shared.count { $0.dropped &+= 1 }
            site.activity.inFlight -= 1
            respond(head, .serviceUnavailable, nil, context)
        }
    }

    private func take(_ reply: HTTPSReply, of id: UInt64, _ context: ChannelHandlerContext) {
        guard case .waiting(let head, let wire) = state, wire.id == id else { return }
        site.activity.inFlight = max(0, site.activity.inFlight - 1)
        site.activity.last = context.eventLoop.now
        site.gateway.postEnd(of: wire)
        var octets = reply.octets
        guard let length = octets.readInteger(as: UInt16.self),
            let message = octets.readSlice(length: Int(length))
        else {
            // No response will come: of all statuses this one asks the client least to try again.
            return respond(head, .badRequest, nil, context)
        }
        respond(head, .ok, message, context)
    }

    private func respond(
        _ head: HTTPRequestHead, _ status: HTTPResponseStatus, _ message: ByteBuffer?,
        _ context: ChannelHandlerContext
    ) {
        state = .idle
        var headers = HTTPHeaders()
        headers.add(name: "content-length", value: String(message?.readableBytes ?? 0))
        if let message {
            headers.add(name: "content-type", value: Self.mediaType)
            let age = unsafe message.withUnsafeReadableBytes { unsafe site.shared.freshness?($0) }
            headers.add(name: "cache-control", value: age.map { "max-age=\($0)" } ?? "no-store")
        }
        if status == .methodNotAllowed { headers.add(name: "allow", value: "GET, POST") }
        let isLast = head.version.major == 1 && !head.isKeepAlive
        if isLast { headers.add(name: "connection", value: "close") }
        let version: HTTPVersion = head.version.major == 1 ? .http1_1 : .http2
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: version, status: status, headers: headers))),
            promise: nil)
        if let message { context.write(wrapOutboundOut(.body(.byteBuffer(message))), promise: nil) }
        let done = context.writeAndFlush(wrapOutboundOut(.end(nil)))
        if isLast {
            let channel = context.channel
            done.whenComplete { _ in channel.close(promise: nil) }
        }
    }

    /// The message in the `dns` parameter, base64url without padding (RFC 8484 4.1.1); nil when there is none.
    static func query(in uri: String) -> ByteBuffer? {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        let parameters = uri.utf8[uri.utf8.index(after: mark)...].split(separator: UInt8(ascii: "&"))
        guard let found = parameters.first(where: { $0.starts(with: "dns=".utf8) }) else { return nil }
        var bits: UInt32 = 0
        var count = 0
        var message = ByteBuffer()
        for octet in found.dropFirst(4) {
            let value: UInt32
            switch octet {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = UInt32(octet) - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = UInt32(octet) - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = UInt32(octet) + 4
            case UInt8(ascii: "-"): value = 62
            case UInt8(ascii: "_"): value = 63
            default: return nil
            }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                message.writeInteger(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        // Six bits left over would be a character that says nothing.
        return count == 6 || message.readableBytes == 0 ? nil : message
    }
}
