internal import NTS
internal import Operations

/// Looks for what stops the agent on this machine, and names the one line that would help.
///
/// Reads only. The firewall is judged by its text: base chains of the hooks `input` and `forward` that end in a drop
/// or hold one, without a rule that lets our packets pass. That can be wrong, so it says what it saw.
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

    /// A chain of the firewall that a hook calls.
    private struct Chain {
        var table: String
        var name: String
        var text: String
        var blocks: Bool {
            text.contains("policy drop") || text.contains("drop\n") || text.contains("reject")
        }
    }

    /// The base chains of `hook`, each with the text of its whole table, since rules may stand in chains it jumps to.
    private func chains(hook: String) -> [Chain] {
        var result: [Chain] = []
        var table = ""
        var tableText = ""
        var name = ""
        var pending: [Chain] = []
        for line in ruleset.split(separator: "\n", omittingEmptySubsequences: false) {
            let trimmed = line.drop { $0 == "\t" || $0 == " " }
            if line.hasPrefix("table ") {
                table = String(line.dropFirst(6).prefix { $0 != "{" }).trimmingEnd
                tableText = ""
                pending = []
            }
            if trimmed.hasPrefix("chain ") { name = String(trimmed.dropFirst(6).prefix { $0 != " " }) }
            if trimmed.hasPrefix("type filter hook \(hook) ") {
                pending.append(Chain(table: table, name: name, text: ""))
            }
            tableText += line + "\n"
            if line == "}" {
                result += pending.map { Chain(table: $0.table, name: $0.name, text: tableText) }
            }
        }
        return result
    }

    private func firewall() -> [Finding] {
        var found: [Finding] = []
        let port = configuration.router.listen.port
        let mark = "0x" + String(configuration.nftables.mark, radix: 16)
        let outside = configuration.router.outside[0]
        for chain in chains(hook: "input")
        where chain.blocks && configuration.nftables.table != chain.table.lastWord {
            let isOpen =
                chain.text.contains("udp dport \(port)") || chain.text.contains(" \(port),")
                || chain.text.contains(" \(port) }")
            found.append(
                isOpen
                    ? Finding(grade: .good, text: "chain \(chain.name) of \(chain.table) lets udp \(port) in")
                    : Finding(
                        grade: .problem,
                        text: "chain \(chain.name) of table \(chain.table) seems to keep notifications out",
                        remedy:
                            "nft insert rule \(chain.table) \(chain.name) iifname \"\(outside)\" udp dport \(port) accept"
                    ))
        }
        for chain in chains(hook: "forward")
        where chain.blocks && configuration.nftables.table != chain.table.lastWord {
            let trustsMark =
                chain.text.contains("ct mark & \(mark)") || chain.text.contains("mark and \(mark)")
                || chain.text.contains("@0x")
                || chain.text.contains("0x\(String(format8(configuration.nftables.mark)))")
            let trustsTranslation = chain.text.contains("ct status dnat")
            if !trustsMark, !trustsTranslation {
                found.append(
                    Finding(
                        grade: .problem,
                        text: "chain \(chain.name) of table \(chain.table) seems to refuse what we let in",
                        remedy:
                            "nft insert rule \(chain.table) \(chain.name) iifname \"\(outside)\" ct mark and \(mark) == \(mark) accept"
                    ))
            } else if !trustsMark {
                found.append(
                    Finding(
                        grade: .note,
                        text:
                            "chain \(chain.name) of table \(chain.table) accepts translated flows, but no IPv6 pinholes",
                        remedy:
                            "nft insert rule \(chain.table) \(chain.name) iifname \"\(outside)\" ct mark and \(mark) == \(mark) accept"
                    ))
            } else {
                found.append(
                    Finding(grade: .good, text: "chain \(chain.name) of \(chain.table) trusts our mark"))
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
    fileprivate var trimmingEnd: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }

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
