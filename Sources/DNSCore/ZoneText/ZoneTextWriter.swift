/// Writes a zone file that every reader of the field reads back to the same zone.
///
/// Records come out in the order they are given; a caller that wants a stable file gives them in canonical order. Each
/// stands on a line of its own with its whole owner name, except that the owner is left blank when it repeats and the
/// TTL when it is that of `$TTL`.
package struct ZoneTextWriter {
    private let origin: Name
    private let defaultTTL: UInt32?
    private var text = RecordText()
    private var lastOwner: [UInt8] = []

    /// Begins a file.
    ///
    /// - Parameters:
    ///   - defaultTTL: written as `$TTL`; nil writes every record's TTL.
    ///   - comments: lines for the head of the file, without `;`.
    package init(origin: Name, defaultTTL: UInt32? = nil, comments: [String] = []) {
        self.origin = origin
        self.defaultTTL = defaultTTL
        for comment in comments { write(comment: comment) }
        text.append("$ORIGIN ")
        text.append(name: origin.wire[...])
        text.append("\n")
        if let defaultTTL {
            text.append("$TTL ")
            text.append(decimal: UInt64(defaultTTL))
            text.append("\n")
        }
    }

    /// Writes a comment; line feeds and other control characters in it become blanks.
    package mutating func write(comment: String) {
        text.append("; ")
        text.append(comment.utf8.map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 })
        text.append("\n")
    }

    /// Writes one record.
    package mutating func write(_ record: ResourceRecord) {
        if record.owner.wire != lastOwner {
            text.append(name: record.owner.wire[...])
            lastOwner = record.owner.wire
        }
        text.append("\t")
        if record.ttl != defaultTTL {
            text.append(decimal: UInt64(record.ttl))
            text.append("\t")
        }
        text.append(record.recordClass.description)
        text.append("\t")
        text.append(record.type.description)
        text.append("\t")
        record.data.append(to: &text, as: record.type)
        text.append("\n")
    }

    /// Octets that wait to be taken; a caller that writes a large zone takes them every so often.
    package var count: Int { text.octets.count }

    /// Hands out what has been written so far and forgets it.
    package mutating func take() -> [UInt8] {
        defer { text = RecordText() }
        return text.octets
    }
}
