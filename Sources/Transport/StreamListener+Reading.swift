internal import CShims

extension StreamListener {
    /// Takes what the client sent, handles every complete message and writes the responses.
    func read(_ connection: StreamConnection) {
        let count = connection.session.map { receive(connection, through: $0) } ?? receive(connection)
        if count == -TORII_EAGAIN { return }
        guard count >= 0 else { return end(connection) }
        if count == 0 {
            connection.isHalfClosed = true
            connection.incompleteSince = nil
            connection.input.removeAll()
            return settle(connection)
        }
        finish(connection)
    }

    /// One read, and the handling of what it brought.
    ///
    /// Returns the octets read, or -errno.
    private func receive(_ connection: StreamConnection) -> Int {
        let held = connection.input.count
        guard held > 1, !connection.awaitsProxyHeader else {
            // Nothing, or too little to know how long the message is: read behind a copy of it.
            if held > 0 { unsafe scratchIn.copyMemory(from: connection.input.contents) }
            let space = unsafe UnsafeMutableRawBufferPointer(rebasing: scratchIn[held..<held + Self.readSize])
            let count = unsafe torii_read(connection.descriptor, space.baseAddress, space.count)
            guard count > 0 else { return count }
            connection.input.removeAll()
            unsafe handleAll(UnsafeRawBufferPointer(rebasing: scratchIn[..<(held + count)]), of: connection)
            return count
        }
        // A message that began: its rest goes behind its beginning, what follows it goes to the scratch space.
        let missing = max(0, unsafe Self.messageLength(connection.input.contents) + 2 - held)
        let rest = unsafe connection.input.reserve(missing)
        let count = unsafe torii_read_two(
            connection.descriptor, rest.baseAddress, missing, scratchIn.baseAddress, Self.readSize)
        guard count > 0 else { return count }
        connection.input.extend(by: min(count, missing))
        guard count >= missing else { return count }
        handler.batchBegins(at: loop.now)
        let consumed = unsafe handle(connection.input.contents, of: connection)
        connection.input.consume(consumed)
        unsafe handleMore(UnsafeRawBufferPointer(rebasing: scratchIn[..<(count - missing)]), of: connection)
        handler.batchEnds()
        return count
    }

    /// One read of encrypted octets, and the handling of what they say.
    ///
    /// Returns the octets read, or -errno.
    private func receive(_ connection: StreamConnection, through session: TLSSession) -> Int {
        if connection.isShakingHands, !admitsHandshake() { return -TORII_EAGAIN }
        let held = connection.awaitsProxyHeader ? connection.input.count : 0
        if held > 0 { unsafe scratchIn.copyMemory(from: connection.input.contents) }
        let space = unsafe UnsafeMutableRawBufferPointer(rebasing: scratchIn[held..<held + Self.readSize])
        let count = unsafe torii_read(connection.descriptor, space.baseAddress, space.count)
        guard count > 0 else { return count }
        var octets = unsafe UnsafeRawBufferPointer(rebasing: scratchIn[..<(held + count)])
        if connection.awaitsProxyHeader {
            connection.input.removeAll()
            guard let length = unsafe takeProxyHeader(octets, of: connection) else {
                unsafe connection.input.append(octets)
                return count
            }
            unsafe octets = UnsafeRawBufferPointer(rebasing: octets[length...])
        }
        guard unsafe session.feed(octets) else {
            connection.isBroken = true
            return count
        }
        let wasShakingHands = connection.isShakingHands
        handler.batchBegins(at: loop.now)
        decrypt(connection, session)
        handler.batchEnds()
        if wasShakingHands, session.isEstablished {
            statistics.handshakes &+= 1
            connection.hasProgressed = true
        }
        return count
    }

    /// Handles all that the octets fed so far say.
    ///
    /// `scratchIn` is free again: the session has copied them.
    private func decrypt(_ connection: StreamConnection, _ session: TLSSession) {
        while true {
            switch unsafe session.read(into: scratchIn) {
            case .octets(let count):
                let octets = unsafe UnsafeRawBufferPointer(rebasing: scratchIn[..<count])
                if connection.input.isEmpty {
                    unsafe handleMore(octets, of: connection)
                } else {
                    unsafe connection.input.append(octets)
                    let consumed = unsafe handle(connection.input.contents, of: connection)
                    connection.input.consume(consumed)
                }
            case .nothing: return
            case .closed:
                connection.isHalfClosed = true
                return
            case .failed:
                statistics.badTLS &+= 1
                connection.isClosing = true
                return
            }
        }
    }

    private func admitsHandshake() -> Bool {
        if handshakes.round != loop.rounds { handshakes = (loop.rounds, 0) }
        guard handshakes.count < limits.handshakesPerRound else { return false }
        handshakes.count += 1
        return true
    }

