internal import DNSCore
internal import NTS

/// Carries the changes that ``NTS/RequestCache`` asks for into the kernel's table: many at once, in one transaction.
///
/// An element that is there cannot be added with another value, and one that is gone cannot be deleted; both fail the
/// whole transaction. So an element is taken away by adding it as it was and deleting it: that holds whether or not
/// its timeout, or the packet path, has removed it in between. Adding an element that is there does not extend it
/// either, so that a permission that is renewed is taken away and added in one transaction.
struct KernelTable {
    /// Changes of one transaction, as the kernel counts them; more go into further ones.
    static let changesPerTransaction = 4096

    private struct Target {
        var host: IPAddress
        /// When the kernel forgets it by itself.
        var until: Duration
    }

    private struct PortKey: Hashable { var gn: IPAddress, transport: UInt8, port: UInt16 }
    private struct PortTarget { var host: IPAddress, port: UInt16, until: Duration }

    /// What a transaction has changed of our knowledge, in case the kernel refuses it.
    private struct Journal {
        var targets: [IPAddress: Target?] = [:]
        var wide: [IPPrefix: Target?] = [:]
        var ports: [PortKey: PortTarget?] = [:]
    }

    let nftables: Nftables
    private(set) var batch: ElementBatch
    private(set) var ruleset: Ruleset
    private var journal = Journal()
    private var targets: [IPAddress: Target] = [:]
    private var wide: [IPPrefix: Target] = [:]
    private var ports: [PortKey: PortTarget] = [:]
    /// Ports of the router itself that the kernel has been told.
    var listening: Set<ListeningPorts.Port> = []
    /// Transactions that the kernel took, and that it refused.
    private(set) var commits: UInt64 = 0
    private(set) var failures: UInt64 = 0
    /// What the last refusal was about.
    private(set) var lastError = ""
    /// What this kernel does not know, so that the table is without it.
    private(set) var missing: [String] = []

    /// Installs the table.
    ///
    /// - Throws: ``RouterError/ruleset(_:)``, ``RouterError/noNftables``.
    init(nftables: Nftables, ruleset: Ruleset) throws(RouterError) {
        self.nftables = nftables
        self.ruleset = ruleset
        batch = try ElementBatch(table: ruleset.table)
        try install(ruleset, before: "")
    }

    /// Installs `wanted`, or as much of it as this kernel knows.
    private mutating func install(_ wanted: Ruleset, before: String) throws(RouterError) {
        var first: String?
        for (isOwned, hasHelpers) in [(true, true), (true, false), (false, true), (false, false)] {
            guard hasHelpers == false || !wanted.helpers.isEmpty || isOwned else { continue }
            var attempt = wanted
            attempt.isOwned = isOwned
            if !hasHelpers { attempt.helpers = [] }
            let error = nftables.run(before + attempt.commands)
            guard let error else {
                ruleset = wanted
                missing = isOwned ? [] : ["table owner"]
                if attempt.helpers != wanted.helpers { missing.append("helpers") }
                return
            }
            if first == nil { first = error }
        }
        throw .ruleset(first ?? "")
    }

    /// Takes the table away.
    func remove() { _ = nftables.run(ruleset.removal) }

    /// Whether the table is still there.
    func isPresent() -> Bool { nftables.list("list set inet \(ruleset.table) self") != nil }

    /// Puts another table in the place of this one, in one transaction.
    ///
    /// Permissions that were open are gone with it.
    ///
    /// - Throws: ``RouterError/ruleset(_:)``; the old table stays.
    mutating func replace(with other: Ruleset) throws(RouterError) {
        let batch = try ElementBatch(table: other.table)
        try install(other, before: ruleset.removal)
        self.batch = batch
        forgetAll()
    }

    /// Puts it back when somebody has taken it away.
    ///
    /// Permissions that were open are gone with it.
    ///
    /// - Throws: ``RouterError/ruleset(_:)``.
    mutating func reinstall() throws(RouterError) {
        forgetAll()
        try install(ruleset, before: "")
    }

    private mutating func forgetAll() {
        targets = [:]
        wide = [:]
        ports = [:]
        listening = []
    }

    /// Makes the changes of all lists, as many as fit in one transaction.
    ///
    /// A list that the kernel refuses is left out, and the others are made without it.
    ///
    /// - Returns: for each list whether the kernel has it.
    mutating func apply(_ lists: [[KernelChange]], now: Duration) -> [Bool] {
        if targets.count > ruleset.entries || ports.count > ruleset.entries { forget(now) }
        var results = [Bool](repeating: false, count: lists.count)
        var next = 0
        while next < lists.count {
            next = applySome(lists, from: next, now, &results)
        }
        return results
    }

