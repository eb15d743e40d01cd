import Foundation
import Testing

@Suite("Views")
struct ViewTests {
    @Test("The client's prefix chooses local data, zones, recursion and DNS64; others are as before")
    func byClient() throws {
        let pair = try ResolverPair(
            """
            zones: [ { name: own.example, file: own.zone }, { name: inner.example, file: inner.zone } ]
            local: { data: [ "host.lan. 60 IN A 192.0.2.100" ] }
            views:
              - name: internal
                from: 127.0.0.2
                local: { data: [ "host.lan. 60 IN A 192.0.2.200", "www.up.example. 60 IN A 192.0.2.201" ] }
              - { name: guests, from: 127.0.0.3, zones: [ own.example ], access: { recursion: [] } }
              - { name: nothing, from: 127.0.0.4, zones: none, access: { recursion: [] } }
              - { name: six, from: 127.0.0.6, dns64: { prefix: "64:ff9b::/96" } }
              - { name: shut, from: 127.0.0.7, access: { query: [] } }
            """,
            files: [
                "own.zone": ResolverPair.other, "inner.zone": ResolverPair.other,
            ])
        for _ in 0..<2 {  // the second time from the cache
            #expect(try pair.ask("host.lan") == "NOERROR 192.0.2.100")
            #expect(try pair.ask("host.lan", from: "127.0.0.2") == "NOERROR 192.0.2.200")
            #expect(try pair.ask("www.up.example") == "NOERROR 192.0.2.1")
            #expect(try pair.ask("www.up.example", from: "127.0.0.2") == "NOERROR 192.0.2.201")
            #expect(try pair.ask("www.up.example", "AAAA") == "NOERROR")
            #expect(
                try pair.ask("www.up.example", "AAAA", from: "127.0.0.6") == "NOERROR 64:ff9b::c000:201")
            #expect(try pair.ask("also.up.example", from: "127.0.0.3") == "REFUSED")
            #expect(try pair.ask("www.own.example", from: "127.0.0.3") == "NOERROR 198.51.100.1")
            #expect(try pair.ask("www.inner.example", from: "127.0.0.3") == "REFUSED")
            #expect(try pair.ask("www.own.example", from: "127.0.0.4") == "REFUSED")
            #expect(try pair.ask("www.own.example", from: "127.0.0.7") == "REFUSED")
            #expect(try pair.ask("www.inner.example") == "NOERROR 198.51.100.1")
        }
    }

    @Test("The address and port that were asked choose the view")
    func byListener() throws {
        let daemon = try Daemon(
            """
            server: { workers: 1 }
            listen: [ { address: 127.0.0.1, port: $PORT }, { address: 127.0.0.9, port: $PORT } ]
            control: { socket: torii.sock }
            zones: [ { name: example.net, file: small.zone } ]
            views: [ { name: outside, listen: [ 127.0.0.9 ], zones: none } ]

            """, files: ["small.zone": Zones.small])
        #expect(try daemon.dig(["www.example.net", "A"]).rcode == "NOERROR")
        #expect(try daemon.dig(["www.example.net", "A"], server: "127.0.0.9").rcode == "REFUSED")
    }

    @Test("A reload changes views, and no answer of the old ones stays")
    func reload() throws {
        let view = { (address: String) in
            "views: [ { name: v, from: 127.0.0.2, local: { data: [ \"a.lan. 60 IN A \(address)\" ] } } ]"
        }
        let pair = try ResolverPair(view("192.0.2.1"))
        #expect(try pair.ask("a.lan", from: "127.0.0.2") == "NOERROR 192.0.2.1")
        try pair.resolver.configure(
            ResolverPair.configuration(port: pair.origin.port, view("192.0.2.2")))
        try pair.resolver.reload()
        #expect(try pair.ask("a.lan", from: "127.0.0.2") == "NOERROR 192.0.2.2")
        try pair.resolver.configure(ResolverPair.configuration(port: pair.origin.port, ""))
        try pair.resolver.reload()
        #expect(try pair.ask("a.lan", from: "127.0.0.2") != "NOERROR 192.0.2.2")
    }
}

@Suite("DNS64")
struct DNS64Tests {
    @Test("Only for its clients, never in place of an address, but in place of excluded ones")
    func synthesis() throws {
        let pair = try ResolverPair("dns64: { clients: [ 127.0.0.6 ] }")
        for _ in 0..<2 {
            #expect(
                try pair.ask("www.up.example", "AAAA", from: "127.0.0.6") == "NOERROR 64:ff9b::c000:201")
            #expect(try pair.ask("www.up.example", "AAAA") == "NOERROR")
            #expect(try pair.ask("both.up.example", "AAAA", from: "127.0.0.6") == "NOERROR 2001:db8::3")
            #expect(
                try pair.ask("mapped.up.example", "AAAA", from: "127.0.0.6") == "NOERROR 64:ff9b::c000:204")
            #expect(try pair.ask("missing.up.example", "AAAA", from: "127.0.0.6") == "NXDOMAIN")
        }
    }
}
