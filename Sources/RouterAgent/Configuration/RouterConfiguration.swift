package import DNSCore
package import Operations

/// Everything that `torii-router` is told by its configuration file: checked, with defaults filled in.
package struct RouterConfiguration: ConfigurationRecord {
    /// The router itself: interfaces, sockets, directories.
    package private(set) var router: RouterSection
    /// The socket that `toriictl` speaks to.
    package private(set) var control: ControlConfiguration
    /// NTS servers that may notify.
    ///
    /// Everyone else gets no answer.
    package let servers: [RouterServerSection]
    /// TSIG keys (RFC 8945) of form v2, and of our own updates.
    package let keys: [RouterKeySection]
    /// The Private Host List: which names are which private hosts.
    package let hosts: HostsSection
    /// The Request Cache: who is let in, to what and for how long.
    package let permissions: PermissionsSection
    /// Addresses that are kept right in the DNS when the provider changes them.
    package let publish: [PublishSection]
    /// What is put into the kernel.
    package private(set) var nftables: NftablesSection
    /// The log on standard error.
    package let log: LogConfiguration
    /// Figures for Prometheus.
    ///
    /// Off when absent.
    package private(set) var metrics: MetricsConfiguration?

    package init(_ section: ConfigurationSection) {
        router = section.record("router")
        control = section.record("control", of: RouterControlSection.self).control
        servers = section.records("servers", limit: 10_000)
        keys = section.records("keys", limit: 10_000)
        hosts = section.record("hosts")
        permissions = section.record("permissions")
        publish = section.records("publish", limit: 64)
        nftables = section.record("nftables")
        log = section.record("log")
        metrics = section.optionalRecord("metrics")
        if !section.has("router") { section.report("the section router is missing") }
    }

    /// Keeps what only a restart changes as it is in `running`.
    ///
    /// - Returns: the names of the options that are kept although they have changed.
    mutating func keep(_ running: RouterConfiguration) -> [String] {
        var kept: [String] = []
        func check<Value: Equatable>(_ name: String, _ value: (RouterConfiguration) -> Value) {
            if value(self) != value(running) { kept.append(name) }
        }
        check("router.outside") { $0.router.outside }
        check("router.inside") { $0.router.inside }
        check("router.listen") { $0.router.listen }
        check("router.icmp") { $0.router.icmp }
        check("router.state-directory") { $0.router.stateDirectory }
        check("router.user") { $0.router.user }
        check("control.socket") { $0.control.socket }
        check("nftables.use-group") { $0.nftables.useGroup }
        check("nftables.snoop-group") { $0.nftables.snoopGroup }
        check("nftables.icmp-group") { $0.nftables.icmpGroup }
        check("metrics") { $0.metrics?.listen }
        router = running.router
        control = running.control
        nftables.useGroup = running.nftables.useGroup
        nftables.snoopGroup = running.nftables.snoopGroup
        nftables.icmpGroup = running.nftables.icmpGroup
        metrics = running.metrics
        return kept
    }

    /// Reads the file at `path`.
    ///
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong.
    package static func load(from path: String) throws(ConfigurationErrors) -> RouterConfiguration {
        try ConfigurationContext.load(RouterConfiguration.self, from: path)
    }

    /// Reads `text` as if it were the contents of `file`.
    ///
    /// - Throws: ``ConfigurationErrors`` with everything that is wrong.
    package static func parse(_ text: String, file: String) throws(ConfigurationErrors) -> RouterConfiguration
    {
        try ConfigurationContext.parse(RouterConfiguration.self, text: text, file: file)
    }

    /// Every option there is, for the manual and the schema.
    package static var options: [ConfigurationOption] {
        ConfigurationContext.describe(RouterConfiguration.self)
    }
}

