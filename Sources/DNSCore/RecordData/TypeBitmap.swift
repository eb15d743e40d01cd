/// The set of types in an NSEC, NSEC3 or CSYNC record (RFC 4034 4.1.2).
package struct TypeBitmap: Hashable, Sendable {
    /// The types in ascending order.
    package private(set) var types: [RRType] = []

    /// An empty set.
    package init() {}

    /// The set of `types`.
    package init(_ types: some Sequence<RRType>) {
        self.types = Set(types).sorted { $0.rawValue < $1.rawValue }
    }

    /// Reads window blocks; octets that are not well formed end the set.
    package init(octets: ArraySlice<UInt8>) {
        TypeBitmap.walk(octets) { types.append($0) }
    }

    /// Adds a type.
    package mutating func insert(_ type: RRType) {
        var place = types.endIndex
        while place > 0, types[place - 1].rawValue >= type.rawValue {
            if types[place - 1] == type { return }
            place -= 1
        }
        types.insert(type, at: place)
    }

    /// Whether `type` is in the set.
    package func contains(_ type: RRType) -> Bool { types.contains(type) }

    /// The window blocks, without empty ones.
    package var octets: [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < types.count {
            let window = types[index].rawValue >> 8
            var block: [UInt8] = []
            while index < types.count, types[index].rawValue >> 8 == window {
                let bit = Int(types[index].rawValue & 0xff)
                while block.count <= bit / 8 { block.append(0) }
                block[bit / 8] |= 0x80 >> UInt8(bit % 8)
                index += 1
            }
            result.append(UInt8(window))
            result.append(UInt8(block.count))
            result.append(contentsOf: block)
        }
        return result
    }

    /// Whether `type`'s bit is set in the window blocks `octets`, without making a set.
    package static func contains(_ type: RRType, in octets: ArraySlice<UInt8>) -> Bool {
        var position = octets.startIndex
        while position + 2 <= octets.endIndex {
            let window = UInt16(octets[position])
            let length = Int(octets[position + 1])
            guard position + 2 + length <= octets.endIndex else { return false }
            if window == type.rawValue >> 8 {
                let bit = Int(type.rawValue & 0xff)
                return bit / 8 < length && octets[position + 2 + bit / 8] & 0x80 >> UInt8(bit % 8) != 0
            }
            position += 2 + length
        }
        return false
    }

    private static func walk(_ octets: ArraySlice<UInt8>, _ body: (RRType) -> Void) {
        var position = octets.startIndex
        while position + 2 <= octets.endIndex {
            let window = UInt16(octets[position]) << 8
            let length = Int(octets[position + 1])
            guard length <= 32, position + 2 + length <= octets.endIndex else { return }
            for index in 0..<length * 8 where octets[position + 2 + index / 8] & 0x80 >> UInt8(index % 8) != 0
            {
                body(RRType(rawValue: window | UInt16(index)))
            }
            position += 2 + length
        }
    }
}
