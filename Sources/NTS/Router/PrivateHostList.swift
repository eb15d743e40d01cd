package import DNSCore

/// The router's Private Host List: host name -> private address (nts.md 1.2, 2.5).
///
/// A name belongs to whoever had it first until that entry ends; only static configuration stands above. An address
/// is always the source of the packet that registered it, never record data. Times are seconds since 1970, since
/// the list survives a restart.
package struct PrivateHostList: Sendable {
    /// Where an entry came from; a later one here gives way to an earlier one.
    package enum Source: String, Sendable, CaseIterable {
        case configured = "static"
        case local
        case lease
        case update
    }

    /// One host.
    package struct Entry: Hashable, Sendable {
        package var name: Name
        package var ipv4: IPAddress?
        package var ipv6: IPAddress?
        package var source: Source
        /// Seconds since 1970 at which it ends; `.max` = never.
        package var expiry: UInt64
        package var policy: HostPolicy
        /// When it was first entered, seconds since 1970.
        package var since: UInt64
        /// The link-layer address that registered it, where that is known.
        package var link: UInt64?
        /// The kinds of address records that it was registered with; when all are deleted the entry ends.
        package var types: AddressTypes = []

        package init(
            name: Name, ipv4: IPAddress? = nil, ipv6: IPAddress? = nil, source: Source,
            expiry: UInt64 = .max,
            policy: HostPolicy = HostPolicy(), since: UInt64 = 0
        ) {
            self.name = name
            self.ipv4 = ipv4
            self.ipv6 = ipv6
            self.source = source
            self.expiry = expiry
            self.policy = policy
            self.since = since
        }

        /// The host's address in a family.
        package func address(isIPv6: Bool) -> IPAddress? { isIPv6 ? ipv6 : ipv4 }
    }

    /// Bounds and filters.
    package struct Configuration: Sendable {
        /// Seconds that a learnt entry lives after its last registration.
        package var lifetime: UInt64 = 86_400
        /// Only names at or below these are learnt; empty = any.
        package var suffixes: [Name] = []
        /// Entries in all; a registration beyond is refused and counted.
        package var entryLimit = 65_536
        /// Names that one address may hold; a registration beyond is refused and counted.
        package var namesPerHost = 32
        /// Policy of learnt hosts.
        package var policy = HostPolicy()

        package init() {}
    }

    /// What became of a registration.
    package enum Outcome: Sendable, Equatable {
        case entered
        case refreshed
        /// Another address holds the name.
        case conflict(holder: IPAddress)
        /// Not below one of the suffixes.
        case foreign
        case overLimit
    }

    package var configuration: Configuration
    private var entries: [Name: Entry] = [:]
    private var namesByAddress: [IPAddress: Set<Name>] = [:]
    /// Whether something changed since the list was last written out.
    package private(set) var isDirty = false

    package init(configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    package var count: Int { entries.count }
    /// All entries in canonical order of names.
    package var all: [Entry] { entries.values.sorted { $0.name < $1.name } }

    /// The entry of `name`, if it has not ended, with the rules that hold for its host now.
    ///
    /// Rules belong to hosts: a further name, learnt from the host itself, does not open what the owner has closed.
    package func lookup(_ name: Name, epoch: UInt64) -> Entry? {
        guard var entry = entries[name], entry.expiry > epoch else { return nil }
        let isLearnt = entry.source == .update || entry.source == .lease
        if isLearnt { entry.policy = configuration.policy }
        let others = owned(besides: entry, epoch: epoch)
        guard !others.isEmpty else { return entry }
        // What the owner added without a word about rules is under those of the same host.
        if isLearnt || (entry.source == .local && entry.policy == configuration.policy) {
            let granted = entry.policy.grantedPorts
            entry.policy = HostPolicy(together: others)
            entry.policy.grantedPorts = granted
        } else {
            entry.policy.allow = HostPolicy(together: others + [entry.policy]).allow
        }
        return entry
    }

    /// The rules of other names of the same host that the owner wrote: in the configuration, or by the local API.
    private func owned(besides entry: Entry, epoch: UInt64) -> [HostPolicy] {
        [entry.ipv4, entry.ipv6].compactMap(\.self).flatMap { address -> [HostPolicy] in
            guard let names = namesByAddress[address], names.count > 1 else { return [] }
            return names.compactMap { name in
                guard name != entry.name, let other = entries[name], other.expiry > epoch else { return nil }
                switch other.source {
                case .configured: return other.policy
                case .local: return other.policy == configuration.policy ? nil : other.policy
                case .lease, .update: return nil
                }
            }
        }
    }

    /// Names that `address` holds.
    package func names(of address: IPAddress) -> [Name] {
        namesByAddress[address, default: []].sorted()
    }

    /// Enters what the owner decided: configuration, the local API.
    ///
    /// Replaces whatever was there.
    package mutating func set(_ entry: Entry) {
        remove(entry.name)
        insert(entry)
    }

    /// Enters a name that `address` has registered or was leased.
    ///
    /// - Parameters:
    ///   - link: the link-layer address behind it, where it is known: a host's second family is told from another's by it.
    ///   - types: the records that were registered.
    package mutating func register(
        _ name: Name, address: IPAddress, source: Source, expiry: UInt64? = nil, link: UInt64? = nil,
        types: AddressTypes = [], epoch: UInt64
    ) -> Outcome {
        let suffixes = configuration.suffixes
        guard suffixes.isEmpty || suffixes.contains(where: { name.isAtOrBelow($0) }), !name.isRoot
        else {
            return .foreign
        }
        let until = expiry ?? epoch + configuration.lifetime
        if var entry = entries[name], entry.expiry > epoch {
            if let holder = entry.address(isIPv6: address.isIPv6) {
                guard holder == address else { return .conflict(holder: holder) }
                guard entry.source == source else { return .refreshed }
                entry.expiry = max(entry.expiry, until)
                entry.types.formUnion(types)
                entry.link = entry.link ?? link
                entries[name] = entry
                isDirty = true
                return .refreshed
            }
            // The other family of a host joins what came the same way and, as far as anybody can tell, from the same
            // machine; static entries stay as written.
            let isSameMachine = entry.link == nil || link == nil || entry.link == link
            guard entry.source == source, source != .configured, isSameMachine else {
                return .conflict(holder: entry.ipv4 ?? entry.ipv6 ?? address)
            }
            entry.types.formUnion(types)
            entry.link = entry.link ?? link
            guard hasRoom(at: address) else { return .overLimit }
            if address.isIPv6 { entry.ipv6 = address } else { entry.ipv4 = address }
            entry.expiry = max(entry.expiry, until)
            remove(name)
            insert(entry)
            return .entered
        }
        remove(name)
        guard entries.count < configuration.entryLimit, hasRoom(at: address) else { return .overLimit }
        var entry = Entry(
            name: name, ipv4: address.isIPv6 ? nil : address, ipv6: address.isIPv6 ? address : nil,
            source: source,
            expiry: until, policy: configuration.policy, since: epoch)
        entry.link = link
        entry.types = types
        insert(entry)
        return .entered
    }

    /// Takes back records of a name that `address` deleted; only its holder can, and only what was learnt the same way.
    ///
    /// - Parameter types: the records that were deleted; the entry lives while the name has others.
    /// - Returns: whether the entry ended.
    package mutating func unregister(
        _ name: Name, address: IPAddress, source: Source, types: AddressTypes = .both
    ) -> Bool {
        guard var entry = entries[name], entry.source == source,
            entry.address(isIPv6: address.isIPv6) == address
        else { return false }
        entry.types.subtract(types)
        guard entry.types.isEmpty else {
            entries[name] = entry
            isDirty = true
            return false
        }
        remove(name)
        return true
    }

    /// Gives a host another IPv6 address: its prefix has changed.
    ///
    /// - Returns: false when there is no such host.
    @discardableResult
    package mutating func move(_ name: Name, to ipv6: IPAddress) -> Bool {
        guard var entry = entries[name], ipv6.isIPv6 else { return false }
        remove(name)
        entry.ipv6 = ipv6
        insert(entry)
        return true
    }

    /// Ends an entry, whoever holds it.
    ///
    /// - Returns: the entry that was there.
    @discardableResult
    package mutating func remove(_ name: Name) -> Entry? {
        guard let entry = entries.removeValue(forKey: name) else { return nil }
        for address in [entry.ipv4, entry.ipv6].compactMap(\.self) {
            namesByAddress[address]?.remove(name)
            if namesByAddress[address]?.isEmpty == true { namesByAddress[address] = nil }
        }
        isDirty = true
        return entry
    }

    /// Ends all entries of one source: before they are read again.
    package mutating func removeAll(from source: Source) {
        for entry in all where entry.source == source { remove(entry.name) }
    }

    /// The clock was set: what was learnt from updates lives on for as long as it would have, and at most a lifetime.
    ///
    /// A router without a battery learns the time only after it has begun to work.
    package mutating func clockWasSet(from old: UInt64, to new: UInt64) {
        for entry in entries.values where entry.source == .update && entry.expiry > old {
            entries[entry.name]?.expiry = new + min(entry.expiry - old, configuration.lifetime)
            isDirty = true
        }
    }

    /// Drops what has ended.
    package mutating func expire(epoch: UInt64) {
        for entry in entries.values where entry.expiry <= epoch { remove(entry.name) }
    }

    private func hasRoom(at address: IPAddress) -> Bool {
        namesByAddress[address, default: []].count < configuration.namesPerHost
    }

    private mutating func insert(_ entry: Entry) {
        entries[entry.name] = entry
        for address in [entry.ipv4, entry.ipv6].compactMap(\.self) {
            namesByAddress[address, default: []].insert(entry.name)
        }
        isDirty = true
    }
}

extension PrivateHostList {
    /// The learnt entries as text, one a line: name, IPv4 or `-`, IPv6 or `-`, source, expiry, since, ports or `all`,
    /// link-layer address or `-`, kinds of records.
    package var text: String {
        let learnt = all.filter { $0.source == .update || $0.source == .local }
        return "# torii-router private host list 1\n"
            + learnt.map { entry in
                let ipv4 = entry.ipv4?.description ?? "-"
                let ipv6 = entry.ipv6?.description ?? "-"
                let ports =
                    entry.policy.allow.map { "=" + $0.map(\.description).joined(separator: ",") } ?? "all"
                let times = "\(entry.expiry) \(entry.since)"
                let link = entry.link.map { String($0, radix: 16) } ?? "-"
                return
                    "\(entry.name) \(ipv4) \(ipv6) \(entry.source.rawValue) \(times) \(ports) \(link) \(entry.types.rawValue)\n"
            }.joined()
    }

    /// The list has been written out.
    package mutating func markClean() { isDirty = false }

    /// Reads what ``text`` wrote.
    ///
    /// A line that cannot be read is passed over: the list is a cache.
    ///
    /// - Returns: how many entries were taken, and how many lines were not.
    @discardableResult
    package mutating func restore(_ text: String, epoch: UInt64) -> (taken: Int, skipped: Int) {
        var taken = 0
        var skipped = 0
        for line in text.split(separator: "\n") where !line.hasPrefix("# ") {
            let fields = line.split(separator: " ")
            guard fields.count == 7 || fields.count == 9, let policy = policy(fields[6]),
                let name = try? Name(fields[0]),
                let source = Source(rawValue: String(fields[3])),
                let expiry = UInt64(fields[4]), let since = UInt64(fields[5]), expiry > epoch,
                entries[name] == nil, entries.count < configuration.entryLimit,
                fields[1] == "-" || IPAddress(fields[1])?.isIPv4 == true,
                fields[2] == "-" || IPAddress(fields[2])?.isIPv6 == true
            else {
                skipped += 1
                continue
            }
            var entry = Entry(
                name: name, ipv4: IPAddress(fields[1]), ipv6: IPAddress(fields[2]), source: source,
                expiry: expiry,
                policy: policy, since: since)
            if fields.count == 9 {
                entry.link = UInt64(fields[7], radix: 16)
                entry.types = AddressTypes(rawValue: UInt8(fields[8]) ?? 0)
            }
            insert(entry)
            taken += 1
        }
        isDirty = false
        return (taken, skipped)
    }

    /// The rules that ``text`` wrote as `all` or `=tcp/80,udp/53`; nil when it wrote no such thing.
    private func policy(_ text: Substring) -> HostPolicy? {
        var policy = configuration.policy
        if text == "all" {
            policy.allow = nil
            return policy
        }
        guard text.first == "=" else { return nil }
        let ports = text.dropFirst().split(separator: ",").map { PortRange($0) }
        guard ports.allSatisfy({ $0 != nil }) else { return nil }
        policy.allow = ports.compactMap(\.self)
        return policy
    }
}
