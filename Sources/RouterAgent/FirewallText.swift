/// What can be learnt of a firewall from the text of `nft -s list ruleset`, without doing what the kernel does.
struct FirewallText {
    /// One rule.
    struct Rule {
        var text: String
        private var words: [Substring] { text.split(separator: " ") }

        /// What becomes of a packet.
        enum Verdict { case accept, refuse }

        /// What the rule does with all that comes in by an interface, or with all of a transport protocol; nil when it
        /// concerns some packets only, or goes on.
        func verdict(from outside: String) -> Verdict? {
            let words = words
            var place = 0
            while place < words.count {
                switch words[place] {
                case "accept": return .accept
                case "drop", "reject": return .refuse
                case "counter", "log", "limit":
                    // Neither chooses packets that we could tell apart.
                    guard
                        let next = words[place...].firstIndex(where: {
                            ["accept", "drop", "reject"].contains($0)
                        })
                    else { return nil }
                    place = next
                case "iifname", "iif":
                    guard let next = interface(at: place, outside) else { return nil }
                    place = next
                case "meta" where place + 1 < words.count && words[place + 1] == "l4proto":
                    guard let (_, next) = values(after: place + 1) else { return nil }
                    place = next
                default: return nil
                }
            }
            return nil
        }

        /// Whether it lets datagrams to `port` in.
        func accepts(udp port: UInt16, from outside: String) -> Bool {
            if verdict(from: outside) == .accept { return true }
            let words = words
            guard let dport = words.firstIndex(of: "dport"), dport > 0,
                ["udp", "th"].contains(words[dport - 1]),
                words.contains("accept"), let (values, _) = values(after: dport)
            else { return false }
            return values.contains { value in
                let ends = value.split(separator: "-").compactMap { UInt16($0) }
                return ends.count == 2 ? ends[0] <= port && port <= ends[1] : ends == [port]
            }
        }

        /// Whether it is for other interfaces alone.
        func isElsewhere(than outside: String) -> Bool {
            guard let place = words.firstIndex(where: { $0 == "iifname" || $0 == "iif" }) else {
                return false
            }
            return interface(at: place, outside) == nil
        }

        /// Where a match of interfaces ends; nil when it leaves this one out.
        private func interface(at place: Int, _ outside: String) -> Int? {
            let isNegated = place + 1 < words.count && words[place + 1] == "!="
            guard let (values, next) = values(after: isNegated ? place + 1 : place) else { return nil }
            return values.contains { $0.matches(outside) } != isNegated ? next : nil
        }

        /// The value, or the set of values, behind a word, and where it ends; nil for a negation.
        private func values(after place: Int) -> ([Substring], Int)? {
            let words = words
            let start = place + 1
            guard start < words.count, words[start] != "!=" else { return nil }
            guard words[start] == "{" else { return ([words[start].bare], start + 1) }
            guard let end = words[start...].firstIndex(of: "}") else { return nil }
            return (words[(start + 1)..<end].map(\.bare), end + 1)
        }
    }

    /// A chain that a hook calls, with the rules that it leads to.
    struct Chain {
        var name: String
        var dropsByPolicy: Bool
        var rules: [Rule]

        /// Whether what comes in by this interface is refused unless a rule says otherwise.
        func refuses(from outside: String) -> Bool {
            dropsByPolicy || rules.contains { $0.verdict(from: outside) == .refuse }
        }
    }

    /// One table.
    struct Table {
        /// Family and name.
        var name: String
        fileprivate var bodies: [String: [String]] = [:]
        fileprivate var order: [String] = []

        /// The base chains of a hook of filters, each with the rules that what comes in by an interface may meet.
        func chains(hook: String, from outside: String) -> [Chain] {
            order.compactMap { name in
                guard let type = bodies[name]?.first, type.hasPrefix("type filter hook \(hook) ") else {
                    return nil
                }
                return Chain(
                    name: name, dropsByPolicy: type.contains("policy drop"),
                    rules: rules(reachedFrom: name, by: outside))
            }
        }

        private func rules(reachedFrom start: String, by outside: String) -> [Rule] {
            var seen: Set<String> = [start]
            var waiting = [start]
            var found: [Rule] = []
            while let name = waiting.popLast() {
                for line in bodies[name] ?? [] where !line.hasPrefix("type ") {
                    let rule = Rule(text: line)
                    guard !rule.isElsewhere(than: outside) else { continue }
                    found.append(rule)
                    let words = line.split(separator: " ")
                    for (word, next) in zip(words, words.dropFirst()) where word == "jump" || word == "goto" {
                        if seen.insert(String(next)).inserted { waiting.append(String(next)) }
                    }
                }
            }
            return found
        }
    }

    private(set) var tables: [Table] = []

    /// Reads a ruleset.
    init(_ text: String) {
        var chain: String?
        for line in text.split(separator: "\n") {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let first = words.first else { continue }
            if first == "table", words.count >= 3 {
                tables.append(Table(name: words[1...2].joined(separator: " ")))
                chain = nil
            } else if first == "chain", words.count >= 2, !tables.isEmpty {
                let name = String(words[1])
                chain = name
                tables[tables.count - 1].order.append(name)
                tables[tables.count - 1].bodies[name] = []
            } else if first == "}" {
                chain = nil
            } else if let chain, !tables.isEmpty {
                tables[tables.count - 1].bodies[chain]?.append(words.joined(separator: " "))
            }
        }
    }
}

extension Substring {
    /// Without quotes and comma.
    fileprivate var bare: Substring {
        var text = self
        if text.last == "," { text.removeLast() }
        if text.first == "\"", text.last == "\"", text.count > 1 { text = text.dropFirst().dropLast() }
        return text
    }

    /// Whether an interface's name is meant, which may end in a star.
    fileprivate func matches(_ name: String) -> Bool {
        last == "*" ? name.hasPrefix(dropLast()) : self == name
    }
}
