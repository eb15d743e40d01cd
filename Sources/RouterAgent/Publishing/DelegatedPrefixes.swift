internal import DNSCore

/// The IPv6 prefixes of the inside interfaces, and which of them hosts should use now.
struct DelegatedPrefixes: Equatable {
    /// By interface, in the order of the configuration.
    private(set) var current: [(interface: String, prefix: IPPrefix?)] = []

    /// Reads them from the addresses that each interface has.
    ///
    /// A global prefix comes before a unique local one (RFC 4193), which is none of the provider's; among several that are
    /// not deprecated the newest counts, since a provider that renumbers adds before it takes away.
    init(_ interfaces: [(name: String, addresses: [InterfaceAddress])]) {
        current = interfaces.map { interface in
            let candidates = interface.addresses.filter {
                $0.address.isIPv6 && $0.isGlobal && !$0.isDeprecated && !$0.address.isPrivate
                    && $0.network.length <= 64
            }
            return (interface.name, candidates.max { $0.created < $1.created }?.network)
        }
    }

    static func == (left: DelegatedPrefixes, right: DelegatedPrefixes) -> Bool {
        left.current.elementsEqual(right.current) { $0.interface == $1.interface && $0.prefix == $1.prefix }
    }

    /// The prefix of interface `name`, or of the first that has one.
    func prefix(of name: String?) -> IPPrefix? {
        guard let name else { return current.lazy.compactMap(\.prefix).first }
        return current.first { $0.interface == name }?.prefix
    }

    /// The interface whose prefix `address` lies in.
    func interface(of address: IPAddress) -> String? {
        current.first { $0.prefix?.contains(address) == true }?.interface
    }
}

extension IPPrefix {
    /// The address of this prefix whose remaining bits are those of `identifier`.
    func address(with identifier: IPAddress) -> IPAddress {
        let own = address.octets
        let other = identifier.octets
        let octets = own.indices.map { index -> UInt8 in
            let bits = min(8, max(0, length - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xff00 >> bits)
            return own[index] & mask | other[index] & ~mask
        }
        return IPAddress(octets: octets) ?? address
    }
}
