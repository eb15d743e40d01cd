/// The key of a service parameter (RFC 9460 14.3.2 and the IANA registry).
package struct ServiceParameterKey: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let mandatory = ServiceParameterKey(rawValue: 0)
    package static let alpn = ServiceParameterKey(rawValue: 1)
    package static let noDefaultALPN = ServiceParameterKey(rawValue: 2)
    package static let port = ServiceParameterKey(rawValue: 3)
    package static let ipv4Hint = ServiceParameterKey(rawValue: 4)
    package static let encryptedClientHello = ServiceParameterKey(rawValue: 5)
    package static let ipv6Hint = ServiceParameterKey(rawValue: 6)
    /// RFC 9461 5.
    package static let dohPath = ServiceParameterKey(rawValue: 7)
    /// RFC 9540 4.
    package static let obliviousHTTP = ServiceParameterKey(rawValue: 8)
    package static let tlsSupportedGroups = ServiceParameterKey(rawValue: 9)
    package static let docPath = ServiceParameterKey(rawValue: 10)

    private static let mnemonics = [
        "mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp",
        "tls-supported-groups", "docpath",
    ]

    /// Reads a mnemonic or `keyN`, in any case.
    package init?(mnemonic: String) {
        let text = mnemonic.lowercased()
        if let index = ServiceParameterKey.mnemonics.firstIndex(of: text) {
            self.init(rawValue: UInt16(index))
        } else if text.hasPrefix("key"), text.utf8.count > 3,
            text.utf8.dropFirst(3).allSatisfy({ $0 &- 48 < 10 }),
            let value = UInt16(text.dropFirst(3)), value != 65535
        {
            self.init(rawValue: value)
        } else {
            return nil
        }
    }

    /// The mnemonic of the keys that the tools of the field have long known, else `keyN`, which they all read.
    package var mnemonic: String {
        rawValue <= 6 ? ServiceParameterKey.mnemonics[Int(rawValue)] : "key\(rawValue)"
    }
}

