/// The state of one accepted connection.
///
/// Its listener does the work.
final class StreamConnection {
    /// Its place in the listener's table.
    let index: Int
    let descriptor: Int32
    /// What its octets are encrypted by; nil for plain TCP.
    let session: TLSSession?
    /// The peer of its queries.
    var peer: Peer
    /// Octets received and not yet handled: part of a message, or whole ones while reading is paused.
    var input = ByteQueue()
    /// Octets to be written, after the kernel's buffer was full or a response came later.
    var output = ByteQueue()
    /// Responses that came later and are still to be encrypted; stays empty on plain TCP.
    var plain = ByteQueue()
    /// Queries handed over whose responses are still to come.
    var inFlight = 0
    /// Sequences being sent, one after the other.
    var sources: [any MessageSource] = []
    /// When the last query was complete or the last octets were written.
    var lastActivity: MonotonicTime
    /// Since when the message being received has been incomplete.
    var incompleteSince: MonotonicTime?
    /// Since when the client has not read.
    var blockedSince: MonotonicTime?
    /// A PROXY header must come first.
    var awaitsProxyHeader = false
    /// Whether its client is in the census.
    var isCounted = false
    /// The client has sent all it will send.
    var isHalfClosed = false
    /// Close when `output` has been written.
    var isClosing = false
    /// Close now: cannot be used any more.
    var isBroken = false
    /// Whether it is closed.
    var isClosed = false
    /// Whether it stands in the list to be flushed.
    var isDirty = false
    /// Whether reading had to stop at the limit of queries in flight.
    var isPaused = false
    /// Whether a message was completed since the last look.
    var hasProgressed = false
    var watched: Readiness = .readable
    /// Neighbours in the order of last activity; -1 = none.
    var older = -1
    var newer = -1

    init(index: Int, descriptor: Int32, session: TLSSession?, peer: Peer, now: MonotonicTime) {
        self.session = session
        self.index = index
        self.descriptor = descriptor
        self.peer = peer
        lastActivity = now
    }

    /// Whether the client does not read what it was sent.
    var isBlocked: Bool { blockedSince != nil }

    /// Whether nothing is under way on it.
    var isQuiet: Bool { inFlight == 0 && isWritten && sources.isEmpty }

    /// Whether no octets wait to be written.
    var isWritten: Bool { output.isEmpty && plain.isEmpty }

    /// Whether the TLS handshake is still under way.
    var isShakingHands: Bool { session.map { !$0.isEstablished } ?? false }
}
