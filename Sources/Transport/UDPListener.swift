internal import CShims

/// The limits of a UDP listener.
package struct UDPLimits: Sendable {
    /// Datagrams taken or sent by one system call.
    package var batch = 64
    /// Batches served before the loop looks at other descriptors.
    package var batchesPerRound = 8
    /// Largest query in octets; longer ones are dropped and counted as truncated.
    package var querySize = 4096
    /// Size of the response buffer a handler gets, in octets.
    package var responseSize = 4096

    package init() {}
}

/// What a UDP listener has done since it started.
package struct UDPStatistics: Sendable {
    /// Datagrams handed to the handler.
    package var received: UInt64 = 0
    /// Responses handed to the kernel, dropped ones included.
    package var sent: UInt64 = 0
    /// Responses the kernel did not take: send buffer full, or no route.
    package var dropped: UInt64 = 0
    /// Datagrams longer than ``UDPLimits/querySize``.
    package var truncated: UInt64 = 0
    /// Datagrams from port 0, which nobody can be answered at.
    package var portZero: UInt64 = 0
    /// Datagrams without the PROXY header their sender must write, or with a broken one.
    package var badProxy: UInt64 = 0
    /// Receive calls.
    package var batches: UInt64 = 0
}

/// Serves one UDP socket in batches: receive many, handle each, send many.
///
/// A response to a socket bound to a wildcard address leaves from the address its query came to.
@safe package final class UDPListener: EventSource, Flushable, Responder {
    /// Index of this listener on its loop, as in ``Peer/listener``.
    package private(set) var index: UInt16 = 0
    /// Counters; read them on the loop's thread.
    package private(set) var statistics = UDPStatistics()
    /// The socket it serves.
    package let socket: ListeningSocket

    private let loop: EventLoop
    private let handler: any QueryHandler
    private let limits: UDPLimits
    private var proxies: ProxyTrust?
    private let inbox: OpaquePointer
    private let replies: Outbox
    private let deferred: Outbox
    private var relays = ProxyRelays()
    private var flushRequested = false

    /// Starts serving `socket` on `loop`, which keeps the listener alive until ``close()``.
    ///
    /// - Parameter proxies: who must send a PROXY header; nil = nobody may.
    /// - Throws: ``TransportError``: buffers, watch or tooManyListeners.
    package init(
        _ socket: ListeningSocket, on loop: EventLoop, handler: any QueryHandler,
        limits: UDPLimits = UDPLimits(),
        proxies: ProxyTrust? = nil
    ) throws(TransportError) {
        self.socket = socket
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.proxies = proxies
        var bound = socket.address.raw
        if socket.address.isWildcard { bound.family = 0 }
        guard
            let inbox = unsafe torii_inbox_create(
                UInt32(limits.batch), UInt32(limits.querySize), socket.address.isWildcard, &bound)
        else { throw .buffers(slots: limits.batch) }
        unsafe self.inbox = unsafe inbox
        let replies: Outbox
        let deferred: Outbox
        do {
            replies = try Outbox(slots: limits.batch, largest: limits.responseSize)
            deferred = try Outbox(slots: limits.batch, largest: limits.responseSize)
        } catch {
            unsafe torii_inbox_free(inbox)
            throw error
        }
        self.replies = replies
        self.deferred = deferred
        index = try loop.register(self)
        do {
            try loop.watch(socket.descriptor, for: .readable, source: self)
        } catch {
            loop.unregister(listener: index)
            throw error
        }
    }

    deinit { unsafe torii_inbox_free(inbox) }

    /// Takes over other front ends.
    package func adopt(proxies: ProxyTrust?) { self.proxies = proxies }

    /// Stops serving.
    ///
    /// Queries already received are answered; the socket closes with its last owner.
    package func close() {
        flush()
        loop.unwatch(socket.descriptor)
        loop.unregister(listener: index)
    }

    package func ready(_ events: Readiness, tag: UInt32) {
        let handler = self.handler
        handler.batchBegins(at: loop.now)
        for _ in 0..<limits.batchesPerRound {
            var first: UnsafeMutablePointer<torii_datagram>?
            let count = Int(unsafe torii_inbox_receive(inbox, socket.descriptor, &first))
            guard count > 0, let datagrams = unsafe first else { break }
            statistics.batches &+= 1
            for position in 0..<count {
                unsafe handle(datagrams[position], by: handler)
            }
            handler.batchEnds()
            send(replies)
            if count < limits.batch { break }
        }
    }

    @inline(__always)
    private func handle(_ datagram: torii_datagram, by handler: any QueryHandler) {
        guard unsafe datagram.remote.port != 0, unsafe datagram.flags == 0 else {
            if unsafe datagram.flags != 0 { statistics.truncated &+= 1 } else { statistics.portZero &+= 1 }
            return
        }
        let remote = unsafe SocketAddress(datagram.remote)
        let local = unsafe SocketAddress(datagram.local)
        var query = unsafe UnsafeRawBufferPointer(start: datagram.octets, count: Int(datagram.length))
        var peer = Peer(
            address: remote, local: local, interface: unsafe datagram.interface, listener: index,
            transport: .udp)
        if let proxies, proxies.covers(remote) {
            guard let header = unsafe ProxyHeader.read(query) else {
                statistics.badProxy &+= 1
                return
            }
            unsafe query = unsafe UnsafeRawBufferPointer(rebasing: query[header.length...])
            if let client = header.client {
                peer.address = client
                peer.local = header.server ?? local
                peer.route = relays.route(to: remote, from: local)
            }
        }
        statistics.received &+= 1
        let space = unsafe replies.next
        guard case .respond(let length) = unsafe handler.receive(query, from: peer, into: space) else {
            return
        }
        guard length > 0, length <= space.count else { return }
        replies.commit(length, to: unsafe datagram.remote, from: unsafe datagram.local)
    }

    private func send(_ outbox: Outbox) {
        let (sent, dropped) = outbox.send(on: socket)
        statistics.sent &+= UInt64(sent)
        statistics.dropped &+= UInt64(dropped)
    }

    // MARK: Responder

    package func send(_ octets: UnsafeRawBufferPointer, to peer: Peer) -> Bool {
        guard octets.count <= limits.responseSize else { return false }
        var remote = peer.address
        var local = peer.local
        if peer.route != 0 {
            guard let relay = relays.relay(peer.route) else { return false }
            (remote, local) = relay
        }
        if deferred.isFull { send(deferred) }
        unsafe deferred.next.copyMemory(from: octets)
        deferred.commit(octets.count, to: remote.raw, from: local.raw)
        if !flushRequested {
            flushRequested = true
            loop.requestFlush(self)
        }
        return true
    }

    package func flush() {
        flushRequested = false
        send(deferred)
    }

    package func dismiss(_ peer: Peer) {}
    package func transfer(_ source: any MessageSource, to peer: Peer) -> Bool { false }
    package func close(_ peer: Peer) {}
}
