import DNSCore
import Testing

@testable import DNSSecurity

@Suite(.enabled(if: SignedZone.isAvailable)) struct DenialProofTests {
    private static let zones: [SignedZone.Denial: Result<SignedZone, any Error>] = Dictionary(
        uniqueKeysWithValues: SignedZone.Denial.allCases.map { denial in
            (denial, Result { try SignedZone(denial: denial) })
        })

    private func zone(_ denial: SignedZone.Denial) throws -> SignedZone {
        try #require(Self.zones[denial]).get()
    }
    private func name(_ text: String) throws -> Name { try Name(text, origin: try Name("example.net")) }

    @Test("A name that does not exist is denied", arguments: SignedZone.Denial.allCases)
    func nameError(denial: SignedZone.Denial) throws {
        let proof = try zone(denial).proof()
        var budget = ValidationBudget()
        let expected: DenialOutcome = denial == .optOut ? .insecure(.optOut) : .proven
        for text in ["nope", "zzz", "a.nope", "x.www", "0"] {
            #expect(proof.nameError(try name(text), budget: &budget) == expected, "\(text)")
        }
        for text in ["www", "ent.x", "x", "a.wild", "wild", "alias", "secure"] {
            let outcome = proof.nameError(try name(text), budget: &budget)
            guard case .bogus = outcome else { Issue.record("\(text): \(outcome)"); continue }
        }
        // Names below a cut or a DNAME are not this zone's to deny.
        for text in ["x.secure", "x.dn"] {
            let outcome = proof.nameError(try name(text), budget: &budget)
            guard case .bogus = outcome else { Issue.record("\(text): \(outcome)"); continue }
        }
        #expect(proof.nameError(try Name("nope.example.org"), budget: &budget) == .bogus(.denialContradicts))
    }

    @Test("A type that does not exist is denied", arguments: SignedZone.Denial.allCases)
    func noData(denial: SignedZone.Denial) throws {
        let proof = try zone(denial).proof()
        var budget = ValidationBudget()
        #expect(proof.noData(try name("www"), type: .aaaa, budget: &budget) == .proven)
        #expect(proof.noData(try name("@"), type: .a, budget: &budget) == .proven)
        #expect(proof.noData(try name("ent.x"), type: .a, budget: &budget) == .proven)
        #expect(proof.noData(try name("x"), type: .a, budget: &budget) == .proven)
        let wildcard = proof.noData(try name("q.wild"), type: .a, budget: &budget)
        #expect(wildcard == (denial == .optOut ? .insecure(.optOut) : .proven))
        #expect(proof.noData(try name("www"), type: .a, budget: &budget) == .bogus(.denialContradicts))
        #expect(proof.noData(try name("alias"), type: .a, budget: &budget) == .bogus(.denialContradicts))
        #expect(proof.noData(try name("q.wild"), type: .txt, budget: &budget) == .bogus(.denialContradicts))
        #expect(proof.noData(try name("secure"), type: .ds, budget: &budget) == .bogus(.denialContradicts))
        // The parent's record at a cut denies nothing but DS.
        #expect(proof.noData(try name("secure"), type: .a, budget: &budget) == .bogus(.denialContradicts))
        // The child's apex does not speak for its DS.
        #expect(proof.noData(try name("@"), type: .ds, budget: &budget) == .bogus(.denialContradicts))
    }

    @Test("A delegation without DS is told from no delegation", arguments: SignedZone.Denial.allCases)
    func delegations(denial: SignedZone.Denial) throws {
        let proof = try zone(denial).proof()
        var budget = ValidationBudget()
        let expected: InsecureReason = denial == .optOut ? .optOut : .unsignedDelegation
        #expect(proof.delegation(try name("insecure"), budget: &budget) == .insecureDelegation(expected))
        #expect(proof.delegation(try name("in.cut"), budget: &budget) == .insecureDelegation(expected))
        #expect(proof.delegation(try name("www"), budget: &budget) == .notDelegation)
        #expect(proof.delegation(try name("ent.x"), budget: &budget) == .notDelegation)
        #expect(proof.delegation(try name("secure"), budget: &budget) == .bogus(.denialContradicts))
        let nothing: DelegationDenial = denial == .optOut ? .insecureDelegation(.optOut) : .nonexistent
        #expect(proof.delegation(try name("nope"), budget: &budget) == nothing)
    }

    @Test("An answer from a wildcard needs the denial of the name", arguments: SignedZone.Denial.allCases)
    func wildcardAnswers(denial: SignedZone.Denial) throws {
        let zone = try zone(denial)
        let proof = try zone.proof()
        var budget = ValidationBudget()
        let expected: DenialOutcome = denial == .optOut ? .insecure(.optOut) : .proven
        #expect(proof.wildcardAnswer(for: try name("a.wild"), labels: 3, budget: &budget) == expected)
        #expect(proof.wildcardAnswer(for: try name("a.b.wild"), labels: 3, budget: &budget) == expected)
        guard case .bogus = proof.wildcardAnswer(for: try name("www"), labels: 2, budget: &budget) else {
            Issue.record("an existing name")
            return
        }
        let empty = try zone.proof { _ in true }
        #expect(empty.isEmpty)
        #expect(
            empty.wildcardAnswer(for: try name("a.wild"), labels: 3, budget: &budget)
                == .bogus(.denialMissing))
    }

    @Test("Each record of a proof is needed", arguments: [SignedZone.Denial.nsec, .nsec3])
    func minimality(denial: SignedZone.Denial) throws {
        let zone = try zone(denial)
        let target = try name("a.nope")
        var needed = 0
        for set in try zone.denialSets() {
            var budget = ValidationBudget()
            let proof = try zone.proof { $0 == set }
            if proof.nameError(target, budget: &budget) != .proven { needed += 1 }
        }
        #expect((1...3).contains(needed))
    }

    @Test("An NSEC whose next name lies outside the zone proves nothing")
    func nextOutside() throws {
        let zone = try Name("example.net")
        let set = RRset(
            owner: try name("a"), type: .nsec, ttl: 300,
            data: [try RecordData(parsing: "z.example.org. A", as: .nsec)])
        var budget = ValidationBudget()
        let secure = SecureRRset(restoring: set, signer: zone, labels: 3, ttlLimit: 300)
        let proof = DenialProof(zone: zone, sets: [secure], budget: &budget)
        #expect(proof.nameError(try name("b"), budget: &budget) == .bogus(.denialMissing))
    }

    @Test("Too many iterations make the zone insecure, without hashing")
    func iterations() throws {
        let zone = try SignedZone(denial: .nsec3, iterations: 51)
        let proof = try zone.proof()
        var budget = ValidationBudget()
        #expect(proof.nameError(try name("nope"), budget: &budget) == .insecure(.tooManyNSEC3Iterations))
        #expect(
            proof.noData(try name("www"), type: .aaaa, budget: &budget) == .insecure(.tooManyNSEC3Iterations))
        #expect(
            proof.delegation(try name("insecure"), budget: &budget)
                == .insecureDelegation(.tooManyNSEC3Iterations))
        #expect(budget.hashes == 0)
    }

    @Test("Hashing stops at its limit")
    func hashLimit() throws {
        let proof = try zone(.nsec3).proof()
        var limits = ValidationLimits()
        limits.nsec3HashesPerQuery = 10
        var budget = ValidationBudget(limits)
        let deep = try name((0..<60).map { "l\($0)" }.joined(separator: "."))
        #expect(proof.nameError(deep, budget: &budget) == .bogus(.limitReached(.nsec3Hashes)))
        #expect(budget.fired == [.nsec3Hashes])
    }
}
