/// What the handler did with a query.
package enum Disposition: Sendable, Equatable {
    /// The first so many octets of the response buffer are the response; send them now.
    case respond(Int)
    /// The response comes later through ``EventLoop/send(_:to:)``, or never, which ``EventLoop/dismiss(_:)`` tells.
    case deferred
    /// No response will come. A connection stays open.
    case drop
    /// No response will come, and a connection is closed after what was queued has been written.
    case close
}

/// Answers queries, one call for each, always on the thread of the loop it was given to.
package protocol QueryHandler: AnyObject {
    /// Called before the first query of a wake-up. `now` is good for all of them.
    func batchBegins(at now: MonotonicTime)

    /// One query: a datagram, or a message of a stream without its length field.
    ///
    /// - Parameters:
    ///   - query: the octets; gone after the call.
    ///   - peer: who asks. Copy it to respond later.
    ///   - response: where to compose; its size is the transport's limit (65,535 on streams).
    func receive(
        _ query: UnsafeRawBufferPointer, from peer: Peer, into response: UnsafeMutableRawBufferPointer
    )
        -> Disposition

    /// Called after the last query of a wake-up, before what was composed is sent.
    func batchEnds()

    /// The connection that `peer` was reached through is gone. Called only for peers with deferred queries.
    func connectionClosed(_ peer: Peer)
}

extension QueryHandler {
    package func batchBegins(at now: MonotonicTime) {}
    package func batchEnds() {}
    package func connectionClosed(_ peer: Peer) {}
}

/// A long sequence of messages (a zone transfer) that is pulled as fast as the client reads.
package protocol MessageSource: AnyObject {
    /// Composes the next message.
    ///
    /// - Returns: its length; 0 at the end of the sequence; negative to break off and close the connection.
    func nextMessage(into message: UnsafeMutableRawBufferPointer) -> Int

    /// The connection ended before the sequence did. Not called after `nextMessage` returned 0 or less.
    func abandoned()
}

/// What takes responses back to the clients of one listener.
package protocol Responder: AnyObject {
    /// Sends or queues one response. False: it was dropped (connection gone, or backlog full) and counted.
    func send(_ octets: UnsafeRawBufferPointer, to peer: Peer) -> Bool
    /// The deferred query of `peer` gets no response.
    func dismiss(_ peer: Peer)
    /// Sends the messages of `source` in order; the deferred query counts as answered at their end.
    /// False: not a stream, or the connection is gone; `abandoned` is not called.
    func transfer(_ source: any MessageSource, to peer: Peer) -> Bool
    /// Closes the connection of `peer` after what is queued.
    func close(_ peer: Peer)
}
