/// The limits of a HTTPS listener.
///
/// Totals hold for the listener, whatever the number of workers.
package struct HTTPSLimits: Sendable {
    /// Connections, their clients, idle and message times, and octets that may wait, as for plain TCP.
    package var stream = StreamLimits()
    /// A handshake must be finished after so long.
    package var handshakeTimeout = Duration.seconds(5)
    /// HTTP/2 streams open at once on a connection.
    package var concurrentStreams = 128
    /// Octets of an HTTP/2 header list.
    package var headerSize = 16 << 10
    /// Stream resets, and other control frames, of one connection in a window of 30 seconds; a connection beyond is closed.
    package var controlFrames = 400
    /// Queries that may wait for a worker; further ones are dropped and counted.
    package var waiting = 8192

    package init() {}
}

/// What a HTTPS listener has done since it started.
package struct HTTPSStatistics: Sendable {
    /// Connections accepted.
    package var accepted: UInt64 = 0
    /// Connections open now.
    package var open = 0
    /// Connections refused at ``StreamLimits/connections``.
    package var refusedFull: UInt64 = 0
    /// Connections refused at ``StreamLimits/connectionsPerClient``.
    package var refusedClient: UInt64 = 0
    /// Handshakes that failed or took too long.
    package var handshakeFailures: UInt64 = 0
    /// Connections closed for being idle, slow or not reading.
    package var timedOut: UInt64 = 0
    /// Messages handed to workers.
    package var queries: UInt64 = 0
    /// Messages dropped because no worker could take them.
    package var dropped: UInt64 = 0
    /// HTTP requests that carried no DNS message: wrong path, method, type or size.
    package var badRequests: UInt64 = 0

    package init() {}
}
