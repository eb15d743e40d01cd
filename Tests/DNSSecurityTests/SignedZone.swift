import DNSCore
import Foundation
import Testing

@testable import DNSSecurity

/// A zone that `dnssec-signzone` has signed for the test, from 2024-01-01 to 2024-02-01.
struct SignedZone {
    let origin: Name
    let sets: [SignedRRset]

    static let isAvailable = FileManager.default.isExecutableFile(atPath: "/usr/bin/dnssec-signzone")
    static let now: UInt32 = 1_705_000_000

    enum Denial: String, CaseIterable, Sendable { case nsec, nsec3, optOut }

    static let text = """
        $TTL 300
        @ SOA ns1 host 1 2 3 4 300
        @ NS ns1
        ns1 A 192.0.2.1
        www A 192.0.2.2
        WWW A 192.0.2.3
        Mixed.Case MX 10 Mail.Example.NET.
        alias CNAME www
        dn DNAME example.org.
        *.wild TXT "wildcard"
        b.ent.x TXT "below two empty non-terminals"
        secure NS ns.secure
        secure DS 12345 13 2 49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC69CB
        insecure NS ns.insecure
        ns.insecure A 192.0.2.4
        in.cut NS ns.example.org.

        """

    init(
        origin: String = "example.net", text: String = SignedZone.text, algorithm: String = "ECDSAP256SHA256",
        denial: Denial = .nsec, iterations: Int = 5, extraKeys: Int = 0, revoked: Bool = false
    ) throws {
        self.origin = try Name(origin)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "signed-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let bits = algorithm.hasPrefix("RSA") ? ["-b", "1024"] : []
        var keys: [String] = []
        for flag in [["-f", "KSK"], []]
            + Array(repeating: ["-f", "KSK"] + (revoked ? ["-f", "REVOKE"] : []), count: extraKeys)
        {
            let arguments = ["-a", algorithm] + bits + flag + ["-K", folder.path, "-n", "ZONE", origin]
            let name = try SignedZone.run("/usr/bin/dnssec-keygen", arguments, in: folder)
            keys.append(name.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        var zone = text
        for key in keys {
            zone += try String(contentsOf: folder.appendingPathComponent("\(key).key"), encoding: .utf8)
        }
        try zone.write(to: folder.appendingPathComponent("zone"), atomically: true, encoding: .utf8)
        var arguments = [
            "-s", "20240101000000", "-e", "20240201000000", "-o", origin, "-f", "signed", "-O", "full", "-P",
        ]
        if denial != .nsec { arguments += ["-3", "aabb", "-H", "\(iterations)"] }
        if denial == .optOut { arguments += ["-A"] }
        _ = try SignedZone.run(
            "/usr/bin/dnssec-signzone", arguments + ["zone"], in: folder)
        let signed = try String(contentsOf: folder.appendingPathComponent("signed"), encoding: .utf8)
        sets = SignedRRset.grouping(try ResourceRecord.parsing(signed, origin: self.origin))
    }

    /// The trust point that a parent would give.
    func trust(digestType: UInt8 = 2) throws -> TrustPoint {
        let keys = try #require(self[origin, .dnskey]).set.data.compactMap { DNSKEY($0) }
        let entry = try #require(keys.first { $0.isSecureEntryPoint })
        let data = try #require(DelegationDigest.signer(for: entry, zone: origin, digestType: digestType))
        return TrustPoint(zone: origin, delegationSigners: [try #require(DS(data))])
    }

    /// The zone's keys, validated.
    func keys() throws -> ZoneKeys {
        var budget = ValidationBudget()
        let outcome = Validator().validateKeys(
            try #require(self[origin, .dnskey]), trust: try trust(), at: SignedZone.now, budget: &budget)
        guard case .secure(let keys) = outcome else { throw Failure(outcome: "\(outcome)") }
        return keys
    }

    struct Failure: Error { let outcome: String }

    subscript(owner: Name, type: RRType) -> SignedRRset? {
        sets.first { $0.set.owner == owner && $0.set.type == type }
    }

    /// All NSEC and NSEC3 sets of the zone, verified.
    func denialSets() throws -> [SecureRRset] {
        let keys = try keys()
        return try sets.filter { $0.set.type == .nsec || $0.set.type == .nsec3 }.map { signed in
            var budget = ValidationBudget()
            let verdict = Validator().verify(signed, with: keys, at: SignedZone.now, budget: &budget)
            guard case .secure(let set) = verdict else { throw Failure(outcome: "\(verdict)") }
            return set
        }
    }

    /// A proof from all denial sets of the zone but those for which `isLeftOut` is true.
    func proof(without isLeftOut: (SecureRRset) -> Bool = { _ in false }) throws -> DenialProof {
        var limits = ValidationLimits()
        limits.denialRecords = 1000
        var budget = ValidationBudget(limits)
        return DenialProof(zone: origin, sets: try denialSets().filter { !isLeftOut($0) }, budget: &budget)
    }

    private static func run(_ path: String, _ arguments: [String], in folder: URL) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(path) \(arguments)")
        return String(decoding: data, as: UTF8.self)
    }
}
