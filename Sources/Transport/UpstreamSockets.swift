internal import CShims

/// The limits of questions to other servers over UDP.
///
/// Each worker has its own.
package struct UpstreamLimits: Sendable {
    /// Questions under way at once, one descriptor each; further ones are refused and counted.
    package var outstanding = 4096
    /// Ports tried until one is free.
    package var portTries = 16
    /// Sockets of a family kept for further questions, without a port meanwhile; others are closed.
    package var resting = 512
    /// Largest answer in octets; a longer one is handed over cut short (its TC bit says what to do).
    package var answerSize = 4096

    package init() {}
}

/// What has become of questions over UDP since the start.
package struct UpstreamStatistics: Sendable {
    package var sent: UInt64 = 0
    package var received: UInt64 = 0
    package var timedOut: UInt64 = 0
    package var unreachable: UInt64 = 0
    /// Messages from another address than the one asked; dropped.
    package var strangers: UInt64 = 0
    /// Questions refused at ``UpstreamLimits/outstanding`` or for want of descriptors.
    package var exhausted: UInt64 = 0
    /// Ports that were in use and chosen again.
    package var portsTaken: UInt64 = 0
    /// Questions under way.
    package var outstanding = 0
}

/// Questions to other servers over UDP, each from a port of its own that is drawn anew.
///
/// Why never the same port twice in a row, when keeping it would save system calls: every server that is asked learns
/// the port. One of them may be the attacker's, and a port used again would be known to him for the next question; and
/// a port that stays open is one that side channels have time to find. Why no stock of bound sockets: what is bound
/// already receives already, so forged answers could be laid in wait in its queue. The socket is connected, so the
/// kernel drops what comes from elsewhere and answers a probe of the port just as it answers one of a closed port.
///
/// What is saved: a port is drawn from the whole range first. Where it falls into the range from which the kernel
/// itself draws (`ip_local_port_range`), the kernel draws, just as evenly, and then the socket need not be new: a socket
/// that was never bound by name loses its port when it is disconnected, and rests without one until it is connected
/// again. Only for the other ports a socket is made, bound and closed. Descriptors come non-blocking and close-on-exec
/// in one call, random numbers in batches from one call, leaving epoll is left to the close, and timers are ours.
@safe package final class UpstreamSockets: EventSource, TimerTarget {
    private struct Exchange {
        var descriptor: Int32 = -1
        /// A question is under way; else, with a descriptor, the socket rests without a port.
        var isActive = false
        /// The kernel chose the port, so the socket can lose it again.
        var isReusable = false
        var generation: UInt32 = 0
        var port: UInt16 = 0
        var server = SocketAddress.none
        var tag: UInt64 = 0
        var timer = TimerToken.none
        /// Why it could not be sent; 0 when it was.
        var failure: Int32 = 0
    }

    /// Counters; read them on the loop's thread.
    package private(set) var statistics = UpstreamStatistics()

    private let loop: EventLoop
    private let handler: any UpstreamHandler
    private let limits: UpstreamLimits
    private let ports: PortChoice
    private let sources: [SocketAddress]
    private let random: RandomPool
    private var exchanges: [Exchange] = []
    private var unused: [Int] = []
    /// Slots whose socket rests, by family.
    private var resting: (v4: [Int], v6: [Int]) = ([], [])
    /// The ports that the kernel draws from; nil when sockets cannot be used again.
    private let kernelPorts: ClosedRange<UInt16>?
    private let buffer: UnsafeMutableRawBufferPointer

    /// - Parameters:
    ///   - sources: own addresses to ask from, one chosen at random for each question; none of a family = the
    ///     kernel's choice.
    package init(
        on loop: EventLoop, handler: any UpstreamHandler, limits: UpstreamLimits = UpstreamLimits(),
        ports: PortChoice = PortChoice(), sources: [SocketAddress] = [], random: RandomPool = RandomPool()
    ) {
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.ports = ports
        self.sources = sources
        self.random = random
        kernelPorts = sources.isEmpty ? ports.kernelRange() : nil
        unsafe buffer = .allocate(byteCount: limits.answerSize, alignment: 64)
    }

    deinit { unsafe buffer.deallocate() }

    /// Sends a question from a fresh random port.
    ///
    /// - Parameters:
    ///   - octets: the message, with an unpredictable ID.
    ///   - timeout: after it, `failed(.timedOut)` is called.
    ///   - tag: given back with what comes.
    /// - Returns: nil when no socket could be had; nothing will be called back then.
    package func send(
        _ octets: UnsafeRawBufferPointer, to server: SocketAddress, timeout: Duration, tag: UInt64
    )
        -> UpstreamToken?
    {
        guard statistics.outstanding < limits.outstanding, let slot = open(toward: server) else {
            statistics.exhausted &+= 1
            return nil
        }
        let descriptor = exchanges[slot].descriptor
        var remote = server.raw
        var failure = unsafe torii_connect(descriptor, &remote)
        if failure == 0 {
            failure = Int32(
                clamping: min(0, unsafe torii_write(descriptor, octets.baseAddress, octets.count)))
        }
        statistics.sent &+= 1
        statistics.outstanding += 1
        exchanges[slot].isActive = true
        exchanges[slot].server = server
        exchanges[slot].tag = tag
        exchanges[slot].failure = -failure
        // What cannot be sent (no route, filtered) is told like what is refused later: never from within `send`.
        exchanges[slot].timer = loop.arm(
            at: failure == 0 ? loop.now + timeout : loop.now, target: self,
            tag: UInt64(exchanges[slot].generation) << 32 | UInt64(slot))
        return UpstreamToken(
            slot: UInt32(slot), generation: exchanges[slot].generation, port: exchanges[slot].port)
    }

    /// Ends a question; nothing is called back for it any more.
    ///
    /// False when it had ended.
    @discardableResult
    package func cancel(_ token: UpstreamToken) -> Bool {
        let slot = Int(token.slot)
        guard slot < exchanges.count, exchanges[slot].generation == token.generation,
            exchanges[slot].isActive
        else { return false }
        end(slot)
        return true
    }

    /// Ends all questions without calling back.
    package func close() {
        for slot in exchanges.indices where exchanges[slot].isActive { end(slot) }
        for slot in resting.v4 + resting.v6 { discard(slot) }
        resting = ([], [])
    }

    /// A slot with a watched socket for one question; its port is bound, or will be when it is connected.
    private func open(toward server: SocketAddress) -> Int? {
        let port = ports.next(from: random)
        let isReusable = kernelPorts?.contains(port) ?? false
        if isReusable, let rested = takeRested(server.family) { return rested }
        let descriptor = torii_socket(server.family.rawValue, false)
        guard descriptor >= 0 else { return nil }
        let slot = unused.popLast() ?? exchanges.count
        if slot == exchanges.count { exchanges.append(Exchange()) }
        exchanges[slot].descriptor = descriptor
        exchanges[slot].isReusable = isReusable
        exchanges[slot].port = 0
        guard isReusable || bind(slot, toward: server, first: port),
            (try? loop.watch(descriptor, for: .readable, source: self, tag: UInt32(slot))) != nil
        else {
            discard(slot)
            return nil
        }
        return slot
    }

    private func takeRested(_ family: SocketAddress.Family) -> Int? {
        family == .ipv4 ? resting.v4.popLast() : resting.v6.popLast()
    }

    private func bind(_ slot: Int, toward server: SocketAddress, first: UInt16) -> Bool {
        var local = source(for: server).raw
        local.port = first
        for _ in 0..<limits.portTries {
            let result = unsafe torii_bind(exchanges[slot].descriptor, &local)
            if result == 0 {
                exchanges[slot].port = local.port
                return true
            }
            guard result == -Int32(TORII_EADDRINUSE) else { return false }
            statistics.portsTaken &+= 1
            local.port = ports.next(from: random)
        }
        return false
    }

    private func source(for server: SocketAddress) -> SocketAddress {
        var chosen: SocketAddress?
        var candidates: UInt64 = 0
        for source in sources where source.family == server.family {
            candidates += 1
            if candidates == 1 || random.nextUInt64() % candidates == 0 { chosen = source }
        }
        return chosen ?? SocketAddress(high: 0, low: 0, port: 0, family: server.family)
    }

    private func end(_ slot: Int) {
        loop.cancel(exchanges[slot].timer)
        exchanges[slot].isActive = false
        exchanges[slot].generation &+= 1
        statistics.outstanding -= 1
        guard exchanges[slot].isReusable else { return discard(slot) }
        let family = exchanges[slot].server.family
        let count = family == .ipv4 ? resting.v4.count : resting.v6.count
        // Without its port, and with nothing left that came to it.
        guard count < limits.resting, torii_disconnect(exchanges[slot].descriptor) == 0 else {
            return discard(slot)
        }
        if family == .ipv4 { resting.v4.append(slot) } else { resting.v6.append(slot) }
    }

    private func discard(_ slot: Int) {
        loop.unwatch(exchanges[slot].descriptor, isClosing: true)
        _ = torii_close(exchanges[slot].descriptor)
        exchanges[slot].descriptor = -1
        unused.append(slot)
    }

    private func token(_ slot: Int) -> UpstreamToken {
        UpstreamToken(slot: UInt32(slot), generation: exchanges[slot].generation, port: exchanges[slot].port)
    }

    private func fail(_ slot: Int, _ failure: UpstreamFailure) {
        let token = token(slot)
        let tag = exchanges[slot].tag
        end(slot)
        handler.failed(failure, for: token, tag: tag)
    }

    package func ready(_ events: Readiness, tag: UInt32) {
        let slot = Int(tag)
        guard slot < exchanges.count, exchanges[slot].isActive else { return }
        if events.contains(.error) { return takeError(slot) }
        var remote = torii_address()
        let count = unsafe torii_receive_plain(
            exchanges[slot].descriptor, buffer.baseAddress, buffer.count, &remote)
        guard count >= 0 else {
            // The call that fails takes the pending error away with it.
            guard count != -TORII_EAGAIN else { return }
            statistics.unreachable &+= 1
            fail(slot, .unreachable(errno: Int32(clamping: -count)))
            return
        }
        let server = exchanges[slot].server
        guard remote.port == server.port, server.sameAddress(as: SocketAddress(remote)) else {
            // Came between bind and connect.
            statistics.strangers &+= 1
            return
        }
        statistics.received &+= 1
        let token = token(slot)
        let message = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
        let verdict = unsafe handler.received(message, from: server, for: token, tag: exchanges[slot].tag)
        if case .done = verdict { cancel(token) }
    }

    /// A connected socket reports that its datagram was refused (ICMP port or protocol unreachable).
    private func takeError(_ slot: Int) {
        let code = torii_socket_error(exchanges[slot].descriptor)
        guard code != 0 else { return }
        statistics.unreachable &+= 1
        fail(slot, .unreachable(errno: code))
    }

    package func timerFired(tag: UInt64, at now: MonotonicTime) {
        let slot = Int(tag & 0xffff_ffff)
        guard slot < exchanges.count, exchanges[slot].generation == UInt32(tag >> 32),
            exchanges[slot].isActive
        else { return }
        guard exchanges[slot].failure == 0 else {
            statistics.unreachable &+= 1
            return fail(slot, .unreachable(errno: exchanges[slot].failure))
        }
        statistics.timedOut &+= 1
        fail(slot, .timedOut)
    }
}
