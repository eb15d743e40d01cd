internal import CShims

extension StreamListener {
    // MARK: Responder

    package func send(_ octets: UnsafeRawBufferPointer, to peer: Peer) -> Bool {
        guard let connection = connection(of: peer), !connection.isBroken, octets.count <= Self.messageSize
        else {
            statistics.orphaned &+= 1
            return false
        }
        connection.inFlight = max(0, connection.inFlight - 1)
        guard connection.output.count + connection.plain.count + octets.count + 2 <= limits.backlog else {
            statistics.stalled &+= 1
            connection.isBroken = true
            soil(connection)
            return false
        }
        if connection.session == nil {
            unsafe connection.output.append(message: octets)
        } else {
            unsafe connection.plain.append(message: octets)
        }
        statistics.responses &+= 1
        soil(connection)
        return true
    }

    package func dismiss(_ peer: Peer) {
        guard let connection = connection(of: peer) else { return }
        connection.inFlight = max(0, connection.inFlight - 1)
        soil(connection)
    }

    package func transfer(_ source: any MessageSource, to peer: Peer) -> Bool {
        guard let connection = connection(of: peer), !connection.isBroken, !connection.isClosing else {
            statistics.orphaned &+= 1
            return false
        }
        connection.sources.append(source)
        soil(connection)
        return true
    }

    package func close(_ peer: Peer) {
        guard let connection = connection(of: peer) else { return }
        connection.isClosing = true
        soil(connection)
    }

    /// Has the connection looked at when this round ends.
    private func soil(_ connection: StreamConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        if dirty.isEmpty { loop.requestFlush(self) }
        dirty.append(connection)
    }

    package func flush() {
        // Handling what had paused may soil connections again: they join the end of the list.
        var next = 0
        while next < dirty.count {
            let connection = dirty[next]
            next += 1
            connection.isDirty = false
            guard !connection.isClosed else { continue }
            write(connection)
        }
        dirty.removeAll(keepingCapacity: true)
    }

    // MARK: Writing

    /// Writes what was gathered while handling, behind what waits already.
    func writeGathered(_ connection: StreamConnection) {
        guard gathered > 0 else { return }
        let octets = unsafe UnsafeRawBufferPointer(rebasing: scratchOut[..<gathered])
        gathered = 0
        guard !connection.isBroken else { return }
        touch(connection)
        if let session = connection.session {
            guard unsafe session.write(octets) else {
                connection.isBroken = true
                return
            }
            return writePending(connection)
        }
        guard connection.output.isEmpty else {
            unsafe connection.output.append(octets)
            writeOutput(connection)
            return
        }
        let written = unsafe torii_write(connection.descriptor, octets.baseAddress, octets.count)
        guard written != octets.count else { return }
        guard written >= 0 || written == -TORII_EAGAIN else {
            connection.isBroken = true
            return
        }
        unsafe connection.output.append(UnsafeRawBufferPointer(rebasing: octets[max(0, written)...]))
        connection.blockedSince = loop.now
    }

    /// Writes what TLS has made: responses, or its own messages.
    func writePending(_ connection: StreamConnection) {
        guard let session = connection.session, session.pending > 0 else { return }
        let waiting = session.pending
        let taken = unsafe session.take(into: connection.output.reserve(waiting))
        connection.output.extend(by: taken)
        writeOutput(connection)
    }

    /// Tells a TLS client that the connection ends, if it can be told at once.
    func sayGoodbye(_ connection: StreamConnection) {
        guard let session = connection.session, !connection.isBroken, connection.output.isEmpty, gathered == 0
        else {
            return
        }
        session.finish()
        guard session.pending > 0 else { return }
        let taken = unsafe session.take(into: scratchOut)
        _ = unsafe torii_write(connection.descriptor, scratchOut.baseAddress, taken)
    }

    /// Writes what waits.
    ///
    /// Afterwards the connection is blocked unless all of it went out.
    private func writeOutput(_ connection: StreamConnection) {
        guard !connection.output.isEmpty else {
            connection.blockedSince = nil
            return
        }
        let octets = unsafe connection.output.contents
        let written = unsafe torii_write(connection.descriptor, octets.baseAddress, octets.count)
        guard written >= 0 || written == -TORII_EAGAIN else {
            connection.isBroken = true
            return
        }
        if written > 0 {
            connection.output.consume(written)
            connection.blockedSince = nil
            touch(connection)
        }
        if !connection.output.isEmpty, connection.blockedSince == nil { connection.blockedSince = loop.now }
    }

    /// Writes what waits, goes on with transfers and with queries that paused.
    func write(_ connection: StreamConnection) {
        if let session = connection.session, !connection.plain.isEmpty {
            if unsafe !session.write(connection.plain.contents) { connection.isBroken = true }
            connection.plain.removeAll()
            writePending(connection)
        } else {
            writeOutput(connection)
        }
        var hasMore = false
        if !connection.isBlocked, !connection.isBroken, !connection.sources.isEmpty {
            hasMore = pump(connection)
        }
        if !connection.isBlocked, !connection.isBroken, !connection.input.isEmpty,
            connection.incompleteSince == nil, connection.inFlight < limits.queriesInFlight
        {
            return resume(connection)
        }
        settle(connection, wantsTurn: hasMore)
    }

    /// Composes and writes messages of the first transfer.
    ///
    /// True when it has more and only the turn is over.
    private func pump(_ connection: StreamConnection) -> Bool {
        var budget = limits.transferOctetsPerRound
        while let source = connection.sources.first, !connection.isBlocked, !connection.isBroken {
            guard budget > 0 else { break }
            let space = unsafe UnsafeMutableRawBufferPointer(
                rebasing: scratchOut[gathered + 2..<gathered + 2 + Self.messageSize])
            let length = unsafe source.nextMessage(into: space)
            guard length > 0 else {
                connection.sources.removeFirst()
                connection.inFlight = max(0, connection.inFlight - 1)
                if length < 0 { connection.isClosing = true }
                continue
            }
            unsafe scratchOut[gathered] = UInt8(truncatingIfNeeded: length >> 8)
            unsafe scratchOut[gathered + 1] = UInt8(truncatingIfNeeded: length)
            gathered += 2 + length
            budget -= 2 + length
            statistics.responses &+= 1
            if gathered > Self.gatherSize / 2 { writeGathered(connection) }
        }
        writeGathered(connection)
        return budget <= 0 && !connection.isBlocked && !connection.sources.isEmpty
    }

    /// Ends the connection if its time has come, else watches it for what it needs.
    func settle(_ connection: StreamConnection, wantsTurn: Bool = false) {
        let isDone = connection.isWritten && connection.sources.isEmpty
        let hasEnded = connection.isClosing || (connection.isHalfClosed && connection.inFlight == 0)
        guard !connection.isBroken, !(isDone && hasEnded) else { return end(connection) }
        var wanted: Readiness = []
        if !connection.isBlocked, !connection.isPaused, !connection.isHalfClosed, !connection.isClosing {
            wanted.insert(.readable)
        }
        if connection.isBlocked || wantsTurn { wanted.insert(.writable) }
        guard wanted != connection.watched else { return }
        connection.watched = wanted
        loop.rewatch(connection.descriptor, for: wanted)
    }
}
