package import DNSCore

/// What the TSIG of a request amounts to (RFC 8945 5.2).
package enum TSIGVerdict: Sendable {
    /// There is none.
    case unsigned
    /// The key's holder sent this message now. The response must be signed with the session.
    case verified(TSIGSession)
    /// NOTAUTH; the response takes its TSIG error record from the session.
    case rejected(TSIGRejection, TSIGSession)
    /// FORMERR, without TSIG: the record does not have its form, or a MAC of impossible length (RFC 8945 5.2.2.1).
    case malformed
}

/// Why a signature did not count, for log and explanation.
package struct TSIGRejection: Sendable, Equatable {
    /// What was found.
    package enum Cause: Sendable, Equatable {
        case unknownKey
        /// The key is known, but with this algorithm.
        case otherAlgorithm(expected: TSIGAlgorithm)
        case wrongMAC
        /// Signed this many seconds from now; negative is the past.
        case time(offset: Int64, fudge: UInt16)
    }
    /// What the TSIG record of the response says.
    package var error: TSIGError
    package var cause: Cause
    /// The key that the message names.
    package var key: Name
    /// The algorithm that the message names.
    package var algorithm: Name
}

/// One side's memory of a signed exchange: signs a response, or each message of a long one (RFC 8945 5.3).
///
/// A value without heap storage except where the key is unknown.
package struct TSIGSession: Sendable {
    /// Seconds that clocks may differ (RFC 8945 10).
    package static let fudge: UInt16 = 300

    /// The key that both sides share; nil when the request named one that is not known.
    package let key: TSIGKey?
    /// The error that the response must tell.
    package let error: TSIGError?
    /// The MAC that enters the next digest; empty for a client's request.
    var prior: TSIGMAC
    /// Whether the next message is the first of its direction, whose digest holds all variables.
    var isFirst = true
    /// The request's time, which a BADTIME response repeats (RFC 8945 5.2.3).
    private let requestTime: UInt64
    /// Key and algorithm name as the request had them, for a key that is not known.
    private let foreign: [UInt8]
    private let foreignKeyLength: Int

    /// A client's side, which signs its request first.
    package init(signingWith key: TSIGKey) {
        self.key = key
        error = nil
        prior = TSIGMAC()
        requestTime = 0
        foreign = []
        foreignKeyLength = 0
    }

    private init(
        key: TSIGKey?, error: TSIGError?, prior: TSIGMAC, record: TSIGRecord, foreign: (Name, Name)? = nil
    ) {
        self.key = key
        self.error = error
        self.prior = prior
        requestTime = record.timeSigned
        self.foreign = foreign.map { $0.0.wire + $0.1.wire } ?? []
        foreignKeyLength = foreign?.0.wire.count ?? 0
    }

    /// What tells this request's signature from any other: the beginning of its MAC, which truncation leaves.
    package var signature: UInt64 { prior.beginning }

    /// The session of a good request whose time is not to be believed after all: its response says BADTIME, signed.
    package func refusingTime() -> TSIGSession {
        TSIGSession(key: key, error: .badTime, prior: prior, time: requestTime)
    }

    private init(key: TSIGKey?, error: TSIGError?, prior: TSIGMAC, time: UInt64) {
        self.key = key
        self.error = error
        self.prior = prior
        requestTime = time
        foreign = []
        foreignKeyLength = 0
    }

    /// Checks the signature of a request (RFC 8945 5.2): key, MAC, time, in that order.
    ///
    /// - Parameter layout: the survey of `bytes`.
    /// - Parameter now: seconds since 1970.
    package static func verify(
        _ bytes: borrowing RawSpan, layout: MessageLayout, keys: borrowing TSIGKeyring, now: UInt64
    ) -> TSIGVerdict {
        guard let start = layout.tsigStart else { return .unsigned }
        guard let record = TSIGRecord(bytes, at: start) else { return .malformed }
        let key = record.key(in: keys, bytes)
        guard let key, record.names(key.algorithm, bytes) else {
            let names = TSIGSession.names(record, bytes)
            let rejection = TSIGRejection(
                error: .badKey, cause: key.map { .otherAlgorithm(expected: $0.algorithm) } ?? .unknownKey,
                key: names.0, algorithm: names.1)
            return .rejected(
                rejection,
                TSIGSession(key: nil, error: .badKey, prior: TSIGMAC(), record: record, foreign: names))
        }
        guard TSIGSession.isPossible(macLength: record.mac.count, key.algorithm) else { return .malformed }
        let mac = TSIGMAC(bytes, record.mac)
        var hmac = HMAC(key)
        hmac.update(
            message: bytes, end: start, id: record.originalID, additionals: layout.additionalCount &- 1)
        hmac.update(variables: key, time: record.timeSigned, fudge: record.fudge, error: record.error)
        hmac.update(UInt16(record.other.count))
        hmac.update(bytes, record.other)
        guard hmac.finish().matches(mac) else {
            return .rejected(
                TSIGRejection(
                    error: .badSignature, cause: .wrongMAC, key: key.name, algorithm: key.algorithm.name),
                TSIGSession(key: key, error: .badSignature, prior: TSIGMAC(), record: record))
        }
        let offset = Int64(bitPattern: record.timeSigned &- now)
        guard offset.magnitude <= UInt64(record.fudge) else {
            return .rejected(
                TSIGRejection(
                    error: .badTime, cause: .time(offset: offset, fudge: record.fudge), key: key.name,
                    algorithm: key.algorithm.name),
                TSIGSession(key: key, error: .badTime, prior: mac, record: record))
        }
        return .verified(TSIGSession(key: key, error: nil, prior: mac, record: record))
    }

    /// Octets that ``sign(_:count:now:)`` adds: what to keep free while a response is composed.
    package var reservedLength: Int {
        guard let key else { return foreign.count + 26 }
        let mac = error == .badSignature ? 0 : key.algorithm.macLength
        return key.name.wire.count + 10 + key.algorithm.name.wire.count + 16 + mac
            + (error == .badTime ? 6 : 0)
    }

    /// Appends a TSIG record to the message of `count` octets at the start of `memory` and counts it in the header.
    ///
    /// Call once for each message of a response, in order: every one after the first is signed in the short form of
    /// RFC 8945 5.3.1. An error about key or MAC is told without a MAC (RFC 8945 5.3.2).
    ///
    /// - Parameter now: seconds since 1970.
    /// - Returns: the new length; nil when the record does not fit or there is no whole header.
    @unsafe package mutating func sign(
        _ memory: UnsafeMutableRawBufferPointer, count: Int, now: UInt64
    ) -> Int? {
        let length = count + reservedLength
        guard count >= 12, length <= memory.count else { return nil }
        var cursor = unsafe TSIGWriter(memory: memory, position: count)
        let time = error == .badTime ? requestTime : now
        var mac = TSIGMAC()
        let id = unsafe cursor.uint16(at: 0)
        let additionals = unsafe cursor.uint16(at: 10)
        if let key, error != .badSignature {
            var hmac = HMAC(key)
            if prior.count > 0 { hmac.update(prior: prior) }
            unsafe hmac.update(UnsafeRawBufferPointer(rebasing: memory[..<count]))
            if isFirst {
                hmac.update(variables: key, time: time, fudge: TSIGSession.fudge, error: error?.rawValue ?? 0)
                if error == .badTime {
                    hmac.update(6)
                    hmac.update(time: now)
                } else {
                    hmac.update(0)
                }
            } else {
                hmac.update(time: time)
                hmac.update(TSIGSession.fudge)
            }
            mac = hmac.finish().truncated(to: key.algorithm.macLength)
            prior = mac
            isFirst = false
        }
        let algorithm = key?.algorithm.name.wire ?? []
        if let key {
            unsafe cursor.put(key.name.wire[...])
        } else {
            unsafe cursor.put(foreign[..<foreignKeyLength])
        }
        unsafe cursor.put(RRType.tsig.rawValue)
        unsafe cursor.put(RRClass.any.rawValue)
        unsafe cursor.put(0)
        unsafe cursor.put(0)
        let algorithmLength = key == nil ? foreign.count - foreignKeyLength : algorithm.count
        unsafe cursor.put(UInt16(algorithmLength + 16 + mac.count + (error == .badTime ? 6 : 0)))
        unsafe cursor.put(key == nil ? foreign[foreignKeyLength...] : algorithm[...])
        unsafe cursor.put(time: time)
        unsafe cursor.put(TSIGSession.fudge)
        unsafe cursor.put(UInt16(mac.count))
        unsafe mac.withOctets { unsafe cursor.put($0) }
        unsafe cursor.put(id)
        unsafe cursor.put(error?.rawValue ?? 0)
        if error == .badTime {
            unsafe cursor.put(6)
            unsafe cursor.put(time: now)
        } else {
            unsafe cursor.put(0)
        }
        unsafe cursor.set(additionals &+ 1, at: 10)
        return unsafe cursor.position
    }

    /// Signs a message in an array; see ``sign(_:count:now:)``.
    ///
    /// - Returns: false when the array does not hold a message header.
    @discardableResult
    package mutating func sign(_ message: inout [UInt8], now: UInt64) -> Bool {
        let count = message.count
        guard count >= 12, count + reservedLength <= 65535 else { return false }
        message.append(contentsOf: repeatElement(0, count: reservedLength))
        return unsafe message.withUnsafeMutableBytes { unsafe sign($0, count: count, now: now) != nil }
    }

    /// RFC 8945 5.2.2.1: not longer than the digest, not shorter than ten octets or half of it.
    static func isPossible(macLength: Int, _ algorithm: TSIGAlgorithm) -> Bool {
        macLength <= algorithm.digestLength && macLength >= max(10, algorithm.digestLength / 2)
    }

    /// Key and algorithm name of a record.
    static func names(_ record: TSIGRecord, _ bytes: borrowing RawSpan) -> (Name, Name) {
        let key = (try? MessageView.name(in: bytes, at: record.start)) ?? .root
        return (key, Name(trustedWire: bytes.copy(record.algorithm) ?? [0]))
    }
}

