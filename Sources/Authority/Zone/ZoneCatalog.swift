package import DNSCore

/// All zones that the server knows, in one immutable value: a new one replaces it whenever a zone changes.
///
/// Zones have numbers that stay the same as long as the set of zones does. Replacing a zone copies some hundreds of
/// references, whatever the number of zones.
@safe package final class ZoneCatalog: @unchecked Sendable {
    private static let chunkBits = 8

    /// Names and numbers; shared by all catalogs of the same set of zones.
    private let index: CatalogIndex
    private let chunks: [CatalogChunk]
    /// The addresses of the chunks' views, for searching without counting references.
    private let views: UnsafeMutablePointer<UnsafeMutablePointer<UnsafePointer<ZoneView>?>>

    /// A catalog of zones; one without a snapshot is known but cannot be served (SERVFAIL).
    ///
    /// Of two entries with the same apex the first counts.
    package convenience init(_ zones: [(apex: Name, snapshot: ZoneSnapshot?)] = []) {
        var chunks: [CatalogChunk] = []
        let size = 1 << ZoneCatalog.chunkBits
        var start = 0
        while start < zones.count {
            chunks.append(CatalogChunk(zones[start..<min(start + size, zones.count)].map(\.snapshot)))
            start += size
        }
        self.init(index: CatalogIndex(zones.map(\.apex)), chunks: chunks)
    }

    private init(index: CatalogIndex, chunks: [CatalogChunk]) {
        self.index = index
        self.chunks = chunks
        unsafe views = .allocate(capacity: max(chunks.count, 1))
        for (number, chunk) in chunks.enumerated() {
            unsafe (views + number).initialize(to: chunk.views)
        }
    }

    deinit {
        unsafe views.deallocate()
    }

    /// How many zones there are.
    package var count: Int { index.names.count }

    /// The apex of zone `number`.
    package func apex(_ number: Int) -> Name { index.names[number] }

    /// The present version of zone `number`; nil when it cannot be served.
    package subscript(number: Int) -> ZoneSnapshot? {
        chunks[number >> ZoneCatalog.chunkBits].snapshots[number & (1 << ZoneCatalog.chunkBits - 1)]
    }

    /// The number of the zone with exactly this apex.
    package func number(of apex: Name) -> Int? {
        var key = NameKey()
        key.load(apex)
        guard let found = unsafe closest(key.view, from: 0), found.label == 0 else { return nil }
        return found.number
    }

    /// The number of the zone that encloses `name` most closely.
    package func enclosing(_ name: Name) -> Int? {
        var key = NameKey()
        key.load(name)
        return unsafe closest(key.view, from: 0)?.number
    }

    /// The number of the zone that encloses the name of `key` most closely.
    package func enclosing(_ key: borrowing NameKey) -> Int? { unsafe closest(key.view, from: 0)?.number }

    /// This catalog with another version of zone `number`.
    package func replacing(_ number: Int, with snapshot: ZoneSnapshot?) -> ZoneCatalog {
        let place = number >> ZoneCatalog.chunkBits
        var snapshots = chunks[place].snapshots
        snapshots[number & (1 << ZoneCatalog.chunkBits - 1)] = snapshot
        var replaced = chunks
        replaced[place] = CatalogChunk(snapshots)
        return ZoneCatalog(index: index, chunks: replaced)
    }

    /// The zone whose apex is the longest suffix of the name of `key`, from label `first` on.
    @inline(__always)
    func closest(_ key: NameKeyView, from first: Int) -> (number: Int, label: Int)? {
        var label = max(first, key.labelCount - index.deepest)
        while label <= key.labelCount {
            if index.hasZones(at: key.labelCount - label),
                let number = unsafe index.find(
                    hash: key.hashed(label), name: key.name(label),
                    length: key.size(label))
            {
                return (number, label)
            }
            label += 1
        }
        return nil
    }

    /// What answers from zone `number`; nil when it cannot be served.
    @inline(__always)
    func view(_ number: Int) -> UnsafePointer<ZoneView>? {
        unsafe views[number >> ZoneCatalog.chunkBits][number & (1 << ZoneCatalog.chunkBits - 1)]
    }
}

