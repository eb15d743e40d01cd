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

    /// The same ports in order, without overlaps: the kernel refuses ranges that overlap.
    package static func merged(_ ranges: [PortRange]) -> [PortRange] {
        var result: [PortRange] = []
        for range in ranges.sorted(by: {
            ($0.transport, $0.ports.lowerBound) < ($1.transport, $1.ports.lowerBound)
        }) {
            if let last = result.last, last.transport == range.transport,
                Int(range.ports.lowerBound) <= Int(last.ports.upperBound) + 1
            {
                let end = max(last.ports.upperBound, range.ports.upperBound)
                result[result.count - 1].ports = last.ports.lowerBound...end
            } else {
                result.append(range)
            }
        }
        return result
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

    /// The rules of a host that has several names: what any of them allows.
    ///
    /// `all` must not be empty. Granted ports are not among them: they belong to the name that they are granted for.
    init(together all: [HostPolicy]) {
        self.init()
        // A name of granted ports alone says nothing about the others; flows to its own must pass.
        let lists = all.filter { $0.allow != nil || $0.grantedPorts.isEmpty }.map(\.allow)
        if !lists.isEmpty, !lists.contains(nil) {
            allow = PortRange.merged(lists.flatMap { $0 ?? [] } + all.flatMap(\.grantedPorts))
        }
        if !all.contains(where: \.from.isEmpty) { from = all.flatMap(\.from) }
        if !all.contains(where: \.servers.isEmpty) { servers = all.flatMap(\.servers) }
    }
}
