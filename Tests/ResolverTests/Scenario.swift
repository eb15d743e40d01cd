import DNSCore
import Resolver

/// A scripted resolution in the words of Unbound's `.rpl` files, as far as the player understands them.
struct Scenario {
    /// What a query must look like, and the response to it.
    struct Entry {
        var matches: Set<String> = []
        var extendedError: UInt16?
        var copiesQuery = false
        var flags: Set<String> = []
        var responseCode = ResponseCode.noError
        var message = Message()
        /// Octets that follow an RRset's known form: a record whose data are malformed on purpose.
    }

    struct Range {
        var steps: ClosedRange<Int>
        var addresses: [IPAddress] = []
        var entries: [Entry] = []
    }

    enum Step {
        case query(Entry, from: IPAddress?)
        case check(Entry)
        case timePasses(Duration)
        case traffic
    }

    var title = ""
    var configuration = ResolverConfiguration()
    /// Wall-clock seconds at which it begins.
    var date: Int64 = 1_700_000_000
    /// Options of the head that have no meaning here and are not known to make no difference.
    var untranslated: Set<String> = []
    /// It is about EDNS options, access or signatures by retired algorithms, which the resolver itself never sees.
    var isForDaemon = false
    var ranges: [Range] = []
    var steps: [(number: Int, step: Step)] = []

    struct Fault: Error, CustomStringConvertible {
        let line: Int
        let reason: String
        var description: String { "line \(line): \(reason)" }
    }

    init(_ text: String) throws {
        var parser = Parser(text)
        try parser.parse()
        self = parser.result
    }

    private init() {}

    fileprivate static func empty() -> Scenario { Scenario() }
}

private struct Parser {
    var lines: [String]
    var position = 0
    var result = Scenario.empty()
    var policyFiles: [String: String] = [:]

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The next line that says something, without its comment.
    mutating func next() -> String? {
        while position < lines.count {
            let line = Parser.withoutComment(lines[position]).trimmed
            position += 1
            if !line.isEmpty { return line }
        }
        return nil
    }

    func fault(_ reason: String) -> Scenario.Fault { Scenario.Fault(line: position, reason: reason) }

    mutating func parse() throws {
        try configure()
        while let line = next() {
            let words = line.words
            switch words[0] {
            case "SCENARIO_BEGIN": result.title = words.dropFirst().joined(separator: " ")
            case "RANGE_BEGIN": try range(words)
            case "STEP": try step(words)
            case "SCENARIO_END": return
            default: throw fault("unexpected \(words[0])")
            }
        }
    }

    // MARK: Steps and ranges

    mutating func range(_ words: [String]) throws {
        guard words.count >= 3, let from = Int(words[1]), let to = Int(words[2]) else { throw fault("range") }
        var range = Scenario.Range(steps: from...max(from, to))
        while let line = next() {
            let words = line.words
            if words[0] == "RANGE_END" { break }
            if words[0] == "ADDRESS" {
                guard let address = IPAddress(words[1]) else { throw fault("address") }
                range.addresses.append(address)
            } else if words[0] == "ENTRY_BEGIN" {
                range.entries.append(try entry())
            }
        }
        result.ranges.append(range)
    }

    mutating func step(_ words: [String]) throws {
        guard words.count >= 3, let number = Int(words[1]) else { throw fault("step") }
        switch words[2] {
        case "QUERY":
            var from: IPAddress?
            if let at = words.firstIndex(of: "ADDRESS"), at + 1 < words.count {
                from = IPAddress(words[at + 1])
            }
            guard next()?.words.first == "ENTRY_BEGIN" else { throw fault("no entry") }
            result.steps.append((number, .query(try entry(), from: from)))
        case "CHECK_ANSWER":
            guard next()?.words.first == "ENTRY_BEGIN" else { throw fault("no entry") }
            result.steps.append((number, .check(try entry())))
        case "TIME_PASSES":
            guard let last = words.last, let seconds = Double(last) else { throw fault("elapse") }
            result.steps.append((number, .timePasses(.milliseconds(Int(seconds * 1000)))))
        case "TRAFFIC", "NOTHING": result.steps.append((number, .traffic))
        default: throw fault("step \(words[2])")
        }
    }