extension HMAC {
    /// The TSIG variables up to the error (RFC 8945 4.3.3); the other data follows with its length.
    mutating func update(variables key: TSIGKey, time: UInt64, fudge: UInt16, error: UInt16) {
        update(key.name.wire)
        update(RRClass.any.rawValue)
        update(0)
        update(0)
        update(key.algorithm.name.wire)
        update(time: time)
        update(fudge)
        update(error)
    }
}

/// Writes the fields of a record one after another into memory whose size has been checked.
@unsafe private struct TSIGWriter {
    let memory: UnsafeMutableRawBufferPointer
    var position: Int

    mutating func put(_ value: UInt16) {
        unsafe set(value, at: position)
        unsafe position += 2
    }

    mutating func put(time: UInt64) {
        unsafe put(UInt16(truncatingIfNeeded: time >> 32))
        unsafe put(UInt16(truncatingIfNeeded: time >> 16))
        unsafe put(UInt16(truncatingIfNeeded: time))
    }

    mutating func put(_ octets: ArraySlice<UInt8>) {
        unsafe octets.withUnsafeBytes { unsafe put($0) }
    }

    mutating func put(_ octets: UnsafeRawBufferPointer) {
        unsafe UnsafeMutableRawBufferPointer(rebasing: memory[position...]).copyMemory(from: octets)
        unsafe position += octets.count
    }

    func set(_ value: UInt16, at offset: Int) {
        unsafe memory.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    func uint16(at offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafe memory.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
}

extension TSIGRejection.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownKey: "no such key"
        case .otherAlgorithm(let expected): "the key is for \(expected.label)"
        case .wrongMAC: "wrong MAC: another secret, or a changed message"
        case .time(let offset, let fudge): "signed \(offset) s from now, where \(fudge) s are allowed"
        }
    }
}
