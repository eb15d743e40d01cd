import Operations
import Testing

@Suite struct QueryLogTests {
    private static let time = (seconds: 1_795_250_575, nanoseconds: 7_000_000)

    private func entry() -> QueryLogEntry {
        var entry = QueryLogEntry()
        entry.client = "192.0.2.1"
        entry.clientPort = 62536
        entry.server = "192.0.2.53"
        entry.name = "www.example.com."
        entry.type = "AAAA"
        entry.id = 29008
        entry.querySize = 41
        entry.wantsRecursion = true
        entry.ednsVersion = 0
        entry.payload = 4096
        entry.hasCookie = true
        entry.responseCode = "NOERROR"
        entry.flags = ["qr", "rd", "ra", "ad"]
        entry.responseSize = 68
        entry.nanoseconds = 37_990_251
        entry.source = "cache"
        return entry
    }

    @Test("As BIND writes it")
    func bind() {
        var entry = entry()
        #expect(
            entry.line(.bind, time: Self.time)
                == "21-Nov-2026 08:42:55.007 queries: info: client @0x0 192.0.2.1#62536 (www.example.com): query: "
                + "www.example.com IN AAAA +E(0)K (192.0.2.53)")
        entry.key = "k.example."
        entry.transport = "tcp"
        entry.wantsDNSSEC = true
        entry.checkingDisabled = true
        entry.hasValidCookie = true
        entry.name = "."
        entry.wantsRecursion = false
        #expect(
            entry.line(.bind, time: Self.time).hasSuffix(
                "client @0x0 192.0.2.1#62536/key k.example (.): query: . IN AAAA -SE(0)TDCV (192.0.2.53)"))
    }

    @Test("As CoreDNS writes it")
    func coreDNS() {
        var entry = entry()
        entry.client = "2001:db8::1"
        #expect(
            entry.line(.coredns, time: Self.time)
                == "[INFO] [2001:db8::1]:62536 - 29008 \"AAAA IN www.example.com. udp 41 false 4096\" NOERROR qr,rd,ra,ad "
                + "68 0.037990251s")
        entry.responseCode = nil
        entry.flags = []
        #expect(entry.line(.coredns, time: Self.time).contains("\" - - 68 "))
    }

    @Test("Text and JSON have the same fields")
    func ours() throws {
        var entry = entry()
        entry.extendedError = "Stale Answer"
        let value = try JSONParser.parse(Array(entry.line(.json, time: Self.time).utf8))
        #expect(
            value["msg"] == "www.example.com." && value["type"] == "AAAA" && value["seconds"] == "0.037990251"
        )
        #expect(value["ede"] == "Stale Answer" && value["source"] == "cache")
        #expect(
            entry.line(.text, time: Self.time)
                == "2026-11-21T08:42:55.007Z info [query] www.example.com. client=192.0.2.1 port=62536 class=IN type=AAAA "
                + "proto=udp id=29008 rcode=NOERROR flags=qr,rd,ra,ad size=68 seconds=0.037990251 source=cache "
                + "ede=\"Stale Answer\"")
    }
}
