internal import Authority
internal import DNSCore
internal import Operations
internal import Transport

/// What comes of asking primaries: zones taken over, and word of how it went with each.
extension TransferDesk {
    /// Notes how it went with a primary, for `zone status`; a failure is logged.
    func note(_ name: Name, _ primary: Int, isFailure: Bool, _ result: String) {
        guard let server = server(name, primary) else { return }
        zones.note(
            PrimaryAttempt(server: server, result: result, isFailure: isFailure, time: WallClock.seconds),
            of: primary, name)
        guard isFailure else { return }
        Logs.transfer.limited(
            .warning, "soa", "the primary is no help: \(result)", ["zone": "\(name)", "primary": server])
    }

    /// The same for a transfer that came to nothing.
    func noteTransfer(
        _ name: Name, _ primary: Int, _ end: String = "transfer in failed", failed reason: String
    ) {
        guard let server = server(name, primary) else { return }
        zones.note(
            PrimaryAttempt(
                server: server, result: "transfer failed: \(reason)", isFailure: true, time: WallClock.seconds
            ),
            of: primary, name)
        Logs.transfer.error("\(end): \(reason)", ["zone": "\(name)", "primary": server])
    }

    /// Where a zone's primary is, for people.
    func server(_ name: Name, _ primary: Int) -> String? {
        guard let list = primaries[name], list.indices.contains(primary) else { return nil }
        return "\(SocketAddress(IPEndpoint(list[primary].address, port: list[primary].port)))"
    }

    /// Says, when no primary has helped, which were tried and why it came to nothing.
    func tellFailedRound(_ slot: ZoneSlot, _ refresh: ZoneRefresh) {
        let tried = zones.status(of: slot.name).attempts.sorted { $0.key < $1.key }.map(\.value)
        let reasons = tried.filter { $0.isFailure && $0.isOfLastRound }.map { "\($0.server): \($0.result)" }
        let wait = max(0, refresh.deadline - now) / 1000
        Logs.transfer.warning(
            "no primary has helped: \(reasons.joined(separator: "; "))",
            ["zone": "\(slot.name)", "again": refresh.isBusy ? "now" : "in \(wait) s"])
    }

    /// Puts what a transfer brought in place, if it is fit to be served.
    func install(_ outcome: TransferOutcome, _ name: Name, _ primary: Int) {
        guard let slot = slots[name] else { return }
        let server = server(name, primary) ?? "?"
        if case .upToDate = outcome {
            zones.confirm(name)
            note(name, primary, isFailure: false, "nothing newer")
            return handle(.upToDate, name)
        }
        if let next = outcome.snapshot, let fault = slot.section.zonemd.fault(in: next) {
            counters.count(.refused)
            zones.note("refused: \(fault)", name)
            noteTransfer(name, primary, "transferred, and refused", failed: "\(fault)")
            return handle(.transferFailed(retryFull: outcome.isIncremental), name)
        }
        guard let fault = zones.install(outcome, slot) else {
            let snapshot = zones.snapshot(of: name)
            counters.count(.transferred)
            Logs.transfer.info(
                "transferred",
                [
                    "zone": "\(name)", "primary": server,
                    "serial": snapshot.map { "\($0.serial.rawValue)" } ?? "none",
                ])
            note(
                name, primary, isFailure: false,
                "transferred serial \(snapshot.map { "\($0.serial.rawValue)" } ?? "none")")
            if let soa = snapshot?.soa { handle(.transferred(soa), name) }
            return
        }
        counters.count(.refused)
        noteTransfer(name, primary, "transferred, but not kept", failed: fault)
        handle(.transferFailed(retryFull: false), name)
    }
}
