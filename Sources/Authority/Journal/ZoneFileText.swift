internal import DNSCore

/// A zone as master file text (RFC 1035 5.1), one record a line.
struct ZoneFileText {
    var octets: [UInt8]

    /// Begins with the origin, for people: all names are written in full.
    init(origin: Name) {
        octets = Array("; written by toriid\n$ORIGIN \(origin)\n".utf8)
    }

    /// Appends a set.
    mutating func append(_ set: RRset) {
        let head = Array("\(set.owner) \(set.ttl) IN \(set.type) ".utf8)
        for data in set.data {
            octets += head
            octets += ZoneFileText.text(of: data, set.type)
            octets.append(UInt8(ascii: "\n"))
        }
    }

    /// Record data in presentation format; the generic form of RFC 3597 5 where there is no other.
    static func text(of data: RecordData, _ type: RRType) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array("\\# \(data.octets.count)".utf8)
        if !data.octets.isEmpty { text.append(UInt8(ascii: " ")) }
        for octet in data.octets {
            text.append(digits[Int(octet >> 4)])
            text.append(digits[Int(octet & 15)])
        }
        return text
    }
}
