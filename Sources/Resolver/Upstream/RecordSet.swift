package import DNSCore

/// Octet strings one after the other, each behind its length in two octets: the data of a record set in one allocation.
package struct PackedData: Hashable, Sendable {
    package private(set) var octets: [UInt8] = []
    package private(set) var count = 0

    package init() {}

    /// Adopts octets that ``octets`` of another value gave.
    init(octets: [UInt8], count: Int) {
        self.octets = octets
        self.count = count
    }

    package var isEmpty: Bool { count == 0 }

    /// Appends `data`, which has at most 65,535 octets.
    package mutating func append(_ data: some Collection<UInt8>) {
        octets.append(UInt8(truncatingIfNeeded: data.count >> 8))
        octets.append(UInt8(truncatingIfNeeded: data.count))
        octets.append(contentsOf: data)
        count += 1
    }

    /// Appends what `write` adds to the octets; takes it back when that returns false, or when the same data are there.
    ///
    /// - Parameter size: how many octets these will be, roughly.
    mutating func append(expecting size: Int, _ write: (inout [UInt8]) -> Bool) -> Bool {
        let start = octets.count
        if start == 0 { octets.reserveCapacity(2 + size) }
        octets.append(0)
        octets.append(0)
        guard write(&octets), octets.count - start - 2 <= 0xffff else {
            octets.removeLast(octets.count - start)
            return false
        }
        let length = octets.count - start - 2
        octets[start] = UInt8(truncatingIfNeeded: length >> 8)
        octets[start + 1] = UInt8(truncatingIfNeeded: length)
        if count < PackedData.comparedOneByOne, contains(octets[(start + 2)...], before: start) {
            octets.removeLast(length + 2)
            return true
        }
        count += 1
        return true
    }

    /// Up to how many strings a new one is compared with each.
    private static let comparedOneByOne = 16

    /// Takes out what stands twice, which ``append(expecting:_:)`` does itself only for short sets.
    mutating func removeDuplicates() {
        guard count > PackedData.comparedOneByOne else { return }
        var seen = Set<ArraySlice<UInt8>>(minimumCapacity: count)
        let unique = filter { seen.insert($0).inserted }
        if unique.count < count { self = unique }
    }

    private func contains(_ data: ArraySlice<UInt8>, before end: Int) -> Bool {
        var position = 0
        while position < end {
            let length = Int(octets[position]) << 8 | Int(octets[position + 1])
            if length == data.count, octets[(position + 2)..<(position + 2 + length)] == data { return true }
            position += 2 + length
        }
        return false
    }

    /// Calls `body` with the place of each string in ``octets`` until it returns false.
    package func forEach(_ body: (Range<Int>) -> Bool) {
        var position = 0
        while position + 2 <= octets.count {
            let length = Int(octets[position]) << 8 | Int(octets[position + 1])
            let end = position + 2 + length
            guard end <= octets.count, body((position + 2)..<end) else { return }
            position = end
        }
    }

    /// The first string.
    package var first: ArraySlice<UInt8>? {
        var result: ArraySlice<UInt8>?
        forEach { range in
            result = octets[range]
            return false
        }
        return result
    }

    /// All strings as record data.
    package var recordData: [RecordData] {
        var result: [RecordData] = []
        result.reserveCapacity(count)
        forEach { range in
            result.append(RecordData(Array(octets[range])))
            return true
        }
        return result
    }

    /// The strings that `isWanted` agrees to.
    package func filter(_ isWanted: (ArraySlice<UInt8>) -> Bool) -> PackedData {
        var result = PackedData()
        forEach { range in
            if isWanted(octets[range]) { result.append(octets[range]) }
            return true
        }
        return result
    }
}

