internal import DNSCore

/// Writes nodes in the layout of ``ZoneNode``: begin a node, then for each set its records, then its signatures.
@safe struct ZoneNodeWriter: ~Copyable {
    /// The last octet of a set where a placeholder may stand: patch offsets have 16 bits.
    private static let farthestPatch = 0xffff
    /// How far into a set a placeholder can point.
    private static let farthestSuffix = 0x1fff

    private var nodeStart = 0
    private var setStart = 0
    private var recordsStart = 0
    private var recordsEnd = 0
    private var recordCount = 0
    private var setCount = 0
    private var setType = RRType(rawValue: 0)
    private var owner: UnsafePointer<UInt8>
    private var ownerLength = 0
    /// Octets at the owner's end that every name answered from it ends in: not those of `*`.
    private var sharedLength = 0
    private var apexLength = 0
    private var flags: ZoneNode.Flags = []
    private var patches: [UInt16] = []
    private var targets: [UInt32] = []
    private var suffixes: [Suffix] = []

    @safe private struct Suffix {
        let offset: Int
        let octets: UnsafePointer<UInt8>
        let length: Int
    }

    /// A writer for nodes of the zone whose apex has `apexLength` octets.
    init(apexLength: Int) {
        self.apexLength = apexLength
        unsafe owner = UnsafePointer(bitPattern: 1).unsafelyUnwrapped
    }

