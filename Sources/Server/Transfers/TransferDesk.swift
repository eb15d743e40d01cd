internal import Authority
internal import DNSCore
internal import DNSSecurity
internal import Operations
internal import Transport

/// Keeps secondary zones up to date, tells secondaries of changes, and hands updates on to primaries.
///
/// Has a thread and an event loop of its own: nothing here is awaited by a query. The state machines of `Authority` say
/// what to do; this does it. Times given to them are milliseconds of the monotonic clock.
final class TransferDesk: UpstreamHandler, TimerTarget, @unchecked Sendable {
    // Sendable: everything but `loop` belongs to the loop's thread; other threads post to its mailbox.

    /// A message under way to another server.
    enum Errand {
        case serial(Name, round: Int, RequestSignature)
        case transfer(Name, primary: Int, IncomingTransfer)
        case notify(Name, target: Int, id: UInt16)
        case forward(UpdateForwarding, ZoneSlot, @Sendable ([UInt8]?) -> Void)
    }

    /// What an answer to a question of ours must be verified with.
    struct RequestSignature {
        let id: UInt16
        var verifier: TSIGResponseVerifier?
        /// What was wrong with the signature of an answer that was not believed; the right one may still come.
        var complaint: String?
    }

    /// How long one message of a transfer may keep us waiting; how long any other answer.
    private static let answerTimeout = Duration.seconds(3)
    /// Questions for serials at one time; more wait.
    private static let questionLimit = 1000

    let loop: EventLoop
    let counters = TransferCounters()
    let zones: ZoneKeeper
    private var keys: TSIGKeyring
    /// Sockets by the address that they send from; nil: the system's choice.
    private var ways: [IPAddress?: Way] = [:]
    private var refreshes: [Name: ZoneRefresh] = [:]
    private var notifies: [Name: NotifySchedule] = [:]
    private(set) var slots: ZoneSlots
    private var errands: [UInt64: Errand] = [:]
    /// The primaries that each refresh counts by number.
    private(set) var primaries: [Name: [RemoteSection]] = [:]
    /// What waits for a place: questions and transfers that may not begin yet, the oldest first.
    private var waitingQuestions = ErrandQueue()
    private var waitingTransfers = ErrandQueue()
    /// Questions for serials and transfers under way.
    private var questionCount = 0
    private var transferCount = 0
    /// Deadlines of refreshes and schedules, some of them outdated.
    private var deadlines = ZoneDeadlines()
    /// The earliest of each zone's deadlines in the heap.
    private var noted: [Name: Int64] = [:]
    private var nextTag: UInt64 = 1
    private var timer: TimerToken?
    private let random = RandomPool()
    private var thread: Thread?

    init(zones: ZoneKeeper, keys: TSIGKeyring) throws(TransportError) {
        self.zones = zones
        self.keys = keys
        slots = zones.slots
        loop = try EventLoop()
    }

    /// The sockets that send from one address.
    private struct Way {
        let sockets: UpstreamSockets
        let streams: UpstreamStreams
    }

    private func way(from source: IPAddress?) -> Way {
        if let way = ways[source] { return way }
        let own = source.map { [SocketAddress(IPEndpoint($0, port: 0))] } ?? []
        var limits = UpstreamStreamLimits()
        limits.idleTimeout = .zero
        limits.pipeline = 1
        // Transfers, and beside them updates that are handed on.
        limits.connections = zones.limits.transfersIn + 64
        limits.connectionsPerServer = limits.connections
        let way = Way(
            sockets: UpstreamSockets(on: loop, handler: self, sources: own),
            streams: UpstreamStreams(on: loop, handler: self, limits: limits, sources: own))
        ways[source] = way
        return way
    }

    // MARK: For other threads

    /// Starts the thread.
    func start() throws(TransportError) {
        thread = try Thread(name: "transfers") { self.loop.run() }
    }

    /// Ends it.
    func stop() {
        loop.mailbox.stop()
        thread?.join()
    }

    /// Takes over the zones of a configuration.
    func configure(_ slots: ZoneSlots, keys: TSIGKeyring) {
        loop.mailbox.post { [self] in
            self.slots = slots
            self.keys = keys
            for name in refreshes.keys {
                let section = slots[name]?.section
                // A refresh counts primaries by number, so others make another one.
                if section?.kind != .secondary || section?.primaries != primaries[name] { drop(name) }
            }
            notifies = notifies.filter { slots[$0.key]?.section.notify.count == $0.value.targetCount }
            for slot in slots.all {
                let targets = slot.section.notify.count
                if notifies[slot.name] == nil, targets > 0 {
                    var schedule = NotifySchedule(targets: targets)
                    // What the secondaries may have missed while we were not there.
                    if let serial = zones.snapshot(of: slot.name)?.serial {
                        schedule.changed(to: serial, now: now)
                    }
                    notifies[slot.name] = schedule
                    note(slot.name, schedule.deadline)
                }
                if slot.section.kind == .secondary { begin(slot) }
            }
            work()
        }
    }

