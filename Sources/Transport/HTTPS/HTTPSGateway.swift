internal import NIOCore

/// The worker's end of a listener for HTTPS.
///
/// Connections live on the listener's own threads; what they bring is posted to the worker's mailbox, a burst at a
/// time, and handled there like everything else. Responses of one round go back in one piece for each connection.
/// Everything but `post` belongs to the worker's thread.
@safe package final class HTTPSGateway: Responder, Flushable, @unchecked Sendable {
    /// Index of this gateway on its loop, as in ``Peer/listener``.
    package private(set) var index: UInt16 = 0

    /// One HTTP request with its query under way here.
    private final class Line {
        let wire: HTTPSWire
        var inFlight = 0
        var reply = HTTPSReply()
        var isDirty = false
        init(_ wire: HTTPSWire) { self.wire = wire }
    }

    private let loop: EventLoop
    private let mailbox: Mailbox
    private let handler: any QueryHandler
    private var lines: [UInt64: Line] = [:]
    private var dirty: [Line] = []
    private var isClosed = false
    private let scratch: UnsafeMutableRawBufferPointer
    private static let messageSize = 65_535

    /// - Throws: ``TransportError/tooManyListeners(limit:)``.
    package init(on loop: EventLoop, handler: any QueryHandler) throws(TransportError) {
        self.loop = loop
        mailbox = loop.mailbox
        self.handler = handler
        unsafe scratch = .allocate(byteCount: Self.messageSize, alignment: 64)
        index = try loop.register(self)
    }

    deinit { unsafe scratch.deallocate() }

    /// Stops handling; what comes later is dropped.
    ///
    /// Close the ``HTTPSListener`` first.
    package func close() {
        isClosed = true
        loop.unregister(listener: index)
        lines = [:]
    }

    // MARK: From the listener's threads

    /// Brings messages of one connection to the worker; false when its mailbox is full.
    func post(_ messages: [ByteBuffer], of wire: HTTPSWire) -> Bool {
        mailbox.post { self.take(messages, of: wire) }
    }

    /// Tells the worker that a request is gone.
    func postEnd(of wire: HTTPSWire) {
        mailbox.post { self.takeEnd(of: wire) }
    }

    // MARK: On the worker's thread

    private func take(_ messages: [ByteBuffer], of wire: HTTPSWire) {
        guard !isClosed else { return }
        let line = lines[wire.id] ?? Line(wire)
        lines[wire.id] = line
        let peer = Peer(
            address: wire.client, local: wire.server, route: wire.id, listener: index, transport: .https)
        handler.batchBegins(at: loop.now)
        for message in messages {
            guard !line.reply.isClosing else { break }
            line.inFlight += 1
            let disposition = unsafe message.withUnsafeReadableBytes { octets in
                unsafe handler.receive(octets, from: peer, into: scratch)
            }
            switch disposition {
            case .respond(let length):
                if length > 0, length <= Self.messageSize {
                    unsafe line.reply.append(UnsafeRawBufferPointer(rebasing: scratch[..<length]))
                }
                finish(line)
            case .deferred: break
            case .drop: finish(line)
            case .close:
                line.reply.isClosing = true
                finish(line)
            }
        }
        handler.batchEnds()
        soil(line)
    }

    private func takeEnd(of wire: HTTPSWire) {
        guard let line = lines.removeValue(forKey: wire.id), line.inFlight > 0 else { return }
        handler.connectionClosed(
            Peer(address: wire.client, local: wire.server, route: wire.id, listener: index, transport: .https)
        )
    }

    private func finish(_ line: Line) {
        line.inFlight = max(0, line.inFlight - 1)
        line.reply.finished += 1
    }

    private func soil(_ line: Line) {
        guard !line.isDirty else { return }
        line.isDirty = true
        if dirty.isEmpty { loop.requestFlush(self) }
        dirty.append(line)
    }

    package func flush() {
        let work = dirty
        dirty.removeAll(keepingCapacity: true)
        for line in work {
            line.isDirty = false
            guard !line.reply.isEmpty else { continue }
            let reply = line.reply
            line.reply = HTTPSReply()
            line.wire.deliver(reply)
        }
    }

    // MARK: Responder

    package func send(_ octets: UnsafeRawBufferPointer, to peer: Peer) -> Bool {
        guard let line = lines[peer.route], octets.count <= Self.messageSize else { return false }
        unsafe line.reply.append(octets)
        finish(line)
        soil(line)
        return true
    }

    package func dismiss(_ peer: Peer) {
        guard let line = lines[peer.route] else { return }
        finish(line)
        soil(line)
    }

    package func transfer(_ source: any MessageSource, to peer: Peer) -> Bool {
        false
    }

    package func close(_ peer: Peer) {
        guard let line = lines[peer.route] else { return }
        line.reply.isClosing = true
        soil(line)
    }
}

/// What a worker gives back to a connection at the end of a round.
struct HTTPSReply: Sendable {
    /// Messages, each with its 2-octet length.
    var octets = ByteBuffer()
    /// Queries that are done with, answered or not.
    var finished = 0
    /// Close after writing.
    var isClosing = false

    var isEmpty: Bool { octets.readableBytes == 0 && finished == 0 && !isClosing }

    mutating func append(_ message: UnsafeRawBufferPointer) {
        octets.writeInteger(UInt16(message.count))
        unsafe octets.writeBytes(message)
    }
}

/// The way to one HTTP request from any thread.
struct HTTPSWire: Sendable {
    var id: UInt64
    var client: SocketAddress
    var server: SocketAddress
    /// Hands a reply to the connection's own thread.
    var deliver: @Sendable (HTTPSReply) -> Void
}
