package import Operations

/// The `server` section: who the server says it is, threads, privileges, directories.
package struct DaemonSection: ConfigurationRecord {
    /// What `id.server.` and `hostname.bind.` answer in class CH (RFC 4892); absent: REFUSED.
    ///
    /// At most 255 octets.
    package let identity: String?
    /// What `version.bind.` and `version.server.` answer in class CH; `none`: REFUSED.
    ///
    /// At most 255 octets.
    package let version: String?
    /// The identifier in the NSID option (RFC 5001) for clients that ask for it; absent: no option.
    ///
    /// At most 128 octets.
    package let nsid: String?
    /// Threads that answer queries, each with sockets of its own; `auto`: one for each processor.
    package let workers: Int?
    /// The account to change to once the sockets are bound; absent: stay who we are.
    ///
    /// Its groups are taken along.
    package let user: String?
    /// The directory of journals, caches and managed keys; made when missing.
    ///
    /// Relative to the configuration file.
    package let stateDirectory: String
    /// DNS cookies (RFC 7873, RFC 9018): `off`, `on`, or `require` (a UDP query without a valid one gets BADCOOKIE).
    package let cookies: CookieOption
    /// The secret of server cookies, 16 octets in hexadecimal, for servers that share an address (RFC 9018 5);
    /// absent: random at each start.
    package let cookieSecret: [UInt8]?

    package init(_ section: ConfigurationSection) {
        identity = section.optional("identity", .text(limit: 255))
        version = section.value("version", ConfigurationScalar.text(limit: 255).orNone("none"), default: nil)
        nsid = section.optional("nsid", .text(limit: 128))
        workers = section.value("workers", ConfigurationScalar.number(1...1024).orNone("auto"), default: nil)
        user = section.account("user")
        stateDirectory = section.statePath("state-directory", default: "state")
        cookies = section.value("cookies", .cookiePolicy, default: .on)
        cookieSecret = section.optional("cookie-secret", .cookieSecret)
    }
}

/// What is done about DNS cookies.
package enum CookieOption: String, ConfigurationChoice {
    case on
    case off
    case require
}

extension ConfigurationScalar where Value == CookieOption {
    /// `on`, `off` (or `true`, `false`) or `require`.
    fileprivate static var cookiePolicy: ConfigurationScalar<CookieOption> {
        let choice = ConfigurationScalar<CookieOption>.choice
        var result = ConfigurationScalar<CookieOption>(
            choice.kind, choices: choice.choices
        ) { text throws(ConfigurationProblem) in
            switch text {
            case "true", "yes": .on
            case "false", "no": .off
            default: try choice.parse(text)
            }
        }
        result.show = choice.show
        return result
    }
}

extension ConfigurationScalar where Value == [UInt8] {
    /// Sixteen octets in hexadecimal.
    fileprivate static var cookieSecret: ConfigurationScalar<[UInt8]> {
        ConfigurationScalar("16 octets in hexadecimal") { text throws(ConfigurationProblem) in
            let digits = Array(text.utf8)
            var octets: [UInt8] = []
            for index in stride(from: 0, to: digits.count - digits.count % 2, by: 2) {
                guard
                    let octet = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16)
                else { break }
                octets.append(octet)
            }
            guard digits.count == 32, octets.count == 16 else {
                throw ConfigurationProblem("not 16 octets in hexadecimal")
            }
            return octets
        }
    }
}
