internal import NIOCore
internal import NIOTLS

/// What a connection is doing; touched on its own thread only.
final class HTTPSActivity {
    /// When octets came in or a response went out.
    var last: NIODeadline
    /// When the connection began.
    let began: NIODeadline
    /// Whether the TLS handshake is over.
    var isEstablished = false
    /// Since when a message or request has been incomplete.
    var incompleteSince: NIODeadline?
    /// Since when the client has not read.
    var blockedSince: NIODeadline?
    /// Queries handed to the worker whose responses are still to come.
    var inFlight = 0

    init(_ now: NIODeadline) {
        began = now
        last = now
    }
}

/// Closes a connection whose client is idle, slow, or does not read.
///
/// Stands before TLS, so that it sees every octet.
final class HTTPSWatch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: HTTPSShared
    private let activity: HTTPSActivity
    private var sweep: RepeatedTask?

    init(_ shared: HTTPSShared, _ activity: HTTPSActivity) {
        self.shared = shared
        self.activity = activity
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let limits = shared.limits
        let shortest = min(
            limits.stream.idleTimeout, limits.stream.messageTimeout, limits.stream.writeTimeout,
            limits.handshakeTimeout)
        let period = Self.amount(min(.seconds(1), max(.milliseconds(20), shortest / 4)))
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        sweep = context.eventLoop.scheduleRepeatedTask(initialDelay: period, delay: period) { _ in
            let (watch, context) = bound.value
            watch.check(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { sweep?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        sweep?.cancel()
        if !activity.isEstablished { shared.count { $0.handshakeFailures &+= 1 } }
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        activity.blockedSince = context.channel.isWritable ? nil : context.eventLoop.now
        context.fireChannelWritabilityChanged()
    }

    private func check(_ context: ChannelHandlerContext) {
        let now = context.eventLoop.now
        let limits = shared.limits
        func isOver(_ since: NIODeadline?, _ limit: Duration) -> Bool {
            since.map { now - $0 >= Self.amount(limit) } ?? false
        }
        let isOverdue =
            if !activity.isEstablished { isOver(activity.began, limits.handshakeTimeout) } else {
                isOver(activity.blockedSince, limits.stream.writeTimeout)
                    || isOver(activity.incompleteSince, limits.stream.messageTimeout)
                    || (activity.inFlight == 0 && isOver(activity.last, limits.stream.idleTimeout))
            }
        guard isOverdue else { return }
        if activity.isEstablished { shared.count { $0.timedOut &+= 1 } }
        context.close(promise: nil)
    }

    static func amount(_ duration: Duration) -> TimeAmount {
        .nanoseconds(Int64(clamping: duration.wholeNanoseconds))
    }
}
