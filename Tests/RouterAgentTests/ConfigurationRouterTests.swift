import DNSCore
import Foundation
import Operations
import RouterAgent
import Testing

@Suite struct RouterConfigurationTests {
    static let router = "router: { outside: wan0, inside: [ lan0 ] }\n"

    private func errors(_ text: String) -> [String] {
        do {
            _ = try RouterConfiguration.parse(text, file: "r.yaml")
            return []
        } catch {
            return error.errors.map(\.description)
        }
    }

    @Test("The smallest configuration has every default")
    func smallest() throws {
        let configuration = try RouterConfiguration.parse(Self.router, file: "conf/r.yaml")
        #expect(configuration.router.outside == ["wan0"] && configuration.router.listen.port == 20053)
        #expect(configuration.permissions.allow == .all && configuration.permissions.mode == .window)
        #expect(configuration.permissions.limits.perGN == 64)
        #expect(configuration.control.socket == "conf/run/torii-router.sock")
        #expect(configuration.nftables.table == "torii" && configuration.nftables.priorityOffset == -1)
        #expect(configuration.hosts.lifetime == .seconds(86400))
    }

    @Test(
        "Each error has file, line, column and path",
        arguments: [
            ("log: {}\n", "1:1: the section router is missing"),
            ("router: { inside: lan0 }\n", "1:9: router: outside is missing"),
            ("router: { outside: a, inside: [ a ] }\n", "1:31: router.inside: a is both outside and inside"),
            (
                "router: { outside: \"wan 0\", inside: lan0 }\n",
                "1:20: router.outside: wan 0 is not an interface name"
            ),
            (
                router + "servers:\n  - { address: 192.0.2.1, forms: [ v2 ] }\n",
                "3:5: servers[0]: the form v2 needs a key"
            ),
            (
                router + "servers:\n  - { address: 192.0.2.1 }\n  - { address: 192.0.2.1 }\n",
                "4:16: servers[1].address: 192.0.2.1 is defined twice"
            ),
            (
                router + "permissions:\n  allow: [ tcp/0 ]\n",
                "3:12: permissions.allow[0]: tcp/0 is not ports such as tcp/80 or udp/5000-5100"
            ),
            (
                router + "permissions:\n  allow: [ all, tcp/80 ]\n",
                "3:10: permissions.allow: all cannot stand beside others"
            ),
            (
                router + "permissions: { lifetime: 10m }\n",
                "2:26: permissions.lifetime: longer than max-lifetime"
            ),
            (
                router + "hosts: { static: [ { name: nas.example.net, address: 127.0.0.1 } ] }\n",
                "2:54: hosts.static[0].address: 127.0.0.1 is not the address of a host"
            ),
            (
                router + "nftables: { table: \"a; flush ruleset\" }\n",
                "2:20: nftables.table: a; flush ruleset is not a name of letters, digits, _ and -"
            ),
        ])
    func places(text: String, error: String) {
        let found = errors(text)
        #expect(found.contains("r.yaml:\(error)"), "\(found)")
    }

    @Test("Ports")
    func ports() throws {
        let text = Self.router + "permissions: { allow: [ tcp/80, udp/5000-5100, udp ] }\n"
        let configuration = try RouterConfiguration.parse(text, file: "x")
        #expect(
            configuration.permissions.allow
                == .only([
                    PortRange(.tcp, 80...80), PortRange(.udp, 5000...5100), PortRange(.udp, 0...65535),
                ]))
    }

    @Test("The configuration that comes with the product is good")
    func shipped() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let configuration = try RouterConfiguration.load(from: root + "/conf/torii-router.yaml")
        #expect(configuration.servers.count == 1 && configuration.hosts.suffixes.count == 1)
    }
}
