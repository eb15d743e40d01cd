internal import DNSCore
internal import Operations
internal import Transport

// The query log and the log of failures. Both read the messages once more, from their octets: the packet path keeps
// nothing for them.

extension Worker {
    /// Logs a query that has been answered or dropped, if the operator wants to know.
    ///
    /// Costs a query that is not logged two comparisons. What strangers can cause without being asked for, the line
    /// about a failure, is limited to `limits.log-rate` a second.
    @inline(__always)
    func log(
        _ query: UnsafeRawBufferPointer, _ disposition: Disposition,
        _ response: UnsafeMutableRawBufferPointer,
        from peer: Peer, since: MonotonicTime
    ) {
        guard case .respond(let length) = disposition, length >= 12 else { return }
        let reason = failureReason
        if !reason.isEmpty { failureReason = "" }
        let isFailure = unsafe response[3] & 0xf == ResponseCode.serverFailure.rawValue
        guard state.logsQueries || isFailure else { return }
        let answered = unsafe UnsafeRawBufferPointer(rebasing: response[..<length])
        let entry = unsafe QueryLogEntry(
            query: RawSpan(_unsafeBytes: query), response: RawSpan(_unsafeBytes: answered), peer: peer,
            since: since)
        if state.logsQueries { Log.query(entry, format: state.queryLogFormat) }
        // Updates have a line of their own, with the reason.
        let isQuery = unsafe response[2] & 0x78 == 0
        if isFailure, isQuery {
            Logs.queries.failure(entry, reason)
            recent.note(
                RecentQueries.Failure(
                    name: "\(entry.name) \(entry.type)", client: entry.client,
                    reason: reason.isEmpty ? entry.extendedError ?? "" : reason))
        }
    }
}

extension Log {
    /// Why a client got SERVFAIL, in one line.
    fileprivate func failure(_ entry: QueryLogEntry, _ reason: String) {
        limited(
            .notice, "servfail", "SERVFAIL \(entry.name) \(entry.queryClass) \(entry.type)",
            [
                "client": entry.client, "proto": entry.transport,
                "reason": reason.isEmpty ? entry.extendedError ?? "no reason given" : reason,
                "seconds": "\(Double(entry.nanoseconds) / 1e9)",
            ])
    }
}

extension QueryLogEntry {
    /// What stands in a query and its response.
    fileprivate init(
        query: borrowing RawSpan, response: borrowing RawSpan, peer: Peer, since: MonotonicTime
    ) {
        self.init()
        client = "\(IPAddress(peer.address))"
        clientPort = peer.address.port
        server = "\(IPAddress(peer.local))"
        transport = "\(peer.transport)"
        querySize = query.byteCount
        responseSize = response.byteCount
        nanoseconds = Int(clamping: MonotonicTime.now().nanoseconds &- since.nanoseconds)
        if let asked = try? MessageView.survey(query) { read(asked, query) }
        read(response: response)
    }

    private mutating func read(_ layout: MessageLayout, _ query: borrowing RawSpan) {
        id = layout.id
        if layout.questionCount == 1, let asked = try? MessageView.name(in: query, at: 12) {
            name = "\(asked)"
            type = "\(layout.questionType)"
            queryClass = "\(layout.questionClass)"
        }
        wantsRecursion = layout.flags.contains(.recursionDesired)
        checkingDisabled = layout.flags.contains(.checkingDisabled)
        if let edns = layout.edns {
            ednsVersion = Int(edns.version)
            payload = Int(edns.payloadSize)
            wantsDNSSEC = edns.wantsDNSSEC
            hasCookie = edns.option(.cookie, in: query) != nil
        }
        if let start = layout.tsigStart {
            key = (try? MessageView.name(in: query, at: start)).map { "\($0)" }
        }
    }

    private mutating func read(response: borrowing RawSpan) {
        guard let layout = try? MessageView.survey(response) else { return }
        let upper = UInt16(layout.edns?.extendedResponseCode ?? 0) << 4
        responseCode = "\(ResponseCode(rawValue: layout.flags.responseCode.rawValue | upper))"
        let names: [(HeaderFlags, String)] = [
            (.response, "qr"), (.authoritative, "aa"), (.truncated, "tc"), (.recursionDesired, "rd"),
            (.recursionAvailable, "ra"), (.authenticData, "ad"), (.checkingDisabled, "cd"),
        ]
        flags = names.filter { layout.flags.contains($0.0) }.map(\.1)
        guard let data = layout.edns?.option(.extendedError, in: response),
            let code = response.uint16(at: data.lowerBound)
        else { return }
        let text =
            response.copy((data.lowerBound + 2)..<data.upperBound).map { String(decoding: $0, as: UTF8.self) }
            ?? ""
        extendedError =
            text.isEmpty ? "\(ExtendedError(rawValue: code))" : "\(ExtendedError(rawValue: code)): \(text)"
    }
}
