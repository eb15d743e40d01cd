package import DNSCore
package import DNSSecurity

/// The answer to AXFR and IXFR, message by message, as its reader takes them (RFC 5936 2.2, RFC 1995 4).
///
/// Pulled, never pushed: the transport asks for the next message when it has sent the last, so a slow client costs one
/// message of memory and the version of the zone that it reads. Messages are as full as they can be, have AA set, and
/// are each signed when the query was. The first has an OPT record when the query had one (RFC 5936 2.2.5).
package struct OutgoingTransfer: ~Copyable {
    /// The form that was chosen.
    package let form: TransferForm
    /// The version that is sent.
    package let serial: Serial
    private let id: UInt16
    private let question: Question
    private let recursionDesired: Bool
    /// The zone's records; nil when `records` is the answer.
    private var cursor: TransferCursor?
    private let records: [ResourceRecord]
    private var next = 0
    private var session: TSIGSession?
    private let opt: ResourceRecord?
    private var composer = MessageComposer()
    private var isFirst = true
    private var isFailed = false
    /// Messages and records sent so far.
    package private(set) var messageCount = 0
    package private(set) var recordCount = 0
    /// Octets of messages sent so far.
    package private(set) var octetCount = 0

    /// Prepares the answer.
    ///
    /// - Parameter history: the zone's differences; nil when IXFR is to be answered with the whole zone.
    /// - Parameter session: the query's verified signature.
    /// - Parameter opt: the OPT record of the answer; nil when the query had none.
    package init(
        _ request: TransferRequest, id: UInt16, question: Question, flags: HeaderFlags, zone: ZoneSnapshot,
        history: ZoneHistory?, session: TSIGSession?, opt: ResourceRecord? = nil
    ) {
        self.opt = opt
        self.id = id
        self.question = question
        recursionDesired = flags.contains(.recursionDesired)
        self.session = session
        serial = zone.serial
        let plan = TransferPlan(request, zone: zone, history: history)
        form = plan.form
        records = plan.records ?? []
        cursor = plan.records == nil ? zone.transferCursor() : nil
    }

    /// Whether all has been sent.
    package var isFinished: Bool {
        switch cursor {
        case .some(let cursor): cursor.isFinished
        case .none: next == records.count
        }
    }

    /// Writes the next message to `memory`, whose size, at most 65,535 octets, is the message's limit.
    ///
    /// - Parameter now: seconds since 1970, for the signature.
    /// - Returns: the message's length; nil when all has been sent, or when a record is too large for any message, which
    ///   ``isFinished`` tells apart: the connection is then to be closed, since the client must not take the part for
    ///   the whole.
    @unsafe package mutating func next(into memory: UnsafeMutableRawBufferPointer, now: UInt64) -> Int? {
        guard !isFinished, !isFailed else { return nil }
        let limit = min(memory.count, 65535) - (session?.reservedLength ?? 0)
        let opt = isFirst ? self.opt : nil
        unsafe composer.begin(in: memory, limit: limit - (opt.map { 11 + $0.data.octets.count } ?? 0))
        var flags: HeaderFlags = [.response, .authoritative]
        if recursionDesired { flags.insert(.recursionDesired) }
        composer.writeHeader(id: id, flags: flags)
        // RFC 5936 2.2.1: the question in the first message, and not needed in the others.
        if isFirst { composer.append(question) }
        composer.start(.answer)
        let count = fill()
        guard count > 0 else {
            isFailed = true
            return nil
        }
        isFirst = false
        if let opt {
            composer.start(.additional)
            composer.setLimit(limit)
            composer.append(opt)
        }
        var length = composer.count
        if session != nil {
            guard let signed = unsafe session?.sign(memory, count: length, now: now) else {
                isFailed = true
                return nil
            }
            length = signed
        }
        messageCount += 1
        recordCount += count
        octetCount += length
        return length
    }

    private mutating func fill() -> Int {
        if let count = cursor?.fill(&composer) { return count }
        let first = next
        while next < records.count, composer.append(records[next]) { next += 1 }
        return next - first
    }

    /// Answers an IXFR over UDP: the differences when they fit in one message, else the SOA alone, upon which the client
    /// comes back over TCP (RFC 1995 2).
    ///
    /// - Parameter memory: its size is the message's limit, the client's payload size considered.
    /// - Returns: the message's length; nil when not even the SOA fits.
    @unsafe package static func datagram(
        _ request: TransferRequest, id: UInt16, question: Question, flags: HeaderFlags, zone: ZoneSnapshot,
        history: ZoneHistory?, session: TSIGSession?, opt: ResourceRecord? = nil,
        into memory: UnsafeMutableRawBufferPointer, now: UInt64
    ) -> Int? {
        if case .incremental = request {
            var transfer = OutgoingTransfer(
                request, id: id, question: question, flags: flags, zone: zone, history: history,
                session: session, opt: opt)
            if transfer.form != .full, let length = unsafe transfer.next(into: memory, now: now),
                transfer.isFinished
            {
                return length
            }
        }
        var single = OutgoingTransfer(
            .incremental(since: zone.serial), id: id, question: question, flags: flags, zone: zone,
            history: nil, session: session, opt: opt)
        return unsafe single.next(into: memory, now: now)
    }
}

/// The choice between the forms of a transfer (RFC 1995 4, 5).
struct TransferPlan {
    let form: TransferForm
    /// The records of a short answer; nil for the whole zone.
    let records: [ResourceRecord]?

    init(_ request: TransferRequest, zone: ZoneSnapshot, history: ZoneHistory?) {
        guard case .incremental(let serial) = request else {
            (form, records) = (.full, nil)
            return
        }
        // A client that is newer than we are gets our SOA too (RFC 1995 2).
        guard zone.serial.isNewer(than: serial) else {
            (form, records) = (.upToDate, zone.soa.records)
            return
        }
        guard let steps = history?.differences(from: serial, to: zone.serial), !steps.isEmpty else {
            (form, records) = (.full, nil)
            return
        }
        var chosen = Array(steps)
        var form = TransferForm.incremental
        let count = steps.reduce(0) { $0 + $1.recordCount }
        if steps.count > 1, let single = ZoneDifference.condensing(steps), single.recordCount < count {
            chosen = [single]
            form = .condensed
        }
        guard TransferPlan.isSmaller(chosen, than: zone) else {
            (self.form, records) = (.full, nil)
            return
        }
        self.form = form
        let soa = zone.soa.records
        records = soa + chosen.flatMap { $0.deleted + $0.added } + soa
    }

    /// Whether the differences take fewer octets than the zone.
    private static func isSmaller(_ differences: [ZoneDifference], than zone: ZoneSnapshot) -> Bool {
        // A zone has at least a record for nearly every name: only a difference of that size is worth counting.
        guard differences.reduce(0, { $0 + $1.recordCount }) * 2 > zone.nameCount else { return true }
        let octets = differences.reduce(0) { $0 + $1.octetCount }
        var zoneOctets = 0
        zone.forEachRRset { set in
            zoneOctets += set.data.reduce(0) { $0 + set.owner.wire.count + 10 + $1.octets.count }
        }
        return octets <= zoneOctets
    }
}
