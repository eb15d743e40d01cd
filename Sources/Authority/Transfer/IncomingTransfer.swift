package import DNSCore
package import DNSSecurity
internal import Operations

/// A transfer from a primary, as a state machine without I/O: bytes in, actions out (RFC 5936 2.2, 3, RFC 1995 4).
///
/// Nothing of it is visible before the last message has been checked: the result is a whole new version or a reason why
/// there is none.
package struct IncomingTransfer: Sendable {
    /// Bounds of what a primary may send.
    package struct Limits: Sendable {
        /// Records of the whole transfer.
        package var records = 100_000_000
        /// Records of one set.
        package var recordsPerSet = 65535
        /// Types at one name.
        package var typesPerName = 65535
        /// Octets of its messages.
        package var octets = 8 << 30

        package init() {}
    }

    /// What to do after a message.
    package enum Action: Sendable {
        /// Wait for the next message.
        case wait
        /// The transfer is complete and sound.
        case finish(TransferOutcome)
        /// Close the connection; nothing was changed.
        case fail(TransferFailure)
    }

    private enum State: Sendable {
        case opening
        /// One SOA was seen; the second record tells the form.
        case opened
        case full
        /// Differences, in the part that deletes (false: that adds).
        case deleting
        case adding
        case finished
    }

    private let zone: Name
    private let current: ZoneSnapshot?
    private let isIncremental: Bool
    private let limits: Limits
    private let id: UInt16
    private var session: TSIGSession?
    private var verifier: TSIGResponseVerifier?
    private var state = State.opening
    private var opening: ResourceRecord?
    private var records: [ResourceRecord] = []
    private var differences: [ZoneDifference] = []
    private var recordCount = 0
    private var octetCount = 0

    /// Prepares a transfer of `zone`.
    ///
    /// - Parameter current: our version, from which an IXFR starts; nil = we have none.
    /// - Parameter incremental: whether to ask for IXFR; without `current` it is AXFR in any case.
    /// - Parameter id: a random message ID.
    package init(
        zone: Name, current: ZoneSnapshot?, incremental: Bool, key: TSIGKey?, id: UInt16,
        limits: Limits = Limits()
    ) {
        self.zone = zone
        self.current = current
        isIncremental = incremental && current != nil
        self.limits = limits
        self.id = id
        session = key.map { TSIGSession(signingWith: $0) }
    }

    /// The query to send, signed when there is a key.
    ///
    /// Call once, first.
    ///
    /// - Parameter now: seconds since 1970.
    package mutating func query(now: UInt64) -> [UInt8] {
        var message = Message(
            id: id, questions: [Question(name: zone, type: isIncremental ? .ixfr : .axfr)])
        if isIncremental, let current {
            message.authorities = current.soa.records.map { record in
                var soa = record
                soa.owner = zone
                return soa
            }
        }
        var octets = message.encoded()
        session?.sign(&octets, now: now)
        if let session { verifier = TSIGResponseVerifier(request: session) }
        return octets
    }

    /// Octets that a record of a transfer still needs when it has come: its place in the tables while they are made.
    private static let recordMemory = 400

    /// Takes the next message from the primary.
    ///
    /// - Parameter now: seconds since 1970.
    package mutating func receive(_ bytes: borrowing RawSpan, now: UInt64) -> Action {
        let before = octetCount
        octetCount += bytes.byteCount
        // A record that has come takes about as much again before it is served.
        if (before ^ octetCount) >> 20 != 0,
            !MemoryBudget.hasRoom(for: recordCount * IncomingTransfer.recordMemory)
        {
            return .fail(.outOfMemory(records: recordCount))
        }
        guard octetCount <= limits.octets else { return .fail(.tooLarge) }
        guard let layout = try? MessageView.survey(bytes), layout.end == bytes.byteCount else {
            return .fail(.malformedMessage)
        }
        if let failure = check(bytes, layout, now) { return .fail(failure) }
        guard let message = try? Message(parsing: bytes, layout: layout) else {
            return .fail(.malformedMessage)
        }
        if let question = message.questions.first, question.name != zone {
            return .fail(.otherZone(question.name))
        }
        recordCount += message.answers.count
        guard recordCount <= limits.records else { return .fail(.tooLarge) }
        guard !message.answers.isEmpty else { return .fail(.emptyMessage) }
        for record in message.answers {
            if case .finished = state { return .fail(.recordsAfterEnd) }
            if let failure = take(record) { return .fail(failure) }
        }
        if case .opened = state, let failure = endOfOpening() { return failure }
        guard case .finished = state else { return .wait }
        if let verifier, !verifier.isComplete { return .fail(.unsigned) }
        return finish()
    }

    /// Header and signature.
    private mutating func check(
        _ bytes: borrowing RawSpan, _ layout: MessageLayout, _ now: UInt64
    ) -> TransferFailure? {
        guard layout.id == id, layout.flags.contains(.response), layout.flags.opcode == .query else {
            return .otherMessage
        }
        if verifier != nil {
            switch verifier?.verify(bytes, layout: layout, now: now) {
            case .verified, .pending: break
            case .refused(let error, _, _): return .signatureRefused(error)
            default: return layout.tsigStart == nil ? .unsigned : .badSignature
            }
        }
        guard layout.flags.responseCode == .noError else { return .refused(layout.flags.responseCode) }
        guard !layout.flags.contains(.truncated) else { return .malformedMessage }
        return nil
    }

    /// Takes one record in the place the state says.
    private mutating func take(_ record: ResourceRecord) -> TransferFailure? {
        guard record.recordClass == .internet, !record.type.isMeta else {
            return .badRecord(record.owner, record.type)
        }
        guard record.owner.isAtOrBelow(zone) else { return .outsideZone(record.owner) }
        guard record.data.isWellFormed(as: record.type) else { return .badRecord(record.owner, record.type) }
        let isSOA = record.type == .soa && record.owner == zone
        switch state {
        case .opening:
            guard isSOA else { return .noOpeningSOA }
            opening = record
            state = .opened
        case .opened:
            if isIncremental, isSOA, let serial = record.data.soaSerial, serial == current?.serial,
                opening?.data.soaSerial != serial
            {
                differences.append(ZoneDifference(deleted: [record], added: []))
                state = .deleting
            } else if isSOA {
                return close(with: record)
            } else {
                records = [opening, record].compactMap { $0 }
                state = .full
            }
        case .full:
            if isSOA { return close(with: record) }
            records.append(record)
        case .deleting:
            if isSOA {
                differences[differences.count - 1].added.append(record)
                state = .adding
            } else {
                differences[differences.count - 1].deleted.append(record)
            }
        case .adding:
            guard isSOA else {
                differences[differences.count - 1].added.append(record)
                return nil
            }
            guard let last = differences.last else { return .brokenDifferences }
            if last.to == opening?.data.soaSerial { return close(with: record) }
            guard record.data.soaSerial == last.to else { return .brokenDifferences }
            differences.append(ZoneDifference(deleted: [record], added: []))
            state = .deleting
        case .finished:
            return .recordsAfterEnd
        }
        return nil
    }

    /// The closing SOA, which must be the opening one (RFC 5936 2.2).
    private mutating func close(with record: ResourceRecord) -> TransferFailure? {
        guard let opening, opening.isSame(as: record) else { return .differentSOAs }
        if records.isEmpty, differences.isEmpty { records = [opening] }
        state = .finished
        return nil
    }

    /// One SOA alone: we have the newest version, or the rest is still to come.
    private mutating func endOfOpening() -> Action? {
        guard isIncremental, let serial = opening?.data.soaSerial, let current,
            !serial.isNewer(than: current.serial)
        else { return nil }
        if let verifier, !verifier.isComplete { return .fail(.unsigned) }
        state = .finished
        return .finish(.upToDate(serial))
    }

    /// Builds the new version.
    private mutating func finish() -> Action {
        if !differences.isEmpty, let current {
            var edit = current.edit()
            for difference in differences {
                if let record = difference.apply(to: &edit, strictly: true) {
                    return .fail(.differenceDoesNotFit(record.owner, record.type))
                }
            }
            let next = edit.commit()
            guard next.rrset(at: zone, type: .ns) != nil, next.soa.data.count == 1 else {
                return .fail(.zone(.noApexNS(zone)))
            }
            let names = Set(differences.flatMap { $0.added.map(\.owner) })
            if let excess = next.excess(
                records: limits.recordsPerSet, types: limits.typesPerName, at: names)
            {
                return .fail(.zone(excess))
            }
            return .finish(.incremental(next, differences))
        }
        do throws(ZoneError) {
            let loaded = try ZoneLoader.load(records: records, apex: zone, recordLimit: limits.records)
            records = []
            if let excess = loaded.snapshot.excess(records: limits.recordsPerSet, types: limits.typesPerName)
            {
                return .fail(.zone(excess))
            }
            return .finish(.full(loaded.snapshot))
        } catch {
            return .fail(.zone(error))
        }
    }
}

