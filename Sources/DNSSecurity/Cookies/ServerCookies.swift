internal import CShims
package import DNSCore

/// What the cookie option of a query amounts to (RFC 7873 5.2).
package enum CookieVerdict: Sendable, Equatable {
    /// No cookie option.
    case absent
    /// Neither 8 nor 16 to 40 octets: FORMERR (RFC 7873 5.2.2).
    case malformed
    /// A client cookie alone.
    case clientOnly
    /// A server cookie that is not ours, or too old or from the future.
    case invalid
    /// Ours, for this client at this address. With `isFresh` the same cookie may be sent back.
    case valid(isFresh: Bool)
}

/// Server cookies in the interoperable form of RFC 9018: version 1, a time, SipHash-2-4 over client cookie and address.
///
/// A small value without heap storage; every worker holds a copy. Two secrets at a time: cookies are made with the
/// current one and accepted with either, so that a change of secret (RFC 7873 7.1) breaks nobody.
package struct ServerCookies: Sendable {
    /// Octets of the whole option's data that a response carries.
    package static let length = 24
    /// Seconds for which a cookie counts (RFC 9018 4.3).
    package static let lifetime: UInt32 = 3600
    /// Seconds after which a new one is made (RFC 9018 4.3).
    package static let refreshAge: UInt32 = 1800
    /// Seconds by which a cookie may come from the future (RFC 9018 4.3).
    package static let clockTolerance: UInt32 = 300

    private var current: InlineArray<16, UInt8>
    private var previous: InlineArray<16, UInt8>

    /// Cookies with these secrets of 16 octets; missing octets count as zero.
    package init(secret: [UInt8], previous: [UInt8]? = nil) {
        current = ServerCookies.secret(secret)
        self.previous = ServerCookies.secret(previous ?? secret)
    }

    /// Cookies with a random secret.
    package init() {
        self.init(secret: (0..<16).map { _ in UInt8.random(in: 0...255) })
    }

    /// Makes `secret` the current one and keeps the current one as previous.
    package mutating func rotate(to secret: [UInt8]) {
        previous = current
        current = ServerCookies.secret(secret)
    }

    /// Judges the cookie option whose data stands at `option` in `bytes`.
    ///
    /// - Parameter address: the client's address; an IPv4-mapped one counts as IPv4.
    /// - Parameter now: seconds since 1970, modulo 2^32 (RFC 9018 4.3).
    package func verify(
        _ bytes: borrowing RawSpan, option: Range<Int>?, address: IPAddress, now: UInt32
    ) -> CookieVerdict {
        guard let option else { return .absent }
        guard option.count != 8 else { return .clientOnly }
        guard (16...40).contains(option.count) else { return .malformed }
        let start = option.lowerBound
        guard option.count == ServerCookies.length, bytes.octet(at: start + 8) == 1,
            let time = bytes.uint32(at: start + 12)
        else { return .invalid }
        // RFC 1982 arithmetic, as RFC 9018 4.3 wants it.
        let age = Int32(bitPattern: now &- time)
        guard age <= Int32(ServerCookies.lifetime), age >= -Int32(ServerCookies.clockTolerance) else {
            return .invalid
        }
        let matchesCurrent = matches(bytes, at: start, address: address, secret: current)
        if matchesCurrent { return .valid(isFresh: age <= Int32(ServerCookies.refreshAge)) }
        return matches(bytes, at: start, address: address, secret: previous)
            ? .valid(isFresh: false) : .invalid
    }

    /// Writes the 24 octets of a response's cookie option: the client cookie and a new server cookie.
    ///
    /// - Parameter clientCookie: where the query's client cookie stands in `bytes`, 8 octets.
    /// - Returns: the octets, by value.
    package func make(
        _ bytes: borrowing RawSpan, clientCookie: Int, address: IPAddress, now: UInt32
    ) -> InlineArray<24, UInt8> {
        var cookie = InlineArray<24, UInt8>(repeating: 0)
        for index in 0..<8 { cookie[index] = bytes.octet(at: clientCookie + index) ?? 0 }
        cookie[8] = 1
        for index in 0..<4 { cookie[12 + index] = UInt8(truncatingIfNeeded: now >> UInt32(24 - 8 * index)) }
        let hash = unsafe withUnsafeBytes(of: cookie) { head in
            unsafe ServerCookies.hash(UnsafeRawBufferPointer(rebasing: head[..<16]), address, current)
        }
        for index in 0..<8 { cookie[16 + index] = UInt8(truncatingIfNeeded: hash >> UInt64(8 * index)) }
        return cookie
    }

    private func matches(
        _ bytes: borrowing RawSpan, at start: Int, address: IPAddress, secret: InlineArray<16, UInt8>
    ) -> Bool {
        unsafe bytes.extracting(start..<(start + 24)).withUnsafeBytes { cookie in
            let hash = unsafe ServerCookies.hash(
                UnsafeRawBufferPointer(rebasing: cookie[..<16]), address, secret)
            let received = UInt64(
                littleEndian: unsafe cookie.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            var difference = hash ^ received
            return unsafe withUnsafeBytes(of: &difference) { left in
                var zero: UInt64 = 0
                return unsafe withUnsafeBytes(of: &zero) { right in
                    unsafe torii_equal(left.baseAddress, right.baseAddress, 8)
                }
            }
        }
    }

    /// RFC 9018 4.4: SipHash-2-4 over client cookie, version, reserved, time and address.
    private static func hash(
        _ head: UnsafeRawBufferPointer, _ address: IPAddress, _ secret: InlineArray<16, UInt8>
    ) -> UInt64 {
        unsafe withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { input in
            let client = address.unmapped
            unsafe input.copyMemory(from: head)
            if client.isIPv6 {
                unsafe input.storeBytes(of: client.high.bigEndian, toByteOffset: 16, as: UInt64.self)
                unsafe input.storeBytes(of: client.low.bigEndian, toByteOffset: 24, as: UInt64.self)
            } else {
                let bits = UInt32(truncatingIfNeeded: client.low)
                unsafe input.storeBytes(of: bits.bigEndian, toByteOffset: 16, as: UInt32.self)
            }
            return unsafe withUnsafeBytes(of: secret) { key in
                unsafe torii_siphash24(
                    key.baseAddress?.assumingMemoryBound(to: UInt8.self), input.baseAddress,
                    client.isIPv6 ? 32 : 20)
            }
        }
    }

    private static func secret(_ octets: [UInt8]) -> InlineArray<16, UInt8> {
        var result = InlineArray<16, UInt8>(repeating: 0)
        for index in 0..<min(16, octets.count) { result[index] = octets[index] }
        return result
    }
}
