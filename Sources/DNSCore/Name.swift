/// A domain name, absolute by type, as its uncompressed wire octets.
///
/// Equality and hashing ignore ASCII case (RFC 4343); the octets keep the case they came with. At most 255 octets and
/// 127 labels of 63 octets each (RFC 1035 3.1). The ordering is the canonical one of RFC 4034 6.1.
package struct Name: Sendable {
    /// Uncompressed wire format with the root label at its end.
    package let wire: [UInt8]

    /// The root of the name space, `.`.
    package static let root = Name(trustedWire: [0])

    /// Adopts octets that are known to be one well-formed, uncompressed name.
    package init(trustedWire: [UInt8]) {
        wire = trustedWire
    }

    /// Checks that `wire` is exactly one uncompressed name.
    ///
    /// - Throws: ``NameError`` when a label or the name is too long, or octets are missing or left over.
    package init(wire: [UInt8]) throws(NameError) {
        guard wire.count <= 255 else { throw .tooLong }
        var position = 0
        while true {
            guard position < wire.count else { throw .unexpectedEnd }
            let length = Int(wire[position])
            guard length < 64 else { throw .labelTooLong }
            position += 1 + length
            if length == 0 { break }
        }
        guard position == wire.count else { throw .unexpectedEnd }
        self.wire = wire
    }

    /// Builds a name from its labels, without the root label.
    ///
    /// - Throws: ``NameError`` when a label is empty or too long, or the name exceeds 255 octets.
    package init(labels: [ArraySlice<UInt8>]) throws(NameError) {
        var octets: [UInt8] = []
        for label in labels {
            guard !label.isEmpty else { throw .emptyLabel }
            guard label.count < 64 else { throw .labelTooLong }
            octets.append(UInt8(label.count))
            octets.append(contentsOf: label)
        }
        octets.append(0)
        guard octets.count <= 255 else { throw .tooLong }
        wire = octets
    }

    /// Whether this is the root.
    package var isRoot: Bool { wire.count == 1 }

    /// Number of labels, the root label not counted.
    package var labelCount: Int {
        var position = 0
        var count = 0
        while wire[position] != 0 {
            count += 1
            position += 1 + Int(wire[position])
        }
        return count
    }

    /// The labels from left to right, the root label not among them.
    package var labels: [ArraySlice<UInt8>] {
        var result: [ArraySlice<UInt8>] = []
        var position = 0
        while wire[position] != 0 {
            let length = Int(wire[position])
            result.append(wire[(position + 1)..<(position + 1 + length)])
            position += 1 + length
        }
        return result
    }

    /// The name without its first label; nil for the root.
    package var parent: Name? {
        isRoot ? nil : Name(trustedWire: Array(wire[(1 + Int(wire[0]))...]))
    }

    /// Whether the first label is a single asterisk (RFC 4592 2.1.1).
    package var isWildcard: Bool {
        wire.count >= 3 && wire[0] == 1 && wire[1] == UInt8(ascii: "*")
    }

    /// The name in lower case, which is its canonical form (RFC 4034 6.2).
    package var lowercased: Name {
        wire.contains { $0.lowercasedASCII != $0 } ? Name(trustedWire: wire.map(\.lowercasedASCII)) : self
    }

    /// `*` directly below this name; nil when that would exceed 255 octets.
    package var wildcardChild: Name? {
        wire.count + 2 <= 255 ? Name(trustedWire: [1, UInt8(ascii: "*")] + wire) : nil
    }

    /// The name that keeps only the last `count` labels.
    package func suffix(labels count: Int) -> Name {
        var position = 0
        var surplus = labelCount - count
        while surplus > 0 {
            position += 1 + Int(wire[position])
            surplus -= 1
        }
        return position == 0 ? self : Name(trustedWire: Array(wire[position...]))
    }

    /// Whether this name equals `ancestor` or lies below it.
    package func isAtOrBelow(_ ancestor: Name) -> Bool {
        guard wire.count >= ancestor.wire.count else { return false }
        let start = wire.count - ancestor.wire.count
        for index in ancestor.wire.indices
        where wire[start + index].lowercasedASCII != ancestor.wire[index].lowercasedASCII {
            return false
        }
        // The octets agree; they must also begin at a label.
        var position = 0
        while position < start {
            position += 1 + Int(wire[position])
        }
        return position == start
    }

    /// Whether this name lies strictly below `ancestor`.
    package func isBelow(_ ancestor: Name) -> Bool {
        wire.count > ancestor.wire.count && isAtOrBelow(ancestor)
    }

    /// This name with the suffix `old` replaced by `new` (DNAME substitution, RFC 6672 2.2).
    ///
    /// - Returns: nil when the name is not below `old` or the result would exceed 255 octets.
    package func replacingSuffix(_ old: Name, with new: Name) -> Name? {
        guard isBelow(old) else { return nil }
        let prefix = wire[..<(wire.count - old.wire.count)]
        guard prefix.count + new.wire.count <= 255 else { return nil }
        return Name(trustedWire: Array(prefix) + new.wire)
    }

    /// `prefix`'s labels in front of this name; nil when the result would exceed 255 octets.
    package func prefixed(by prefix: Name) -> Name? {
        let length = prefix.wire.count - 1 + wire.count
        return length <= 255 ? Name(trustedWire: Array(prefix.wire.dropLast()) + wire) : nil
    }

    /// Whether the two names have the same octets, case included.
    package func isIdentical(to other: Name) -> Bool {
        wire == other.wire
    }
}

/// Why octets or text are not a domain name.
package enum NameError: Error, Equatable {
    /// More than 255 octets.
    case tooLong
    /// A label of more than 63 octets, or a compression pointer where none may be.
    case labelTooLong
    /// Two dots in a row, or a leading dot.
    case emptyLabel
    /// The octets end inside the name, or go on after it.
    case unexpectedEnd
    /// A backslash that no character or three digits up to 255 follow.
    case badEscape
}

