/// Octets of one record's data while it is read from text; made once and filled again for every record.
@safe struct RDataBuffer: ~Copyable {
    /// Largest data of a record (RFC 1035 3.2.1).
    static let limit = 65535
    /// A string or a name may be written before the limit is checked.
    private static let slack = 512

    let base: UnsafeMutablePointer<UInt8>
    private(set) var count = 0

    init() {
        // Octets need no initialising; nothing behind `count` is ever read.
        unsafe base = .allocate(capacity: RDataBuffer.limit + RDataBuffer.slack)
    }

    deinit { unsafe base.deallocate() }

    mutating func removeAll() { count = 0 }

    mutating func append(_ octet: UInt8) throws(ZoneTextError.Reason) {
        guard count < RDataBuffer.limit else { throw .dataTooLong }
        unsafe base[count] = octet
        count += 1
    }

    mutating func append(uint16 value: UInt16) throws(ZoneTextError.Reason) {
        guard count + 2 <= RDataBuffer.limit else { throw .dataTooLong }
        unsafe base[count] = UInt8(truncatingIfNeeded: value >> 8)
        unsafe base[count + 1] = UInt8(truncatingIfNeeded: value)
        count += 2
    }

    mutating func append(uint32 value: UInt32) throws(ZoneTextError.Reason) {
        try append(uint16: UInt16(truncatingIfNeeded: value >> 16))
        try append(uint16: UInt16(truncatingIfNeeded: value))
    }

    mutating func append(uint64 value: UInt64) throws(ZoneTextError.Reason) {
        try append(uint32: UInt32(truncatingIfNeeded: value >> 32))
        try append(uint32: UInt32(truncatingIfNeeded: value))
    }

    mutating func append(_ octets: some Sequence<UInt8>) throws(ZoneTextError.Reason) {
        for octet in octets { try append(octet) }
    }

    /// Overwrites the octet at `index`, which lies before ``count``.
    mutating func set(_ octet: UInt8, at index: Int) {
        precondition(index < count)
        unsafe base[index] = octet
    }

    /// Counts `added` octets that were written behind ``count``; at most 256 at a time.
    mutating func commit(_ added: Int) throws(ZoneTextError.Reason) {
        precondition(added <= 256)
        guard count + added <= RDataBuffer.limit else { throw .dataTooLong }
        count += added
    }

    /// A copy of what is there.
    var octets: [UInt8] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// A name's wire octets in memory of their own: owner and origin of the zone text reader.
@safe struct NameBuffer: ~Copyable {
    let base: UnsafeMutablePointer<UInt8>
    var count: Int

    init(_ name: Name = .root) {
        unsafe base = .allocate(capacity: 256)
        unsafe base.initialize(repeating: 0, count: 256)
        count = 1
        assign(name)
    }

    deinit { unsafe base.deallocate() }

    mutating func assign(_ name: Name) {
        count = name.wire.count
        for index in 0..<count { unsafe base[index] = name.wire[index] }
    }

    mutating func assign(_ other: borrowing NameBuffer) {
        count = other.count
        unsafe base.update(from: other.base, count: count)
    }

    func equals(_ other: borrowing NameBuffer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count where unsafe base[index] != other.base[index] { return false }
        return true
    }

    var name: Name { unsafe Name(trustedWire: Array(UnsafeBufferPointer(start: base, count: count))) }
}
