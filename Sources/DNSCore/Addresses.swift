/// An IPv4 or IPv6 address as a plain value of 17 octets; no allocation, no scope identifier.
///
/// The two families never compare equal: an IPv4-mapped IPv6 address is another value than the IPv4 address, until
/// ``unmapped`` says otherwise. Ordering is IPv4 before IPv6, then numeric.
package struct IPAddress: Hashable, Sendable {
    /// The upper 64 bits of an IPv6 address; zero for IPv4.
    package let high: UInt64
    /// The lower 64 bits of an IPv6 address; an IPv4 address in the lowest 32.
    package let low: UInt64
    /// Whether this is an IPv6 address.
    package let isIPv6: Bool

    /// An IPv4 address from its 32 bits in host order: 0x7f000001 is 127.0.0.1.
    package init(v4 bits: UInt32) {
        high = 0
        low = UInt64(bits)
        isIPv6 = false
    }

    /// An IPv6 address from its two halves in host order.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
        isIPv6 = true
    }

    /// An address from its 4 or 16 octets in network order; nil for any other count.
    package init?(octets: some Collection<UInt8>) {
        switch octets.count {
        case 4:
            self.init(v4: octets.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            self.init(
                high: octets.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                low: octets.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
        default:
            return nil
        }
    }

    /// `0.0.0.0`.
    package static let anyIPv4 = IPAddress(v4: 0)
    /// `::`.
    package static let anyIPv6 = IPAddress(high: 0, low: 0)
    /// `127.0.0.1`.
    package static let loopbackIPv4 = IPAddress(v4: 0x7f00_0001)
    /// `::1`.
    package static let loopbackIPv6 = IPAddress(high: 0, low: 1)

    /// Whether this is an IPv4 address.
    package var isIPv4: Bool { !isIPv6 }
    /// The bits of an IPv4 address in host order; nil for IPv6.
    package var v4: UInt32? { isIPv6 ? nil : UInt32(truncatingIfNeeded: low) }
    /// Bits of an address of this family: 32 or 128.
    package var bitWidth: Int { isIPv6 ? 128 : 32 }

    /// The 4 or 16 octets in network order.
    package var octets: [UInt8] {
        var result: [UInt8] = []
        if isIPv6 {
            for shift: UInt64 in stride(from: 56, through: 0, by: -8) {
                result.append(UInt8(truncatingIfNeeded: high >> shift))
            }
        }
        for shift: UInt64 in stride(from: isIPv6 ? 56 : 24, through: 0, by: -8) {
            result.append(UInt8(truncatingIfNeeded: low >> shift))
        }
        return result
    }

    /// The IPv4 address inside an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`), else the address itself.
    package var unmapped: IPAddress {
        isIPv6 && high == 0 && low >> 32 == 0xffff ? IPAddress(v4: UInt32(truncatingIfNeeded: low)) : self
    }

    /// This address with all bits after the first `length` cleared; a length beyond the family's width clears none.
    package func masked(to length: Int) -> IPAddress {
        guard isIPv6 else {
            let mask: UInt32 = length >= 32 ? .max : length <= 0 ? 0 : ~(UInt32.max >> UInt32(length))
            return IPAddress(v4: UInt32(truncatingIfNeeded: low) & mask)
        }
        let highMask: UInt64 = length >= 64 ? .max : length <= 0 ? 0 : ~(UInt64.max >> UInt64(length))
        let lowMask: UInt64 = length >= 128 ? .max : length <= 64 ? 0 : ~(UInt64.max >> UInt64(length - 64))
        return IPAddress(high: high & highMask, low: low & lowMask)
    }

    /// Whether this is `0.0.0.0` or `::`.
    package var isUnspecified: Bool { high == 0 && low == 0 }
    /// Whether this is in 127.0.0.0/8 or is `::1`.
    package var isLoopback: Bool { isIPv6 ? high == 0 && low == 1 : low >> 24 == 127 }
    /// Whether this is in 224.0.0.0/4 or ff00::/8.
    package var isMulticast: Bool { isIPv6 ? high >> 56 == 0xff : low >> 28 == 0xe }
    /// Whether this is in 169.254.0.0/16 or fe80::/10.
    package var isLinkLocal: Bool { isIPv6 ? high >> 54 == 0x3fa : low >> 16 == 0xa9fe }
    /// Whether this is in a block of RFC 1918, in 100.64.0.0/10 (RFC 6598) or in fc00::/7 (RFC 4193).
    package var isPrivate: Bool {
        if isIPv6 { return high >> 57 == 0x7e }
        return low >> 24 == 10 || low >> 20 == 0xac1 || low >> 16 == 0xc0a8 || low >> 22 == 0x191
    }

    /// The name under `in-addr.arpa.` or `ip6.arpa.` (RFC 1035 3.5, RFC 3596 2.5).
    package var reverseName: Name {
        var wire: [UInt8] = []
        for octet in octets.reversed() {
            if isIPv6 {
                for nibble in [octet & 15, octet >> 4] { wire += [1, Self.digit(nibble)] }
            } else {
                let text = Array(String(octet).utf8)
                wire += [UInt8(text.count)] + text
            }
        }
        wire += isIPv6 ? [3] + Array("ip6".utf8) : [7] + Array("in-addr".utf8)
        return Name(trustedWire: wire + [4] + Array("arpa".utf8) + [0])
    }

    /// The IPv6 address whose ``reverseName`` is `name`; nil when there is none.
    package init?(reverseName name: Name) {
        guard name.labelCount == 34, name.wire.count == 74 else { return nil }
        var octets: [UInt8] = []
        for index in stride(from: 31, through: 1, by: -2) {
            guard let high = Self.nibble(name.wire[2 * index + 1]),
                let low = Self.nibble(name.wire[2 * index - 1])
            else { return nil }
            octets.append(high << 4 | low)
        }
        guard let address = IPAddress(octets: octets), address.reverseName == name else { return nil }
        self = address
    }

    private static func nibble(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func digit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
    }
}

extension IPAddress: Comparable {
    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        if left.isIPv6 != right.isIPv6 { return right.isIPv6 }
        return left.high != right.high ? left.high < right.high : left.low < right.low
    }
}