/// Up to 256 zones: their snapshots, which this keeps alive, and beside them their views.
@safe final class CatalogChunk: @unchecked Sendable {
    let snapshots: [ZoneSnapshot?]
    let views: UnsafeMutablePointer<UnsafePointer<ZoneView>?>

    init(_ snapshots: [ZoneSnapshot?]) {
        self.snapshots = snapshots
        unsafe views = .allocate(capacity: max(snapshots.count, 1))
        for (number, snapshot) in snapshots.enumerated() {
            unsafe (views + number).initialize(to: snapshot?.viewAddress)
        }
    }

    deinit {
        unsafe views.deallocate()
    }
}

/// The apexes of a catalog by their hashes.
@safe final class CatalogIndex: @unchecked Sendable {
    let names: [Name]
    /// Labels of the longest apex.
    let deepest: Int
    /// Which numbers of labels apexes have.
    private let depths: (UInt64, UInt64)
    private let slots: UnsafeMutablePointer<UInt64>
    private let mask: Int
    /// The apexes in lower case, one behind another, and where each starts.
    private let octets: UnsafeMutablePointer<UInt8>
    private let starts: UnsafeMutablePointer<UInt32>

    init(_ names: [Name]) {
        self.names = names
        var capacity = 8
        while capacity < names.count * 2 { capacity *= 2 }
        mask = capacity - 1
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(repeating: 0, count: capacity)
        let size = names.reduce(272) { $0 + $1.wire.count }
        unsafe octets = .allocate(capacity: size)
        unsafe octets.initialize(repeating: 0, count: size)
        unsafe starts = .allocate(capacity: max(names.count, 1))
        var deepest = 0
        var depths: (UInt64, UInt64) = (0, 0)
        var start = 0
        for (number, name) in names.enumerated() {
            for (index, octet) in name.wire.enumerated() {
                unsafe octets[start + index] = octet.lowercasedASCII
            }
            unsafe (starts + number).initialize(to: UInt32(truncatingIfNeeded: start))
            let labels = name.labelCount
            deepest = max(deepest, labels)
            if labels < 64 { depths.0 |= 1 << UInt64(labels) } else { depths.1 |= 1 << UInt64(labels - 64) }
            start += name.wire.count
        }
        self.deepest = deepest
        self.depths = depths
        for (number, name) in names.enumerated() {
            let base = unsafe octets + Int(starts[number])
            let hash = unsafe WireName.hash(lowercase: base)
            if unsafe find(hash: hash, name: base, length: name.wire.count) != nil { continue }
            var index = Int(truncatingIfNeeded: hash) & mask
            while unsafe slots[index] != 0 { index = (index + 1) & mask }
            unsafe slots[index] = hash & 0xffff_ffff_0000_0000 | UInt64(number + 1)
        }
    }

    deinit {
        unsafe slots.deallocate()
        unsafe octets.deallocate()
        unsafe starts.deallocate()
    }

    /// Whether any apex has this many labels.
    @inline(__always)
    func hasZones(at labels: Int) -> Bool {
        let bits = labels < 64 ? depths.0 >> UInt64(labels) : depths.1 >> UInt64(labels - 64)
        return bits & 1 != 0
    }

    /// The number of the zone with this apex.
    @inline(__always)
    func find(hash: UInt64, name: UnsafePointer<UInt8>, length: Int) -> Int? {
        var index = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = unsafe slots[index]
            if slot == 0 { return nil }
            if slot >> 32 == hash >> 32 {
                let number = Int(slot & 0xffff_ffff) - 1
                let apex = unsafe octets + Int(starts[number])
                // An apex ends with the root label, so another of another length differs within this one's octets.
                if unsafe ZoneTable.isSame(apex, name, length) { return number }
            }
            index = (index + 1) & mask
        }
    }
}