extension NameError: CustomStringConvertible {
    /// What is wrong, for the operator.
    package var description: String {
        switch self {
        case .tooLong: "longer than 255 octets"
        case .labelTooLong: "a label is longer than 63 octets"
        case .emptyLabel: "a label is empty"
        case .unexpectedEnd, .badEscape: "a backslash is not followed by a character or three digits"
        }
    }
}

extension UInt8 {
    /// The octet with ASCII A to Z in lower case (RFC 4343 3).
    @inlinable package var lowercasedASCII: UInt8 {
        self &- 65 < 26 ? self | 0x20 : self
    }
}

extension Name: Hashable {
    package static func == (left: Name, right: Name) -> Bool {
        guard left.wire.count == right.wire.count else { return false }
        for index in left.wire.indices where left.wire[index] != right.wire[index] {
            if left.wire[index].lowercasedASCII != right.wire[index].lowercasedASCII { return false }
        }
        return true
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(NameHash.hash(self))
    }
}

extension Name: Comparable {
    /// Canonical DNS name order (RFC 4034 6.1): label by label from the right, octets in lower case.
    package static func < (left: Name, right: Name) -> Bool {
        left.canonicalOrder(to: right) < 0
    }

    /// Negative, zero or positive as this name sorts before, equal to or after `other` (RFC 4034 6.1).
    package func canonicalOrder(to other: Name) -> Int {
        let mine = labels
        let theirs = other.labels
        var index = 0
        while index < mine.count, index < theirs.count {
            let a = mine[mine.count - 1 - index]
            let b = theirs[theirs.count - 1 - index]
            var i = a.startIndex
            var j = b.startIndex
            while i < a.endIndex, j < b.endIndex {
                let difference = Int(a[i].lowercasedASCII) - Int(b[j].lowercasedASCII)
                if difference != 0 { return difference }
                i += 1
                j += 1
            }
            if a.count != b.count { return a.count - b.count }
            index += 1
        }
        return mine.count - theirs.count
    }
}

extension Name: CustomStringConvertible {
    /// Presentation format with a final dot; special octets as `\.` or `\DDD` (RFC 1035 5.1).
    package var description: String {
        guard !isRoot else { return "." }
        var text: [UInt8] = []
        text.reserveCapacity(wire.count + 8)
        for label in labels {
            for octet in label {
                switch octet {
                case UInt8(ascii: "."), UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: ";"),
                    UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "@"), UInt8(ascii: "$"):
                    text.append(UInt8(ascii: "\\"))
                    text.append(octet)
                case 0x21...0x7e:
                    text.append(octet)
                default:
                    text.append(UInt8(ascii: "\\"))
                    text.append(UInt8(ascii: "0") + octet / 100)
                    text.append(UInt8(ascii: "0") + octet / 10 % 10)
                    text.append(UInt8(ascii: "0") + octet % 10)
                }
            }
            text.append(UInt8(ascii: "."))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads presentation format; a name without a final dot is completed with `origin` (RFC 1035 5.1).
    ///
    /// - Throws: ``NameError``.
    package init(_ text: some StringProtocol, origin: Name = .root) throws(NameError) {
        try self.init(text: Array(text.utf8)[...], origin: origin)
    }

    /// Reads presentation format from octets; see ``init(_:origin:)``.
    ///
    /// `@` alone is the origin.
    ///
    /// - Throws: ``NameError``.
    package init(text: ArraySlice<UInt8>, origin: Name) throws(NameError) {
        if text.count == 1, let only = text.first {
            if only == UInt8(ascii: "@") { self = origin; return }
            if only == UInt8(ascii: ".") { self = .root; return }
        }
        guard !text.isEmpty else { throw .emptyLabel }
        var octets: [UInt8] = [0]
        octets.reserveCapacity(text.count + 2)
        var lengthAt = 0
        var position = text.startIndex
        var isAbsolute = false
        while position < text.endIndex {
            var octet = text[position]
            position += 1
            if octet == UInt8(ascii: ".") {
                let length = octets.count - lengthAt - 1
                guard length > 0 else { throw .emptyLabel }
                guard length < 64 else { throw .labelTooLong }
                octets[lengthAt] = UInt8(length)
                lengthAt = octets.count
                octets.append(0)
                isAbsolute = position == text.endIndex
                continue
            }
            if octet == UInt8(ascii: "\\") {
                octet = try Name.unescape(text, &position)
            }
            octets.append(octet)
            guard octets.count <= 1024 else { throw .tooLong }
        }
        if !isAbsolute {
            let length = octets.count - lengthAt - 1
            guard length < 64 else { throw .labelTooLong }
            octets[lengthAt] = UInt8(length)
            octets.append(contentsOf: origin.wire)
        }
        guard octets.count <= 255 else { throw .tooLong }
        wire = octets
    }

    /// The octet that the escape behind a backslash stands for; moves `position` past it.
    private static func unescape(_ text: ArraySlice<UInt8>, _ position: inout Int) throws(NameError) -> UInt8
    {
        guard position < text.endIndex else { throw .badEscape }
        let first = text[position]
        guard first &- 48 < 10 else {
            position += 1
            return first
        }
        guard position + 2 < text.endIndex else { throw .badEscape }
        let second = text[position + 1] &- 48
        let third = text[position + 2] &- 48
        guard second < 10, third < 10 else { throw .badEscape }
        let value = Int(first - 48) * 100 + Int(second) * 10 + Int(third)
        guard value < 256 else { throw .badEscape }
        position += 3
        return UInt8(value)
    }
}
