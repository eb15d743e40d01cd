import Foundation

/// A `toriid` with zones and another that resolves through it: all on loopback, no namespace needed.
struct ResolverPair {
    let origin: Daemon
    let resolver: Daemon
    /// Where the resolver finds the zones.
    static let zones = ["up.example", "other.example"]

    static let up = """
        $TTL 300
        @ SOA ns h 1 3600 900 604800 60
        @ NS ns
        ns A 127.0.0.1
        www A 192.0.2.1
        also A 192.0.2.2
        both A 192.0.2.3
        both AAAA 2001:db8::3
        mapped A 192.0.2.4
        mapped AAAA ::ffff:192.0.2.4
        deep.sub A 192.0.2.5
        alias CNAME alias.other.example.

        """
    static let other = """
        $TTL 300
        @ SOA ns h 1 3600 900 604800 60
        @ NS ns
        ns A 127.0.0.1
        www A 198.51.100.1
        alias CNAME www.up.example.

        """

    /// The server that is asked, perhaps with more ways in.
    static func origin(_ more: String = "", files: [String: String] = [:]) throws -> Daemon {
        try Daemon(
            Daemon.basics.replacingOccurrences(of: "control:", with: more + "control:") + """
                zones:
                  - { name: up.example, file: up.zone }
                  - { name: other.example, file: other.zone }

                """, files: ["up.zone": up, "other.zone": other].merging(files) { $1 })
    }

    /// - Parameters:
    ///   - more: what is added to the resolver's configuration.
    ///   - recursion: what is added to its section `recursion`.
    init(_ more: String, recursion: String = "", files: [String: String] = [:]) throws {
        origin = try Self.origin()
        resolver = try Daemon(
            Self.configuration(port: origin.port, more, recursion: recursion), files: files)
    }

    static func configuration(port: UInt16, _ more: String, recursion: String = "") -> String {
        let server = "servers: [ { address: 127.0.0.1, port: \(port) } ]"
        return Daemon.basics + """
            access: { recursion: [ { from: 127.0.0.0/8 } ] }
            dnssec: { trust-anchors: [] }
            recursion:
              root-hints: [ { name: nowhere.example., address: 127.0.0.1 } ]
              stub: [ { zone: up.example, \(server) }, { zone: other.example, \(server) } ]
            \(recursion)
            \(more)

            """
    }

    /// The resolver's answer to a client at `address`: code, then the data of the answer's records.
    func ask(
        _ name: String, _ type: String = "A", from address: String = "127.0.0.1"
    ) throws
        -> String
    {
        let result = try resolver.dig("-b", address, name, type)
        return
            ([result.rcode]
            + result.answer.map { $0.split(separator: " ").dropFirst(4).joined(separator: " ") })
            .joined(separator: " ")
    }
}

/// A certificate for 127.0.0.1 and ns.example in a folder.
enum TestIdentity {
    static func make(in directory: TemporaryDirectory) throws {
        let result = try Tool.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout",
                directory.path + "/key.pem", "-out", directory.path + "/cert.pem", "-days", "3650", "-subj",
                "/CN=ns.example", "-addext", "subjectAltName=DNS:ns.example,IP:127.0.0.1",
            ])
        guard result.status == .exited(0) else {
            throw HarnessError.deadline("openssl: \(result.errors)")
        }
    }
}
