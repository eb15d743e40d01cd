internal import DNSCore
internal import NTS

/// Carries the changes that ``NTS/RequestCache`` asks for into the kernel's table: many at once, in one transaction.
///
/// An element that is there cannot be added with another value, and one that is gone cannot be deleted; both fail the
/// whole transaction. So an element is taken away by adding it as it was and deleting it: that holds whether or not
/// its timeout, or the packet path, has removed it in between.
struct KernelTable {
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
        var ports: [PortKey: PortTarget?] = [:]
    }

    private var journal = Journal()
    private let nftables: Nftables
    private(set) var ruleset: Ruleset
    private var targets: [IPAddress: Target] = [:]
    private var ports: [PortKey: PortTarget] = [:]
    /// Transactions that the kernel took, and that it refused.
    private(set) var commits: UInt64 = 0
    private(set) var failures: UInt64 = 0
    /// What the last refusal was about.
    private(set) var lastError = ""

    /// Installs the table.
    ///
    /// - Throws: ``RouterError/ruleset(_:)``.
    init(nftables: Nftables, ruleset: Ruleset) throws(RouterError) {
        self.nftables = nftables
        self.ruleset = ruleset
        try install()
    }

    private func install() throws(RouterError) {
        if let error = nftables.run(ruleset.commands) { throw .ruleset(error) }
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
        if let error = nftables.run(ruleset.removal + other.commands) { throw .ruleset(error) }
        ruleset = other
        targets = [:]
        ports = [:]
    }

    /// Puts it back when somebody has taken it away.
    ///
    /// Permissions that were open are gone with it.
    ///
    /// - Throws: ``RouterError/ruleset(_:)``.
    mutating func reinstall() throws(RouterError) {
        targets = [:]
        ports = [:]
        try install()
    }

    /// Makes all changes in one transaction; when that fails, each list in its own.
    ///
    /// - Returns: for each list whether the kernel has it.
    mutating func apply(_ lists: [[KernelChange]], now: Duration) -> [Bool] {
        if targets.count > ruleset.entries || ports.count > ruleset.entries { forget(now) }
        if commit(lists, now) { return lists.map { _ in true } }
        guard lists.count > 1 else { return [false] }
        return lists.map { commit([$0], now) }
    }

    private mutating func commit(_ lists: [[KernelChange]], _ now: Duration) -> Bool {
        var batch = ElementBatch(table: ruleset.table)
        journal = Journal()
        for list in lists {
            for change in list { write(change, into: &batch, now) }
        }
        guard let error = nftables.run(batch.text) else {
            commits &+= 1
            return true
        }
        for (gn, target) in journal.targets { targets[gn] = target }
        for (key, port) in journal.ports { ports[key] = port }
        failures &+= 1
        lastError = error
        return false
    }

    private mutating func set(_ target: Target?, of gn: IPAddress) {
        if journal.targets[gn] == nil { journal.targets[gn] = .some(targets[gn]) }
        targets[gn] = target
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

    private mutating func write(_ change: KernelChange, into batch: inout ElementBatch, _ now: Duration) {
        switch change {
        case .open(let gn, let host, let gate, let lifetime, _):
            batch.begin(subject: gn)
            clear(gn, in: &batch, now)
            batch.add("map", "rc4", "\(gn) timeout \(lifetime + 5)s : \(host)")
            batch.add("set", gate == .window ? "win4" : "once4", "\(gn) timeout \(lifetime)s")
            set(Target(host: host, until: now + .seconds(Int(lifetime) + 5)), of: gn)
        case .narrow(let gn, let lifetime):
            batch.begin(subject: gn)
            batch.clear("win4", "\(gn)")
            batch.clear("once4", "\(gn)")
            batch.add("set", "once4", "\(gn) timeout \(lifetime)s")
        case .close(let gn, _):
            batch.begin(subject: gn)
            clear(gn, in: &batch, now)
            set(nil, of: gn)
        case .openPinhole(let gn, let host, let lifetime):
            batch.begin(subject: gn)
            batch.clear("pin6", "\(gn) . \(host)")
            batch.add("set", "pin6", "\(gn) . \(host) timeout \(lifetime)s")
        case .closePinhole(let gn, let host):
            batch.begin(subject: gn)
            batch.clear("pin6", "\(gn) . \(host)")
        case .openPort(let gn, let transport, let port, let host, let hostPort, let lifetime):
            let key = PortKey(gn: gn, transport: transport, port: port)
            let element = "\(gn) . \(transport == 17 ? "udp" : "tcp") . \(port)"
            batch.begin(subject: gn, part: Int(port))
            clear(key, element, in: &batch, now)
            batch.add("map", "port4", "\(element) timeout \(lifetime)s : \(host) . \(hostPort)")
            set(PortTarget(host: host, port: hostPort, until: now + .seconds(Int(lifetime))), of: key)
        case .closePort(let gn, let transport, let port, _, _):
            let key = PortKey(gn: gn, transport: transport, port: port)
            batch.begin(subject: gn, part: Int(port))
            clear(key, "\(gn) . \(transport == 17 ? "udp" : "tcp") . \(port)", in: &batch, now)
            set(nil, of: key)
        case .block(let gn, let host, let seconds):
            let set = gn.isIPv6 ? "revoked6" : "revoked4"
            batch.begin(subject: gn, part: -1)
            batch.clear(set, "\(host) . \(gn)")
            batch.add("set", set, "\(host) . \(gn) timeout \(seconds)s")
        case .unblock(let gn, let host):
            batch.begin(subject: gn, part: -1)
            batch.clear(gn.isIPv6 ? "revoked6" : "revoked4", "\(host) . \(gn)")
        case .unlimitAll:
            for set in ["limited4", "open4", "limited6", "open6"] { batch.flush(set) }
        case .limit(let host, let ranges):
            batch.begin(subject: host, part: -2)
            let suffix = host.isIPv6 ? "6" : "4"
            batch.add("set", "limited\(suffix)", "\(host)")
            for range in ranges { batch.add("set", "open\(suffix)", "\(host) . \(range.nftText)") }
        }
    }

    private func clear(_ gn: IPAddress, in batch: inout ElementBatch, _ now: Duration) {
        // A second beyond the timeout: the kernel counts in ticks, and its clock is not ours.
        guard let target = targets[gn], target.until + .seconds(1) > now else { return }
        batch.clear("win4", "\(gn)")
        batch.clear("once4", "\(gn)")
        batch.clear("rc4", "\(gn)", value: "\(target.host)")
    }

    private func clear(_ key: PortKey, _ element: String, in batch: inout ElementBatch, _ now: Duration) {
        guard let target = ports[key], target.until + .seconds(1) > now else { return }
        batch.clear("port4", element, value: "\(target.host) . \(target.port)")
    }
}

