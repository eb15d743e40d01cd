import Foundation
import Testing

/// A configuration that must be refused, and what is said about it.
struct BadConfiguration: CustomTestStringConvertible, Sendable {
    let title: String
    let text: String
    /// Line and column, from 1; column nil = not compared.
    let line: Int
    var column: Int?
    /// The path of the offending value, as in `listen[0].port`.
    let path: String
    /// A word that the message holds.
    var word = ""
    var testDescription: String { title }

    static let listen = "listen:\n  - { address: 127.0.0.1, port: 5300 }\n"

    static let all: [BadConfiguration] = [
        BadConfiguration(
            title: "A port beyond 65535", text: "listen:\n  - { address: 127.0.0.1, port: 66000 }\n", line: 2,
            column: 33,
            path: "listen[0].port", word: "66000"),
        BadConfiguration(
            title: "An address that is none", text: "listen:\n  - { address: 127.0.0.256, port: 53 }\n",
            line: 2,
            column: 16, path: "listen[0].address"),
        BadConfiguration(
            title: "A protocol nobody speaks",
            text: "listen:\n  - { address: 127.0.0.1, port: 53, protocols: [udp, pigeon] }\n",
            line: 2, path: "listen[0].protocols[1]", word: "pigeon"),
        BadConfiguration(
            title: "An unknown key", text: listen + "colour: blue\n", line: 3, column: 1, path: "colour"),
        BadConfiguration(
            title: "An unknown key inside", text: listen + "server:\n  identity: x\n  wrokers: 2\n", line: 5,
            column: 3,
            path: "server.wrokers"),
        BadConfiguration(
            title: "A list where a mapping belongs", text: listen + "server: [ 1, 2 ]\n", line: 3, column: 9,
            path: "server"),
        BadConfiguration(
            title: "Text where a number belongs", text: listen + "server: { workers: many }\n", line: 3,
            column: 20,
            path: "server.workers", word: "many"),
        BadConfiguration(
            title: "A duration without unit", text: listen + "cache:\n  max-ttl: soon\n", line: 4, column: 12,
            path: "cache.max-ttl"),
        BadConfiguration(
            title: "A size that is none", text: listen + "cache:\n  size: 12 elephants\n", line: 4, column: 9,
            path: "cache.size"),
        BadConfiguration(
            title: "A size out of range, with the range", text: listen + "cache:\n  size: 12KiB\n", line: 4,
            column: 9, path: "cache.size", word: "not between 1MiB and 16TiB"),
        BadConfiguration(
            title: "A key whose secret is not Base64",
            text: listen + "keys:\n  - { name: k.example., algorithm: hmac-sha256, secret: \"###\" }\n",
            line: 4,
            path: "keys[0].secret"),
        BadConfiguration(
            title: "An algorithm nobody knows",
            text: listen + "keys:\n  - { name: k.example., algorithm: hmac-rot13, secret: \"c2VjcmV0\" }\n",
            line: 4,
            path: "keys[0].algorithm", word: "hmac-rot13"),
        BadConfiguration(
            title: "A rule with a key that is not defined",
            text: listen
                + "zones:\n  - name: example.net\n    kind: primary\n    file: z\n    update:\n      - { key: ghost.example., action: allow }\n",
            line: 8, path: "zones[0].update[0].key", word: "ghost.example"),
        BadConfiguration(
            title: "A prefix that is none",
            text: listen + "access:\n  query: [ { from: 10.0.0.0/33, action: allow } ]\n",
            line: 4, path: "access.query[0].from"),
        BadConfiguration(
            title: "An action that is none",
            text: listen + "access:\n  query: [ { from: 10.0.0.0/8, action: maybe } ]\n",
            line: 4, path: "access.query[0].action", word: "maybe"),
        BadConfiguration(
            title: "A zone kind that is none",
            text: listen + "zones:\n  - { name: example.net, kind: tertiary, file: z }\n",
            line: 4, path: "zones[0].kind", word: "tertiary"),
        BadConfiguration(
            title: "A zone without a file",
            text: listen + "zones:\n  - { name: example.net, kind: primary }\n", line: 4,
            path: "zones[0]", word: "file"),
        BadConfiguration(
            title: "A zone twice",
            text: listen
                + "zones:\n  - { name: example.net, kind: primary, file: z }\n  - { name: EXAMPLE.net., kind: primary, file: z }\n",
            line: 5, path: "zones[1].name"),
        BadConfiguration(
            title: "No listen", text: "server: { workers: 1 }\n", line: 1, path: "listen", word: "listen"),
        BadConfiguration(
            title: "YAML that ends too early", text: "listen: [ { address: 127.0.0.1\n", line: 2, path: ""),
        BadConfiguration(title: "The same key twice", text: listen + "listen: []\n", line: 3, path: "listen"),
    ]
}

