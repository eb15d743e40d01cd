internal import CShims
internal import Synchronization

/// Remembers which signatures have been verified, so that a set that comes again costs one hash and no
/// public-key operation.
///
/// Shared by all workers.
///
/// Holds only signatures that were good, by a digest over key, signature and everything it covers: what is found here
/// was verified octet by octet. Bounded: a new entry takes the place of the one in its slot. Times are not part of an
/// entry; the caller checks them every time.
package final class SignatureCache: Sendable {
    private struct Shard {
        var slots: [(UInt64, UInt64)]
        var hits: UInt64 = 0
        var misses: UInt64 = 0
    }
    private let shards: [Mutex8]
    private let slotsPerShard: Int

    /// A cell that can stand in an array.
    private final class Mutex8: Sendable {
        let state: Mutex<Shard>
        init(_ count: Int) { state = Mutex(Shard(slots: Array(repeating: (0, 0), count: count))) }
    }

    /// - Parameter capacity: how many signatures are remembered, 16 octets each; 0 remembers none.
    package init(capacity: Int = 65536) {
        slotsPerShard = max(0, capacity / 16)
        let count = slotsPerShard
        shards = (0..<16).map { _ in Mutex8(count) }
    }

    /// How often a signature was found, and how often not.
    package var counts: (hits: UInt64, misses: UInt64) {
        shards.reduce((0, 0)) { sum, shard in
            shard.state.withLock { (sum.0 + $0.hits, sum.1 + $0.misses) }
        }
    }

    /// What stands for a verification.
    struct Digest {
        fileprivate let high: UInt64
        fileprivate let low: UInt64
    }

    /// The digest of a verification; its parts are joined with their lengths between.
    func digest(
        key: ArraySlice<UInt8>, algorithm: UInt8, signature: ArraySlice<UInt8>, data: [UInt8]
    ) -> Digest? {
        guard slotsPerShard > 0 else { return nil }
        var input: [UInt8] = [algorithm]
        input.reserveCapacity(key.count + signature.count + data.count + 9)
        for count in [key.count, signature.count] {
            for shift in [24, 16, 8, 0] { input.append(UInt8(truncatingIfNeeded: count >> shift)) }
        }
        input.append(contentsOf: key)
        input.append(contentsOf: signature)
        input.append(contentsOf: data)
        guard let octets = DelegationDigest.digest(Int32(TORII_SHA256), of: input) else { return nil }
        func word(_ start: Int) -> UInt64 { octets[start..<(start + 8)].reduce(0) { $0 << 8 | UInt64($1) } }
        return Digest(high: word(0) | 1, low: word(8))
    }

    func contains(_ digest: Digest) -> Bool {
        shards[Int(digest.low & 15)].state.withLock { shard in
            let slot = shard.slots[Int((digest.low >> 4) % UInt64(slotsPerShard))]
            let isFound = slot == (digest.high, digest.low)
            if isFound { shard.hits += 1 } else { shard.misses += 1 }
            return isFound
        }
    }

    func insert(_ digest: Digest) {
        shards[Int(digest.low & 15)].state.withLock { shard in
            shard.slots[Int((digest.low >> 4) % UInt64(slotsPerShard))] = (digest.high, digest.low)
        }
    }
}