    /// Starts a node.
    ///
    /// `owner` (as written) and all data given until ``endNode(_:)`` must stay where they are.
    mutating func beginNode(
        _ buffer: inout RawBuffer, owner written: UnsafePointer<UInt8>, length: Int, labels: Int,
        childCount: UInt32,
        flags given: ZoneNode.Flags
    ) {
        nodeStart = buffer.count
        unsafe owner = written
        ownerLength = length
        setCount = 0
        flags = given
        var hasCapitals = false
        let start = buffer.extend(by: ZoneNode.headerSize + length)
        var index = 0
        while index < length {
            let octet = unsafe written[index]
            let lower = octet.lowercasedASCII
            if lower != octet { hasCapitals = true }
            unsafe buffer.base.storeBytes(
                of: lower, toByteOffset: start + ZoneNode.headerSize + index, as: UInt8.self)
            index += 1
        }
        if hasCapitals {
            flags.insert(.keepsCase)
            unsafe buffer.append(written, length)
        }
        let isWildcard = unsafe length >= 3 && written[0] == 1 && written[1] == UInt8(ascii: "*")
        if isWildcard { flags.insert(.wildcard) }
        sharedLength = isWildcard ? length - 2 : length
        let base = unsafe buffer.base + start
        unsafe base.storeBytes(of: 0, toByteOffset: 2, as: UInt8.self)
        unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: length), toByteOffset: 3, as: UInt8.self)
        unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: labels), toByteOffset: 6, as: UInt8.self)
        unsafe base.storeBytes(of: 0, toByteOffset: 7, as: UInt8.self)
        unsafe base.storeBytes(of: childCount, toByteOffset: 8, as: UInt32.self)
    }

    /// Ends the node.
    ///
    /// - Returns: where it starts.
    mutating func endNode(_ buffer: inout RawBuffer) -> Int {
        let padding = -buffer.count & 7
        _ = buffer.extend(by: padding)
        let base = unsafe buffer.base + nodeStart
        unsafe base.storeBytes(of: flags.rawValue, as: UInt16.self)
        unsafe base.storeBytes(of: UInt16(truncatingIfNeeded: setCount), toByteOffset: 4, as: UInt16.self)
        unsafe base.storeBytes(
            of: UInt32(truncatingIfNeeded: buffer.count - nodeStart), toByteOffset: 12, as: UInt32.self)
        return nodeStart
    }

    /// Starts the set of `type`; a set begun with no record added may still have signatures.
    mutating func beginSet(_ buffer: inout RawBuffer, _ type: RRType) {
        setStart = buffer.extend(by: ZoneSet.headerSize)
        recordsStart = buffer.count
        recordCount = 0
        setType = type
        if !patches.isEmpty { patches.removeAll(keepingCapacity: true) }
        if !targets.isEmpty { targets.removeAll(keepingCapacity: true) }
        suffixes.removeAll(keepingCapacity: true)
        setCount += 1
    }

    /// Adds a record to the set.
    mutating func addRecord(_ buffer: inout RawBuffer, ttl: UInt32, data: UnsafePointer<UInt8>, length: Int) {
        let start = buffer.extend(by: 12)
        unsafe writeFixed(buffer.base + start, type: setType, ttl: ttl)
        recordCount += 1
        if ZoneNodeWriter.isCompressible(setType.rawValue) {
            unsafe appendCompressing(&buffer, data, length)
        } else {
            unsafe buffer.append(data, length)
        }
        let written = buffer.count - start - 12
        unsafe buffer.base.storeBytes(
            of: UInt16(truncatingIfNeeded: written).bigEndian, toByteOffset: start + 10, as: UInt16.self)
        if let at = ZoneNodeWriter.targetOffset(setType.rawValue), length > at {
            let isInside = unsafe isInZone(data + at, length - at)
            targets.append(isInside ? TargetReference.unknown : TargetReference.outside)
        }
    }

    /// Ends the records of the set; signatures may follow, then ``endSet(_:)``.
    mutating func endRecords(_ buffer: inout RawBuffer) {
        recordsEnd = buffer.count
        if !patches.isEmpty {
            let at = buffer.extend(by: 2 * patches.count)
            for index in patches.indices {
                unsafe buffer.base.storeBytes(
                    of: patches[index], toByteOffset: at + 2 * index, as: UInt16.self)
            }
        }
        var setFlags: ZoneSet.Flags = []
        if !targets.isEmpty {
            setFlags.insert(.references)
            let at = buffer.extend(by: 4 * targets.count)
            for index in targets.indices {
                unsafe buffer.base.storeBytes(
                    of: targets[index], toByteOffset: at + 4 * index, as: UInt32.self)
            }
        }
        let base = unsafe buffer.base + setStart
        unsafe base.storeBytes(of: setType.rawValue, as: UInt16.self)
        unsafe base.storeBytes(of: UInt16(truncatingIfNeeded: recordCount), toByteOffset: 2, as: UInt16.self)
        unsafe base.storeBytes(
            of: UInt16(truncatingIfNeeded: patches.count), toByteOffset: 4, as: UInt16.self)
        unsafe base.storeBytes(of: setFlags.rawValue, toByteOffset: 6, as: UInt16.self)
        unsafe base.storeBytes(
            of: UInt32(truncatingIfNeeded: recordsEnd - recordsStart), toByteOffset: 8, as: UInt32.self)
        if recordCount > 0 {
            switch setType {
            case .ns where !flags.contains(.apex) && !flags.contains(.wildcard): flags.insert(.cut)
            case .cname: flags.insert(.cname)
            case .dname: flags.insert(.dname)
            case .nsec: flags.insert(.nsec)
            case .nsec3: flags.insert(.nsec3)
            default: break
            }
        }
        unsafe base.storeBytes(
            of: UInt32(truncatingIfNeeded: buffer.count - setStart), toByteOffset: 12, as: UInt32.self)
    }

    /// Starts the signatures over the set whose records have just ended.
    mutating func beginSignatures(_ buffer: inout RawBuffer) {
        recordCount = 0
        recordsStart = buffer.extend(by: ZoneSet.signaturesHeaderSize)
    }

    /// Adds a signature.
    mutating func addSignature(
        _ buffer: inout RawBuffer, ttl: UInt32, data: UnsafePointer<UInt8>, length: Int
    ) {
        let start = buffer.extend(by: 12)
        unsafe writeFixed(buffer.base + start, type: .rrsig, ttl: ttl)
        unsafe buffer.base.storeBytes(
            of: UInt16(truncatingIfNeeded: length).bigEndian, toByteOffset: start + 10, as: UInt16.self)
        unsafe buffer.append(data, length)
        recordCount += 1
    }

    /// Ends the signatures.
    mutating func endSignatures(_ buffer: inout RawBuffer) {
        let octets = buffer.count - recordsStart - ZoneSet.signaturesHeaderSize
        let block = unsafe buffer.base + recordsStart
        unsafe block.storeBytes(of: UInt16(truncatingIfNeeded: recordCount), as: UInt16.self)
        unsafe block.storeBytes(of: 0, toByteOffset: 2, as: UInt16.self)
        unsafe block.storeBytes(
            of: UInt32(truncatingIfNeeded: octets), toByteOffset: 4, as: UInt32.self)
        let base = unsafe buffer.base + setStart
        let setFlags =
            unsafe base.loadUnaligned(fromByteOffset: 6, as: UInt16.self) | ZoneSet.Flags.signed.rawValue
        unsafe base.storeBytes(of: setFlags, toByteOffset: 6, as: UInt16.self)
        unsafe base.storeBytes(
            of: UInt32(truncatingIfNeeded: buffer.count - setStart), toByteOffset: 12, as: UInt32.self)
    }

    /// Where in the data of `type` the name stands whose addresses belong into the additional section.
    static func targetOffset(_ type: UInt16) -> Int? {
        switch type {
        case 2: 0  // NS
        case 15, 18, 21, 36, 64, 65: 2  // MX, AFSDB, RT, KX, SVCB, HTTPS
        case 33: 6  // SRV
        default: nil
        }
    }

    /// Whether the data of the type may hold a name that is compressed: those of RFC 1035.
    @inline(__always)
    private static func isCompressible(_ type: UInt16) -> Bool {
        switch type {
        case 2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15: true
        default: false
        }
    }

    @inline(__always)
    private func writeFixed(_ at: UnsafeMutableRawPointer, type: RRType, ttl: UInt32) {
        unsafe at.storeBytes(of: UInt16(0xc00c).bigEndian, as: UInt16.self)
        unsafe at.storeBytes(of: type.rawValue.bigEndian, toByteOffset: 2, as: UInt16.self)
        unsafe at.storeBytes(of: UInt16(1).bigEndian, toByteOffset: 4, as: UInt16.self)
        unsafe at.storeBytes(of: ttl.bigEndian, toByteOffset: 6, as: UInt32.self)
    }

    /// Whether the name is at or below the apex, judged by the owner's own octets.
    private func isInZone(_ name: UnsafePointer<UInt8>, _ available: Int) -> Bool {
        let length = unsafe WireName.length(name, atMost: available)
        // `.` as a target means the owner itself (RFC 9460 2.5), or nothing at all (RFC 2782, RFC 7505).
        if length == 1 { return setType == .svcb || setType == .https }
        guard length >= apexLength else { return false }
        var position = 0
        while length - position > apexLength { position += 1 + Int(unsafe name[position]) }
        return unsafe length - position == apexLength
            && WireName.isSame(name + position, owner + (ownerLength - apexLength), apexLength)
    }

    private mutating func appendCompressing(
        _ buffer: inout RawBuffer, _ data: UnsafePointer<UInt8>, _ length: Int
    ) {
        var position = setType == .mx ? 2 : 0
        unsafe buffer.append(data, min(position, length))
        var names = setType == .soa || setType == .minfo ? 2 : 1
        while names > 0, position < length {
            let size = unsafe WireName.length(data + position, atMost: length - position)
            guard size > 0 else { break }
            unsafe appendName(&buffer, data + position, size)
            position += size
            names -= 1
        }
        unsafe buffer.append(data + position, length - position)
    }

    private mutating func appendName(_ buffer: inout RawBuffer, _ name: UnsafePointer<UInt8>, _ length: Int) {
        let nameStart = buffer.count - recordsStart
        var position = 0
        while position < length - 1 {
            if nameStart + position <= ZoneNodeWriter.farthestPatch,
                let placeholder = unsafe placeholder(for: name + position, length: length - position)
            {
                let patchAt = nameStart + position
                unsafe buffer.append(name, position)
                let at = buffer.extend(by: 2)
                unsafe buffer.base.storeBytes(of: placeholder.bigEndian, toByteOffset: at, as: UInt16.self)
                patches.append(UInt16(truncatingIfNeeded: patchAt))
                unsafe noteSuffixes(name, length, upTo: position, at: nameStart)
                return
            }
            position += 1 + Int(unsafe name[position])
        }
        unsafe buffer.append(name, length)
        unsafe noteSuffixes(name, length, upTo: length - 1, at: nameStart)
    }

    /// The placeholder for a name that the owner, or an earlier name of this set, ends in.
    private func placeholder(for suffix: UnsafePointer<UInt8>, length: Int) -> UInt16? {
        if length <= sharedLength,
            unsafe WireName.isIdentical(suffix, owner + (ownerLength - length), length),
            unsafe WireName.isLabelStart(owner, ownerLength - length)
        {
            return 0xc000 | UInt16(truncatingIfNeeded: length)
        }
        for candidate in suffixes
        where unsafe candidate.length == length && WireName.isIdentical(suffix, candidate.octets, length) {
            return 0xe000 | UInt16(truncatingIfNeeded: candidate.offset)
        }
        return nil
    }

    private mutating func noteSuffixes(
        _ name: UnsafePointer<UInt8>, _ length: Int, upTo end: Int, at start: Int
    ) {
        var position = 0
        while position < end, suffixes.count < 24 {
            let offset = start + position
            guard offset <= ZoneNodeWriter.farthestSuffix else { return }
            unsafe suffixes.append(Suffix(offset: offset, octets: name + position, length: length - position))
            position += 1 + Int(unsafe name[position])
        }
    }
}