/// One parameter of an SVCB or HTTPS record (RFC 9460 2.2).
package struct ServiceParameter: Hashable, Sendable {
    package var key: ServiceParameterKey
    /// The value's wire octets, at most 65,535.
    package var value: [UInt8]

    package init(key: ServiceParameterKey, value: [UInt8]) {
        self.key = key
        self.value = value
    }

    /// Whether the value has the form its key demands; unknown keys take any.
    package var isWellFormed: Bool {
        switch key {
        case .mandatory:
            return value.count >= 2 && value.count % 2 == 0
                && zip(pairs, pairs.dropFirst()).allSatisfy { $0 < $1 } && pairs.first != 0
        case .alpn, .docPath:
            if key == .docPath, value.isEmpty { return true }
            return strings.map { !$0.isEmpty } ?? false
        case .noDefaultALPN, .obliviousHTTP: return value.isEmpty
        case .port: return value.count == 2
        case .ipv4Hint: return !value.isEmpty && value.count % 4 == 0
        case .ipv6Hint: return !value.isEmpty && value.count % 16 == 0
        case .encryptedClientHello, .dohPath: return !value.isEmpty
        case .tlsSupportedGroups: return value.count >= 2 && value.count % 2 == 0
        default: return key.rawValue != 65535
        }
    }

    /// Whether what `mandatory` lists is there (RFC 9460 8), and `no-default-alpn` comes with `alpn` (7.1.1).
    package static func areConsistent(_ parameters: [ServiceParameter]) -> Bool {
        let keys = Set(parameters.map(\.key))
        if keys.contains(.noDefaultALPN), !keys.contains(.alpn) { return false }
        guard let mandatory = parameters.first(where: { $0.key == .mandatory }) else { return true }
        return mandatory.pairs.allSatisfy { keys.contains(ServiceParameterKey(rawValue: $0)) }
    }

    /// The value as 16-bit numbers.
    var pairs: [UInt16] {
        stride(from: 0, to: value.count - 1, by: 2).map { UInt16(value[$0]) << 8 | UInt16(value[$0 + 1]) }
    }

    /// The value as non-empty strings behind their lengths; nil when it is not that.
    var strings: [ArraySlice<UInt8>]? {
        var result: [ArraySlice<UInt8>] = []
        var position = 0
        while position < value.count {
            let end = position + 1 + Int(value[position])
            guard value[position] > 0, end <= value.count else { return nil }
            result.append(value[(position + 1)..<end])
            position = end
        }
        return result
    }

    /// The text with the escapes of RFC 1035 5.1 resolved; nil when one is bad.
    static func unescape(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        unsafe text.withUnsafeBufferPointer { buffer in
            guard var at = buffer.baseAddress else { return }
            let end = unsafe at + buffer.count
            while unsafe at < end {
                let octet = unsafe at.pointee
                unsafe at += 1
                if octet != UInt8(ascii: "\\") {
                    result.append(octet)
                } else if let value = unsafe ZoneTextLexer.unescape(&at, end) {
                    result.append(value)
                } else {
                    result = []
                    return
                }
            }
        }
        return result.isEmpty && !text.isEmpty ? nil : result
    }

    /// The wire octets of `key`'s value in presentation format; nil when it is not one.
    static func value(of key: ServiceParameterKey, text: [UInt8]) -> [UInt8]? {
        switch key {
        case .mandatory:
            let keys = split(text).compactMap { item in
                item.flatMap { ServiceParameterKey(mnemonic: String(decoding: $0, as: UTF8.self))?.rawValue }
            }
            guard keys.count == split(text).count, Set(keys).count == keys.count else { return nil }
            return keys.sorted().flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
        case .alpn, .docPath:
            var result: [UInt8] = []
            if text.isEmpty { return key == .docPath ? [] : nil }
            for item in split(text, isEscaped: true) {
                guard let item, (1...255).contains(item.count) else { return nil }
                result.append(UInt8(item.count))
                result.append(contentsOf: item)
            }
            return result
        case .noDefaultALPN, .obliviousHTTP: return text.isEmpty ? [] : nil
        case .port: return numbers([text])
        case .tlsSupportedGroups: return numbers(split(text).compactMap { $0 })
        case .ipv4Hint, .ipv6Hint:
            var result: [UInt8] = []
            for item in split(text) {
                guard let item, let octets = AddressText.octets(item, family: key == .ipv4Hint ? 1 : 2) else {
                    return nil
                }
                result.append(contentsOf: octets)
            }
            return result
        case .encryptedClientHello: return Base64.decode(text)
        default: return text
        }
    }

    private static func numbers(_ items: [[UInt8]]) -> [UInt8]? {
        var result: [UInt8] = []
        for item in items {
            guard !item.isEmpty, item.allSatisfy({ $0 &- 48 < 10 }),
                let number = UInt16(String(decoding: item, as: UTF8.self))
            else { return nil }
            result.append(contentsOf: [UInt8(number >> 8), UInt8(number & 0xff)])
        }
        return result
    }

    /// The items of a comma-separated list; with `isEscaped`, `\,` and `\\` stand for themselves (RFC 9460
    /// A.1).
    ///
    /// An item that is empty or ends in a lone backslash is nil.
    private static func split(_ text: [UInt8], isEscaped: Bool = false) -> [[UInt8]?] {
        var result: [[UInt8]?] = []
        var item: [UInt8] = []
        var index = 0
        while index < text.count {
            let octet = text[index]
            index += 1
            if octet == UInt8(ascii: ",") {
                result.append(item.isEmpty ? nil : item)
                item = []
            } else if isEscaped, octet == UInt8(ascii: "\\") {
                guard index < text.count else { return [nil] }
                item.append(text[index])
                index += 1
            } else {
                item.append(octet)
            }
        }
        result.append(item.isEmpty ? nil : item)
        return result
    }
}
