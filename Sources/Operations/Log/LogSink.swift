private import Glibc
private import Synchronization

/// Where log lines go: standard error, by a thread of its own once the daemon runs.
///
/// A worker that logs must not wait for a reader of the log. Lines therefore go to a buffer of ``capacity`` octets;
/// what does not fit is dropped and counted, and the count is written as soon as there is room.
package final class LogSink: Sendable {
    /// The sink of this process.
    package static let standardError = LogSink(descriptor: 2)
    /// Octets that may wait to be written.
    package static let capacity = 4 << 20

    private struct State {
        var pending: [UInt8] = []
        var dropped = 0
        var isQueued = false
        var isWriting = false
    }

    private let state = Mutex(State())
    private let descriptor: Int32
    /// A pipe that wakes the writing thread: an octet in, when the buffer was empty.
    private let wakeRead: Int32
    private let wakeWrite: Int32
    private let droppedLines = Atomic<Int>(0)

    /// A sink that writes to `descriptor`, which stays the caller's.
    package init(descriptor: Int32) {
        self.descriptor = descriptor
        var ends: [Int32] = [-1, -1]
        _ = unsafe pipe(&ends)
        for end in ends where end >= 0 { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        if ends[1] >= 0 { _ = fcntl(ends[1], F_SETFL, O_NONBLOCK) }
        wakeRead = ends[0]
        wakeWrite = ends[1]
    }

    /// Lines that were dropped since the start because the buffer was full.
    package var linesDropped: Int { droppedLines.load(ordering: .relaxed) }

    /// From now on lines are written by a thread of their own.
    ///
    /// Call it once, when the daemon is up.
    package func startQueueing() {
        guard wakeRead >= 0, ServiceThread.start("torii-log", { self.run() }) else { return }
        state.withLock { $0.isQueued = true }
    }

    /// Waits until everything logged before has been written, at most about a second.
    package func flush() {
        for _ in 0..<200 {
            let isDone = state.withLock { $0.pending.isEmpty && !$0.isWriting }
            if isDone { return }
            usleep(5000)
        }
    }

    /// Writes `line`, which ends in a line feed, now or soon.
    package func write(_ line: [UInt8]) {
        let wakes: Bool? = state.withLock { state in
            guard state.isQueued else { return nil }
            guard state.pending.count + line.count <= Self.capacity else {
                state.dropped += 1
                droppedLines.wrappingAdd(1, ordering: .relaxed)
                return false
            }
            let wasEmpty = state.pending.isEmpty
            state.pending.append(contentsOf: line)
            return wasEmpty
        }
        switch wakes {
        case nil: writeAll(line)
        case .some(true):
            var one: UInt8 = 1
            _ = unsafe Glibc.write(wakeWrite, &one, 1)
        case .some(false): break
        }
    }

    private func run() {
        while true {
            var chunk: [UInt8] = Array(repeating: 0, count: 64)
            _ = unsafe Glibc.read(wakeRead, &chunk, chunk.count)
            let (octets, dropped) = state.withLock { state in
                let taken = (state.pending, state.dropped)
                state.pending = []
                state.dropped = 0
                state.isWriting = true
                return taken
            }
            writeAll(octets)
            if dropped > 0 {
                writeAll(
                    Array("\(dropped) log lines were dropped because nobody read them fast enough\n".utf8))
            }
            state.withLock { $0.isWriting = false }
        }
    }

    private func writeAll(_ octets: [UInt8]) {
        var start = 0
        while start < octets.count {
            let written = unsafe octets[start...].withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if written > 0 {
                start += written
            } else if written < 0, errno == EAGAIN {
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe Glibc.poll(&poll, 1, 100)
            } else if written < 0, errno == EINTR {
                continue
            } else {
                return
            }
        }
    }
}
