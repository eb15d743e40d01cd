import DNSCore
import Synchronization
import Testing

@testable import DNSSecurity

/// Keys that are shared, and keys with multiples computed ahead.
@Suite struct PublicKeysTests {
    /// The key and the signature of RFC 6605 6.1, and what it signs.
    struct Example {
        let key: DNSKEY
        let signature: ArraySlice<UInt8>
        let data: [UInt8]

        init() throws {
            let records = try ResourceRecord.parsing(SignatureVectorTests.vectors[0].text)
            key = try #require(records.first { $0.type == .dnskey }.flatMap { DNSKEY($0.data) })
            let signed = try #require(
                SignedRRset.grouping(records.filter { $0.type == .a || $0.type == .rrsig }).first)
            let record = try #require(RRSIG(signed.signatures[0]))
            signature = record.signature
            data = try #require(CanonicalForm.signedData(signed.set, signature: record))
        }

        func parsed() throws -> PublicKey {
            try #require(PublicKey(algorithm: key.algorithm, key: key.publicKey))
        }
    }

    static let order: [UInt8] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ]

    @Test("A prepared key says of each signature what it said before")
    func agreement() throws {
        let example = try Example()
        let plain = try example.parsed()
        let prepared = try example.parsed()
        prepared.prepare()
        #expect(prepared.isPrepared && !plain.isPrepared)
        #expect(plain.verifies(example.signature, over: example.data))
        #expect(prepared.verifies(example.signature, over: example.data))
        for bit in 0..<512 {
            var changed = Array(example.signature)
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(!prepared.verifies(changed[...], over: example.data))
        }
        var data = example.data
        for index in data.indices {
            data[index] ^= 0x40
            #expect(!prepared.verifies(example.signature, over: data))
            data[index] ^= 0x40
        }
        #expect(!prepared.verifies(example.signature.dropLast(), over: example.data))
        #expect(!prepared.verifies(example.signature + [0], over: example.data))
        #expect(!prepared.verifies([], over: example.data))
    }

    @Test("Signatures at the edges of the numbers are refused")
    func edges() throws {
        let example = try Example()
        let prepared = try example.parsed()
        let plain = try example.parsed()
        prepared.prepare()
        let zero = [UInt8](repeating: 0, count: 32)
        let one = zero.dropLast() + [1]
        let all = [UInt8](repeating: 0xff, count: 32)
        let below = Self.order.dropLast() + [0x50]
        let r = Array(example.signature.prefix(32))
        let s = Array(example.signature.suffix(32))
        let values = [zero, Array(one), all, Array(below), Self.order, r, s]
        for first in values {
            for second in values {
                let signature = (first + second)[...]
                let isGood = first == r && second == s
                #expect(prepared.verifies(signature, over: example.data) == isGood)
                #expect(plain.verifies(signature, over: example.data) == isGood)
            }
        }
    }

    @Test("Every signature of a zone verifies with prepared keys", .enabled(if: SignedZone.isAvailable))
    func zone() throws {
        let zone = try SignedZone()
        let keySet = try #require(zone[zone.origin, .dnskey])
        let keys = keySet.set.data.compactMap { DNSKEY($0).flatMap { ZoneKey($0) } }
        for key in keys { key.publicKey.prepare() }
        #expect(keys.count == 2 && keys.allSatisfy(\.publicKey.isPrepared))
        var count = 0
        for signed in zone.sets where !signed.signatures.isEmpty {
            var budget = ValidationBudget()
            let verdict = Validator().verify(
                signed, with: ZoneKeys(zone: zone.origin, keys: keys, ttlLimit: 300), at: SignedZone.now,
                budget: &budget)
            guard case .secure = verdict else {
                Issue.record("\(signed.set.owner) \(signed.set.type): \(verdict)")
                continue
            }
            count += 1
        }
        #expect(count > 20)
    }

    @Test("Only keys of P-256 are prepared")
    func others() throws {
        for vector in SignatureVectorTests.vectors.dropFirst() {
            let records = try ResourceRecord.parsing(vector.text)
            let record = try #require(records.first { $0.type == .dnskey }.flatMap { DNSKEY($0.data) })
            let key = try #require(PublicKey(algorithm: record.algorithm, key: record.publicKey))
            key.prepare()
            #expect(!key.isPrepared)
            #expect(!(0..<2000).contains { _ in key.isDueForPreparation(every: 1) })
        }
    }

    @Test("One key is one object as long as somebody holds it")
    func sharing() throws {
        let example = try Example()
        let store = PublicKeys()
        let first = store.key(algorithm: 13, key: example.key.publicKey)
        let second = store.key(algorithm: 13, key: example.key.publicKey)
        #expect(first != nil && first === second)
        #expect(store.key(algorithm: 15, key: example.key.publicKey) == nil)
        #expect(store.key(algorithm: 13, key: []) == nil)
        for number in 0..<2000 {
            var octets = [UInt8](repeating: 7, count: 32)
            octets[0] = UInt8(truncatingIfNeeded: number)
            octets[1] = UInt8(number >> 8)
            _ = store.key(algorithm: 15, key: octets[...])
        }
        #expect(store.key(algorithm: 13, key: example.key.publicKey) === first)
    }

    /// Work that was handed over and has not run.
    private final class Desk: Sendable {
        let work = Mutex<[@Sendable () -> Void]>([])
        func run() {
            let all = work.withLock { work in
                defer { work = [] }
                return work
            }
            for one in all { one() }
        }
    }

    @Test("A key is prepared once it pays, one at a time, up to the limit, and counted while it lives")
    func preparing() throws {
        let example = try Example()
        let desk = Desk()
        let store = PublicKeys { work in
            desk.work.withLock { $0.append(work) }
            return true
        }
        var key = store.key(algorithm: 13, key: example.key.publicKey)
        func use(_ count: UInt32, limit: Int) throws {
            for _ in 0..<count { store.noteUse(of: try #require(key), limit: limit) }
        }
        try use(PublicKeys.usesToPrepare - 1, limit: 1)
        #expect(desk.work.withLock(\.count) == 0)
        try use(1, limit: 0)
        #expect(desk.work.withLock(\.count) == 0, "the limit")
        try use(PublicKeys.usesToPrepare, limit: 1)
        #expect(desk.work.withLock(\.count) == 1)
        try use(PublicKeys.usesToPrepare, limit: 1)
        #expect(desk.work.withLock(\.count) == 1, "one at a time")
        desk.run()
        #expect(try #require(key).isPrepared && store.preparedCount == 1)
        try use(PublicKeys.usesToPrepare * 2, limit: 2)
        #expect(desk.work.withLock(\.count) == 0, "not twice")
        key = nil
        #expect(store.preparedCount == 0)
    }
}