    /// Ends all that is under way for zones whose contents are thrown away.
    func forget(_ names: [Name]) {
        guard !names.isEmpty else { return }
        loop.mailbox.post { [self] in for name in names { drop(name) } }
    }

    private func drop(_ name: Name) {
        refreshes[name] = nil
        primaries[name] = nil
        zones.forgetAttempts(name)
        for (tag, errand) in errands {
            switch errand {
            case .serial(name, _, _), .transfer(name, _, _): end(tag)
            default: break
            }
        }
    }

    /// A zone of ours has a new version.
    func changed(_ name: Name, to serial: Serial) {
        loop.mailbox.post { [self] in
            notifies[name]?.changed(to: serial, now: now)
            note(name, notifies[name]?.deadline)
            work()
        }
    }

    /// A NOTIFY that may be believed came in.
    func notified(_ name: Name, serial: Serial?, primary: Int?) {
        loop.mailbox.post { [self] in handle(.notified(serial, primary: primary), name) }
    }

    /// The operator wants the zone checked, or transferred as a whole.
    func request(_ name: Name, full: Bool) {
        loop.mailbox.post { [self] in handle(.requested(full: full), name) }
    }

    /// The operator wants the secondaries told.
    func renotify(_ name: Name) {
        guard let serial = zones.snapshot(of: name)?.serial else { return }
        changed(name, to: serial)
    }

    /// Sends an update on to the primary; `done` gets its answer, or nil when no primary gave one.
    func forward(_ octets: [UInt8], _ slot: ZoneSlot, done: @escaping @Sendable ([UInt8]?) -> Void) {
        loop.mailbox.post { [self] in
            guard
                let forwarding = UpdateForwarding(
                    octets, id: random.nextUInt16(), primaries: slot.section.primaries.count)
            else { return done(nil) }
            advance(forwarding, slot, done)
        }
    }

    // MARK: Work

    var now: Int64 { Int64(clamping: MonotonicTime.now().nanoseconds / 1_000_000) }

    func timerFired(tag: UInt64, at moment: MonotonicTime) {
        timer = nil
        work()
    }

    private func begin(_ slot: ZoneSlot) {
        guard refreshes[slot.name] == nil else { return }
        let snapshot = zones.snapshot(of: slot.name)
        let age = zones.status(of: slot.name).confirmedAge
        primaries[slot.name] = slot.section.primaries
        refreshes[slot.name] = ZoneRefresh(
            primaries: slot.section.primaries.count, soa: snapshot?.soa, confirmedAt: now - age * 1000,
            shortest: slot.section.minRefresh.components.seconds * 1000,
            longest: slot.section.maxRefresh.components.seconds * 1000)
        handle(.start, slot.name)
    }

    private func work() {
        let moment = now
        while let name = deadlines.due(moment) {
            noted[name] = nil
            if let refresh = refreshes[name] {
                if refresh.deadline <= moment { handle(.timer, name) } else { note(name, refresh.deadline) }
            }
            if let due = notifies[name]?.due(now: moment) {
                for target in due { notify(name, target) }
                note(name, notifies[name]?.deadline)
            }
        }
        arm()
    }

    /// Remembers when a zone is to be looked at again.
    private func note(_ name: Name, _ deadline: Int64?) {
        guard let deadline, deadline < noted[name] ?? .max else { return }
        noted[name] = deadline
        deadlines.insert(deadline, name)
    }

    private func arm() {
        if let timer { loop.cancel(timer) }
        timer = nil
        guard let next = deadlines.first else { return }
        timer = loop.arm(
            at: MonotonicTime(nanoseconds: UInt64(clamping: next) &* 1_000_000), target: self, tag: 0)
    }

    func handle(_ event: ZoneRefresh.Event, _ name: Name) {
        guard var refresh = refreshes[name], let slot = slots[name] else { return }
        let (failures, wasBusy) = (refresh.failures, refresh.isBusy)
        let actions = refresh.handle(event, now: now)
        refreshes[name] = refresh
        if refresh.failures > failures { tellFailedRound(slot, refresh) }
        if refresh.isBusy, !wasBusy || refresh.failures > failures { zones.beginRound(name) }
        note(name, refresh.deadline)
        for action in actions {
            switch action {
            case .askSerial(let primary):
                if questionCount < Self.questionLimit {
                    askSerial(slot, primary)
                } else {
                    waitingQuestions.append(name, primary)
                }
            case .transfer(let primary, let incremental):
                if transferCount < zones.limits.transfersIn {
                    transfer(slot, primary, incremental: incremental)
                } else {
                    counters.count(.waited)
                    waitingTransfers.append(name, primary, incremental: incremental)
                }
            case .expire:
                Logs.transfer.error("expired: no primary has confirmed it in time", ["zone": "\(name)"])
                zones.publish(name, nil)
            }
        }
        arm()
    }