/// The text of one transaction, with the elements of a set gathered into one command as far as their order allows.
struct ElementBatch {
    private struct Subject: Hashable { var address: IPAddress, part: Int }

    private let table: String
    private var done = ""
    private var clears: [(set: String, keys: [String], elements: [String])] = []
    private var additions: [(set: String, elements: [String])] = []
    private var subjects: Set<Subject> = []

    init(table: String) { self.table = table }

    /// What follows concerns `subject`.
    ///
    /// When the segment has touched it before, a new one begins: within a segment all removals come before
    /// all additions.
    mutating func begin(subject: IPAddress, part: Int = 0) {
        if !subjects.insert(Subject(address: subject, part: part)).inserted {
            finishSegment()
            subjects = [Subject(address: subject, part: part)]
        }
    }

    /// Removes an element, whether it is there or not.
    mutating func clear(_ set: String, _ key: String, value: String? = nil) {
        let element = value.map { "\(key) : \($0)" } ?? key
        if let place = clears.firstIndex(where: { $0.set == set }) {
            clears[place].keys.append(key)
            clears[place].elements.append(element)
        } else {
            clears.append((set, [key], [element]))
        }
    }

    /// Adds an element.
    mutating func add(_ kind: String, _ set: String, _ element: String) {
        if let place = additions.firstIndex(where: { $0.set == set }) {
            additions[place].elements.append(element)
        } else {
            additions.append((set, [element]))
        }
    }

    /// Empties a set, before anything that follows.
    mutating func flush(_ set: String) {
        finishSegment()
        done += "flush set inet \(table) \(set)\n"
    }

    /// The commands.
    var text: String {
        mutating get {
            finishSegment()
            return done
        }
    }

    private mutating func finishSegment() {
        for clear in clears {
            done += "add element inet \(table) \(clear.set) { \(clear.elements.joined(separator: ", ")) }\n"
            done += "delete element inet \(table) \(clear.set) { \(clear.keys.joined(separator: ", ")) }\n"
        }
        for addition in additions {
            done +=
                "add element inet \(table) \(addition.set) { \(addition.elements.joined(separator: ", ")) }\n"
        }
        clears = []
        additions = []
        subjects = []
    }
}
