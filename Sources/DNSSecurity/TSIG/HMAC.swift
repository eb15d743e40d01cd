internal import CShims
internal import DNSCore

/// A MAC being computed; a plain value, so that nothing is allocated.
struct HMAC {
    private var state = torii_digest_state()
    private let key: TSIGKey

    /// Starts with `key`, whose owner keeps it alive.
    init(_ key: TSIGKey) {
        self.key = key
        unsafe torii_hmac_begin(&state, key.pointer)
    }

    mutating func update(_ value: UInt16) {
        unsafe withUnsafeBytes(of: value.bigEndian) { unsafe update($0) }
    }

    /// Forty-eight bits, as times are written (RFC 8945 4.2).
    mutating func update(time: UInt64) {
        update(UInt16(truncatingIfNeeded: time >> 32))
        update(UInt16(truncatingIfNeeded: time >> 16))
        update(UInt16(truncatingIfNeeded: time))
    }

    mutating func update(_ octets: [UInt8]) {
        unsafe octets.withUnsafeBytes { unsafe update($0) }
    }

    mutating func update(_ octets: UnsafeRawBufferPointer) {
        unsafe torii_hmac_update(&state, key.pointer, octets.baseAddress, octets.count)
    }

    /// The octets of `bytes` in `range`, which lies within.
    mutating func update(_ bytes: borrowing RawSpan, _ range: Range<Int>) {
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe update($0) }
    }

    /// A MAC with its length in front, as it enters the digest of the message that answers it (RFC 8945 4.3.1).
    mutating func update(prior mac: TSIGMAC) {
        update(UInt16(mac.count))
        unsafe mac.withOctets { unsafe update($0) }
    }

    /// A message without its TSIG: ID and ARCOUNT as they were before that was added (RFC 8945 4.3.2).
    ///
    /// - Parameter end: where the TSIG begins.
    mutating func update(message bytes: borrowing RawSpan, end: Int, id: UInt16, additionals: UInt16) {
        update(id)
        update(bytes, 2..<10)
        update(additionals)
        update(bytes, 12..<end)
    }

    /// The finished MAC, cut to the algorithm's length.
    consuming func finish() -> TSIGMAC {
        var mac = TSIGMAC()
        unsafe mac.withMutableOctets { unsafe torii_hmac_finish(&state, key.pointer, $0) }
        mac.count = key.algorithm.digestLength
        return mac
    }
}

/// A MAC of at most 64 octets, kept in place.
struct TSIGMAC: Sendable {
    private var octets = InlineArray<64, UInt8>(repeating: 0)
    /// Octets in use.
    var count = 0

    init() {}

    /// The octets of `bytes` in `range`, at most 64 of which are taken.
    init(_ bytes: borrowing RawSpan, _ range: Range<Int>) {
        for index in range where count < 64 {
            octets[count] = bytes.octet(at: index) ?? 0
            count += 1
        }
    }

    /// This MAC cut to `length` octets.
    func truncated(to length: Int) -> TSIGMAC {
        var result = self
        result.count = min(count, length)
        return result
    }

    /// The first eight octets.
    var beginning: UInt64 { (0..<8).reduce(0) { $0 << 8 | UInt64(octets[$1]) } }

    /// Whether the first octets agree with `other`, of which all count; takes the same time either way.
    func matches(_ other: TSIGMAC) -> Bool {
        guard other.count <= count else { return false }
        return unsafe withOctets { mine in
            unsafe other.withOctets { theirs in
                unsafe torii_equal(mine.baseAddress, theirs.baseAddress, other.count)
            }
        }
    }

    func withOctets<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe withUnsafeBytes(of: octets) { unsafe body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    mutating func withMutableOctets(_ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        unsafe withUnsafeMutableBytes(of: &octets) { raw in
            if let base = raw.baseAddress { unsafe body(base.assumingMemoryBound(to: UInt8.self)) }
        }
    }
}