extension IPAddress: CustomStringConvertible {
    /// Dotted decimal, or the form of RFC 5952 (lower case, longest run of zero groups as `::`, mapped IPv4 dotted).
    package var description: String {
        guard isIPv6 else { return octets.map { String($0) }.joined(separator: ".") }
        if high == 0, low >> 32 == 0xffff { return "::ffff:\(unmapped)" }
        var groups: [UInt16] = []
        for half in [high, low] {
            for shift: UInt64 in [48, 32, 16, 0] { groups.append(UInt16(truncatingIfNeeded: half >> shift)) }
        }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count, end - start > 1 { best = start..<end }
            start = max(end, start + 1)
        }
        func text(_ part: Range<Int>) -> String {
            part.map { String(groups[$0], radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }

    /// Reads dotted decimal (four plain numbers, no leading zeros) or any form of RFC 4291 2.2.
    package init?(_ text: some StringProtocol) {
        let octets = Array(text.utf8)
        guard octets.count <= 45 else { return nil }
        if octets.contains(UInt8(ascii: ":")) {
            self.init(ipv6: octets[...])
        } else {
            guard let bits = Self.dotted(octets[...]) else { return nil }
            self.init(v4: bits)
        }
    }

    private static func dotted(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.first != UInt8(ascii: "0") || part.count == 1 else {
                return nil
            }
            var value: UInt32 = 0
            for octet in part {
                guard octet &- 48 < 10 else { return nil }
                value = value * 10 + UInt32(octet &- 48)
            }
            guard value < 256 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private init?(ipv6 text: ArraySlice<UInt8>) {
        var groups: [UInt16] = []
        var gap: Int?
        var rest = text
        if rest.starts(with: "::".utf8) {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            guard groups.count < 8 else { return nil }
            let part = rest.prefix { $0 != UInt8(ascii: ":") }
            rest = rest.dropFirst(part.count)
            if part.contains(UInt8(ascii: ".")) {
                guard rest.isEmpty, groups.count <= 6, let bits = Self.dotted(part) else { return nil }
                groups += [UInt16(truncatingIfNeeded: bits >> 16), UInt16(truncatingIfNeeded: bits)]
                break
            }
            guard (1...4).contains(part.count), let value = Self.hexadecimal(part) else { return nil }
            groups.append(value)
            guard !rest.isEmpty else { break }
            rest = rest.dropFirst()
            guard let next = rest.first else { return nil }
            if next == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        self.init(
            high: groups[..<4].reduce(0) { $0 << 16 | UInt64($1) },
            low: groups[4...].reduce(0) { $0 << 16 | UInt64($1) })
    }

    private static func hexadecimal(_ text: ArraySlice<UInt8>) -> UInt16? {
        var value: UInt16 = 0
        for octet in text {
            switch octet {
            case 0x30...0x39: value = value << 4 | UInt16(octet - 0x30)
            case 0x41...0x46: value = value << 4 | UInt16(octet - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt16(octet - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }
}

/// An address prefix such as `192.0.2.0/24`; the bits after the prefix are zero by construction.
package struct IPPrefix: Hashable, Sendable {
    /// The first address of the prefix.
    package let address: IPAddress
    /// Leading bits that count: 0...32 or 0...128.
    package let length: Int

    /// The prefix of `length` bits that `address` lies in; the length is clamped to the family's width.
    package init(_ address: IPAddress, length: Int) {
        self.length = min(max(length, 0), address.bitWidth)
        self.address = address.masked(to: self.length)
    }

    /// The prefix that holds only `address`.
    package init(_ address: IPAddress) {
        self.init(address, length: address.bitWidth)
    }

    /// Whether `candidate` is of the same family and lies in the prefix.
    package func contains(_ candidate: IPAddress) -> Bool {
        candidate.isIPv6 == address.isIPv6 && candidate.masked(to: length) == address
    }

    /// Whether every address of `other` lies in this prefix.
    package func contains(_ other: IPPrefix) -> Bool {
        other.length >= length && contains(other.address)
    }
}

extension IPPrefix: CustomStringConvertible {
    /// `192.0.2.0/24`; the length is always written.
    package var description: String { "\(address)/\(length)" }

    /// Reads `address/length`, or a bare address as the prefix of that one address.
    ///
    /// - Throws: ``IPPrefixError``.
    package init(parsing text: some StringProtocol) throws(IPPrefixError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, let address = IPAddress(first) else {
            throw .notAPrefix
        }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ $0 &- 48 < 10 }),
            let length = Int(parts[1]), length <= address.bitWidth
        else { throw .badLength(address.bitWidth) }
        let prefix = IPPrefix(address, length: length)
        guard prefix.address == address else { throw .hostBitsSet(prefix) }
        self = prefix
    }

    /// Reads `address/length` or a bare address; nil when it is not one, or bits after the prefix are set.
    package init?(_ text: some StringProtocol) {
        guard let prefix = try? IPPrefix(parsing: text) else { return nil }
        self = prefix
    }
}

/// Why text is not an address prefix.
package enum IPPrefixError: Error, Equatable {
    /// Not an address with an optional `/length`.
    case notAPrefix
    /// The length is no number up to the family's width, which is the payload.
    case badLength(Int)
    /// Bits after the prefix are set; the payload is the prefix that was probably meant.
    case hostBitsSet(IPPrefix)
}

/// An address and a port.
package struct IPEndpoint: Hashable, Sendable {
    package var address: IPAddress
    package var port: UInt16

    package init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }
}

extension IPEndpoint: CustomStringConvertible {
    /// `192.0.2.1:53` or `[2001:db8::1]:53`.
    package var description: String { address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }

    /// Reads `192.0.2.1:53` or `[2001:db8::1]:53`; the port is required.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        let isBracketed = host.first == "[" && host.last == "]" && host.utf8.count >= 2
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(host), address.isIPv6 == isBracketed else { return nil }
        self.init(address, port: port)
    }
}
