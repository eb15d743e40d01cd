internal import CShims

/// The limits of TCP connections to other servers.
///
/// Each worker has its own.
package struct UpstreamStreamLimits: Sendable {
    /// Connections open at once; further questions are refused and counted.
    package var connections = 256
    /// Connections to one server.
    package var connectionsPerServer = 4
    /// Questions that share one connection at a time.
    package var pipeline = 16
    /// A connection without a question for so long is closed; zero: after each answer.
    package var idleTimeout = Duration.seconds(3)
    /// Octets that may wait to be written on one connection.
    package var backlog = 256 << 10

    package init() {}
}

/// What has become of questions over TCP since the start.
package struct UpstreamStreamStatistics: Sendable {
    package var sent: UInt64 = 0
    package var received: UInt64 = 0
    package var timedOut: UInt64 = 0
    /// Connections that could not be made or broke off with questions under way.
    package var failed: UInt64 = 0
    /// Messages that answered no question of their connection; dropped.
    package var strangers: UInt64 = 0
    /// Questions refused at a limit or for want of descriptors.
    package var exhausted: UInt64 = 0
    /// Connections made.
    package var connected: UInt64 = 0
    /// Connections open now.
    package var open = 0
}

/// Questions to other servers over TCP, or over TLS (RFC 7858), several on one connection where they can share it
/// (RFC 7766 6.2.1).
///
/// A message belongs to the question whose first two octets (its ID) it repeats; questions with the same ID never
/// share a connection.
@safe package final class UpstreamStreams: EventSource, Flushable, TimerTarget {
    /// One question under way.
    private struct Exchange {
        var connection: UpstreamConnection?
        var generation: UInt32 = 0
        var id: UInt16 = 0
        var tag: UInt64 = 0
        var timer = TimerToken.none
    }

    /// Counters; read them on the loop's thread.
    package private(set) var statistics = UpstreamStreamStatistics()

    private let loop: EventLoop
    private let handler: any UpstreamHandler
    private let limits: UpstreamStreamLimits
    private let sources: [SocketAddress]
    /// What is spoken inside the connections; nil: plain text.
    private let tls: TLSClientContext?
    private var exchanges: [Exchange] = []
    private var unusedExchanges: [Int] = []
    private var connections: [UpstreamConnection?] = []
    private var unusedPlaces: [Int] = []
    private var byServer: [SocketAddress: [Int]] = [:]
    private var dirty: [UpstreamConnection] = []
    private var isSweeping = false
    private let scratch: UnsafeMutableRawBufferPointer
    private static let readSize = 65_537
    private static let sweepTag = UInt64.max

    package init(
        on loop: EventLoop, handler: any UpstreamHandler,
        limits: UpstreamStreamLimits = UpstreamStreamLimits(),
        sources: [SocketAddress] = [], tls: TLSClientContext? = nil
    ) {
        self.tls = tls
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.sources = sources
        unsafe scratch = .allocate(byteCount: Self.readSize, alignment: 64)
    }

    deinit { unsafe scratch.deallocate() }

    /// Sends a question, on a connection that is there if one has room and `isFresh` is false.
    ///
    /// - Parameters:
    ///   - octets: the message, 2 to 65,535 octets, without length field.
    ///   - timeout: covers connecting as well; after it, `failed(.timedOut)` is called.
    /// - Returns: nil when there is no connection to be had; nothing will be called back then.
    package func send(
        _ octets: UnsafeRawBufferPointer, to server: SocketAddress, timeout: Duration, tag: UInt64,
        isFresh: Bool = false
    ) -> UpstreamToken? {
        guard octets.count >= 2, octets.count <= 65_535 else { return nil }
        let id = unsafe UInt16(octets[0]) << 8 | UInt16(octets[1])
        let shared = isFresh ? nil : connection(to: server, for: id, octets: octets.count + 2)
        guard let connection = shared ?? connect(to: server) else {
            statistics.exhausted &+= 1
            return nil
        }
        let slot = unusedExchanges.popLast() ?? exchanges.count
        if slot == exchanges.count { exchanges.append(Exchange()) }
        exchanges[slot].connection = connection
        exchanges[slot].id = id
        exchanges[slot].tag = tag
        exchanges[slot].timer = loop.arm(
            at: loop.now + timeout, target: self, tag: UInt64(exchanges[slot].generation) << 32 | UInt64(slot)
        )
        connection.exchanges.append(slot)
        let space = unsafe connection.output.reserve(octets.count + 2)
        unsafe space[0] = UInt8(octets.count >> 8)
        unsafe space[1] = UInt8(truncatingIfNeeded: octets.count)
        unsafe UnsafeMutableRawBufferPointer(rebasing: space[2...]).copyMemory(from: octets)
        connection.output.extend(by: octets.count + 2)
        statistics.sent &+= 1
        if connection.isConnected, !connection.isDirty {
            connection.isDirty = true
            if dirty.isEmpty { loop.requestFlush(self) }
            dirty.append(connection)
        }
        return token(slot)
    }

    /// Ends a question; nothing is called back for it any more.
    ///
    /// False when it had ended.
    @discardableResult
    package func cancel(_ token: UpstreamToken) -> Bool {
        let slot = Int(token.slot)
        guard slot < exchanges.count, exchanges[slot].generation == token.generation,
            let connection = exchanges[slot].connection
        else { return false }
        forget(slot)
        // An answer may still come: only an idle connection can be trusted to be in step, others end with their last.
        if connection.exchanges.isEmpty, !connection.isConnected { end(connection) }
        return true
    }

    /// Closes all connections without calling back.
    package func close() {
        for connection in connections {
            guard let connection else { continue }
            for slot in connection.exchanges { forget(slot) }
            end(connection)
        }
    }

    // MARK: Connections

    private func connection(to server: SocketAddress, for id: UInt16, octets: Int) -> UpstreamConnection? {
        for place in byServer[server] ?? [] {
            guard let connection = connections[place], connection.exchanges.count < limits.pipeline,
                connection.output.count + octets <= limits.backlog,
                !connection.exchanges.contains(where: { exchanges[$0].id == id })
            else { continue }
            return connection
        }
        return nil
    }

    private func connect(to server: SocketAddress) -> UpstreamConnection? {
        if byServer[server]?.count ?? 0 >= limits.connectionsPerServer
            || statistics.open >= limits.connections
        {
            guard closeIdleConnection(preferring: server) else { return nil }
        }
        var session: TLSSession?
        if let tls {
            session = TLSSession(tls, to: server)
            guard session != nil else { return nil }
        }
        let descriptor = torii_socket(server.family.rawValue, true)
        guard descriptor >= 0 else { return nil }
        _ = torii_set_no_delay(descriptor)
        if let source = sources.filter({ $0.family == server.family }).randomElement() {
            var local = source.with(port: 0).raw
            guard unsafe torii_bind(descriptor, &local) == 0 else {
                _ = torii_close(descriptor)
                return nil
            }
        }
        var remote = server.raw
        let result = unsafe torii_connect(descriptor, &remote)
        guard result == 0 || result == -Int32(TORII_EINPROGRESS) else {
            _ = torii_close(descriptor)
            return nil
        }
        let place = unusedPlaces.popLast() ?? connections.count
        if place == connections.count { connections.append(nil) }
        let connection = UpstreamConnection(
            place: place, descriptor: descriptor, server: server, session: session, now: loop.now)
        do {
            try loop.watch(descriptor, for: [.readable, .writable], source: self, tag: UInt32(place))
        } catch {
            _ = torii_close(descriptor)
            unusedPlaces.append(place)
            return nil
        }
        connections[place] = connection
        byServer[server, default: []].append(place)
        statistics.open += 1
        sweepLater()
        return connection
    }

    private func closeIdleConnection(preferring server: SocketAddress) -> Bool {
        if byServer[server]?.count ?? 0 >= limits.connectionsPerServer {
            for place in byServer[server] ?? [] {
                guard let connection = connections[place], connection.exchanges.isEmpty else { continue }
                end(connection)
                return true
            }
            return false
        }
        for connection in connections {
            guard let connection, connection.exchanges.isEmpty else { continue }
            end(connection)
            return true
        }
        return false
    }

    private func end(_ connection: UpstreamConnection) {
        guard !connection.isClosed else { return }
        connection.isClosed = true
        loop.unwatch(connection.descriptor, isClosing: true)
        _ = torii_close(connection.descriptor)
        connections[connection.place] = nil
        unusedPlaces.append(connection.place)
        byServer[connection.server]?.removeAll { $0 == connection.place }
        if byServer[connection.server]?.isEmpty ?? false { byServer[connection.server] = nil }
        statistics.open -= 1
    }

    /// Ends a connection and all questions on it.
    private func fail(_ connection: UpstreamConnection, _ failure: UpstreamFailure) {
        guard !connection.isClosed else { return }
        end(connection)
        if !connection.exchanges.isEmpty { statistics.failed &+= 1 }
        while let slot = connection.exchanges.first {
            let token = token(slot)
            let tag = exchanges[slot].tag
            forget(slot)
            handler.failed(failure, for: token, tag: tag)
        }
    }

    private func token(_ slot: Int) -> UpstreamToken {
        UpstreamToken(slot: UInt32(slot), generation: exchanges[slot].generation, port: 0)
    }

    private func forget(_ slot: Int) {
        loop.cancel(exchanges[slot].timer)
        exchanges[slot].connection?.exchanges.removeAll { $0 == slot }
        exchanges[slot].connection = nil
        exchanges[slot].generation &+= 1
        unusedExchanges.append(slot)
    }

    // MARK: Events

    package func ready(_ events: Readiness, tag: UInt32) {
        guard Int(tag) < connections.count, let connection = connections[Int(tag)] else { return }
        if !connection.isConnected {
            let error = torii_socket_error(connection.descriptor)
            guard error == 0 else { return fail(connection, .unreachable(errno: error)) }
            guard events.contains(.writable) else { return }
            connection.isConnected = true
            statistics.connected &+= 1
            if let session = connection.session, case .failed = unsafe session.read(into: unsafe room) {
                return fail(connection, .garbled)
            }
        }
        if events.contains(.writable) { write(connection) }
        if !connection.isClosed, !events.isDisjoint(with: [.readable, .hangup, .error]) { read(connection) }
    }

    package func flush() {
        let work = dirty
        dirty.removeAll(keepingCapacity: true)
        for connection in work {
            connection.isDirty = false
            if !connection.isClosed { write(connection) }
        }
    }

    private func write(_ connection: UpstreamConnection) {
        if let session = connection.session { encrypt(connection, session) }
        if !connection.wire.isEmpty {
            let octets = unsafe connection.wire.contents
            let written = unsafe torii_write(connection.descriptor, octets.baseAddress, octets.count)
            if written < 0, written != -TORII_EAGAIN {
                return fail(connection, .closed(wasReused: connection.hasServed))
            }
            connection.wire.consume(max(0, written))
        }
        let wanted: Readiness = connection.wire.isEmpty ? .readable : [.readable, .writable]
        guard wanted != connection.watched else { return }
        connection.watched = wanted
        loop.rewatch(connection.descriptor, for: wanted)
    }

    /// Turns what waits into what TLS sends, as soon as the handshake is over.
    private func encrypt(_ connection: UpstreamConnection, _ session: TLSSession) {
        if session.isEstablished, !connection.output.isEmpty {
            let octets = unsafe connection.output.contents
            if unsafe session.write(octets) { connection.output.consume(octets.count) }
        }
        let waiting = session.pending
        guard waiting > 0 else { return }
        let space = unsafe connection.cipher.reserve(waiting)
        connection.cipher.extend(by: unsafe session.take(into: space))
    }

    /// Where what comes out of TLS is put first.
    private var room: UnsafeMutableRawBufferPointer { unsafe scratch }

    /// Takes octets of the network through TLS.
    ///
    /// - Returns: whether the connection lives on.
    private func decrypt(
        _ octets: UnsafeRawBufferPointer, _ connection: UpstreamConnection, _ session: TLSSession
    ) -> Bool {
        guard unsafe session.feed(octets) else { return false }
        while true {
            switch unsafe session.read(into: room) {
            case .octets(let count):
                unsafe connection.input.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            case .nothing:
                // The handshake, or an answer to it, may have something to say.
                write(connection)
                return !connection.isClosed
            case .closed, .failed: return false
            }
        }
    }

    private func read(_ connection: UpstreamConnection) {
        let count = unsafe torii_read(connection.descriptor, scratch.baseAddress, scratch.count)
        if count == -TORII_EAGAIN { return }
        guard count > 0 else { return fail(connection, .closed(wasReused: connection.hasServed)) }
        connection.lastActivity = loop.now
        let arrived = unsafe UnsafeRawBufferPointer(rebasing: scratch[..<count])
        var isAlive = true
        if let session = connection.session {
            isAlive = unsafe decrypt(arrived, connection, session)
        } else {
            unsafe connection.input.append(arrived)
        }
        while !connection.isClosed {
            let octets = unsafe connection.input.contents
            guard octets.count >= 2 else { break }
            let length = unsafe Int(octets[0]) << 8 | Int(octets[1])
            guard octets.count >= length + 2 else { break }
            guard length >= 2 else { return fail(connection, .garbled) }
            unsafe deliver(UnsafeRawBufferPointer(rebasing: octets[2..<2 + length]), of: connection)
            connection.input.consume(length + 2)
        }
        if !isAlive { return fail(connection, .closed(wasReused: connection.hasServed)) }
        if !connection.isClosed, connection.exchanges.isEmpty, limits.idleTimeout == .zero { end(connection) }
    }

    private func deliver(_ message: UnsafeRawBufferPointer, of connection: UpstreamConnection) {
        let id = unsafe UInt16(message[0]) << 8 | UInt16(message[1])
        guard let slot = connection.exchanges.first(where: { exchanges[$0].id == id }) else {
            statistics.strangers &+= 1
            return
        }
        statistics.received &+= 1
        connection.hasServed = true
        let token = token(slot)
        let verdict = unsafe handler.received(
            message, from: connection.server, for: token, tag: exchanges[slot].tag)
        guard case .done = verdict, exchanges[slot].generation == token.generation else { return }
        forget(slot)
    }

    // MARK: Time

    package func timerFired(tag: UInt64, at now: MonotonicTime) {
        guard tag != Self.sweepTag else { return sweep(at: now) }
        let slot = Int(tag & 0xffff_ffff)
        guard slot < exchanges.count, exchanges[slot].generation == UInt32(tag >> 32),
            let connection = exchanges[slot].connection
        else { return }
        statistics.timedOut &+= 1
        let token = token(slot)
        let tag = exchanges[slot].tag
        forget(slot)
        // A server that keeps silent on this connection would do so for the next question too.
        if connection.exchanges.isEmpty { end(connection) }
        handler.failed(.timedOut, for: token, tag: tag)
    }

    private func sweepLater() {
        guard !isSweeping else { return }
        isSweeping = true
        _ = loop.arm(after: max(.milliseconds(50), limits.idleTimeout / 2), target: self, tag: Self.sweepTag)
    }

    private func sweep(at now: MonotonicTime) {
        isSweeping = false
        for connection in connections {
            guard let connection, connection.exchanges.isEmpty else { continue }
            if now - connection.lastActivity >= limits.idleTimeout { end(connection) }
        }
        if statistics.open > 0 { sweepLater() }
    }
}

/// One TCP connection to another server.
final class UpstreamConnection {
    let place: Int
    let descriptor: Int32
    let server: SocketAddress
    let session: TLSSession?
    var input = ByteQueue()
    /// Messages that have not been sent.
    var output = ByteQueue()
    /// The same behind TLS.
    var cipher = ByteQueue()
    /// What goes to the network.
    var wire: ByteQueue {
        _read { if session == nil { yield output } else { yield cipher } }
        _modify { if session == nil { yield &output } else { yield &cipher } }
    }
    /// The slots of the questions under way on it.
    var exchanges: [Int] = []
    var isConnected = false
    var hasServed = false
    var isClosed = false
    var isDirty = false
    var watched: Readiness = [.readable, .writable]
    var lastActivity: MonotonicTime

    init(
        place: Int, descriptor: Int32, server: SocketAddress, session: TLSSession?, now: MonotonicTime
    ) {
        self.session = session
        self.place = place
        self.descriptor = descriptor
        self.server = server
        lastActivity = now
    }
}
