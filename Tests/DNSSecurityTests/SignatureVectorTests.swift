import DNSCore
import Testing

@testable import DNSSecurity

/// The signatures printed in RFC 6605 6 and RFC 8080 6.
@Suite struct SignatureVectorTests {
    struct Vector: Sendable, CustomStringConvertible {
        let name: String
        let text: String
        let now: UInt32
        var description: String { name }
    }

    static let vectors = [
        Vector(
            name: "ECDSA P-256 (RFC 6605 6.1)",
            text: """
                example.net. 3600 IN DNSKEY 257 3 13 ( GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edb
                  krSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA== )
                example.net. 3600 IN DS 55648 13 2 ( b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17 )
                www.example.net. 3600 IN A 192.0.2.1
                www.example.net. 3600 IN RRSIG A 13 3 3600 ( 20100909100439 20100812100439 55648 example.net.
                  qx6wLYqmh+l9oCKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw== )

                """, now: 1_282_000_000),
        Vector(
            name: "ECDSA P-384 (RFC 6605 6.2)",
            text: """
                example.net. 3600 IN DNSKEY 257 3 14 ( xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1
                  w/egsXvSADtNJhyem5RCOpgQ6K8X1DRSEkrbYQ+OB+v8/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40 )
                example.net. 3600 IN DS 10771 14 4 ( 72d7b62976ce06438e9c0bf319013cf801f09ecc84b8d7e9495f27e305c6a9b0
                  563a9b5f4d288405c3008a946df983d6 )
                www.example.net. 3600 IN A 192.0.2.1
                www.example.net. 3600 IN RRSIG A 14 3 3600 ( 20100909102025 20100812102025 10771 example.net.
                  /L5hDKIvGDyI1fcARX3z65qrmPsVz73QD1Mr5CEqOiLP95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydCuz
                  WTSSPdz7wnqXL5bdcJzusdnI0RSMROxxwGipWcJm )

                """, now: 1_282_000_000),
        Vector(
            name: "Ed25519 (RFC 8080 6.1)",
            text: """
                example.com. 3600 IN DNSKEY 257 3 15 ( l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4= )
                example.com. 3600 IN DS 3613 15 2 ( 3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b )
                example.com. 3600 IN MX 10 mail.example.com.
                example.com. 3600 IN RRSIG MX 15 2 3600 ( 1440021600 1438207200 3613 example.com.
                  oL9krJun7xfBOIWcGHi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg== )

                """, now: 1_439_000_000),
        Vector(
            name: "Ed448 (RFC 8080 6.2)",
            text: """
                example.com. 3600 IN DNSKEY 257 3 16 ( 3kgROaDjrh0H2iuixWBrc8g2EpBBLCdGzHmn+G2MpTPhpj/OiBVHHSfPodx1
                  FYYUcJKm1MDpJtIA )
                example.com. 3600 IN DS 9713 16 2 ( 6ccf18d5bc5d7fc2fceb1d59d17321402f2aa8d368048db93dd811f5cb2b19c7 )
                example.com. 3600 IN MX 10 mail.example.com.
                example.com. 3600 IN RRSIG MX 16 2 3600 ( 1440021600 1438207200 9713 example.com.
                  3cPAHkmlnxcDHMyg7vFC34l0blBhuG1qpwLmjInI8w1CMB29FkEAIJUA0amxWndkmnBZ6SKiwZSAxGILn/NBtOXft0+G
                  j7FSvOKxE/07+4RQvE581N3Aj/JtIyaiYVdnYtyMWbSNyGEY2213WKsJlwEA )

                """, now: 1_439_000_000),
    ]

