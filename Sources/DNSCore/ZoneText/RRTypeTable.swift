/// Record types by mnemonic, found without making a `String`: a fixed table of 512 slots, keyed by up to 16 octets.
@safe enum RRTypeTable {
    private struct Slot {
        var low: UInt64 = 0
        var high: UInt64 = 0
        var type: UInt16 = 0
    }

    nonisolated(unsafe) private static let slots: UnsafePointer<Slot> = {
        let table = UnsafeMutablePointer<Slot>.allocate(capacity: 512)
        unsafe table.initialize(repeating: Slot(), count: 512)
        for (type, mnemonic) in RRType.mnemonics {
            let octets = Array(mnemonic.utf8)
            guard
                let key = unsafe octets.withUnsafeBufferPointer({ buffer in
                    unsafe buffer.baseAddress.flatMap { unsafe RRTypeTable.key($0, count: buffer.count) }
                })
            else { continue }
            var index = slot(of: key)
            while unsafe table[index].low != 0 { index = (index + 1) & 511 }
            unsafe table[index] = Slot(low: key.low, high: key.high, type: type)
        }
        return unsafe UnsafePointer(table)
    }()

    /// The type that the text names, in any case, `TYPEn` included; nil when there is none.
    static func type(_ text: UnsafePointer<UInt8>, count: Int) -> RRType? {
        guard let key = unsafe key(text, count: count) else { return nil }
        let table = unsafe slots
        var index = slot(of: key)
        while true {
            let slot = unsafe table[index]
            if slot.low == key.low, slot.high == key.high { return RRType(rawValue: slot.type) }
            if slot.low == 0 { break }
            index = (index + 1) & 511
        }
        // "TYPE" in its low four octets, then one to five digits.
        guard key.low & 0xffff_ffff == 0x4550_5954, count >= 5, count <= 9 else { return nil }
        return unsafe number(text + 4, count: count - 4).map { RRType(rawValue: $0) }
    }

    /// The class that the text names, in any case, `CLASSn` included; nil when there is none.
    static func recordClass(_ text: UnsafePointer<UInt8>, count: Int) -> RRClass? {
        guard count >= 2, let key = unsafe key(text, count: count) else { return nil }
        switch key.low {
        case 0x4e49: return .internet
        case 0x4843: return .chaos
        case 0x5348: return .hesiod
        case 0x454e_4f4e: return RRClass.none
        case 0x594e_41: return .any
        default: break
        }
        guard key.low & 0xff_ffff_ffff == 0x53_5341_4c43, count >= 6, count <= 10 else { return nil }
        return unsafe number(text + 5, count: count - 5).map { RRClass(rawValue: $0) }
    }

    @inline(__always)
    private static func slot(of key: (low: UInt64, high: UInt64)) -> Int {
        Int(truncatingIfNeeded: NameHash.mix(key.low ^ key.high &* 0x9e37_79b9) & 511)
    }

    /// The text in upper case as two words; nil when it is empty or longer than 16 octets.
    @inline(__always)
    private static func key(_ text: UnsafePointer<UInt8>, count: Int) -> (low: UInt64, high: UInt64)? {
        guard count > 0, count <= 16 else { return nil }
        var low: UInt64 = 0
        var high: UInt64 = 0
        for index in 0..<count {
            var octet = unsafe text[index]
            if octet &- 0x61 < 26 { octet &= 0xdf }
            if index < 8 {
                low |= UInt64(octet) &<< UInt64(index &* 8)
            } else {
                high |= UInt64(octet) &<< UInt64((index &- 8) &* 8)
            }
        }
        return (low, high)
    }

    private static func number(_ text: UnsafePointer<UInt8>, count: Int) -> UInt16? {
        var value = 0
        for index in 0..<count {
            let digit = unsafe text[index] &- 48
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return UInt16(exactly: value)
    }
}