    mutating func entry() throws -> Scenario.Entry {
        var entry = Scenario.Entry()
        var section = ""
        var text: [String: [String]] = [:]
        var isHex = false
        while let line = next() {
            let words = line.words
            if isHex {
                result.isForDaemon = true
                isHex = words[0] != "HEX_EDNSDATA_END"
                continue
            }
            switch words[0] {
            case "ENTRY_END":
                try fill(&entry, text)
                return entry
            case "MATCH":
                for word in words.dropFirst() {
                    if word.hasPrefix("ede=") {
                        entry.extendedError = UInt16(word.dropFirst(4))
                    } else {
                        entry.matches.insert(word.lowercased())
                    }
                }
            case "ADJUST": if words.contains("copy_query") { entry.copiesQuery = true }
            case "REPLY":
                for word in words.dropFirst() {
                    if let code = Parser.codes[word] {
                        entry.responseCode = code
                    } else {
                        entry.flags.insert(word)
                    }
                }
            case "SECTION": section = words[1]
            case "HEX_EDNSDATA_BEGIN": isHex = true
            default: text[section, default: []].append(line)
            }
        }
        throw fault("entry without end")
    }

    /// Options that make no difference to what is compared, or that only a daemon has.
    private static let indifferent: Set<String> = [
        "access-control:", "do-not-query-localhost:", "ede:", "ede-serve-expired:", "fake-sha1:",
        "harden-glue:",
        "harden-referral-path:", "harden-dnssec-stripped:", "iter-scrub-promiscuous:", "minimal-responses:",
        "nsid:", "prefetch-key:", "rpz-log:", "rpz-log-name:", "rrset-roundrobin:", "stub-prime:",
        "target-fetch-policy:", "verbosity:", "zonefile:", "discard-timeout:", "outbound-msg-retry:",
        "infra-keep-probing:", "root-key-sentinel:", "trust-anchor-signaling:",
    ]

    private static let codes: [String: ResponseCode] = [
        "NOERROR": .noError, "NXDOMAIN": .nameError, "SERVFAIL": .serverFailure, "REFUSED": .refused,
        "FORMERR": .formatError, "NOTIMPL": .notImplemented, "YXDOMAIN": .yxDomain, "NOTAUTH": .notAuth,
    ]

    func fill(_ entry: inout Scenario.Entry, _ text: [String: [String]]) throws {
        var flags: HeaderFlags = []
        for (word, flag): (String, HeaderFlags) in [
            ("QR", .response), ("AA", .authoritative), ("TC", .truncated), ("RD", .recursionDesired),
            ("RA", .recursionAvailable), ("AD", .authenticData), ("CD", .checkingDisabled),
        ] where entry.flags.contains(word) { flags.insert(flag) }
        entry.message.flags = flags.with(opcode: .query, responseCode: entry.responseCode)
        for line in text["QUESTION"] ?? [] {
            let words = line.words.filter { $0.uppercased() != "IN" }
            guard words.count >= 2, let type = RRType(mnemonic: words[1]) else {
                throw fault("question \(line)")
            }
            entry.message.questions = [Question(name: try Name(words[0]), type: type)]
        }
        if entry.flags.contains("DO") { entry.message.edns = EDNS(wantsDNSSEC: true) }
        entry.message.answers = try Parser.records(text["ANSWER"] ?? [])
        entry.message.authorities = try Parser.records(text["AUTHORITY"] ?? [])
        entry.message.additionals = try Parser.records(text["ADDITIONAL"] ?? [])
    }