    /// Makes lists from `start` on until the transaction is full, and notes which were made.
    ///
    /// - Returns: the first list that was not looked at.
    private mutating func applySome(
        _ lists: [[KernelChange]], from start: Int, _ now: Duration, _ results: inout [Bool]
    ) -> Int {
        var unwanted: Set<Int> = []
        var end = lists.count
        while true {
            batch.begin()
            journal = Journal()
            // Where the changes of each list end.
            var ends: [(list: Int, change: Int)] = []
            var place = start
            while place < end, ends.isEmpty || batch.count < Self.changesPerTransaction {
                if !unwanted.contains(place) {
                    for change in lists[place] { write(change, now) }
                    ends.append((place, batch.count))
                }
                place += 1
            }
            end = place
            guard !ends.isEmpty else { return end }
            switch batch.commit(through: nftables.descriptor) {
            case .made:
                commits &+= 1
                for part in ends { results[part.list] = true }
                return end
            case .refused(let errno, let places):
                failures &+= 1
                lastError = "errno \(errno)"
                undo()
                let guilty = places.compactMap { change in ends.first { change < $0.change }?.list }
                // The kernel has named none: the transaction is halved until the list is found.
                if guilty.isEmpty, ends.count > 1 {
                    end = start + max(1, (end - start) / 2)
                } else {
                    unwanted.formUnion(guilty.isEmpty ? [ends[0].list] : guilty)
                }
            }
        }
    }

    private mutating func undo() {
        for (gn, target) in journal.targets { targets[gn] = target }
        for (gn, target) in journal.wide { wide[gn] = target }
        for (key, port) in journal.ports { ports[key] = port }
    }

    private mutating func set(_ target: Target?, of gn: IPAddress) {
        if journal.targets[gn] == nil { journal.targets[gn] = .some(targets[gn]) }
        targets[gn] = target
    }

    private mutating func set(_ target: Target?, of gn: IPPrefix) {
        if journal.wide[gn] == nil { journal.wide[gn] = .some(wide[gn]) }
        wide[gn] = target
    }

    private mutating func set(_ target: PortTarget?, of key: PortKey) {
        if journal.ports[key] == nil { journal.ports[key] = .some(ports[key]) }
        ports[key] = target
    }

    /// Drops what the kernel has forgotten too.
    private mutating func forget(_ now: Duration) {
        targets = targets.filter { $0.value.until + .seconds(2) > now }
        ports = ports.filter { $0.value.until + .seconds(2) > now }
    }
}

// MARK: What each change is in the kernel

extension KernelTable {
    private mutating func write(_ change: KernelChange, _ now: Duration) {
        switch change {
        case .open(let gn, let host, let gate, let lifetime, _):
            clear(gn, now)
            let key = ElementValue(gn)
            batch.add(SetElement(set: "rc4", key: key, value: ElementValue(host), timeout: lifetime + 5))
            batch.add(SetElement(set: gate == .window ? "win4" : "once4", key: key, timeout: lifetime))
            set(Target(host: host, until: now + .seconds(Int(lifetime) + 5)), of: gn)
        case .narrow(let gn, let lifetime):
            let key = ElementValue(gn)
            batch.clear(SetElement(set: "win4", key: key))
            batch.clear(SetElement(set: "once4", key: key))
            batch.add(SetElement(set: "once4", key: key, timeout: lifetime))
        case .close(let gn, _):
            clear(gn, now)
            set(nil, of: gn)
        case .openPinhole(let gn, let host, let lifetime):
            let key = ElementValue(gn).then(host)
            batch.clear(SetElement(set: "pin6", key: key))
            batch.add(SetElement(set: "pin6", key: key, timeout: lifetime))
        case .closePinhole(let gn, let host):
            batch.clear(SetElement(set: "pin6", key: ElementValue(gn).then(host)))
        case .openPort(let gn, let transport, let port, let host, let hostPort, let lifetime):
            let key = PortKey(gn: gn, transport: transport, port: port)
            clear(key, now)
            let value = ElementValue(host).then(port: hostPort)
            batch.add(SetElement(set: "port4", key: element(key), value: value, timeout: lifetime))
            set(PortTarget(host: host, port: hostPort, until: now + .seconds(Int(lifetime))), of: key)
        case .closePort(let gn, let transport, let port, _, _):
            let key = PortKey(gn: gn, transport: transport, port: port)
            clear(key, now)
            set(nil, of: key)
        case .openPrefix(let gn, let host, let lifetime):
            clear(gn, now)
            if gn.address.isIPv6 {
                batch.add(wideElement("wide6", gn, host, timeout: lifetime))
            } else {
                var target = wideElement("wideto4", gn, nil, timeout: lifetime + 5)
                target.value = ElementValue(host)
                batch.add(target)
                batch.add(wideElement("wide4", gn, nil, timeout: lifetime))
            }
            set(Target(host: host, until: now + .seconds(Int(lifetime) + 5)), of: gn)
        case .closePrefix(let gn, _):
            clear(gn, now)
            set(nil as Target?, of: gn)
        case .block(let gn, let host, let seconds):
            let key = ElementValue(host).then(gn)
            let blocked = gn.isIPv6 ? "revoked6" : "revoked4"
            batch.clear(SetElement(set: blocked, key: key))
            batch.add(SetElement(set: blocked, key: key, timeout: seconds))
        case .unblock(let gn, let host):
            batch.clear(
                SetElement(set: gn.isIPv6 ? "revoked6" : "revoked4", key: ElementValue(host).then(gn)))
        case .blockPrefix(let gn, let host, let seconds):
            let element = blockedPrefix(gn, host)
            batch.clear(element)
            var timed = element
            timed.timeout = seconds
            batch.add(timed)
        case .unblockPrefix(let gn, let host): batch.clear(blockedPrefix(gn, host))
        case .unlimitAll:
            for name in ["limited4", "open4", "limited6", "open6"] { batch.flush(name) }
        case .limit(let host, let ranges):
            let suffix = host.isIPv6 ? "6" : "4"
            batch.add(SetElement(set: "limited\(suffix)", key: ElementValue(host)))
            for range in ranges {
                let start = ElementValue(host).then(transport: range.transport)
                batch.add(
                    SetElement(
                        set: "open\(suffix)", key: start.then(port: range.ports.lowerBound),
                        end: start.then(port: range.ports.upperBound)))
            }
        }
    }

