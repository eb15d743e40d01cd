import DNSCore
import DNSSecurity
import Testing

@testable import Authority

@Suite struct TransferTimingTests {
    /// An SOA with refresh 3600 s, retry 900 s, expire 604800 s.
    private func soa(_ serial: UInt32) -> RRset {
        RRset(owner: Sample.apex, type: .soa, ttl: 60, data: [RecordData(Sample.data("\(serial)", .soa))])
    }

    @Test("A refresh in time, with no news")
    func quiet() {
        var refresh = ZoneRefresh(primaries: 2, soa: soa(10), confirmedAt: 0)
        #expect(refresh.handle(.start, now: 0) == [.askSerial(primary: 0)])
        #expect(refresh.handle(.serial(Serial(rawValue: 10)), now: 50) == [])
        #expect(refresh.deadline == 3_600_050)
        #expect(refresh.handle(.timer, now: 3_600_050) == [.askSerial(primary: 0)])
    }

    @Test("All primaries in turn; a transfer from the one that is newer; then the retry time when none helps")
    func fallback() {
        var refresh = ZoneRefresh(primaries: 3, soa: soa(10), confirmedAt: 0)
        #expect(refresh.handle(.start, now: 0) == [.askSerial(primary: 0)])
        #expect(refresh.handle(.noAnswer, now: 10) == [.askSerial(primary: 1)])
        #expect(refresh.handle(.serial(Serial(rawValue: 9)), now: 20) == [.askSerial(primary: 2)])
        #expect(
            refresh.handle(.serial(Serial(rawValue: 11)), now: 30) == [
                .transfer(primary: 2, incremental: true)
            ])
        #expect(
            refresh.handle(.transferFailed(retryFull: true), now: 40) == [
                .transfer(primary: 2, incremental: false)
            ])
        #expect(refresh.handle(.transferFailed(retryFull: false), now: 50) == [])
        #expect(!refresh.isBusy)
        #expect(refresh.deadline > 50 + 800_000 && refresh.deadline <= 50 + 900_000)
        #expect(refresh.handle(.timer, now: refresh.deadline) == [.askSerial(primary: 0)])
        #expect(
            refresh.handle(.serial(Serial(rawValue: 12)), now: 900_100) == [
                .transfer(primary: 0, incremental: true)
            ])
        #expect(refresh.handle(.transferred(soa(12)), now: 900_200) == [])
        #expect(refresh.deadline == 900_200 + 3_600_000)
    }

    @Test("Without an answer the zone expires, and comes back with a transfer")
    func expiry() {
        var refresh = ZoneRefresh(primaries: 1, soa: soa(10), confirmedAt: 0)
        var now: Int64 = 0
        var actions: [ZoneRefresh.Action] = []
        while !actions.contains(.expire), now < 700_000_000 {
            now = refresh.deadline
            actions = refresh.handle(.timer, now: now)
            if actions == [.askSerial(primary: 0)] { _ = refresh.handle(.noAnswer, now: now + 5) }
        }
        #expect(now == 604_800_000)
        #expect(refresh.isExpired)
        if actions == [.expire] {
            now = refresh.deadline
            actions = refresh.handle(.timer, now: now)
        }
        // Expired: there is nothing to compare with, so the whole zone.
        #expect(
            actions.contains(.transfer(primary: 0, incremental: false))
                || actions.contains(.askSerial(primary: 0)))
        _ = refresh.handle(.serial(Serial(rawValue: 5)), now: now)
        _ = refresh.handle(.transferred(soa(5)), now: now + 1)
        #expect(!refresh.isExpired)
    }

    @Test("A zone that was never there is fetched at once")
    func firstTime() {
        var refresh = ZoneRefresh(primaries: 2, soa: nil, confirmedAt: 0)
        #expect(refresh.isExpired)
        #expect(refresh.handle(.start, now: 0) == [.transfer(primary: 0, incremental: false)])
        #expect(
            refresh.handle(.transferFailed(retryFull: false), now: 1) == [
                .transfer(primary: 1, incremental: false)
            ])
        #expect(refresh.handle(.transferred(soa(1)), now: 2) == [])
        #expect(!refresh.isExpired)
    }

    @Test(
        "NOTIFY: its sender is asked first; known serials do nothing; one during a round makes another follow"
    )
    func notified() {
        var refresh = ZoneRefresh(primaries: 2, soa: soa(10), confirmedAt: 0)
        #expect(refresh.handle(.notified(Serial(rawValue: 10), primary: 1), now: 5) == [])
        #expect(
            refresh.handle(.notified(Serial(rawValue: 11), primary: 1), now: 6) == [.askSerial(primary: 1)])
        for _ in 0..<100 { #expect(refresh.handle(.notified(nil, primary: 0), now: 7) == []) }
        #expect(
            refresh.handle(.serial(Serial(rawValue: 11)), now: 8) == [
                .transfer(primary: 1, incremental: true)
            ])
        #expect(refresh.handle(.transferred(soa(11)), now: 9) == [.askSerial(primary: 0)])
        #expect(refresh.handle(.serial(Serial(rawValue: 11)), now: 10) == [])
        #expect(!refresh.isBusy)
    }

    @Test("Serials are compared on their circle")
    func circle() {
        var refresh = ZoneRefresh(primaries: 1, soa: soa(4_294_967_295), confirmedAt: 0)
        #expect(refresh.handle(.start, now: 0) == [.askSerial(primary: 0)])
        #expect(
            refresh.handle(.serial(Serial(rawValue: 1)), now: 1) == [.transfer(primary: 0, incremental: true)]
        )
    }

    @Test(
        "Changes close together make one NOTIFY; a silent server is told again, five times, at growing intervals"
    )
    func schedule() {
        var schedule = NotifySchedule(targets: 2)
        #expect(schedule.deadline == nil)
        schedule.changed(to: Serial(rawValue: 1), now: 0)
        #expect(schedule.due(now: 0) == [0, 1])
        for index in 0..<50 { schedule.changed(to: Serial(rawValue: UInt32(2 + index)), now: Int64(index)) }
        #expect(schedule.due(now: 100) == [])
        #expect(schedule.deadline == NotifySchedule.coalescing)
        #expect(schedule.due(now: 500) == [0, 1])
        #expect(schedule.serial == Serial(rawValue: 51))
        schedule.answered(0)
        var sent: [Int64] = []
        var now: Int64 = 500
        while let deadline = schedule.deadline, sent.count < 20 {
            now = deadline
            if schedule.due(now: now) == [1] { sent.append(now) }
        }
        #expect(sent == [2500, 6500, 14500, 30500])
        #expect(schedule.abandoned == 1)
    }

    private let primaries = [
        NotifyMessage.Primary(address: Sample.address("192.0.2.1"), key: nil),
        NotifyMessage.Primary(address: Sample.address("192.0.2.2"), key: Sample.name("key")),
    ]

    @Test("A NOTIFY is believed from a primary, with its key where it has one")
    func judged() throws {
        var session: TSIGSession?
        let zone = try Sample.zone()
        let octets = NotifyMessage.encode(zone, id: 9, session: &session, now: 0)
        let message = try Message(parsing: octets)
        func judge(
            _ source: String, key: Name? = nil, isAllowed: Bool = false
        ) throws -> NotifyMessage.Verdict {
            NotifyMessage.judge(
                message, source: try #require(IPAddress(source)), key: key, primaries: primaries,
                isAllowed: isAllowed)
        }
        let serial = Serial(rawValue: 100)
        #expect(try judge("192.0.2.1") == .accept(serial, primary: 0))
        #expect(try judge("::ffff:192.0.2.1") == .accept(serial, primary: 0))
        #expect(try judge("192.0.2.2") == .refuse(.refused, .key(wanted: Sample.name("key"))))
        #expect(try judge("192.0.2.2", key: Sample.name("key")) == .accept(serial, primary: 1))
        #expect(try judge("192.0.2.3") == .refuse(.refused, .source))
        #expect(try judge("192.0.2.3", isAllowed: true) == .accept(serial, primary: nil))
        let malformed = Message(id: 1, questions: [Question(name: Sample.apex, type: .a)])
        #expect(
            NotifyMessage.judge(
                malformed, source: primaries[0].address, key: nil, primaries: primaries, isAllowed: false)
                == .refuse(.formatError, .malformed))
    }

    @Test("A forwarded update keeps its octets but for the ID, and the client gets its own ID back")
    func forwarding() throws {
        let message = Message(
            id: 0x1234, flags: HeaderFlags().with(opcode: .update, responseCode: .noError),
            questions: [Question(name: Sample.apex, type: .soa)],
            authorities: [Sample.change("add x 60 A 192.0.2.1")])
        let update = message.encoded()
        var forwarding = try #require(UpdateForwarding(update, id: 0xbeef, primaries: 2))
        let next = forwarding.next()
        let first = try #require(next)
        #expect(
            first.primary == 0 && first.octets[2...] == update[2...] && first.octets[..<2] == [0xbe, 0xef])
        let second = forwarding.next()
        #expect(second?.primary == 1)
        let third = forwarding.next()
        #expect(third == nil)
        let answer = Message(
            id: 0xbeef, flags: HeaderFlags.response.with(opcode: .update, responseCode: .refused)
        ).encoded()
        #expect(forwarding.response(answer)?[..<2] == [0x12, 0x34])
        var wrong = answer
        wrong[1] ^= 1
        #expect(forwarding.response(wrong) == nil)
    }
}
