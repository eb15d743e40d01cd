import DNSCore
import Testing

@testable import DNSSecurity

@Suite(.enabled(if: SignedZone.isAvailable)) struct ValidatorTests {
    private static let zone = Result { try SignedZone() }

    private func name(_ text: String) throws -> Name { try Name(text, origin: try Name("example.net")) }

    private func verify(
        _ signed: SignedRRset, _ keys: ZoneKeys, at now: UInt32 = SignedZone.now
    ) -> Validator.Verdict {
        var budget = ValidationBudget()
        return Validator().verify(signed, with: keys, at: now, budget: &budget)
    }

    @Test(
        "Every signed set of a zone verifies",
        arguments: [
            "RSASHA1", "RSASHA256", "RSASHA512", "ECDSAP256SHA256", "ECDSAP384SHA384", "ED25519", "ED448",
        ])
    func algorithms(algorithm: String) throws {
        let zone = try SignedZone(algorithm: algorithm)
        let keys = try zone.keys()
        let signed = zone.sets.filter { !$0.signatures.isEmpty }
        #expect(signed.count > 12)
        for set in signed {
            guard case .secure(let secure) = verify(set, keys) else {
                Issue.record("\(set.set.owner) \(set.set.type)")
                continue
            }
            #expect(!secure.isWildcardExpansion)
        }
    }

    @Test("Changed data, foreign records and lost records do not verify")
    func tampering() throws {
        let zone = try Self.zone.get()
        let keys = try zone.keys()
        let signed = try #require(zone[try name("www"), .a])
        #expect(signed.set.data.count == 2)
        var changed = signed
        changed.set.data[0] = RecordData([203, 0, 113, 1])
        #expect(verify(changed, keys) == .bogus(.signatureInvalid))
        changed = signed
        changed.set.data.removeLast()
        #expect(verify(changed, keys) == .bogus(.signatureInvalid))
        changed = signed
        changed.set.data.append(RecordData([203, 0, 113, 1]))
        #expect(verify(changed, keys) == .bogus(.signatureInvalid))
        changed = signed
        changed.set.owner = try name("www2")
        #expect(verify(changed, keys) == .bogus(.signatureInvalid))
        changed = signed
        changed.set.type = .aaaa
        #expect(verify(changed, keys) == .bogus(.signatureMisfit))
        changed = signed
        changed.signatures = []
        #expect(verify(changed, keys) == .bogus(.signatureMissing))
    }

    @Test("Order, case of names, TTL and repetition of records do not matter")
    func canonicalForm() throws {
        let zone = try Self.zone.get()
        let keys = try zone.keys()
        var signed = try #require(zone[try name("www"), .a])
        signed.set.data.reverse()
        signed.set.data.append(signed.set.data[0])
        signed.set.ttl = 7
        signed.set.owner = try name("wWw")
        guard case .secure = verify(signed, keys) else { Issue.record("www"); return }
        var mail = try #require(zone[try name("mixed.case"), .mx])
        mail.set.data = [try RecordData(parsing: "10 mAIL.exAMPLE.nET.", as: .mx)]
        guard case .secure = verify(mail, keys) else { Issue.record("mixed.case"); return }
    }

    @Test("Signatures hold only in their time, with tolerance for clocks")
    func time() throws {
        let zone = try Self.zone.get()
        let keys = try zone.keys()
        let signed = try #require(zone[try name("www"), .a])
        let signature = try #require(RRSIG(signed.signatures[0]))
        #expect(verify(signed, keys, at: signature.expiration &+ 86_401) == .bogus(.signatureExpired))
        #expect(verify(signed, keys, at: signature.inception &- 86_401) == .bogus(.signatureNotYetValid))
        guard case .secure(let late) = verify(signed, keys, at: signature.expiration &+ 86_399) else {
            Issue.record("within tolerance")
            return
        }
        #expect(late.ttlLimit == 60)
        guard case .secure(let last) = verify(signed, keys, at: signature.expiration - 10) else {
            Issue.record("ten seconds left")
            return
        }
        #expect(last.ttlLimit == 10)
    }

    @Test("A wildcard's signature verifies for a name below it, and says so")
    func wildcard() throws {
        let zone = try Self.zone.get()
        let keys = try zone.keys()
        var signed = try #require(zone[try name("*.wild"), .txt])
        signed.set.owner = try name("a.b.wild")
        guard case .secure(let set) = verify(signed, keys) else { Issue.record("expansion"); return }
        #expect(set.isWildcardExpansion)
        #expect(set.labels == 3)
    }

    @Test("A signature with fewer labels than its signer is refused (wildcard above the zone)")
    func fewLabels() throws {
        let zone = try Self.zone.get()
        let keys = try zone.keys()
        var signed = try #require(zone[try name("www"), .a])
        var octets = signed.signatures[0].octets
        octets[3] = 1
        signed.signatures = [RecordData(octets)]
        #expect(verify(signed, keys) == .bogus(.signatureMisfit))
    }

    @Test("Keys are trusted by a DS record of any supported digest", arguments: [1, 2, 4] as [UInt8])
    func digests(digestType: UInt8) throws {
        let zone = try Self.zone.get()
        let set = try #require(zone[zone.origin, .dnskey])
        var budget = ValidationBudget()
        let outcome = Validator().validateKeys(
            set, trust: try zone.trust(digestType: digestType), at: SignedZone.now, budget: &budget)
        guard case .secure(let keys) = outcome else { Issue.record("\(outcome)"); return }
        #expect(keys.keys.count == 2)
    }

    @Test("Unknown algorithms and digests make insecure, never when a known one stands beside them")
    func downgrade() throws {
        let zone = try Self.zone.get()
        let set = try #require(zone[zone.origin, .dnskey])
        func outcome(_ signers: [DS]) -> KeySetOutcome {
            var budget = ValidationBudget()
            return Validator().validateKeys(
                set, trust: TrustPoint(zone: zone.origin, delegationSigners: signers), at: SignedZone.now,
                budget: &budget)
        }
        func signer(_ text: String) throws -> DS { try #require(DS(try RecordData(parsing: text, as: .ds))) }
        let unknownAlgorithm = try signer("1 200 2 00")
        let unknownDigest = try signer("1 13 99 00")
        let wrong = try signer("1 13 2 \(String(repeating: "00", count: 32))")
        guard case .insecure(.unsupportedAlgorithm) = outcome([unknownAlgorithm]) else {
            Issue.record("algorithm"); return
        }
        guard case .insecure(.unsupportedDigest) = outcome([unknownDigest]) else {
            Issue.record("digest"); return
        }
        guard case .insecure(.unsupportedDigest) = outcome([unknownDigest, unknownAlgorithm]) else {
            Issue.record("both")
            return
        }
        guard case .bogus(.noKeyForDelegation) = outcome([wrong, unknownAlgorithm, unknownDigest]) else {
            Issue.record("downgrade")
            return
        }
        // A right SHA-1 digest does not help beside a wrong SHA-256 one (RFC 4509 3).
        let old = try zone.trust(digestType: 1).delegationSigners
        guard case .bogus(.noKeyForDelegation) = outcome(old + [wrong]) else { Issue.record("SHA-1"); return }
        guard case .secure = outcome(try zone.trust().delegationSigners + [unknownAlgorithm]) else {
            Issue.record("mixed")
            return
        }
    }

    @Test("Many keys of one tag and many signatures stop at a limit (KeyTrap)")
    func keyTrap() throws {
        let zone = try Self.zone.get()
        let good = try zone.keys()
        let key = try #require(good.keys.first { !$0.record.isSecureEntryPoint })
        let keys = ZoneKeys(zone: zone.origin, keys: Array(repeating: key, count: 500), ttlLimit: 300)
        var signed = try #require(zone[try name("www"), .a])
        signed.set.data[0] = RecordData([203, 0, 113, 1])
        signed.signatures = Array(repeating: signed.signatures[0], count: 500)
        var budget = ValidationBudget()
        #expect(
            Validator().verify(signed, with: keys, at: SignedZone.now, budget: &budget)
                == .bogus(.limitReached(.keysPerTag)))
        #expect(budget.verifications == 2)
        let one = ZoneKeys(zone: zone.origin, keys: [key], ttlLimit: 300)
        for _ in 0..<50 {
            _ = Validator().verify(signed, with: one, at: SignedZone.now, budget: &budget)
        }
        #expect(budget.verifications <= 10)
        #expect(budget.fired.contains(.failedVerifications))
    }

    @Test("A verified signature is found again, another time of day or not; a changed one is not")
    func cache() throws {
        let zone = try Self.zone.get()
        let keys = try zone.keys()
        let cache = SignatureCache(capacity: 1024)
        let validator = Validator(cache: cache)
        let signed = try #require(zone[try name("www"), .a])
        var budget = ValidationBudget()
        for _ in 0..<5 {
            guard case .secure = validator.verify(signed, with: keys, at: SignedZone.now, budget: &budget)
            else {
                Issue.record("www")
                return
            }
        }
        #expect(budget.verifications == 1)
        #expect(cache.counts.hits == 4)
        var changed = signed
        changed.set.data[0] = RecordData([203, 0, 113, 1])
        #expect(
            validator.verify(changed, with: keys, at: SignedZone.now, budget: &budget)
                == .bogus(.signatureInvalid))
        let late = SignedZone.now + 10_000_000
        #expect(validator.verify(signed, with: keys, at: late, budget: &budget) == .bogus(.signatureExpired))
    }
}
