internal import CShims

/// An IP address and a port, as sockets know them.
package struct SocketAddress: Hashable, Sendable {
    /// Which kind of address this is.
    package enum Family: UInt8, Sendable {
        case none = 0
        case ipv4 = 4
        case ipv6 = 6
    }

    /// The upper 64 bits of an IPv6 address; 0 for IPv4.
    package var high: UInt64
    /// The lower 64 bits of an IPv6 address, or the 32 bits of an IPv4 address, in host order.
    package var low: UInt64
    /// Interface index of an IPv6 link-local address, else 0.
    package var scope: UInt32
    package var port: UInt16
    package var family: Family

    /// No address.
    package static let none = SocketAddress(high: 0, low: 0, port: 0, family: .none)

    package init(high: UInt64, low: UInt64, scope: UInt32 = 0, port: UInt16, family: Family) {
        self.high = high
        self.low = low
        self.scope = scope
        self.port = port
        self.family = family
    }

    /// An IPv4 address from its 32 bits.
    package init(ipv4: UInt32, port: UInt16) {
        self.init(high: 0, low: UInt64(ipv4), port: port, family: .ipv4)
    }

    /// From 4 or 16 octets in network order; nil for any other count.
    package init?(octets: some Collection<UInt8>, port: UInt16, scope: UInt32 = 0) {
        switch octets.count {
        case 4:
            self.init(ipv4: octets.reduce(0) { $0 << 8 | UInt32($1) }, port: port)
        case 16:
            let high = octets.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
            let low = octets.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
            self.init(high: high, low: low, scope: scope, port: port, family: .ipv6)
        default: return nil
        }
    }

    /// From dotted or colon text, with `%interface` allowed for IPv6; nil when it is neither.
    package init?(_ text: String, port: UInt16) {
        var raw = torii_address()
        raw.port = port
        guard unsafe torii_address_parse(text, &raw) == 0 else { return nil }
        self.init(raw)
    }

    init(_ raw: torii_address) {
        self.init(
            high: raw.high, low: raw.low, scope: raw.scope, port: raw.port,
            family: Family(rawValue: raw.family) ?? .none)
    }

    var raw: torii_address {
        torii_address(high: high, low: low, scope: scope, port: port, family: family.rawValue, reserved: 0)
    }

    /// The 32 bits of an IPv4 address; meaningless for IPv6.
    package var ipv4: UInt32 { UInt32(truncatingIfNeeded: low) }

    /// The address in network order: 4 octets, 16, or none.
    ///
    /// Allocates.
    package var octets: [UInt8] {
        switch family {
        case .none: []
        case .ipv4: (0..<4).map { UInt8(truncatingIfNeeded: ipv4 >> (24 - 8 * UInt32($0))) }
        case .ipv6:
            (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> (56 - 8 * UInt64($0 % 8))) }
        }
    }

    /// Whether this is 0.0.0.0 or `::`.
    package var isWildcard: Bool {
        switch family {
        case .none: false
        case .ipv4: ipv4 == 0
        case .ipv6: high == 0 && low == 0
        }
    }

    /// The same address with another port.
    package func with(port: UInt16) -> SocketAddress {
        var copy = self
        copy.port = port
        return copy
    }

    /// Whether both have the same address, whatever their ports.
    package func sameAddress(as other: SocketAddress) -> Bool {
        low == other.low && high == other.high && family == other.family
    }

    /// The leading `bits` of the address as a key for tables of prefixes; IPv4 counts from its own first bit.
    package func prefix(bits: Int) -> SocketAddress {
        var copy = self
        copy.port = 0
        copy.scope = 0
        switch family {
        case .none: break
        case .ipv4:
            let keep = max(0, min(32, bits))
            let mask: UInt32 = keep == 0 ? 0 : ~0 << UInt32(32 - keep)
            copy.low = UInt64(ipv4 & mask)
        case .ipv6:
            let keep = max(0, min(128, bits))
            copy.high &= keep == 0 ? 0 : keep >= 64 ? ~0 : ~0 << UInt64(64 - keep)
            copy.low &= keep <= 64 ? 0 : keep == 128 ? ~0 : ~0 << UInt64(128 - keep)
        }
        return copy
    }

    /// Whether the address lies in `prefix`/`bits`; never across families.
    package func lies(in prefix: SocketAddress, bits: Int) -> Bool {
        family == prefix.family && self.prefix(bits: bits).sameAddress(as: prefix.prefix(bits: bits))
    }
}

extension SocketAddress: CustomStringConvertible {
    /// The address alone, as text; empty for ``none``.
    package var addressText: String {
        var raw = raw
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 80) { text in
            let length = unsafe Int(torii_address_format(&raw, text.baseAddress, text.count))
            return unsafe String(decoding: UnsafeRawBufferPointer(text).prefix(length), as: UTF8.self)
        }
    }

    /// `192.0.2.1:53` or `[2001:db8::1]:53`.
    package var description: String {
        family == .ipv6 ? "[\(addressText)]:\(port)" : "\(addressText):\(port)"
    }
}
