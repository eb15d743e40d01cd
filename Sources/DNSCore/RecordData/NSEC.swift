/// The data of an NSEC record (RFC 4034 4.1).
package struct NSEC: Hashable, Sendable {
    package let next: Name
    /// The window blocks of the type bitmap.
    package let bitmap: ArraySlice<UInt8>

    /// Reads the data; nil when it is malformed.
    package init?(_ data: RecordData) {
        guard data.isWellFormed(as: .nsec), let end = RDataReader(data.octets).nameEnd(0) else { return nil }
        next = Name(trustedWire: Array(data.octets[..<end]))
        bitmap = data.octets[end...]
    }

    /// Whether the owner has `type`.
    package func contains(_ type: RRType) -> Bool { TypeBitmap.contains(type, in: bitmap) }
}

/// The data of an NSEC3 record (RFC 5155 3.2).
package struct NSEC3: Hashable, Sendable {
    package let parameters: NSEC3Parameters
    package let flags: UInt8
    /// The hash of the next owner, not encoded.
    package let nextHash: ArraySlice<UInt8>
    /// The window blocks of the type bitmap.
    package let bitmap: ArraySlice<UInt8>

    /// Reads the data; nil when it is malformed.
    package init?(_ data: RecordData) {
        let reader = RDataReader(data.octets)
        guard data.isWellFormed(as: .nsec3), let iterations = reader.uint16(2),
            let saltEnd = reader.stringEnd(4),
            let hashEnd = reader.stringEnd(saltEnd)
        else { return nil }
        flags = data.octets[1]
        parameters = NSEC3Parameters(
            algorithm: data.octets[0], iterations: iterations, salt: Array(data.octets[5..<saltEnd]))
        nextHash = data.octets[(saltEnd + 1)..<hashEnd]
        bitmap = data.octets[hashEnd...]
    }

    /// Whether unsigned delegations may be left out in the span (RFC 5155 3.1.2.1).
    package var isOptOut: Bool { flags & 1 != 0 }
    /// Whether the owner has `type`.
    package func contains(_ type: RRType) -> Bool { TypeBitmap.contains(type, in: bitmap) }
}

/// How names are hashed (RFC 5155 3.1, 4.1).
package struct NSEC3Parameters: Hashable, Sendable {
    /// 1 is SHA-1, the only one there is.
    package let algorithm: UInt8
    /// Additional rounds after the first.
    package let iterations: UInt16
    package let salt: [UInt8]

    package init(algorithm: UInt8, iterations: UInt16, salt: [UInt8]) {
        self.algorithm = algorithm
        self.iterations = iterations
        self.salt = salt
    }
}

/// The data of an SOA record, field by field (RFC 1035 3.3.13).
package struct SOA: Hashable, Sendable {
    package let primary: Name
    package let mailbox: Name
    package let serial: Serial
    package let refresh: UInt32
    package let retry: UInt32
    package let expire: UInt32
    /// TTL of negative answers, with the record's own TTL as its cap (RFC 2308 4, 5).
    package let minimum: UInt32

    /// Reads the data; nil when it is malformed.
    package init?(_ data: RecordData) {
        let reader = RDataReader(data.octets)
        guard let primaryEnd = reader.nameEnd(0), let end = reader.nameEnd(primaryEnd),
            end + 20 == data.octets.count, let serial = reader.uint32(end),
            let refresh = reader.uint32(end + 4),
            let retry = reader.uint32(end + 8), let expire = reader.uint32(end + 12),
            let minimum = reader.uint32(end + 16)
        else { return nil }
        primary = Name(trustedWire: Array(data.octets[..<primaryEnd]))
        mailbox = Name(trustedWire: Array(data.octets[primaryEnd..<end]))
        self.serial = Serial(rawValue: serial)
        self.refresh = refresh
        self.retry = retry
        self.expire = expire
        self.minimum = minimum
    }
}

/// The data of an SVCB or HTTPS record (RFC 9460 2.2).
package struct SVCB: Hashable, Sendable {
    /// 0 is alias mode.
    package let priority: UInt16
    package let target: Name
    package let parameters: [ServiceParameter]

    /// Reads the data; nil when it is malformed.
    package init?(_ data: RecordData) {
        let reader = RDataReader(data.octets)
        guard let priority = reader.uint16(0), let end = reader.nameEnd(2) else { return nil }
        self.priority = priority
        target = Name(trustedWire: Array(data.octets[2..<end]))
        var found: [ServiceParameter] = []
        var position = end
        var last = -1
        while position < data.octets.count {
            guard let key = reader.uint16(position), let length = reader.uint16(position + 2),
                Int(key) > last,
                position + 4 + Int(length) <= data.octets.count
            else { return nil }
            let value = Array(data.octets[(position + 4)..<(position + 4 + Int(length))])
            found.append(ServiceParameter(key: ServiceParameterKey(rawValue: key), value: value))
            last = Int(key)
            position += 4 + Int(length)
        }
        parameters = found
    }
}
