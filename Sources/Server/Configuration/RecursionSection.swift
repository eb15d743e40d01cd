package import DNSCore
package import Operations
internal import Transport

/// The `recursion` section: resolving names that are not ours.
package struct RecursionSection: ConfigurationRecord {
    /// Whether names that are not ours are resolved for clients that `access.recursion` allows.
    ///
    /// Without the section `recursion` they are not.
    package let enabled: Bool
    /// Whether servers are asked over IPv4.
    package let ipv4: Bool
    /// Whether servers are asked over IPv6.
    package let ipv6: Bool
    /// Where resolution begins: `builtin`, a file in zone format, or a list of servers.
    package let rootHints: RootHintsOption
    /// How much of a name each server is told (RFC 9156): `off` all, `relaxed` as little as works, `strict` no more
    /// even where servers answer wrongly.
    package let qnameMinimisation: QnameMinimisationOption
    /// Zones whose servers are named here instead of being found; they are asked iteratively.
    package let stub: [ForwardSection]
    /// Zones whose names are asked of other resolvers, with RD set.
    package let forward: [ForwardSection]
    /// Addresses that are never asked, not even those under `stub` or `forward`.
    package let doNotQuery: [IPPrefix]
    /// Addresses that are taken out of answers, against rebinding.
    package let privateAddresses: [IPPrefix]
    /// Names below which `private-addresses` are left in.
    package let privateDomains: [Name]
    /// Addresses that queries to other servers are sent from.
    ///
    /// Empty: the system chooses.
    package let source: [IPAddress]
    /// Whether letters of the query name get random case (0x20), where the server keeps it.
    package let randomCase: Bool
    /// Whether servers are sent cookies, and those that know them must send them back (RFC 7873).
    package let cookies: Bool
    /// Telling servers of `stub` and `forward` zones where clients are (RFC 7871).
    ///
    /// Nobody is told when absent.
    package let clientSubnet: ClientSubnetSection?

    package init(_ section: ConfigurationSection) {
        enabled = section.value("enabled", .flag, default: section.isPresent || section.context.isDescribing)
        ipv4 = section.value("ipv4", .flag, default: true)
        ipv6 = section.value("ipv6", .flag, default: true)
        rootHints = section.either(
            "root-hints", .rootHints(section.context), orListOf: RootHintSection.self, default: .builtin,
            make: { .list($0) })
        qnameMinimisation = section.value("qname-minimisation", .choice, default: .relaxed)
        stub = section.records("stub")
        forward = section.records("forward")
        doNotQuery = section.list("do-not-query", .prefix)
        privateAddresses = section.list("private-addresses", .prefix)
        privateDomains = section.list("private-domains", .name)
        source = section.list("source", .address)
        randomCase = section.value("random-case", .flag, default: true)
        cookies = section.value("cookies", .flag, default: true)
        clientSubnet = section.optionalRecord("client-subnet")
        check(section)
    }

    private func check(_ section: ConfigurationSection) {
        guard section.isPresent else { return }
        if enabled, !ipv4, !ipv6 {
            section.report("with ipv4 and ipv6 both off no server can be asked", on: "ipv6")
        }
        if case .file(let path) = rootHints { section.demandReadable(path, on: "root-hints") }
        if case .list(let hints) = rootHints, hints.isEmpty {
            section.report("an empty list of root servers leaves nobody to ask", on: "root-hints")
        }
        var seen: Set<Name> = []
        for (key, list) in [("stub", stub), ("forward", forward)] {
            for entry in list where !seen.insert(entry.zone).inserted {
                section.report("\(entry.zone) stands twice under stub and forward", on: key)
            }
        }
    }
}

/// Where resolution begins.
package enum RootHintsOption: Sendable, Equatable {
    /// The servers known when the program was built.
    case builtin
    /// A file in zone format.
    case file(String)
    case list([RootHintSection])
}

/// One element of `recursion.root-hints`.
package struct RootHintSection: ConfigurationRecord, Hashable {
    /// The root server's name.
    package let name: Name
    /// Its address.
    ///
    /// A server with two addresses stands twice.
    package let address: IPAddress

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .name, placeholder: .root)
        address = section.required("address", .address, placeholder: .loopbackIPv4)
    }
}

/// How much of a name a server is told (RFC 9156).
package enum QnameMinimisationOption: String, ConfigurationChoice {
    case off
    case relaxed
    case strict
}

/// One element of `recursion.stub` or `recursion.forward`.
package struct ForwardSection: ConfigurationRecord, Hashable {
    /// The zone; the rule holds for it and every name below that no longer rule covers.
    package let zone: Name
    /// The servers to ask.
    ///
    /// Empty: the names are resolved in the usual way, in spite of a rule above.
    package let servers: [UpstreamSection]
    /// Whether the usual way is tried when none of them answers.
    package let fallback: Bool
    /// Asking over TLS (RFC 7858), never in plain text.
    ///
    /// Plain text when absent.
    package let tls: UpstreamTLSSection?

    package init(_ section: ConfigurationSection) {
        zone = section.required("zone", .name, placeholder: .root)
        servers = section.records("servers", limit: 64)
        fallback = section.value("fallback", .flag, default: false)
        tls = section.optionalRecord("tls")
        if section.isPresent, !section.has("servers") { section.report("servers is missing") }
    }
}

/// The `tls` section of `recursion.stub[]` and `recursion.forward[]`.
package struct UpstreamTLSSection: ConfigurationRecord, Hashable {
    /// Whether the servers' certificates must be good; without it whoever sits in between can read along.
    package let verify: Bool
    /// The name that the certificates must show.
    ///
    /// Absent: they must show the server's address.
    package let name: Name?
    /// The authorities that certificates are checked against, in PEM.
    ///
    /// Absent: the system's.
    package let ca: String?

    package init(_ section: ConfigurationSection) {
        verify = section.value("verify", .flag, default: true)
        name = section.optional("name", .name)
        ca = section.file("ca")
        if !verify, section.has("ca") { section.report("has no meaning with verify: false", on: "ca") }
        section.demandReadable(ca, on: "ca")
        if let ca, section.isPresent, (try? FileContents.probe(ca)) != nil,
            (try? TLSClientContext(name: nil, authorities: ca, verifies: true)) == nil
        {
            section.report("\(ca) holds no certificates in PEM", on: "ca")
        }
    }
}

/// The `recursion.client-subnet` section.
package struct ClientSubnetSection: ConfigurationRecord, Hashable {
    /// Servers that are told, of those under `stub` and `forward`.
    package let servers: [IPPrefix]
    /// How many bits of an IPv4 address they are told.
    package let ipv4Prefix: Int
    /// How many bits of an IPv6 address they are told.
    package let ipv6Prefix: Int

    package init(_ section: ConfigurationSection) {
        servers = section.list("servers", .prefix)
        ipv4Prefix = section.value("ipv4-prefix", .number(0...32), default: 24)
        ipv6Prefix = section.value("ipv6-prefix", .number(0...128), default: 56)
        if section.isPresent, servers.isEmpty { section.report("servers is missing") }
    }
}

extension ConfigurationScalar where Value == RootHintsOption {
    fileprivate static func rootHints(_ context: ConfigurationContext) -> ConfigurationScalar<RootHintsOption>
    {
        let directory = context.directory
        var result = ConfigurationScalar<RootHintsOption>("`builtin`, or a file") { text in
            if text.isEmpty { return nil }
            return text == "builtin"
                ? .builtin : .file(ConfigurationContext.inputPath(text, configurationDirectory: directory))
        }
        result.show = { _ in "builtin" }
        return result
    }
}
