internal import CShims

/// What the loop calls when a descriptor is ready.
package protocol EventSource: AnyObject {
    /// The descriptor registered with `tag` is ready. Level-triggered: what is left undone is reported again.
    func ready(_ events: Readiness, tag: UInt32)
}

/// Called once at the end of every round in which it was asked for, to send what it gathered.
package protocol Flushable: AnyObject {
    /// Sends what is queued.
    func flush()
}

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 4)
    package static let error = Readiness(rawValue: 8)
    package static let hangup = Readiness(rawValue: 16)
}

/// One thread's world: descriptors, timers, responders and a mailbox for the other threads.
///
/// Everything but ``mailbox`` belongs to the thread that runs the loop (before `run`: the thread that sets it up).
/// One round: wait, read the clock, serve ready descriptors, due timers, posted closures, then flush.
@safe package final class EventLoop {
    /// Most listeners a loop serves; ``TransportError/tooManyListeners(limit:)`` beyond.
    package static let listenerLimit = 1024

    /// The way in for other threads.
    package let mailbox: Mailbox
    /// The time of this round.
    package private(set) var now: MonotonicTime
    /// Rounds so far.
    package private(set) var rounds: UInt64 = 0

    private struct Watch {
        var source: (any EventSource)?
        var tag: UInt32 = 0
        var generation: UInt32 = 0
    }

    private let poll: Int32
    private var watches: [Watch] = []
    private var timers = TimerHeap()
    private var responders: [(any Responder)?] = []
    private var flushes: [any Flushable] = []
    private var batch: [@Sendable () -> Void] = []
    private let ready: UnsafeMutablePointer<torii_ready>
    private static let readyCapacity = 128
    private var spareDescriptor: Int32

    /// - Parameter mailboxLimit: closures that may wait; posts beyond are refused and counted.
    /// - Throws: ``TransportError/eventLoop(errno:)``.
    package init(mailboxLimit: Int = 65_536) throws(TransportError) {
        let mailbox = try Mailbox(limit: mailboxLimit)
        let poll = torii_poll_create()
        guard poll >= 0 else { throw .eventLoop(errno: -poll) }
        let added = torii_poll_control(poll, 1, mailbox.wakeup, Readiness.readable.rawValue, .max)
        guard added == 0 else {
            _ = torii_close(poll)
            throw .eventLoop(errno: -added)
        }
        self.poll = poll
        self.mailbox = mailbox
        now = .now()
        spareDescriptor = torii_spare_descriptor()
        unsafe ready = .allocate(capacity: Self.readyCapacity)
        unsafe ready.initialize(repeating: torii_ready(), count: Self.readyCapacity)
    }

    deinit {
        unsafe ready.deallocate()
        _ = torii_close(poll)
        if spareDescriptor >= 0 { _ = torii_close(spareDescriptor) }
    }

    // MARK: Running

    /// Serves until ``Mailbox/stop()``.
    ///
    /// Then refuses further posts.
    package func run() {
        while !mailbox.isStopping {
            round()
        }
        mailbox.close()
    }

    /// Waits at most `limit` for something to do, and does it.
    ///
    /// For tests and for draining at the end.
    package func round(waitingAtMost limit: Duration? = nil) {
        let count = unsafe torii_poll_wait(poll, ready, Int32(Self.readyCapacity), waitMilliseconds(limit))
        now = .now()
        rounds &+= 1
        for index in 0..<max(0, Int(count)) {
            let event = unsafe ready[index]
            if event.data == .max {
                torii_wakeup_drain(mailbox.wakeup)
                continue
            }
            let descriptor = Int(truncatingIfNeeded: event.data & 0xffff_ffff)
            let generation = UInt32(truncatingIfNeeded: event.data >> 32)
            guard descriptor < watches.count, watches[descriptor].generation == generation,
                let source = watches[descriptor].source
            else { continue }
            source.ready(Readiness(rawValue: event.events), tag: watches[descriptor].tag)
        }
        // No more than there are now: what these arm for a time already past comes in the next round.
        var remaining = timers.count
        while remaining > 0, let due = timers.popDue(at: now) {
            remaining -= 1
            due.target.timerFired(tag: due.tag, at: now)
        }
        runPosted()
        flush()
    }

    private func waitMilliseconds(_ limit: Duration?) -> Int32 {
        guard flushes.isEmpty else { return 0 }
        var wait = limit.map { $0.wholeNanoseconds } ?? .max
        if let next = timers.nextDeadline {
            let moment = MonotonicTime.now()
            wait = min(wait, next > moment ? next.nanoseconds - moment.nanoseconds : 0)
        }
        guard wait != .max else { return -1 }
        // Rounded up: waking before the deadline would only spin.
        return Int32(clamping: wait / 1_000_000 + (wait % 1_000_000 == 0 ? 0 : 1))
    }

    private func runPosted() {
        mailbox.take(into: &batch)
        guard !batch.isEmpty else { return }
        var work: [@Sendable () -> Void] = []
        swap(&work, &batch)
        for item in work { item() }
        work.removeAll(keepingCapacity: true)
        swap(&work, &batch)
    }

    private func flush() {
        var index = 0
        // A flush may ask for another one (of someone else); each is done in this round.
        while index < flushes.count {
            flushes[index].flush()
            index += 1
        }
        flushes.removeAll(keepingCapacity: true)
    }

    /// Has `item` flushed at the end of this round.
    ///
    /// Ask once per round.
    package func requestFlush(_ item: any Flushable) {
        flushes.append(item)
    }

    // MARK: Descriptors

    /// Watches a descriptor.
    ///
    /// The source is kept alive until ``unwatch(_:)``.
    ///
    /// - Throws: ``TransportError/watch(errno:)``.
    package func watch(
        _ descriptor: Int32, for events: Readiness, source: any EventSource, tag: UInt32 = 0
    )
        throws(TransportError)
    {
        let index = Int(descriptor)
        while watches.count <= index { watches.append(Watch()) }
        watches[index].generation &+= 1
        let data = UInt64(watches[index].generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        let result = torii_poll_control(poll, 1, descriptor, events.rawValue, data)
        guard result == 0 else { throw .watch(errno: -result) }
        watches[index].source = source
        watches[index].tag = tag
    }

    /// Changes what a watched descriptor is watched for.
    package func rewatch(_ descriptor: Int32, for events: Readiness) {
        let index = Int(descriptor)
        guard index < watches.count, watches[index].source != nil else { return }
        let data = UInt64(watches[index].generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
        _ = torii_poll_control(poll, 3, descriptor, events.rawValue, data)
    }

    /// Ends watching.
    ///
    /// Call it before closing the descriptor; `isClosing` leaves the kernel's side to the close.
    package func unwatch(_ descriptor: Int32, isClosing: Bool = false) {
        let index = Int(descriptor)
        guard index < watches.count, watches[index].source != nil else { return }
        watches[index].source = nil
        watches[index].generation &+= 1
        if !isClosing { _ = torii_poll_control(poll, 2, descriptor, 0, 0) }
    }

    /// Accepts one connection and closes it, with a descriptor kept for that: without any left, a client would
    /// wait for ever and the listening socket would stay ready.
    func turnAwayOne(from descriptor: Int32) {
        if spareDescriptor >= 0 { _ = torii_close(spareDescriptor) }
        var remote = torii_address()
        let accepted = unsafe torii_accept(descriptor, &remote)
        if accepted >= 0 { _ = torii_close(accepted) }
        spareDescriptor = torii_spare_descriptor()
    }

    // MARK: Timers

    /// Has `target` called at `deadline`, or soon after.
    package func arm(at deadline: MonotonicTime, target: any TimerTarget, tag: UInt64 = 0) -> TimerToken {
        timers.arm(at: deadline, target: target, tag: tag)
    }

    /// Has `target` called `duration` after the time of this round.
    package func arm(after duration: Duration, target: any TimerTarget, tag: UInt64 = 0) -> TimerToken {
        timers.arm(at: now + duration, target: target, tag: tag)
    }

    /// Has `work` run after `duration`.
    ///
    /// Allocates: not for the packet path.
    @discardableResult
    package func schedule(after duration: Duration, _ work: @escaping () -> Void) -> TimerToken {
        timers.arm(at: MonotonicTime.now() + duration, target: ClosureTimer(work), tag: 0)
    }

    /// Disarms a timer; false when it fired or was cancelled before.
    @discardableResult
    package func cancel(_ token: TimerToken) -> Bool { timers.cancel(token) }

    /// How many timers are armed.
    package var timerCount: Int { timers.count }

    // MARK: Responses

    /// Makes `responder` the way back for peers of one listener; returns the listener's index.
    ///
    /// - Throws: ``TransportError/tooManyListeners(limit:)``.
    package func register(_ responder: any Responder) throws(TransportError) -> UInt16 {
        if let unused = responders.firstIndex(where: { $0 == nil }) {
            responders[unused] = responder
            return UInt16(unused)
        }
        guard responders.count < Self.listenerLimit else {
            throw .tooManyListeners(limit: Self.listenerLimit)
        }
        responders.append(responder)
        return UInt16(responders.count - 1)
    }

    /// Forgets a listener; responses to its peers are dropped from now on.
    package func unregister(listener: UInt16) {
        guard Int(listener) < responders.count else { return }
        responders[Int(listener)] = nil
    }

    private func responder(of peer: Peer) -> (any Responder)? {
        Int(peer.listener) < responders.count ? responders[Int(peer.listener)] : nil
    }

    /// Sends a deferred response.
    ///
    /// False when it was dropped: the connection is gone or its backlog full.
    @discardableResult
    package func send(_ octets: UnsafeRawBufferPointer, to peer: Peer) -> Bool {
        unsafe responder(of: peer)?.send(octets, to: peer) ?? false
    }

    /// Tells that a deferred query gets no response; frees its place on its connection.
    package func dismiss(_ peer: Peer) { responder(of: peer)?.dismiss(peer) }

    /// Sends a sequence of messages to a client on a stream, as fast as it reads.
    ///
    /// False on UDP or when it is gone.
    @discardableResult
    package func transfer(_ source: any MessageSource, to peer: Peer) -> Bool {
        responder(of: peer)?.transfer(source, to: peer) ?? false
    }

    /// Closes the connection of `peer` after what is queued for it.
    package func close(_ peer: Peer) { responder(of: peer)?.close(peer) }
}

/// Runs a closure when its timer fires.
private final class ClosureTimer: TimerTarget {
    private let work: () -> Void
    init(_ work: @escaping () -> Void) { self.work = work }
    func timerFired(tag: UInt64, at now: MonotonicTime) { work() }
}
