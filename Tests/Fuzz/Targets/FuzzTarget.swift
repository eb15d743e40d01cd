import DNSCore
import DNSSecurity
import Glibc
import Operations

/// What libFuzzer calls with each input.
///
/// The environment variable `FUZZ_TARGET` says which parser gets it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    guard let start else { return 0 }
    target(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

private let target: @Sendable ([UInt8]) -> Void = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    let targets: [String: @Sendable ([UInt8]) -> Void] = [
        "message": fuzzMessage, "name": fuzzName, "rdata": fuzzRecordData, "zone": fuzzZoneText,
        "dnssec": fuzzDNSSEC,
        "configuration": fuzzConfiguration, "nts": fuzzNTS, "nts-v2": fuzzNTSv2, "nts-server": fuzzNTSServer,
        "nts-answer": fuzzNTSAnswer, "nts-hosts": fuzzNTSHosts, "nts-router": fuzzNTSRouter, "tsig": fuzzTSIG,
    ]
    guard let target = targets[name] else {
        print("FUZZ_TARGET is none of \(targets.keys.sorted())")
        exit(2)
    }
    return target
}()

/// The survey, the parser behind it, and what is written again.
@Sendable private func fuzzMessage(_ octets: [UInt8]) {
    guard let layout = try? MessageView.survey(octets) else { return }
    precondition(layout.end <= octets.count && layout.questionEnd <= layout.answerEnd)
    guard let message = try? Message(parsing: octets) else { return }
    let encoded = message.encoded()
    let again = try? Message(parsing: encoded)
    precondition(again != nil || message.flags.contains(.truncated) || encoded.count > 65000)
    for record in message.answers { _ = record.description }
    _ = RRset.grouping(message.answers + message.authorities + message.additionals)
}

/// Names from text and from the wire; what is shown reads back.
@Sendable private func fuzzName(_ octets: [UInt8]) {
    if let name = try? Name(text: octets[...], origin: .root) {
        let shown = name.description
        precondition((try? Name(shown))?.wire == name.wire)
    }
    if let name = try? Name(wire: octets) {
        precondition((try? Name(name.description))?.wire == octets)
        precondition(name.isAtOrBelow(.root) && !(name < name))
        precondition(NameHash.hash(name) == NameHash.hash(name.lowercased))
    }
}

/// The first two octets are the type, the rest its data.
@Sendable private func fuzzRecordData(_ octets: [UInt8]) {
    guard octets.count >= 2 else { return }
    let type = RRType(rawValue: UInt16(octets[0]) << 8 | UInt16(octets[1]))
    let data = RecordData(Array(octets[2...]))
    let text = data.presentation(as: type)
    _ = data.canonical(as: type)
    _ = (
        RRSIG(data), DNSKEY(data), DS(data), NSEC(data), NSEC3(data), SOA(data), SVCB(data)
    )
    guard data.isWellFormed(as: type), !type.isMeta, type.rawValue != 0 else { return }
    let again = try? RecordData(parsing: text, as: type)
    precondition(again == data)
}

/// Zone-file text; every record that is read must read back from what is shown of it.
@Sendable private func fuzzZoneText(_ octets: [UInt8]) {
    var options = ZoneTextOptions(defaultTTL: 60, allowsInclude: false)
    options.generateLimit = 64
    var scanner = ZoneTextScanner(text: octets, origin: .root, options: options)
    var steps = 0
    while steps < 10_000 {
        steps += 1
        do {
            guard try scanner.next() else { break }
        } catch {
            _ = error.description
            continue
        }
        let record = scanner.record()
        precondition(record.data.isWellFormed(as: record.type))
        // Reading back is dear: a few records of an input are enough.
        guard steps <= 6 else { continue }
        let again = try? ResourceRecord(parsing: record.description)
        precondition(again == record)
    }
}

/// A message whose records are taken for a zone's keys, signatures and denial.
@Sendable private func fuzzDNSSEC(_ octets: [UInt8]) {
    guard let message = try? Message(parsing: octets) else { return }
    let zone = message.questions.first?.name.parent ?? .root
    let name = message.questions.first?.name ?? .root
    var budget = ValidationBudget()
    let sets = SignedRRset.grouping(message.answers + message.authorities)
    let records = message.answers.filter { $0.type == .dnskey }.compactMap { DNSKEY($0.data) }
    for set in sets where set.set.type == .dnskey {
        let trust = TrustPoint(zone: set.set.owner, keys: records)
        let outcome = Validator().validateKeys(set, trust: trust, at: 1_700_000_000, budget: &budget)
        guard case .secure(let keys) = outcome else { continue }
        for other in sets { _ = Validator().verify(other, with: keys, at: 1_700_000_000, budget: &budget) }
    }
    let claimed = sets.map {
        SecureRRset(restoring: $0.set, signer: zone, labels: $0.set.owner.labelCount, ttlLimit: 60)
    }
    let proof = DenialProof(zone: zone, sets: claimed, budget: &budget)
    _ = proof.nameError(name, budget: &budget)
    _ = proof.noData(name, type: .a, budget: &budget)
    _ = proof.delegation(name, budget: &budget)
    _ = proof.wildcardAnswer(for: name, labels: zone.labelCount, budget: &budget)
    _ = TrustAnchors(message.answers + message.authorities).closest(to: name)
}

/// Configuration text as YAML, and a control command as JSON.
@Sendable private func fuzzConfiguration(_ octets: [UInt8]) {
    _ = try? ConfigurationFile.parse(octets, file: "fuzz.yaml")
    _ = try? JSONParser.parse(octets)
}

/// The verification of a signed message.
@Sendable private func fuzzTSIG(_ octets: [UInt8]) {
    guard let layout = try? MessageView.survey(octets), layout.tsigStart != nil else { return }
    guard let name = try? Name("key.example") else { return }
    let key = TSIGKey(name: name, algorithm: .hmacSHA256, secret: [1, 2, 3])
    _ = TSIGSession.verify(octets.span.bytes, layout: layout, keys: TSIGKeyring([key]), now: 1_700_000_000)
}
