internal import CShims
package import DNSCore
internal import DNSSecurity

/// The cache that all workers share: whole answers, record sets, delegations, proofs of absence, keys and failures in
/// one block of memory of exactly the configured size.
///
/// A hit takes no lock and allocates nothing. Times are seconds of the monotonic clock (``Moment/seconds``).
@safe package final class ResolverCache: @unchecked Sendable {
    // Sendable: the memory is shared on purpose; `CacheShard` tells how readers and writers keep out of each other's way.

    package let configuration: CacheConfiguration
    /// Signatures that have been verified, for all workers.
    let signatures = SignatureCache()
    /// Keys that have been parsed, for all workers.
    let publicKeys: PublicKeys
    private let arena: UnsafeMutableRawPointer
    private let arenaSize: Int
    private let shards: [CacheShard]
    private let shardShift: UInt64
    /// Largest entry that is accepted, in octets.
    private let largestEntry: Int

    /// Octets that all entries together may take, control blocks and index included.
    package var size: Int { arenaSize }

    /// Maps the memory.
    ///
    /// - Parameter background: runs long computations beside the workers; false when it cannot. Nil: there are none.
    /// - Throws: ``ResolverError/noMemory(octets:)``.
    package init(
        configuration: CacheConfiguration,
        background: (@Sendable (@escaping @Sendable () -> Void) -> Bool)? = nil
    ) throws(ResolverError) {
        self.configuration = configuration
        publicKeys = PublicKeys(background: background)
        let total = max(configuration.size, 1 << 20)
        var bits = 8
        while bits > 0, total >> bits < 512 << 10 { bits -= 1 }
        let count = 1 << bits
        shardShift = UInt64(64 - bits)
        let share = total / count & ~63
        // One slot for each 64 to 128 octets: entries are larger than that on the whole.
        var bucketCount = 1
        while bucketCount * 2 * CacheShard.slotsPerBucket * 64 <= share { bucketCount *= 2 }
        // Indexes first, side by side: what is touched at random stays on few pages.
        let controlSize = CacheShard.controlWords * 8
        let indexSize = bucketCount * CacheShard.slotsPerBucket * 8
        let headSize = controlSize + indexSize
        let slack = 64  // a header may be read at the ring's last octets
        let ringSize = share - headSize
        let capacity = (ringSize - slack) & ~7
        largestEntry = min(capacity / 8, 70_000)
        let size = (share * count + 4095) & ~4095
        guard let start = unsafe torii_arena_map(size, headSize * count) else {
            throw .noMemory(octets: total)
        }
        unsafe arena = start
        arenaSize = size
        let rings = unsafe start + headSize * count
        var list: [CacheShard] = []
        for index in 0..<count {
            let base = unsafe start + index * headSize
            unsafe list.append(
                CacheShard(
                    control: base.assumingMemoryBound(to: UInt64.self),
                    buckets: (base + controlSize).assumingMemoryBound(to: UInt64.self),
                    bucketMask: bucketCount - 1, ring: rings + index * ringSize, capacity: capacity))
        }
        shards = list
    }

    deinit {
        unsafe torii_arena_unmap(arena, arenaSize)
    }

    // MARK: Whole answers

    /// What a client may be told from the cache.
    package struct Hit: Sendable {
        package var responseCode: ResponseCode
        /// Every record validated: AD may be set.
        package var isAuthentic: Bool
        package var extendedError: ExtendedError?
        /// The records did not fit: nothing was written, TC is to be set.
        package var isTruncated: Bool
        /// Little time is left: give the question to a resolver with ``QueryOptions/isPrefetch``.
        package var wantsPrefetch: Bool
        /// Octets written.
        package var byteCount: Int
    }

    /// Writes the records of a cached answer behind the question that `composer` already holds.
    ///
    /// The TTLs are what is left of them. The caller sets the flags, from what is returned.
    ///
    /// - Parameters:
    ///   - key: the question's name.
    ///   - options: DO and CD of the query.
    ///   - view: the set of policies that the client is under.
    /// - Returns: nil when nothing usable is cached; nothing has been written then.
    package func answer(
        to key: borrowing NameKey, type: RRType, options: QueryOptions, view: UInt16 = 0, at now: UInt32,
        into composer: inout MessageComposer
    ) -> Hit? {
        let hash = ResolverCache.hash(key.hash(ofSuffixAt: 0), type: type, kind: .answer, view: view)
        let nameLength = key.length
        let name = unsafe key.octets()
        let audience = AnswerAudience(options).rawValue
        let shard = shards[Int(truncatingIfNeeded: hash >> shardShift)]
        var hit: Hit?
        _ = unsafe composer.appendSections { room -> MessageComposer.WrittenSections? in
            let found = unsafe shard.read(hash: hash) {
                entry, available -> (Hit, MessageComposer.WrittenSections?)? in
                let header = unsafe entry.loadUnaligned(as: CacheHeader.self)
                guard header.hash == hash, header.type == type.rawValue,
                    header.kind == CacheKind.answer.rawValue,
                    header.view == view, header.audience & audience != 0, header.expiresAt > now,
                    Int(header.nameLength) == nameLength
                else { return nil }
                let ttlCount = Int(header.ttlCount)
                let payloadLength = Int(header.payloadLength)
                let ttlStart = CacheHeader.byteCount + nameLength
                let payloadStart = ttlStart + 2 * ttlCount
                guard payloadStart + payloadLength <= available,
                    unsafe torii_equal_racing(entry + CacheHeader.byteCount, name, nameLength)
                else { return nil }
                let left = header.expiresAt &- now
                var result = Hit(
                    responseCode: ResponseCode(rawValue: header.responseCode),
                    isAuthentic: header.security == Security.secure.rawValue,
                    extendedError: header.extendedError == CacheHeader.noExtendedError
                        ? nil : ExtendedError(rawValue: header.extendedError),
                    isTruncated: payloadLength > room.count,
                    wantsPrefetch: left < (header.expiresAt &- header.storedAt) / 10, byteCount: 0)
                guard !result.isTruncated, let target = room.baseAddress else { return (result, nil) }
                unsafe torii_copy_racing(target, entry + payloadStart, payloadLength)
                // Seconds since the records came count down each TTL.
                // The clocks of two workers differ a little.
                let age = now > header.storedAt ? now &- header.storedAt : 0
                for index in 0..<ttlCount {
                    let at = Int(unsafe (entry + ttlStart + 2 * index).loadUnaligned(as: UInt16.self))
                    guard at + 4 <= payloadLength else { break }
                    let ttl = UInt32(bigEndian: unsafe (target + at).loadUnaligned(as: UInt32.self))
                    unsafe (target + at).storeBytes(
                        of: (ttl > age ? ttl &- age : 0).bigEndian, as: UInt32.self)
                }
                result.byteCount = payloadLength
                return (
                    result,
                    MessageComposer.WrittenSections(
                        byteCount: payloadLength, answers: header.answers, authorities: header.authorities,
                        additionals: header.additionals)
                )
            }
            hit = found?.0
            return found?.1
        }
        return hit
    }

    // MARK: Entries

    /// One entry, copied out.
    package struct Entry: Sendable {
        package var meta: CacheMeta
        package var payload: [UInt8]
        /// Where TTL fields stand in the payload.
        package var ttlOffsets: [UInt16]
    }

    /// The entry of `kind` for the name that starts at label `label` of `key`.
    ///
    /// - Parameter staleAge: how many seconds past its end an entry still counts.
    package func entry(
        _ kind: CacheKind, for key: borrowing NameKey, label: Int = 0, type: RRType, view: UInt16 = 0,
        audience: AnswerAudience = .all, at now: UInt32, staleAge: UInt32 = 0
    ) -> Entry? {
        let hash = ResolverCache.hash(key.hash(ofSuffixAt: label), type: type, kind: kind, view: view)
        let nameLength = key.length - key.offset(ofLabel: label)
        let name = unsafe key.octets(fromLabel: label)
        let shard = shards[Int(truncatingIfNeeded: hash >> shardShift)]
        return unsafe shard.read(hash: hash) { entry, available -> Entry? in
            let header = unsafe entry.loadUnaligned(as: CacheHeader.self)
            guard header.hash == hash, header.type == type.rawValue, header.kind == kind.rawValue,
                header.view == view, header.audience & audience.rawValue != 0,
                UInt64(header.expiresAt) + UInt64(staleAge) > UInt64(now),
                Int(header.nameLength) == nameLength
            else { return nil }
            let ttlCount = Int(header.ttlCount)
            let payloadLength = Int(header.payloadLength)
            let ttlStart = CacheHeader.byteCount + nameLength
            let payloadStart = ttlStart + 2 * ttlCount
            guard payloadStart + payloadLength <= available,
                unsafe torii_equal_racing(entry + CacheHeader.byteCount, name, nameLength)
            else { return nil }
            let payload = unsafe [UInt8](unsafeUninitializedCapacity: payloadLength) { buffer, count in
                if let target = buffer.baseAddress {
                    unsafe torii_copy_racing(target, entry + payloadStart, payloadLength)
                }
                count = payloadLength
            }
            var offsets: [UInt16] = []
            if ttlCount > 0 {
                offsets.reserveCapacity(ttlCount)
                for index in 0..<ttlCount {
                    unsafe offsets.append((entry + ttlStart + 2 * index).loadUnaligned(as: UInt16.self))
                }
            }
            return Entry(meta: CacheMeta(header), payload: payload, ttlOffsets: offsets)
        }
    }

    /// Stores an entry in place of what was stored for the same name, type, kind, view and audience.
    ///
    /// - Parameter keepsBetter: leave an unexpired entry of higher credibility alone.
    /// - Returns: false when the entry is too large, or a better one stands.
    @discardableResult
    package func store(
        _ kind: CacheKind, for key: borrowing NameKey, label: Int = 0, type: RRType, meta: CacheMeta,
        payload: [UInt8], ttlOffsets: [UInt16] = [], keepsBetter: Bool = false, at now: UInt32
    ) -> Bool {
        let nameLength = key.length - key.offset(ofLabel: label)
        let size = (CacheHeader.byteCount + nameLength + 2 * ttlOffsets.count + payload.count + 7) & ~7
        guard size <= largestEntry, nameLength <= 255, ttlOffsets.count <= 0xffff else { return false }
        let hash = ResolverCache.hash(key.hash(ofSuffixAt: label), type: type, kind: kind, view: meta.view)
        let name = unsafe key.octets(fromLabel: label)
        let header = CacheHeader(
            size: UInt32(size), storedAt: meta.storedAt, hash: hash, expiresAt: meta.expiresAt,
            type: type.rawValue,
            nameLength: UInt8(nameLength), kind: kind.rawValue, payloadLength: UInt32(payload.count),
            audience: meta.audience.rawValue, security: meta.security.rawValue,
            responseCode: meta.responseCode.rawValue, answers: meta.answers, authorities: meta.authorities,
            additionals: meta.additionals, ttlCount: UInt16(ttlOffsets.count),
            extendedError: meta.extendedError?.rawValue ?? CacheHeader.noExtendedError, view: meta.view,
            credibility: meta.credibility.rawValue, flags: meta.flags, reserved: 0)
        let shard = shards[Int(truncatingIfNeeded: hash >> shardShift)]
        return shard.write {
            var mayStore = true
            func isSame(_ entry: UnsafeMutableRawPointer) -> CacheHeader? {
                let old = unsafe entry.load(as: CacheHeader.self)
                guard old.hash == hash, old.type == header.type, old.kind == header.kind,
                    old.view == header.view,
                    old.nameLength == header.nameLength,
                    unsafe torii_equal_racing(entry + CacheHeader.byteCount, name, nameLength)
                else { return nil }
                return old
            }
            if keepsBetter {
                _ = unsafe shard.read(slotsOf: hash) { entry -> Bool? in
                    if let old = unsafe isSame(entry), old.expiresAt > now,
                        old.credibility > header.credibility
                    {
                        mayStore = false
                    }
                    return nil
                }
            }
            guard mayStore else { return false }
            unsafe shard.insert(
                hash: hash, size: size, now: now,
                replaces: { entry in
                    guard let old = unsafe isSame(entry) else { return false }
                    let left = old.audience & ~header.audience
                    if left != 0, old.expiresAt > now {
                        // Still good for other clients.
                        unsafe (entry + CacheShard.audienceOffset).storeBytes(of: left, as: UInt8.self)
                        return false
                    }
                    return true
                },
                fill: { entry in
                    unsafe entry.storeBytes(of: header, as: CacheHeader.self)
                    var target = unsafe entry + CacheHeader.byteCount
                    unsafe target.copyMemory(from: name, byteCount: nameLength)
                    unsafe target += nameLength
                    for offset in ttlOffsets {
                        unsafe target.storeBytes(of: offset, as: UInt16.self)
                        unsafe target += 2
                    }
                    unsafe payload.withUnsafeBytes { octets in
                        if let first = octets.baseAddress {
                            unsafe target.copyMemory(from: first, byteCount: octets.count)
                        }
                    }
                })
            return true
        }
    }

    @inline(__always)
    static func hash(_ name: UInt64, type: RRType, kind: CacheKind, view: UInt16) -> UInt64 {
        let facts = UInt64(type.rawValue) << 32 | UInt64(view) << 8 | UInt64(kind.rawValue)
        return NameHash.mix(name ^ facts &* 0xd6e8_feb8_6659_fd93)
    }

    // MARK: Upkeep

    /// Changes with every flush: workers forget what they have decoded when it does.
    package var generation: UInt64 {
        guard let first = shards.first else { return 0 }
        return first.generation
    }

    /// What is to be dropped from the cache.
    package enum Flush: Sendable {
        case everything
        /// One name, all its types.
        case name(Name)
        /// One name and type.
        case set(Name, RRType)
        /// A name and all below it.
        case tree(Name)
        /// Answers and sets that failed validation.
        case bogus
        /// Proofs of absence, and answers without records.
        case negative
        /// Whole answers, failures: what depends on policies.
        case answers
    }

    /// Drops entries; returns how many.
    ///
    /// For the control channel: walks through the whole cache, shard by shard.
    @discardableResult
    package func flush(_ flush: Flush) -> Int {
        var count = 0
        shards.first?.nextGeneration()
        for shard in shards {
            count += shard.write {
                unsafe shard.remove { entry in unsafe ResolverCache.condemns(flush, entry) }
            }
        }
        return count
    }

    private static func condemns(_ flush: Flush, _ entry: UnsafeRawPointer) -> Bool {
        let header = unsafe entry.load(as: CacheHeader.self)
        switch flush {
        case .everything: return true
        case .name(let wanted): return unsafe ResolverCache.name(entry, header) == wanted
        case .set(let wanted, let type):
            return unsafe header.type == type.rawValue && ResolverCache.name(entry, header) == wanted
        case .tree(let top): return unsafe ResolverCache.name(entry, header).isAtOrBelow(top)
        case .bogus: return header.security == Security.bogus.rawValue
        case .negative:
            return header.kind == CacheKind.negative.rawValue
                || header.kind == CacheKind.answer.rawValue && header.answers == 0
        case .answers:
            return header.kind == CacheKind.answer.rawValue || header.kind == CacheKind.failure.rawValue
        }
    }

    private static func name(_ entry: UnsafeRawPointer, _ header: CacheHeader) -> Name {
        let start = unsafe entry + CacheHeader.byteCount
        return unsafe Name(
            trustedWire: Array(UnsafeRawBufferPointer(start: start, count: Int(header.nameLength))))
    }

    /// What the cache holds and has done.
    package struct Statistics: Sendable, Equatable {
        package var entries: UInt64 = 0
        /// Octets of the rings in use, of ``capacity``.
        package var octets: UInt64 = 0
        package var capacity: UInt64 = 0
        /// Entries dropped to make room.
        package var evictions: UInt64 = 0
        /// Entries kept a second time because they had been used.
        package var rescues: UInt64 = 0
        /// Reads given up because writers kept coming between.
        package var tornReads: UInt64 = 0
        /// Public keys that are prepared for quick verification.
        package var preparedKeys = 0
    }

    /// The present figures.
    package var statistics: Statistics {
        var sum = Statistics()
        for shard in shards {
            let counts = shard.counts
            sum.entries += counts.entries
            sum.octets += counts.octets
            sum.capacity += UInt64(shard.capacity)
            sum.evictions += counts.evictions
            sum.rescues += counts.rescues
            sum.tornReads += counts.torn
        }
        sum.preparedKeys = publicKeys.preparedCount
        return sum
    }

    /// Calls `body` with each live entry's name, type, kind, facts, TTL offsets and payload.
    func forEachEntry(_ body: (Name, RRType, CacheKind, Entry) throws -> Void) rethrows {
        for shard in shards {
            var list: [(Name, RRType, CacheKind, Entry)] = []
            shard.write {
                unsafe shard.forEach { start in
                    let header = unsafe start.load(as: CacheHeader.self)
                    guard let kind = CacheKind(rawValue: header.kind) else { return }
                    let ttlStart = CacheHeader.byteCount + Int(header.nameLength)
                    let offsets = (0..<Int(header.ttlCount)).map { index in
                        unsafe (start + ttlStart + 2 * index).loadUnaligned(as: UInt16.self)
                    }
                    let payload = unsafe UnsafeRawBufferPointer(
                        start: start + ttlStart + 2 * offsets.count, count: Int(header.payloadLength))
                    unsafe list.append(
                        (
                            ResolverCache.name(start, header), RRType(rawValue: header.type), kind,
                            Entry(meta: CacheMeta(header), payload: Array(payload), ttlOffsets: offsets)
                        ))
                }
            }
            for (name, type, kind, entry) in list { try body(name, type, kind, entry) }
        }
    }
}
