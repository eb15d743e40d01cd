internal import DNSCore

/// What a v1 or TSN message says (nts.md 2.8).
package enum NegotiationType: UInt8, Sendable, CaseIterable {
    /// Server to router: GN will open a connection to the host.
    case notification = 1
    /// Router to server: the way is open.
    case response = 2
    /// Router to server: it stays closed.
    case refusal = 3
    /// Router to server: another GN packet is awaited first; the final message follows.
    case pending = 4
}

/// The host name field of the v1 and TSN forms: presentation format without a final dot, padded with zero octets.
enum HostNameField {
    /// The octets of `name` as text without the final dot, at most `limit`.
    ///
    /// - Throws: ``NTSError/hostNameTooLong(limit:)``, ``NTSError/badHostName`` for the root and for names that hold
    ///   anything but letters, digits, hyphen and underscore.
    static func encode(_ name: Name, limit: Int) throws(NTSError) -> [UInt8] {
        guard !name.isRoot else { throw .badHostName }
        // The text is as long as the wire form without the root label and the first length octet.
        guard name.wire.count - 2 <= limit else { throw .hostNameTooLong(limit: limit) }
        var text: [UInt8] = []
        text.reserveCapacity(limit)
        for label in name.labels {
            if !text.isEmpty { text.append(UInt8(ascii: ".")) }
            for octet in label {
                guard isHostCharacter(octet) else { throw .badHostName }
                text.append(octet)
            }
        }
        return text
    }

    /// Reads `length` octets of text and checks that the rest of the field is zero.
    ///
    /// One final dot is tolerated.
    ///
    /// - Throws: ``NTSError/badHostName``.
    static func decode(_ field: ArraySlice<UInt8>, length: Int) throws(NTSError) -> Name {
        guard (1...field.count).contains(length), field.dropFirst(length).allSatisfy({ $0 == 0 }) else {
            throw .badHostName
        }
        var text = field.prefix(length)
        if text.last == UInt8(ascii: ".") { text = text.dropLast() }
        var wire: [UInt8] = []
        wire.reserveCapacity(length + 2)
        for label in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...63).contains(label.count), label.allSatisfy(isHostCharacter) else {
                throw .badHostName
            }
            wire.append(UInt8(label.count))
            wire.append(contentsOf: label)
        }
        wire.append(0)
        guard wire.count > 1 else { throw .badHostName }
        return Name(trustedWire: wire)
    }

    private static func isHostCharacter(_ octet: UInt8) -> Bool {
        octet &- 48 < 10 || octet.lowercasedASCII &- 97 < 26 || octet == UInt8(ascii: "-")
            || octet == UInt8(ascii: "_")
    }
}
