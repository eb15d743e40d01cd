import DNSCore
import DNSSecurity
import Foundation

@testable import Authority

/// Another server as a child process on loopback, authoritative for the sample zone and open to updates and transfers.
final class DifferentialPeer {
    enum Kind: String, CaseIterable, Sendable {
        case named, knotd

        var path: String? {
            ["/usr/sbin/", "/usr/bin/", "/usr/local/sbin/"].map { $0 + rawValue }.first {
                FileManager.default.isExecutableFile(atPath: $0)
            }
        }
    }

    let kind: Kind
    private let directory: String
    private let port: UInt16
    private let process = Process()
    private var connection: Int32 = -1

    /// Starts the server on `zone`; returns when it answers.
    init(_ kind: Kind, _ zone: ZoneSnapshot) throws {
        self.kind = kind
        var template = Array("/tmp/torii-peer-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, let path = kind.path else { throw CocoaError(.fileNoSuchFile) }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(directory, 0o777)
        port = try DifferentialPeer.freePort()
        let (temporary, _) = try ZoneFile.write(zone, beside: directory + "/zone")
        try ZoneFile.publish(temporary, as: directory + "/zone")
        let configuration: String
        switch kind {
        case .named:
            configuration = """
                options { directory "\(directory)"; listen-on port \(port) { 127.0.0.1; }; listen-on-v6 { none; };
                  recursion no; notify no; pid-file none; session-keyfile none; allow-transfer { any; };
                  max-journal-size 10m; };
                controls { };
                zone "example.net" { type primary; file "zone"; allow-update { any; }; };
                """
            process.arguments = ["-g", "-n", "1", "-c", directory + "/conf"]
        case .knotd:
            configuration = """
                server:
                    rundir: "\(directory)"
                    listen: 127.0.0.1@\(port)
                    tcp-workers: 1
                    udp-workers: 1
                    background-workers: 1
                database:
                    storage: "\(directory)"
                acl:
                  - id: all
                    address: 127.0.0.1
                    action: [update, transfer]
                zone:
                  - domain: example.net
                    file: "\(directory)/zone"
                    zonefile-sync: -1
                    acl: all
                """
            process.arguments = ["-c", directory + "/conf"]
        }
        try Data(configuration.utf8).write(to: URL(fileURLWithPath: directory + "/conf"))
        process.executableURL = URL(fileURLWithPath: path)
        let log = directory + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        process.standardOutput = FileHandle(forWritingAtPath: log)
        try process.run()
        // The listening socket is the event to wait for; connecting is how to ask for it.
        let deadline = Date().addingTimeInterval(20)
        while connection < 0, Date() < deadline {
            guard process.isRunning else { break }
            connect()
            if connection < 0 { sched_yield() }
        }
        guard connection >= 0 else {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw POSIXError(.ECONNREFUSED, userInfo: ["log": text])
        }
    }

    deinit {
        close(connection)
        if process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Whether the server still lives.
    var isRunning: Bool { process.isRunning }

    /// Sends a message over TCP and gives the first that comes back.
    func exchange(_ message: [UInt8]) throws -> [UInt8] {
        if kind == .knotd {
            // It closes connections after some of its errors.
            close(connection)
            connection = -1
        }
        try send(message)
        return try receive()
    }

    /// The zone as the server has it, by AXFR, or by IXFR from `current`.
    func transfer(from current: ZoneSnapshot? = nil) throws -> TransferOutcome {
        var incoming = IncomingTransfer(
            zone: Sample.apex, current: current, incremental: current != nil, key: nil, id: 4242)
        try send(incoming.query(now: 0))
        while true {
            let octets = try receive()
            switch incoming.receive(octets.span.bytes, now: 0) {
            case .wait: continue
            case .finish(let outcome): return outcome
            case .fail(let failure): throw failure
            }
        }
    }

    private func send(_ message: [UInt8]) throws {
        if connection < 0 { connect() }
        let framed = [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
        guard write(connection, framed, framed.count) == framed.count else { throw POSIXError(.EPIPE) }
    }

    private func receive() throws -> [UInt8] {
        let head = try read(2)
        return try read(Int(head[0]) << 8 | Int(head[1]))
    }

    private func read(_ count: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65535)
        while result.count < count {
            let got = Foundation.read(connection, &buffer, count - result.count)
            guard got > 0 else {
                close(connection)
                connection = -1
                throw POSIXError(.ECONNRESET)
            }
            result += buffer[..<got]
        }
        return result
    }

    private func connect() {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = DifferentialPeer.loopback(port)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { connection = descriptor } else { close(descriptor) }
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    /// A port that was free a moment ago.
    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            } ? UInt16(bigEndian: pointer.pointee.sin_port) : 0
        }
        guard port > 0 else { throw POSIXError(.EADDRINUSE) }
        return port
    }
}