/// The `router` section: interfaces, sockets, directories.
package struct RouterSection: ConfigurationRecord {
    /// The interfaces that face the Internet, one or a list.
    package let outside: [String]
    /// The interfaces of private hosts, one or a list.
    package let inside: [String]
    /// Where notifications are taken.
    package let listen: RouterListenSection
    /// Whether the ICMP echo form is taken.
    package let icmp: Bool
    /// The directory of what survives a restart; made when missing.
    ///
    /// Relative to the configuration file.
    package let stateDirectory: String
    /// The account to change to once kernel and sockets are ready; CAP_NET_ADMIN is kept.
    ///
    /// Absent: stay who we are.
    package let user: String?

    package init(_ section: ConfigurationSection) {
        outside = section.list("outside", .interface, limit: 64)
        inside = section.list("inside", .interface, limit: 64)
        listen = section.record("listen")
        icmp = section.value("icmp", .flag, default: false)
        stateDirectory = section.statePath("state-directory", default: "state")
        user = section.account("user")
        guard section.isPresent else { return }
        if outside.isEmpty { section.report("outside is missing") }
        if inside.isEmpty { section.report("inside is missing") }
        for name in outside where inside.contains(name) {
            section.report("\(name) is both outside and inside", on: "inside")
        }
    }
}

/// The `router.listen` section.
package struct RouterListenSection: ConfigurationRecord, Equatable {
    /// The UDP port, on the outside addresses.
    package let port: UInt16
    /// The addresses; empty: all addresses of the outside interfaces.
    package let addresses: [IPAddress]

    package init(_ section: ConfigurationSection) {
        port = section.value("port", .port, default: 20053)
        addresses = section.list("addresses", .address, limit: 64)
    }
}

/// The `control` section of the router agent.
package struct RouterControlSection: ConfigurationRecord {
    /// The section's values.
    package let control: ControlConfiguration

    package init(_ section: ConfigurationSection) {
        control = ControlConfiguration(section, defaultSocket: "run/torii-router.sock")
    }
}

/// One element of `servers`: an NTS server that may notify.
package struct RouterServerSection: ConfigurationRecord {
    /// The server's address.
    package let address: IPAddress
    /// The forms that it may use.
    package let forms: Set<RouterForm>
    /// The TSIG key of form v2.
    package let key: Name?
    /// Where the router announces itself; 0: not at all.
    ///
    /// Needs a key.
    package let registrationPort: UInt16
    /// How often it does.
    package let registrationInterval: Duration

    package init(_ section: ConfigurationSection) {
        address = section.required("address", .address, placeholder: .loopbackIPv4)
        forms = Set(section.list("forms", .choice, default: [RouterForm.v1]))
        key = section.keyReference()
        registrationPort = section.value("registration-port", .portOrAny, default: 0)
        registrationInterval = section.value(
            "registration-interval", .duration(.seconds(10) ... .seconds(86400)), default: .seconds(300))
        guard section.isPresent else { return }
        section.define("\(address)", in: "servers", on: "address")
        if forms.isEmpty { section.report("names no form", on: "forms") }
        if forms.contains(.v2), !section.has("key") { section.report("the form v2 needs a key") }
        if registrationPort != 0, !section.has("key") {
            section.report("registration needs a key", on: "registration-port")
        }
    }
}

/// The forms of notification.
package enum RouterForm: String, ConfigurationChoice {
    case v1
    case icmp
    case v2
}

/// One element of `keys`: a secret shared with a server (RFC 8945).
package struct RouterKeySection: ConfigurationRecord {
    /// The key's name, as it stands in TSIG records.
    package let name: Name
    /// The algorithm that the key is used with.
    package let algorithm: RouterKeyAlgorithm
    /// The secret in base 64.
    ///
    /// Never printed.
    package let secret: Secret
    /// A file that holds the secret in base 64, instead of `secret`.
    package let secretFile: String?

    package init(_ section: ConfigurationSection) {
        name = section.required("name", .name, placeholder: .root)
        algorithm = section.value("algorithm", .choice, default: .hmacSHA256)
        (secret, secretFile) = section.secret()
        if section.has("name") {
            section.define(name.lowercased.description, in: "keys", on: "name")
        }
    }
}

/// The algorithms of TSIG (RFC 8945 6).
package enum RouterKeyAlgorithm: String, ConfigurationChoice {
    case hmacMD5 = "hmac-md5"
    case hmacSHA1 = "hmac-sha1"
    case hmacSHA224 = "hmac-sha224"
    case hmacSHA256 = "hmac-sha256"
    case hmacSHA384 = "hmac-sha384"
    case hmacSHA512 = "hmac-sha512"
}
