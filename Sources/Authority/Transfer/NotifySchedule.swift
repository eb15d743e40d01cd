package import DNSCore
package import DNSSecurity

/// When which server is told of a zone's change, without I/O (RFC 1996 3.3, 3.6).
///
/// Changes that follow each other closely make one NOTIFY with the newest serial. A server that does not answer is told
/// again at growing intervals; a newer change starts its count afresh. Times are milliseconds of a clock that only goes
/// forward.
package struct NotifySchedule: Sendable {
    /// Times to tell a server that does not answer.
    package static let attempts = 5
    /// Milliseconds until the second time; doubled for each further one.
    package static let firstInterval: Int64 = 2000
    /// Milliseconds that lie between the NOTIFYs for two changes at least.
    package static let coalescing: Int64 = 500

    private struct Target: Sendable {
        var pending = false
        var attempts = 0
        var due: Int64 = 0
        var lastSent: Int64?
    }

    private var targets: [Target]
    /// The serial that the next message tells.
    package private(set) var serial: Serial?
    /// Servers that were given up on.
    package private(set) var abandoned = 0

    /// How many servers are told.
    package var targetCount: Int { targets.count }

    package init(targets: Int) {
        self.targets = Array(repeating: Target(), count: targets)
    }

    /// The zone has a new version.
    package mutating func changed(to serial: Serial, now: Int64) {
        self.serial = serial
        for index in targets.indices {
            targets[index].pending = true
            targets[index].attempts = 0
            let earliest = targets[index].lastSent.map { $0 + NotifySchedule.coalescing } ?? now
            targets[index].due = max(now, earliest)
        }
    }

    /// When to call ``due(now:)`` next; nil when nothing is to be done.
    package var deadline: Int64? { targets.lazy.filter(\.pending).map(\.due).min() }

    /// The servers to tell now, by number.
    package mutating func due(now: Int64) -> [Int] {
        var result: [Int] = []
        for index in targets.indices where targets[index].pending && targets[index].due <= now {
            guard targets[index].attempts < NotifySchedule.attempts else {
                targets[index].pending = false
                abandoned += 1
                continue
            }
            targets[index].due = now + NotifySchedule.firstInterval << Int64(targets[index].attempts)
            targets[index].attempts += 1
            targets[index].lastSent = now
            result.append(index)
        }
        return result
    }

    /// The server answered, with whatever code: it knows (RFC 1996 4.8).
    package mutating func answered(_ target: Int) {
        guard targets.indices.contains(target) else { return }
        targets[target].pending = false
    }
}

/// The messages of NOTIFY.
package enum NotifyMessage {
    /// A NOTIFY for the zone, signed when there is a session (RFC 1996 3.7).
    package static func encode(
        _ zone: ZoneSnapshot, id: UInt16, session: inout TSIGSession?, now: UInt64
    ) -> [UInt8] {
        let message = Message(
            id: id, flags: HeaderFlags.authoritative.with(opcode: .notify, responseCode: .noError),
            questions: [Question(name: zone.apex, type: .soa)], answers: zone.soa.records)
        var octets = message.encoded(limit: 512)
        session?.sign(&octets, now: now)
        return octets
    }

    /// What a received NOTIFY amounts to.
    package enum Verdict: Sendable, Equatable {
        /// Check the primaries; the serial that it tells, and the number of the primary that sent it.
        case accept(Serial?, primary: Int?)
        /// The response code, and why.
        case refuse(ResponseCode, Cause)
    }

    /// Why a NOTIFY was refused.
    package enum Cause: Sendable, Equatable {
        /// Other than one question of type SOA and class IN.
        case malformed
        /// Not a zone that we are a secondary for.
        case notSecondary
        /// From none of the primaries, and no rule allows it.
        case source
        /// Not signed with the primary's key.
        case key(wanted: Name)
    }

    /// A primary as a NOTIFY is compared with it.
    package struct Primary: Sendable, Equatable {
        package var address: IPAddress
        /// The key that its messages must be signed with.
        package var key: Name?

        package init(address: IPAddress, key: Name?) {
            self.address = address
            self.key = key
        }
    }

    /// Judges a NOTIFY for a zone that we are a secondary for (RFC 1996 3.10, 3.11).
    ///
    /// Unsigned ones are refused where the primary has a key.
    ///
    /// - Parameter key: the key whose signature was verified.
    /// - Parameter isAllowed: whether the zone's other rules (`allow-notify`) let this sender notify.
    package static func judge(
        _ message: Message, source: IPAddress, key: Name?, primaries: [Primary], isAllowed: Bool
    ) -> Verdict {
        guard message.questions.count == 1, let question = message.questions.first, question.type == .soa,
            question.recordClass == .internet
        else { return .refuse(.formatError, .malformed) }
        let serial = message.answers.first { $0.type == .soa && $0.owner == question.name }?.data.soaSerial
        let sender = source.unmapped
        let matching = primaries.indices.filter { primaries[$0].address.unmapped == sender }
        if let primary = matching.first(where: { primaries[$0].key == nil || primaries[$0].key == key }) {
            return .accept(serial, primary: primary)
        }
        if isAllowed { return .accept(serial, primary: nil) }
        if let wanted = matching.first.flatMap({ primaries[$0].key }) {
            return .refuse(.refused, .key(wanted: wanted))
        }
        return .refuse(.refused, .source)
    }
}

extension NotifyMessage.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed: "not one question for an SOA"
        case .notSecondary: "not a secondary zone of ours"
        case .source: "from none of the primaries, and no rule of allow-notify lets the sender"
        case .key(let wanted): "not signed with \(wanted), the key of that primary"
        }
    }
}
