import DNSCore
import Testing

@Suite struct AddressesTests {
    @Test(
        "Addresses read from text are written in the form of RFC 5952",
        arguments: [
            ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
            ("::", "::"), ("::1", "::1"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
            ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1::", "1::"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("fe80::1", "fe80::1"),
        ])
    func readsAndWrites(text: String, written: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == written)
        #expect(IPAddress(written) == address)
        #expect(IPAddress(octets: address.octets) == address)
    }

    @Test(
        "What is not an address is refused",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.", ".1.2.3", "1.2.3.4 ", "a.b.c.d", ":",
            ":::",
            "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1%lo",
            "1:",
            "::1:", ":1::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1:2:3:4:5:6:7::8",
        ])
    func refuses(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("A prefix contains its addresses and nothing else")
    func prefixes() throws {
        let four = try #require(IPPrefix("198.51.100.0/24"))
        #expect(four.contains(try #require(IPAddress("198.51.100.255"))))
        #expect(!four.contains(try #require(IPAddress("198.51.101.0"))))
        #expect(!four.contains(try #require(IPAddress("::ffff:198.51.100.1"))))
        #expect(four.contains(try #require(IPPrefix("198.51.100.128/25"))))
        #expect(!four.contains(try #require(IPPrefix("198.51.0.0/16"))))
        let six = try #require(IPPrefix("2001:db8:8000::/33"))
        #expect(six.contains(try #require(IPAddress("2001:db8:ffff::1"))))
        #expect(!six.contains(try #require(IPAddress("2001:db8:7fff::1"))))
        let long = try #require(IPPrefix("2001:db8::8000:0:0:0/65"))
        #expect(long.contains(try #require(IPAddress("2001:db8::ffff:0:0:1"))))
        #expect(!long.contains(try #require(IPAddress("2001:db8::1"))))
        #expect(IPPrefix("0.0.0.0/0")?.contains(.loopbackIPv4) == true)
        #expect(IPPrefix("::/0")?.contains(.loopbackIPv4) == false)
        #expect(IPPrefix("192.0.2.1")?.description == "192.0.2.1/32")
    }

    @Test("A prefix that is none says why")
    func prefixErrors() {
        #expect(throws: IPPrefixError.notAPrefix) { try IPPrefix(parsing: "example.net") }
        #expect(throws: IPPrefixError.badLength(32)) { try IPPrefix(parsing: "192.0.2.0/33") }
        #expect(throws: IPPrefixError.badLength(128)) { try IPPrefix(parsing: "::/x") }
        #expect(throws: IPPrefixError.hostBitsSet(IPPrefix(IPAddress(v4: 0xc000_0200), length: 24))) {
            try IPPrefix(parsing: "192.0.2.1/24")
        }
    }

    @Test("Reverse names are those of RFC 1035 3.5 and RFC 3596 2.5")
    func reverseNames() throws {
        let six = try #require(IPAddress("2001:db8::567:89ab"))
        #expect(IPAddress(reverseName: six.reverseName) == six)
        #expect(try IPAddress(reverseName: Name("10.2.0.192.in-addr.arpa.")) == nil)
        #expect(try IPAddress(reverseName: Name("b.a.ip6.arpa.")) == nil)
        #expect(IPAddress("192.0.2.10")?.reverseName.description == "10.2.0.192.in-addr.arpa.")
        #expect(
            IPAddress("2001:db8::567:89ab")?.reverseName.description
                == "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.")
    }

    @Test("Address classes")
    func classes() {
        for text in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "fd00::1"] {
            #expect(IPAddress(text)?.isPrivate == true, "\(text)")
        }
        for text in ["172.32.0.1", "100.128.0.1", "192.0.2.1", "2001:db8::1", "fe80::1"] {
            #expect(IPAddress(text)?.isPrivate == false, "\(text)")
        }
        #expect(IPAddress("febf::1")?.isLinkLocal == true)
        #expect(IPAddress("fec0::1")?.isLinkLocal == false)
        #expect(IPAddress("ff02::1")?.isMulticast == true)
        #expect(IPAddress("::ffff:10.0.0.1")?.unmapped == IPAddress("10.0.0.1"))
    }

    @Test("Endpoints")
    func endpoints() {
        #expect(IPEndpoint("192.0.2.1:53")?.description == "192.0.2.1:53")
        #expect(IPEndpoint("[::1]:9153")?.description == "[::1]:9153")
        for text in ["::1:53", "192.0.2.1", "[192.0.2.1]:53", "192.0.2.1:65536", "[::1]", ":53", "[]:1"] {
            #expect(IPEndpoint(text) == nil, "\(text)")
        }
    }
}