    static func records(_ lines: [String], origin: Name = .root) throws -> [ResourceRecord] {
        var result: [ResourceRecord] = []
        for line in lines where line.contains("\\#") {
            // Data of the wrong length: the reader of zone files would refuse it, rightly.
            let words = line.words
            guard let mark = words.firstIndex(of: "\\#"), mark >= 2,
                let type = RRType(mnemonic: words[mark - 1])
            else {
                continue
            }
            let digits = Array(words[(mark + 2)...].joined())
            let octets = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
            result.append(
                ResourceRecord(owner: try Name(words[0]), type: type, ttl: 3600, data: RecordData(octets)))
        }
        let text = lines.filter { !$0.contains("\\#") }.joined(separator: "\n") + "\n"
        var scanner = ZoneTextScanner(
            text: Array(text.utf8), origin: origin, options: ZoneTextOptions(defaultTTL: 3600))
        while try scanner.next() { result.append(scanner.record()) }
        return result
    }

    // MARK: Configuration

    mutating func configure() throws {
        var configuration = ResolverConfiguration()
        configuration.rootHints = []
        configuration.validation.trustAnchors = []
        configuration.validation.signalsTrustAnchors = false
        configuration.usesIPv6 = true
        configuration.cache.size = 1 << 20
        configuration.cache.servesStale = false
        configuration.cache.prefetches = false
        var clause = ""
        var zone: ConfiguredZone?
        var isForward = false
        var modules = "validator iterator"
        var prefix64 = IPPrefix("64:ff9b::/96")
        var policy: (name: Name, override: PolicyZoneConfiguration.Override, records: [ResourceRecord])?
        func close() {
            if let done = zone {
                if isForward {
                    configuration.forwardZones.append(done)
                } else {
                    configuration.stubZones.append(done)
                }
                zone = nil
            }
            if let done = policy {
                configuration.policyZones.append(
                    PolicyZoneConfiguration(origin: done.name, override: done.override, records: done.records)
                )
                policy = nil
            }
        }
        while let line = next() {
            if line == "CONFIG_END" { break }
            if line.hasPrefix("TEMPFILE_NAME") { continue }
            if line.hasPrefix("TEMPFILE_CONTENTS") {
                var body: [String] = []
                while position < lines.count, lines[position].trimmed != "TEMPFILE_END" {
                    body.append(Parser.withoutComment(lines[position]))
                    position += 1
                }
                position += 1
                policy?.records = try Parser.records(body)
                continue
            }
            var words = line.words[...]
            while let word = words.popFirst() {
                if word.hasPrefix("#") { break }
                if ["server:", "stub-zone:", "forward-zone:", "rpz:"].contains(word) {
                    close()
                    clause = word
                    isForward = word == "forward-zone:"
                    continue
                }
                guard word.hasSuffix(":") else { continue }
                let value = words.popFirst()?.unquoted ?? ""
                switch (clause, word) {
                case ("rpz:", "name:"): policy = (try Name(value), .given, [])
                case ("rpz:", "rpz-action-override:"):
                    policy?.override = PolicyZoneConfiguration.Override(rawValue: value) ?? .given
                case (_, "name:"): zone = ConfiguredZone(name: try Name(value), servers: [])
                case (_, "stub-addr:"), (_, "forward-addr:"):
                    let parts = value.split(separator: "@").map(String.init)
                    if let address = IPAddress(parts[0]) {
                        let port = parts.count > 1 ? UInt16(parts[1]) ?? 53 : 53
                        zone?.servers.append(.address(IPEndpoint(address, port: port)))
                    }
                case (_, "stub-host:"), (_, "forward-host:"):
                    zone?.servers.append(.name(try Name(value), port: 53))
                case (_, "do-not-query-address:"):
                    if let prefix = Parser.prefix(value) { configuration.neverAsked.append(prefix) }
                case (_, "private-address:"):
                    if let prefix = Parser.prefix(value) { configuration.privateAddresses.append(prefix) }
                case (_, "private-domain:"): configuration.privateDomains.append(try Name(value))
                case (_, "cache-min-ttl:"): configuration.cache.minTTL = .seconds(Int(value) ?? 0)
                case (_, "cache-max-ttl:"): configuration.cache.maxTTL = .seconds(Int(value) ?? 86400)
                case (_, "cache-max-negative-ttl:"):
                    configuration.cache.maxNegativeTTL = .seconds(Int(value) ?? 3600)
                case (_, "dns64-prefix:"): prefix64 = Parser.prefix(value)
                case (_, "module-config:"): modules = value
                case (_, "local-zone:"):
                    let kind = words.popFirst()?.unquoted ?? ""
                    guard let kind = LocalZone.Kind(rawValue: kind) else { throw fault("local-zone") }
                    configuration.localZones.append(LocalZone(name: try Name(value), kind: kind))
                case (_, "local-data:"): configuration.localData += try Parser.records([value])
                case (_, "qname-minimisation-strict:"):
                    if value == "yes" { configuration.minimisation = .strict }
                case (_, "do-ip4:"): configuration.usesIPv4 = value == "yes"
                case (_, "serve-expired-ttl:"):
                    if let age = Int(value), age > 0 { configuration.cache.staleMaxAge = .seconds(age) }
                case (_, "serve-expired-client-timeout:"):
                    configuration.cache.staleClientTimeout = .milliseconds(Int(value) ?? 1800)
                case (_, "use-caps-for-id:"): configuration.mixesCase = value == "yes"
                case (_, "stub-first:"), (_, "forward-first:"): zone?.fallsBack = value == "yes"
                case (_, "qname-minimisation:"):
                    configuration.minimisation = value == "no" ? .off : .relaxed
                case (_, "do-ip6:"): configuration.usesIPv6 = value == "yes"
                case (_, "trust-anchor:"):
                    configuration.validation.trustAnchors += try Parser.records([value])
                case (_, "domain-insecure:"):
                    configuration.validation.negativeTrustAnchors.append(try Name(value))
                case (_, "aggressive-nsec:"):
                    configuration.validation.usesAggressiveNegatives = value == "yes"
                case (_, "val-override-date:"): result.date = Parser.date(value) ?? result.date
                case (_, "serve-expired:"): configuration.cache.servesStale = value == "yes"
                case (_, "serve-expired-reply-ttl:"):
                    configuration.cache.staleAnswerTTL = .seconds(Int(value) ?? 30)
                case (_, "prefetch:"): configuration.cache.prefetches = value == "yes"
                case (_, "access-control:") where !value.hasSuffix(" allow"):
                    // The action is the next word.
                    if words.first != "allow", words.first != "allow_snoop" { result.isForDaemon = true }
                    words.removeAll()
                default:
                    if !Parser.indifferent.contains(word) { result.untranslated.insert(word) }
                }
            }
        }
        close()
        if modules.contains("dns64") {
            configuration.dns64 = prefix64.map { AddressSynthesisConfiguration(prefix: $0) }
        }
        if !modules.contains("validator") { configuration.validation.isEnabled = false }
        result.configuration = configuration
    }

