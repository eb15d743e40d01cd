internal import DNSCore

/// One host that a DHCP server has given an address.
struct Lease: Hashable {
    var name: Name
    var address: IPAddress
    /// Seconds since 1970; `.max` = never.
    var expiry: UInt64
}

/// Reads the lease files of the usual DHCP servers.
///
/// A line that cannot be read is passed over: the file may just be written, and belongs to somebody else.
struct LeaseFile {
    /// Leases of one file that are looked at.
    static let limit = 16_384

    let suffix: Name

    /// The leases in `text` that have not ended at `epoch`.
    ///
    /// Of two for one address the later line counts.
    func read(_ text: String, format: LeaseFormat, epoch: UInt64) -> [Lease] {
        let found =
            switch format {
            case .dnsmasq: dnsmasq(text)
            case .odhcpd: odhcpd(text)
            case .kea: kea(text)
            }
        var byAddress: [IPAddress: Lease] = [:]
        for lease in found.suffix(Self.limit) { byAddress[lease.address] = lease }
        return byAddress.values.filter { $0.expiry > epoch }.sorted {
            ($0.name, $0.address) < ($1.name, $1.address)
        }
    }

    /// `EXPIRY MAC ADDRESS HOSTNAME CLIENT-ID`; `duid` lines and `*` for no name; expiry 0 is for ever.
    private func dnsmasq(_ text: String) -> [Lease] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count >= 4, let expiry = UInt64(fields[0]) else { return nil }
            return lease(fields[3], fields[2], expiry: expiry == 0 ? .max : expiry)
        }
    }

    /// `# INTERFACE DUID|MAC IAID|ipv4 HOSTNAME VALID-UNTIL ID LENGTH ADDRESS/LENGTH...`; valid until -1 is for ever.
    private func odhcpd(_ text: String) -> [Lease] {
        text.split(separator: "\n").flatMap { line -> [Lease] in
            let fields = line.split(separator: " ")
            guard fields.count >= 9, fields[0] == "#", let until = Int64(fields[5]) else { return [] }
            return fields[8...].compactMap { text in
                let parts = text.split(separator: "/", maxSplits: 1)
                // A prefix that was delegated is no host's address.
                guard let address = parts.first, parts.count == 1 || parts[1] == "128" || parts[1] == "32"
                else {
                    return nil
                }
                return lease(fields[4], address, expiry: until < 0 ? .max : UInt64(until))
            }
        }
    }

    /// CSV with a header line; later lines replace earlier ones, and a state other than 0 takes a lease back.
    private func kea(_ text: String) -> [Lease] {
        var columns: [Substring: Int] = [:]
        var leases: [IPAddress: Lease?] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            if fields.first == "address" {
                columns = Dictionary(
                    fields.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
                continue
            }
            func field(_ name: Substring) -> Substring? {
                columns[name].flatMap { $0 < fields.count ? fields[$0] : nil }
            }
            guard let text = field("address"), let address = IPAddress(text),
                let expiry = field("expire").flatMap({ UInt64($0) }),
                // Of the types of IPv6 leases the last is a prefix that was delegated, no host's address.
                field("lease_type").map({ $0 != "2" }) ?? true
            else { continue }
            let isActive = field("state").map { $0 == "0" || $0.isEmpty } ?? true
            leases[address] = isActive ? lease(field("hostname") ?? "", text, expiry: expiry) : .some(nil)
        }
        return leases.values.compactMap(\.self)
    }

    /// A host name that is one label gets the suffix; a longer one must lie below it.
    private func lease(_ host: Substring, _ address: Substring, expiry: UInt64) -> Lease? {
        // Kea ends names with a dot, those of one label too.
        let host = host.last == "." ? host.dropLast() : host
        guard let address = IPAddress(address), !host.isEmpty, host != "*", host != "-",
            host.utf8.allSatisfy({
                $0 &- 48 < 10 || $0.lowercasedASCII &- 97 < 26 || $0 == 0x2d || $0 == 0x2e || $0 == 0x5f
            }),
            let name = try? Name(host, origin: host.contains(".") ? .root : suffix), name.isBelow(suffix)
        else { return nil }
        return Lease(name: name, address: address, expiry: expiry)
    }
}