/// What a transfer brought.
package enum TransferOutcome: Sendable {
    /// The primary has no newer version; its serial.
    case upToDate(Serial)
    /// A whole zone.
    case full(ZoneSnapshot)
    /// The new version and what led to it.
    case incremental(ZoneSnapshot, [ZoneDifference])

    /// The new version, when there is one.
    package var snapshot: ZoneSnapshot? {
        switch self {
        case .upToDate: nil
        case .full(let snapshot), .incremental(let snapshot, _): snapshot
        }
    }

    /// Whether it came as differences.
    package var isIncremental: Bool {
        if case .incremental = self { true } else { false }
    }
}

/// Why a transfer failed.
///
/// The zone keeps its contents; the next primary is asked.
package enum TransferFailure: Error, Sendable, Equatable {
    /// Not a DNS message, or octets after it.
    case malformedMessage
    /// Not an answer to our query.
    case otherMessage
    /// About another zone than asked for.
    case otherZone(Name)
    /// A message without records.
    case emptyMessage
    /// The primary's response code.
    case refused(ResponseCode)
    /// The primary refused our signature.
    case signatureRefused(TSIGError)
    /// Not signed, though we have a key.
    case unsigned
    /// Signed wrongly.
    case badSignature
    /// The first record is not the zone's SOA.
    case noOpeningSOA
    /// The last SOA is not the first (RFC 5936 2.2).
    case differentSOAs
    /// Records after the closing SOA.
    case recordsAfterEnd
    /// A record outside the zone.
    case outsideZone(Name)
    /// A record of a meta type, another class, or with malformed data.
    case badRecord(Name, RRType)
    /// Differences that do not follow on one another.
    case brokenDifferences
    /// A difference deletes what is not there or adds what is: ask for the whole zone.
    case differenceDoesNotFit(Name, RRType)
    /// The records do not make a zone.
    case zone(ZoneError)
    /// More records or octets than allowed.
    case tooLarge
    /// The process may not take the memory that the zone needs.
    case outOfMemory(records: Int)
    /// The connection ended or nothing came in time; the caller's finding.
    case connectionLost

    /// Whether the zone is larger than it may be.
    package var isLimit: Bool {
        switch self {
        case .tooLarge, .outOfMemory, .zone(.outOfMemory), .zone(.tooManyRecords), .zone(.tooManyInSet),
            .zone(.tooManyTypes):
            true
        default: false
        }
    }

    /// Whether asking the same primary for the whole zone may help.
    package var suggestsFullTransfer: Bool {
        switch self {
        case .brokenDifferences, .differenceDoesNotFit, .differentSOAs, .zone, .refused(.formatError),
            .refused(.notImplemented):
            true
        default: false
        }
    }
}
