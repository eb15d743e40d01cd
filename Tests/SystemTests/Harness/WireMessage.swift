import Foundation

/// A response, decoded by code independent of the product's.
///
/// Every octet must be accounted for.
struct WireMessage {
    struct Record: Hashable, CustomStringConvertible {
        let owner: String
        let type: String
        let klass: UInt16
        let ttl: UInt32
        /// The record data in presentation form; `\# LENGTH HEX` for types this decoder has no form for.
        let data: String
        var description: String { "\(owner) \(ttl) \(type) \(data)" }
    }

    struct EDNS {
        let size: UInt16
        let version: UInt8
        let flags: UInt16
        let options: [(code: UInt16, data: [UInt8])]

        func option(_ code: UInt16) -> [UInt8]? { options.first { $0.code == code }?.data }
        /// INFO-CODEs of the extended errors (RFC 8914).
        var extendedErrors: [UInt16] {
            options.filter { $0.code == 15 && $0.data.count >= 2 }.map {
                UInt16($0.data[0]) << 8 | UInt16($0.data[1])
            }
        }
    }

    let bytes: [UInt8]
    let id: UInt16
    let flags: UInt16
    let rcode: String
    /// Name, type and class as sent, in the case of the response.
    let questions: [(name: String, type: String, klass: UInt16)]
    let answer: [Record]
    let authority: [Record]
    /// Without OPT.
    let additional: [Record]
    let edns: EDNS?

    var isResponse: Bool { flags & 0x8000 != 0 }
    var isAuthoritative: Bool { flags & 0x0400 != 0 }
    var isTruncated: Bool { flags & 0x0200 != 0 }
    var recursionAvailable: Bool { flags & 0x0080 != 0 }
    var isAuthenticated: Bool { flags & 0x0020 != 0 }
    var opcode: UInt16 { (flags >> 11) & 15 }

    /// The record data of the answers of one type, sorted.
    func data(_ type: String) -> [String] { answer.filter { $0.type == type }.map(\.data).sorted() }

    init(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        var reader = Reader(bytes)
        id = try reader.u16()
        flags = try reader.u16()
        let counts = (try reader.u16(), try reader.u16(), try reader.u16(), try reader.u16())
        var questions: [(String, String, UInt16)] = []
        for _ in 0..<counts.0 {
            questions.append((try reader.name(), Wire.mnemonic(try reader.u16()), try reader.u16()))
        }
        self.questions = questions
        var found: EDNS?
        answer = try (0..<counts.1).compactMap { _ in try reader.record(&found) }
        authority = try (0..<counts.2).compactMap { _ in try reader.record(&found) }
        var extended: UInt16 = 0
        additional = try (0..<counts.3).compactMap { _ in
            let record = try reader.record(&found)
            if record == nil { extended = UInt16(reader.lastTTL >> 24) << 4 }
            return record
        }
        edns = found
        rcode = Wire.rcode(extended | flags & 15)
        guard reader.isAtEnd else { throw HarnessError.malformed("octets after the message") }
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0
        var lastTTL: UInt32 = 0
        var isAtEnd: Bool { at == bytes.count }

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func u8() throws -> UInt8 {
            guard at < bytes.count else { throw HarnessError.malformed("ends at octet \(at)") }
            defer { at += 1 }
            return bytes[at]
        }
        mutating func u16() throws -> UInt16 { UInt16(try u8()) << 8 | UInt16(try u8()) }
        mutating func u32() throws -> UInt32 { UInt32(try u16()) << 16 | UInt32(try u16()) }
        mutating func take(_ count: Int) throws -> [UInt8] {
            guard at + count <= bytes.count else { throw HarnessError.malformed("ends at octet \(at)") }
            defer { at += count }
            return Array(bytes[at..<at + count])
        }

        mutating func name() throws -> String {
            var text = "", jumps = 0
            var resume: Int?
            while true {
                let length = try u8()
                if length == 0 { break }
                if length & 0xc0 == 0xc0 {
                    let start = at - 1
                    let target = Int(length & 0x3f) << 8 | Int(try u8())
                    if resume == nil { resume = at }
                    jumps += 1
                    guard target < start, jumps < 128 else {
                        throw HarnessError.malformed("pointer at \(start)")
                    }
                    at = target
                    continue
                }
                guard length < 64 else { throw HarnessError.malformed("label type at \(at - 1)") }
                text += try take(Int(length)).map(Self.escaped).joined() + "."
            }
            if let resume { at = resume }
            return text.isEmpty ? "." : text
        }

        static func escaped(_ octet: UInt8) -> String {
            switch octet {
            case UInt8(ascii: "."), UInt8(ascii: "\\"): "\\" + String(UnicodeScalar(octet))
            case 33...126: String(UnicodeScalar(octet))
            default: "\\" + String(format: "%03d", Int(octet))
            }
        }

        mutating func record(_ edns: inout EDNS?) throws -> Record? {
            let owner = try name()
            let type = try u16(), klass = try u16(), ttl = try u32()
            lastTTL = ttl
            let length = Int(try u16())
            let end = at + length
            guard end <= bytes.count else { throw HarnessError.malformed("record data of \(owner)") }
            if type == 41 {
                guard edns == nil, owner == "." else { throw HarnessError.malformed("OPT") }
                var options: [(code: UInt16, data: [UInt8])] = []
                while at < end {
                    let code = try u16()
                    options.append((code, try take(Int(try u16()))))
                }
                edns = EDNS(
                    size: klass, version: UInt8((ttl >> 16) & 0xff), flags: UInt16(ttl & 0xffff),
                    options: options)
                return nil
            }
            let data = try self.data(type, length: length)
            guard at == end else {
                throw HarnessError.malformed("record data of \(owner) \(Wire.mnemonic(type))")
            }
            return Record(owner: owner, type: Wire.mnemonic(type), klass: klass, ttl: ttl, data: data)
        }

        mutating func data(_ type: UInt16, length: Int) throws -> String {
            if length == 0 { return "" }
            switch Wire.mnemonic(type) {
            case "A": return try take(4).map(String.init).joined(separator: ".")
            case "AAAA":
                var address = try take(16)
                var text = [CChar](repeating: 0, count: 64)
                inet_ntop(AF_INET6, &address, &text, 64)
                return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            case "NS", "CNAME", "PTR", "DNAME": return try name()
            case "MX": return "\(try u16()) \(try name())"
            case "SRV": return "\(try u16()) \(try u16()) \(try u16()) \(try name())"
            case "SOA":
                let names = "\(try name()) \(try name())"
                return try (0..<5).reduce(names) { text, _ in "\(text) \(try u32())" }
            case "TXT", "SPF":
                let end = at + length
                var strings: [String] = []
                while at < end {
                    let string = try take(Int(try u8()))
                    strings.append("\"" + string.map { $0 == 34 ? "\\\"" : Self.quoted($0) }.joined() + "\"")
                }
                return strings.joined(separator: " ")
            default:
                return "\\# \(length) " + (try take(length).map { String(format: "%02x", $0) }.joined())
            }
        }

        static func quoted(_ octet: UInt8) -> String {
            octet == 32 || octet == UInt8(ascii: ".") ? String(UnicodeScalar(octet)) : escaped(octet)
        }
    }
}
