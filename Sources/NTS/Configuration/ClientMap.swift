package import DNSCore

/// The other family's address of clients (nts.md 2.3): which IPv4 address the traffic of a client comes from that asks
/// over IPv6, and the other way round.
package struct ClientMap: Sendable {
    private var table = PrefixTable<IPAddress>()

    package init() {}

    /// Mappings in it.
    package var count: Int { table.count }
    /// Whether it has none.
    package var isEmpty: Bool { table.isEmpty }

    /// Adds a mapping; what stood there for the same prefix stays.
    ///
    /// - Returns: false when it stays, or both are of one family.
    @discardableResult
    package mutating func add(_ prefix: IPPrefix, _ address: IPAddress) -> Bool {
        guard prefix.address.isIPv6 != address.isIPv6, table[prefix] == nil else { return false }
        table[prefix] = address
        return true
    }

    /// The address of `client` in the other family.
    package func address(of client: IPAddress) -> IPAddress? { table.longest(client) }
}

extension ClientMap {
    /// How a file of mappings is written.
    package enum Format: String, Sendable, CaseIterable {
        /// Lines `PREFIX ADDRESS`; `#` begins a comment.
        case plain
        /// The lease file of dnsmasq, with leases of both families; they belong together by client or host name.
        case dnsmasq
        /// The memfile of Kea: the leases of DHCPv4 and of DHCPv6; they belong together by hardware address.
        case kea
    }

    /// Mappings read from one file; lines that say nothing usable are left out and counted.
    package struct Contents: Sendable {
        package var mappings: [(prefix: IPPrefix, address: IPAddress)] = []
        /// Lines that could not be used.
        package var faults = 0

        package init() {}
    }

    /// Reads the text of a file.
    ///
    /// - Parameters:
    ///   - second: for ``Format/kea``, the DHCPv6 file.
    ///   - now: seconds since 1970; leases that have ended before are left out.
    package static func read(
        _ octets: [UInt8], second: [UInt8] = [], format: Format, now: Int64, limit: Int = 4_000_000
    ) -> Contents {
        switch format {
        case .plain: plain(octets, limit)
        case .dnsmasq: dnsmasq(octets, now, limit)
        case .kea: kea(octets, second, now, limit)
        }
    }

    private static func lines(_ octets: [UInt8], _ limit: Int, _ body: ([Substring]) -> Void) {
        for line in octets.split(separator: UInt8(ascii: "\n")).prefix(limit) {
            let text = String(decoding: line.prefix { $0 != UInt8(ascii: "#") }, as: UTF8.self)
            let words = text.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            if !words.isEmpty { body(words) }
        }
    }

    private static func plain(_ octets: [UInt8], _ limit: Int) -> Contents {
        var contents = Contents()
        lines(octets, limit) { words in
            guard words.count == 2, let prefix = IPPrefix(words[0]), let address = IPAddress(words[1]),
                prefix.address.isIPv6 != address.isIPv6
            else {
                contents.faults += 1
                return
            }
            contents.mappings.append((prefix, address))
        }
        return contents
    }

    /// `EXPIRY MAC|IAID ADDRESS HOST CLIENT-ID`; an IPv4 client identifier (RFC 4361) ends with the DUID of the IPv6 one.
    private static func dnsmasq(_ octets: [UInt8], _ now: Int64, _ limit: Int) -> Contents {
        var contents = Contents()
        var four: [Substring: IPAddress] = [:]
        var six: [(keys: [Substring], address: IPAddress)] = []
        lines(octets, limit) { words in
            if words[0] == "duid" { return }
            guard words.count >= 5, let expiry = Int64(words[0]), let address = IPAddress(words[2]) else {
                contents.faults += 1
                return
            }
            guard expiry == 0 || expiry > now else { return }
            let host = words[3]
            if address.isIPv6 {
                six.append(((host == "*" ? [] : [host]) + [words[4]], address))
            } else {
                if host != "*" { four[host] = address }
                // ff, four octets of IAID, DUID.
                if words[4].hasPrefix("ff:") {
                    four[words[4].split(separator: ":").dropFirst(5).joined(separator: ":")[...]] = address
                }
            }
        }
        for lease in six {
            guard let address = lease.keys.lazy.compactMap({ four[$0] }).first else { continue }
            contents.mappings.append((IPPrefix(lease.address), address))
        }
        return contents
    }

    /// Comma-separated values with a heading; the last line about an address counts.
    private static func kea(_ first: [UInt8], _ second: [UInt8], _ now: Int64, _ limit: Int) -> Contents {
        var contents = Contents()
        var byHardware: [String: IPAddress] = [:]
        keaLeases(first, limit, &contents) { field in
            guard let address = IPAddress(field("address")), let hardware = usable(field, now) else { return }
            byHardware[hardware] = address
        }
        var found: [IPPrefix: IPAddress] = [:]
        keaLeases(second, limit, &contents) { field in
            guard let address = IPAddress(field("address")) else { return }
            // Lease type 2 is a delegated prefix; for the others the address alone counts.
            let length = field("lease_type") == "2" ? Int(field("prefix_len")) ?? 128 : 128
            let prefix = IPPrefix(address, length: length)
            found[prefix] = usable(field, now).flatMap { byHardware[$0] }
        }
        contents.mappings = found.map { ($0.key, $0.value) }
        return contents
    }

    /// The hardware address of a lease that holds now; nil for one that does not.
    private static func usable(_ field: (String) -> String, _ now: Int64) -> String? {
        let hardware = field("hwaddr").lowercased()
        guard !hardware.isEmpty, field("state") == "0" || field("state").isEmpty,
            let expiry = Int64(field("expire")), expiry > now
        else { return nil }
        return hardware
    }

    private static func keaLeases(
        _ octets: [UInt8], _ limit: Int, _ contents: inout Contents, _ body: ((String) -> String) -> Void
    ) {
        var columns: [String: Int] = [:]
        for line in octets.split(separator: UInt8(ascii: "\n")).prefix(limit) {
            let fields = String(decoding: line, as: UTF8.self).split(
                separator: ",", omittingEmptySubsequences: false
            ).map { String($0) }
            if fields.first == "address" {
                columns = Dictionary(
                    fields.enumerated().map { ($1.filter { $0 != "\r" }, $0) },
                    uniquingKeysWith: { a, _ in a })
                continue
            }
            guard !columns.isEmpty, IPAddress(fields.first ?? "") != nil else {
                contents.faults += 1
                continue
            }
            body { name in columns[name].flatMap { $0 < fields.count ? fields[$0] : nil } ?? "" }
        }
    }
}