/// Looking at uncompressed wire-format names in raw memory.
enum WireName {
    /// Octets of the name, its root label included; 0 when there is no whole name within `limit`.
    static func length(_ name: UnsafePointer<UInt8>, atMost limit: Int) -> Int {
        var position = 0
        while position < limit {
            let label = Int(unsafe name[position])
            if label == 0 { return position + 1 }
            guard label < 64 else { return 0 }
            position += 1 + label
        }
        return 0
    }

    /// Labels of a well-formed name, the root label not counted.
    static func labelCount(_ name: UnsafePointer<UInt8>) -> Int {
        var position = 0
        var count = 0
        while unsafe name[position] != 0 {
            position += 1 + Int(unsafe name[position])
            count += 1
        }
        return count
    }

    /// Whether the octets agree, case included.
    static func isIdentical(
        _ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ length: Int
    ) -> Bool {
        var index = 0
        while index < length {
            if unsafe left[index] != right[index] { return false }
            index += 1
        }
        return true
    }

    /// Whether the octets agree in any case.
    static func isSame(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        var index = 0
        while index < length {
            if unsafe left[index].lowercasedASCII != right[index].lowercasedASCII { return false }
            index += 1
        }
        return true
    }

    /// Whether a label of the name begins at `offset`.
    static func isLabelStart(_ name: UnsafePointer<UInt8>, _ offset: Int) -> Bool {
        var position = 0
        while position < offset { position += 1 + Int(unsafe name[position]) }
        return position == offset
    }

    /// Hash of a well-formed name in lower case, as ``NameKey`` has it.
    ///
    /// Reads up to 7 octets past its end.
    static func hash(lowercase name: UnsafePointer<UInt8>) -> UInt64 {
        var offsets = InlineArray<128, UInt8>(repeating: 0)
        var count = 0
        var position = 0
        while unsafe name[position] != 0, count < 128 {
            offsets[count] = UInt8(truncatingIfNeeded: position)
            position += 1 + Int(unsafe name[position])
            count += 1
        }
        var hash = NameHash.root
        while count > 0 {
            count -= 1
            hash = unsafe NameHash.extend(hash, label: name + Int(offsets[count]))
        }
        return hash
    }
}
