internal import NIOCore
internal import NIOTLS

/// Puts TLS between the octets of a channel and the handlers behind it.
final class TLSFilter: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session: TLSSession
    private var isEstablished = false
    private var isClosed = false
    private static let readSize = 16 << 10

    init(_ session: TLSSession) { self.session = session }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let octets = unwrapInboundIn(data)
        guard !isClosed, unsafe octets.withUnsafeReadableBytes({ unsafe session.feed($0) }) else { return }
        while !isClosed {
            var plain = context.channel.allocator.buffer(capacity: Self.readSize)
            var arrival = TLSSession.Arrival.nothing
            _ = unsafe plain.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.readSize) { space in
                arrival = unsafe session.read(into: space)
                if case .octets(let count) = arrival { return count }
                return 0
            }
            send(context)
            if !isEstablished, session.isEstablished {
                isEstablished = true
                context.fireUserInboundEventTriggered(
                    TLSUserEvent.handshakeCompleted(negotiatedProtocol: session.negotiatedProtocol))
            }
            switch arrival {
            case .octets: context.fireChannelRead(wrapInboundOut(plain))
            case .nothing: return
            case .closed, .failed: close(context: context, mode: .all, promise: nil)
            }
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let octets = unwrapOutboundIn(data)
        guard !isClosed, unsafe octets.withUnsafeReadableBytes({ unsafe session.write($0) }) else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        guard let cipher = takePending(context) else {
            promise?.succeed(())
            return
        }
        context.write(wrapOutboundOut(cipher), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if !isClosed {
            isClosed = true
            session.finish()
            send(context)
        }
        context.close(mode: mode, promise: promise)
    }

    /// Sends what TLS itself has to say: handshake messages, tickets, alerts.
    private func send(_ context: ChannelHandlerContext) {
        guard let cipher = takePending(context) else { return }
        context.writeAndFlush(wrapOutboundOut(cipher), promise: nil)
    }

    private func takePending(_ context: ChannelHandlerContext) -> ByteBuffer? {
        let waiting = session.pending
        guard waiting > 0 else { return nil }
        var cipher = context.channel.allocator.buffer(capacity: waiting)
        _ = unsafe cipher.writeWithUnsafeMutableBytes(minimumWritableBytes: waiting) { space in
            unsafe session.take(into: UnsafeMutableRawBufferPointer(rebasing: space[..<waiting]))
        }
        return cipher
    }
}