/// An RRset of class IN with the signatures that came with it.
package struct RecordSet: Hashable, Sendable {
    package var owner: Name
    package var type: RRType
    /// Seconds.
    ///
    /// The smallest TTL of the records (RFC 2181 5.2).
    package var ttl: UInt32
    package var data = PackedData()
    /// The data of the RRSIG records that cover this set.
    package var signatures = PackedData()
    package var security = Security.unchecked
    package var credibility = Credibility.additional

    package init(owner: Name, type: RRType, ttl: UInt32) {
        self.owner = owner
        self.type = type
        self.ttl = ttl
    }

    /// The set as the other rooms know it, without its signatures.
    package var rrset: RRset {
        RRset(owner: owner, type: type, ttl: ttl, data: data.recordData)
    }

    /// The name that the first record's data begin with: of CNAME, DNAME, NS.
    package var target: Name? {
        guard let octets = data.first else { return nil }
        return try? Name(wire: Array(octets))
    }

    /// The names that the records' data begin with.
    package var targets: [Name] {
        var result: [Name] = []
        data.forEach { range in
            if let name = try? Name(wire: Array(data.octets[range])) { result.append(name) }
            return true
        }
        return result
    }

    /// The addresses of A and AAAA records.
    package var addresses: [IPAddress] {
        var result: [IPAddress] = []
        data.forEach { range in
            if let address = IPAddress(octets: data.octets[range]) { result.append(address) }
            return true
        }
        return result
    }

    /// The smaller of an SOA's TTL and MINIMUM field: how long absence may be believed (RFC 2308 5).
    package var negativeTTL: UInt32 {
        guard type == .soa, let octets = data.first, octets.count >= 4 else { return 0 }
        let minimum = octets.suffix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return min(ttl, minimum)
    }

    /// Labels that the first signature counts: fewer than the owner's mean a wildcard (RFC 4034 3.1.3).
    var signatureLabels: Int? {
        guard let octets = signatures.first, octets.count > 18 else { return nil }
        return Int(octets[octets.startIndex + 3])
    }
}

extension RecordSet {
    /// The octets that the cache keeps: owner with its case, counts, data, signatures.
    var encoded: [UInt8] { encoded(ttl: ttl) }

    /// ``encoded`` with another TTL.
    func encoded(ttl: UInt32) -> [UInt8] {
        let size = 27 + owner.wire.count + data.octets.count + signatures.octets.count
        var result = [UInt8](repeating: 0, count: size)
        unsafe result.withUnsafeMutableBytes { target in
            var position = 1
            func put(_ octets: [UInt8]) {
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[position...]).copyBytes(from: octets)
                position += octets.count
            }
            func put(_ value: UInt32) {
                unsafe target.storeBytes(of: value.bigEndian, toByteOffset: position, as: UInt32.self)
                position += 4
            }
            unsafe target[0] = UInt8(truncatingIfNeeded: owner.wire.count)
            put(owner.wire)
            put(UInt32(type.rawValue))
            put(ttl)
            put(UInt32(data.count))
            put(UInt32(signatures.count))
            put(UInt32(data.octets.count))
            put(UInt32(signatures.octets.count))
            unsafe target[position] = security.rawValue
            unsafe target[position + 1] = credibility.rawValue
            position += 2
            put(data.octets)
            put(signatures.octets)
        }
        return result
    }

    /// Reads what ``encoded`` wrote at `position` and moves on; nil when it is damaged.
    init?(decoding octets: [UInt8], at position: inout Int) {
        guard position < octets.count else { return nil }
        let nameEnd = position + 1 + Int(octets[position])
        let fixedEnd = nameEnd + 26
        guard fixedEnd <= octets.count, let name = try? Name(wire: Array(octets[(position + 1)..<nameEnd]))
        else {
            return nil
        }
        func value(_ index: Int) -> Int {
            let at = nameEnd + 4 * index
            return Int(octets[at]) << 24 | Int(octets[at + 1]) << 16 | Int(octets[at + 2]) << 8
                | Int(octets[at + 3])
        }
        let dataEnd = fixedEnd + value(4)
        let end = dataEnd + value(5)
        guard end <= octets.count, let security = Security(rawValue: octets[nameEnd + 24]),
            let credibility = Credibility(rawValue: octets[nameEnd + 25])
        else { return nil }
        owner = name
        type = RRType(rawValue: UInt16(truncatingIfNeeded: value(0)))
        ttl = UInt32(truncatingIfNeeded: value(1))
        data = PackedData(octets: Array(octets[fixedEnd..<dataEnd]), count: value(2))
        signatures = PackedData(octets: Array(octets[dataEnd..<end]), count: value(3))
        self.security = security
        self.credibility = credibility
        position = end
    }
}
