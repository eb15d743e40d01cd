/// One EDNS option: its code and its octets (RFC 6891 6.1.2).
package struct EDNSOption: Hashable, Sendable {
    package var code: EDNSOptionCode
    package var data: [UInt8]

    package init(code: EDNSOptionCode, data: [UInt8]) {
        self.code = code
        self.data = data
    }

    /// An extended DNS error (RFC 8914 2): the code and a short text for people.
    package static func extendedError(_ code: ExtendedError, text: String = "") -> EDNSOption {
        let info = [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xff)]
        return EDNSOption(code: .extendedError, data: info + text.utf8)
    }
}

/// The number of an EDNS option (IANA registry).
package struct EDNSOptionCode: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let nsid = EDNSOptionCode(rawValue: 3)
    package static let clientSubnet = EDNSOptionCode(rawValue: 8)
    package static let expire = EDNSOptionCode(rawValue: 9)
    package static let cookie = EDNSOptionCode(rawValue: 10)
    package static let tcpKeepalive = EDNSOptionCode(rawValue: 11)
    package static let padding = EDNSOptionCode(rawValue: 12)
    package static let keyTag = EDNSOptionCode(rawValue: 14)
    package static let extendedError = EDNSOptionCode(rawValue: 15)
    package static let reportChannel = EDNSOptionCode(rawValue: 18)
    package static let zoneVersion = EDNSOptionCode(rawValue: 19)
}

extension EDNSLayout {
    /// Where the data of the first option with `code` stands in `bytes`, without allocation; nil when there is none.
    package func option(_ code: EDNSOptionCode, in bytes: borrowing RawSpan) -> Range<Int>? {
        var position = options.lowerBound
        while position + 4 <= options.upperBound,
            let found = bytes.uint16(at: position), let size = bytes.uint16(at: position + 2)
        {
            let data = (position + 4)..<(position + 4 + Int(size))
            guard data.upperBound <= options.upperBound else { return nil }
            if found == code.rawValue { return data }
            position = data.upperBound
        }
        return nil
    }
}
