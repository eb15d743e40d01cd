import Authority
import DNSCore
import Foundation
import Operations
import Server
import Testing

@Suite struct ServerConfigurationTests {
    static let listen = "listen:\n  - { address: 127.0.0.1, port: 5300 }\n"

    private func errors(_ text: String) -> [String] {
        do {
            _ = try ServerConfiguration.parse(text, file: "conf/torii.yaml")
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    @Test("The smallest configuration has every default")
    func smallest() throws {
        let configuration = try ServerConfiguration.parse(
            "listen: [ { address: \"::1\", port: 53 } ]\n", file: "torii.yaml")
        #expect(configuration.listen[0].protocols == [.udp, .tcp])
        #expect(configuration.server.workers == nil && configuration.server.version == nil)
        #expect(configuration.server.cookies == .on && configuration.server.stateDirectory == "state")
        #expect(configuration.control.socket == "run/torii.sock")
        #expect(!configuration.recursion.enabled && !configuration.nts.enabled)
        #expect(configuration.cache.size == 256 << 20)
        #expect(configuration.access.query.count == 1 && configuration.access.query[0].from.isEmpty)
        #expect(configuration.access.recursion[0].matches(.loopbackIPv6, signer: nil))
        #expect(
            !configuration.access.recursion[0].matches(IPAddress(v4: 0x0a00_0001), signer: nil))
        #expect(configuration.metrics == nil && configuration.dns64 == nil)
        #expect(configuration.nts.hold.retransmit == [.zero, .milliseconds(100), .milliseconds(200)])
    }

    @Test(
        "Our own files are relative to the configuration file; those of the user may be in the working directory"
    )
    func paths() throws {
        let text = Self.listen + "zones: [ { name: example.net, file: no/such/file } ]\n"
        let configuration = try ServerConfiguration.parse(text, file: "etc/torii.yaml")
        #expect(configuration.server.stateDirectory == "etc/state")
        #expect(configuration.control.socket == "etc/run/torii.sock")
        #expect(configuration.zones[0].file == "no/such/file")
        let directory = NSTemporaryDirectory() + "torii-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try "x".write(toFile: directory + "/z", atomically: true, encoding: .utf8)
        let beside = try ServerConfiguration.parse(
            Self.listen + "zones: [ { name: example.net, file: z } ]\n", file: directory + "/torii.yaml")
        #expect(beside.zones[0].file == directory + "/z")
    }

    @Test("Sections turn on what they describe")
    func sectionsTurnOn() throws {
        let recursion = try ServerConfiguration.parse(Self.listen + "recursion: { ipv6: false }\n", file: "x")
        #expect(recursion.recursion.enabled)
        let zone = "zones: [ { name: example.net, file: z, nts: true } ]\n"
        #expect(try ServerConfiguration.parse(Self.listen + zone, file: "x").nts.enabled)
        let off = Self.listen + zone + "nts: { enabled: false }\n"
        #expect(try !ServerConfiguration.parse(off, file: "x").nts.enabled)
    }

    @Test(
        "Each error has file, line, column and path",
        arguments: [
            ("server: {}\n", "1:1: listen: at least one address must be listened on"),
            ("listen: []\n", "1:9: listen: at least one address must be listened on"),
            (
                "listen:\n  - { address: 127.0.0.1, port: 66000 }\n",
                "2:33: listen[0].port: 66000 is not a port"
            ),
            (
                "listen:\n  - { address: localhost, port: 53 }\n",
                "2:16: listen[0].address: localhost is not an IP address"
            ),
            ("listen:\n  - { port: 53 }\n", "2:5: listen[0]: address is missing"),
            (
                "listen:\n  - { address: 127.0.0.1, port: 53, protocols: [ tls ] }\n",
                "2:5: listen[0]: certificate and key are needed for tls and https"
            ),
            (
                "listen:\n  - { address: 127.0.0.1, port: 53, certificate: x, key: y }\n",
                "2:5: listen[0]: certificate and key are for the protocols tls and https only"
            ),
            (
                listen + "  - { address: 127.0.0.1, port: 5300, protocols: [ udp ] }\n",
                "3:33: listen[1].port: 127.0.0.1#5300/udp is defined twice"
            ),
            (listen + "server: { workers: 0 }\n", "3:20: server.workers: 0 is not a number from 1 to 1024"),
            (
                listen + "server: { cookies: maybe }\n",
                "3:20: server.cookies: maybe is not one of on, off, require"
            ),
            (
                listen + "server: { cookie-secret: 12345 }\n",
                "3:26: server.cookie-secret: not 16 octets in hexadecimal"
            ),
            (
                listen + "keys:\n  - { name: k., secret: \"###\" }\n", "4:25: keys[0].secret: not base 64"
            ),
            (listen + "keys:\n  - { name: k. }\n", "4:5: keys[0]: secret or secret-file is missing"),
            (
                listen + "keys:\n  - { name: k., algorithm: hmac-rot13, secret: AAAA }\n",
                "4:28: keys[0].algorithm: hmac-rot13 is not one of hmac-md5, hmac-sha1, hmac-sha224, hmac-sha256, "
                    + "hmac-sha384, hmac-sha512"
            ),
            (
                listen + "keys:\n  - { name: K., secret: AAAA }\n  - { name: k, secret: AAAA }\n",
                "5:13: keys[1].name: k. is defined twice"
            ),
            (
                listen + "keys:\n  - { name: k., secret-file: /nonexistent/key }\n",
                "4:30: keys[0].secret-file: /nonexistent/key cannot be read: No such file or directory"
            ),
            (
                listen + "access:\n  query: [ { from: 192.0.2.1/24 } ]\n",
                "4:20: access.query[0].from: 192.0.2.1/24 has bits set after its length; 192.0.2.0/24 is meant perhaps"
            ),
            (
                listen + "access:\n  query: [ { key: ghost.example } ]\n",
                "4:19: access.query[0].key: ghost.example. is not defined under keys"
            ),
            (
                listen + "zones:\n  - { name: a..b, file: z }\n",
                "4:13: zones[0].name: a..b is not a domain name: a label is empty"
            ),
            (listen + "zones:\n  - { name: example.net }\n", "4:5: zones[0]: a primary zone needs a file"),
            (
                listen + "zones:\n  - { name: example.net, kind: secondary }\n",
                "4:5: zones[0]: a secondary zone needs primaries"
            ),
            (
                listen + "zones:\n  - { name: example.net, file: z }\n  - { name: EXAMPLE.net., file: z }\n",
                "5:13: zones[1].name: example.net. is defined twice"
            ),
            (
                listen + "zones:\n  - { name: example.net, file: z, update: [ { names: [ x. ] } ] }\n",
                "4:45: zones[0].update[0]: action is missing"
            ),
            (
                listen
                    + "zones:\n  - { name: example.net, file: z, update: [ { types: [ \"TXT(x)\" ], action: allow } ] }\n",
                "4:56: zones[0].update[0].types[0]: TXT(x) has no number of records in its brackets"
            ),
            (
                listen
                    + "zones:\n  - { name: example.net, file: z, update: [ { types: [ FROB ], action: allow } ] }\n",
                "4:56: zones[0].update[0].types[0]: FROB is not a record type"
            ),
            (
                listen + "recursion: { ipv4: false, ipv6: false }\n",
                "3:33: recursion.ipv6: with ipv4 and ipv6 both off no server can be asked"
            ),
            (
                listen + "recursion: { forward: [ { zone: ., servers: [ { } ] } ] }\n",
                "3:47: recursion.forward[0].servers[0]: give either address or name"
            ),
            (
                listen + "recursion: { root-hints: [ { name: a. } ] }\n",
                "3:28: recursion.root-hints[0]: address is missing"
            ),
            (listen + "cache: { min-ttl: 2d }\n", "3:19: cache.min-ttl: 2d is not between 0s and 1d"),
            (listen + "cache: { min-ttl: 60s, max-ttl: 30s }\n", "3:19: cache.min-ttl: longer than max-ttl"),
            (
                listen + "dns64: { prefix: 2001:db8::/95 }\n",
                "3:18: dns64.prefix: 2001:db8::/95 is not an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits"
            ),
            (
                listen + "rpz: [ { zone: rpz.example } ]\n",
                "3:16: rpz[0].zone: rpz.example. is not defined under zones"
            ),
            (
                listen + "nts: { targets: { routers: [ { address: 192.0.2.1, form: v2 } ] } }\n",
                "3:30: nts.targets.routers[0]: the form v2 needs a key"
            ),
            (
                listen + "nts: { hold: { retransmit: [ 100ms, 0ms ] } }\n",
                "3:28: nts.hold.retransmit: the times must rise"
            ),
            (
                listen + "metrics: { listen: 9153 }\n",
                "3:20: metrics.listen: 9153 is not an address and port such as 127.0.0.1:9153"
            ),
            (
                listen + "limits: { cname-chain: 65 }\n",
                "3:24: limits.cname-chain: 65 is not a number from 1 to 64"
            ),
            (
                listen + "log: { level: loud }\n",
                "3:15: log.level: loud is not one of trace, debug, info, notice, warning, error, critical"
            ),
            (listen + "serevr: {}\n", "3:1: serevr: unknown key; did you mean server?"),
        ])
    func places(text: String, error: String) {
        #expect(errors(text) == ["conf/torii.yaml:\(error)"])
    }

    @Test("Secrets do not show")
    func secrets() throws {
        let text = Self.listen + "keys: [ { name: k., secret: c2VjcmV0 } ]\n"
        let key = try ServerConfiguration.parse(text, file: "x").keys[0]
        #expect(key.secret.octets == Array("secret".utf8))
        #expect(!"\(key)".contains("c2VjcmV0") && !"\(key)".contains("115"))
        let bad = errors(Self.listen + "keys: [ { name: k., secret: topsecret! } ]\n")
        #expect(bad.count == 1 && !bad[0].contains("topsecret"))
    }

    @Test("The validation time may be written in three ways")
    func validationTime() throws {
        for (text, seconds) in [
            ("20240229123456", 1_709_210_096), ("1709210096", 1_709_210_096), ("19700101000000", 0),
            ("2024-02-29T12:34:56Z", 1_709_210_096),
        ] {
            let yaml = Self.listen + "dnssec: { validation-time: \(text) }\n"
            #expect(try ServerConfiguration.parse(yaml, file: "x").dnssec.validationTime == seconds)
        }
    }

    @Test("A listener without address is one error, whatever else listens on the usual port")
    func noAddress() {
        let bad = errors("listen: [ { address: 127.0.0.1, port: 53 }, { port: 53 } ]\n")
        #expect(bad.count == 1 && bad[0].contains("listen[1]: address is missing"), "\(bad)")
        let time = errors(Self.listen + "dnssec: { validation-time: 2024-02-29 }\n")
        #expect(time.count == 1 && time[0].contains("is not a time such as 20261121120000"), "\(time)")
    }

    @Test("Update names mean what the manual says")
    func updateNames() throws {
        let key = try Name("host.example.net")
        let source = try #require(IPAddress("192.0.2.7"))
        func matches(_ rule: String, _ owner: String) throws -> Bool {
            UpdateNameMatch(try ConfigurationScalar<UpdateNameOption>.updateName.parse(rule))
                .matches(try Name(owner), UpdateRequestor(source: source, key: key))
        }
        #expect(try matches("*.example.net.", "a.b.example.net") && !matches("*.example.net.", "example.net"))
        #expect(try matches("**.example.net", "EXAMPLE.net") && matches("**.example.net", "x.example.net"))
        #expect(
            try matches("www.example.net", "www.example.net")
                && !matches("www.example.net", "a.www.example.net"))
        #expect(try matches("self", "host.example.net") && !matches("self", "x.host.example.net"))
        #expect(try matches("*.self", "x.host.example.net") && !matches("*.self", "host.example.net"))
        #expect(try matches("**.self", "host.example.net"))
        #expect(
            try matches("reverse", "7.2.0.192.in-addr.arpa") && !matches("reverse", "8.2.0.192.in-addr.arpa"))
    }

    @Test("A damaged configuration gives errors, never a trap", arguments: 0..<8)
    func damaged(seed: Int) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let whole = try Array(String(contentsOfFile: root + "/conf/torii.yaml", encoding: .utf8).utf8)
        // Without comments: every octet counts.
        let lines = whole.split(separator: 0x0a).map { $0.prefix { $0 != UInt8(ascii: "#") } }.filter {
            !$0.isEmpty
        }
        let text = Array(lines.joined(separator: [0x0a]))
        let marks = Array("[]{}:,&*#\"'\n -?|>%@`!0x.".utf8)
        var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 7
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        for _ in 0..<60 {
            var octets = text
            for _ in 0...next(6) {
                let place = next(octets.count)
                switch next(5) {
                case 0: octets[place] = UInt8(next(256))
                case 1: octets.remove(at: place)
                case 2: octets.insert(marks[next(marks.count)], at: place)
                case 3: octets.removeSubrange(place..<min(octets.count, place + next(40)))
                default:
                    octets.insert(contentsOf: octets[place..<min(octets.count, place + next(60))], at: place)
                }
            }
            do {
                _ = try ServerConfiguration.parse(String(decoding: octets, as: UTF8.self), file: "x")
            } catch {
                #expect(!error.errors.isEmpty && error.errors.allSatisfy { !$0.message.isEmpty })
            }
        }
    }

    @Test("The configuration that comes with the product is good")
    func shipped() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let configuration = try ServerConfiguration.load(from: root + "/conf/torii.yaml")
        #expect(configuration.zones.count == 3 && configuration.recursion.enabled)
        #expect(configuration.zones[0].update[0].names.count == 1)
    }
}
