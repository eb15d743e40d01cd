import Testing

@testable import Transport

@Suite("Timers")
struct TimerHeapTests {
    final class Recorder: TimerTarget {
        var fired: [UInt64] = []
        func timerFired(tag: UInt64, at now: MonotonicTime) { fired.append(tag) }
    }

    func moment(_ value: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: value) }

    @Test("Timers come due in order of their deadlines, cancelled ones never")
    func order() {
        var heap = TimerHeap()
        let target = Recorder()
        var generator = SystemRandomNumberGenerator()
        var tokens: [(UInt64, TimerToken)] = []
        for _ in 0..<2000 {
            let deadline = UInt64.random(in: 0..<1000, using: &generator)
            tokens.append((deadline, heap.arm(at: moment(deadline), target: target, tag: deadline)))
        }
        var expected: [UInt64] = []
        for (index, (deadline, token)) in tokens.enumerated() {
            if index % 3 == 0 {
                let (first, second) = (heap.cancel(token), heap.cancel(token))
                #expect(first && !second)
            } else {
                expected.append(deadline)
            }
        }
        var due: [UInt64] = []
        for now in stride(from: UInt64(0), through: 1000, by: 10) {
            while let timer = heap.popDue(at: moment(now)) {
                #expect(timer.tag <= now)
                due.append(timer.tag)
            }
        }
        #expect(due == expected.sorted())
        let left = heap.count
        #expect(left == 0)
    }

    @Test("A token of a timer that fired does not cancel the one that took its slot")
    func staleToken() {
        var heap = TimerHeap()
        let target = Recorder()
        let first = heap.arm(at: moment(1), target: target, tag: 1)
        let due = heap.popDue(at: moment(1))?.tag
        #expect(due == 1)
        _ = heap.arm(at: moment(2), target: target, tag: 2)
        let wasCancelled = heap.cancel(first)
        let next = heap.nextDeadline
        #expect(!wasCancelled)
        #expect(next == moment(2))
    }

    @Test("A timer armed on the loop fires, not before its time")
    func onLoop() throws {
        let loop = try EventLoop()
        let target = Recorder()
        let start = MonotonicTime.now()
        _ = loop.arm(at: start + .milliseconds(5), target: target, tag: 7)
        let cancelled = loop.arm(at: start, target: target, tag: 8)
        loop.cancel(cancelled)
        #expect(loop.turn { !target.fired.isEmpty })
        #expect(target.fired == [7])
        #expect(loop.now >= start + .milliseconds(5))
        #expect(loop.timerCount == 0)
    }
}

@Suite("Mailbox and threads")
struct MailboxTests {
    @Test("Closures of other threads run on the loop's thread, each thread's in order")
    func posting() throws {
        let loop = try EventLoop()
        let mailbox = loop.mailbox
        let threads = try (0..<4).map { lane in
            try Thread(name: "poster") {
                for number in 0..<500 {
                    while !mailbox.post({ SharedLog.note(lane, number) }) {}
                }
                mailbox.post { SharedLog.finish() }
            }
        }
        #expect(loop.turn { SharedLog.finished == 4 })
        for thread in threads { thread.join() }
        for lane in 0..<4 { #expect(SharedLog.lanes[lane] == Array(0..<500)) }
    }

    /// What the closures of the test above leave behind.
    ///
    /// Touched only on the loop's thread.
    enum SharedLog {
        nonisolated(unsafe) static var lanes: [[Int]] = Array(repeating: [], count: 4)
        nonisolated(unsafe) static var finished = 0
        static func note(_ lane: Int, _ number: Int) { lanes[lane].append(number) }
        static func finish() { finished += 1 }
    }

    @Test("A full mailbox refuses and counts; one of a loop that ended refuses too")
    func limits() throws {
        let loop = try EventLoop(mailboxLimit: 2)
        #expect(loop.mailbox.post {})
        #expect(loop.mailbox.post {})
        #expect(!loop.mailbox.post {})
        #expect(loop.mailbox.refusedCount == 1)
        loop.round(waitingAtMost: .zero)
        let mailbox = loop.mailbox
        #expect(mailbox.post { mailbox.stop() })
        loop.run()
        #expect(!mailbox.post {})
    }

    @Test("A loop on a thread of its own stops when it is told to")
    func stop() throws {
        let loop = try EventLoop()
        let box = LoopBox(loop)
        let thread = try Thread(name: "worker", processor: 0) { box.loop.run() }
        loop.mailbox.stop()
        thread.join()
    }

    /// Hands a loop to its thread.
    struct LoopBox: @unchecked Sendable {
        let loop: EventLoop
        init(_ loop: EventLoop) { self.loop = loop }
    }
}

@Suite("Addresses of sockets")
struct SocketAddressTests {
    @Test(
        "Text, octets and back",
        arguments: ["192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::ffff:192.0.2.1", "fe80::1%7"])
    func text(_ text: String) throws {
        let address = try #require(SocketAddress(text, port: 53))
        #expect(address.addressText == text)
        #expect(SocketAddress(octets: address.octets, port: 53, scope: address.scope) == address)
        #expect(SocketAddress(address.raw) == address)
    }

    @Test("No address", arguments: ["", "192.0.2", "192.0.2.256", "2001:db8:::1", "example.net", "fe80::1%"])
    func refused(_ text: String) { #expect(SocketAddress(text, port: 0) == nil) }

    @Test("Prefixes keep families apart")
    func prefixes() throws {
        let four = try #require(SocketAddress("192.0.2.77", port: 9))
        let mapped = try #require(SocketAddress("::c000:24d", port: 9))
        let net = try #require(SocketAddress("192.0.2.0", port: 0))
        #expect(four.lies(in: net, bits: 24))
        #expect(!four.lies(in: net, bits: 32))
        #expect(four.lies(in: net, bits: 0))
        #expect(!mapped.lies(in: net, bits: 0))
        let six = try #require(SocketAddress("2001:db8:1:2ff::1", port: 9))
        #expect(six.prefix(bits: 56) == SocketAddress("2001:db8:1:200::", port: 0))
        #expect(six.prefix(bits: 128).sameAddress(as: six))
        #expect(six.prefix(bits: 0).isWildcard)
        #expect(six.description == "[2001:db8:1:2ff::1]:9")
    }
}
