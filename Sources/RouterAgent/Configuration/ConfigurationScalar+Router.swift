package import DNSCore
package import Operations

extension ConfigurationScalar where Value == IPAddress {
    /// An IPv4 or IPv6 address.
    package static var address: ConfigurationScalar<IPAddress> {
        ConfigurationScalar("an IP address") { IPAddress($0) }
    }
}

extension ConfigurationScalar where Value == IPPrefix {
    /// An address prefix such as `192.0.2.0/24`, or one address.
    package static var prefix: ConfigurationScalar<IPPrefix> {
        ConfigurationScalar("an address prefix") { text throws(ConfigurationProblem) in
            do throws(IPPrefixError) {
                return try IPPrefix(parsing: text)
            } catch {
                switch error {
                case .notAPrefix: throw ConfigurationProblem("\(text) is not an address prefix")
                case .badLength(let width):
                    throw ConfigurationProblem("\(text) has a length that is not between 0 and \(width)")
                case .hostBitsSet(let meant):
                    throw ConfigurationProblem(
                        "\(text) has bits set after its length; \(meant) is meant perhaps")
                }
            }
        }
    }
}

extension ConfigurationScalar where Value == Name {
    /// A domain name; always absolute, with or without its final dot.
    package static var name: ConfigurationScalar<Name> {
        ConfigurationScalar("a domain name") { text in
            text == "@" ? nil : try? Name(text)
        }
    }
}

extension ConfigurationScalar where Value == String {
    /// The name of a network interface: 1 to 15 octets, no slash or blank.
    package static var interface: ConfigurationScalar<String> {
        ConfigurationScalar("an interface name") { text in
            let isGood = text.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "\"")
            }
            return (1...15).contains(text.utf8.count) && isGood && text != "." && text != ".." ? text : nil
        }
    }

    /// A name that nftables takes: a letter, then letters, digits, `_` and `-`; at most 32 octets.
    package static var nftablesName: ConfigurationScalar<String> {
        ConfigurationScalar("a name of letters, digits, _ and -") { text in
            let isGood = text.utf8.allSatisfy {
                $0 &- 48 < 10 || $0.lowercasedASCII &- 97 < 26 || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-")
            }
            guard let first = text.utf8.first, first.lowercasedASCII &- 97 < 26 else { return nil }
            return text.utf8.count <= 32 && isGood ? text : nil
        }
    }
}

/// Ports of one transport protocol: `tcp/80`, `udp/5000-5100`, `tcp` for all of its ports.
package struct PortRange: Hashable, Sendable, CustomStringConvertible {
    /// The transport protocols that have ports.
    package enum TransportProtocol: UInt8, Sendable {
        case tcp = 6
        case udp = 17
    }

    /// The protocol.
    package let transport: TransportProtocol
    /// The ports.
    package let ports: ClosedRange<UInt16>

    package init(_ transport: TransportProtocol, _ ports: ClosedRange<UInt16>) {
        self.transport = transport
        self.ports = ports
    }

    package var description: String {
        let ends = ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
        return ports == 0...65535 ? "\(transport)" : "\(transport)/\(ends)"
    }
}

/// What a private host may be reached by.
package enum AllowedPorts: Hashable, Sendable {
    /// Every protocol and port but the reserved ones.
    case all
    /// These only; none at all when empty.
    case only([PortRange])
}

/// One element of a list of ports, before `all` is told apart.
package enum PortRule: Hashable, Sendable, CustomStringConvertible {
    case all
    case range(PortRange)

    package var description: String {
        switch self {
        case .all: "all"
        case .range(let range): range.description
        }
    }
}

extension ConfigurationScalar where Value == PortRange {
    /// `tcp/80`, `udp/5000-5100` or `tcp`.
    package static var portRange: ConfigurationScalar<PortRange> {
        ConfigurationScalar("ports such as tcp/80 or udp/5000-5100") { text in
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let transport: PortRange.TransportProtocol
            switch parts.first {
            case "tcp": transport = .tcp
            case "udp": transport = .udp
            default: return nil
            }
            guard parts.count == 2 else { return PortRange(transport, 0...65535) }
            let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard let first = ends.first, let low = first, low > 0, ends.count <= 2 else { return nil }
            guard let last = ends.last, let high = last, high >= low else { return nil }
            return PortRange(transport, low...high)
        }
    }
}

extension ConfigurationScalar where Value == PortRule {
    /// `all`, or ports.
    package static var portRule: ConfigurationScalar<PortRule> {
        ConfigurationScalar("`all`, or ports such as tcp/80 or udp/5000-5100") {
            text throws(ConfigurationProblem) in
            text == "all" ? .all : .range(try ConfigurationScalar<PortRange>.portRange.parse(text))
        }
    }
}

extension ConfigurationSection {
    /// The ports of the list `key`.
    func allowedPorts(_ key: String) -> AllowedPorts {
        let rules = list(key, .portRule, default: [.all])
        if rules.contains(.all) {
            if rules.count > 1 { report("all cannot stand beside others", on: key) }
            return .all
        }
        return .only(
            rules.compactMap { rule in
                if case .range(let range) = rule { return range }
                return nil
            })
    }

    /// Demands that ports which are handed out one by one be few: each answer carries all of them.
    func checkGranted(_ ranges: [PortRange]) {
        let count = ranges.reduce(0) { $0 + $1.ports.count }
        if count > 16 {
            report("\(count) ports are too many; at most 16 are handed out", on: "granted-ports")
        }
    }

    /// The name of a key that `keys` defines, under the option `option`.
    func keyReference(_ option: String = "key") -> Name? {
        guard let name = optional(option, .name) else { return nil }
        refer(to: name.lowercased.description, in: "keys", on: option)
        return name
    }
}
