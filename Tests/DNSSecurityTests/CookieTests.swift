import DNSCore
import Testing

@testable import DNSSecurity

/// The examples of RFC 9018 appendix A.
@Suite struct CookieTests {
    private static let secret = octets("e5e973e5a6b2a43f48e7dc849e37bfcf")

    private func verdict(
        _ cookies: ServerCookies, _ option: String, _ address: String, _ now: UInt32
    ) throws
        -> CookieVerdict
    {
        let data = octets(option)
        return cookies.verify(
            data.span.bytes, option: 0..<data.count, address: try #require(IPAddress(address)), now: now)
    }

    private func make(
        _ cookies: ServerCookies, _ client: String, _ address: String, _ now: UInt32
    ) throws -> [UInt8] {
        let made = cookies.make(
            octets(client).span.bytes, clientCookie: 0, address: try #require(IPAddress(address)), now: now)
        return (0..<24).map { made[$0] }
    }

    @Test("A new cookie (RFC 9018 A.1) and one a while later (A.2)")
    func learning() throws {
        let cookies = ServerCookies(secret: Self.secret)
        let client = "2464c4abcf10c957"
        let first = "010000005cf79f111f8130c3eee29480"
        let second = "010000005cf7a871d4a564a1442aca77"
        #expect(try make(cookies, client, "198.51.100.100", 1_559_731_985) == octets(client + first))
        #expect(try verdict(cookies, client, "198.51.100.100", 0) == .clientOnly)
        #expect(
            try verdict(cookies, client + first, "198.51.100.100", 1_559_734_385) == .valid(isFresh: false))
        #expect(
            try verdict(cookies, client + first, "198.51.100.100", 1_559_731_990) == .valid(isFresh: true))
        #expect(try make(cookies, client, "198.51.100.100", 1_559_734_385) == octets(client + second))
        #expect(try verdict(cookies, client + first, "198.51.100.101", 1_559_731_990) == .invalid)
    }

    @Test("Reserved bits that another server set do not make a cookie invalid (RFC 9018 A.3)")
    func reservedBits() throws {
        let cookies = ServerCookies(secret: Self.secret)
        let client = "fc93fc62807ddb86"
        let verdict = try verdict(
            cookies, client + "01abcdef5cf78f71a314227b6679ebf5", "203.0.113.203", 1_559_728_000)
        #expect(verdict == .valid(isFresh: true))
        #expect(
            try make(cookies, client, "203.0.113.203", 1_559_734_700)
                == octets(client + "010000005cf7a9acf73a7810aca2381e"))
    }

    @Test("IPv6, and a cookie made with the previous secret (RFC 9018 A.4)")
    func rotation() throws {
        var cookies = ServerCookies(secret: octets("dd3bdf9344b678b185a6f5cb60fca715"))
        let client = "22681ab97d52c298"
        let address = "2001:db8:220:1:59de:d0f4:8769:82b8"
        let old = client + "010000005cf7c57926556bd0934c72f8"
        let new = client + "010000005cf7c609a6bb79d16625507a"
        #expect(try make(cookies, client, address, 1_559_741_817) == octets(old))
        cookies.rotate(to: octets("445536bcd2513298075a5d379663c962"))
        #expect(try verdict(cookies, old, address, 1_559_741_961) == .valid(isFresh: false))
        #expect(try make(cookies, client, address, 1_559_741_961) == octets(new))
        cookies.rotate(to: octets("00"))
        #expect(try verdict(cookies, old, address, 1_559_741_961) == .invalid)
    }

    @Test("The window of time: an hour old, five minutes ahead, over the end of the clock's 32 bits")
    func window() throws {
        let cookies = ServerCookies(secret: Self.secret)
        for base: UInt32 in [1_559_731_985, .max - 100, 10] {
            let made = try make(cookies, "0102030405060708", "192.0.2.1", base)
            func at(_ now: UInt32) -> CookieVerdict {
                cookies.verify(
                    made.span.bytes, option: 0..<24, address: IPAddress(v4: 0xc000_0201), now: now)
            }
            #expect(at(base) == .valid(isFresh: true))
            #expect(at(base &+ 1800) == .valid(isFresh: true))
            #expect(at(base &+ 1801) == .valid(isFresh: false))
            #expect(at(base &+ 3600) == .valid(isFresh: false))
            #expect(at(base &+ 3601) == .invalid)
            #expect(at(base &- 300) == .valid(isFresh: true))
            #expect(at(base &- 301) == .invalid)
        }
    }

    @Test("Lengths of the option", arguments: [0, 1, 7, 9, 15, 41, 100])
    func malformed(length: Int) {
        let data = [UInt8](repeating: 1, count: length)
        let verdict = ServerCookies(secret: Self.secret).verify(
            data.span.bytes, option: 0..<length, address: .loopbackIPv4, now: 0)
        #expect(verdict == .malformed)
        #expect(
            ServerCookies(secret: Self.secret).verify(
                data.span.bytes, option: nil, address: .loopbackIPv4, now: 0) == .absent)
    }
}
