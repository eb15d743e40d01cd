import DNSCore
import DNSSecurity
import Synchronization

@testable import Authority

/// Short ways to write records, zones and updates.
enum Sample {
    static let apex = Name(trustedWire: [7] + Array("example".utf8) + [3] + Array("net".utf8) + [0])

    /// A name, relative to the zone unless it ends in a dot; a test that misspells one stops here.
    static func name(_ text: String) -> Name {
        guard let name = try? Name(text, origin: apex) else { preconditionFailure("no name: \(text)") }
        return name
    }

    static func type(_ text: String) -> RRType {
        guard let type = RRType(mnemonic: text) else { preconditionFailure("no type: \(text)") }
        return type
    }

    static func address(_ text: String) -> IPAddress {
        guard let address = IPAddress(text) else { preconditionFailure("no address: \(text)") }
        return address
    }

    static func prefix(_ text: String) -> IPPrefix {
        guard let prefix = IPPrefix(text) else { preconditionFailure("no prefix: \(text)") }
        return prefix
    }

    static func number(_ text: some StringProtocol) -> UInt32 {
        guard let number = UInt32(text) else { preconditionFailure("no number: \(text)") }
        return number
    }

    /// A record from `owner ttl type data`, names relative to the zone.
    static func record(_ text: String, class rclass: RRClass = .internet) -> ResourceRecord {
        let parts = text.split(separator: " ", maxSplits: 3).map(String.init)
        let type = self.type(parts[2])
        return ResourceRecord(
            owner: name(parts[0]), type: type, recordClass: rclass, ttl: number(parts[1]),
            data: RecordData(parts.count > 3 ? data(parts[3], type) : []))
    }

    static func data(_ text: String, _ type: RRType) -> [UInt8] {
        switch type {
        case .a, .aaaa: return address(text).octets
        case .ns, .cname, .dname, .ptr: return name(text).wire
        case .mx:
            let parts = text.split(separator: " ")
            return [0, UInt8(number(parts[0]))] + name(String(parts[1])).wire
        case .txt: return [UInt8(text.utf8.count)] + Array(text.utf8)
        case .soa:
            let serial = number(text)
            return name("ns1").wire + name("admin").wire + [24, 16, 8, 0].map { UInt8(serial >> $0 & 255) }
                + [0, 0, 14, 16, 0, 0, 3, 132, 0, 9, 58, 128, 0, 0, 0, 60]
        default: return Array(text.utf8)
        }
    }

    static let records = [
        "@ 3600 SOA 100", "@ 3600 NS ns1", "@ 3600 NS ns2", "@ 3600 MX 10 mail", "ns1 3600 A 192.0.2.1",
        "ns2 3600 A 192.0.2.2", "www 300 A 192.0.2.80", "www 300 A 192.0.2.81", "alias 300 CNAME www",
        "text 300 TXT hello", "a.deep 300 A 192.0.2.9", "old 300 DNAME www",
    ].map { record($0) }

    static func zone(_ extra: [String] = []) throws -> ZoneSnapshot {
        try ZoneSnapshot(apex: apex, records: records + extra.map { record($0) })
    }

    /// A line such as `add www 60 A 192.0.2.1`, `delete www A 192.0.2.1`, `delete www A`, `delete www`.
    static func change(_ line: String) -> ResourceRecord {
        let parts = line.split(separator: " ", maxSplits: 3).map(String.init)
        if parts[0] == "add" { return record(String(line.dropFirst(4))) }
        let owner = name(parts[1])
        guard parts.count > 2 else {
            return ResourceRecord(owner: owner, type: .any, recordClass: .any, ttl: 0, data: RecordData([]))
        }
        let type = self.type(parts[2])
        guard parts.count > 3 else {
            return ResourceRecord(owner: owner, type: type, recordClass: .any, ttl: 0, data: RecordData([]))
        }
        return ResourceRecord(
            owner: owner, type: type, recordClass: .none, ttl: 0, data: RecordData(data(parts[3], type)))
    }

    /// A line such as `yxdomain www`, `nxdomain www`, `yxrrset www A`, `nxrrset www A`, `yxrrset www A 192.0.2.1`.
    static func prerequisite(_ line: String) -> ResourceRecord {
        let parts = line.split(separator: " ", maxSplits: 3).map(String.init)
        let owner = name(parts[1])
        let type = parts.count > 2 ? self.type(parts[2]) : .any
        let rclass: RRClass = parts.count > 3 ? .internet : parts[0].hasPrefix("yx") ? .any : .none
        return ResourceRecord(
            owner: owner, type: type, recordClass: rclass, ttl: 0,
            data: RecordData(parts.count > 3 ? data(parts[3], type) : []))
    }

    static let loopback = UpdateRequestor(source: .loopbackIPv4)
    static let openPolicy = UpdatePolicy(rules: [UpdateRule()])

    static func request(
        _ prerequisites: [ResourceRecord] = [], _ updates: [ResourceRecord],
        from requestor: UpdateRequestor = loopback
    ) throws -> UpdateRequest {
        try UpdateRequest.make(zone: Question(name: apex, type: .soa), prerequisites, updates, requestor)
            .get()
    }

    /// Carries an update out and gives the outcome and the zone afterwards.
    static func run(
        _ zone: ZoneSnapshot, prerequisites: [ResourceRecord] = [], _ updates: [ResourceRecord],
        from requestor: UpdateRequestor = loopback, policy: UpdatePolicy = openPolicy,
        settings: UpdateSettings = UpdateSettings(), now: Int64 = 0
    ) throws -> (UpdateReason, ZoneSnapshot, ZoneDifference?) {
        let request = try request(prerequisites, updates, from: requestor)
        var edit = zone.edit()
        do throws(UpdateReason) {
            let difference = try ZoneUpdate.run(
                request, on: &edit, apex: zone.apex, policy: policy, settings: settings, now: now)
            let after = edit.commit()
            guard let difference else { return (.unchanged(after.serial), after, nil) }
            return (.applied(from: difference.from, to: difference.to), after, difference)
        } catch {
            let after = edit.commit()
            return (error, after, nil)
        }
    }
}

extension ZoneSnapshot {
    /// Every record as text, sorted: what a test compares zones by.
    var contents: [String] {
        var lines: [String] = []
        forEachRRset { set in
            for data in set.data {
                lines.append(
                    "\(set.owner.lowercased) \(set.ttl) \(set.type) \(data.canonical(as: set.type).octets)")
            }
        }
        return lines.sorted()
    }
}
