internal import CShims
package import DNSCore

/// The hash of RFC 5155 5 and its place in owner names.
package enum NSEC3Hash {
    /// Octets of a SHA-1 hash.
    package static let length = 20

    /// The hash of `name`; nil for an unknown algorithm.
    ///
    /// The caller has checked the iterations.
    package static func hash(_ name: Name, _ parameters: NSEC3Parameters) -> [UInt8]? {
        guard parameters.algorithm == 1 else { return nil }
        let wire = name.lowercased.wire
        var result = [UInt8](repeating: 0, count: length)
        let isDone = unsafe wire.withUnsafeBufferPointer { name in
            unsafe parameters.salt.withUnsafeBufferPointer { salt in
                unsafe result.withUnsafeMutableBufferPointer { target in
                    unsafe torii_nsec3_hash(
                        name.baseAddress, name.count, salt.baseAddress, salt.count,
                        UInt32(parameters.iterations),
                        target.baseAddress)
                }
            }
        }
        return isDone ? result : nil
    }

    /// The owner name that `hash` has in `zone`; nil when it would be too long.
    package static func owner(_ hash: some Collection<UInt8>, in zone: Name) -> Name? {
        let label = encode(hash)
        return label.count < 64 && zone.wire.count + label.count + 1 <= 255
            ? Name(trustedWire: [UInt8(label.count)] + label + zone.wire) : nil
    }

    /// base32hex without padding, in lower case (RFC 4648 7).
    package static func encode(_ octets: some Collection<UInt8>) -> [UInt8] {
        let digits = Array("0123456789abcdefghijklmnopqrstuv".utf8)
        var result: [UInt8] = []
        var accumulator = 0
        var bits = 0
        for octet in octets {
            accumulator = accumulator << 8 | Int(octet)
            bits += 8
            while bits >= 5 {
                bits -= 5
                result.append(digits[accumulator >> bits & 31])
            }
            accumulator &= (1 << bits) - 1
        }
        if bits > 0 { result.append(digits[accumulator << (5 - bits) & 31]) }
        return result
    }

    /// The 20 octets that a label of 32 base32hex digits stands for; nil for any other label.
    package static func decode(_ label: ArraySlice<UInt8>) -> [UInt8]? {
        guard label.count == 32 else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(length)
        var accumulator = 0
        var bits = 0
        for octet in label {
            let digit: UInt8
            switch octet {
            case 0x30...0x39: digit = octet - 0x30
            case 0x41...0x56: digit = octet - 0x41 + 10
            case 0x61...0x76: digit = octet - 0x61 + 10
            default: return nil
            }
            accumulator = accumulator << 5 | Int(digit)
            bits += 5
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(accumulator >> bits & 0xff))
                accumulator &= (1 << bits) - 1
            }
        }
        return result
    }
}
