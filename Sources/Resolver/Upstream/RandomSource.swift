internal import CShims

/// Random octets from the kernel, fetched in blocks.
struct RandomSource {
    private var block: [UInt8] = []
    private var position = 0

    /// A number nobody can guess.
    mutating func next16() -> UInt16 {
        UInt16(next8()) << 8 | UInt16(next8())
    }

    mutating func next64() -> UInt64 {
        (0..<8).reduce(0) { sum, _ in sum << 8 | UInt64(next8()) }
    }

    /// A number below `bound`, which is positive; good for choosing, not for secrets.
    mutating func below(_ bound: Int) -> Int {
        bound > 1 ? Int(next64() % UInt64(bound)) : 0
    }

    mutating func next8() -> UInt8 {
        if position >= block.count {
            let filled = unsafe [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
                count = unsafe torii_random_octets(buffer.baseAddress, 512) ? 512 : 0
            }
            // Without the kernel's randomness the runtime's generator is the next best source.
            block = filled.isEmpty ? (0..<512).map { _ in UInt8.random(in: 0...255) } : filled
            position = 0
        }
        defer { position += 1 }
        return block[position]
    }
}
