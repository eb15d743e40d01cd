/// The limits of a stream listener.
///
/// Each worker has its own listener, so totals hold for each worker.
package struct StreamLimits: Sendable {
    /// Connections open at once.
    ///
    /// Beyond, the one idle longest makes room if it has been idle for ``evictableAfter``; else the new one
    /// is closed.
    package var connections = 1024
    /// How long a connection must have been idle to make room for a new one.
    package var evictableAfter = Duration.seconds(1)
    /// Connections of one client prefix; further ones are closed at once.
    package var connectionsPerClient = 64
    /// Bits of an IPv4 address that make a client.
    package var clientBits4 = 32
    /// Bits of an IPv6 address that make a client.
    package var clientBits6 = 56
    /// Queries of one connection that may wait for their responses; reading pauses beyond.
    package var queriesInFlight = 128
    /// Octets of responses that may wait for a client to read; a connection beyond it is closed.
    ///
    /// Reading from a client pauses as soon as it does not read.
    package var backlog = 1 << 20
    /// A connection without a query for so long is closed (RFC 7766 6.2.3).
    package var idleTimeout = Duration.seconds(10)
    /// A message that has begun, or a TLS handshake, must be complete after so long.
    package var messageTimeout = Duration.seconds(5)
    /// A client that reads nothing of what waits for it for so long is cut off.
    package var writeTimeout = Duration.seconds(10)
    /// Connections accepted before the loop looks at other descriptors.
    package var acceptsPerRound = 32
    /// How long no connection is accepted after the process ran out of descriptors.
    package var acceptPause = Duration.milliseconds(100)
    /// TLS handshakes served in one round; the others wait for the next, so that UDP does not wait for them.
    package var handshakesPerRound = 4
    /// Messages of a transfer composed in one round, in octets, before other work has its turn.
    package var transferOctetsPerRound = 256 << 10

    package init() {}
}

/// What a stream listener has done since it started.
package struct StreamStatistics: Sendable {
    /// Connections accepted.
    package var accepted: UInt64 = 0
    /// Connections open now.
    package var open = 0
    /// Messages handed to the handler.
    package var queries: UInt64 = 0
    /// Messages sent or queued.
    package var responses: UInt64 = 0
    /// Responses dropped because their connection was gone.
    package var orphaned: UInt64 = 0
    /// Connections refused at ``StreamLimits/connections``.
    package var refusedFull: UInt64 = 0
    /// Connections refused at ``StreamLimits/connectionsPerClient``.
    package var refusedClient: UInt64 = 0
    /// Idle connections closed to make room.
    package var evicted: UInt64 = 0
    /// Connections closed by ``StreamLimits/idleTimeout``.
    package var idle: UInt64 = 0
    /// Connections closed by ``StreamLimits/messageTimeout``.
    package var slow: UInt64 = 0
    /// Connections closed by ``StreamLimits/writeTimeout`` or ``StreamLimits/backlog``.
    package var stalled: UInt64 = 0
    /// Times reading paused at ``StreamLimits/queriesInFlight``.
    package var pausedInFlight: UInt64 = 0
    /// Times accepting failed for want of descriptors or memory.
    package var acceptFailures: UInt64 = 0
    /// TLS handshakes finished.
    package var handshakes: UInt64 = 0
    /// Connections closed because what came was not TLS, or not acceptable.
    package var badTLS: UInt64 = 0
    /// Connections closed for a missing or broken PROXY header.
    package var badProxy: UInt64 = 0
}
