import Foundation

/// A daemon with a zone that takes updates under several rules.
enum UpdateFixture {
    static let secret = "c2VjcmV0IG9mIHRoZSB1cGRhdGUga2V5IG9mIHRlc3Q="
    static let key = "hmac-sha256:update.example:\(secret)"

    static let zone = """
        $ORIGIN example.net.
        $TTL 3600
        @        SOA   ns1 hostmaster 100 7200 900 1209600 300
                 NS    ns1
                 NS    ns2
        ns1      A     192.0.2.53
        ns2      A     192.0.2.54
        www      A     192.0.2.1
        alias    CNAME www
        several  A     192.0.2.2
                 A     192.0.2.3
                 TXT   "one"
        MixEd    MX    10 WWW

        """

    static let configuration = """
        server: { workers: 1, state-directory: state }
        listen:
          - { address: 127.0.0.1, port: $PORT }
          - { address: "::1", port: $PORT }
        control: { socket: torii.sock }
        recursion: { enabled: false }
        keys:
          - { name: update.example., algorithm: hmac-sha256, secret: "\(secret)" }
          - { name: sha1.example., algorithm: hmac-sha1, secret: "\(secret)" }
          - { name: sha512.example., algorithm: hmac-sha512, secret: "\(secret)" }
          - { name: narrow.example., algorithm: hmac-sha256, secret: "\(secret)" }
          - { name: useless.example., algorithm: hmac-sha256, secret: "\(secret)" }
        zones:
          - name: example.net
            kind: primary
            file: net.zone
            transfer: [ { from: 127.0.0.0/8 } ]
            update:
              - { key: update.example., action: allow }
              - { key: sha1.example., action: allow }
              - { key: sha512.example., action: allow }
              - { key: narrow.example., names: [ "*.dyn.example.net." ], types: [ A, AAAA ], action: allow }
          - name: open.example.org
            kind: primary
            file: open.zone
            transfer: [ { from: 127.0.0.0/8 } ]
            update: [ { from: 127.0.0.0/8, action: allow } ]

        """

    static let open = """
        $ORIGIN open.example.org.
        $TTL 60
        @ SOA ns hostmaster 1 7200 900 1209600 300
        @ NS ns
        ns A 192.0.2.53

        """

    static func start() throws -> Daemon {
        try Daemon(configuration, files: ["net.zone": zone, "open.zone": open])
    }

    /// The bytes of an UPDATE that adds one A record at `name`, without a signature.
    static func add(_ name: String, zone: String, id: UInt16) -> [UInt8] {
        var query = WireQuery(zone, "SOA")
        query.id = id
        query.opcode = 5
        query.authorities = [
            Wire.record(Wire.name(name), type: 1, ttl: 60, rdata: [192, 0, 2, UInt8(truncatingIfNeeded: id)])
        ]
        return query.bytes
    }
}

extension Daemon {
    /// The serial of the zone's SOA.
    func serial(_ zone: String) throws -> UInt32 {
        let data = try ask(zone, "SOA").data("SOA").first ?? ""
        guard let serial = data.split(separator: " ").dropFirst(2).first.flatMap({ UInt32($0) }) else {
            throw HarnessError.malformed("no SOA of \(zone)")
        }
        return serial
    }
}