    private func handleAll(_ octets: UnsafeRawBufferPointer, of connection: StreamConnection) {
        handler.batchBegins(at: loop.now)
        unsafe handleMore(octets, of: connection)
        handler.batchEnds()
    }

    private func handleMore(_ octets: UnsafeRawBufferPointer, of connection: StreamConnection) {
        // Behind octets that wait, these wait too.
        let consumed = connection.input.isEmpty ? unsafe handle(octets, of: connection) : 0
        guard consumed < octets.count, !connection.isClosing, !connection.isBroken else { return }
        unsafe connection.input.append(UnsafeRawBufferPointer(rebasing: octets[consumed...]))
    }

    /// Goes on with a connection whose reading had paused.
    func resume(_ connection: StreamConnection) {
        connection.isPaused = false
        handler.batchBegins(at: loop.now)
        let consumed = unsafe handle(connection.input.contents, of: connection)
        connection.input.consume(consumed)
        handler.batchEnds()
        finish(connection)
    }

    /// Handles complete messages until there are no more, or the connection has enough under way.
    ///
    /// - Returns: octets consumed.
    private func handle(_ octets: UnsafeRawBufferPointer, of connection: StreamConnection) -> Int {
        var position = 0
        if connection.awaitsProxyHeader, connection.session == nil {
            guard let length = unsafe takeProxyHeader(octets, of: connection) else { return 0 }
            position = length
        }
        while true {
            guard !connection.isClosing, !connection.isBroken, !connection.isBlocked else { break }
            guard octets.count - position >= 2 else { break }
            let length = unsafe Self.messageLength(UnsafeRawBufferPointer(rebasing: octets[position...]))
            guard octets.count - position - 2 >= length else { break }
            guard connection.inFlight < limits.queriesInFlight else {
                if !connection.isPaused { statistics.pausedInFlight &+= 1 }
                connection.isPaused = true
                break
            }
            let message = position + 2..<position + 2 + length
            position = message.upperBound
            unsafe handleOne(UnsafeRawBufferPointer(rebasing: octets[message]), of: connection)
        }
        return position
    }

    private func handleOne(_ message: UnsafeRawBufferPointer, of connection: StreamConnection) {
        if gathered > Self.gatherSize - 2 { writeGathered(connection) }
        statistics.queries &+= 1
        let start = gathered
        let space = unsafe UnsafeMutableRawBufferPointer(
            rebasing: scratchOut[start + 2..<start + 2 + Self.messageSize])
        connection.hasProgressed = true
        connection.inFlight += 1
        switch unsafe handler.receive(message, from: connection.peer, into: space) {
        case .respond(let length):
            connection.inFlight -= 1
            guard length > 0, length <= Self.messageSize else { break }
            unsafe scratchOut[start] = UInt8(length >> 8)
            unsafe scratchOut[start + 1] = UInt8(truncatingIfNeeded: length)
            gathered = start + 2 + length
            statistics.responses &+= 1
        case .deferred: break
        case .drop:
            connection.inFlight -= 1
        case .close:
            connection.inFlight -= 1
            connection.isClosing = true
        }
    }

    /// Reads the PROXY header at the start of a connection; nil while it is incomplete or when it is refused.
    private func takeProxyHeader(_ octets: UnsafeRawBufferPointer, of connection: StreamConnection) -> Int? {
        let expected = unsafe ProxyHeader.expectedLength(octets)
        guard let expected, expected <= ProxyHeader.longest else {
            statistics.badProxy &+= 1
            connection.isBroken = true
            return nil
        }
        guard expected > 0, octets.count >= expected else { return nil }
        guard let header = unsafe ProxyHeader.read(octets) else {
            statistics.badProxy &+= 1
            connection.isBroken = true
            return nil
        }
        let client = header.client ?? connection.peer.address
        guard census.enter(client) else {
            statistics.refusedClient &+= 1
            connection.isBroken = true
            return nil
        }
        connection.isCounted = true
        connection.peer.address = client
        connection.peer.local = header.server ?? connection.peer.local
        connection.awaitsProxyHeader = false
        return header.length
    }

    /// After handling: writes what was gathered, and decides what to wait for.
    private func finish(_ connection: StreamConnection) {
        writeGathered(connection)
        writePending(connection)
        let hasWaiting = connection.input.isEmpty == false && !connection.isPaused && !connection.isBlocked
        if connection.isShakingHands || connection.awaitsProxyHeader {
            // The whole of it has to be done in the time of one message.
        } else if !hasWaiting {
            connection.incompleteSince = nil
        } else if connection.hasProgressed || connection.incompleteSince == nil {
            connection.incompleteSince = loop.now
        }
        connection.hasProgressed = false
        settle(connection)
    }

    private static func messageLength(_ octets: UnsafeRawBufferPointer) -> Int {
        unsafe Int(octets[0]) << 8 | Int(octets[1])
    }
}