    /// A prefix; an address alone is one host.
    static func prefix(_ text: String) -> IPPrefix? {
        text.contains("/") ? IPPrefix(text) : IPPrefix(text + (text.contains(":") ? "/128" : "/32"))
    }

    static func date(_ text: String) -> Int64? {
        let digits = Array(text)
        guard digits.count == 14 else { return Int64(text) }
        func number(_ range: Range<Int>) -> Int64 { Int64(String(digits[range])) ?? 0 }
        var year = number(0..<4)
        let month = number(4..<6)
        if month <= 2 { year -= 1 }
        let era = year / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + number(6..<8) - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        return days * 86400 + number(8..<10) * 3600 + number(10..<12) * 60 + number(12..<14)
    }

    static func withoutComment(_ line: String) -> String {
        var result = ""
        var isQuoted = false
        for character in line {
            if character == "\"" { isQuoted.toggle() }
            if character == ";", !isQuoted { break }
            result.append(character)
        }
        return result
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text = text.dropFirst() }
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        return String(text)
    }

    /// Words between white space; what stands in quotes is one word.
    fileprivate var words: [String] {
        var result: [String] = []
        var word = ""
        var isQuoted = false
        for character in self {
            if character == "\"" { isQuoted.toggle() }
            if character.isWhitespace, !isQuoted {
                if !word.isEmpty { result.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { result.append(word) }
        return result
    }

    fileprivate var unquoted: String {
        hasPrefix("\"") && hasSuffix("\"") && count >= 2 ? String(dropFirst().dropLast()) : self
    }
}
