package import DNSCore

/// A transport protocol and a range of ports, as in `tcp/443` or `udp/5000-5100`.
package struct PortRange: Hashable, Sendable, CustomStringConvertible {
    /// 6 for TCP, 17 for UDP.
    package var transport: UInt8
    package var ports: ClosedRange<UInt16>

    package init(transport: UInt8, ports: ClosedRange<UInt16>) {
        self.transport = transport
        self.ports = ports
    }

    /// Reads `tcp/PORT`, `udp/PORT`, `tcp/LOW-HIGH`; nil for anything else.
    ///
    /// Port 0 is none.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "tcp": transport = 6
        case "udp": transport = 17
        default: return nil
        }
        let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
        guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low > 0,
            low <= high
        else { return nil }
        ports = low...high
    }

    package var description: String {
        let name = transport == 17 ? "udp" : "tcp"
        return ports.count == 1
            ? "\(name)/\(ports.lowerBound)" : "\(name)/\(ports.lowerBound)-\(ports.upperBound)"
    }
}

/// What may be opened for one host (nts.md 2.5).
package struct HostPolicy: Hashable, Sendable {
    /// Ports that GN may reach; nil = all but the router's reserved ones.
    package var allow: [PortRange]?
    /// GN prefixes that are let in; empty = all.
    package var from: [IPPrefix]
    /// Servers whose notifications count for this host; empty = all.
    package var servers: [IPAddress]
    /// Ports that are granted one by one as public ports per GN (nts.md 2.10); empty = none.
    package var grantedPorts: [PortRange]

    package init(
        allow: [PortRange]? = nil, from: [IPPrefix] = [], servers: [IPAddress] = [],
        grantedPorts: [PortRange] = []
    ) {
        self.allow = allow
        self.from = from
        self.servers = servers
        self.grantedPorts = grantedPorts
    }
}