    private func clear(_ gn: IPAddress, _ now: Duration) {
        // A second beyond the timeout: the kernel counts in ticks, and its clock is not ours.
        guard let target = targets[gn], target.until + .seconds(1) > now else { return }
        let key = ElementValue(gn)
        batch.clear(SetElement(set: "win4", key: key))
        batch.clear(SetElement(set: "once4", key: key))
        batch.clear(SetElement(set: "rc4", key: key, value: ElementValue(target.host)))
    }

    private func clear(_ gn: IPPrefix, _ now: Duration) {
        guard let target = wide[gn], target.until + .seconds(1) > now else { return }
        guard !gn.address.isIPv6 else { return batch.clear(wideElement("wide6", gn, target.host)) }
        var element = wideElement("wideto4", gn, nil)
        batch.clear(wideElement("wide4", gn, nil))
        element.value = ElementValue(target.host)
        batch.clear(element)
    }

    private func clear(_ key: PortKey, _ now: Duration) {
        guard let target = ports[key], target.until + .seconds(1) > now else { return }
        let value = ElementValue(target.host).then(port: target.port)
        batch.clear(SetElement(set: "port4", key: element(key), value: value))
    }

    private func element(_ key: PortKey) -> ElementValue {
        ElementValue(key.gn).then(transport: key.transport).then(port: key.port)
    }

    /// All addresses of a prefix, with every protocol (IPv4) or with one host (IPv6).
    ///
    /// The second part makes it a concatenation, which the kernel keeps in another kind of set than single intervals: one
    /// that tells exactly which intervals it has.
    private func wideElement(
        _ set: String, _ gn: IPPrefix, _ host: IPAddress?, timeout: UInt32 = 0
    ) -> SetElement {
        let first = ElementValue(gn.address)
        let last = ElementValue(gn.last)
        guard let host else {
            return SetElement(
                set: set, key: first.then(transport: 0), end: last.then(transport: 255), timeout: timeout)
        }
        return SetElement(set: set, key: first.then(host), end: last.then(host), timeout: timeout)
    }
}

extension KernelTable {
    /// What a host sends to any address of a prefix.
    private func blockedPrefix(_ gn: IPPrefix, _ host: IPAddress) -> SetElement {
        let from = ElementValue(host)
        return SetElement(
            set: gn.address.isIPv6 ? "revokedwide6" : "revokedwide4", key: from.then(gn.address),
            end: from.then(gn.last))
    }
}

extension IPPrefix {
    /// Its last address.
    var last: IPAddress {
        var octets = address.octets
        for bit in length..<octets.count * 8 { octets[bit / 8] |= 0x80 >> UInt8(bit % 8) }
        return IPAddress(octets: octets) ?? address
    }
}