    /// Takes an errand off the list; one that waited may begin in its place.
    @discardableResult
    private func end(_ tag: UInt64) -> Errand? {
        guard let errand = errands.removeValue(forKey: tag) else { return nil }
        switch errand {
        case .serial:
            questionCount -= 1
            if !waitingQuestions.isEmpty { later { $0.beginWaiting() } }
        case .transfer:
            transferCount -= 1
            if !waitingTransfers.isEmpty { later { $0.beginWaiting() } }
        case .notify, .forward: break
        }
        return errand
    }

    private func beginWaiting() {
        while questionCount < Self.questionLimit, let next = waitingQuestions.next() {
            guard let slot = slots[next.zone], refreshes[next.zone]?.isBusy == true else { continue }
            askSerial(slot, next.primary)
        }
        while transferCount < zones.limits.transfersIn, let next = waitingTransfers.next() {
            guard let slot = slots[next.zone], refreshes[next.zone]?.isBusy == true else { continue }
            transfer(slot, next.primary, incremental: next.isIncremental)
        }
    }

    private func key(_ primary: RemoteSection) -> TSIGKey? { primary.key.flatMap { keys[$0] } }

    private func askSerial(_ slot: ZoneSlot, _ primary: Int) {
        guard slot.section.primaries.indices.contains(primary) else { return }
        let server = slot.section.primaries[primary]
        let id = random.nextUInt16()
        let message = Message(id: id, questions: [Question(name: slot.name, type: .soa)])
        var octets = message.encoded()
        var verifier: TSIGResponseVerifier?
        if let key = key(server) {
            var session = TSIGSession(signingWith: key)
            session.sign(&octets, now: UInt64(clamping: WallClock.seconds))
            verifier = TSIGResponseVerifier(request: session)
        }
        let errand = Errand.serial(slot.name, round: primary, RequestSignature(id: id, verifier: verifier))
        if !send(octets, to: server, errand, isStream: false, timeout: Self.answerTimeout, zone: slot.name) {
            later {
                $0.note(slot.name, primary, isFailure: true, "the question for the SOA cannot be sent")
                $0.handle(.noAnswer, slot.name)
            }
        }
    }

    private func transfer(_ slot: ZoneSlot, _ primary: Int, incremental: Bool) {
        guard slot.section.primaries.indices.contains(primary) else { return }
        let server = slot.section.primaries[primary]
        var limits = IncomingTransfer.Limits()
        limits.records = slot.section.maxRecords
        limits.recordsPerSet = zones.limits.transferRecordsPerRRset
        limits.typesPerName = zones.limits.typesPerName
        var incoming = IncomingTransfer(
            zone: slot.name, current: zones.snapshot(of: slot.name),
            incremental: incremental && slot.section.ixfr,
            key: key(server), id: random.nextUInt16(), limits: limits)
        let octets = incoming.query(now: UInt64(clamping: WallClock.seconds))
        let timeout = zones.limits.transferIdleTimeout * 60
        if !send(
            octets, to: server, .transfer(slot.name, primary: primary, incoming), isStream: true,
            timeout: timeout,
            zone: slot.name)
        {
            later {
                $0.noteTransfer(slot.name, primary, failed: "no connection can be made")
                $0.handle(.transferFailed(retryFull: false), slot.name)
            }
        }
    }

    private func notify(_ name: Name, _ target: Int) {
        guard let slot = slots[name], slot.section.notify.indices.contains(target),
            let snapshot = zones.snapshot(of: name)
        else { return }
        let server = slot.section.notify[target]
        let id = random.nextUInt16()
        var session = key(server).map { TSIGSession(signingWith: $0) }
        counters.count(.notified)
        let octets = NotifyMessage.encode(
            snapshot, id: id, session: &session, now: UInt64(clamping: WallClock.seconds))
        _ = send(
            octets, to: server, .notify(name, target: target, id: id), isStream: false,
            timeout: Self.answerTimeout,
            zone: nil)
    }

    private func advance(
        _ forwarding: UpdateForwarding, _ slot: ZoneSlot, _ done: @escaping @Sendable ([UInt8]?) -> Void
    ) {
        var forwarding = forwarding
        guard let (primary, octets) = forwarding.next() else { return done(nil) }
        let errand = Errand.forward(forwarding, slot, done)
        if !send(
            octets, to: slot.section.primaries[primary], errand, isStream: true, timeout: .seconds(10),
            zone: nil)
        {
            let rest = forwarding
            later { $0.advance(rest, slot, done) }
        }
    }