    @Test("A published signature verifies, and with one bit changed does not", arguments: vectors)
    func vector(_ vector: Vector) throws {
        let records = try ResourceRecord.parsing(vector.text)
        let key = try #require(records.first { $0.type == .dnskey }.flatMap { DNSKEY($0.data) })
        let signer = try #require(records.first { $0.type == .ds }.flatMap { DS($0.data) })
        let zone = try #require(records.first { $0.type == .dnskey }).owner
        #expect(signer.keyTag == key.keyTag)
        #expect(
            DelegationDigest.digest(of: key, zone: zone, digestType: signer.digestType)?[...] == signer.digest
        )

        let signed = try #require(
            SignedRRset.grouping(records.filter { $0.type != .dnskey && $0.type != .ds }).first)
        let keys = ZoneKeys(zone: zone, keys: [try #require(ZoneKey(key))], ttlLimit: 3600)
        var budget = ValidationBudget()
        guard case .secure(let set) = Validator().verify(signed, with: keys, at: vector.now, budget: &budget)
        else {
            Issue.record("does not verify")
            return
        }
        #expect(set.ttlLimit == 3600)
        #expect(!set.isWildcardExpansion)

        for position in stride(from: 0, to: signed.signatures[0].octets.count, by: 7) {
            var changed = signed
            var octets = changed.signatures[0].octets
            octets[position] ^= 0x10
            changed.signatures = [RecordData(octets)]
            var budget = ValidationBudget()
            let verdict = Validator().verify(changed, with: keys, at: vector.now, budget: &budget)
            guard case .bogus = verdict else {
                Issue.record("octet \(position) does not matter")
                return
            }
        }
        var other = signed
        other.set.data[0] = RecordData(signed.set.data[0].octets.dropLast() + [9])
        #expect(
            Validator().verify(other, with: keys, at: vector.now, budget: &budget)
                == .bogus(.signatureInvalid))
    }

    @Test(
        "Names hash as RFC 5155 appendix A says",
        arguments: [
            ("example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            ("a.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            ("ai.example", "gjeqe526plbf1g8mklp59enfd789njgi"),
            ("ns1.example", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"),
            ("ns2.example", "q04jkcevqvmu85r014c7dkba38o0ji5r"),
            ("w.example", "k8udemvp1j2f7eg6jebps17vp3n8i58h"),
            ("*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
            ("x.w.example", "b4um86eghhds6nea196smvmlo4ors995"),
            ("y.w.example", "ji6neoaepv8b5o6k4ev33abha8ht9fgc"),
            ("x.y.w.example", "2vptu5timamqttgl4luu9kg21e0aor3s"),
            ("xx.example", "t644ebqk9bibcna874givr6joj62mlhv"),
        ])
    func hashes(name: String, hash: String) throws {
        let parameters = NSEC3Parameters(algorithm: 1, iterations: 12, salt: [0xaa, 0xbb, 0xcc, 0xdd])
        let found = try #require(NSEC3Hash.hash(try Name(name), parameters))
        #expect(String(decoding: NSEC3Hash.encode(found), as: UTF8.self) == hash)
        #expect(NSEC3Hash.decode(NSEC3Hash.encode(found)[...]) == found)
    }

    @Test("Keys that are no keys are refused")
    func badKeys() {
        for algorithm: UInt8 in 0...20 {
            #expect(PublicKey(algorithm: algorithm, key: []) == nil)
            #expect(PublicKey(algorithm: algorithm, key: [0]) == nil)
            #expect(PublicKey(algorithm: algorithm, key: [0, 0, 1]) == nil)
            #expect(PublicKey(algorithm: algorithm, key: [255, 1, 2, 3, 4]) == nil)
        }
        // A point that is not on the curve.
        #expect(PublicKey(algorithm: 13, key: ArraySlice([UInt8](repeating: 7, count: 64))) == nil)
        // An RSA key with an exponent of 1,000 octets.
        let huge = [0, 3, 232] + [UInt8](repeating: 1, count: 1000) + [UInt8](repeating: 0xff, count: 256)
        #expect(PublicKey(algorithm: 8, key: huge[...]) == nil)
    }
}
