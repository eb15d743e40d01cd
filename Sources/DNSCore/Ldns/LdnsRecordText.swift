internal import CLDNS
internal import CShims

/// Presentation format of WKS, whose services have names, by ldns.
enum LdnsRecordText {
    /// The wire octets of `type`'s data; nil when ldns refuses the text.
    ///
    /// The text holds no line feed.
    static func parse(_ type: RRType, _ text: [UInt8]) -> [UInt8]? {
        let line = Array(". 0 IN \(type)".utf8) + text + [0]
        var octets = [UInt8](repeating: 0, count: 65535)
        let count = unsafe line.withUnsafeBufferPointer { source in
            unsafe octets.withUnsafeMutableBufferPointer { target in
                unsafe torii_ldns_data_from_text(source.baseAddress, target.baseAddress, target.count)
            }
        }
        return count >= 0 ? Array(octets[..<count]) : nil
    }
}