/// Random updates from a seed, without those in which a peer is known to leave the text of RFC 2136.
struct DifferentialUpdates: RandomNumberGenerator {
    private var state: UInt64
    private let kind: DifferentialPeer.Kind

    init(seed: UInt64, for kind: DifferentialPeer.Kind) {
        state = seed
        self.kind = kind
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    private mutating func pick<Element>(_ list: [Element]) -> Element {
        list[Int.random(in: 0..<list.count, using: &self)]
    }

    private static let names = [
        "www", "alias", "text", "a.deep", "deep", "b.c.d", "*.wild", "host", "sub", "@",
    ]

    /// Type and data.
    private mutating func value() -> String {
        switch Int.random(in: 0..<9, using: &self) {
        case 0, 1, 2: "A 192.0.2.\(Int.random(in: 1...4, using: &self))"
        case 3: "AAAA 2001:db8::\(Int.random(in: 1...3, using: &self))"
        case 4: "TXT t\(Int.random(in: 1...3, using: &self))"
        case 5: "MX \(Int.random(in: 1...2, using: &self)) mx.example.org."
        case 6: "CNAME \(pick(["www", "text", "nowhere"]))"
        case 7: "NS \(pick(["ns.example.org.", "ns2.example.org."]))"
        default: "TYPE65280 x"
        }
    }

    private mutating func prerequisite() -> String {
        let name = pick(Self.names)
        return switch Int.random(in: 0..<6, using: &self) {
        case 0: "yxdomain \(name)"
        case 1: "nxdomain \(name)"
        case 2: "yxrrset \(name) \(pick(["A", "TXT", "CNAME", "NS", "MX"]))"
        case 3: "nxrrset \(name) \(pick(["A", "TXT", "CNAME", "NS", "MX"]))"
        default: "yxrrset \(name) \(value())"
        }
    }

    private mutating func change() -> String {
        let name = pick(Self.names)
        switch Int.random(in: 0..<10, using: &self) {
        case 0: return "delete \(name)"
        case 1: return "delete \(name) \(pick(["A", "TXT", "CNAME", "NS", "MX", "AAAA", "SOA"]))"
        case 2, 3: return "delete \(name) \(value())"
        default:
            let data = value()
            // NS at a wildcard: named ignores it, in accord with RFC 4592 4.2.
            if data.hasPrefix("NS"), name.hasPrefix("*") { return "add \(name) 300 A 192.0.2.1" }
            // knotd ignores a change of TTL.
            let ttl = kind == .knotd ? 300 : pick([300, 300, 300, 60])
            return "add \(name) \(ttl) \(data)"
        }
    }

    /// One update.
    mutating func update(id: UInt16) -> Message {
        var message = Message(
            id: id, flags: HeaderFlags().with(opcode: .update, responseCode: .noError),
            questions: [Question(name: Sample.apex, type: .soa)])
        for _ in 0..<pick([0, 0, 0, 1, 1, 2]) {
            let record = Sample.prerequisite(prerequisite())
            // named counts a record with data that comes twice as two.
            if !message.answers.contains(where: { $0.isSame(as: record) }) { message.answers.append(record) }
        }
        for _ in 0..<Int.random(in: 1...5, using: &self) {
            message.authorities.append(Sample.change(change()))
        }
        if message.answers.isEmpty, Int.random(in: 0..<12, using: &self) == 0 {
            message.authorities = [fault()]
        }
        return message
    }

    /// A record that the prescan refuses.
    private mutating func fault() -> ResourceRecord {
        var record = Sample.change("add www 60 A 192.0.2.1")
        switch Int.random(in: 0..<5, using: &self) {
        case 0: record.owner = Sample.name("www.example.org.")
        case 1:
            record.type = .any
            record.data = RecordData([])
        case 2: record.recordClass = .chaos
        case 3: record.recordClass = .none  // with a TTL
        default:
            record = Sample.change("delete www")
            record.data = RecordData([])
            record.type = .axfr
        }
        return record
    }
}