    private func send(
        _ octets: [UInt8], to server: RemoteSection, _ errand: Errand, isStream: Bool, timeout: Duration,
        zone: Name?
    ) -> Bool {
        let tag = nextTag
        nextTag += 1
        let address = SocketAddress(IPEndpoint(server.address, port: server.port))
        let way = way(from: server.source)
        let token = unsafe octets.withUnsafeBytes { raw in
            isStream
                ? unsafe way.streams.send(raw, to: address, timeout: timeout, tag: tag, isFresh: true)
                : unsafe way.sockets.send(raw, to: address, timeout: timeout, tag: tag)
        }
        guard token != nil else { return false }
        errands[tag] = errand
        switch errand {
        case .serial: questionCount += 1
        case .transfer: transferCount += 1
        case .notify, .forward: break
        }
        return true
    }

    /// Runs `work` in the loop's next round, so that state machines are not re-entered.
    private func later(_ work: @escaping @Sendable (TransferDesk) -> Void) {
        loop.mailbox.post { work(self) }
    }

    // MARK: UpstreamHandler

    func received(
        _ message: UnsafeRawBufferPointer, from server: SocketAddress, for token: UpstreamToken, tag: UInt64
    )
        -> UpstreamVerdict
    {
        guard let errand = errands[tag] else { return .done }
        let bytes = unsafe RawSpan(_unsafeBytes: message)
        switch errand {
        case .serial(let name, let primary, var signature):
            guard let layout = try? MessageView.survey(bytes), layout.id == signature.id,
                layout.flags.contains(.response)
            else { return .wait }
            if signature.verifier != nil {
                let verdict = signature.verifier?.verify(
                    bytes, layout: layout, now: UInt64(clamping: WallClock.seconds))
                guard verdict == .verified else {
                    if case .refused(let error, _, _) = verdict {
                        signature.complaint = "\(TransferFailure.signatureRefused(error))"
                    } else {
                        signature.complaint =
                            "\(layout.tsigStart == nil ? TransferFailure.unsigned : .badSignature)"
                    }
                    errands[tag] = .serial(name, round: primary, signature)
                    return .wait
                }
            }
            end(tag)
            let answer = try? Message(parsing: bytes, layout: layout)
            let soa = answer?.answers.first { $0.type == .soa && $0.owner == name }
            if layout.flags.responseCode == .noError, let serial = soa?.data.soaSerial {
                let own = zones.snapshot(of: name)?.serial
                if serial == own { zones.confirm(name) }
                let isOlder = own.map { $0.isNewer(than: serial) } ?? false
                note(
                    name, primary, isFailure: isOlder,
                    "serial \(serial.rawValue)\(isOlder ? ", which is older than ours" : "")")
                handle(.serial(serial), name)
            } else {
                let code = layout.flags.responseCode
                note(
                    name, primary, isFailure: true,
                    code == .noError ? "an answer without the SOA" : "the primary says \(code)")
                handle(.noAnswer, name)
            }
            return .done
        case .transfer(let name, let primary, var incoming):
            let action = incoming.receive(bytes, now: UInt64(clamping: WallClock.seconds))
            switch action {
            case .wait:
                errands[tag] = .transfer(name, primary: primary, incoming)
                return .wait
            case .finish(let outcome):
                end(tag)
                install(outcome, name, primary)
            case .fail(let failure):
                end(tag)
                counters.count(failure.isLimit ? .overLimit : .failed)
                noteTransfer(name, primary, failed: "\(failure)")
                handle(.transferFailed(retryFull: failure.suggestsFullTransfer), name)
            }
            return .done
        case .notify(let name, let target, let id):
            guard bytes.uint16(at: 0) == id, (bytes.uint16(at: 2) ?? 0) & 0x8000 != 0 else { return .wait }
            end(tag)
            notifies[name]?.answered(target)
            arm()
            return .done
        case .forward(let forwarding, let slot, let done):
            let octets = unsafe [UInt8](message)
            guard let answer = forwarding.response(octets) else { return .wait }
            end(tag)
            _ = slot
            done(answer)
            return .done
        }
    }

    func failed(_ failure: TransportFailure, for token: UpstreamToken, tag: UInt64) {
        guard let errand = end(tag) else { return }
        switch errand {
        case .serial(let name, let primary, let signature):
            note(name, primary, isFailure: true, signature.complaint ?? failure.reason)
            handle(.noAnswer, name)
        case .transfer(let name, let primary, _):
            counters.count(.failed)
            noteTransfer(name, primary, failed: failure.reason)
            handle(.transferFailed(retryFull: false), name)
        case .notify: break  // the schedule repeats it
        case .forward(let forwarding, let slot, let done): advance(forwarding, slot, done)
        }
    }
}
