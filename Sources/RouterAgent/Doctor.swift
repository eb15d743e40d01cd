internal import NTS
internal import Operations

/// Looks for what stops the agent on this machine, and names the one line that would help.
///
/// Reads only. The firewall is judged by its text: base chains of the hooks `input` and `forward` that refuse what comes
/// from outside, without a rule that lets our packets pass. That can be wrong, so it says what it saw.
struct Doctor {
    /// One thing found.
    struct Finding: Equatable {
        enum Grade: String { case good = "ok", note, problem }
        var grade: Grade
        var text: String
        /// The line to add, or the command to run.
        var remedy: String?
    }

    let configuration: RouterConfiguration
    /// The ruleset as `nft -s list ruleset` prints it, without our own table.
    let ruleset: String
    /// The contents of a file, such as a kernel setting.
    let read: (String) -> String?
    let hasInterface: (String) -> Bool
    /// Whether the kernel has a helper, or loads it when asked.
    let hasHelper: (ConnectionHelper) -> Bool

    /// Everything found, problems first.
    func examine() -> [Finding] {
        let all = interfaces() + forwarding() + firewall() + ports() + helpers()
        return all.filter { $0.grade == .problem } + all.filter { $0.grade != .problem }
    }

    private func interfaces() -> [Finding] {
        (configuration.router.outside + configuration.router.inside).map { name in
            hasInterface(name)
                ? Finding(grade: .good, text: "interface \(name) is there")
                : Finding(
                    grade: .problem, text: "there is no interface \(name)",
                    remedy:
                        "router.outside and router.inside in the configuration must name interfaces of this machine"
                )
        }
    }

    private func setting(_ path: String) -> Int? {
        read("/proc/sys/\(path)").flatMap { Int($0.prefix { $0 != "\n" && $0 != "\t" }) }
    }

    private func forwarding() -> [Finding] {
        var found: [Finding] = []
        for (family, path) in [("IPv4", "net/ipv4/ip_forward"), ("IPv6", "net/ipv6/conf/all/forwarding")] {
            let key = path.replacing("/", with: ".")
            if setting(path) == 0 {
                found.append(
                    Finding(
                        grade: family == "IPv4" ? .problem : .note,
                        text: "the kernel does not forward \(family)",
                        remedy: "sysctl -w \(key)=1"))
            } else {
                found.append(Finding(grade: .good, text: "the kernel forwards \(family)"))
            }
        }
        if setting("net/netfilter/nf_conntrack_acct") == 0, configuration.hosts.observeUpdates {
            found.append(
                Finding(
                    grade: .note,
                    text:
                        "connections are not counted, so that all of a TCP connection to port 53 is observed",
                    remedy: "sysctl -w net.netfilter.nf_conntrack_acct=1"))
        }
        return found
    }

    private func firewall() -> [Finding] {
        let port = configuration.router.listen.port
        let mark = "0x" + String(configuration.nftables.mark, radix: 16)
        let outside = configuration.router.outside[0]
        let trust = "iifname \"\(outside)\" ct mark and \(mark) == \(mark) accept"
        var found: [Finding] = []
        let all = FirewallText(ruleset).tables.filter { $0.name.lastWord != configuration.nftables.table }
        for (table, chain) in all.flatMap({ table in
            table.chains(hook: "input", from: outside).map { (table.name, $0) }
        })
        where chain.refuses(from: outside) {
            let isOpen = chain.rules.contains { $0.accepts(udp: port, from: outside) }
            found.append(
                isOpen
                    ? Finding(grade: .good, text: "chain \(chain.name) of \(table) lets udp \(port) in")
                    : Finding(
                        grade: .problem,
                        text: "chain \(chain.name) of table \(table) seems to keep notifications out",
                        remedy:
                            "nft insert rule \(table) \(chain.name) iifname \"\(outside)\" udp dport \(port) accept"
                    ))
        }
        for (table, chain) in all.flatMap({ table in
            table.chains(hook: "forward", from: outside).map { (table.name, $0) }
        })
        where chain.refuses(from: outside) {
            let texts = chain.rules.map(\.text)
            let trustsMark =
                texts.contains {
                    $0.contains("ct mark & \(mark)") || $0.contains("mark and \(mark)") || $0.contains("@0x")
                        || $0.contains("0x\(format8(configuration.nftables.mark))")
                } || chain.rules.contains { $0.verdict(from: outside) == .accept }
            let remedy = "nft insert rule \(table) \(chain.name) \(trust)"
            if trustsMark {
                found.append(Finding(grade: .good, text: "chain \(chain.name) of \(table) trusts our mark"))
            } else if texts.contains(where: { $0.contains("ct status dnat") }) {
                found.append(
                    Finding(
                        grade: .note,
                        text:
                            "chain \(chain.name) of table \(table) accepts translated flows, but no IPv6 pinholes",
                        remedy: remedy))
            } else {
                found.append(
                    Finding(
                        grade: .problem,
                        text: "chain \(chain.name) of table \(table) seems to refuse what we let in",
                        remedy: remedy))
            }
        }
        return found
    }

