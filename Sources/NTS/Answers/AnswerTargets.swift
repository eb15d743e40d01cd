package import DNSCore

/// What an answer offers to negotiate: which hosts, at which addresses.
///
/// Reads the octets of a whole response. Addresses are those of A and AAAA records in the answer, of HTTPS and SVCB
/// hints, and of the additional section where an SRV, HTTPS or SVCB record of the answer leads there.
package struct AnswerTargets: Sendable, Equatable {
    /// A host that the client may go on to, and an address of it.
    package struct Target: Hashable, Sendable {
        /// The name that owns the address, after CNAME, DNAME and the target of a service record.
        package var host: Name
        package var address: IPAddress

        package init(host: Name, address: IPAddress) {
            self.host = host
            self.address = address
        }
    }

    /// In the order of the message, without repetition.
    package var targets: [Target] = []

    /// Reads a response; nil when it offers no address.
    ///
    /// - Parameters:
    ///   - layout: `questionEnd` and the three counts are used.
    ///   - limit: targets beyond this number are left out.
    package init?(in response: borrowing RawSpan, layout: MessageLayout, limit: Int = 32) {
        var services: [Name] = []
        var found: [Target] = []
        AnswerRecords.walk(response, layout) { response, section, record in
            guard found.count < limit else { return }
            switch record.type {
            case .a, .aaaa:
                guard let address = record.address(response),
                    let host = try? MessageView.name(in: response, at: record.owner)
                else { return }
                if section == .additional, !services.contains(host) { return }
                let target = Target(host: host, address: address)
                if !found.contains(target) { found.append(target) }
            case .https, .svcb, .srv:
                guard section == .answer, let host = record.serviceTarget(response) else { return }
                if !services.contains(host) { services.append(host) }
                guard record.type != .srv, let data = response.copy(record.data) else { return }
                for hint in ServiceParameters.hints(in: data) where found.count < limit {
                    let target = Target(host: host, address: hint)
                    if !found.contains(target) { found.append(target) }
                }
            default: break
            }
        }
        guard !found.isEmpty else { return nil }
        targets = found
    }

    /// Whether an answer may concern the policy: what ``init(in:layout:limit:)`` would find, decided without
    /// allocation, so that a name outside the policy costs a look at its addresses.
    ///
    /// True for every service record: where it leads is looked at afterwards.
    package static func concern(
        _ policy: TargetPolicy, zoneIsMarked: Bool, in response: borrowing RawSpan,
        layout: MessageLayout
    ) -> Bool {
        var answers = layout
        answers.authorityCount = 0
        answers.additionalCount = 0
        var concerns = false
        AnswerRecords.walk(response, answers) { response, section, record in
            guard !concerns else { return }
            switch record.type {
            case .a, .aaaa:
                guard let address = record.address(response) else { return }
                concerns = policy.applies(to: address, zoneIsMarked: zoneIsMarked)
            // Rare enough to look closer only afterwards.
            case .srv, .https, .svcb: concerns = true
            default: break
            }
        }
        return concerns
    }
}

/// The records of a response that can carry an address or a port.
enum AnswerRecords {
    struct Record {
        /// Where the owner's name stands.
        var owner: Int
        var type: RRType
        var ttl: UInt32
        var data: Range<Int>

        /// The address of an A or AAAA record.
        func address(_ bytes: borrowing RawSpan) -> IPAddress? {
            switch (type, data.count) {
            case (.a, 4): bytes.uint32(at: data.lowerBound).map { IPAddress(v4: $0) }
            case (.aaaa, 16): IPAddress.six(bytes, at: data.lowerBound)
            default: nil
            }
        }

        /// Where an SRV, HTTPS or SVCB record leads: its target, for "." in the latter two its owner.
        func serviceTarget(_ bytes: borrowing RawSpan) -> Name? {
            let start = data.lowerBound + (type == .srv ? 6 : 2)
            guard start < data.upperBound, let target = try? MessageView.name(in: bytes, at: start) else {
                return nil
            }
            if !target.isRoot { return target }
            return type == .srv ? nil : try? MessageView.name(in: bytes, at: owner)
        }
    }

