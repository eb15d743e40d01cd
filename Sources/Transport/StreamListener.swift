internal import CShims

/// Serves DNS over TCP, or over TLS (RFC 7858), on one listening socket: one read, all complete messages, one write.
///
/// A client may send further queries before the first is answered, and gets responses in the order they are ready
/// (RFC 7766 6.2.1.1). What a client can make us hold is bounded by ``StreamLimits``: a client that does not read is
/// not read from.
@safe package final class StreamListener: EventSource, Flushable, Responder, TimerTarget {
    /// Index of this listener on its loop, as in ``Peer/listener``.
    package private(set) var index: UInt16 = 0
    /// Counters; read them on the loop's thread.
    package internal(set) var statistics = StreamStatistics()
    /// The socket it serves.
    package let socket: ListeningSocket

    let loop: EventLoop
    let handler: any QueryHandler
    private(set) var limits: StreamLimits
    private(set) var proxies: ProxyTrust?
    private var tls: TLSContext?
    /// Handshakes served in the round of that number.
    var handshakes: (round: UInt64, count: Int) = (0, 0)
    /// Where reads and writes of all connections happen; nothing stays here between rounds.
    let scratchIn: UnsafeMutableRawBufferPointer
    let scratchOut: UnsafeMutableRawBufferPointer
    /// Octets gathered in `scratchOut` for the connection being served.
    var gathered = 0
    var census: ClientCensus
    var dirty: [StreamConnection] = []
    private var connections: [StreamConnection?] = []
    private var generations: [UInt32] = []
    private var unused: [Int] = []
    private var oldest = -1
    private var newest = -1
    private var sweepTimer = TimerToken.none
    private var isAcceptPaused = false
    private var isClosed = false
    private var sweepPeriod: Duration

    static let readSize = 32 << 10
    static let messageSize = 65_535
    static let gatherSize = 192 << 10
    private static let sweepTag: UInt64 = 1
    private static let resumeTag: UInt64 = 2
    private static let listenerTag = UInt32.max

    /// Starts serving `socket` on `loop`, which keeps the listener alive until ``close()``.
    ///
    /// - Parameters:
    ///   - proxies: who must send a PROXY header (before TLS); nil = nobody may.
    ///   - tls: what to show to clients; nil = plain TCP. One context serves all workers.
    /// - Throws: ``TransportError``: watch or tooManyListeners.
    package init(
        _ socket: ListeningSocket, on loop: EventLoop, handler: any QueryHandler,
        limits: StreamLimits = StreamLimits(), proxies: ProxyTrust? = nil, tls: TLSContext? = nil
    ) throws(TransportError) {
        self.socket = socket
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.proxies = proxies
        self.tls = tls
        census = ClientCensus(limits)
        sweepPeriod = Self.sweepPeriod(limits)
        // A message that began in `input` may be completed in front of a whole read.
        unsafe scratchIn = .allocate(byteCount: Self.readSize + 2048, alignment: 64)
        unsafe scratchOut = .allocate(byteCount: Self.gatherSize + Self.messageSize + 2, alignment: 64)
        index = try loop.register(self)
        do {
            try loop.watch(socket.descriptor, for: .readable, source: self, tag: Self.listenerTag)
        } catch {
            loop.unregister(listener: index)
            throw error
        }
    }

    deinit {
        unsafe scratchIn.deallocate()
        unsafe scratchOut.deallocate()
    }

    /// Shows another certificate to connections that begin from now on.
    ///
    /// Does nothing on plain TCP.
    package func replace(tls: TLSContext) {
        if self.tls != nil { self.tls = tls }
    }

    /// Takes over other limits and front ends; connections that are open stay, and come under the new limits.
    package func adopt(limits: StreamLimits, proxies: ProxyTrust?) {
        self.limits = limits
        self.proxies = proxies
        census.limits = limits
        sweepPeriod = Self.sweepPeriod(limits)
    }

    private static func sweepPeriod(_ limits: StreamLimits) -> Duration {
        let shortest = min(limits.idleTimeout, limits.messageTimeout, limits.writeTimeout)
        return min(.seconds(1), max(.milliseconds(20), shortest / 4))
    }

    /// Stops serving and closes all connections.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        if !isAcceptPaused { loop.unwatch(socket.descriptor) }
        for connection in connections { if let connection { end(connection) } }
        loop.cancel(sweepTimer)
        loop.unregister(listener: index)
    }

    package func ready(_ events: Readiness, tag: UInt32) {
        guard tag != Self.listenerTag else { return accept() }
        guard Int(tag) < connections.count, let connection = connections[Int(tag)] else { return }
        if events.contains(.writable) { write(connection) }
        guard !connection.isClosed, !events.isDisjoint(with: [.readable, .hangup, .error]) else { return }
        if connection.watched.contains(.readable) {
            read(connection)
        } else if !events.isDisjoint(with: [.hangup, .error]) {
            // Nothing more can be said to this client.
            end(connection)
        }
    }

    // MARK: Accepting

    private func accept() {
        for _ in 0..<limits.acceptsPerRound {
            var remote = torii_address()
            let descriptor = unsafe torii_accept(socket.descriptor, &remote)
            if descriptor < 0 {
                switch AcceptFailure(errno: -descriptor) {
                case .nothingWaits: return
                case .thisOne: continue
                case .exhausted: return pauseAccepting()
                }
            }
            admit(descriptor, SocketAddress(remote))
        }
    }

    private func admit(_ descriptor: Int32, _ remote: SocketAddress) {
        let isProxy = proxies?.covers(remote) ?? false
        if !isProxy, !census.enter(remote) {
            statistics.refusedClient &+= 1
            _ = torii_close(descriptor)
            return
        }
        if statistics.open >= limits.connections, !evictOldest() {
            statistics.refusedFull &+= 1
            if !isProxy { census.leave(remote) }
            _ = torii_close(descriptor)
            return
        }
        let place = unused.popLast() ?? connections.count
        if place == connections.count {
            connections.append(nil)
            generations.append(0)
        }
        let peer = Peer(
            address: remote, local: localAddress(of: descriptor),
            route: UInt64(generations[place]) << 32 | UInt64(place + 1), listener: index,
            transport: tls == nil ? .tcp : .tls)
        let connection = StreamConnection(
            index: place, descriptor: descriptor, session: tls.flatMap { TLSSession($0) }, peer: peer,
            now: loop.now)
        if tls != nil { connection.incompleteSince = loop.now }
        connection.awaitsProxyHeader = isProxy
        connection.isCounted = !isProxy
        do {
            try loop.watch(descriptor, for: .readable, source: self, tag: UInt32(place))
        } catch {
            statistics.acceptFailures &+= 1
            unused.append(place)
            if !isProxy { census.leave(remote) }
            _ = torii_close(descriptor)
            return
        }
        connections[place] = connection
        statistics.accepted &+= 1
        statistics.open += 1
        enqueue(connection)
        if statistics.open == 1 { armSweep() }
    }

    private func localAddress(of descriptor: Int32) -> SocketAddress {
        guard socket.address.isWildcard else { return socket.address }
        var raw = torii_address()
        return unsafe torii_local_address(descriptor, &raw) == 0 ? SocketAddress(raw) : socket.address
    }

    /// Out of descriptors: one waiting client is turned away with the spare one, and accepting rests for a while.
    private func pauseAccepting() {
        statistics.acceptFailures &+= 1
        loop.turnAwayOne(from: socket.descriptor)
        _ = evictOldest()
        loop.unwatch(socket.descriptor)
        isAcceptPaused = true
        _ = loop.arm(after: limits.acceptPause, target: self, tag: Self.resumeTag)
    }

    private func resumeAccepting() {
        guard isAcceptPaused, !isClosed else { return }
        do {
            try loop.watch(socket.descriptor, for: .readable, source: self, tag: Self.listenerTag)
            isAcceptPaused = false
        } catch {
            _ = loop.arm(after: limits.acceptPause, target: self, tag: Self.resumeTag)
        }
    }

    // MARK: Order of activity

    private func enqueue(_ connection: StreamConnection) {
        connection.older = newest
        connection.newer = -1
        if newest >= 0 { connections[newest]?.newer = connection.index } else { oldest = connection.index }
        newest = connection.index
    }

    private func dequeue(_ connection: StreamConnection) {
        if connection.older >= 0 {
            connections[connection.older]?.newer = connection.newer
        } else {
            oldest = connection.newer
        }
        if connection.newer >= 0 {
            connections[connection.newer]?.older = connection.older
        } else {
            newest = connection.older
        }
    }

    /// Notes that the connection was of use.
    func touch(_ connection: StreamConnection) {
        connection.lastActivity = loop.now
        guard newest != connection.index else { return }
        dequeue(connection)
        enqueue(connection)
    }

    private func evictOldest() -> Bool {
        var candidate = oldest
        for _ in 0..<16 {
            guard candidate >= 0, let connection = connections[candidate] else { return false }
            guard loop.now - connection.lastActivity >= limits.evictableAfter else { return false }
            if connection.isQuiet {
                statistics.evicted &+= 1
                end(connection)
                return true
            }
            candidate = connection.newer
        }
        return false
    }

    // MARK: Time

    private func armSweep() {
        sweepTimer = loop.arm(after: sweepPeriod, target: self, tag: Self.sweepTag)
    }

    package func timerFired(tag: UInt64, at now: MonotonicTime) {
        guard !isClosed else { return }
        guard tag == Self.sweepTag else { return resumeAccepting() }
        for connection in connections {
            guard let connection else { continue }
            if let since = connection.blockedSince, now - since >= limits.writeTimeout {
                statistics.stalled &+= 1
                end(connection)
            } else if !connection.isBlocked, let since = connection.incompleteSince,
                now - since >= limits.messageTimeout
            {
                statistics.slow &+= 1
                end(connection)
            } else if connection.isQuiet, now - connection.lastActivity >= limits.idleTimeout {
                statistics.idle &+= 1
                end(connection)
            } else {
                connection.input.release()
                connection.output.release()
                connection.plain.release()
            }
        }
        if statistics.open > 0 { armSweep() }
    }

    // MARK: Ending

    /// Closes a connection and forgets it.
    func end(_ connection: StreamConnection) {
        guard !connection.isClosed else { return }
        connection.isClosed = true
        sayGoodbye(connection)
        loop.unwatch(connection.descriptor, isClosing: true)
        _ = torii_close(connection.descriptor)
        dequeue(connection)
        connections[connection.index] = nil
        generations[connection.index] &+= 1
        unused.append(connection.index)
        statistics.open -= 1
        if connection.isCounted { census.leave(connection.peer.address) }
        let sources = connection.sources
        connection.sources = []
        for source in sources { source.abandoned() }
        if connection.inFlight > 0 { handler.connectionClosed(connection.peer) }
    }

    /// The connection of a peer; nil when it is gone.
    func connection(of peer: Peer) -> StreamConnection? {
        let place = Int(peer.route & 0xffff_ffff) - 1
        guard place >= 0, place < connections.count, let connection = connections[place],
            generations[place] == UInt32(truncatingIfNeeded: peer.route >> 32)
        else { return nil }
        return connection
    }
}

/// What a failed accept means.
private enum AcceptFailure {
    case nothingWaits
    /// The client that waited is gone, or the network said so (accept(2) of Linux).
    case thisOne
    /// No descriptors or memory.
    case exhausted

    init(errno code: Int32) {
        switch Int(code) {
        case TORII_EAGAIN: self = .nothingWaits
        case TORII_EMFILE, TORII_ENFILE, TORII_ENOBUFS, TORII_ENOMEM: self = .exhausted
        default: self = .thisOne
        }
    }
}
