/// The hash of RFC 5155 5 with SHA-1, the only one there is, and its presentation as a label.
enum NSEC3Hash {
    /// Writes the label of the hashed `name` (lower case, wire format): a length of 32, then base32hex.
    ///
    /// `target` needs room for 33 octets.
    static func owner(
        of name: UnsafePointer<UInt8>, _ length: Int, salt: UnsafePointer<UInt8>?, _ saltLength: Int,
        iterations: Int,
        to target: UnsafeMutablePointer<UInt8>
    ) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 640) { buffer in
            guard let memory = buffer.baseAddress else { return }
            unsafe UnsafeMutableRawPointer(memory).copyMemory(from: name, byteCount: length)
            if let salt = unsafe salt {
                unsafe UnsafeMutableRawPointer(memory + length).copyMemory(from: salt, byteCount: saltLength)
            }
            var digest = unsafe SHA1.digest(memory, length + saltLength)
            for _ in 0..<iterations {
                unsafe digest.store(to: memory)
                if let salt = unsafe salt {
                    unsafe UnsafeMutableRawPointer(memory + 20).copyMemory(from: salt, byteCount: saltLength)
                }
                digest = unsafe SHA1.digest(memory, 20 + saltLength)
            }
            unsafe digest.store(to: memory)
            unsafe target[0] = 32
            // 20 octets are four groups of 40 bits, each of eight digits.
            for group in 0..<4 {
                var bits: UInt64 = 0
                for index in 0..<5 { unsafe bits = bits << 8 | UInt64(memory[group * 5 + index]) }
                for index in 0..<8 {
                    let digit = UInt8(truncatingIfNeeded: bits >> UInt64(35 - 5 * index)) & 31
                    unsafe target[1 + group * 8 + index] =
                        digit < 10 ? digit + UInt8(ascii: "0") : digit - 10 + UInt8(ascii: "a")
                }
            }
        }
    }
}

/// SHA-1 (FIPS 180-4) of short messages, without allocation.
struct SHA1 {
    private var a: UInt32 = 0x6745_2301
    private var b: UInt32 = 0xefcd_ab89
    private var c: UInt32 = 0x98ba_dcfe
    private var d: UInt32 = 0x1032_5476
    private var e: UInt32 = 0xc3d2_e1f0

    /// The digest of `count` octets; `memory` must have room for padding them to the next block.
    static func digest(_ memory: UnsafeMutablePointer<UInt8>, _ count: Int) -> SHA1 {
        var state = SHA1()
        let padded = (count + 9 + 63) & ~63
        unsafe memory[count] = 0x80
        for index in (count + 1)..<(padded - 8) { unsafe memory[index] = 0 }
        unsafe UnsafeMutableRawPointer(memory).storeBytes(
            of: UInt64(count * 8).bigEndian, toByteOffset: padded - 8, as: UInt64.self)
        var block = 0
        while block < padded {
            unsafe state.update(UnsafeRawPointer(memory + block))
            block += 64
        }
        return state
    }

    /// Writes the 20 octets.
    func store(to target: UnsafeMutablePointer<UInt8>) {
        let raw = UnsafeMutableRawPointer(target)
        unsafe raw.storeBytes(of: a.bigEndian, as: UInt32.self)
        unsafe raw.storeBytes(of: b.bigEndian, toByteOffset: 4, as: UInt32.self)
        unsafe raw.storeBytes(of: c.bigEndian, toByteOffset: 8, as: UInt32.self)
        unsafe raw.storeBytes(of: d.bigEndian, toByteOffset: 12, as: UInt32.self)
        unsafe raw.storeBytes(of: e.bigEndian, toByteOffset: 16, as: UInt32.self)
    }

    private mutating func update(_ block: UnsafeRawPointer) {
        var words = InlineArray<16, UInt32>(repeating: 0)
        for index in 0..<16 {
            words[index] = UInt32(
                bigEndian: unsafe block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
        }
        var (a, b, c, d, e) = (self.a, self.b, self.c, self.d, self.e)
        for round in 0..<80 {
            let word: UInt32
            if round < 16 {
                word = words[round]
            } else {
                let mixed =
                    words[(round + 13) & 15] ^ words[(round + 8) & 15] ^ words[(round + 2) & 15]
                    ^ words[round & 15]
                word = mixed << 1 | mixed >> 31
                words[round & 15] = word
            }
            let function: UInt32
            let constant: UInt32
            if round < 20 {
                function = d ^ (b & (c ^ d))
                constant = 0x5a82_7999
            } else if round < 40 {
                function = b ^ c ^ d
                constant = 0x6ed9_eba1
            } else if round < 60 {
                function = (b & c) | (d & (b | c))
                constant = 0x8f1b_bcdc
            } else {
                function = b ^ c ^ d
                constant = 0xca62_c1d6
            }
            let next = (a << 5 | a >> 27) &+ function &+ e &+ constant &+ word
            e = d
            d = c
            c = b << 30 | b >> 2
            b = a
            a = next
        }
        self.a &+= a
        self.b &+= b
        self.c &+= c
        self.d &+= d
        self.e &+= e
    }
}