    /// Calls `body` with each such record of the answer and the additional section.
    static func walk(
        _ bytes: borrowing RawSpan, _ layout: MessageLayout,
        _ body: (borrowing RawSpan, Section, Record) -> Void
    ) {
        var position = layout.questionEnd
        guard walk(bytes, .answer, layout.answerCount, &position, body),
            walk(bytes, nil, layout.authorityCount, &position, body)
        else { return }
        _ = walk(bytes, .additional, layout.additionalCount, &position, body)
    }

    private static func walk(
        _ bytes: borrowing RawSpan, _ section: Section?, _ count: UInt16, _ position: inout Int,
        _ body: (borrowing RawSpan, Section, Record) -> Void
    ) -> Bool {
        for _ in 0..<Int(count) {
            guard let fixed = try? MessageView.skipName(bytes, at: position),
                let type = bytes.uint16(at: fixed), let ttl = bytes.uint32(at: fixed + 4),
                let length = bytes.uint16(at: fixed + 8)
            else { return false }
            let data = (fixed + 10)..<(fixed + 10 + Int(length))
            guard data.upperBound <= bytes.byteCount else { return false }
            if let section {
                body(
                    bytes, section,
                    Record(owner: position, type: RRType(rawValue: type), ttl: ttl, data: data))
            }
            position = data.upperBound
        }
        return true
    }
}

extension IPAddress {
    /// The IPv6 address at an offset.
    fileprivate static func six(_ bytes: borrowing RawSpan, at offset: Int) -> IPAddress? {
        guard let a = bytes.uint32(at: offset), let b = bytes.uint32(at: offset + 4),
            let c = bytes.uint32(at: offset + 8), let d = bytes.uint32(at: offset + 12)
        else { return nil }
        return IPAddress(high: UInt64(a) << 32 | UInt64(b), low: UInt64(c) << 32 | UInt64(d))
    }
}

/// The parameters of HTTPS and SVCB record data (RFC 9460 2.2).
enum ServiceParameters {
    static let port = 3

    /// Key and value range of each, in order; empty for broken data.
    static func list(in octets: [UInt8]) -> [(key: Int, value: Range<Int>)] {
        var position = 2
        while position < octets.count, octets[position] != 0 {
            guard octets[position] < 64 else { return [] }
            position += 1 + Int(octets[position])
        }
        position += 1
        var result: [(key: Int, value: Range<Int>)] = []
        while position + 4 <= octets.count {
            let key = Int(octets[position]) << 8 | Int(octets[position + 1])
            let end = position + 4 + (Int(octets[position + 2]) << 8 | Int(octets[position + 3]))
            guard end <= octets.count else { return result }
            result.append((key, (position + 4)..<end))
            position = end
        }
        return result
    }

    /// The `ipv4hint` (4) and `ipv6hint` (6) addresses.
    static func hints(in octets: [UInt8]) -> [IPAddress] {
        var result: [IPAddress] = []
        for parameter in list(in: octets) where parameter.key == 4 || parameter.key == 6 {
            let width = parameter.key == 4 ? 4 : 16
            var position = parameter.value.lowerBound
            while position + width <= parameter.value.upperBound {
                if let address = IPAddress(octets: octets[position..<(position + width)]) {
                    result.append(address)
                }
                position += width
            }
        }
        return result
    }

    /// The port that a record without `port` means: that of its owner's `_NNN` label, else 443 for HTTPS (RFC 9460 9.1).
    static func defaultPort(owner: Name, type: RRType) -> UInt16? {
        if let first = owner.labels.first, first.first == UInt8(ascii: "_"),
            let port = UInt16(String(decoding: first.dropFirst(), as: UTF8.self))
        {
            return port
        }
        return type == .https ? 443 : nil
    }

    /// The data with `port` set: replaced where it stands, else put in its place among the keys (which rise).
    static func setting(port: UInt16, in octets: [UInt8]) -> [UInt8] {
        let value = [UInt8(port >> 8), UInt8(port & 0xff)]
        let all = list(in: octets)
        var result = octets
        if let place = all.first(where: { $0.key == Self.port && $0.value.count == 2 }) {
            result.replaceSubrange(place.value, with: value)
            return result
        }
        let place = all.first { $0.key > Self.port }.map { $0.value.lowerBound - 4 } ?? octets.count
        result.insert(contentsOf: [0, UInt8(Self.port), 0, 2] + value, at: place)
        return result
    }
}