    private func format8(_ value: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, 8 - text.utf8.count)) + text
    }

    /// Services of the router itself that an asker with a permission would lose.
    private func ports() -> [Finding] {
        guard !configuration.permissions.reserveListening else {
            return [
                Finding(
                    grade: .good, text: "ports that the router listens on are reserved as they come and go")
            ]
        }
        let reserved = configuration.permissions.reservedPorts.map(\.converted)
        let missing = ListeningPorts(read: read, addresses: []).all().filter { port in
            let isOwn = port.transport == 17 && port.port == configuration.router.listen.port
            return !isOwn
                && !reserved.contains { $0.transport == port.transport && $0.ports.contains(port.port) }
        }
        guard !missing.isEmpty else {
            return [Finding(grade: .good, text: "all listening ports are reserved")]
        }
        let list = missing.sorted().map(\.description).joined(separator: ", ")
        return [
            Finding(
                grade: .note,
                text: "the router itself listens on \(list), which an asker with a permission cannot reach",
                remedy: "permissions.reserved-ports: [ \(list), ... ]")
        ]
    }

    private func helpers() -> [Finding] {
        configuration.ruleset.helpers.map { helper in
            let name = helper.kind.rawValue
            let ports = helper.ports.map(String.init).joined(separator: ", ")
            return hasHelper(helper)
                ? Finding(grade: .good, text: "the kernel has its \(name) helper, for port \(ports) of hosts")
                : Finding(
                    grade: .note, text: "the kernel has no \(name) helper: \(name) does not pass",
                    remedy: "modprobe nf_nat_\(name)")
        }
    }
}

extension Doctor.Finding: CustomStringConvertible {
    var description: String {
        "\(grade.rawValue): \(text)" + (remedy.map { "\n    \($0)" } ?? "")
    }
}

extension String {
    fileprivate var lastWord: String { split(separator: " ").last.map(String.init) ?? self }
}

extension Doctor {
    /// The doctor of this machine.
    static func here(_ configuration: RouterConfiguration) throws(RouterError) -> Doctor {
        let nftables = try Nftables()
        return Doctor(
            configuration: configuration, ruleset: nftables.list("list ruleset") ?? "",
            read: { path in
                (try? FileContents.read(path, limit: 4 << 20)).map { String(decoding: $0, as: UTF8.self) }
            },
            hasInterface: { Interfaces.index(of: $0) != nil },
            hasHelper: { helper in
                // Tried, not done: the kernel looks at the transaction and throws it away.
                nftables.isPossible(
                    """
                    add table inet torii_doctor
                    add ct helper inet torii_doctor probe { type "\(helper.kind.rawValue)" protocol \(helper.transportText); }

                    """)
            })
    }
}

extension RouterProgram {
    /// Prints what stops the agent on this machine; exit code 1 when something does.
    package static func doctor(configuration path: String) -> Int32 {
        guard let configuration = load(path) else { return 1 }
        do throws(RouterError) {
            let findings = try Doctor.here(configuration).examine()
            StandardStream(isError: false).write(findings.map(\.description).joined(separator: "\n") + "\n")
            return findings.contains { $0.grade == .problem } ? 1 : 0
        } catch {
            StandardStream(isError: true).write("torii-router: \(error)\n")
            return 1
        }
    }
}
