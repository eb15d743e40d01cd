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
        case transfer(Name, IncomingTransfer)
        case notify(Name, target: Int, id: UInt16)
        case forward(UpdateForwarding, ZoneSlot, @Sendable ([UInt8]?) -> Void)
    }

    /// What an answer to a question of ours must be verified with.
    struct RequestSignature {
        let id: UInt16
        var verifier: TSIGResponseVerifier?
    }

    /// How long one message of a transfer may keep us waiting; how long any other answer.
    private static let answerTimeout = Duration.seconds(3)

    let loop: EventLoop
    private let zones: ZoneKeeper
    private var keys: TSIGKeyring
    private var sockets: UpstreamSockets?
    private var streams: UpstreamStreams?
    private var refreshes: [Name: ZoneRefresh] = [:]
    private var notifies: [Name: NotifySchedule] = [:]
    private var slots = ZoneSlots([])
    private var errands: [UInt64: Errand] = [:]
    private var busy: [Name: (UpstreamToken, isStream: Bool)] = [:]
    private var nextTag: UInt64 = 1
    private var timer: TimerToken?
    private let random = RandomPool()
    private var thread: Thread?

    init(zones: ZoneKeeper, keys: TSIGKeyring) throws(TransportError) {
        self.zones = zones
        self.keys = keys
        loop = try EventLoop()
        sockets = UpstreamSockets(on: loop, handler: self)
        var limits = UpstreamStreamLimits()
        limits.idleTimeout = .zero
        limits.pipeline = 1
        streams = UpstreamStreams(on: loop, handler: self, limits: limits)
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
            refreshes = refreshes.filter { slots[$0.key]?.section.kind == .secondary }
            notifies = notifies.filter { slots[$0.key] != nil }
            for slot in slots.all {
                let targets = slot.section.notify.count
                if notifies[slot.name] == nil, targets > 0 {
                    notifies[slot.name] = NotifySchedule(targets: targets)
                }
                if slot.section.kind == .secondary { begin(slot) }
            }
            arm()
        }
    }

    /// A zone of ours has a new version.
    func changed(_ name: Name, to serial: Serial) {
        loop.mailbox.post { [self] in
            notifies[name]?.changed(to: serial, now: now)
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

    private var now: Int64 { Int64(clamping: MonotonicTime.now().nanoseconds / 1_000_000) }

    func timerFired(tag: UInt64, at moment: MonotonicTime) {
        timer = nil
        work()
    }

    private func begin(_ slot: ZoneSlot) {
        guard refreshes[slot.name] == nil else { return }
        let snapshot = zones.snapshot(of: slot.name)
        let age = zones.status(of: slot.name).confirmedAge
        refreshes[slot.name] = ZoneRefresh(
            primaries: slot.section.primaries.count, soa: snapshot?.soa, confirmedAt: now - age * 1000,
            shortest: slot.section.minRefresh.components.seconds * 1000,
            longest: slot.section.maxRefresh.components.seconds * 1000)
        handle(.start, slot.name)
    }

    private func work() {
        let moment = now
        for (name, refresh) in refreshes where refresh.deadline <= moment { handle(.timer, name) }
        for name in notifies.keys {
            guard let due = notifies[name]?.due(now: moment), !due.isEmpty else { continue }
            for target in due { notify(name, target) }
        }
        arm()
    }

    private func arm() {
        if let timer { loop.cancel(timer) }
        timer = nil
        let deadlines = refreshes.values.map(\.deadline) + notifies.values.compactMap(\.deadline)
        guard let next = deadlines.min() else { return }
        timer = loop.arm(
            at: MonotonicTime(nanoseconds: UInt64(clamping: next) &* 1_000_000), target: self, tag: 0)
    }

    private func handle(_ event: ZoneRefresh.Event, _ name: Name) {
        guard var refresh = refreshes[name], let slot = slots[name] else { return }
        let actions = refresh.handle(event, now: now)
        refreshes[name] = refresh
        for action in actions {
            switch action {
            case .askSerial(let primary): askSerial(slot, primary)
            case .transfer(let primary, let incremental): transfer(slot, primary, incremental: incremental)
            case .expire:
                Logs.transfer.error("expired: no primary has confirmed it in time", ["zone": "\(name)"])
                zones.publish(name, nil)
            }
        }
        arm()
    }

    private func key(_ primary: RemoteSection) -> TSIGKey? { primary.key.flatMap { keys[$0] } }

    private func askSerial(_ slot: ZoneSlot, _ primary: Int) {
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
            later { $0.handle(.noAnswer, slot.name) }
        }
    }

    private func transfer(_ slot: ZoneSlot, _ primary: Int, incremental: Bool) {
        let server = slot.section.primaries[primary]
        var limits = IncomingTransfer.Limits()
        limits.records = slot.section.maxRecords
        var incoming = IncomingTransfer(
            zone: slot.name, current: zones.snapshot(of: slot.name),
            incremental: incremental && slot.section.ixfr,
            key: key(server), id: random.nextUInt16(), limits: limits)
        let octets = incoming.query(now: UInt64(clamping: WallClock.seconds))
        let timeout = zones.limits.transferIdleTimeout * 60
        if !send(
            octets, to: server, .transfer(slot.name, incoming), isStream: true, timeout: timeout,
            zone: slot.name)
        {
            later { $0.handle(.transferFailed(retryFull: false), slot.name) }
        }
    }

    private func notify(_ name: Name, _ target: Int) {
        guard let slot = slots[name], slot.section.notify.indices.contains(target),
            let snapshot = zones.snapshot(of: name)
        else { return }
        let server = slot.section.notify[target]
        let id = random.nextUInt16()
        var session = key(server).map { TSIGSession(signingWith: $0) }
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
        let token = unsafe octets.withUnsafeBytes { raw in
            isStream
                ? unsafe streams?.send(raw, to: address, timeout: timeout, tag: tag, isFresh: true)
                : unsafe sockets?.send(raw, to: address, timeout: timeout, tag: tag)
        }
        guard token != nil else { return false }
        errands[tag] = errand
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
                guard verdict == .verified else { return .wait }
            }
            errands[tag] = nil
            let answer = try? Message(parsing: bytes, layout: layout)
            let soa = answer?.answers.first { $0.type == .soa && $0.owner == name }
            if layout.flags.responseCode == .noError, let serial = soa?.data.soaSerial {
                zones.confirm(name)
                handle(.serial(serial), name)
            } else {
                Logs.transfer.limited(
                    .warning, "soa", "primary gave no SOA: \(layout.flags.responseCode)",
                    ["zone": "\(name)", "primary": "\(server)", "number": "\(primary)"])
                handle(.noAnswer, name)
            }
            return .done
        case .transfer(let name, var incoming):
            let action = incoming.receive(bytes, now: UInt64(clamping: WallClock.seconds))
            switch action {
            case .wait:
                errands[tag] = .transfer(name, incoming)
                return .wait
            case .finish(let outcome):
                errands[tag] = nil
                install(outcome, name, server)
            case .fail(let failure):
                errands[tag] = nil
                Logs.transfer.error(
                    "transfer in failed: \(failure)", ["zone": "\(name)", "primary": "\(server)"])
                handle(.transferFailed(retryFull: failure.suggestsFullTransfer), name)
            }
            return .done
        case .notify(let name, let target, let id):
            guard bytes.uint16(at: 0) == id, (bytes.uint16(at: 2) ?? 0) & 0x8000 != 0 else { return .wait }
            errands[tag] = nil
            notifies[name]?.answered(target)
            arm()
            return .done
        case .forward(let forwarding, let slot, let done):
            let octets = unsafe [UInt8](message)
            guard let answer = forwarding.response(octets) else { return .wait }
            errands[tag] = nil
            _ = slot
            done(answer)
            return .done
        }
    }

    func failed(_ failure: TransportFailure, for token: UpstreamToken, tag: UInt64) {
        guard let errand = errands.removeValue(forKey: tag) else { return }
        switch errand {
        case .serial(let name, _, _): handle(.noAnswer, name)
        case .transfer(let name, _):
            Logs.transfer.error("transfer in failed: \(failure)", ["zone": "\(name)"])
            handle(.transferFailed(retryFull: false), name)
        case .notify: break  // the schedule repeats it
        case .forward(let forwarding, let slot, let done): advance(forwarding, slot, done)
        }
    }

    private func install(_ outcome: TransferOutcome, _ name: Name, _ server: SocketAddress) {
        guard let slot = slots[name] else { return }
        if case .upToDate = outcome {
            zones.confirm(name)
            return handle(.upToDate, name)
        }
        guard let fault = zones.install(outcome, slot) else {
            let snapshot = zones.snapshot(of: name)
            Logs.transfer.info(
                "transferred",
                [
                    "zone": "\(name)", "primary": "\(server)",
                    "serial": snapshot.map { "\($0.serial.rawValue)" } ?? "none",
                ])
            if let soa = snapshot?.soa { handle(.transferred(soa), name) }
            return
        }
        Logs.transfer.error("transferred, but not kept: \(fault)", ["zone": "\(name)"])
        handle(.transferFailed(retryFull: false), name)
    }
}