@Suite("Configuration errors")
struct ConfigurationErrorTests {
    @Test("File, line, column and path are named, and the exit code is 1", arguments: BadConfiguration.all)
    func refused(_ bad: BadConfiguration) throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("torii.yaml", bad.text)
        for arguments in [["--config", file], ["--config", file, "--check"]] {
            let result = try Tool.run(Places.program("toriid"), arguments, directory: directory.path)
            #expect(result.status == .exited(1))
            let place = "\(file):\(bad.line):\(bad.column.map { "\($0): " } ?? "")"
            #expect(result.errors.contains(place), "\(place) in: \(result.errors)")
            for text in [bad.path, bad.word] where !text.isEmpty {
                #expect(result.errors.contains(text), "\(text) in: \(result.errors)")
            }
        }
    }

    @Test(
        "Files, accounts and certificates that cannot be used are named where the configuration names them",
        arguments: [
            (
                "listen: [ { port: $PORT, address: 127.0.0.1, protocols: [tls], certificate: none.pem, key: k } ]",
                "1:77: listen[0].certificate: none.pem cannot be read"
            ),
            (
                "listen: [ { port: $PORT, address: 127.0.0.1, protocols: [tls], certificate: text, key: text } ]",
                "1:77: listen[0].certificate: text is no certificate"
            ),
            (
                "listen: [ { port: $PORT, address: 127.0.0.1, protocols: [tls], certificate: cert.pem, key: other.pem } ]",
                "1:92: listen[0].key: other.pem is no private key"
            ),
            (port + "recursion: { root-hints: none }", "2:26: recursion.root-hints: none cannot be read"),
            (port + "dnssec: { trust-anchors: none }", "2:26: dnssec.trust-anchors: none cannot be read"),
            (port + "rpz: [ { zone: a.example, file: none } ]", "2:33: rpz[0].file: none cannot be read"),
            (port + "server: { user: no-such-account }", "2:17: server.user: there is no account"),
            (
                port
                    + "recursion: { forward: [ { zone: ., servers: [ { address: 192.0.2.1 } ], tls: { ca: text } } ] }",
                "2:84: recursion.forward[0].tls.ca: text holds no certificates"
            ),
            (
                port + "views: [ { name: v, local: { zones: [ { zone: lan. }, { zone: LAN } ] } } ]",
                "2:63: views[0].local.zones[1].zone: lan. is defined twice"
            ),
        ])
    func files(_ text: String, _ expected: String) throws {
        let directory = try TemporaryDirectory()
        try TestIdentity.make(in: directory)
        try directory.write("text", "nothing of the kind\n")
        #expect(
            try Tool.run(
                "openssl",
                ["ecparam", "-genkey", "-name", "prime256v1", "-out", directory.path + "/other.pem"]
            ).succeeded)
        // Taken: whoever opened a socket first would say that.
        let taken = try LoopbackSocket(SOCK_STREAM, address: "127.0.0.1")
        let datagrams = try? LoopbackSocket(SOCK_DGRAM, address: "127.0.0.1", port: taken.port)
        let padded = "\(taken.port)" + String(repeating: " ", count: 5 - "\(taken.port)".count)
        let file = try directory.write("c.yaml", text.replacingOccurrences(of: "$PORT", with: padded) + "\n")
        for more in [[], ["--check"]] {
            let result = try Tool.run(
                Places.program("toriid"), ["--config", "c.yaml"] + more, directory: directory.path)
            #expect(result.status == .exited(1))
            #expect(result.errors.contains("c.yaml:" + expected), "\(result.errors)")
        }
        withExtendedLifetime((taken, datagrams, file)) {}
    }

    private static let port = "listen: [ { address: 127.0.0.1, port: $PORT } ]\n"

    @Test("A view may say of a local zone what nobody else is told")
    func localZonesOfViews() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "torii.yaml",
            BadConfiguration.listen
                + "local: { zones: [ { zone: lan. } ] }\nviews: [ { name: v, local: { zones: [ { zone: lan. } ] } } ]\n"
        )
        #expect(try Tool.run(Places.program("toriid"), ["--config", file, "--check"]).succeeded)
    }

    @Test("A configuration file that is not there is named")
    func missing() throws {
        let result = try Tool.run(Places.program("toriid"), ["--config", "/nonexistent/torii.yaml"])
        #expect(result.status == .exited(1))
        #expect(result.errors.contains("/nonexistent/torii.yaml"))
    }

    @Test("A port that is taken is named, and the exit code is 1")
    func portTaken() throws {
        let taken = try LoopbackSocket(SOCK_STREAM, address: "127.0.0.1")
        let udp = try? LoopbackSocket(SOCK_DGRAM, address: "127.0.0.1", port: taken.port)
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "torii.yaml", "listen: [ { address: 127.0.0.1, port: \(taken.port) } ]\n")
        let result = try Tool.run(Places.program("toriid"), ["--config", file], directory: directory.path)
        withExtendedLifetime((taken, udp)) {}
        #expect(result.status == .exited(1))
        #expect(result.errors.contains("\(taken.port)"))
    }

    @Test("--check accepts the example configuration", arguments: ["torii.yaml"])
    func example(_ name: String) throws {
        let result = try Tool.run(
            Places.program("toriid"), ["--config", "conf/\(name)", "--check"], directory: Places.checkout.path
        )
        #expect(result.status == .exited(0), "\(result)")
    }

    @Test("--check refuses a bad zone file with file and line")
    func checkZone() throws {
        let directory = try TemporaryDirectory()
        try directory.write("bad.zone", Zones.small + "www IN A 192.0.2.999\n")
        let file = try directory.write(
            "torii.yaml",
            BadConfiguration.listen + "zones: [ { name: example.net, kind: primary, file: bad.zone } ]\n")
        let result = try Tool.run(
            Places.program("toriid"), ["--config", file, "--check"], directory: directory.path)
        #expect(result.status == .exited(1))
        #expect(result.errors.contains("bad.zone:6"), "\(result.errors)")
    }

    @Test("--check names each zone file that cannot be read where the configuration does, and goes on")
    func unreadableZones() throws {
        let directory = try TemporaryDirectory()
        try directory.write("bad.zone", Zones.small + "www IN A 192.0.2.999\n")
        let file = try directory.write(
            "torii.yaml",
            BadConfiguration.listen
                + """
                zones:
                  - { name: example.com, file: nothing.zone }
                  - { name: example.org, file: $DIR }
                  - { name: example.net, file: bad.zone }

                """.replacingOccurrences(of: "$DIR", with: directory.path))
        let result = try Tool.run(
            Places.program("toriid"), ["--config", file, "--check"], directory: directory.path)
        #expect(result.status == .exited(1))
        #expect(
            result.errors.contains("\(file):4:32: zones[0].file: nothing.zone cannot be read: No such file"),
            "\(result.errors)")
        #expect(result.errors.contains("\(file):5:32: zones[1].file: "), "\(result.errors)")
        #expect(result.errors.contains("bad.zone:6"), "\(result.errors)")
    }

    @Test("--version is one line", arguments: ["toriid", "torii-router", "toriictl"])
    func version(_ program: String) throws {
        let result = try Tool.run(Places.program(program), ["--version"])
        #expect(result.status == .exited(0))
        #expect(result.output.split(separator: "\n").count == 1, "\(result.output)")
    }

    @Test("An unknown flag is bad usage", arguments: ["toriid", "torii-router", "toriictl"])
    func usage(_ program: String) throws {
        let result = try Tool.run(Places.program(program), ["--frobnicate"])
        #expect(result.status != .exited(0))
        #expect(!result.errors.isEmpty)
    }

    @Test("The router's configuration is checked the same way")
    func router() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write(
            "torii-router.yaml", "router:\n  outside: wan0\n  inside: [ lan0 ]\n  listen: { port: 99999 }\n")
        let result = try Tool.run(Places.program("torii-router"), ["--config", file, "--check"])
        #expect(result.status == .exited(1))
        #expect(result.errors.contains("\(file):4:"), "\(result.errors)")
        #expect(result.errors.contains("router.listen.port"), "\(result.errors)")
        try directory.write(
            "torii-router.yaml", "router: { outside: wan0, inside: lan0 }\nlog: { queries: true }\n")
        let queries = try Tool.run(Places.program("torii-router"), ["--config", file, "--check"])
        #expect(
            queries.errors.contains("\(file):2:8: log.queries: unknown key"),
            "it logs none: \(queries.errors)")
        let example = try Tool.run(
            Places.program("torii-router"), ["--config", "conf/torii-router.yaml", "--check"],
            directory: Places.checkout.path)
        #expect(example.status == .exited(0) && example.output == "OK\n", "\(example)")
    }
}
